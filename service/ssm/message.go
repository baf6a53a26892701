package ssm

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha512"
	"crypto/subtle"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"slices"
)

// A message is a ciphertext in the AWS Encryption SDK's message format 2, of the
// algorithm suite with key commitment and without signature, in one frame (AWS
// Encryption SDK Developer Guide, "AWS Encryption SDK message format reference").
type message struct {
	id      []byte
	context map[string]string
	keys    []sealedKey
	// head is the header as it was read, up to and with the commitment; sealed is
	// what follows.
	head, commitment, sealed []byte
}

// A sealedKey is the message's data key as one provider has sealed it.
type sealedKey struct {
	provider, info string
	ciphertext     []byte
}

const (
	kmsProvider = "aws-kms"

	messageVersion = 2
	// suite is AES-256-GCM with HKDF of SHA-512 and key commitment.
	suite      = 0x0478
	framed     = 2 // the content type
	frameSize  = maxAdvancedValue
	finalFrame = 0xffffffff
	idSize     = 32
	commitSize = 32
	keySize    = 32
	nonceSize  = 12
	tagSize    = 16
	frameName  = "AWSKMSEncryptionClient Final Frame"
)

var errMessage = errors.New("damaged message")

// seal encrypts the plaintext under what a data key yields, and returns the message.
func (m *message) seal(dataKey, plaintext []byte) ([]byte, error) {
	m.id = make([]byte, idSize)
	rand.Read(m.id) // it never fails
	k, err := m.derive(dataKey)
	if err != nil {
		return nil, err
	}
	out := append(m.header(), k.commitment...)
	out = k.aead.Seal(out, make([]byte, nonceSize), nil, bytes.Clone(out)) // the header's tag; its nonce is zero, the body's is one
	nonce := bodyNonce()
	out = binary.BigEndian.AppendUint32(out, finalFrame)
	out = binary.BigEndian.AppendUint32(out, 1)
	out = append(out, nonce...)
	out = binary.BigEndian.AppendUint32(out, uint32(len(plaintext))) //nolint:gosec // of a value, which is bounded
	return k.aead.Seal(out, nonce, plaintext, m.associated(len(plaintext))), nil
}

// open decrypts what parseMessage has read.
func (m *message) open(dataKey []byte) ([]byte, error) {
	k, err := m.derive(dataKey)
	if err != nil {
		return nil, err
	}
	if subtle.ConstantTimeCompare(k.commitment, m.commitment) != 1 {
		return nil, errMessage
	}
	r := &reader{rest: m.sealed}
	tag, final, number, nonce, size := r.take(tagSize), r.uint32(), r.uint32(), r.take(nonceSize), r.uint32()
	body := r.rest
	if r.failed || final != finalFrame || number != 1 || uint64(len(body)) != uint64(size)+tagSize {
		return nil, errMessage
	}
	if _, err := k.aead.Open(nil, make([]byte, nonceSize), tag, m.head); err != nil {
		return nil, errMessage
	}
	plaintext, err := k.aead.Open(nil, nonce, body, m.associated(len(body)-tagSize))
	if err != nil {
		return nil, errMessage
	}
	return plaintext, nil
}

func bodyNonce() []byte {
	nonce := make([]byte, nonceSize)
	nonce[nonceSize-1] = 1
	return nonce
}

// associated is the body's associated data.
func (m *message) associated(size int) []byte {
	out := append(bytes.Clone(m.id), frameName...)
	out = binary.BigEndian.AppendUint32(out, 1)
	return binary.BigEndian.AppendUint64(out, uint64(size)) //nolint:gosec // a length
}

// derived is what a data key yields for one message.
type derived struct {
	aead       cipher.AEAD
	commitment []byte
}

func (m *message) derive(dataKey []byte) (*derived, error) {
	if len(dataKey) != keySize {
		return nil, fmt.Errorf("data key of %d bytes: %w", len(dataKey), errMessage)
	}
	prk, err := hkdf.Extract(sha512.New, dataKey, m.id)
	if err != nil {
		return nil, err
	}
	defer clear(prk)
	info := binary.BigEndian.AppendUint16(nil, suite)
	key, err := hkdf.Expand(sha512.New, prk, string(info)+"DERIVEKEY", keySize)
	if err != nil {
		return nil, err
	}
	defer clear(key)
	commitment, err := hkdf.Expand(sha512.New, prk, "COMMITKEY", commitSize)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	aead, err := cipher.NewGCM(block)
	return &derived{aead: aead, commitment: commitment}, err
}

// header is the message's beginning, without the commitment.
func (m *message) header() []byte {
	out := []byte{messageVersion}
	out = binary.BigEndian.AppendUint16(out, suite)
	out = append(out, m.id...)
	out = appendField(out, appendContext(nil, m.context))
	out = binary.BigEndian.AppendUint16(out, uint16(len(m.keys))) //nolint:gosec // one
	for _, k := range m.keys {
		out = appendField(out, []byte(k.provider))
		out = appendField(out, []byte(k.info))
		out = appendField(out, k.ciphertext)
	}
	out = append(out, framed)
	return binary.BigEndian.AppendUint32(out, frameSize)
}

func appendContext(out []byte, context map[string]string) []byte {
	if len(context) == 0 {
		return out
	}
	out = binary.BigEndian.AppendUint16(out, uint16(len(context))) //nolint:gosec // one
	for _, k := range slices.Sorted(maps.Keys(context)) {
		out = appendField(out, []byte(k))
		out = appendField(out, []byte(context[k]))
	}
	return out
}

// appendField appends b behind its length, which is of 16 bits: all that a
// message holds is far shorter.
func appendField(out, b []byte) []byte {
	out = binary.BigEndian.AppendUint16(out, uint16(len(b))) //nolint:gosec // see above
	return append(out, b...)
}

// parseMessage reads a message's header. Nothing in it is to be believed before
// open has verified it.
func parseMessage(b []byte) (*message, error) {
	r := &reader{rest: b}
	m := &message{}
	if v := r.take(1); len(v) == 0 || v[0] != messageVersion || r.uint16() != suite {
		return nil, errMessage
	}
	m.id = r.take(idSize)
	r.field() // the encryption context, which KMS and the tag vouch for
	n := r.uint16()
	for range n {
		k := sealedKey{provider: string(r.field()), info: string(r.field()), ciphertext: r.field()}
		if r.failed {
			return nil, errMessage
		}
		m.keys = append(m.keys, k)
	}
	if kind := r.take(1); len(kind) == 0 || kind[0] != framed || n == 0 {
		return nil, errMessage
	}
	r.uint32() // the frames' size, of which there is one
	m.commitment = r.take(commitSize)
	if r.failed {
		return nil, errMessage
	}
	m.head, m.sealed = b[:len(b)-len(r.rest)], r.rest
	return m, nil
}

// A reader takes parts off the front of bytes until one is missing.
type reader struct {
	rest   []byte
	failed bool
}

func (r *reader) take(n int) []byte {
	if r.failed || n > len(r.rest) {
		r.failed = true
		return nil
	}
	out := r.rest[:n]
	r.rest = r.rest[n:]
	return out
}

func (r *reader) uint16() int {
	b := r.take(2)
	if b == nil {
		return 0
	}
	return int(binary.BigEndian.Uint16(b))
}

func (r *reader) uint32() uint32 {
	b := r.take(4)
	if b == nil {
		return 0
	}
	return binary.BigEndian.Uint32(b)
}

func (r *reader) field() []byte { return r.take(r.uint16()) }
