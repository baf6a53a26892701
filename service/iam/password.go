package iam

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"time"

	"golang.org/x/crypto/argon2"
)

// A passwordHash is what is kept of a password: enough to know it again, and
// costly to guess by. Its parameters are kept with it so that they can change.
type passwordHash struct {
	Salt, Sum   []byte
	Passes, KiB uint32
	Since       time.Time
}

// The cost of Argon2id (RFC 9106; OWASP Password Storage Cheat Sheet): two passes
// over 19 MiB.
const (
	hashPasses = 2
	hashKiB    = 19 * 1024
	hashSize   = 32
	saltSize   = 16
	// hashesAtOnce bounds the memory of calls that set or try passwords.
	hashesAtOnce = 4
)

// A hasher makes and tries password hashes, a few at a time.
type hasher struct{ slots chan struct{} }

func newHasher() hasher { return hasher{slots: make(chan struct{}, hashesAtOnce)} }

// sum computes h.Sum of the password. It fails when ctx ends before its turn.
func (h hasher) sum(ctx context.Context, p *passwordHash, password string) ([]byte, error) {
	select {
	case h.slots <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	defer func() { <-h.slots }()
	return argon2.IDKey([]byte(password), p.Salt, p.Passes, p.KiB, 1, hashSize), nil
}

// make returns the hash of a new password.
func (h hasher) make(ctx context.Context, password string, now time.Time) (*passwordHash, error) {
	out := &passwordHash{Salt: make([]byte, saltSize), Passes: hashPasses, KiB: hashKiB, Since: now}
	rand.Read(out.Salt)
	var err error
	out.Sum, err = h.sum(ctx, out, password)
	return out, err
}

// fits reports whether p is the password's hash.
func (h hasher) fits(ctx context.Context, p *passwordHash, password string) (bool, error) {
	sum, err := h.sum(ctx, p, password)
	return err == nil && subtle.ConstantTimeCompare(sum, p.Sum) == 1, err
}
