package seal_test

import (
	"bytes"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/hex"
	"testing"

	"pgregory.net/rapid"

	"github.com/garrison-cloud/garrison/engine/seal"
)

func publicKey(t rapid.TB, m *seal.Material) []byte {
	t.Helper()
	der, err := m.PublicKey()
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func TestDeriveSharedSecret(t *testing.T) {
	t.Parallel()
	for spec, size := range map[seal.Spec]int{seal.P256: 32, seal.P384: 48, seal.P521: 66} {
		alice, bob := shared()[spec], generate(t, spec)
		a, err := alice.DeriveSharedSecret(seal.ECDH, publicKey(t, bob))
		if err != nil {
			t.Fatalf("%s: %v", spec, err)
		}
		b, err := bob.DeriveSharedSecret(seal.ECDH, publicKey(t, alice))
		if err != nil || !bytes.Equal(a, b) || len(a) != size {
			t.Errorf("%s: the secrets differ or are not %d bytes (%v)", spec, size, err)
		}
	}
}

// TestKnownSharedSecret is RFC 5903 §8.1.
func TestKnownSharedSecret(t *testing.T) {
	t.Parallel()
	private, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), unhex(t, "c88f01f510d9ac3f70a292daa2316de544e9aab8afe84049c62a9c57862d1433"))
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	peer, err := ecdh.P256().NewPublicKey(unhex(t, "04"+
		"d12dfb5289c8d4f81208b70270398c342296970a0bccb74c736fc7554494bf63"+
		"56fbf3ca366cc23e8157854c13c58d6aac23f046ada30f8353e74f33039872ab"))
	if err != nil {
		t.Fatal(err)
	}
	spki, err := x509.MarshalPKIXPublicKey(peer)
	if err != nil {
		t.Fatal(err)
	}
	got, err := load(t, seal.P256, der).DeriveSharedSecret(seal.ECDH, spki)
	if want := "d6840f6b42f6edafd13116e0e12565202fef8e9ece7dce03812464d04b9442de"; hex.EncodeToString(got) != want || err != nil {
		t.Errorf("secret = %x, %v, want %s", got, err, want)
	}
}

func TestDeriveSharedSecretRefuses(t *testing.T) {
	t.Parallel()
	m := shared()[seal.P256]
	own := publicKey(t, m)
	outside := bytes.Clone(own)
	outside[len(outside)-1] ^= 1
	x, err := ecdh.X25519().GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	x25519, err := x509.MarshalPKIXPublicKey(x.PublicKey())
	if err != nil {
		t.Fatal(err)
	}
	for name, peer := range map[string][]byte{
		"nothing": nil, "another curve": publicKey(t, shared()[seal.P384]), "secp256k1": publicKey(t, shared()[seal.Secp256k1]),
		"RSA": publicKey(t, shared()[seal.RSA2048]), "X25519": x25519, "off the curve": outside, "trailing": append(bytes.Clone(own), 0),
	} {
		_, err := m.DeriveSharedSecret(seal.ECDH, peer)
		wantErr(t, name, err, seal.ErrInvalidPublicKey)
	}
	_, err = m.DeriveSharedSecret("DH", own)
	wantErr(t, "another algorithm", err, seal.ErrIncompatible)
	for _, spec := range []seal.Spec{seal.Secp256k1, seal.RSA2048, seal.SymmetricDefault} {
		_, err := shared()[spec].DeriveSharedSecret(seal.ECDH, own)
		wantErr(t, string(spec), err, seal.ErrIncompatible)
	}
}
