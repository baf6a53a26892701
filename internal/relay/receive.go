package relay

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"runtime"

	"github.com/garrison-cloud/garrison/internal/store"
)

// A receipt is how far a stream has been applied. It is written in the transaction
// that applies, and is all that makes a message count once.
type receipt struct {
	From, Store, Topic string
	Seq                uint64
	Digest             []byte // of message Seq, to notice a sender whose past has changed
}

var received = store.NewTable("relay.received",
	func(r *receipt) store.Key { return store.K(r.From, r.Store, r.Topic) }, store.Unwatched[receipt]())

// ErrForked says that the sender's message is another than the one that was applied
// under its number. Its store was put back to an older state, and the stream has to begin
// anew.
var ErrForked = errors.New("the sender's store has another message under a number that was applied")

// errNotHere: the relay serves another Region, or nobody takes the topic.
var errNotHere = errors.New("nobody takes it here")

// A refusal is what a handler says to one message of a batch.
type refusal struct {
	at  int // index within the batch
	err error
}

func (f *refusal) Error() string { return f.err.Error() }

func (f *refusal) Unwrap() error { return f.err }

// Deliver applies a batch, as Peer promises it to a sender. Where a handler refuses
// a message, those before it are applied all the same.
func (r *Relay) Deliver(ctx context.Context, b *Batch) (uint64, error) {
	if err := b.check(); err != nil {
		return 0, err
	}
	h, ok := r.handlers[b.Topic]
	if !ok || b.To != r.region {
		return 0, fmt.Errorf("topic %s for Region %s: %w", b.Topic, b.To, errNotHere)
	}
	var refused *refusal
	for n := len(b.Bodies); ; {
		d := delivery{Batch: b, n: n, apply: h.Apply}
		err := r.db.Update(ctx, d.run)
		switch {
		case err == nil:
			r.tell(&d, h)
			if refused != nil {
				return d.row.Seq, refused.err
			}
			return d.row.Seq, nil
		case errors.As(err, &refused) && refused.at > 0:
			n = refused.at
		case errors.As(err, &refused):
			return d.before, refused.err
		case n > 1 && ctx.Err() == nil: // perhaps together they are over the store's limits
			n, refused = n/2, nil
		default:
			return 0, err
		}
	}
}

// tell says what a committed delivery has changed.
func (r *Relay) tell(d *delivery, h Handler) {
	if d.lost > 0 {
		r.log.Error("this Region's store lacks messages that it had acknowledged; was it put back to an older backup, or wiped? what they changed must be sent again",
			"from", d.From, "topic", d.Topic, "lost", d.lost, "next", d.First)
	}
	if d.row.Seq > d.before && h.Applied != nil {
		h.Applied()
	}
}

// A delivery applies the first n messages of a batch in one transaction.
type delivery struct {
	*Batch
	n     int
	apply func(tx *store.Tx, m *Message) error

	// What the last run of the transaction found.
	row    *receipt
	before uint64 // number that had been applied
	lost   uint64 // messages that nobody has any more
}

func (d *delivery) run(tx *store.Tx) error {
	if err := d.begin(tx); err != nil {
		return err
	}
	last := -1
	for i := range d.n {
		switch seq := d.Seq + uint64(i); {
		case seq < d.row.Seq:
		case seq == d.row.Seq:
			if !bytes.Equal(d.row.Digest, digest(d.Bodies[i])) {
				return &refusal{err: ErrForked}
			}
		case seq > d.row.Seq+1:
			return nil // a gap: the sender sees by the answer where to begin
		default:
			if err := d.one(tx, i); err != nil {
				return &refusal{at: i, err: err}
			}
			d.row.Seq, last = seq, i
		}
	}
	if last < 0 {
		return nil
	}
	d.row.Digest = digest(d.Bodies[last])
	return received.Put(tx, d.row)
}

// begin reads how far the stream is. What the sender no longer has can't be waited
// for: it was acknowledged by this Region, in a state that it has lost.
func (d *delivery) begin(tx *store.Tx) error {
	row, err := received.Get(tx, d.From, d.Store, d.Topic)
	if errors.Is(err, store.ErrNotFound) {
		row, err = &receipt{From: d.From, Store: d.Store, Topic: d.Topic}, nil
	}
	if err != nil {
		return err
	}
	d.row, d.before, d.lost = row, row.Seq, 0
	if d.Seq == d.First && d.First > row.Seq+1 {
		if row.Seq > 0 || !restarted(d.Store) {
			d.lost = d.First - row.Seq - 1
		}
		row.Seq = d.First - 1
		d.before = row.Seq
	}
	return nil
}

// one applies a message. A handler that panics has refused it: it would otherwise
// take the process with it, again at each start. What it panicked with may hold
// part of the payload.
func (d *delivery) one(tx *store.Tx, i int) (err error) {
	m, err := d.message(i)
	if err != nil {
		return err
	}
	defer func() {
		switch p := recover().(type) {
		case nil:
		case runtime.Error:
			err = fmt.Errorf("the handler panicked: %w", p)
		default:
			err = fmt.Errorf("the handler panicked with a %T", p)
		}
	}()
	return d.apply(tx, m)
}
