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

// The message types. Raw is the message, hashed here; Digest is its hash;
// ExternalMu is the message representative of FIPS 204 §6.2, into which whoever
// asks has hashed the public key and the message.
const (
	Raw        MessageType = "RAW"
	Digest     MessageType = "DIGEST"
	ExternalMu MessageType = "EXTERNAL_MU"
)

// Takes reports whether the algorithm signs messages of the type (KMS API
// Reference, Sign, MessageType). An algorithm that the package does not have
// takes none.
func (a SigningAlgorithm) Takes(kind MessageType) bool {
	switch a {
	case Ed25519SHA512:
		return kind == Raw
	case Ed25519phSHA512:
		return kind == Digest
	case MLDSAShake256:
		return kind == Raw || kind == ExternalMu
	default:
		_, hashes := signingHashes[a]
		return hashes && (kind == Raw || kind == Digest)
	}
}

// statement is a message and how it is signed.
type statement struct {
	alg  SigningAlgorithm
	kind MessageType
	body []byte
}

// signer is a key that signs. It is only asked for algorithms of its spec, and
// message types that they take.
type signer interface {
	// sign refuses a message whose length the algorithm does not take.
	sign(s statement) ([]byte, error)
	// verify is ErrInvalidSignature for any signature that does not match.
	verify(s statement, signature []byte) error
}

// signingHashes are the hashes of the algorithms that begin with one, and so take
// a message or its digest alike.
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
// RSASSA-PSS is as long as the hash; EdDSA and ML-DSA signatures are the bytes of
// RFC 8032 §5.1.6 and FIPS 204 §7.2, with an empty context. ErrInvalidLength is a
// digest that is not as long as the algorithm's hash, or a message representative
// that is not 64 bytes; ErrIncompatible an algorithm or message type that the spec
// does not have.
func (m *Material) Sign(alg SigningAlgorithm, kind MessageType, message []byte) ([]byte, error) {
	return with(m, func(k signer) ([]byte, error) {
		s := statement{alg, kind, message}
		if err := s.check(m.spec); err != nil {
			return nil, err
		}
		return k.sign(s)
	})
}

// Verify reports by nil that signature is one of message under the public half.
// ErrInvalidSignature is any that is not; other errors are those of Sign.
func (m *Material) Verify(alg SigningAlgorithm, kind MessageType, message, signature []byte) error {
	_, err := with(m, func(k signer) (struct{}, error) {
		s := statement{alg, kind, message}
		if err := s.check(m.spec); err != nil {
			return struct{}{}, err
		}
		return struct{}{}, k.verify(s, signature)
	})
	return err
}

// check refuses an algorithm that the spec does not have, and a message type that
// the algorithm does not take.
func (s statement) check(spec Spec) error {
	if !slices.Contains(families[spec].signing, s.alg) {
		return refuse(spec, string(s.alg))
	}
	if !s.alg.Takes(s.kind) {
		return fmt.Errorf("message type %q for %s: %w", string(s.kind), s.alg, ErrIncompatible)
	}
	return nil
}

// digest hashes the message, or takes it as the hash that it is said to be.
func (s statement) digest() (crypto.Hash, []byte, error) {
	hash := signingHashes[s.alg]
	if s.kind == Digest {
		if len(s.body) != hash.Size() {
			return 0, nil, fmt.Errorf("digest for %s: %w", s.alg, ErrInvalidLength)
		}
		return hash, s.body, nil
	}
	h := hash.New()
	h.Write(s.body)
	return hash, h.Sum(nil), nil
}
