package xks

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
)

// The one algorithm of version 1, and the one hash for the integrity value.
const (
	aesGCM          = "AES_GCM"
	integritySHA256 = "SHA_256"
)

// EncryptInput is what Encrypt seals.
type EncryptInput struct {
	// Plaintext has 1 to MaxPlaintext bytes.
	Plaintext []byte
	// AAD, up to MaxAAD bytes, is bound to it and must be given again to Decrypt.
	AAD []byte
}

type encryptRequest struct {
	Metadata  requestMetadata `json:"requestMetadata"`
	AAD       binary          `json:"additionalAuthenticatedData,omitempty"`
	Plaintext binary          `json:"plaintext"`
	Algorithm string          `json:"encryptionAlgorithm"`
	Integrity string          `json:"ciphertextDataIntegrityValueAlgorithm"`
}

type encryptAnswer struct {
	Ciphertext binary `json:"ciphertext"`
	Metadata   binary `json:"ciphertextMetadata"`
	IV         binary `json:"initializationVector"`
	Tag        binary `json:"authenticationTag"`
	Integrity  binary `json:"ciphertextDataIntegrityValue"`
}

// Encrypt seals in under the external key keyID. It asks for the integrity value,
// by which the proxy vouches that the very bytes returned can be decrypted, and
// takes no answer without it. Errors: as of Metadata.
func (c *Client) Encrypt(ctx context.Context, keyID string, in EncryptInput, by Caller) (*Sealed, error) {
	uri, err := keyURI(keyID, "encrypt")
	if err != nil {
		return nil, fmt.Errorf("xks encrypt: %w", err)
	}
	metadata, err := by.forKeyUse()
	if err != nil {
		return nil, fmt.Errorf("xks encrypt: %w", err)
	}
	if n := len(in.Plaintext); n < 1 || n > MaxPlaintext || len(in.AAD) > MaxAAD {
		return nil, fmt.Errorf("xks encrypt: %w: size of the plaintext or the AAD", ErrInvalidRequest)
	}
	var out encryptAnswer
	err = c.call(ctx, uri, encryptRequest{metadata, in.AAD, in.Plaintext, aesGCM, integritySHA256}, &out)
	if err != nil {
		return nil, fmt.Errorf("xks encrypt: %w", err)
	}
	s := &Sealed{Ciphertext: out.Ciphertext, IV: out.IV, Tag: out.Tag, Metadata: out.Metadata}
	if !s.valid() || len(s.Ciphertext) != len(in.Plaintext) {
		return nil, fmt.Errorf("xks encrypt: %w: a field is missing or of the wrong size", ErrInvalidResponse)
	}
	if subtle.ConstantTimeCompare(out.Integrity, integrity(in.AAD, s)) != 1 {
		return nil, fmt.Errorf("xks encrypt: %w: the integrity value doesn't match", ErrInvalidResponse)
	}
	return s, nil
}

// integrity computes the ciphertextDataIntegrityValue (specification, Appendix C).
func integrity(aad []byte, s *Sealed) []byte {
	h := sha256.New()
	for _, part := range [][]byte{aad, s.Metadata, s.IV, s.Ciphertext, s.Tag} {
		h.Write(part)
	}
	return h.Sum(nil)
}

type decryptRequest struct {
	Metadata           requestMetadata `json:"requestMetadata"`
	Ciphertext         binary          `json:"ciphertext"`
	CiphertextMetadata binary          `json:"ciphertextMetadata,omitempty"`
	Algorithm          string          `json:"encryptionAlgorithm"`
	AAD                binary          `json:"additionalAuthenticatedData,omitempty"`
	Tag                binary          `json:"authenticationTag"`
	IV                 binary          `json:"initializationVector"`
}

// Decrypt opens s under the external key keyID; aad is what Encrypt was given.
// The proxy answers NameInvalidCiphertext when the ciphertext, the AAD or the key
// is another than Encrypt's. Errors: as of Metadata.
func (c *Client) Decrypt(ctx context.Context, keyID string, s Sealed, aad []byte, by Caller) ([]byte, error) {
	uri, err := keyURI(keyID, "decrypt")
	if err != nil {
		return nil, fmt.Errorf("xks decrypt: %w", err)
	}
	metadata, err := by.forKeyUse()
	if err != nil {
		return nil, fmt.Errorf("xks decrypt: %w", err)
	}
	if !s.valid() || len(aad) > MaxAAD {
		return nil, fmt.Errorf("xks decrypt: %w: size of the ciphertext or the AAD", ErrInvalidRequest)
	}
	var out struct {
		Plaintext binary `json:"plaintext"`
	}
	err = c.call(ctx, uri, decryptRequest{metadata, s.Ciphertext, s.Metadata, aesGCM, aad, s.Tag, s.IV}, &out)
	if err != nil {
		return nil, fmt.Errorf("xks decrypt: %w", err)
	}
	if len(out.Plaintext) != len(s.Ciphertext) {
		return nil, fmt.Errorf("xks decrypt: %w: the plaintext is of another size", ErrInvalidResponse)
	}
	return out.Plaintext, nil
}
