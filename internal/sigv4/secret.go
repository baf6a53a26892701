package sigv4

import (
	"crypto/sha256"
	"fmt"
	"io"
	"log/slog"
)

const redacted = "redacted"

// A Secret is a secret access key. Nothing prints it: not fmt, not slog, not a
// JSON or text encoder. The zero Secret verifies no signature.
type Secret struct{ key string }

// NewSecret returns key as a Secret.
func NewSecret(key string) Secret { return Secret{key} }

// String returns "redacted".
func (Secret) String() string { return redacted }

// GoString returns "redacted".
func (Secret) GoString() string { return redacted }

// Format writes "redacted", whatever the verb. A fmt.State reports no errors.
func (Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// LogValue returns "redacted".
func (Secret) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText returns "redacted".
func (Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// fingerprint stands for the secret in the cache of derived keys, so that the
// cache never holds what outlives the day.
func (s Secret) fingerprint() [sha256.Size]byte {
	buf := append(make([]byte, 0, 128), s.key...)
	sum := sha256.Sum256(buf)
	clear(buf)
	return sum
}
