package relay

import (
	"context"
	"crypto/sha256"
	"fmt"
	"time"

	"github.com/fxamacker/cbor/v2"
)

// Bounds of a batch. A single message may be larger than maxBatchBytes, and then
// travels alone.
const (
	maxBatch      = 64
	maxBatchBytes = 1 << 20
)

// A Peer is a Region that messages can be delivered to.
type Peer interface {
	// Deliver hands over a batch. applied is the number of the newest message of the
	// stream that the receiver has applied: all up to there may be forgotten, even
	// when there is an error, which tells why it isn't more. A peer that gave no
	// answer has applied 0.
	Deliver(ctx context.Context, b *Batch) (applied uint64, err error)
}

// A Batch is some consecutive messages of one stream.
type Batch struct {
	From  string `cbor:"-"`
	To    string `cbor:"-"`
	Topic string `cbor:"1,keyasint"`
	// Store is the identity of the sender's store: one that was wiped counts anew.
	Store string `cbor:"2,keyasint"`
	// First is the oldest number that the sender still has. A receiver that misses
	// older ones waits for nothing.
	First uint64 `cbor:"3,keyasint"`
	// Seq is the number of the first of Bodies.
	Seq    uint64   `cbor:"4,keyasint"`
	Bodies [][]byte `cbor:"5,keyasint"`
	// Into is the identity of the receiver's store, for a Remote: a recorded request
	// then tells nothing to a store that was wiped since.
	Into string `cbor:"6,keyasint,omitempty"`
}

// An envelope is what the outbox holds of a message: a row of it has no time.
type envelope struct {
	Sent    int64  `cbor:"1,keyasint"` // nanoseconds since 1970, UTC
	Payload []byte `cbor:"2,keyasint"`
}

var (
	encoding = mustMode(cbor.EncOptions{Sort: cbor.SortNone}.EncMode())
	decoding = mustMode(cbor.DecOptions{
		DupMapKey:        cbor.DupMapKeyEnforcedAPF,
		MaxArrayElements: maxBatch,
		MaxMapPairs:      16,
		MaxNestedLevels:  4,
		IndefLength:      cbor.IndefLengthForbidden,
		TagsMd:           cbor.TagsForbidden,
	}.DecMode())
)

// mustMode panics where the options above contradict each other.
func mustMode[M any](m M, err error) M {
	if err != nil {
		panic(err)
	}
	return m
}

// last returns the number of the batch's last message.
func (b *Batch) last() uint64 { return b.Seq + uint64(len(b.Bodies)) - 1 }

// message opens the envelope of the batch's i-th message.
func (b *Batch) message(i int) (*Message, error) {
	seq := b.Seq + uint64(i) //nolint:gosec // an index
	var e envelope
	if err := decoding.Unmarshal(b.Bodies[i], &e); err != nil {
		// The decoder's own words may show bytes of the payload.
		return nil, fmt.Errorf("message %d of topic %s from %s is no envelope", seq, b.Topic, b.From)
	}
	return &Message{
		From: b.From, To: b.To, Topic: b.Topic, Seq: seq,
		Payload: e.Payload, Sent: time.Unix(0, e.Sent).UTC(),
	}, nil
}

// check refuses what no sender of this program makes.
func (b *Batch) check() error {
	switch {
	case !validName(b.From, ""), !validName(b.To, ""), !validName(b.Topic, "/:"), !validName(b.Store, ""):
		return fmt.Errorf("a batch: %w", ErrName)
	case len(b.Bodies) == 0, len(b.Bodies) > maxBatch, b.Seq == 0, b.First == 0, b.First > b.Seq, b.last() < b.Seq:
		return fmt.Errorf("a batch of %d messages from number %d, oldest %d, is none", len(b.Bodies), b.Seq, b.First)
	}
	return nil
}

// digest tells a message from another of the same number.
func digest(body []byte) []byte {
	sum := sha256.Sum256(body)
	return sum[:16]
}
