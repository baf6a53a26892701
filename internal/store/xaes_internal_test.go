package store

import (
	"bytes"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/hex"
	"testing"
)

// The vectors are those of the specification (C2SP, XAES-256-GCM, "Test vectors").
func TestXAESVectors(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		key  byte
		aad  string
		want string
	}{
		{1, "", "ce546ef63c9cc60765923609b33a9a1974e96e52daf2fcf7075e2271"},
		{3, "c2sp.org/XAES-256-GCM", "986ec1832593df5443a179437fd083bf3fdb41abd740a21f71eb769d"},
	} {
		x, err := newXAES(bytes.Repeat([]byte{tt.key}, 32))
		if err != nil {
			t.Fatal(err)
		}
		nonce := []byte("ABCDEFGHIJKLMNOPQRSTUVWX")
		gcm, err := x.derive(nonce)
		if err != nil {
			t.Fatal(err)
		}
		got := hex.EncodeToString(gcm.Seal(nil, nonce[12:], []byte("XAES-256-GCM"), []byte(tt.aad)))
		if got != tt.want {
			t.Errorf("key %d: got %s, want %s", tt.key, got, tt.want)
		}
	}
}

// BenchmarkSeal tells what sealing adds to a row of 300 bytes, key derivation and
// random nonce included.
func BenchmarkSeal(b *testing.B) {
	x, err := newXAES(bytes.Repeat([]byte{1}, keySize))
	if err != nil {
		b.Fatal(err)
	}
	k := &dataKey{id: 1, table: "bench.row", aead: x}
	key, plain := spaceKey(spaceRow, "bench.row", "111122223333", "row"), make([]byte, 300)
	sealed := k.seal(storeID{}, key, plain)
	b.Run("seal", func(b *testing.B) {
		for b.Loop() {
			k.seal(storeID{}, key, plain)
		}
	})
	b.Run("open", func(b *testing.B) {
		for b.Loop() {
			if _, err := k.open(storeID{}, k.table, key, sealed); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkHKDF is the derivation that XAES is used instead of.
func BenchmarkHKDF(b *testing.B) {
	key, salt := make([]byte, keySize), make([]byte, 32)
	for b.Loop() {
		if _, err := hkdf.Key(sha256.New, key, salt, "garrison", keySize); err != nil {
			b.Fatal(err)
		}
	}
}
