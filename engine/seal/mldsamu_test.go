package seal

import (
	"bytes"
	"crypto/sha3"
	"encoding/hex"
	"os"
	"strings"
	"testing"

	"filippo.io/mldsa"
	"pgregory.net/rapid"
)

var lattices = map[string]mldsa.Parameters{
	"ML-DSA-44": mldsa.MLDSA44(), "ML-DSA-65": mldsa.MLDSA65(), "ML-DSA-87": mldsa.MLDSA87(),
}

// muOf is FIPS 204, Algorithm 8, steps 6 and 7, of a formatted message.
func muOf(public, formatted []byte) []byte {
	tr := sha3.SumSHAKE256(public, 64)
	return sha3.SumSHAKE256(append(tr, formatted...), muSize)
}

// TestMuVerifierACVP uses vectors of NIST's ACVP, ML-DSA-sigVer-FIPS204, internal
// interface (a work of the United States government, in the public domain). A line
// is a parameter set, public key, formatted message, signature and verdict.
func TestMuVerifierACVP(t *testing.T) {
	t.Parallel()
	file, err := os.ReadFile("testdata/mldsa_sigver.txt")
	if err != nil {
		t.Fatal(err)
	}
	for n, line := range strings.Split(strings.TrimSpace(string(file)), "\n") {
		fields := strings.Fields(line)
		var raw [3][]byte
		for i := range raw {
			if raw[i], err = hex.DecodeString(fields[i+1]); err != nil {
				t.Fatal(err)
			}
		}
		public, err := mldsa.NewPublicKey(lattices[fields[0]], raw[0])
		if err != nil {
			t.Fatal(err)
		}
		got := newMuVerifier(public).verify(muOf(raw[0], raw[1]), raw[2])
		if want := fields[4] == "true"; got != want {
			t.Errorf("line %d, %s: verify = %t, want %t", n+1, fields[0], got, want)
		}
	}
}

// TestMuVerifierAgrees holds the verifier to the library's, which takes messages
// alone, over signatures that are right, and wrong in every part.
func TestMuVerifierAgrees(t *testing.T) {
	t.Parallel()
	for name, params := range lattices {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			private, err := mldsa.GenerateKey(params)
			if err != nil {
				t.Fatal(err)
			}
			v := newMuVerifier(private.PublicKey())
			rapid.Check(t, func(t *rapid.T) { compareVerifiers(t, private, v) })
		})
	}
}

func compareVerifiers(t *rapid.T, private *mldsa.PrivateKey, v *muVerifier) {
	message := rapid.SliceOfN(rapid.Byte(), 0, 50).Draw(t, "message")
	signature, err := private.Sign(nil, message, nil)
	if err != nil {
		t.Fatal(err)
	}
	public := private.PublicKey()
	mu := muOf(public.Bytes(), append([]byte{0, 0}, message...))
	if !v.verify(mu, signature) {
		t.Fatal("verify refuses a signature")
	}
	// The hints are a small part of a signature, and have the most rules.
	from := rapid.SampledFrom([]int{0, len(signature) - v.omega - v.k, len(signature) - v.k}).Draw(t, "from")
	at := rapid.IntRange(from, len(signature)-1).Draw(t, "at")
	changed := bytes.Clone(signature)
	changed[at] += rapid.ByteRange(1, 255).Draw(t, "by")
	got, want := v.verify(mu, changed), mldsa.Verify(public, message, changed, nil) == nil
	if got != want || got {
		t.Fatalf("byte %d changed: verify = %t, the library says %t, want false", at, got, want)
	}
}

