// Package sealed encrypts bodies as streams, so that a part of one can be read without
// the rest. It is DARE 2.0 with AES-256-GCM: packages of 64 KiB, each bound to its
// place, the last marked as such. It refuses a changed, moved or missing package: no
// byte of one is given out.
//
// DARE has no associated data, so what a body is bound to goes into its key.
package sealed

import (
	"crypto/hkdf"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"

	"github.com/minio/sio"
)

// KeySize is the length of a secret and of a Key in bytes.
const KeySize = 32

// Of a package in the stream.
const (
	packageSize  = 64 << 10
	overhead     = 32 // header and tag
	sealedSize   = packageSize + overhead
	maxSequence  = 1<<32 - 1
	maxPlainSize = maxSequence * packageSize
)

// ErrDamaged says that a stream isn't what was sealed.
var ErrDamaged = errors.New("the sealed body is damaged")

// A Key seals one stream and no other.
type Key [KeySize]byte

// DeriveKey returns the key that a secret gives to one stream, which name tells from
// all others under the same secret (RFC 5869).
func DeriveKey(secret []byte, name string) (Key, error) {
	var k Key
	b, err := hkdf.Key(sha256.New, secret, nil, "garrison sealed body "+name, KeySize)
	copy(k[:], b)
	return k, err
}

func (k *Key) config(first uint32) sio.Config {
	return sio.Config{
		MinVersion: sio.Version20, MaxVersion: sio.Version20,
		CipherSuites: []byte{sio.AES_256_GCM}, Key: k[:], SequenceNumber: first,
	}
}

// NewWriter returns a Writer that seals what is written to it. Close writes the last
// package; it doesn't close w.
func NewWriter(w io.Writer, k *Key) (io.WriteCloser, error) {
	return sio.EncryptWriter(keepOpen{w}, k.config(0))
}

// keepOpen hides a Close that sio would call.
type keepOpen struct{ io.Writer }

// Size is how long a stream of plain bytes is once it is sealed.
func Size(plain int64) int64 {
	n := plain / packageSize * sealedSize
	if rest := plain % packageSize; rest > 0 {
		n += rest + overhead
	}
	return n
}

// An Extent is the part of a sealed stream that holds a part of the plain one.
type Extent struct {
	// Off and Size are what must be read of the sealed stream.
	Off, Size int64
	first     uint32
	skip, n   int64
	last      bool
}

// Part returns the Extent of n plain bytes from off in a stream of size plain bytes.
// It fails if they are not all within it.
func Part(off, n, size int64) (Extent, error) {
	if off < 0 || n < 0 || size < 0 || size > maxPlainSize || off > size || n > size-off {
		return Extent{}, fmt.Errorf("%d bytes from %d of a body of %d", n, off, size)
	}
	first, end := off/packageSize, off+n
	to := min((end+packageSize-1)/packageSize*packageSize, size)
	from := first * packageSize
	return Extent{
		Off: first * sealedSize, Size: Size(to) - first*sealedSize,
		first: uint32(first), skip: off - from, n: n, last: end == size, //nolint:gosec // size is bounded
	}, nil
}

// NewReader returns the plain bytes of an Extent; r reads its sealed ones. Reading
// fails with ErrDamaged; an error of r comes through.
func NewReader(r io.Reader, k *Key, e Extent) (io.Reader, error) {
	if e.n == 0 {
		return eof{}, nil
	}
	src := &source{Reader: r}
	plain, err := sio.DecryptReader(src, k.config(e.first))
	if err != nil {
		return nil, err
	}
	return &reader{plain: plain, src: src, skip: e.skip, left: e.n, whole: e.last}, nil
}

type eof struct{}

// Read implements io.Reader.
func (eof) Read([]byte) (int, error) { return 0, io.EOF }

// A source remembers its own error, to tell it from damage.
type source struct {
	io.Reader
	err error
}

// Read implements io.Reader.
func (s *source) Read(p []byte) (int, error) {
	n, err := s.Reader.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		s.err = err
	}
	return n, err
}

// A reader drops what is before the part, and ends behind it.
type reader struct {
	plain      io.Reader
	src        *source
	skip, left int64
	whole      bool // the part reaches the stream's end
}

// Read implements io.Reader.
func (r *reader) Read(p []byte) (int, error) {
	if r.skip > 0 {
		if _, err := io.CopyN(io.Discard, r.plain, r.skip); err != nil {
			return 0, r.damaged(err)
		}
		r.skip = 0
	}
	if r.left == 0 {
		return 0, r.end()
	}
	n, err := r.plain.Read(p[:min(int64(len(p)), r.left)])
	r.left -= int64(n)
	if err != nil && (r.left > 0 || !errors.Is(err, io.EOF)) {
		return n, r.damaged(err)
	}
	return n, nil
}

// end makes sure that a stream read to its end ends there, by its last package.
func (r *reader) end() error {
	if !r.whole {
		return io.EOF
	}
	var one [1]byte
	if n, err := r.plain.Read(one[:]); n != 0 || !errors.Is(err, io.EOF) {
		return r.damaged(err)
	}
	return io.EOF
}

func (r *reader) damaged(err error) error {
	if r.src.err != nil {
		return r.src.err
	}
	return fmt.Errorf("%w: %v", ErrDamaged, err) //nolint:errorlint // sio's errors mean nothing to a caller
}
