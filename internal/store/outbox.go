package store

import (
	"context"
	"errors"
	"fmt"
)

// A Message is one row of the outbox: what a transaction wants another place to
// know. Seq counts from 1 for each destination without gaps.
type Message struct {
	Dest    string
	Seq     uint64
	Payload []byte
}

// An outboxTail is the last number given to a destination's messages. It stays
// when they are gone, so that no number is given twice.
type outboxTail struct {
	Dest string
	Seq  uint64
}

var (
	messages = NewTable("store.outbox", func(m *Message) Key { return K(m.Dest, m.Seq) })
	tails    = NewTable("store.outboxtail", func(t *outboxTail) Key { return K(t.Dest) }, Unwatched[outboxTail]())
)

// TableOutbox names the outbox to Watch: a sender waits there for work.
const TableOutbox = "store.outbox"

// Emit adds a message for dest to the transaction: it exists if and only if the
// transaction commits.
func (tx *Tx) Emit(dest string, payload []byte) error {
	tail, err := tails.Get(tx, dest)
	if errors.Is(err, ErrNotFound) {
		tail, err = &outboxTail{Dest: dest}, nil
	}
	if err != nil {
		return err
	}
	tail.Seq++
	if err := tails.Put(tx, tail); err != nil {
		return err
	}
	return messages.Insert(tx, &Message{Dest: dest, Seq: tail.Seq, Payload: payload})
}

// Outbox returns the messages for dest with numbers past after, in order, at
// most limit. They are durable.
func (db *DB) Outbox(ctx context.Context, dest string, after uint64, limit int) ([]Message, error) {
	var out []Message
	err := db.View(ctx, func(tx *Tx) error {
		out = nil
		for m, err := range messages.Scan(tx, Range{Prefix: K(dest), After: K(dest, after), Limit: limit}) {
			if err != nil {
				return fmt.Errorf("outbox for %s: %w", dest, err)
			}
			out = append(out, *m)
		}
		return nil
	})
	return out, err
}

// A Destination is one that messages were ever emitted for. Last is the number of
// the newest of them, whether it still waits or not.
type Destination struct {
	Name string
	Last uint64
}

// Destinations returns the outbox's destinations whose names begin with prefix, in
// order. It reads one row for each and no messages.
func (db *DB) Destinations(ctx context.Context, prefix string) ([]Destination, error) {
	var out []Destination
	err := db.View(ctx, func(tx *Tx) error {
		out = nil
		for t, err := range tails.Scan(tx, Range{Prefix: KPrefix(prefix)}) {
			if err != nil {
				return fmt.Errorf("destinations of the outbox: %w", err)
			}
			out = append(out, Destination{Name: t.Dest, Last: t.Seq})
		}
		return nil
	})
	return out, err
}

// Ack removes the message with the given number for dest. A message that is gone
// already is no error: acknowledgements come twice.
func (tx *Tx) Ack(dest string, seq uint64) error {
	if err := messages.Delete(tx, dest, seq); !errors.Is(err, ErrNotFound) {
		return err
	}
	return nil
}
