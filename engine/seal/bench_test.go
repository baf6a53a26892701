package seal_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"testing"

	"filippo.io/mldsa"

	"github.com/garrison-cloud/garrison/engine/seal"
)

var benchContext = map[string]string{"aws:s3:arn": "arn:aws:s3:::bucket/object"}

func BenchmarkSeal4KiB(b *testing.B) {
	m := generate(b, seal.SymmetricDefault)
	h, plaintext := header(b, m), make([]byte, seal.MaxPlaintext)
	b.SetBytes(seal.MaxPlaintext)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := m.Seal(h, plaintext, benchContext); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkOpen4KiB(b *testing.B) {
	m := generate(b, seal.SymmetricDefault)
	blob, err := m.Seal(header(b, m), make([]byte, seal.MaxPlaintext), benchContext)
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(seal.MaxPlaintext)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := m.Open(blob, benchContext); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkSignP256(b *testing.B) {
	m := generate(b, seal.P256)
	message := make([]byte, 256)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := m.Sign(seal.ECDSASHA256, seal.Raw, message); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkSignP256Bare is what BenchmarkSignP256 is measured against.
func BenchmarkSignP256Bare(b *testing.B) {
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		b.Fatal(err)
	}
	message := make([]byte, 256)
	b.ReportAllocs()
	for b.Loop() {
		digest := sha256.Sum256(message)
		if _, err := ecdsa.SignASN1(rand.Reader, k, digest[:]); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkSignRSA2048(b *testing.B) {
	m := generate(b, seal.RSA2048)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := m.Sign(seal.PSSSHA256, seal.Raw, nil); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkGenerateMac(b *testing.B) {
	m := generate(b, seal.HMAC256)
	message := make([]byte, 256)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := m.GenerateMac(seal.HMACSHA256, message); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkSignEd25519(b *testing.B) {
	m := generate(b, seal.Edwards25519)
	message := make([]byte, 256)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := m.Sign(seal.Ed25519SHA512, seal.Raw, message); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkSignMLDSA65(b *testing.B) {
	m := generate(b, seal.MLDSA65)
	message := make([]byte, 256)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := m.Sign(seal.MLDSAShake256, seal.Raw, message); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkSignMLDSA65Bare is what BenchmarkSignMLDSA65 is measured against.
func BenchmarkSignMLDSA65Bare(b *testing.B) {
	k, err := mldsa.GenerateKey(mldsa.MLDSA65())
	if err != nil {
		b.Fatal(err)
	}
	message := make([]byte, 256)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := k.Sign(nil, message, nil); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkVerifyMLDSA65 is the library's verification, and that of message
// representatives, which is the package's own.
func BenchmarkVerifyMLDSA65(b *testing.B) {
	m := generate(b, seal.MLDSA65)
	for kind, body := range bodies(b, m, seal.MLDSAShake256, make([]byte, 256)) {
		signature, err := m.Sign(seal.MLDSAShake256, kind, body)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(string(kind), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := m.Verify(seal.MLDSAShake256, kind, body, signature); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkLoadMLDSA65(b *testing.B) {
	der := secret(b, generate(b, seal.MLDSA65))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := seal.Load(seal.MLDSA65, der); err != nil {
			b.Fatal(err)
		}
	}
}
