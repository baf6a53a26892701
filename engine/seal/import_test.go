package seal_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"
	"math/big"
	"testing"

	"github.com/garrison-cloud/garrison/engine/seal"
)

var (
	wrappingSpecs      = []seal.Spec{seal.RSA2048, seal.RSA3072, seal.RSA4096}
	wrappingAlgorithms = []seal.WrappingAlgorithm{
		seal.WrapOAEPSHA1, seal.WrapOAEPSHA256, seal.WrapRSAAESSHA1, seal.WrapRSAAESSHA256,
	}
)

// TestWraps holds the table to the KMS API Reference, GetParametersForImport,
// WrappingAlgorithm.
func TestWraps(t *testing.T) {
	t.Parallel()
	for _, alg := range wrappingAlgorithms {
		aes := alg == seal.WrapRSAAESSHA1 || alg == seal.WrapRSAAESSHA256
		for _, wrapping := range specs {
			for _, material := range specs {
				want := aes
				switch material {
				case seal.MLDSA44, seal.MLDSA65, seal.MLDSA87:
					want = false
				case seal.SymmetricDefault, seal.HMAC224, seal.HMAC256, seal.HMAC384, seal.HMAC512:
					want = !aes
				case seal.P256, seal.P384, seal.Secp256k1, seal.Edwards25519:
					want = true
				case seal.P521:
					want = aes || wrapping != seal.RSA2048
				}
				want = want && wrapping[:3] == "RSA"
				if got := alg.Wraps(material, wrapping); got != want {
					t.Errorf("%s.Wraps(%s, %s) = %t, want %t", alg, material, wrapping, got, want)
				}
			}
		}
	}
	if seal.WrappingAlgorithm("RSAES_PKCS1_V1_5").Wraps(seal.SymmetricDefault, seal.RSA2048) {
		t.Error("RSAES_PKCS1_V1_5 wraps")
	}
	if seal.WrapOAEPSHA256.Wraps("SM2", seal.RSA2048) || seal.WrapOAEPSHA256.Wraps(seal.P256, "RSA_1024") {
		t.Error("an unknown spec is wrapped, or wraps")
	}
}

// TestImport takes material of every spec through every algorithm that may carry
// it, and under every wrapping key: what arrives is what was sent.
func TestImport(t *testing.T) {
	t.Parallel()
	for _, wrapping := range wrappingSpecs {
		public := publicKey(t, shared()[wrapping])
		for _, alg := range wrappingAlgorithms {
			for _, spec := range specs {
				if !alg.Wraps(spec, wrapping) {
					continue
				}
				sent := secret(t, shared()[spec])
				encrypted, err := seal.Wrap(alg, public, sent)
				if err != nil {
					t.Fatalf("Wrap of %s by %s under %s: %v", spec, alg, wrapping, err)
				}
				got, err := shared()[wrapping].Unwrap(alg, encrypted)
				if err != nil || !bytes.Equal(got, sent) {
					t.Fatalf("Unwrap of %s by %s under %s gives other bytes (%v)", spec, alg, wrapping, err)
				}
				if spec == seal.RSA3072 || spec == seal.RSA4096 {
					continue // once is enough of their slow checks: TestParseImported
				}
				m, err := seal.ParseImported(spec, got)
				if err != nil || !bytes.Equal(secret(t, m), sent) {
					t.Errorf("ParseImported(%s) gives other material (%v)", spec, err)
				}
			}
		}
	}
}

