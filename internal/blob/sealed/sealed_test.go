package sealed_test

import (
	"bytes"
	"errors"
	"io"
	"testing"

	"pgregory.net/rapid"

	"github.com/garrison-cloud/garrison/internal/blob/sealed"
)

func key(t testing.TB, name string) *sealed.Key {
	t.Helper()
	k, err := sealed.DeriveKey(bytes.Repeat([]byte{7}, sealed.KeySize), name)
	if err != nil {
		t.Fatal(err)
	}
	return &k
}

func pattern(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i*31 + i>>8)
	}
	return b
}

func seal(t testing.TB, k *sealed.Key, plain []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	w, err := sealed.NewWriter(&out, k)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(plain); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func open(k *sealed.Key, body []byte, off, n, size int64) ([]byte, error) {
	e, err := sealed.Part(off, n, size)
	if err != nil {
		return nil, err
	}
	cut := body[min(e.Off, int64(len(body))):min(e.Off+e.Size, int64(len(body)))]
	r, err := sealed.NewReader(bytes.NewReader(cut), k, e)
	if err != nil {
		return nil, err
	}
	return io.ReadAll(r)
}

var sizes = []int{0, 1, 100, 65535, 65536, 65537, 2 * 65536, 3*65536 + 5}

// TestParts reads every kind of part of bodies of every kind of length.
func TestParts(t *testing.T) {
	t.Parallel()
	k := key(t, "a")
	for _, size := range sizes {
		plain := pattern(size)
		body := seal(t, k, plain)
		if got := sealed.Size(int64(size)); got != int64(len(body)) {
			t.Errorf("Size(%d) = %d, want %d", size, got, len(body))
		}
		for _, off := range []int{0, 1, 65535, 65536, 70000, size - 1, size} {
			for _, n := range []int{0, 1, 2, 65536, size - off} {
				if off < 0 || n < 0 || off+n > size {
					continue
				}
				got, err := open(k, body, int64(off), int64(n), int64(size))
				if err != nil || !bytes.Equal(got, plain[off:off+n]) {
					t.Errorf("size %d: %d bytes from %d: %d bytes, %v", size, n, off, len(got), err)
				}
			}
		}
	}
}

// TestDamage changes, cuts, appends to and swaps sealed bodies: no wrong byte comes out.
func TestDamage(t *testing.T) {
	t.Parallel()
	k, plain := key(t, "a"), pattern(3*65536+5)
	body := seal(t, k, plain)
	size := int64(len(plain))
	rapid.Check(t, func(rt *rapid.T) {
		bad := bytes.Clone(body)
		bad[rapid.IntRange(0, len(bad)-1).Draw(rt, "at")] ^= 1 << rapid.IntRange(0, 7).Draw(rt, "bit")
		got, err := open(k, bad, 0, size, size)
		if !errors.Is(err, sealed.ErrDamaged) || !bytes.HasPrefix(plain, got) {
			rt.Fatalf("a flipped bit: %d bytes, %v; want ErrDamaged", len(got), err)
		}
	})
	for at := 0; at < len(body); at += 65536 + 32 {
		for _, cut := range []int{at, at + 1, at + 31} {
			if got, err := open(k, body[:min(cut, len(body)-1)], 0, size, size); !errors.Is(err, sealed.ErrDamaged) || !bytes.HasPrefix(plain, got) {
				t.Errorf("cut at %d: %d bytes, %v; want ErrDamaged", cut, len(got), err)
			}
		}
	}
	if _, err := open(key(t, "b"), body, 0, size, size); !errors.Is(err, sealed.ErrDamaged) {
		t.Errorf("another body's key = %v, want ErrDamaged", err)
	}
	const step = 65536 + 32
	swapped := append(append(bytes.Clone(body[step:2*step]), body[:step]...), body[2*step:]...)
	if _, err := open(k, swapped, 0, size, size); !errors.Is(err, sealed.ErrDamaged) {
		t.Errorf("swapped packages = %v, want ErrDamaged", err)
	}
	if _, err := open(k, body, 65536, 10, size); err != nil {
		t.Errorf("a part = %v", err)
	}
	if _, err := open(k, body[step:], 0, 10, size); !errors.Is(err, sealed.ErrDamaged) {
		t.Errorf("a package in another's place = %v, want ErrDamaged", err)
	}
}

// TestSmall seals small bodies, and finds every change.
func TestSmall(t *testing.T) {
	t.Parallel()
	k := key(t, "a")
	for _, size := range []int{0, 1, 1024} {
		body, err := sealed.SealSmall(k, pattern(size))
		if err != nil {
			t.Fatal(err)
		}
		got, err := sealed.OpenSmall(k, body)
		if err != nil || !bytes.Equal(got, pattern(size)) {
			t.Errorf("OpenSmall of %d = %d bytes, %v", size, len(got), err)
		}
		for i := range body {
			bad := bytes.Clone(body)
			bad[i] ^= 4
			if _, err := sealed.OpenSmall(k, bad); !errors.Is(err, sealed.ErrDamaged) {
				t.Fatalf("byte %d changed = %v, want ErrDamaged", i, err)
			}
		}
	}
}
