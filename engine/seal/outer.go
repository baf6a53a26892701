package seal

import (
	"crypto/sha256"
	"fmt"
)

// An outer blob is of a key whose last layer is sealed outside, by the key store
// that keeps the key:
//
//	offset  length  what
//	     0       1  format version, 2
//	     1       1  key kind: 0
//	     2       5  account, big-endian
//	     7      16  key id
//	    23      32  material id; zero where the key has no material here
//	    55       n  what the key store sealed, in its own encoding
//
// The header is not authenticated by this package but by the key store, to which
// OuterAAD is given.
const (
	outerVersion    = 2
	outerHeaderSize = saltAt
)

// OuterAAD is what the key store binds to what it seals: the header of the blob
// and the SHA-256 of the context's canonical form. It has 87 bytes, however large
// the context is, so that every key store takes it.
func (h *Header) OuterAAD(context map[string]string) ([]byte, error) {
	b, err := h.outer(sha256.Size)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(AppendContext(make([]byte, 0, contextSize(context)), context))
	return append(b, sum[:]...), nil
}

// Enclose makes a blob of what the key store sealed. It is ErrInvalidLength if
// the blob would be larger than MaxCiphertext.
func (h *Header) Enclose(sealed []byte) ([]byte, error) {
	if len(sealed) == 0 || len(sealed) > MaxCiphertext-outerHeaderSize {
		return nil, fmt.Errorf("enclose: %w", ErrInvalidLength)
	}
	b, err := h.outer(len(sealed))
	if err != nil {
		return nil, err
	}
	return append(b, sealed...), nil
}

// Enclosed returns what the key store sealed, which shares the blob's bytes. Any
// blob that Enclose did not make is ErrInvalidCiphertext.
func Enclosed(blob []byte) ([]byte, error) {
	if !wellFormedOuter(blob) {
		return nil, ErrInvalidCiphertext
	}
	return blob[outerHeaderSize:], nil
}

func wellFormedOuter(b []byte) bool {
	return len(b) > outerHeaderSize && len(b) <= MaxCiphertext &&
		b[0] == outerVersion && b[1] == kindSingle && accountOf(b) < accountLimit
}

// outer is the header with room for more.
func (h *Header) outer(more int) ([]byte, error) {
	var head [headerSize]byte
	if err := h.put(&head); err != nil {
		return nil, err
	}
	if head[1] != kindSingle {
		return nil, fmt.Errorf("a multi-Region key: %w", ErrInvalidHeader)
	}
	head[0] = outerVersion
	return append(make([]byte, 0, outerHeaderSize+more), head[:outerHeaderSize]...), nil
}
