package sqs

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/garrison-cloud/garrison/internal/store"
)

// contentID is the deduplication id that a body stands for (SQS Developer Guide,
// "ContentBasedDeduplication": a SHA-256 hash of the body).
func contentID(body []byte) string {
	sum := sha256.Sum256(body)
	return hex.EncodeToString(sum[:])
}

// sequence writes a place as a sequence number: 20 digits, growing.
func sequence(at int64) string { return fmt.Sprintf("1%019d", at) }

// scope is what a deduplication id is unique in: the queue or the group.
func (l *letter) scope(q *queue) string {
	if q.Settings.DedupPerGroup {
		return l.Group
	}
	return ""
}

// known looks whether the queue has had the message within five minutes; if so the
// letter becomes the one that was accepted then.
func (l *letter) known(tx *store.Tx, q *queue) (bool, error) {
	if !q.FIFO {
		return false, nil
	}
	d, err := duplicates.Get(tx, q.ID, l.scope(q), l.Dedup)
	if errors.Is(err, store.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	l.ID, l.Sequence = d.MessageID, d.Sequence
	return true, nil
}

func (l *letter) remember(tx *store.Tx, q *queue) error {
	if !q.FIFO {
		return nil
	}
	return duplicates.Put(tx, &duplicate{
		Queue: q.ID, Group: l.scope(q), ID: l.Dedup, MessageID: l.ID, Sequence: l.Sequence, Until: tx.Now().Add(dedupFor),
	})
}

// queueUp puts a message at the end of its group. A group that was empty takes its
// place in the line.
func queueUp(tx *store.Tx, m *message, p *place) error {
	if err := flights.Add(tx, &flight{Partition: m.Partition, Group: m.Group, At: m.At, Visible: p.Visible}); err != nil {
		return err
	}
	_, err := groups.Get(tx, m.Partition, m.Group)
	if !errors.Is(err, store.ErrNotFound) {
		return err
	}
	g := &group{Partition: m.Partition, Name: m.Group, Visible: p.Visible, At: m.At}
	if err := groups.Put(tx, g); err != nil {
		return err
	}
	return places.Add(tx, g.place())
}

// regroup gives a group the place that its messages give it now: where it may be
// received from again. While one of its messages is in flight it waits for the last
// of them; those are at its head, and at most one answer's worth.
func regroup(tx *store.Tx, partition, name string) error {
	g, err := groups.Get(tx, partition, name)
	if err != nil {
		return fmt.Errorf("group of a message: %w", err)
	}
	if err := places.Drop(tx, g.place().key()); err != nil {
		return err
	}
	now, first := tx.Now().UnixNano(), true
	for f, err := range flights.Scan(tx, store.Range{Prefix: store.K(partition, name), Limit: maxBatch + 1}) {
		if err != nil {
			return err
		}
		if first {
			g.Visible, g.At, first = max(f.Visible, now), f.At, false
		}
		if f.Nonce != "" && f.Visible > now {
			g.Visible = max(g.Visible, f.Visible)
		}
	}
	if first {
		return groups.Drop(tx, partition, name)
	}
	if err := groups.Put(tx, g); err != nil {
		return err
	}
	return places.Add(tx, g.place())
}
