package sqs

import (
	"context"
	"errors"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/garrison-cloud/garrison/internal/store"
)

// DeleteMessage removes a message for good. In a standard queue a handle that is not
// the message's newest deletes nothing, and that is no error; in a FIFO queue it is.
func (s *Service) DeleteMessage(ctx context.Context, in *sqs.DeleteMessageInput) (*sqs.DeleteMessageOutput, error) {
	q, err := s.queue(ctx, *in.QueueUrl)
	if err != nil {
		return nil, err
	}
	r, err := parseReceipt(q, *in.ReceiptHandle)
	if err != nil {
		return nil, err
	}
	failed, err := s.remove(ctx, q, []*receipt{r})
	if err == nil {
		err = failed[0]
	}
	if err != nil {
		return nil, err
	}
	return &sqs.DeleteMessageOutput{}, nil
}

// DeleteMessageBatch deletes up to ten messages. Each succeeds or fails by itself.
func (s *Service) DeleteMessageBatch(ctx context.Context, in *sqs.DeleteMessageBatchInput) (*sqs.DeleteMessageBatchOutput, error) {
	q, err := s.queue(ctx, *in.QueueUrl)
	if err != nil {
		return nil, err
	}
	b, err := newBatch("DeleteMessageBatchRequestEntry", in.Entries, func(e *types.DeleteMessageBatchRequestEntry) string { return aws.ToString(e.Id) })
	if err != nil {
		return nil, err
	}
	receipts := make([]*receipt, len(in.Entries))
	for i, e := range in.Entries {
		receipts[i], b.faults[i] = parseReceipt(q, aws.ToString(e.ReceiptHandle))
	}
	failed, err := s.remove(ctx, q, receipts)
	if err != nil {
		return nil, err
	}
	out := &sqs.DeleteMessageBatchOutput{}
	for i, id := range b.ids {
		if !b.failed(i, failed[i]) {
			out.Successful = append(out.Successful, types.DeleteMessageBatchResultEntry{Id: &id})
		}
	}
	out.Failed = b.results
	return out, nil
}

// remove deletes messages by their receipts, those of the entries that are nil left
// out, and tells what failed of them.
func (s *Service) remove(ctx context.Context, q *queue, receipts []*receipt) ([]error, error) {
	failed := make([]error, len(receipts))
	err := s.db.Update(ctx, func(tx *store.Tx) error {
		lv, err := levelOf(tx, q.partition())
		if err != nil {
			return err
		}
		before := lv.Total
		for i, r := range receipts {
			failed[i] = nil
			if r == nil || r.Partition != lv.Partition { // purged
				continue
			}
			err := removeOne(tx, q, r)
			switch {
			case err == nil:
				lv.Total--
			case !errors.Is(err, errStale):
				return err
			case q.FIFO && !errors.Is(err, errAbsent):
				failed[i] = expiredReceipt(r)
			}
		}
		if lv.Total == before {
			return nil
		}
		return levels.Put(tx, lv)
	})
	if errors.Is(err, errMoved) {
		return failed, nil
	}
	if err == nil && q.FIFO { // a group may be free again
		s.waiters.wake(q.partition(), len(receipts))
	}
	return failed, err
}

func expiredReceipt(r *receipt) error {
	return invalid("ReceiptHandle", r.handle(), "The receipt handle has expired.")
}

// removeOne deletes one message. In a standard queue a receipt counts on after its
// time, as long as nobody else has received the message.
func removeOne(tx *store.Tx, q *queue, r *receipt) error {
	f, err := r.newest(tx)
	if err != nil {
		return err
	}
	if q.FIFO && f.Visible <= tx.Now().UnixNano() {
		return errStale
	}
	m, err := messages.Get(tx, r.Partition, r.At)
	if err != nil {
		return err
	}
	if err := m.erase(tx); err != nil {
		return err
	}
	if err := flights.Drop(tx, f.Partition, f.Group, f.At); err != nil {
		return err
	}
	if q.FIFO {
		return regroup(tx, f.Partition, f.Group)
	}
	p := &place{Partition: f.Partition, Visible: f.Visible, At: f.At}
	return places.Drop(tx, p.key())
}
