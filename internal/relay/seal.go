package relay

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
)

// What goes between two processes is
//
//	request  magic, nonce, length and name of From, length and name of To, sealed Batch
//	answer   magic, nonce, sealed answer
//
// Each is sealed by AES-256-GCM under a key and nonce of its own, which HKDF-SHA-256
// (RFC 5869) draws from the secret, with the 24 random bytes as salt and all that the
// message belongs to as info. An answer belongs to its request's nonce, so that one
// that was recorded answers no other.
const (
	magic     = "GRLY1"
	nonceSize = 24
	gcmNonce  = 12
	minSecret = 32
	overhead  = 16 // the tag
)

var (
	// ErrSecret says that a secret has fewer than 32 bytes.
	ErrSecret = errors.New("a relay's secret has at least 32 bytes")
	// errSealed: foreign bytes, or another secret. It says no more, on purpose.
	errSealed = errors.New("not sealed by this secret")
)

// A secret is what all processes of one installation share.
type secret []byte

func newSecret(b []byte) (secret, error) {
	if len(b) < minSecret {
		return nil, fmt.Errorf("%w, not %d", ErrSecret, len(b))
	}
	return secret(append([]byte(nil), b...)), nil
}

// String keeps the secret out of logs and errors.
func (secret) String() string { return "redacted" }

// GoString keeps the secret out of logs and errors.
func (secret) GoString() string { return "redacted" }

// aead returns the one-time cipher of a message.
func (s secret) aead(salt []byte, info string) (cipher.AEAD, []byte, error) {
	okm, err := hkdf.Key(sha256.New, s, salt, info, 32+gcmNonce)
	if err != nil {
		return nil, nil, err
	}
	block, err := aes.NewCipher(okm[:32])
	if err != nil {
		return nil, nil, err
	}
	gcm, err := cipher.NewGCM(block)
	return gcm, okm[32:], err
}

// A route is what a request says in the open, and is bound to.
type route struct {
	nonce    [nonceSize]byte
	from, to string
}

// newRoute draws a request's nonce.
func newRoute(from, to string) route {
	r := route{from: from, to: to}
	rand.Read(r.nonce[:])
	return r
}

// header is both the beginning of a request and its associated data. The names have
// been checked: they are no longer than maxName.
func (r *route) header() []byte {
	h := make([]byte, 0, len(magic)+nonceSize+2+len(r.from)+len(r.to))
	h = append(append(h, magic...), r.nonce[:]...)
	h = append(append(h, byte(len(r.from))), r.from...) //nolint:gosec // maxName at most
	return append(append(h, byte(len(r.to))), r.to...)  //nolint:gosec // maxName at most
}

// info names what a key is for: version, direction, both Regions and, for an answer,
// the request. Names have no zero bytes, so no two differ only in where they part.
func (r *route) info(direction string) string {
	return "garrison relay 1\x00" + direction + "\x00" + r.from + "\x00" + r.to + "\x00"
}

// sealRequest returns the request's bytes.
func (s secret) sealRequest(r *route, plain []byte) ([]byte, error) {
	head := r.header()
	gcm, nonce, err := s.aead(r.nonce[:], r.info("request"))
	if err != nil {
		return nil, err
	}
	out := append(make([]byte, 0, len(head)+len(plain)+overhead), head...)
	return gcm.Seal(out, nonce, plain, head), nil
}

// openRequest returns a request's content, or errSealed.
func (s secret) openRequest(raw []byte) (*route, []byte, error) {
	r, sealed := parseRoute(raw)
	if r == nil {
		return nil, nil, errSealed
	}
	gcm, nonce, err := s.aead(r.nonce[:], r.info("request"))
	if err != nil {
		return nil, nil, err
	}
	plain, err := gcm.Open(nil, nonce, sealed, r.header())
	if err != nil {
		return nil, nil, errSealed
	}
	return r, plain, nil
}

// parseRoute cuts a request into its header and the rest; nil for what is none.
func parseRoute(raw []byte) (*route, []byte) {
	r := new(route)
	if len(raw) < len(magic)+nonceSize || string(raw[:len(magic)]) != magic {
		return nil, nil
	}
	rest := raw[len(magic):]
	rest = rest[copy(r.nonce[:], rest):]
	for _, name := range []*string{&r.from, &r.to} {
		if len(rest) == 0 || len(rest) < 1+int(rest[0]) {
			return nil, nil
		}
		*name, rest = string(rest[1:1+rest[0]]), rest[1+int(rest[0]):]
		if !validName(*name, "") {
			return nil, nil
		}
	}
	return r, rest
}

// sealAnswer returns the bytes that answer the request of r, and no other.
func (s secret) sealAnswer(r *route, plain []byte) ([]byte, error) {
	head := make([]byte, len(magic)+nonceSize, len(magic)+nonceSize+len(plain)+overhead)
	salt := head[copy(head, magic):]
	rand.Read(salt)
	gcm, nonce, err := s.aead(salt, r.info("answer"))
	if err != nil {
		return nil, err
	}
	return gcm.Seal(head, nonce, plain, r.nonce[:]), nil
}

// openAnswer returns the content of the answer to r's request, or errSealed.
func (s secret) openAnswer(r *route, raw []byte) ([]byte, error) {
	if len(raw) < len(magic)+nonceSize || string(raw[:len(magic)]) != magic {
		return nil, errSealed
	}
	salt, sealed := raw[len(magic):len(magic)+nonceSize], raw[len(magic)+nonceSize:]
	gcm, nonce, err := s.aead(salt, r.info("answer"))
	if err != nil {
		return nil, err
	}
	plain, err := gcm.Open(nil, nonce, sealed, r.nonce[:])
	if err != nil {
		return nil, errSealed
	}
	return plain, nil
}
