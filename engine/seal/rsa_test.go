package seal_test

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/x509"
	"hash"
	"testing"

	"pgregory.net/rapid"

	"github.com/garrison-cloud/garrison/engine/seal"
)

// limits are the longest plaintexts in bytes, from the KMS API Reference,
// Encrypt.
var limits = map[seal.Spec]map[seal.EncryptionAlgorithm]int{
	seal.RSA2048: {seal.OAEPSHA1: 214, seal.OAEPSHA256: 190},
	seal.RSA3072: {seal.OAEPSHA1: 342, seal.OAEPSHA256: 318},
	seal.RSA4096: {seal.OAEPSHA1: 470, seal.OAEPSHA256: 446},
}

func TestEncryptDecrypt(t *testing.T) {
	t.Parallel()
	for _, alg := range seal.RSA2048.EncryptionAlgorithms() {
		t.Run(string(alg), func(t *testing.T) {
			t.Parallel()
			rapid.Check(t, func(t *rapid.T) { checkEncryption(t, shared()[seal.RSA2048], alg) })
		})
	}
}

// TestEncryptionLimits holds every RSA spec to its longest plaintexts.
func TestEncryptionLimits(t *testing.T) {
	t.Parallel()
	for spec, algs := range limits {
		for alg, limit := range algs {
			for _, size := range []int{0, 1, limit} {
				plaintext := bytes.Repeat([]byte{0xa5}, size)
				ciphertext, err := shared()[spec].Encrypt(alg, plaintext)
				if err != nil {
					t.Errorf("%s %s: Encrypt of %d bytes: %v", spec, alg, size, err)
				}
				if got, err := shared()[spec].Decrypt(alg, ciphertext); !bytes.Equal(got, plaintext) || err != nil {
					t.Errorf("%s %s: Decrypt of %d bytes gives other bytes (%v)", spec, alg, size, err)
				}
			}
		}
	}
}

// TestDecryptWantsTheFullLength cuts a leading zero off, which changes nothing
// of the number that a ciphertext stands for.
func TestDecryptWantsTheFullLength(t *testing.T) {
	t.Parallel()
	m := shared()[seal.RSA2048]
	for {
		ciphertext, err := m.Encrypt(seal.OAEPSHA256, []byte("x"))
		if err != nil {
			t.Fatal(err)
		}
		if ciphertext[0] == 0 {
			_, err := m.Decrypt(seal.OAEPSHA256, ciphertext[1:])
			wantErr(t, "a cut leading zero", err, seal.ErrInvalidCiphertext)
			return
		}
	}
}

func checkEncryption(t *rapid.T, m *seal.Material, alg seal.EncryptionAlgorithm) {
	plaintext := rapid.SliceOfN(rapid.Byte(), 0, limits[m.Spec()][alg]).Draw(t, "plaintext")
	ciphertext, err := m.Encrypt(alg, plaintext)
	if err != nil {
		t.Fatalf("Encrypt: %v", err)
	}
	if got, err := m.Decrypt(alg, ciphertext); !bytes.Equal(got, plaintext) || err != nil {
		t.Fatalf("Decrypt gives other bytes (%v)", err)
	}
	wrong := seal.OAEPSHA1
	if alg == wrong {
		wrong = seal.OAEPSHA256
	}
	for name, attempt := range map[string]struct {
		alg        seal.EncryptionAlgorithm
		ciphertext []byte
	}{
		"a changed bit":     {alg, flip(t, ciphertext)},
		"a cut":             {alg, ciphertext[1:]},
		"nothing":           {alg, nil},
		"one byte more":     {alg, append(bytes.Clone(ciphertext), 0)},
		"another algorithm": {wrong, ciphertext},
	} {
		if got, err := m.Decrypt(attempt.alg, attempt.ciphertext); err != seal.ErrInvalidCiphertext || got != nil { //nolint:errorlint // the bare sentinel
			t.Fatalf("Decrypt of %s = %d bytes, %v, want %v", name, len(got), err, seal.ErrInvalidCiphertext)
		}
	}
}

func TestEncryptRefuses(t *testing.T) {
	t.Parallel()
	for spec, m := range shared() {
		for _, alg := range []seal.EncryptionAlgorithm{seal.OAEPSHA1, seal.OAEPSHA256} {
			limit, ok := limits[spec][alg]
			want := seal.ErrInvalidLength
			if !ok {
				want = seal.ErrIncompatible
			}
			_, err := m.Encrypt(alg, make([]byte, limit+1))
			wantErr(t, string(spec)+" "+string(alg), err, want)
		}
		for _, alg := range []seal.EncryptionAlgorithm{seal.SymmetricAlgorithm, "SM2PKE", ""} {
			_, err := m.Encrypt(alg, nil)
			wantErr(t, "Encrypt "+string(alg), err, seal.ErrIncompatible)
			_, err = m.Decrypt(alg, nil)
			wantErr(t, "Decrypt "+string(alg), err, seal.ErrIncompatible)
		}
	}
}

// TestDecryptWhatOthersEncrypted encrypts outside, under the published key.
func TestDecryptWhatOthersEncrypted(t *testing.T) {
	t.Parallel()
	hashes := map[seal.EncryptionAlgorithm]hash.Hash{seal.OAEPSHA1: sha1.New(), seal.OAEPSHA256: sha256.New()}
	for spec := range limits {
		der, err := shared()[spec].PublicKey()
		if err != nil {
			t.Fatal(err)
		}
		public, err := x509.ParsePKIXPublicKey(der)
		if err != nil {
			t.Fatal(err)
		}
		for alg, h := range hashes {
			ciphertext, err := rsa.EncryptOAEP(h, rand.Reader, public.(*rsa.PublicKey), []byte("hello"), nil)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := shared()[spec].Decrypt(alg, ciphertext); string(got) != "hello" || err != nil {
				t.Errorf("%s %s: Decrypt = %q, %v", spec, alg, got, err)
			}
		}
	}
}
