package seal_test

import (
	"bytes"
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/garrison-cloud/garrison/engine/seal"
)

const (
	account   = "123456789012"
	singleKey = "1234abcd-12ab-34cd-56ef-1234567890ab"
	multiKey  = "mrk-1234abcd12ab34cd56ef1234567890ab"
)

// header names m, or for material that has no id, nothing that matters.
func header(t testing.TB, m *seal.Material) seal.Header {
	t.Helper()
	id, err := m.ID(singleKey)
	if err != nil {
		return seal.Header{Account: account, KeyID: singleKey}
	}
	return seal.Header{Account: account, KeyID: singleKey, MaterialID: id}
}

// knownBlobs were made by another program from the layout in blob.go, with the
// material 00…1f. They must open for ever: users keep blobs for years.
var knownBlobs = []struct{ key, material, blob string }{
	{
		singleKey, "5872bf4edb615963f4568ee6fc62df4b4d88005f1e2ac6a3ea765266ee3a08a5",
		"01001cbe991a141234abcd12ab34cd56ef1234567890ab5872bf4edb615963f4568ee6fc62df4b4d88005f1e2ac6a3ea765266ee3a08a5" +
			"a0a1a2a3a4a5a6a7a8a9aaabacadaeafb0b1b2b3b4b5b6b7b8b9babb" +
			"88d59bfb2996fae221ebe905488dc52b288e25687fa17a88327cf00a5d91",
	},
	{
		multiKey, "ef08a876ce4d7ef3e3dc7dfd75dd5b01e0b07035db9179f47fc4c64c286d4588",
		"01011cbe991a141234abcd12ab34cd56ef1234567890abef08a876ce4d7ef3e3dc7dfd75dd5b01e0b07035db9179f47fc4c64c286d4588" +
			"a0a1a2a3a4a5a6a7a8a9aaabacadaeafb0b1b2b3b4b5b6b7b8b9babb" +
			"88d59bfb2996fae221ebe905488d398f8d903684773fbca52af0b593fd84",
	},
}

func TestKnownBlobsOpen(t *testing.T) {
	t.Parallel()
	raw := make([]byte, 32)
	for i := range raw {
		raw[i] = byte(i)
	}
	m := load(t, seal.SymmetricDefault, raw)
	for _, tt := range knownBlobs {
		blob := unhex(t, tt.blob)
		got, err := seal.ParseBlob(blob)
		if err != nil {
			t.Fatalf("ParseBlob: %v", err)
		}
		id, err := m.ID(tt.key)
		if err != nil || id.String() != tt.material {
			t.Errorf("ID(%s) = %s, %v, want %s", tt.key, id, err, tt.material)
		}
		if diff := cmp.Diff(seal.Header{Account: account, KeyID: tt.key, MaterialID: id}, got); diff != "" {
			t.Errorf("header (-want +got):\n%s", diff)
		}
		plaintext, err := m.Open(blob, map[string]string{"purpose": "tést", "department": "10103.0"})
		if string(plaintext) != "attack at dawn" || err != nil {
			t.Errorf("Open = %q, %v", plaintext, err)
		}
	}
}

func TestSealRefuses(t *testing.T) {
	t.Parallel()
	m := generate(t, seal.SymmetricDefault)
	for _, tt := range []struct {
		name string
		h    seal.Header
		size int
		want error
	}{
		{"account too short", seal.Header{Account: "12345678901", KeyID: singleKey}, 1, seal.ErrInvalidHeader},
		{"account with a sign", seal.Header{Account: "+12345678901", KeyID: singleKey}, 1, seal.ErrInvalidHeader},
		{"no key id", seal.Header{Account: account}, 1, seal.ErrInvalidHeader},
		{"an ARN", seal.Header{Account: account, KeyID: "arn:aws:kms:::key/" + singleKey}, 1, seal.ErrInvalidHeader},
		{"upper case", seal.Header{Account: account, KeyID: strings.ToUpper(singleKey)}, 1, seal.ErrInvalidHeader},
		{"dashes elsewhere", seal.Header{Account: account, KeyID: "1234abcd1-2ab-34cd-56ef-1234567890ab"}, 1, seal.ErrInvalidHeader},
		{"short mrk", seal.Header{Account: account, KeyID: multiKey[:34]}, 1, seal.ErrInvalidHeader},
		{"plaintext too long", seal.Header{Account: account, KeyID: singleKey}, seal.MaxPlaintext + 1, seal.ErrInvalidLength},
	} {
		_, err := m.Seal(tt.h, make([]byte, tt.size), nil)
		wantErr(t, tt.name, err, tt.want)
	}
	_, err := generate(t, seal.P256).Seal(header(t, m), nil, nil)
	wantErr(t, "Seal under P-256", err, seal.ErrIncompatible)
	_, err = generate(t, seal.HMAC256).Open(unhex(t, knownBlobs[0].blob), nil)
	wantErr(t, "Open under HMAC", err, seal.ErrIncompatible)
	_, err = generate(t, seal.HMAC256).ID(singleKey)
	wantErr(t, "ID of HMAC", err, seal.ErrIncompatible)
}

