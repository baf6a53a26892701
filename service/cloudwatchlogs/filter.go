package cloudwatchlogs

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"

	"github.com/garrison-cloud/garrison/engine/logpattern"
)

// maxScanned is how many events one call looks at: a page may be empty, and the
// token then goes on.
const maxScanned = 100_000

// FilterLogEvents finds events of a group, or of some of its streams.
func (s *Service) FilterLogEvents(ctx context.Context, in *cloudwatchlogs.FilterLogEventsInput) (*cloudwatchlogs.FilterLogEventsOutput, error) {
	p, err := s.at(ctx, in.LogGroupName, in.LogGroupIdentifier)
	if err != nil {
		return nil, err
	}
	if len(in.LogStreamNames) > 0 && in.LogStreamNamePrefix != nil {
		return nil, invalid("LogStreamNamePrefix and LogStreamNames are mutually exclusive parameters")
	}
	g, err := s.group(ctx, p)
	if err != nil {
		return nil, err
	}
	pattern, err := logpattern.Parse(aws.ToString(in.FilterPattern))
	if err != nil {
		return nil, invalid("Invalid filter pattern: %v", err)
	}
	w := &walk{s: s, place: p, from: max(aws.ToInt64(in.StartTime), g.oldest(s.Clock.Now())), to: endless}
	w.takes = func(name string) bool {
		return (len(in.LogStreamNames) == 0 || slices.Contains(in.LogStreamNames, name)) && strings.HasPrefix(name, aws.ToString(in.LogStreamNamePrefix))
	}
	if in.EndTime != nil {
		w.to = *in.EndTime + 1 // it is within, unlike that of GetLogEvents
	}
	kind := "cloudwatchlogs.FilterLogEvents " + p.account + " " + p.group
	if in.NextToken != nil {
		at, err := positionOf(kind, *in.NextToken)
		if err != nil {
			return nil, err
		}
		w.past = &at
	}
	most := maxEvents
	if in.Limit != nil {
		most = int(*in.Limit)
	}
	return filter(ctx, w, kind, func(m string, n int) bool { return n < most && pattern.Match(m) }, most)
}

// filter walks until a page is full or enough was looked at.
func filter(ctx context.Context, w *walk, kind string, takes func(message string, n int) bool, most int) (*cloudwatchlogs.FilterLogEventsOutput, error) {
	out := &cloudwatchlogs.FilterLogEventsOutput{Events: []types.FilteredLogEvent{}, SearchedLogStreams: []types.SearchedLogStream{}}
	var last position
	size, scanned := 0, 0
	err := w.each(ctx, func(f found) error {
		if len(out.Events) == most || size > maxAnswer || scanned == maxScanned {
			return errEnough
		}
		scanned++
		last = f.position
		if takes(f.message, len(out.Events)) {
			size += len(f.message) + eventBytes
			out.Events = append(out.Events, types.FilteredLogEvent{
				EventId: aws.String(f.id()), LogStreamName: &f.Stream, Timestamp: &f.At, Message: &f.message, IngestionTime: &f.ingested,
			})
		}
		return nil
	})
	if !errors.Is(err, errEnough) {
		return out, err
	}
	token, err := tokenOf(kind, last)
	out.NextToken = &token
	return out, err
}

// id names an event in 56 digits, as AWS does.
func (f *found) id() string {
	h := fnv.New64a()
	_, _ = h.Write([]byte(f.Stream)) // a hash takes all
	return fmt.Sprintf("%016d%020d%014d%06d", f.At, h.Sum64(), f.Block, f.Index)
}
