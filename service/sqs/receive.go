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
)

// A taking is one receive request: what it wants, and what it has got so far. The
// transaction that fills it may run again, so it begins by reset.
type taking struct {
	queue   *queue
	grave   *queue // the dead-letter queue, nil for none
	limit   int
	visible time.Duration
	attempt string
	nonces  []string
	from    int64 // where to begin in the line

	got   []taken
	next  int64 // when something becomes visible, 0 if nothing will
	first int64 // the first place that was found
	level *level
	// removed counts messages that left the queue, moved those that went to the
	// dead-letter queue.
	removed, moved int
	bytes          int // of messages that were moved
}

// A taken is a message that was received, and its receipt.
type taken struct {
	*message
	flight *flight
}

func (t *taking) reset() {
	t.got, t.next, t.first, t.removed, t.moved, t.bytes, t.level = nil, 0, 0, 0, 0, 0, nil
}

// ReceiveMessage takes up to ten visible messages and hides them for a while. With a
// wait it returns as soon as there is one.
func (s *Service) ReceiveMessage(ctx context.Context, in *sqs.ReceiveMessageInput) (*sqs.ReceiveMessageOutput, error) {
	q, err := s.queue(ctx, *in.QueueUrl)
	if err != nil {
		return nil, err
	}
	t, wait, err := newTaking(ctx, q, in)
	if err != nil {
		return nil, err
	}
	end := s.clock.Now().Add(wait)
	for {
		if t.grave, err = s.grave(ctx, t.queue); err != nil {
			return nil, err
		}
		if err = s.waitFor(ctx, t, end); err != nil || len(t.got) > 0 || !s.clock.Now().Before(end) {
			break
		}
		if t.queue, err = s.queue(ctx, *in.QueueUrl); err != nil {
			return nil, err
		}
	}
	if err != nil {
		return nil, err
	}
	return s.answer(ctx, t, in)
}

func newTaking(ctx context.Context, q *queue, in *sqs.ReceiveMessageInput) (*taking, time.Duration, error) {
	t := &taking{queue: q, limit: 1, visible: seconds(q.Settings.Visibility), attempt: aws.ToString(in.ReceiveRequestAttemptId)}
	wait := seconds(q.Settings.Wait)
	if n := in.MaxNumberOfMessages; n != 0 || zero(ctx, "MaxNumberOfMessages") {
		if n < 1 || n > maxBatch {
			return nil, 0, invalid("MaxNumberOfMessages", strconv.Itoa(int(n)), "Must be between 1 and 10, if provided.")
		}
		t.limit = int(n)
	}
	if n := in.VisibilityTimeout; n != 0 || zero(ctx, "VisibilityTimeout") {
		if n < 0 || n > maxVisibility {
			return nil, 0, invalid("VisibilityTimeout", strconv.Itoa(int(n)), "Must be >= 0 and <= 43200, if provided.")
		}
		t.visible = seconds(int(n))
	}
	if n := in.WaitTimeSeconds; n != 0 || wait > 0 && zero(ctx, "WaitTimeSeconds") {
		if n < 0 || n > maxWait {
			return nil, 0, invalid("WaitTimeSeconds", strconv.Itoa(int(n)), "Must be >= 0 and <= 20, if provided.")
		}
		wait = seconds(int(n))
	}
	if t.attempt != "" && !q.FIFO {
		return nil, 0, invalid("ReceiveRequestAttemptId", t.attempt, "The request includes a parameter that is not valid for this queue type.")
	}
	t.nonces = make([]string, t.limit)
	for i := range t.nonces {
		t.nonces[i] = newNonce()
	}
	return t, wait, checkToken("ReceiveRequestAttemptId", t.attempt)
}

// grave is the queue's dead-letter queue if it has one that takes its messages.
func (s *Service) grave(ctx context.Context, q *queue) (*queue, error) {
	if q.Settings.Redrive == nil {
		return nil, nil
	}
	r, ok := s.parseARN(q.Settings.Redrive.Target)
	if !ok || r.account != q.Account {
		return nil, nil
	}
	to, err := s.named(ctx, r.account, r.name)
	if e := (*types.QueueDoesNotExist)(nil); errors.As(err, &e) {
		return nil, nil
	}
	if err != nil || to.FIFO != q.FIFO || !to.allows(q.arn(s.region)) {
		return nil, err
	}
	return to, nil
}

// take fills t with what may be received now.
func (s *Service) take(ctx context.Context, t *taking) error {
	hint := s.line(t.queue.partition())
	now := s.clock.Now()
	t.from = hint.begin(now)
	err := s.takeFrom(ctx, t)
	if err == nil && len(t.got) == 0 && t.from > 0 && hint.doubted(now) {
		// The hint is only that: look at the whole line now and then.
		t.from = 0
		err = s.takeFrom(ctx, t)
	}
	if err != nil {
		return err
	}
	hint.saw(t, now)
	if t.moved > 0 {
		s.waiters.wake(t.grave.partition(), t.moved)
		s.worker.Wake()
	}
	if len(t.got) == 0 && t.level != nil && t.level.Total >= maxInFlight {
		return s.checkInFlight(ctx, t)
	}
	return nil
}

