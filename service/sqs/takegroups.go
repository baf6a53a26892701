package sqs

import (
	"crypto/subtle"
	"errors"
	"fmt"

	"github.com/garrison-cloud/garrison/internal/store"
)

// takeGroups takes a FIFO queue's messages: as many as can be of the first group in
// line, then of the next. A group of which something is in flight is not in line.
func (s *Service) takeGroups(tx *store.Tx, t *taking) error {
	repeated, err := t.repeat(tx)
	if err != nil || repeated {
		return err
	}
	line, err := t.visibles(tx, t.limit+1)
	if err != nil {
		return err
	}
	for _, p := range line {
		if len(t.got) == t.limit {
			break
		}
		if err := s.takeGroup(tx, t, p.Group); err != nil {
			return err
		}
	}
	if err := t.settle(tx); err != nil {
		return err
	}
	return t.note(tx)
}

// takeGroup takes from a group's head. What is delayed holds back all behind it.
func (s *Service) takeGroup(tx *store.Tx, t *taking, name string) error {
	partition := t.queue.partition()
	var head []*flight
	for f, err := range flights.Scan(tx, store.Range{Prefix: store.K(partition, name), Limit: t.limit - len(t.got)}) {
		if err != nil {
			return err
		}
		if f.Visible > tx.Now().UnixNano() {
			break
		}
		head = append(head, f)
	}
	for _, f := range head {
		if t.bytes > maxMoved {
			break
		}
		m, err := read(tx, partition, f.At)
		if err != nil {
			return err
		}
		gone, err := s.discarded(tx, t, m, f)
		if err != nil {
			return err
		}
		if gone {
			continue
		}
		t.receive(tx, m, f)
		if err := flights.Put(tx, f); err != nil {
			return err
		}
	}
	return regroup(tx, partition, name)
}

// repeat gives a request the same answer as when it was made before, as long as all
// that it got then is still in flight by those receipts (SQS Developer Guide, "Using
// the receive request attempt ID").
func (t *taking) repeat(tx *store.Tx) (bool, error) {
	if t.attempt == "" {
		return false, nil
	}
	a, err := attempts.Get(tx, t.queue.partition(), t.attempt)
	if errors.Is(err, store.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	var again []taken
	for _, r := range a.Receipts {
		f, err := r.flight(tx)
		if errors.Is(err, errStale) {
			return false, nil
		}
		if err != nil {
			return false, err
		}
		m, err := read(tx, r.Partition, r.At)
		if err != nil {
			return false, err
		}
		again = append(again, taken{m, f})
	}
	return true, t.extend(tx, again)
}

// extend hides messages for as long as if they were received now.
func (t *taking) extend(tx *store.Tx, again []taken) error {
	for _, m := range again {
		m.flight.Visible = tx.Now().Add(t.visible).UnixNano()
		if err := flights.Put(tx, m.flight); err != nil {
			return err
		}
	}
	for _, m := range again {
		if err := regroup(tx, m.Partition, m.Group); err != nil {
			return err
		}
	}
	t.got = again
	return nil
}

func (t *taking) note(tx *store.Tx) error {
	if t.attempt == "" || len(t.got) == 0 {
		return nil
	}
	a := &attempt{Partition: t.queue.partition(), ID: t.attempt, Until: tx.Now().Add(dedupFor)}
	for _, m := range t.got {
		a.Receipts = append(a.Receipts, m.receipt())
	}
	return attempts.Put(tx, a)
}

// errStale tells that a receipt is not the message's newest, or has run out.
var errStale = errors.New("stale receipt")

// errAbsent is errStale for a message that has been deleted.
var errAbsent = fmt.Errorf("%w: no such message", errStale)

// newest returns what a receipt is for, as long as nobody has received it since.
func (r *receipt) newest(tx *store.Tx) (*flight, error) {
	f, err := flights.Get(tx, r.Partition, r.Group, r.At)
	if errors.Is(err, store.ErrNotFound) {
		return nil, errAbsent
	}
	if err != nil {
		return nil, err
	}
	if subtle.ConstantTimeCompare([]byte(f.Nonce), []byte(r.Nonce)) != 1 || r.Nonce == "" {
		return nil, errStale
	}
	return f, nil
}

// flight is newest for a message that is still hidden by the receipt.
func (r *receipt) flight(tx *store.Tx) (*flight, error) {
	f, err := r.newest(tx)
	if err == nil && f.Visible <= tx.Now().UnixNano() {
		return nil, errStale
	}
	return f, err
}