func TestUnwrapRefuses(t *testing.T) {
	t.Parallel()
	m := shared()[seal.RSA2048]
	public := publicKey(t, m)
	for _, alg := range wrappingAlgorithms {
		encrypted, err := seal.Wrap(alg, public, make([]byte, 32))
		if err != nil {
			t.Fatal(err)
		}
		for name, bad := range map[string][]byte{
			"nothing":             nil,
			"a cut":               encrypted[:len(encrypted)-1],
			"a byte more":         append(bytes.Clone(encrypted), 0),
			"a changed first bit": append([]byte{encrypted[0] ^ 1}, encrypted[1:]...),
			"a changed last bit":  append(bytes.Clone(encrypted[:len(encrypted)-1]), encrypted[len(encrypted)-1]^1),
			"the first part":      encrypted[:min(255, len(encrypted)-8)],
			"the last part":       encrypted[len(encrypted)-40:],
			"far too much":        append(bytes.Clone(encrypted), make([]byte, 1<<20)...),
		} {
			got, err := m.Unwrap(alg, bad)
			if err != seal.ErrInvalidCiphertext || got != nil { //nolint:errorlint // the bare sentinel
				t.Errorf("%s of %s: Unwrap = %d bytes, %v, want %v", alg, name, len(got), err, seal.ErrInvalidCiphertext)
			}
		}
		for _, wrong := range wrappingAlgorithms {
			if wrong != alg {
				_, err := m.Unwrap(wrong, encrypted)
				wantErr(t, fmt.Sprintf("%s as %s", alg, wrong), err, seal.ErrInvalidCiphertext)
			}
		}
		_, err = generate(t, seal.P256).Unwrap(alg, encrypted)
		wantErr(t, "Unwrap by an elliptic-curve key", err, seal.ErrIncompatible)
	}
	_, err := m.Unwrap("RSAES_PKCS1_V1_5", nil)
	wantErr(t, "Unwrap by RSAES_PKCS1_V1_5", err, seal.ErrIncompatible)
}

// TestUnwrapWantsAnAES256Key wraps material under a shorter AES key.
func TestUnwrapWantsAnAES256Key(t *testing.T) {
	t.Parallel()
	m := shared()[seal.RSA2048]
	for size, want := range map[int]error{16: seal.ErrInvalidCiphertext, 24: seal.ErrInvalidCiphertext, 32: nil} {
		kek := make([]byte, size)
		head, err := m.Encrypt(seal.OAEPSHA256, kek)
		if err != nil {
			t.Fatal(err)
		}
		tail, err := seal.WrapKWP(kek, []byte("material"))
		if err != nil {
			t.Fatal(err)
		}
		_, err = m.Unwrap(seal.WrapRSAAESSHA256, append(head, tail...))
		wantErr(t, fmt.Sprintf("an AES key of %d bytes", size), err, want)
	}
}

func TestWrapRefuses(t *testing.T) {
	t.Parallel()
	public := publicKey(t, shared()[seal.RSA2048])
	for name, tt := range map[string]struct {
		alg              seal.WrappingAlgorithm
		public, material []byte
		want             error
	}{
		"PKCS #1 v1.5":      {"RSAES_PKCS1_V1_5", public, []byte("x"), seal.ErrIncompatible},
		"no public key":     {seal.WrapOAEPSHA256, nil, []byte("x"), seal.ErrInvalidPublicKey},
		"another kind":      {seal.WrapOAEPSHA256, publicKey(t, shared()[seal.P256]), []byte("x"), seal.ErrInvalidPublicKey},
		"too long for OAEP": {seal.WrapOAEPSHA256, public, make([]byte, 191), seal.ErrInvalidLength},
		"P521 under RSA":    {seal.WrapOAEPSHA1, public, secret(t, shared()[seal.P521]), seal.ErrInvalidLength},
		"nothing":           {seal.WrapRSAAESSHA256, public, nil, seal.ErrInvalidLength},
	} {
		_, err := seal.Wrap(tt.alg, tt.public, tt.material)
		wantErr(t, name, err, tt.want)
	}
}

// TestParseImportedLengths holds raw material to the lengths of the KMS Developer
// Guide, "Requirements for imported key material".
func TestParseImportedLengths(t *testing.T) {
	t.Parallel()
	for spec, limits := range rawSizes {
		for size := range 140 {
			var want error
			if size < limits[0] || size > limits[1] {
				want = seal.ErrInvalidMaterial
			}
			m, err := seal.ParseImported(spec, bytes.Repeat([]byte{1}, size))
			wantErr(t, fmt.Sprintf("%s of %d bytes", spec, size), err, want)
			if err != nil || spec == seal.SymmetricDefault {
				continue
			}
			alg := spec.MacAlgorithms()[0]
			mac, err := m.GenerateMac(alg, []byte("message"))
			if err != nil || load(t, spec, secret(t, m)).VerifyMac(alg, []byte("message"), mac) != nil {
				t.Errorf("%s of %d bytes: the MAC does not verify after Load (%v)", spec, size, err)
			}
		}
	}
}

func TestParseImported(t *testing.T) {
	t.Parallel()
	for spec, m := range shared() {
		imported, err := seal.ParseImported(spec, secret(t, m))
		if !spec.Importable() {
			wantErr(t, string(spec), err, seal.ErrIncompatible)
			continue
		}
		if err != nil {
			t.Errorf("ParseImported(%s): %v", spec, err)
			continue
		}
		if spec.Asymmetric() && !bytes.Equal(publicKey(t, imported), publicKey(t, m)) {
			t.Errorf("%s: the public key differs", spec)
		}
	}
	_, err := seal.ParseImported("SM2", nil)
	wantErr(t, "SM2", err, seal.ErrUnknownSpec)
}