func (s *Service) takeFrom(ctx context.Context, t *taking) error {
	err := s.db.Update(ctx, func(tx *store.Tx) (err error) {
		t.reset()
		if t.level, err = levelOf(tx, t.queue.partition()); err != nil {
			return err
		}
		if t.queue.FIFO {
			return s.takeGroups(tx, t)
		}
		return s.takePlaces(tx, t)
	})
	if errors.Is(err, errMoved) {
		t.reset()
		return nil // there is nothing in it; whoever waits looks at the queue again
	}
	return err
}

// maxVisits bounds the places that one transaction looks at, and maxMoved the bytes
// that it moves to another queue, which the store bounds too.
const (
	maxVisits = 100
	maxMoved  = 4 << 20
)

// visible returns the first places in line whose time has come, and when the next
// one's comes.
func (t *taking) visibles(tx *store.Tx, n int) ([]*place, error) {
	partition, now := t.queue.partition(), tx.Now().UnixNano()
	r := store.Range{Prefix: store.K(partition), Limit: n}
	if t.from > 0 {
		r.From = store.K(partition, t.from)
	}
	var out []*place
	for p, err := range places.Scan(tx, r) {
		if err != nil {
			return nil, err
		}
		if t.first == 0 {
			t.first = p.Visible
		}
		if p.Visible > now {
			t.next = p.Visible
			break
		}
		out = append(out, p)
	}
	return out, nil
}

// takePlaces takes a standard queue's messages.
func (s *Service) takePlaces(tx *store.Tx, t *taking) error {
	for visits := 0; len(t.got) < t.limit && visits < maxVisits; {
		line, err := t.visibles(tx, t.limit-len(t.got)+1)
		if err != nil {
			return err
		}
		if len(line) == 0 {
			break
		}
		for _, p := range line[:min(len(line), t.limit-len(t.got))] {
			if err := s.takePlace(tx, t, p); err != nil {
				return err
			}
			if visits++; t.bytes > maxMoved {
				return t.settle(tx)
			}
		}
		if t.visible == 0 { // what is taken stays visible, and would be taken again
			break
		}
	}
	return t.settle(tx)
}

func (s *Service) takePlace(tx *store.Tx, t *taking, p *place) error {
	m, err := read(tx, p.Partition, p.At)
	if err != nil {
		return err
	}
	if err := places.Drop(tx, p.key()); err != nil {
		return err
	}
	f, err := flights.Get(tx, p.Partition, "", p.At)
	if errors.Is(err, store.ErrNotFound) {
		f, err = &flight{Partition: p.Partition, At: p.At}, nil
	}
	if err != nil {
		return err
	}
	gone, err := s.discarded(tx, t, m, f)
	if err != nil || gone {
		return err
	}
	t.receive(tx, m, f)
	if err := places.Add(tx, &place{Partition: p.Partition, Visible: f.Visible, At: p.At}); err != nil {
		return err
	}
	return flights.Put(tx, f)
}

// receive notes a receipt.
func (t *taking) receive(tx *store.Tx, m *message, f *flight) {
	now := tx.Now()
	if f.Count == 0 {
		f.First = now
	}
	f.Count++
	f.Received, f.Visible, f.Nonce = now, now.Add(t.visible).UnixNano(), t.nonces[len(t.got)]
	t.got = append(t.got, taken{m, f})
}

// discarded removes a message that is too old, or that was received too often, in
// which case the dead-letter queue gets it.
func (s *Service) discarded(tx *store.Tx, t *taking, m *message, f *flight) (bool, error) {
	dead := t.grave != nil && f.Count >= t.queue.Settings.Redrive.Max
	expired := t.queue.expired(m.At, tx.Now())
	if !dead && !expired {
		return false, nil
	}
	t.level.Total--
	t.removed++
	if f.Count > 0 || t.queue.FIFO {
		if err := flights.Drop(tx, f.Partition, f.Group, f.At); err != nil {
			return false, err
		}
	}
	if err := m.erase(tx); err != nil {
		return false, err
	}
	if expired {
		return true, nil
	}
	t.moved++
	t.bytes += len(m.Body)
	return true, s.bury(tx, t.grave, m, t.queue.arn(s.region))
}

// expired tells whether a message of that age is past the queue's retention.
func (q *queue) expired(at int64, now time.Time) bool {
	return !now.Before(time.Unix(0, at).Add(seconds(q.Settings.Retention)))
}

// bury puts a message into another queue. In a standard queue its retention goes on
// counting from when it was sent (SQS Developer Guide, "Message retention in
// dead-letter queues").
func (s *Service) bury(tx *store.Tx, to *queue, m *message, source string) error {
	lv, err := levelOf(tx, to.partition())
	if err != nil {
		return err
	}
	moved := *m
	moved.Partition, moved.Source = to.partition(), source
	if to.FIFO {
		moved.At = lv.next(tx.Now())
	} else if moved.At, err = freePlace(tx, moved.Partition, m.At); err != nil {
		return err
	}
	if err := admit(tx, to, &moved, tx.Now()); err != nil {
		return err
	}
	lv.Total++
	return levels.Put(tx, lv)
}

// freePlace is the first place from at on that no message has.
func freePlace(tx *store.Tx, partition string, at int64) (int64, error) {
	for ; ; at++ {
		_, err := messages.Get(tx, partition, at)
		if errors.Is(err, store.ErrNotFound) {
			return at, nil
		}
		if err != nil {
			return 0, err
		}
	}
}

// settle writes the partition's level if messages have left it.
func (t *taking) settle(tx *store.Tx) error {
	if t.removed == 0 {
		return nil
	}
	return levels.Put(tx, t.level)
}
