package seal

import (
	"fmt"
	"io"
	"log/slog"
)

// DataKeySpec names the length of a symmetric data key (KMS DataKeySpec).
type DataKeySpec string

// The data key specs.
const (
	AES256 DataKeySpec = "AES_256"
	AES128 DataKeySpec = "AES_128"
)

// Size returns the length in bytes, 32 or 16, and ErrUnknownSpec for another
// spec.
func (s DataKeySpec) Size() (int, error) {
	switch s {
	case AES256:
		return 32, nil
	case AES128:
		return 16, nil
	}
	return 0, fmt.Errorf("data key spec %q: %w", string(s), ErrUnknownSpec)
}

// DataKeyPair is a key pair that leaves KMS: GenerateDataKeyPair answers both
// halves. It prints only that it is one.
type DataKeyPair struct {
	// Private is PKCS#8 DER (RFC 5958). Whoever holds it clears it.
	Private []byte
	// Public is a DER SubjectPublicKeyInfo.
	Public []byte
}

// Format prints that it is a key pair, for every verb.
func (p *DataKeyPair) Format(s fmt.State, _ rune) {
	_, _ = io.WriteString(s, "data key pair (redacted)")
}

// LogValue logs what Format prints.
func (p *DataKeyPair) LogValue() slog.Value { return slog.StringValue(fmt.Sprint(p)) }

// GenerateDataKeyPair makes a pair of a spec that has DataKeyPair; other specs
// are ErrIncompatible.
func GenerateDataKeyPair(spec Spec) (*DataKeyPair, error) {
	if spec.Known() && !spec.DataKeyPair() {
		return nil, fmt.Errorf("data key pair of spec %s: %w", spec, ErrIncompatible)
	}
	m, err := Generate(spec)
	if err != nil {
		return nil, err
	}
	defer m.Erase()
	private, err := m.Bytes()
	if err != nil {
		return nil, err
	}
	public, err := m.PublicKey()
	if err != nil {
		return nil, err
	}
	return &DataKeyPair{Private: private, Public: public}, nil
}
