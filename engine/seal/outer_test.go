package seal_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"testing"

	"pgregory.net/rapid"

	"github.com/garrison-cloud/garrison/engine/seal"
)

// TestOuterLayout holds the format and what is bound to what is in blobs that
// exist: the digest is of the context's canonical form, computed elsewhere.
func TestOuterLayout(t *testing.T) {
	t.Parallel()
	h := seal.Header{Account: account, KeyID: singleKey, MaterialID: seal.MaterialID{31: 7}}
	const head = "02001cbe991a141234abcd12ab34cd56ef1234567890ab0000000000000000000000000000000000000000000000000000000000000007"
	blob, err := h.Enclose([]byte{0xaa, 0xbb})
	if got := hex.EncodeToString(blob); err != nil || got != head+"aabb" {
		t.Errorf("Enclose = %s, %v", got, err)
	}
	aad, err := h.OuterAAD(map[string]string{"a": "b"})
	// printf '\0\0\0\1\0\0\0\1a\0\0\0\1b' | sha256sum
	const digest = "6675a94c1551f356f7ec576a6b19de0f44dff8bd0b37d2af8521508861b0f4de"
	if got := hex.EncodeToString(aad); err != nil || got != head+digest {
		t.Errorf("OuterAAD = %s, %v", got, err)
	}
}

// TestOuter: what is enclosed comes out, under a header that tells its kind, and
// is never taken for a blob of Seal, nor the other way round.
func TestOuter(t *testing.T) {
	t.Parallel()
	m := generate(t, seal.SymmetricDefault)
	rapid.Check(t, func(t *rapid.T) {
		h, sealed := drawHeader(t), rapid.SliceOfN(rapid.Byte(), 1, 5000).Draw(t, "sealed")
		blob, err := h.Enclose(sealed)
		if h.KeyID[:4] == "mrk-" {
			if !errors.Is(err, seal.ErrInvalidHeader) {
				t.Fatalf("Enclose of a multi-Region key: error = %v, want %v", err, seal.ErrInvalidHeader)
			}
			return
		}
		if err != nil {
			t.Fatalf("Enclose: %v", err)
		}
		h.Outer = true
		if got, err := seal.ParseBlob(blob); got != h || err != nil {
			t.Fatalf("ParseBlob = %v, %v, want %v", got, err, h)
		}
		if got, err := seal.Enclosed(blob); !bytes.Equal(got, sealed) || err != nil {
			t.Fatalf("Enclosed gives other bytes (%v)", err)
		}
		refuse(t, "an outer blob", m, blob, nil)
		inner, err := m.Seal(h, sealed[:1], nil)
		if err != nil {
			t.Fatalf("Seal: %v", err)
		}
		if _, err = seal.Enclosed(inner); !errors.Is(err, seal.ErrInvalidCiphertext) {
			t.Fatalf("Enclosed of a blob of Seal: error = %v, want %v", err, seal.ErrInvalidCiphertext)
		}
	})
	h := header(t, m)
	for _, n := range []int{0, seal.MaxCiphertext} {
		_, err := h.Enclose(make([]byte, n))
		wantErr(t, "Enclose of a wrong size", err, seal.ErrInvalidLength)
	}
	_, err := seal.Enclosed(nil)
	wantErr(t, "Enclosed of nothing", err, seal.ErrInvalidCiphertext)
}
