package cloudtrail

import (
	"context"
	"encoding/binary"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail/types"

	"github.com/garrison-cloud/garrison/internal/audit"
	"github.com/garrison-cloud/garrison/internal/authz"
	"github.com/garrison-cloud/garrison/internal/page"
	"github.com/garrison-cloud/garrison/internal/wire"
)

// Page sizes of LookupEvents (CloudTrail API Reference).
const (
	defaultResults = 50
	maxResults     = 50
	lookupToken    = "cloudtrail.LookupEvents"
)

// LookupEvents finds the caller's account's events of the last 90 days, newest
// first, by one attribute and a range of time.
func (s *Service) LookupEvents(ctx context.Context, in *cloudtrail.LookupEventsInput) (*cloudtrail.LookupEventsOutput, error) {
	q, err := s.query(ctx, in)
	if err != nil {
		return nil, err
	}
	out := &cloudtrail.LookupEventsOutput{Events: []types.Event{}}
	if in.EventCategory == types.EventCategoryInsight {
		return out, nil // no insights are recorded, so none are found
	}
	records, next, err := audit.Scan(ctx, s.Logs, q)
	if err != nil {
		return nil, err
	}
	for i := range records {
		out.Events = append(out.Events, event(&records[i]))
	}
	if next != nil {
		out.NextToken = aws.String(page.Token(lookupToken, encodePosition(next)))
	}
	return out, nil
}

func (s *Service) query(ctx context.Context, in *cloudtrail.LookupEventsInput) (audit.Query, error) {
	call := wire.CallFrom(ctx)
	q := audit.Query{
		Account: call.Account(), Region: call.Region, Limit: defaultResults,
		From: s.Clock.Now().Add(-audit.Retention),
	}
	if in.StartTime != nil && in.StartTime.After(q.From) {
		q.From = *in.StartTime
	}
	if in.EndTime != nil {
		// Events are answered in whole seconds: an end of 12:00:05 takes in all of that second.
		q.To = in.EndTime.Truncate(time.Second).Add(time.Second - 1)
	}
	if in.StartTime != nil && in.EndTime != nil && in.StartTime.After(*in.EndTime) {
		return q, &types.InvalidTimeRangeException{Message: aws.String("The start time must not be later than the end time.")}
	}
	if n := in.MaxResults; n != nil {
		if *n < 1 || *n > maxResults {
			return q, &types.InvalidMaxResultsException{Message: aws.String("MaxResults must be between 1 and 50.")}
		}
		q.Limit = int(*n)
	}
	var err error
	if q.Attribute, err = attribute(in.LookupAttributes); err != nil {
		return q, err
	}
	if in.NextToken != nil {
		q.After, err = decodePosition(*in.NextToken)
	}
	return q, err
}

func attribute(list []types.LookupAttribute) (audit.Attribute, error) {
	switch len(list) {
	case 0:
		return audit.Attribute{}, nil
	case 1:
		return audit.Attribute{Key: string(list[0].AttributeKey), Value: aws.ToString(list[0].AttributeValue)}, nil
	default:
		return audit.Attribute{}, &types.InvalidLookupAttributesException{
			Message: aws.String("You can specify only one lookup attribute per request."),
		}
	}
}

// event converts a kept record into the API's form.
func event(r *audit.Record) types.Event {
	e := types.Event{
		EventId: &r.ID, EventName: &r.Name, EventSource: &r.Source, EventTime: aws.Time(r.Time.Truncate(time.Second)),
		ReadOnly: aws.String(strconv.FormatBool(r.ReadOnly)), Username: &r.Username,
		CloudTrailEvent: aws.String(string(r.JSON)), Resources: []types.Resource{},
	}
	if r.AccessKeyID != "" {
		e.AccessKeyId = &r.AccessKeyID
	}
	for _, res := range r.Resources {
		e.Resources = append(e.Resources, types.Resource{ResourceName: aws.String(res.ARN), ResourceType: aws.String(res.Type)})
	}
	return e
}

func encodePosition(p *audit.Position) []byte {
	return append(binary.BigEndian.AppendUint64(nil, uint64(p.Time.UnixNano())), p.ID...)
}

func decodePosition(token string) (*audit.Position, error) {
	b, err := page.Position(lookupToken, token)
	if err != nil || len(b) < 8 {
		return nil, &types.InvalidNextTokenException{Message: aws.String("The token is not valid, or was made for another request.")}
	}
	at := time.Unix(0, int64(binary.BigEndian.Uint64(b))).UTC() //nolint:gosec // the number of an int64, from a token of our own
	return &audit.Position{Time: at, ID: string(b[8:])}, nil
}

func (s *Service) onLookup(context.Context, *cloudtrail.LookupEventsInput) (authz.Target, error) {
	return authz.Any(), nil
}