// TestHintsHaveOneEncoding refuses each other way to write the same hints, which
// would make a second signature of a first.
func TestHintsHaveOneEncoding(t *testing.T) {
	t.Parallel()
	v := &muVerifier{lattice: lattice{k: 2, omega: 4}}
	for _, tt := range []struct {
		name    string
		encoded []byte
		want    bool
	}{
		{"none", []byte{0, 0, 0, 0, 0, 0}, true},
		{"one in each row", []byte{9, 3, 0, 0, 1, 2}, true},
		{"all in a row", []byte{1, 2, 3, 255, 4, 4}, true},
		{"falling", []byte{3, 2, 0, 0, 2, 2}, false},
		{"twice the same", []byte{3, 3, 0, 0, 2, 2}, false},
		{"rows that end before they begin", []byte{1, 2, 0, 0, 2, 1}, false},
		{"a row that takes back position 0", []byte{0, 0, 0, 0, 1, 0}, false},
		{"a row beyond the end", []byte{1, 2, 3, 4, 4, 5}, false},
		{"bytes behind the last", []byte{1, 2, 0, 7, 1, 2}, false},
	} {
		if _, got := v.decodeHints(tt.encoded); got != tt.want {
			t.Errorf("%s: decodeHints = %t, want %t", tt.name, got, tt.want)
		}
	}
}

// TestResponseBound holds coefficients of z to less than gamma1 - beta, on either
// side of zero (FIPS 204, Algorithm 8, step 13).
func TestResponseBound(t *testing.T) {
	t.Parallel()
	for name, params := range lattices {
		v := &muVerifier{lattice: latticeOf(params)}
		bound := int(v.gamma1 - v.beta)
		for c, want := range map[int]bool{
			0: true, bound - 1: true, 1 - bound: true, bound: false, -bound: false, int(v.gamma1): false, 1 - int(v.gamma1): false,
		} {
			var encoded []byte
			for s := range v.l {
				p := poly{}
				for i := range p {
					p[i] = v.gamma1
				}
				if s == v.l-1 {
					p[ringN-1] = uint32(int(v.gamma1) - c)
				}
				encoded = p.appendPacked(encoded, v.zBits)
			}
			if _, got := v.decodeZ(encoded); got != want {
				t.Errorf("%s: decodeZ of %d = %t, want %t", name, c, got, want)
			}
		}
	}
}

// TestDecompose holds useHint to FIPS 204, Algorithms 36 and 40, as written there.
func TestDecompose(t *testing.T) {
	t.Parallel()
	for name, params := range lattices {
		v := &muVerifier{lattice: latticeOf(params)}
		m := (ringQ - 1) / (2 * int(v.gamma2))
		check := func(r int) {
			high, low := decompose(r, int(v.gamma2))
			adjusted := ((high-1)%m + m) % m
			if low > 0 {
				adjusted = (high + 1) % m
			}
			if got := v.useHint(uint32(r), false); got != uint32(high) {
				t.Fatalf("%s: useHint(%d, false) = %d, want %d", name, r, got, high)
			}
			if got := v.useHint(uint32(r), true); got != uint32(adjusted) {
				t.Fatalf("%s: useHint(%d, true) = %d, want %d", name, r, got, adjusted)
			}
		}
		for edge := 0; edge < ringQ; edge += int(v.gamma2) {
			for r := max(0, edge-2); r <= min(ringQ-1, edge+2); r++ {
				check(r)
			}
		}
		for r := 0; r < ringQ; r += 997 {
			check(r)
		}
	}
}

func decompose(r, gamma2 int) (high, low int) {
	low = r % (2 * gamma2)
	if low > gamma2 {
		low -= 2 * gamma2
	}
	if r-low == ringQ-1 {
		return 0, low - 1
	}
	return (r - low) / (2 * gamma2), low
}

// FuzzMuVerifier: the verifier and the library agree on any bytes.
func FuzzMuVerifier(f *testing.F) {
	private, err := mldsa.NewPrivateKey(mldsa.MLDSA44(), make([]byte, mldsa.PrivateKeySize))
	if err != nil {
		f.Fatal(err)
	}
	public := private.PublicKey()
	v := newMuVerifier(public)
	message := []byte("message")
	mu := muOf(public.Bytes(), append([]byte{0, 0}, message...))
	signature, err := private.SignDeterministic(message, nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(signature)
	f.Add(make([]byte, len(signature)))
	f.Fuzz(func(t *testing.T, b []byte) {
		got, want := v.verify(mu, b), mldsa.Verify(public, message, b, nil) == nil
		if got != want {
			t.Fatalf("verify = %t, the library says %t", got, want)
		}
	})
}
