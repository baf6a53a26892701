package xksproxy

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"slices"
)

// What a proxy must be able to take, in bytes. This one takes no more.
const (
	maxPlaintext = 4300
	maxAAD       = 8192
	maxNote      = 20
	tagSize      = 16
)

type encrypted struct {
	Ciphertext []byte `json:"ciphertext"`
	Note       []byte `json:"ciphertextMetadata,omitempty"`
	IV         []byte `json:"initializationVector"`
	Tag        []byte `json:"authenticationTag"`
	Integrity  []byte `json:"ciphertextDataIntegrityValue,omitempty"`
}

type decrypted struct {
	Plaintext []byte `json:"plaintext"`
}

// encrypt returns the answer, or the name of an error.
func (p *Proxy) encrypt(k key, r *request) (*encrypted, string) {
	plaintext, ok1 := decode(r.Plaintext)
	aad, ok2 := decode(&r.AAD)
	switch {
	case !ok1 || !ok2:
		return nil, "ValidationException"
	case len(plaintext) > maxPlaintext || len(aad) > maxAAD:
		return nil, "UnsupportedOperationException"
	case !slices.Contains(k.usage, "ENCRYPT"):
		return nil, "InvalidKeyUsageException"
	}
	out := p.blank()
	box := k.gcm(len(out.IV)).Seal(nil, out.IV, plaintext, bound(aad, out.Note))
	out.Ciphertext, out.Tag = box[:len(plaintext):len(plaintext)], box[len(plaintext):]
	if r.IntegrityAlgorithm == nil {
		return out, ""
	}
	// The hash comes before the trial, so that what is corrupted in between is
	// noticed (specification, Appendix C).
	sum := sha256.Sum256(slices.Concat(aad, out.Note, out.IV, out.Ciphertext, out.Tag))
	out.Integrity = sum[:]
	if _, err := k.gcm(len(out.IV)).Open(nil, out.IV, box, bound(aad, out.Note)); err != nil {
		return nil, "InternalException"
	}
	return out, ""
}

// blank returns an answer with its IV and note.
func (p *Proxy) blank() *encrypted {
	p.mu.Lock()
	defer p.mu.Unlock()
	out := &encrypted{IV: make([]byte, p.ivSize), Note: slices.Clone(p.note)}
	_, _ = rand.Read(out.IV) // crypto/rand never fails
	return out
}

// decrypt returns the answer, or the name of an error.
func decrypt(k key, r *request) (*decrypted, string) {
	ciphertext, ok1 := decode(r.Ciphertext)
	aad, ok2 := decode(&r.AAD)
	note, ok3 := decode(&r.CiphertextMetadata)
	iv, ok4 := decode(r.IV)
	tag, ok5 := decode(r.Tag)
	switch {
	case !ok1 || !ok2 || !ok3 || !ok4 || !ok5 || len(note) > maxNote:
		return nil, "ValidationException"
	case len(iv) != 12 && len(iv) != 16 || len(tag) != tagSize:
		return nil, "InvalidCiphertextException"
	case len(ciphertext) > maxPlaintext || len(aad) > maxAAD:
		return nil, "UnsupportedOperationException"
	case !slices.Contains(k.usage, "DECRYPT"):
		return nil, "InvalidKeyUsageException"
	}
	plaintext, err := k.gcm(len(iv)).Open(nil, iv, slices.Concat(ciphertext, tag), bound(aad, note))
	if err != nil {
		return nil, "InvalidCiphertextException"
	}
	return &decrypted{plaintext}, ""
}

func (k key) gcm(ivSize int) cipher.AEAD {
	block, err := aes.NewCipher(k.secret[:])
	if err != nil {
		panic(err) // a key has 32 bytes
	}
	gcm, err := cipher.NewGCMWithNonceSize(block, ivSize)
	if err != nil {
		panic(err) // an IV has 12 or 16 bytes
	}
	return gcm
}

// bound is the AAD for the key manager: both parts with their lengths, so that
// the note can't pass for AAD (specification, Encrypt).
func bound(aad, note []byte) []byte {
	b := binary.BigEndian.AppendUint16(nil, uint16(len(aad))) //nolint:gosec // checked against maxAAD
	b = append(b, aad...)
	b = append(b, byte(len(note))) //nolint:gosec // checked against maxNote
	return append(b, note...)
}
