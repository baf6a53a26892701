package xks

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
)

// binary is a byte string that is sent in base64. Absent, null and "" are all
// the empty string.
type binary []byte

// strict64 has one encoding for each value, so that what is signed or hashed
// can't be written in a second way.
func strict64() *base64.Encoding { return base64.StdEncoding.Strict() }

var errBase64 = errors.New("not strict base64")

// MarshalText encodes b (RFC 4648, section 4).
func (b binary) MarshalText() ([]byte, error) { return strict64().AppendEncode(nil, b), nil }

// UnmarshalText decodes text. It names no byte of it: it may be a plaintext.
func (b *binary) UnmarshalText(text []byte) error {
	out, err := strict64().AppendDecode(nil, text)
	// The decoder skips line breaks, even when strict; the length betrays them.
	if err != nil || strict64().EncodedLen(len(out)) != len(text) {
		return errBase64
	}
	*b = out
	return nil
}

// read decodes the one JSON object of an answer. A member that isn't known is
// passed over, as the specification may grow some.
func read(body []byte, into any) error {
	if trimmed := bytes.TrimLeft(body, " \t\r\n"); len(trimmed) == 0 || trimmed[0] != '{' {
		return fmt.Errorf("%w: not a JSON object", ErrInvalidResponse)
	}
	if err := json.Unmarshal(body, into); err != nil {
		// encoding/json quotes what it read, which may be a plaintext.
		return fmt.Errorf("%w: malformed JSON", ErrInvalidResponse)
	}
	return nil
}
