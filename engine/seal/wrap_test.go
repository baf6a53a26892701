package seal_test

import (
	"bytes"
	"crypto/aes"
	"encoding/hex"
	"testing"

	"pgregory.net/rapid"

	"github.com/garrison-cloud/garrison/engine/seal"
)

// TestKnownKWP is RFC 5649 §6, and one wrapping by OpenSSL 3 under AES-256 as the
// KMS Developer Guide shows it (openssl enc -id-aes256-wrap-pad -iv A65959A6).
func TestKnownKWP(t *testing.T) {
	t.Parallel()
	const kek192 = "5840df6e29b02af1ab493b705bf16ea1ae8338f4dcc176a8"
	const kek256 = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
	for _, tt := range []struct{ kek, key, want string }{
		{kek192, "c37b7e6492584340bed12207808941155068f738", "138bdeaa9b8fa7fc61f97742e72248ee5ae6ae5360d1ae6a5f54f373fa543b6a"},
		{kek192, "466f7250617369", "afbeb0f07dfbf5419200f2ccb50bb24f"},
		{kek256, "5365637265742041736e2e31", "a972ddaa1b19c8ae0cc81d486c54e8d59cddc491f7d5f5e0"},
	} {
		kek, key := unhex(t, tt.kek), unhex(t, tt.key)
		got, err := seal.WrapKWP(kek, key)
		if hex.EncodeToString(got) != tt.want || err != nil {
			t.Errorf("WrapKWP(%s) = %x, %v, want %s", tt.key, got, err, tt.want)
		}
		if got, err := seal.UnwrapKWP(kek, unhex(t, tt.want)); !bytes.Equal(got, key) || err != nil {
			t.Errorf("UnwrapKWP(%s) = %x, %v, want %s", tt.want, got, err, tt.key)
		}
	}
}

func TestKWP(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		kek := rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "kek")
		key := rapid.SliceOfN(rapid.Byte(), 1, 70).Draw(t, "key")
		wrapped, err := seal.WrapKWP(kek, key)
		if err != nil {
			t.Fatalf("WrapKWP: %v", err)
		}
		if want := 8 + (len(key)+7)/8*8; len(wrapped) != want {
			t.Fatalf("%d bytes wrap to %d, want %d", len(key), len(wrapped), want)
		}
		if got, err := seal.UnwrapKWP(kek, wrapped); !bytes.Equal(got, key) || err != nil {
			t.Fatalf("UnwrapKWP gives other bytes (%v)", err)
		}
		for name, attempt := range map[string][2][]byte{
			"a changed bit":       {kek, flip(t, wrapped)},
			"another key":         {flip(t, kek), wrapped},
			"a cut byte":          {kek, wrapped[1:]},
			"a cut semiblock":     {kek, wrapped[8:]},
			"a semiblock more":    {kek, append(bytes.Clone(wrapped), make([]byte, 8)...)},
			"a byte more":         {kek, append(bytes.Clone(wrapped), 0)},
			"nothing":             {kek, nil},
			"one semiblock alone": {kek, make([]byte, 8)},
			"far too much":        {kek, make([]byte, 1<<20)},
		} {
			if got, err := seal.UnwrapKWP(attempt[0], attempt[1]); err != seal.ErrInvalidCiphertext || got != nil { //nolint:errorlint // the bare sentinel
				t.Fatalf("UnwrapKWP of %s = %d bytes, %v, want %v", name, len(got), err, seal.ErrInvalidCiphertext)
			}
		}
	})
}

// TestUnwrapKWPChecksEveryRule opens single blocks whose plaintext breaks one rule
// of RFC 5649 §3 each.
func TestUnwrapKWPChecksEveryRule(t *testing.T) {
	t.Parallel()
	kek := bytes.Repeat([]byte{7}, 32)
	block, err := aes.NewCipher(kek)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name, plain string
		want        error
	}{
		{"eight bytes", "a65959a6000000080102030405060708", nil},
		{"one byte", "a65959a6000000010100000000000000", nil},
		{"another value", "a65959a7000000080102030405060708", seal.ErrInvalidCiphertext},
		{"RFC 3394's value", "a6a6a6a6a6a6a6a60102030405060708", seal.ErrInvalidCiphertext},
		{"no length", "a65959a6000000000000000000000000", seal.ErrInvalidCiphertext},
		{"a length beyond the end", "a65959a6000000090102030405060708", seal.ErrInvalidCiphertext},
		{"a length beyond 2^24", "a65959a6010000080102030405060708", seal.ErrInvalidCiphertext},
		{"a length of all ones", "a65959a6ffffffff0102030405060708", seal.ErrInvalidCiphertext},
		{"padding at once not zero", "a65959a6000000010101000000000000", seal.ErrInvalidCiphertext},
		{"padding at last not zero", "a65959a6000000070102030405060701", seal.ErrInvalidCiphertext},
	} {
		wrapped := unhex(t, tt.plain)
		block.Encrypt(wrapped, wrapped)
		_, err := seal.UnwrapKWP(kek, wrapped)
		wantErr(t, tt.name, err, tt.want)
	}
}

func TestKWPLengths(t *testing.T) {
	t.Parallel()
	kek := make([]byte, 32)
	for name, attempt := range map[string][2][]byte{
		"no key": {kek, nil}, "a key too long": {kek, make([]byte, 8193)}, "no AES key": {kek[:31], kek}, "none at all": {nil, kek},
	} {
		_, err := seal.WrapKWP(attempt[0], attempt[1])
		wantErr(t, name, err, seal.ErrInvalidLength)
	}
	wrapped, err := seal.WrapKWP(kek, make([]byte, 8192))
	if err != nil {
		t.Fatalf("WrapKWP of 8,192 bytes: %v", err)
	}
	if got, err := seal.UnwrapKWP(kek, wrapped); len(got) != 8192 || err != nil {
		t.Errorf("UnwrapKWP = %d bytes, %v, want 8192", len(got), err)
	}
	_, err = seal.UnwrapKWP(kek[:31], wrapped)
	wantErr(t, "unwrap by no AES key", err, seal.ErrInvalidLength)
}
