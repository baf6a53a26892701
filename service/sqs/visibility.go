package sqs

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/garrison-cloud/garrison/internal/store"
	"github.com/garrison-cloud/garrison/internal/wire"
)

// ChangeMessageVisibility hides a message in flight for that long from now on.
func (s *Service) ChangeMessageVisibility(ctx context.Context, in *sqs.ChangeMessageVisibilityInput) (*sqs.ChangeMessageVisibilityOutput, error) {
	if in.VisibilityTimeout == 0 && wire.CallFrom(ctx).Body != nil && !zero(ctx, "VisibilityTimeout") {
		return nil, absent("VisibilityTimeout") // which must not be taken for a zero
	}
	q, err := s.queue(ctx, *in.QueueUrl)
	if err != nil {
		return nil, err
	}
	r, err := parseReceipt(q, *in.ReceiptHandle)
	if err != nil {
		return nil, err
	}
	c, err := newChange(r, in.VisibilityTimeout)
	if err != nil {
		return nil, err
	}
	failed, err := s.change(ctx, q, []*change{c})
	if err == nil {
		err = failed[0]
	}
	if err != nil {
		return nil, err
	}
	return &sqs.ChangeMessageVisibilityOutput{}, nil
}

// ChangeMessageVisibilityBatch changes up to ten messages. Each succeeds or fails by itself.
func (s *Service) ChangeMessageVisibilityBatch(ctx context.Context, in *sqs.ChangeMessageVisibilityBatchInput) (*sqs.ChangeMessageVisibilityBatchOutput, error) {
	q, err := s.queue(ctx, *in.QueueUrl)
	if err != nil {
		return nil, err
	}
	b, err := newBatch("ChangeMessageVisibilityBatchRequestEntry", in.Entries, func(e *types.ChangeMessageVisibilityBatchRequestEntry) string { return aws.ToString(e.Id) })
	if err != nil {
		return nil, err
	}
	changes := make([]*change, len(in.Entries))
	for i, e := range in.Entries {
		r, err := parseReceipt(q, aws.ToString(e.ReceiptHandle))
		if err == nil {
			changes[i], err = newChange(r, e.VisibilityTimeout)
		}
		b.faults[i] = err
	}
	failed, err := s.change(ctx, q, changes)
	if err != nil {
		return nil, err
	}
	out := &sqs.ChangeMessageVisibilityBatchOutput{}
	for i, id := range b.ids {
		if !b.failed(i, failed[i]) {
			out.Successful = append(out.Successful, types.ChangeMessageVisibilityBatchResultEntry{Id: &id})
		}
	}
	out.Failed = b.results
	return out, nil
}

// A change is a receipt and how long its message is to be hidden from now on.
type change struct {
	*receipt
	hidden time.Duration
}

func newChange(r *receipt, timeout int32) (*change, error) {
	if timeout < 0 || timeout > maxVisibility {
		return nil, invalid("VisibilityTimeout", strconv.Itoa(int(timeout)), "VisibilityTimeout must be an integer between 0 and 43200.")
	}
	return &change{r, seconds(int(timeout))}, nil
}

// change makes the changes that are not nil, and tells what failed of them.
func (s *Service) change(ctx context.Context, q *queue, changes []*change) ([]error, error) {
	failed := make([]error, len(changes))
	err := s.db.Update(ctx, func(tx *store.Tx) error {
		for i, c := range changes {
			failed[i] = nil
			if c == nil {
				continue
			}
			var refused *refusal
			if err := c.make(tx, q); errors.As(err, &refused) {
				failed[i] = refused.error
			} else if err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil {
		s.waiters.wake(q.partition(), len(changes))
	}
	return failed, err
}

// A refusal is an error of one entry, which fails no other.
type refusal struct{ error }

func (c *change) make(tx *store.Tx, q *queue) error {
	f, err := c.flight(tx)
	if errors.Is(err, errStale) {
		return &refusal{invalid("ReceiptHandle", c.handle(), "Message does not exist or is not available for visibility timeout change.")}
	}
	if err != nil {
		return err
	}
	end := tx.Now().Add(c.hidden)
	if end.Sub(f.Received) > seconds(maxVisibility) {
		return &refusal{fault("InvalidParameterValue", "Total VisibilityTimeout for the message is beyond the limit [43200 seconds]")}
	}
	return f.hide(tx, q, end)
}

// hide moves a message in flight to where it becomes visible at the given time.
func (f *flight) hide(tx *store.Tx, q *queue, until time.Time) error {
	old := &place{Partition: f.Partition, Visible: f.Visible, At: f.At}
	f.Visible = until.UnixNano()
	if err := flights.Put(tx, f); err != nil {
		return err
	}
	if q.FIFO {
		return regroup(tx, f.Partition, f.Group)
	}
	if err := places.Drop(tx, old.key()); err != nil {
		return err
	}
	return places.Add(tx, &place{Partition: f.Partition, Visible: f.Visible, At: f.At})
}

// release gives back what was taken and could not be opened, as if nobody had
// received it.
func (s *Service) release(ctx context.Context, t *taking) error {
	return s.db.Update(context.WithoutCancel(ctx), func(tx *store.Tx) error {
		for i := range t.got {
			r := t.got[i].receipt()
			f, err := r.flight(tx)
			if errors.Is(err, errStale) {
				continue
			}
			if err != nil {
				return err
			}
			f.Count--
			if err := f.hide(tx, t.queue, tx.Now()); err != nil {
				return err
			}
		}
		return nil
	})
}
