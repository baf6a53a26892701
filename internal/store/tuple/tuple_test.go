package tuple_test

import (
	"bytes"
	"cmp"
	"math"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/garrison-cloud/garrison/internal/store/tuple"
)

func pack(tb testing.TB, vs ...any) []byte {
	tb.Helper()
	var out []byte
	for _, v := range vs {
		var err error
		if out, err = tuple.Append(out, v); err != nil {
			tb.Fatal(err)
		}
	}
	return out
}

// The list is in order; each pair of it must compare so, encoded too.
func TestOrder(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 3, 1, 0, 0, 0, 1, time.UTC)
	ordered := [][]any{
		{},
		{nil},
		{nil, nil},
		{[]byte{}},
		{[]byte{0}},
		{[]byte{0, 0}},
		{[]byte{0, 1}},
		{[]byte{1}},
		{[]byte{255}},
		{""},
		{"", ""},
		{"", 1},
		{"\x00"},
		{"a"},
		{"a", "b"},
		{"a\x00"},
		{"a\x00\xff"},
		{"aa"},
		{"b"},
		{"\xff"},
		{math.MinInt64},
		{math.MinInt64 + 1},
		{-256},
		{-255},
		{-1},
		{0},
		{1},
		{255},
		{256},
		{math.MaxInt64},
		{uint64(math.MaxInt64) + 1},
		{uint64(math.MaxUint64)},
		{false},
		{true},
		{time.Time{}},
		{time.Unix(-1, 999999999)},
		{time.Unix(0, 0)},
		{at},
		{at.Add(1)},
		{time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)},
	}
	for i, a := range ordered {
		for j, b := range ordered {
			if got, want := bytes.Compare(pack(t, a...), pack(t, b...)), cmp.Compare(i, j); got != want {
				t.Errorf("%v against %v = %d, want %d", a, b, got, want)
			}
		}
	}
}

// value draws one value of a kind that Decode gives back as it is.
func value() *rapid.Generator[any] {
	return rapid.OneOf(
		rapid.Just[any](nil),
		rapid.Map(rapid.SliceOf(rapid.Byte()), func(b []byte) any { return append([]byte{}, b...) }),
		rapid.Map(rapid.String(), func(s string) any { return s }),
		rapid.Map(rapid.Int64(), func(i int64) any { return i }),
		rapid.Map(rapid.Uint64Min(math.MaxInt64+1), func(u uint64) any { return u }),
		rapid.Map(rapid.Bool(), func(b bool) any { return b }),
		rapid.Map(rapid.Int64Range(-1e15, 1e15), func(n int64) any { return time.Unix(n/7, n&0xfffffff).UTC() }),
	)
}

func TestRoundTripAndOrder(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		a := rapid.SliceOfN(value(), 0, 4).Draw(t, "a")
		b := rapid.SliceOfN(value(), 0, 4).Draw(t, "b")
		for _, vs := range [][]any{a, b} {
			got, err := tuple.Decode(packed(vs))
			if err != nil || len(got) != len(vs) || len(vs) > 0 && !gocmp.Equal(got, vs) {
				t.Fatalf("decode(encode(%v)) = %v, %v", vs, got, err)
			}
		}
		if got, want := bytes.Compare(packed(a), packed(b)), compare(a, b); got != want {
			t.Fatalf("compare %v, %v: bytes say %d, values say %d", a, b, got, want)
		}
	})
}

func packed(vs []any) []byte {
	var out []byte
	for _, v := range vs {
		out, _ = tuple.Append(out, v)
	}
	return out
}

// compare is the order as the package comment tells it.
func compare(a, b []any) int {
	for i := range min(len(a), len(b)) {
		if c := compareOne(a[i], b[i]); c != 0 {
			return c
		}
	}
	return cmp.Compare(len(a), len(b))
}

func compareOne(a, b any) int {
	if c := cmp.Compare(rank(a), rank(b)); c != 0 {
		return c
	}
	switch a := a.(type) {
	case []byte:
		return bytes.Compare(a, b.([]byte))
	case string:
		return cmp.Compare(a, b.(string))
	case int64:
		if b, ok := b.(int64); ok {
			return cmp.Compare(a, b)
		}
		return -1
	case uint64:
		if b, ok := b.(uint64); ok {
			return cmp.Compare(a, b)
		}
		return 1
	case bool:
		return cmp.Compare(rankBool(a), rankBool(b.(bool)))
	case time.Time:
		return a.Compare(b.(time.Time))
	}
	return 0
}

func rankBool(b bool) int {
	if b {
		return 1
	}
	return 0
}

func rank(v any) int {
	switch v.(type) {
	case nil:
		return 0
	case []byte:
		return 1
	case string:
		return 2
	case int64, uint64:
		return 3
	case bool:
		return 4
	}
	return 5
}

// Whatever Decode accepts is what Append writes: there is one encoding a value.
func FuzzDecode(f *testing.F) {
	f.Add([]byte{})
	f.Add(packed([]any{"a\x00b", []byte{0xff, 0}, int64(-300), uint64(math.MaxUint64), true, nil, time.Unix(5, 6)}))
	f.Add([]byte{0x0c, 0, 0, 0, 0, 0, 0, 0, 0})
	f.Add([]byte{0x15, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		vs, err := tuple.Decode(b)
		if err != nil {
			return
		}
		if got := packed(vs); !bytes.Equal(got, b) {
			t.Fatalf("%x decodes to %v, which encodes to %x", b, vs, got)
		}
	})
}

func TestRefuses(t *testing.T) {
	t.Parallel()
	if _, err := tuple.Append(nil, 1.5); err == nil {
		t.Error("a float has no place in a key, yet it was taken")
	}
	for _, b := range [][]byte{{0x01}, {0x03}, {0x04, 'a'}, {0x04, 'a', 0, 0xff}, {0x15}, {0x15, 0}, {0x30, 1}, {0xff}} {
		if vs, err := tuple.Decode(b); err == nil {
			t.Errorf("decode %x = %v, want an error", b, vs)
		}
	}
}

func TestSuccessor(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ in, want []byte }{
		{nil, nil}, {[]byte{0xff}, nil}, {[]byte{1}, []byte{2}}, {[]byte{1, 0xff}, []byte{2}}, {[]byte{1, 2}, []byte{1, 3}},
	} {
		if got := tuple.Successor(tt.in); !bytes.Equal(got, tt.want) {
			t.Errorf("successor of %x = %x, want %x", tt.in, got, tt.want)
		}
	}
}
