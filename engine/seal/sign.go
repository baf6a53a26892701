package seal

import (
	"crypto"
	_ "crypto/sha256" // the hashes of every signing and MAC algorithm
	_ "crypto/sha512"
	"fmt"
	"slices"
)

// MessageType says what Sign and Verify are given (KMS MessageType).
type MessageType string

// The message types. Raw is the message, hashed here; Digest is its hash.
const (
	Raw    MessageType = "RAW"
	Digest MessageType = "DIGEST"
)

// statement is a message and how it is signed.
type statement struct {
	alg  SigningAlgorithm
	kind MessageType
	body []byte
}

// signer is a key that signs. It is only asked for algorithms of its spec.
type signer interface {
	// sign refuses a message that the algorithm does not take.
	sign(s statement) ([]byte, error)
	// verify is ErrInvalidSignature for any signature that does not match.
	verify(s statement, signature []byte) error
}

// signingHashes are the hashes of the algorithms that begin with one.
var signingHashes = map[SigningAlgorithm]crypto.Hash{
	PKCS1SHA256: crypto.SHA256,
	PKCS1SHA384: crypto.SHA384,
	PKCS1SHA512: crypto.SHA512,
	PSSSHA256:   crypto.SHA256,
	PSSSHA384:   crypto.SHA384,
	PSSSHA512:   crypto.SHA512,
	ECDSASHA256: crypto.SHA256,
	ECDSASHA384: crypto.SHA384,
	ECDSASHA512: crypto.SHA512,
}

// Sign signs message. ECDSA signatures are DER (RFC 3279 §2.2.3); the salt of
// RSASSA-PSS is as long as the hash. ErrInvalidLength is a digest that is not as
// long as the algorithm's hash; ErrIncompatible an algorithm or message type that
// the spec does not have.
func (m *Material) Sign(alg SigningAlgorithm, kind MessageType, message []byte) ([]byte, error) {
	return with(m, func(k signer) ([]byte, error) {
		if !slices.Contains(families[m.spec].signing, alg) {
			return nil, refuse(m.spec, string(alg))
		}
		return k.sign(statement{alg, kind, message})
	})
}

// Verify reports by nil that signature is one of message under the public half.
// ErrInvalidSignature is any that is not; other errors are those of Sign.
func (m *Material) Verify(alg SigningAlgorithm, kind MessageType, message, signature []byte) error {
	_, err := with(m, func(k signer) (struct{}, error) {
		if !slices.Contains(families[m.spec].signing, alg) {
			return struct{}{}, refuse(m.spec, string(alg))
		}
		return struct{}{}, k.verify(statement{alg, kind, message}, signature)
	})
	return err
}

// digest hashes the message, or takes it as the hash that it is said to be.
func (s statement) digest() (crypto.Hash, []byte, error) {
	hash := signingHashes[s.alg]
	switch s.kind {
	case Raw:
		h := hash.New()
		h.Write(s.body)
		return hash, h.Sum(nil), nil
	case Digest:
		if len(s.body) != hash.Size() {
			return 0, nil, fmt.Errorf("digest for %s: %w", s.alg, ErrInvalidLength)
		}
		return hash, s.body, nil
	default:
		return 0, nil, fmt.Errorf("message type %q for %s: %w", string(s.kind), s.alg, ErrIncompatible)
	}
}
