package store

import (
	"fmt"

	"github.com/fxamacker/cbor/v2"
)

// Rows are CBOR maps by field name (or number, with keyasint), so that a field
// can be added without a new codec version: old rows leave it zero. Times keep
// their nanoseconds, in UTC, which no whole or fractional number of seconds does.
var (
	encoding = mustMode(cbor.EncOptions{Sort: cbor.SortNone, Time: cbor.TimeRFC3339NanoUTC}.EncMode())
	decoding = mustMode(cbor.DecOptions{
		DupMapKey:        cbor.DupMapKeyEnforcedAPF,
		MaxArrayElements: MaxValue,
		MaxMapPairs:      MaxValue,
		IndefLength:      cbor.IndefLengthForbidden,
		UTF8:             cbor.UTF8DecodeInvalid, // Go strings hold any bytes, and what was written must be read
	}.DecMode())
)

// mustMode panics where the options above contradict each other.
func mustMode[M any](m M, err error) M {
	if err != nil {
		panic(err)
	}
	return m
}

// encode returns the codec version and the row.
func (t *Table[T]) encode(row *T) ([]byte, error) {
	body, err := encoding.Marshal(row)
	if err != nil {
		return nil, fmt.Errorf("encode a row of %s: %w", t.name, err)
	}
	if len(body) >= MaxValue {
		return nil, fmt.Errorf("a row of %s with %d bytes: %w", t.name, len(body), ErrTooLarge)
	}
	out := make([]byte, 1, 1+len(body))
	out[0] = t.version
	return append(out, body...), nil
}

func (t *Table[T]) decode(plain []byte) (*T, error) {
	if len(plain) == 0 {
		return nil, fmt.Errorf("decode a row of %s: %w: it is empty", t.name, ErrCorrupt)
	}
	version, body := plain[0], plain[1:]
	if version > t.version {
		return nil, fmt.Errorf("a row of %s has codec version %d, known up to %d: %w", t.name, version, t.version, ErrNewer)
	}
	if version < t.version && t.upgrade != nil {
		return t.upgrade(version, body)
	}
	row := new(T)
	if err := decoding.Unmarshal(body, row); err != nil {
		return nil, fmt.Errorf("decode a row of %s: %w: %w", t.name, ErrCorrupt, err)
	}
	return row, nil
}

// Decode reads a row's CBOR into v. It is for the upgrade function of Codec.
func Decode[V any](body []byte, v *V) error { return decoding.Unmarshal(body, v) }

// Marshal encodes a value as rows are encoded, for what is sent to another store
// to become rows there.
func Marshal(v any) ([]byte, error) { return encoding.Marshal(v) }

// Unmarshal reads what Marshal gave.
func Unmarshal(b []byte, v any) error { return decoding.Unmarshal(b, v) }
