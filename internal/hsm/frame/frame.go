// Package frame is the language between Garrison and garrison-pkcs11, the
// process that holds a PKCS#11 token: requests one way and answers the other,
// in any order, each a 4-byte big-endian length and that many bytes of CBOR
// (RFC 8949). It refuses frames over 64 KiB, unknown or doubled members,
// indefinite lengths, tags and whatever follows the value. What a frame held is
// cleared from the package's own buffers before a call returns.
// Flow: Write → pipe → Read.
package frame

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/fxamacker/cbor/v2"
)

// Limits of the protocol, in bytes unless said otherwise. Both ends hold to them.
const (
	MaxFrame     = 64 << 10 // of a frame's CBOR
	MaxPlaintext = 8 << 10  // KMS seals 4096 and what it adds
	MaxAAD       = 16 << 10 // additional authenticated data
	MaxRandom    = 4 << 10  // random bytes of one request
	MaxPIN       = 1 << 10
	MaxID        = 255 // of CKA_ID
	MaxLabel     = 255 // of CKA_LABEL
	IVSize       = 12  // NIST SP 800-38D §8.2.2: the recommended IV
	TagSize      = 16
)

// Version is the protocol's. A Login names it, and the other end refuses any
// other: the two binaries may be of different releases.
const Version = 1

const header = 4

// ErrMalformed is returned for bytes that are no frame of this protocol. The
// stream cannot be read further.
var ErrMalformed = errors.New("malformed frame")

// An Op is what a request asks for.
type Op uint8

// The operations. Login is the first of a stream, and only the first.
const (
	Login Op = iota + 1 // Data: the PIN; Number: Version
	Generate
	Exists // answered by Number: 1 or 0
	Encrypt
	Decrypt
	Delete
	Random // Number: how many bytes
	Keys   // answered by Number
	Healthy
)

// A Request asks for one operation.
type Request struct {
	// Seq is repeated by the answer.
	Seq    uint64 `cbor:"1,keyasint"`
	Op     Op     `cbor:"2,keyasint"`
	ID     []byte `cbor:"3,keyasint,omitempty"` // the key's CKA_ID
	Label  string `cbor:"4,keyasint,omitempty"` // the key's CKA_LABEL
	Data   []byte `cbor:"5,keyasint,omitempty"` // PIN, plaintext, or IV ‖ ciphertext ‖ tag
	AAD    []byte `cbor:"6,keyasint,omitempty"`
	Number uint32 `cbor:"7,keyasint,omitempty"`
}

// A Status says how a request went.
type Status uint8

// The statuses.
const (
	OK         Status = iota + 1
	Failed            // the token refused, for the reason in Text
	BadRequest        // the request broke a limit of this package
	BadVersion        // Number: the version that is spoken
	NoModule
	NoToken
	WrongPIN
	LockedPIN
	NoKey
	KeyExists
	Unfit   // the key of that id may leave the token, or is not the only one
	Invalid // the ciphertext does not authenticate
	Gone    // the token is lost; the process ends after this answer
)

// A Response answers the request of the same Seq.
type Response struct {
	Seq    uint64 `cbor:"1,keyasint"`
	Status Status `cbor:"2,keyasint"`
	Data   []byte `cbor:"3,keyasint,omitempty"`
	Number uint32 `cbor:"4,keyasint,omitempty"`
	// Text names the step and the token's own error code; it never holds what
	// was asked for.
	Text string `cbor:"5,keyasint,omitempty"`
}

// A Codec reads and writes frames. It is immutable, and safe for concurrent use
// as long as its readers and writers are.
type Codec struct {
	enc cbor.UserBufferEncMode
	dec cbor.DecMode
}

// New returns a Codec.
func New() (*Codec, error) {
	enc, err := cbor.CoreDetEncOptions().UserBufferEncMode()
	if err != nil {
		return nil, fmt.Errorf("frame encoder: %w", err)
	}
	dec, err := cbor.DecOptions{
		DupMapKey:         cbor.DupMapKeyEnforcedAPF,
		ExtraReturnErrors: cbor.ExtraDecErrorUnknownField,
		IndefLength:       cbor.IndefLengthForbidden,
		TagsMd:            cbor.TagsForbidden,
		MaxNestedLevels:   4,
		MaxArrayElements:  16,
		MaxMapPairs:       16,
		UTF8:              cbor.UTF8RejectInvalid,
	}.DecMode()
	if err != nil {
		return nil, fmt.Errorf("frame decoder: %w", err)
	}
	return &Codec{enc: enc, dec: dec}, nil
}

// WriteRequest writes r in one Write. It returns w's error, or one that says
// that the frame is too large.
func (c *Codec) WriteRequest(w io.Writer, r *Request) error {
	return write(c, w, r, len(r.ID)+len(r.Label)+len(r.Data)+len(r.AAD))
}

// WriteResponse writes r in one Write, as WriteRequest does.
func (c *Codec) WriteResponse(w io.Writer, r *Response) error {
	return write(c, w, r, len(r.Data)+len(r.Text))
}

// ReadRequest reads the next request. It returns io.EOF where the stream ends
// between two frames, and ErrMalformed for what is no request.
func (c *Codec) ReadRequest(r io.Reader) (Request, error) {
	var req Request
	if err := read(c, r, &req); err != nil {
		return Request{}, err
	}
	if req.Op < Login || req.Op > Healthy {
		return Request{}, fmt.Errorf("operation %d: %w", req.Op, ErrMalformed)
	}
	return req, nil
}

// ReadResponse reads the next response, as ReadRequest does.
func (c *Codec) ReadResponse(r io.Reader) (Response, error) {
	var res Response
	if err := read(c, r, &res); err != nil {
		return Response{}, err
	}
	if res.Status < OK || res.Status > Gone {
		return Response{}, fmt.Errorf("status %d: %w", res.Status, ErrMalformed)
	}
	return res, nil
}

// overhead is more than the members' own heads ever take.
const overhead = 128

// write encodes into one buffer of its own that never grows, since a buffer
// that grows, or a pooled one, leaves copies of secrets behind.
func write[T Request | Response](c *Codec, w io.Writer, v *T, payload int) error {
	if payload > MaxFrame-overhead {
		return fmt.Errorf("a frame of %d bytes: the limit is %d", payload, MaxFrame-overhead)
	}
	b := bytes.NewBuffer(make([]byte, 0, header+overhead+payload))
	defer func() { clear(b.Bytes()[:b.Cap()]) }()
	b.Write(make([]byte, header))
	if err := c.enc.MarshalToBuffer(v, b); err != nil {
		return fmt.Errorf("encode frame: %w", err)
	}
	frame := b.Bytes()
	binary.BigEndian.PutUint32(frame, uint32(len(frame)-header)) //nolint:gosec // at most MaxFrame
	_, err := w.Write(frame)
	return err
}

func read[T Request | Response](c *Codec, r io.Reader, v *T) error {
	var head [header]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return err
	}
	n := binary.BigEndian.Uint32(head[:])
	if n == 0 || n > MaxFrame {
		return fmt.Errorf("a frame of %d bytes: %w", n, ErrMalformed)
	}
	body := make([]byte, n)
	defer clear(body)
	if _, err := io.ReadFull(r, body); err != nil {
		return fmt.Errorf("frame of %d bytes: %w", n, errors.Join(io.ErrUnexpectedEOF, err))
	}
	if err := c.dec.Unmarshal(body, v); err != nil {
		// The decoder's own text may quote the bytes.
		return fmt.Errorf("a frame of %d bytes: %w", n, ErrMalformed)
	}
	return nil
}
