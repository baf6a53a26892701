package seal_test

import (
	"bytes"
	"testing"

	"github.com/garrison-cloud/garrison/engine/seal"
)

// FuzzParseBlob: a header that parses is one that Seal would have written.
func FuzzParseBlob(f *testing.F) {
	for _, known := range knownBlobs {
		f.Add(unhex(f, known.blob))
	}
	f.Add([]byte{})
	m := load(f, seal.SymmetricDefault, make([]byte, 32))
	f.Fuzz(func(t *testing.T, b []byte) {
		h, err := seal.ParseBlob(b)
		if err != nil {
			return
		}
		again, err := m.Seal(h, nil, nil)
		if err != nil {
			t.Fatalf("Seal refuses the parsed header %v: %v", h, err)
		}
		if !bytes.Equal(again[:55], b[:55]) {
			t.Fatalf("header %x is written as %x", b[:55], again[:55])
		}
	})
}

// FuzzOpen: nothing that the key did not seal opens.
func FuzzOpen(f *testing.F) {
	m := load(f, seal.SymmetricDefault, bytes.Repeat([]byte{7}, 32))
	for _, known := range knownBlobs {
		f.Add(unhex(f, known.blob), "k", "v")
	}
	f.Fuzz(func(t *testing.T, b []byte, k, v string) {
		if got, err := m.Open(b, map[string]string{k: v}); err != seal.ErrInvalidCiphertext || got != nil { //nolint:errorlint // the bare sentinel
			t.Fatalf("Open = %d bytes, %v", len(got), err)
		}
	})
}

// FuzzLoad: what loads for an elliptic curve or a symmetric spec encodes to what
// loads again, and signs. RSA is left to the standard library's own fuzzing: its
// key checks are too slow to get far here.
func FuzzLoad(f *testing.F) {
	fuzzed := []seal.Spec{seal.SymmetricDefault, seal.HMAC512, seal.P256, seal.P384, seal.P521, seal.Secp256k1}
	for i, spec := range fuzzed {
		f.Add(byte(i), secret(f, generate(f, spec)))
	}
	f.Fuzz(func(t *testing.T, which byte, b []byte) {
		spec := fuzzed[int(which)%len(fuzzed)]
		m, err := seal.Load(spec, b)
		if err != nil {
			return
		}
		canonical := secret(t, m)
		if again := secret(t, load(t, spec, canonical)); !bytes.Equal(again, canonical) {
			t.Fatalf("%s: the encoding is not stable", spec)
		}
		for _, alg := range spec.SigningAlgorithms() {
			signature, err := m.Sign(alg, seal.Raw, b)
			if err != nil {
				t.Fatalf("Sign: %v", err)
			}
			if err := m.Verify(alg, seal.Raw, b, signature); err != nil {
				t.Fatalf("Verify: %v", err)
			}
		}
	})
}
