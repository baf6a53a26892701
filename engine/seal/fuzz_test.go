package seal_test

import (
	"bytes"
	"errors"
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

// FuzzLoad: what loads for any spec but RSA encodes to what loads again, and signs. RSA is left to the standard library's own fuzzing: its
// key checks are too slow to get far here.
func FuzzLoad(f *testing.F) {
	fuzzed := []seal.Spec{seal.SymmetricDefault, seal.HMAC512, seal.P256, seal.P384, seal.P521, seal.Secp256k1, seal.Edwards25519, seal.MLDSA44, seal.MLDSA87}
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
			for kind, body := range bodies(t, m, alg, b) {
				signature, err := m.Sign(alg, kind, body)
				if err != nil {
					t.Fatalf("Sign: %v", err)
				}
				if err := m.Verify(alg, kind, body, signature); err != nil {
					t.Fatalf("Verify: %v", err)
				}
			}
		}
	})
}

// FuzzParseImported: what is imported loads and is imported again, and nothing that
// does not load is imported.
func FuzzParseImported(f *testing.F) {
	for i, spec := range specs {
		f.Add(byte(i), secret(f, shared()[spec]))
	}
	f.Fuzz(func(t *testing.T, which byte, b []byte) {
		spec := specs[int(which)%len(specs)]
		m, err := seal.ParseImported(spec, b)
		if _, bad := seal.Load(spec, b); err == nil && bad != nil {
			t.Fatalf("%s: imported, but Load: %v", spec, bad)
		}
		if err != nil {
			return
		}
		canonical := secret(t, m)
		again, err := seal.ParseImported(spec, canonical)
		if err != nil || !bytes.Equal(secret(t, again), canonical) {
			t.Fatalf("%s: the encoding is not imported again (%v)", spec, err)
		}
	})
}

// FuzzUnwrapKWP: what unwraps is what wraps to the same bytes, as there is one
// wrapping of a key only.
func FuzzUnwrapKWP(f *testing.F) {
	for _, size := range []int{1, 8, 9, 32, 121} {
		kek := bytes.Repeat([]byte{byte(size)}, 32)
		wrapped, err := seal.WrapKWP(kek, make([]byte, size))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(kek, wrapped)
	}
	f.Fuzz(func(t *testing.T, kek, wrapped []byte) {
		key, err := seal.UnwrapKWP(kek, wrapped)
		if err != nil {
			return
		}
		if again, err := seal.WrapKWP(kek, key); !bytes.Equal(again, wrapped) || err != nil {
			t.Fatalf("%x unwraps and wraps to %x (%v)", wrapped, again, err)
		}
	})
}

// FuzzUnwrap: nothing that was not wrapped opens, and no reason is given.
func FuzzUnwrap(f *testing.F) {
	m := generate(f, seal.RSA2048)
	wrapped := map[string]bool{}
	for _, alg := range wrappingAlgorithms {
		encrypted, err := seal.Wrap(alg, publicKey(f, m), make([]byte, 32))
		if err != nil {
			f.Fatal(err)
		}
		wrapped[string(encrypted)] = true
		f.Add(string(alg), encrypted)
	}
	f.Fuzz(func(t *testing.T, alg string, b []byte) {
		key, err := m.Unwrap(seal.WrappingAlgorithm(alg), b)
		switch {
		case err == nil && !wrapped[string(b)]:
			t.Fatalf("%s opened %x to %d bytes", alg, b, len(key))
		case err != nil && !errors.Is(err, seal.ErrInvalidCiphertext) && !errors.Is(err, seal.ErrIncompatible):
			t.Fatalf("%s: error = %v", alg, err)
		}
	})
}
