// Package tuple writes lists of values as bytes that sort as the values do, so
// that an ordered store can keep composite keys and scan them by prefix.
//
// The order is nil < bytes < string < integer < bool < time, and within one
// kind the natural one. A tuple that is a prefix of another sorts before it.
// It refuses every other kind of value, and every encoding it would not have
// written itself. Flow: values → Append → bytes; bytes → Decode → values.
//
// The layout follows FoundationDB's tuple layer: a kind byte, then bytes that
// end in 00 with each inner 00 written as 00 FF, or integers of the least
// number of bytes whose kind byte tells sign and length.
package tuple

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/bits"
	"time"
)

// Separator is lower than every kind byte, so that a store can join two tuples
// with it and find the joint again. No tuple starts an element with it.
const Separator = 0x01

const (
	kindNil   = 0x02
	kindBytes = 0x03
	kindText  = 0x04
	kindZero  = 0x14 // the integer 0; 0x0c to 0x13 are negative, 0x15 to 0x1c positive
	kindFalse = 0x26
	kindTrue  = 0x27
	kindTime  = 0x30

	signBit = 1 << 63
)

// Append adds the encoding of v to dst. v is nil, []byte, string, int, int64,
// uint64, bool or time.Time (kept in UTC with its nanoseconds, over Go's whole
// range); anything else is an error, and dst is then returned as it was.
func Append(dst []byte, v any) ([]byte, error) {
	switch v := v.(type) {
	case nil:
		return append(dst, kindNil), nil
	case []byte:
		return appendEscaped(append(dst, kindBytes), v), nil
	case string:
		return appendEscaped(append(dst, kindText), v), nil
	case int:
		return appendInt(dst, int64(v)), nil
	case int64:
		return appendInt(dst, v), nil
	case uint64:
		return appendUint(dst, v), nil
	case bool:
		return appendBool(dst, v), nil
	case time.Time:
		return appendTime(dst, v), nil
	}
	return dst, fmt.Errorf("tuple: a value of type %T has no place in a key", v)
}

func appendEscaped[S string | []byte](dst []byte, s S) []byte {
	for i := range len(s) {
		dst = append(dst, s[i])
		if s[i] == 0 {
			dst = append(dst, 0xff)
		}
	}
	return append(dst, 0)
}

func appendBool(dst []byte, v bool) []byte {
	if v {
		return append(dst, kindTrue)
	}
	return append(dst, kindFalse)
}

// appendTime keeps seconds and nanoseconds apart, because time.Time's range of
// years does not fit one 64-bit count of nanoseconds.
func appendTime(dst []byte, t time.Time) []byte {
	dst = append(dst, kindTime)
	dst = binary.BigEndian.AppendUint64(dst, uint64(t.Unix())^signBit) //nolint:gosec // the bits, with the sign turned so that they sort
	return binary.BigEndian.AppendUint32(dst, uint32(t.Nanosecond()))  //nolint:gosec // below 1e9
}

func appendInt(dst []byte, v int64) []byte {
	if v >= 0 {
		return appendUint(dst, uint64(v))
	}
	magnitude := -uint64(v) //nolint:gosec // two's complement: right for the least int64 too
	n := byteLen(magnitude)
	return appendLow(append(dst, kindZero-n), ^magnitude, n)
}

func appendUint(dst []byte, v uint64) []byte {
	n := byteLen(v)
	return appendLow(append(dst, kindZero+n), v, n)
}

// appendLow adds the n lowest bytes of v, highest first.
func appendLow(dst []byte, v uint64, n byte) []byte {
	var buf [8]byte
	binary.BigEndian.PutUint64(buf[:], v)
	return append(dst, buf[8-n:]...)
}

func byteLen(v uint64) byte { return byte((bits.Len64(v) + 7) / 8) } //nolint:gosec // 0 to 8

