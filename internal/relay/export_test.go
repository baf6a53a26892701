package relay

import (
	"context"
)

// Step makes one attempt of a stream's courier, which isn't started.
func (r *Relay) Step(ctx context.Context, to, topic string) (more bool, err error) {
	dest := destination(to, topic)
	r.mu.Lock()
	s, ok := r.streams[dest]
	if !ok {
		s = r.newStream(dest)
		r.streams[dest] = s
	}
	r.mu.Unlock()
	s.peer = r.peers[to] // which may have come anew
	more, err = s.step(ctx)
	if err != nil {
		s.failed(ctx, err)
	}
	return more, err
}

// OpenRequest is the server's parser.
func OpenRequest(key, raw []byte) (from, to string, batch *Batch, err error) {
	r, plain, err := secret(key).openRequest(raw)
	if err != nil {
		return "", "", nil, err
	}
	b := &Batch{From: r.from, To: r.to}
	return r.from, r.to, b, decoding.Unmarshal(plain, b)
}

// SealRequest is what a Remote sends.
func SealRequest(key []byte, b *Batch) ([]byte, error) {
	plain, err := encoding.Marshal(b)
	if err != nil {
		return nil, err
	}
	r := newRoute(b.From, b.To)
	return secret(key).sealRequest(&r, plain)
}

// DecodeBatch is how a server reads what was sealed, for a Region b and from a.
func DecodeBatch(plain []byte) (*Batch, error) {
	b := &Batch{From: "a", To: "b"}
	return b, decoding.Unmarshal(plain, b)
}

// Check is what Deliver asks first.
func Check(b *Batch) error { return b.check() }
