package seal

import (
	"crypto/aes"
	"encoding/hex"
	"testing"
)

// TestSemiblocks is RFC 3394 §4.1, §4.3, §4.5 and §4.6: the wrap that KWP is made
// of, with the initial value that it had before it.
func TestSemiblocks(t *testing.T) {
	t.Parallel()
	const (
		kek   = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
		key   = "00112233445566778899aabbccddeeff000102030405060708090a0b0c0d0e0f"
		first = "a6a6a6a6a6a6a6a6"
	)
	for _, tt := range []struct {
		kek, key int
		want     string
	}{
		{16, 16, "1fa68b0a8112b447aef34bd8fb5a7b829d3e862371d2cfe5"},
		{32, 16, "64e8c3f9ce0f5ba263e9777905818a2a93c8191e7d6e8ae7"},
		{32, 24, "a8f9bc1612c68b3ff6e6f4fbe30e71e4769c8b80a32cb8958cd5d17d6b254da1"},
		{32, 32, "28c9f404c4b810f4cbccb35cfb87f8263f5786e2d80ed326cbc7f0e71a99f43bfb988b9b7a02dd21"},
	} {
		raw, err := hex.DecodeString(kek[:2*tt.kek])
		if err != nil {
			t.Fatal(err)
		}
		block, err := aes.NewCipher(raw)
		if err != nil {
			t.Fatal(err)
		}
		plain := first + key[:2*tt.key]
		out, err := hex.DecodeString(plain)
		if err != nil {
			t.Fatal(err)
		}
		if wrapSemiblocks(block, out); hex.EncodeToString(out) != tt.want {
			t.Errorf("%d bytes under %d: wrapped = %x, want %s", tt.key, tt.kek, out, tt.want)
		}
		if unwrapSemiblocks(block, out); hex.EncodeToString(out) != plain {
			t.Errorf("%d bytes under %d: unwrapped = %x, want %s", tt.key, tt.kek, out, plain)
		}
	}
}