func TestMaterialID(t *testing.T) {
	t.Parallel()
	m := generate(t, seal.SymmetricDefault)
	id := header(t, m).MaterialID
	if again, err := load(t, seal.SymmetricDefault, secret(t, m)).ID(singleKey); again != id || err != nil {
		t.Errorf("the same material has the id %s and %s (%v)", id, again, err)
	}
	if other, err := m.ID(multiKey); other == id || err != nil {
		t.Errorf("two keys share the material id %s (%v)", id, err)
	}
	if got, err := seal.ParseMaterialID(id.String()); got != id || err != nil {
		t.Errorf("ParseMaterialID(%s) = %s, %v", id, got, err)
	}
	for _, bad := range []string{"", id.String()[1:], strings.ToUpper("a" + id.String()[1:]), "g" + id.String()[1:], id.String() + "0"} {
		_, err := seal.ParseMaterialID(bad)
		wantErr(t, bad, err, seal.ErrInvalidHeader)
	}
}

func drawContext(t *rapid.T, name string) map[string]string {
	return rapid.MapOfN(rapid.StringN(0, 12, 32), rapid.StringN(0, 12, 32), 0, 4).Draw(t, name)
}

func drawHeader(t *rapid.T) seal.Header {
	h := seal.Header{
		Account: rapid.StringMatching(`[0-9]{12}`).Draw(t, "account"),
		KeyID:   rapid.StringMatching(`[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|mrk-[0-9a-f]{32}`).Draw(t, "key"),
	}
	copy(h.MaterialID[:], rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "material"))
	return h
}

// TestSealOpen: what is sealed opens, names its key, and opens no more once any
// bit of it, its context or its key is another.
func TestSealOpen(t *testing.T) {
	t.Parallel()
	m, other := generate(t, seal.SymmetricDefault), generate(t, seal.SymmetricDefault)
	rapid.Check(t, func(t *rapid.T) {
		h, context := drawHeader(t), drawContext(t, "context")
		plaintext := rapid.SliceOfN(rapid.Byte(), 0, seal.MaxPlaintext).Draw(t, "plaintext")
		blob, err := m.Seal(h, plaintext, context)
		if err != nil {
			t.Fatalf("Seal: %v", err)
		}
		if got, want := len(blob), len(plaintext)+99; got != want || got > seal.MaxCiphertext {
			t.Fatalf("the blob has %d bytes, want %d", got, want)
		}
		if got, err := seal.ParseBlob(blob); got != h || err != nil {
			t.Fatalf("ParseBlob = %v, %v, want %v", got, err, h)
		}
		if got, err := m.Open(blob, maps.Clone(context)); !bytes.Equal(got, plaintext) || err != nil {
			t.Fatalf("Open gives other bytes (%v)", err)
		}
		again, err := m.Seal(h, plaintext, context)
		if err != nil || bytes.Equal(again[55:83], blob[55:83]) {
			t.Fatalf("salt and nonce repeat (%v)", err)
		}
		refuse(t, "another key", other, blob, context)
		refuse(t, "a changed bit", m, flip(t, blob), context)
		refuse(t, "a cut", m, blob[:rapid.IntRange(0, len(blob)-1).Draw(t, "cut")], context)
		refuse(t, "a longer blob", m, append(bytes.Clone(blob), 0), context)
		changed := drawContext(t, "other context")
		if !maps.Equal(changed, context) {
			refuse(t, "another context", m, blob, changed)
		}
	})
}

func flip(t *rapid.T, b []byte) []byte {
	out := bytes.Clone(b)
	out[rapid.IntRange(0, len(b)-1).Draw(t, "byte")] ^= 1 << rapid.IntRange(0, 7).Draw(t, "bit")
	return out
}

func refuse(t *rapid.T, what string, m *seal.Material, blob []byte, context map[string]string) {
	t.Helper()
	got, err := m.Open(blob, context)
	if err != seal.ErrInvalidCiphertext || got != nil { //nolint:errorlint // the bare sentinel: nothing may tell causes apart
		t.Fatalf("Open of %s = %d bytes, %v, want %v", what, len(got), err, seal.ErrInvalidCiphertext)
	}
}

// TestEveryByteCounts changes each byte of one blob in turn.
func TestEveryByteCounts(t *testing.T) {
	t.Parallel()
	m := generate(t, seal.SymmetricDefault)
	blob, err := m.Seal(header(t, m), []byte("plaintext"), map[string]string{"a": "b"})
	if err != nil {
		t.Fatal(err)
	}
	for i := range blob {
		for _, mask := range []byte{1, 0x80, 0xff} {
			bad := bytes.Clone(blob)
			bad[i] ^= mask
			_, err := m.Open(bad, map[string]string{"a": "b"})
			wantErr(t, fmt.Sprintf("byte %d ^ %#x", i, mask), err, seal.ErrInvalidCiphertext)
		}
	}
}

func TestParseBlobBounds(t *testing.T) {
	t.Parallel()
	known := unhex(t, knownBlobs[0].blob)
	for name, change := range map[string]func(b []byte) []byte{
		"nothing":             func([]byte) []byte { return nil },
		"too short":           func(b []byte) []byte { return b[:98] },
		"too long":            func(b []byte) []byte { return append(b, make([]byte, seal.MaxCiphertext)...) },
		"another version":     func(b []byte) []byte { b[0] = 3; return b },
		"another kind":        func(b []byte) []byte { b[1] = 2; return b },
		"account of 13 chars": func(b []byte) []byte { copy(b[2:], "\xe8\xd4\xa5\x10\x00"); return b },
	} {
		_, err := seal.ParseBlob(change(bytes.Clone(known)))
		wantErr(t, name, err, seal.ErrInvalidCiphertext)
	}
	last := bytes.Clone(known)
	copy(last[2:], "\xe8\xd4\xa5\x0f\xff")
	if h, err := seal.ParseBlob(last); h.Account != "999999999999" || err != nil {
		t.Errorf("the last account is %q, %v", h.Account, err)
	}
}