// Decode returns the values of a whole tuple: nil, []byte, string, int64 (uint64
// where it doesn't fit), bool or time.Time in UTC. It fails on bytes that Append
// would not have written.
func Decode(b []byte) ([]any, error) {
	var out []any
	for len(b) > 0 {
		v, n, err := decodeOne(b)
		if err != nil {
			return nil, err
		}
		out, b = append(out, v), b[n:]
	}
	return out, nil
}

// Next returns the length of the first element of b, whose kind and end are
// checked. It fails at a Separator and at the end of b.
func Next(b []byte) (int, error) {
	if len(b) == 0 {
		return 0, fmt.Errorf("tuple: no element left")
	}
	switch k := b[0]; k {
	case kindBytes, kindText:
		return escapedLen(b)
	default:
		n, ok := fixedLen(k)
		if !ok || n > len(b) {
			return 0, malformed(b)
		}
		return n, nil
	}
}

func fixedLen(kind byte) (int, bool) {
	switch {
	case kind == kindNil, kind == kindFalse, kind == kindTrue:
		return 1, true
	case kind == kindTime:
		return 13, true
	case kind >= kindZero-8 && kind < kindZero:
		return 1 + int(kindZero-kind), true
	case kind >= kindZero && kind <= kindZero+8:
		return 1 + int(kind-kindZero), true
	}
	return 0, false
}

// escapedLen finds the 00 that is not followed by FF.
func escapedLen(b []byte) (int, error) {
	for i := 1; i < len(b); i++ {
		if b[i] != 0 {
			continue
		}
		if i+1 == len(b) || b[i+1] != 0xff {
			return i + 1, nil
		}
		i++
	}
	return 0, malformed(b)
}

func decodeOne(b []byte) (any, int, error) {
	n, err := Next(b)
	if err != nil {
		return nil, 0, err
	}
	kind, body := b[0], b[1:n]
	switch kind {
	case kindNil:
		return nil, n, nil
	case kindFalse, kindTrue:
		return kind == kindTrue, n, nil
	case kindBytes:
		return unescape(body), n, nil
	case kindText:
		return string(unescape(body)), n, nil
	case kindTime:
		return decodeTime(body, n)
	}
	return decodeInt(b, n)
}

func unescape(body []byte) []byte {
	out := make([]byte, 0, len(body)-1)
	for i := 0; i < len(body)-1; i++ {
		out = append(out, body[i])
		if body[i] == 0 {
			i++ // the FF
		}
	}
	return out
}

func decodeTime(body []byte, n int) (any, int, error) {
	sec := int64(binary.BigEndian.Uint64(body) ^ signBit) //nolint:gosec // undoes appendTime
	nsec := binary.BigEndian.Uint32(body[8:])
	if nsec >= uint32(time.Second) {
		return nil, 0, malformed(body)
	}
	return time.Unix(sec, int64(nsec)).UTC(), n, nil
}

func decodeInt(b []byte, n int) (any, int, error) {
	negative := b[0] < kindZero
	var v uint64
	for _, c := range b[1:n] {
		if negative {
			c = ^c
		}
		v = v<<8 | uint64(c)
	}
	if int(byteLen(v)) != n-1 || negative && v > signBit { // not the shortest form, or below int64
		return nil, 0, malformed(b)
	}
	switch {
	case negative:
		return int64(-v), n, nil //nolint:gosec // undoes appendInt: v is at most signBit
	case v < signBit:
		return int64(v), n, nil
	}
	return v, n, nil
}

func malformed(b []byte) error {
	return fmt.Errorf("tuple: malformed element of kind %#02x", b[0])
}

// Successor returns the least key that is greater than every key that begins
// with prefix, and nil when there is none (an empty prefix, or only FF bytes).
func Successor(prefix []byte) []byte {
	for i := len(prefix) - 1; i >= 0; i-- {
		if prefix[i] != 0xff {
			out := bytes.Clone(prefix[:i+1])
			out[i]++
			return out
		}
	}
	return nil
}