// TestParseImportedRefusesComposites imports an RSA key whose "factors" are
// products of two primes, and whose numbers fit each other all the same: Load, which
// trusts what it reads, takes it.
func TestParseImportedRefusesComposites(t *testing.T) {
	t.Parallel()
	der := compositeRSA(t)
	load(t, seal.RSA2048, der)
	_, err := seal.ParseImported(seal.RSA2048, der)
	wantErr(t, "an RSA key of composite factors", err, seal.ErrInvalidMaterial)
}

// TestParseImportedForeign refuses asymmetric keys of other kinds, sizes and forms.
func TestParseImportedForeign(t *testing.T) {
	t.Parallel()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	sec1, err := x509.MarshalECPrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := x509.ParsePKCS8PrivateKey(secret(t, shared()[seal.RSA2048]))
	if err != nil {
		t.Fatal(err)
	}
	pkcs1 := x509.MarshalPKCS1PrivateKey(parsed.(*rsa.PrivateKey))
	for name, tt := range map[string]struct {
		spec seal.Spec
		der  []byte
	}{
		"SEC 1":                     {seal.P256, sec1},
		"PKCS #1":                   {seal.RSA2048, pkcs1},
		"another curve":             {seal.P256, secret(t, shared()[seal.P384])},
		"another size":              {seal.RSA3072, secret(t, shared()[seal.RSA2048])},
		"a public key":              {seal.P256, publicKey(t, shared()[seal.P256])},
		"a raw seed":                {seal.Edwards25519, make([]byte, 32)},
		"an elliptic key as EdDSA":  {seal.Edwards25519, secret(t, shared()[seal.P256])},
		"an EdDSA key as elliptic":  {seal.P256, secret(t, shared()[seal.Edwards25519])},
		"text":                      {seal.P256, []byte("-----BEGIN PRIVATE KEY-----")},
		"BER of indefinite length":  {seal.P256, append([]byte{0x30, 0x80}, append(secret(t, shared()[seal.P256])[3:], 0, 0)...)},
		"an expected curve, hidden": {seal.Secp256k1, secret(t, shared()[seal.P256])},
	} {
		_, err := seal.ParseImported(tt.spec, tt.der)
		wantErr(t, name, err, seal.ErrInvalidMaterial)
	}
}

// compositeRSA makes a PKCS#8 key of 2048 bits whose two "primes" are products.
func compositeRSA(t *testing.T) []byte {
	t.Helper()
	one, e := big.NewInt(1), big.NewInt(65537)
	for {
		p, q := composite(t), composite(t)
		order := new(big.Int).Mul(new(big.Int).Sub(p, one), new(big.Int).Sub(q, one))
		d := new(big.Int).ModInverse(e, order)
		if d == nil {
			continue
		}
		inner, err := asn1.Marshal(struct{ Version, N, E, D, P, Q, DP, DQ, QInv *big.Int }{
			new(big.Int), new(big.Int).Mul(p, q), e, d, p, q,
			new(big.Int).Mod(d, new(big.Int).Sub(p, one)), new(big.Int).Mod(d, new(big.Int).Sub(q, one)),
			new(big.Int).ModInverse(q, p),
		})
		if err != nil {
			t.Fatal(err)
		}
		der, err := asn1.Marshal(struct {
			Version   int
			Algorithm pkix.AlgorithmIdentifier
			Key       []byte
		}{0, pkix.AlgorithmIdentifier{Algorithm: asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 1}, Parameters: asn1.NullRawValue}, inner})
		if err != nil {
			t.Fatal(err)
		}
		return der
	}
}

// composite is a product of two primes, large enough for half a modulus.
func composite(t *testing.T) *big.Int {
	t.Helper()
	for {
		a, err := rand.Prime(rand.Reader, 512)
		if err != nil {
			t.Fatal(err)
		}
		b, err := rand.Prime(rand.Reader, 512)
		if err != nil {
			t.Fatal(err)
		}
		if product := new(big.Int).Mul(a, b); product.Bit(1023) == 1 && product.Bit(1022) == 1 {
			return product
		}
	}
}
