package seal_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"testing"

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
