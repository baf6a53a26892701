package cloudwatchlogs

import (
	"context"
	"errors"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"

	"github.com/garrison-cloud/garrison/internal/store"
)

// Limits of a PutLogEvents (CloudWatch Logs API Reference, PutLogEvents).
const (
	maxBatch   = 1 << 20 // bytes, with eventBytes for each event
	eventBytes = 26
	maxSpan    = 24 * time.Hour
	tooNew     = 2 * time.Hour
	tooOld     = 14 * 24 * time.Hour
	// sequenceToken is answered, and taken, for clients of the time when it counted.
	sequenceToken = "49039859617345834587345834958345834583458345834583458345"
)

// An entry is one event as it is kept.
type entry struct {
	At      int64  `cbor:"1,keyasint"` // milliseconds
	Message string `cbor:"2,keyasint"`
}

// PutLogEvents adds events to a stream, as one block. Events that are too old or too
// new are left out, and the answer says which.
func (s *Service) PutLogEvents(ctx context.Context, in *cloudwatchlogs.PutLogEventsInput) (*cloudwatchlogs.PutLogEventsOutput, error) {
	p, err := s.at(ctx, in.LogGroupName, nil)
	if err != nil {
		return nil, err
	}
	g, err := s.group(ctx, p)
	if err != nil {
		return nil, err
	}
	size, err := checkBatch(in.LogEvents)
	if err != nil {
		return nil, err
	}
	now := s.Clock.Now()
	taken, rejected := sift(in.LogEvents, g, now)
	out := &cloudwatchlogs.PutLogEventsOutput{NextSequenceToken: new(sequenceToken), RejectedLogEventsInfo: rejected}
	b := &block{Account: p.account, Group: p.group, Stream: *in.LogStreamName, Ingested: millis(now), Bytes: size}
	if len(taken) > 0 {
		b.First, b.Last = *taken[0].Timestamp, *taken[len(taken)-1].Timestamp
		if err := s.fill(ctx, g, b, taken); err != nil {
			return nil, err
		}
	}
	return out, s.add(ctx, b, len(taken) > 0)
}

// add stores a block, which gets the stream's next number.
func (s *Service) add(ctx context.Context, b *block, some bool) error {
	err := s.DB.Update(ctx, func(tx *store.Tx) error {
		row, err := streams.Get(tx, b.Account, b.Group, b.Stream)
		if err != nil || !some {
			return err
		}
		b.Number = row.Next
		row.Next++
		if row.Ingested == 0 || b.First < row.First {
			row.First = b.First
		}
		row.Last, row.Ingested = max(row.Last, b.Last), b.Ingested
		if err := streams.Put(tx, row); err != nil {
			return err
		}
		return blocks.Insert(tx, b)
	})
	if errors.Is(err, store.ErrNotFound) {
		return noStream()
	}
	return err
}

// checkBatch refuses a batch as a whole.
func checkBatch(events []types.InputLogEvent) (size int64, err error) {
	var last int64
	for i, e := range events {
		size += int64(len(*e.Message)) + eventBytes
		if i > 0 && *e.Timestamp < last {
			return 0, invalid("Log events in a single PutLogEvents request must be in chronological order.")
		}
		last = *e.Timestamp
	}
	switch {
	case size > maxBatch:
		return 0, invalid("Upload too large: %d bytes exceeds limit of %d", size, maxBatch)
	case last-*events[0].Timestamp > maxSpan.Milliseconds():
		return 0, invalid("The batch of log events in a single PutLogEvents request cannot span more than 24 hours.")
	}
	return size, nil
}

// sift leaves out what is too old, past the group's retention or too new.
func sift(events []types.InputLogEvent, g *group, now time.Time) ([]types.InputLogEvent, *types.RejectedLogEventsInfo) {
	oldest, newest, kept := millis(now.Add(-tooOld)), millis(now.Add(tooNew)), g.oldest(now)
	old, expired, end := 0, 0, len(events)
	for i, e := range events {
		switch at := *e.Timestamp; {
		case at < oldest:
			old = i + 1
		case at < kept:
			expired = i + 1
		case at > newest && end == len(events):
			end = i
		}
	}
	if old+expired == 0 && end == len(events) {
		return events, nil
	}
	info := &types.RejectedLogEventsInfo{}
	if old > 0 {
		info.TooOldLogEventEndIndex = index(old)
	}
	if expired > 0 {
		info.ExpiredLogEventEndIndex = index(expired)
	}
	if end < len(events) {
		info.TooNewLogEventStartIndex = index(end)
	}
	return events[min(max(old, expired), end):end], info
}

func index(i int) *int32 {
	n := int32(i) //nolint:gosec // a batch has at most 10,000
	return &n
}

// oldest is the time, in milliseconds, before which the group keeps nothing.
func (g *group) oldest(now time.Time) int64 {
	if g.Retention == 0 {
		return 0
	}
	return millis(now.Add(-time.Duration(g.Retention) * 24 * time.Hour))
}
