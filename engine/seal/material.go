package seal

import (
	"fmt"
	"io"
	"log/slog"
	"sync"
)

// key is parsed key material of one spec. What else it can do it shows by the
// interfaces it implements: publisher, signer, encrypter, macer, agreer.
type key interface {
	// bytes encodes the key so that its family's parse gives it back.
	bytes() ([]byte, error)
	// erase overwrites what it can reach.
	erase()
}

// publisher is a key with a public half.
type publisher interface {
	// public is the public key as a DER SubjectPublicKeyInfo.
	public() []byte
}

// Material is the secret of a key, parsed once so that using it parses nothing.
// Its methods are safe for concurrent use. It prints as its spec, whatever the
// verb.
type Material struct {
	spec Spec

	mu  sync.RWMutex // mu keeps erasure from running beside a use of key
	key key          // key is nil once erased
}

// Generate makes new random material. A pair of RSA_4096 may take seconds.
// Randomness is the operating system's and cannot be supplied: the standard
// library's generators ignore any other source.
func Generate(spec Spec) (*Material, error) {
	f, ok := families[spec]
	if !ok {
		return nil, fmt.Errorf("key spec %q: %w", string(spec), ErrUnknownSpec)
	}
	k, err := f.generate()
	if err != nil {
		return nil, fmt.Errorf("generate %s: %w", spec, err)
	}
	return &Material{spec: spec, key: k}, nil
}

// Load parses what Bytes gave, or imported material of the same encoding, and
// refuses material of any other spec with ErrInvalidMaterial. It keeps no
// reference to b.
func Load(spec Spec, b []byte) (*Material, error) {
	f, ok := families[spec]
	if !ok {
		return nil, fmt.Errorf("key spec %q: %w", string(spec), ErrUnknownSpec)
	}
	if len(b) > maxMaterial {
		return nil, fmt.Errorf("load %s: %w", spec, ErrInvalidMaterial)
	}
	k, err := f.parse(b)
	if err != nil {
		// The parser's own words could quote the material.
		return nil, fmt.Errorf("load %s: %w", spec, ErrInvalidMaterial)
	}
	return &Material{spec: spec, key: k}, nil
}

// maxMaterial bounds what Load parses, in bytes. RSA_4096 takes about 2,400.
const maxMaterial = 8 << 10

// Spec returns the key spec.
func (m *Material) Spec() Spec { return m.spec }

// Bytes returns the secret itself, for the sealed store: the raw bytes of
// symmetric and HMAC keys, PKCS#8 DER (RFC 5958) of the others. Whoever asks
// for it clears it.
func (m *Material) Bytes() ([]byte, error) {
	return with(m, func(k key) ([]byte, error) { return k.bytes() })
}

// PublicKey returns the public key as a DER SubjectPublicKeyInfo (RFC 5280
// §4.1.2.7), what GetPublicKey answers. The slice is the caller's own.
func (m *Material) PublicKey() ([]byte, error) {
	return with(m, func(k publisher) ([]byte, error) { return append([]byte(nil), k.public()...), nil })
}

// Erase overwrites the material, as far as Go lets a program do so: copies that
// the standard library or the garbage collector made are out of reach. It waits
// for running uses; later ones get ErrErased.
func (m *Material) Erase() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.key != nil {
		m.key.erase()
		m.key = nil
	}
}

// String names the spec and nothing else.
func (m *Material) String() string { return string(m.spec) + " material (redacted)" }

// Format prints String for every verb, so that no flag reaches the secret.
func (m *Material) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, m.String()) }

// LogValue logs String.
func (m *Material) LogValue() slog.Value { return slog.StringValue(m.String()) }

// with runs f on m's key where the key can do what K asks. The key cannot be
// erased meanwhile: a half-erased key would encrypt under zeros.
func with[K, R any](m *Material, f func(K) (R, error)) (R, error) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	var none R
	if m.key == nil {
		return none, fmt.Errorf("key spec %s: %w", m.spec, ErrErased)
	}
	k, ok := m.key.(K)
	if !ok {
		return none, fmt.Errorf("key spec %s: %w", m.spec, ErrIncompatible)
	}
	return f(k)
}
