package cloudwatchlogs

import (
	"context"
	"errors"
	"math"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
	"github.com/fxamacker/cbor/v2"

	"github.com/garrison-cloud/garrison/internal/page"
	"github.com/garrison-cloud/garrison/internal/store"
)

// Bounds of a page of events (API Reference, GetLogEvents: 1 MB, up to 10,000).
const (
	maxEvents = 10_000
	maxAnswer = 1 << 20
	// endless is a time, in milliseconds, that no event reaches.
	endless = math.MaxInt64 / 2
)

// tokenOf makes a token of a position.
func tokenOf(kind string, p position) (string, error) {
	b, err := cbor.Marshal(p)
	if err != nil {
		return "", err
	}
	return page.Token(kind, b), nil
}

func positionOf(kind, token string) (p position, err error) {
	b, err := page.Position(kind, token)
	if err == nil {
		err = cbor.Unmarshal(b, &p)
	}
	if err != nil {
		return p, invalid("The specified nextToken is invalid.")
	}
	return p, nil
}

// GetLogEvents reads a stream, forwards or backwards. Both tokens are always
// answered; the end is where a token comes back unchanged.
func (s *Service) GetLogEvents(ctx context.Context, in *cloudwatchlogs.GetLogEventsInput) (*cloudwatchlogs.GetLogEventsOutput, error) {
	p, err := s.at(ctx, in.LogGroupName, in.LogGroupIdentifier)
	if err != nil {
		return nil, err
	}
	p.stream = *in.LogStreamName
	g, err := s.groupOf(ctx, p)
	if err != nil {
		return nil, err
	}
	w := &walk{s: s, place: p, from: max(aws.ToInt64(in.StartTime), g.oldest(s.Clock.Now())), to: endless, reverse: !aws.ToBool(in.StartFromHead)}
	if in.EndTime != nil {
		w.to = *in.EndTime
	}
	kind := "cloudwatchlogs.GetLogEvents " + p.account + " " + p.group + " " + p.stream
	if in.NextToken != nil {
		direction, token, _ := strings.Cut(*in.NextToken, "/")
		at, err := positionOf(kind, token)
		if err != nil || direction != "f" && direction != "b" {
			return nil, invalid("The specified nextToken is invalid.")
		}
		w.past, w.reverse = &at, direction == "b"
	}
	list, err := gather(ctx, w, in.Limit)
	if err != nil {
		return nil, err
	}
	return answer(kind, w, list)
}

// groupOf reads a group, and makes sure that the stream is there.
func (s *Service) groupOf(ctx context.Context, p place) (g *group, err error) {
	err = s.DB.View(ctx, func(tx *store.Tx) (err error) {
		if g, err = groups.Get(tx, p.account, p.group); errors.Is(err, store.ErrNotFound) {
			return noGroup()
		}
		if err != nil {
			return err
		}
		if _, err = streams.Get(tx, p.account, p.group, p.stream); errors.Is(err, store.ErrNotFound) {
			return noStream()
		}
		return err
	})
	return g, err
}

// gather reads a page, in order of time whatever the direction.
func gather(ctx context.Context, w *walk, limit *int32) (list []found, err error) {
	most, size := maxEvents, 0
	if limit != nil {
		most = int(*limit)
	}
	err = w.each(ctx, func(f found) error {
		if size += len(f.message) + eventBytes; len(list) == most || size > maxAnswer && len(list) > 0 {
			return errEnough
		}
		list = append(list, f)
		return nil
	})
	if errors.Is(err, errEnough) {
		err = nil
	}
	if w.reverse {
		slices.Reverse(list)
	}
	return list, err
}

func answer(kind string, w *walk, list []found) (*cloudwatchlogs.GetLogEventsOutput, error) {
	out := &cloudwatchlogs.GetLogEventsOutput{Events: make([]types.OutputLogEvent, 0, len(list))}
	first, last := position{At: min(w.to, endless), Index: -1}, position{At: w.from, Index: -1}
	if w.past != nil {
		first, last = *w.past, *w.past
	}
	for i, f := range list {
		if i == 0 {
			first = f.position
		}
		last = f.position
		out.Events = append(out.Events, types.OutputLogEvent{Timestamp: &list[i].At, Message: &list[i].message, IngestionTime: &list[i].ingested})
	}
	forward, err := tokenOf(kind, last)
	backward, err2 := tokenOf(kind, first)
	out.NextForwardToken, out.NextBackwardToken = aws.String("f/"+forward), aws.String("b/"+backward)
	return out, errors.Join(err, err2)
}
