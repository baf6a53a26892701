package xks

import "fmt"

// Sizes of what a proxy seals, in bytes (specification, Encrypt).
const (
	// MaxPlaintext is what every proxy can seal at once, and what Encrypt takes.
	MaxPlaintext = 4300
	// MaxAAD is how much additional data every proxy can bind.
	MaxAAD = 8192

	shortIV     = 12
	longIV      = 16
	tagSize     = 16
	maxMetadata = 20
	headerSize  = 3
	version1    = 1
)

// Sealed is what the proxy gives for a plaintext, and wants back, all of it, to
// open it.
type Sealed struct {
	// Ciphertext is as long as the plaintext: 1 to 4300 bytes.
	Ciphertext []byte
	// IV has 12 or 16 bytes.
	IV []byte
	// Tag has 16 bytes.
	Tag []byte
	// Metadata is the proxy's own note, up to 20 bytes, or empty.
	Metadata []byte
}

func (s *Sealed) valid() bool {
	return len(s.Ciphertext) >= 1 && len(s.Ciphertext) <= MaxPlaintext &&
		(len(s.IV) == shortIV || len(s.IV) == longIV) && len(s.Tag) == tagSize && len(s.Metadata) <= maxMetadata
}

// MarshalBinary encodes s for the inside of a KMS ciphertext blob:
//
//	version (1) | length of IV | length of Metadata | IV | Tag | Metadata | Ciphertext
//
// Each value has one encoding. The error wraps ErrInvalidSealed when s is out of
// bounds.
func (s *Sealed) MarshalBinary() ([]byte, error) {
	if !s.valid() {
		return nil, fmt.Errorf("encode: %w", ErrInvalidSealed)
	}
	b := make([]byte, 0, headerSize+len(s.IV)+len(s.Tag)+len(s.Metadata)+len(s.Ciphertext))
	b = append(b, version1, byte(len(s.IV)), byte(len(s.Metadata))) //nolint:gosec // valid bounds both
	b = append(b, s.IV...)
	b = append(b, s.Tag...)
	b = append(b, s.Metadata...)
	return append(b, s.Ciphertext...), nil
}

// UnmarshalSealed decodes what MarshalBinary made. The result keeps nothing of b.
// It proves the form alone: the tag is the proxy's to check. The error wraps
// ErrInvalidSealed.
func UnmarshalSealed(b []byte) (*Sealed, error) {
	if len(b) < headerSize || b[0] != version1 {
		return nil, fmt.Errorf("decode: %w: version", ErrInvalidSealed)
	}
	iv, metadata, rest := int(b[1]), int(b[2]), b[headerSize:]
	if len(rest) < iv+tagSize+metadata {
		return nil, fmt.Errorf("decode: %w: too short", ErrInvalidSealed)
	}
	cut := func(n int) []byte {
		part := append([]byte(nil), rest[:n]...)
		rest = rest[n:]
		return part
	}
	if len(rest) > longIV+tagSize+maxMetadata+MaxPlaintext {
		return nil, fmt.Errorf("decode: %w: too long", ErrInvalidSealed)
	}
	s := &Sealed{IV: cut(iv), Tag: cut(tagSize), Metadata: cut(metadata)}
	s.Ciphertext = cut(len(rest))
	if !s.valid() {
		return nil, fmt.Errorf("decode: %w: a length is out of bounds", ErrInvalidSealed)
	}
	return s, nil
}
