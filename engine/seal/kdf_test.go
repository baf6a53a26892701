package seal

import (
	"encoding/hex"
	"strings"
	"testing"
)

// TestCounterKDF is a vector of NIST's CAVP for SP 800-108, KDFCTR_gen:
// HMAC_SHA256, counter of 32 bits before the fixed input, L = 128, count 0.
func TestCounterKDF(t *testing.T) {
	t.Parallel()
	secret, err := hex.DecodeString("dd1d91b7d90b2bd3138533ce92b272fbf8a369316aefe242e659cc0ae238afe0")
	if err != nil {
		t.Fatal(err)
	}
	fixed, err := hex.DecodeString("01322b96b30acd197979444e468e1c5c6859bf1b1cf951b7e725303e237e46b8" +
		"64a145fab25e517b08f8683d0315bb2911d80a0e8aba17f3b413faac")
	if err != nil {
		t.Fatal(err)
	}
	out := counterKDF(secret, fixed)
	if got, want := hex.EncodeToString(out[:]), "10621342bfb0fd40046c0e29f2cfdbf0"; !strings.HasPrefix(got, want) {
		t.Errorf("output begins %s, want %s", got[:32], want)
	}
}
