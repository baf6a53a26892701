package seal_test

import (
	"bytes"
	"encoding/hex"
	"testing"

	"pgregory.net/rapid"

	"github.com/garrison-cloud/garrison/engine/seal"
)

var macs = map[seal.MacAlgorithm]struct {
	spec seal.Spec
	size int
}{
	seal.HMACSHA224: {seal.HMAC224, 28},
	seal.HMACSHA256: {seal.HMAC256, 32},
	seal.HMACSHA384: {seal.HMAC384, 48},
	seal.HMACSHA512: {seal.HMAC512, 64},
}

// TestGenerateMac uses RFC 4231 §4.2 and §4.3. Their keys are shorter than those
// of KMS; HMAC pads keys with zeros, so the padded key has the same MACs.
func TestGenerateMac(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		key, message string
		want         map[seal.MacAlgorithm]string
	}{
		{string(bytes.Repeat([]byte{0x0b}, 20)), "Hi There", map[seal.MacAlgorithm]string{
			seal.HMACSHA224: "896fb1128abbdf196832107cd49df33f47b4b1169912ba4f53684b22",
			seal.HMACSHA256: "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
			seal.HMACSHA384: "afd03944d84895626b0825f4ab46907f15f9dadbe4101ec682aa034c7cebc59cfaea9ea9076ede7f4af152e8b2fa9cb6",
			seal.HMACSHA512: "87aa7cdea5ef619d4ff0b4241a1d6cb02379f4e2ce4ec2787ad0b30545e17cde" +
				"daa833b7d6b8a702038b274eaea3f4e4be9d914eeb61f1702e696c203a126854",
		}},
		{"Jefe", "what do ya want for nothing?", map[seal.MacAlgorithm]string{
			seal.HMACSHA224: "a30e01098bc6dbbf45690f3a7e9e6d0f8bbea2a39e6148008fd05e44",
			seal.HMACSHA256: "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
			seal.HMACSHA384: "af45d2e376484031617f78d2b58a6b1b9c7ef464f5a01b47e42ec3736322445e8e2240ca5e69e2c78b3239ecfab21649",
			seal.HMACSHA512: "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea250554" +
				"9758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737",
		}},
	} {
		for alg, want := range tt.want {
			key := make([]byte, macs[alg].size)
			copy(key, tt.key)
			got, err := load(t, macs[alg].spec, key).GenerateMac(alg, []byte(tt.message))
			if hex.EncodeToString(got) != want || err != nil {
				t.Errorf("%s of %q = %x, %v, want %s", alg, tt.message, got, err, want)
			}
		}
	}
}

func TestMacOfAnotherSpec(t *testing.T) {
	t.Parallel()
	for spec, m := range shared() {
		for alg, own := range macs {
			if own.spec == spec {
				continue
			}
			_, err := m.GenerateMac(alg, nil)
			wantErr(t, string(alg)+" under "+string(spec), err, seal.ErrIncompatible)
			wantErr(t, "verify "+string(alg)+" under "+string(spec), m.VerifyMac(alg, nil, nil), seal.ErrIncompatible)
		}
	}
}

func TestVerifyMac(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		alg := rapid.SampledFrom([]seal.MacAlgorithm{seal.HMACSHA224, seal.HMACSHA256, seal.HMACSHA384, seal.HMACSHA512}).Draw(t, "alg")
		m := shared()[macs[alg].spec]
		message := rapid.SliceOfN(rapid.Byte(), 1, 200).Draw(t, "message")
		mac, err := m.GenerateMac(alg, message)
		if err != nil {
			t.Fatal(err)
		}
		if len(mac) != macs[alg].size {
			t.Fatalf("the MAC has %d bytes, want %d", len(mac), macs[alg].size)
		}
		if err := m.VerifyMac(alg, message, mac); err != nil {
			t.Fatalf("VerifyMac: %v", err)
		}
		for name, err := range map[string]error{
			"a changed MAC":     m.VerifyMac(alg, message, flip(t, mac)),
			"a changed message": m.VerifyMac(alg, flip(t, message), mac),
			"a cut MAC":         m.VerifyMac(alg, message, mac[:rapid.IntRange(0, len(mac)-1).Draw(t, "cut")]),
			"a longer MAC":      m.VerifyMac(alg, message, append(bytes.Clone(mac), 0)),
		} {
			if err != seal.ErrInvalidMac { //nolint:errorlint // the bare sentinel
				t.Fatalf("%s: error = %v, want %v", name, err, seal.ErrInvalidMac)
			}
		}
	})
}
