package seal_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"encoding/asn1"
	"encoding/hex"
	"fmt"
	"math/big"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/garrison-cloud/garrison/engine/seal"
)

var allSigning = append(seal.RSA2048.SigningAlgorithms(), seal.ECDSASHA256, seal.ECDSASHA384, seal.ECDSASHA512)

func hashOf(alg seal.SigningAlgorithm) crypto.Hash {
	switch {
	case strings.HasSuffix(string(alg), "_256"):
		return crypto.SHA256
	case strings.HasSuffix(string(alg), "_384"):
		return crypto.SHA384
	default:
		return crypto.SHA512
	}
}

func digestOf(alg seal.SigningAlgorithm, message []byte) []byte {
	h := hashOf(alg).New()
	h.Write(message)
	return h.Sum(nil)
}

// TestSignVerify signs with every spec, algorithm and message type. A signature
// of the message verifies for its digest and the other way round, and nothing
// else verifies. RSA keys sign one message each, as they are slow.
func TestSignVerify(t *testing.T) {
	t.Parallel()
	for spec, m := range shared() {
		for _, alg := range spec.SigningAlgorithms() {
			t.Run(string(spec)+"/"+string(alg), func(t *testing.T) {
				t.Parallel()
				if !strings.HasPrefix(string(spec), "RSA_") {
					rapid.Check(t, func(t *rapid.T) {
						checkSignatures(t, signed(t, m, alg, rapid.SliceOfN(rapid.Byte(), 1, 100).Draw(t, "message")))
					})
					return
				}
				once := signed(t, m, alg, []byte("message"))
				rapid.Check(t, func(t *rapid.T) { checkSignatures(t, once) })
			})
		}
	}
}

// signedTwice is a message, and its signatures made from itself and its digest.
type signedTwice struct {
	m          *seal.Material
	alg        seal.SigningAlgorithm
	message    []byte
	signatures [2][]byte
}

func signed(t rapid.TB, m *seal.Material, alg seal.SigningAlgorithm, message []byte) signedTwice {
	t.Helper()
	raw, err := m.Sign(alg, seal.Raw, message)
	if err != nil {
		t.Fatalf("Sign: %v", err)
	}
	digest, err := m.Sign(alg, seal.Digest, digestOf(alg, message))
	if err != nil {
		t.Fatalf("Sign the digest: %v", err)
	}
	return signedTwice{m, alg, message, [2][]byte{raw, digest}}
}

func checkSignatures(t *rapid.T, s signedTwice) {
	signature := rapid.SampledFrom(s.signatures[:]).Draw(t, "signature")
	digest := digestOf(s.alg, s.message)
	for kind, body := range map[seal.MessageType][]byte{seal.Raw: s.message, seal.Digest: digest} {
		if err := s.m.Verify(s.alg, kind, body, signature); err != nil {
			t.Fatalf("Verify of %s: %v", kind, err)
		}
		for name, err := range map[string]error{
			"a changed bit":   s.m.Verify(s.alg, kind, body, flip(t, signature)),
			"another message": s.m.Verify(s.alg, kind, flip(t, body), signature),
			"no signature":    s.m.Verify(s.alg, kind, body, nil),
			"a longer one":    s.m.Verify(s.alg, kind, body, append(bytes.Clone(signature), 0)),
			"a cut one":       s.m.Verify(s.alg, kind, body, signature[:len(signature)-1]),
			"a digest as raw": s.m.Verify(s.alg, seal.Raw, digest, signature),
		} {
			if err != seal.ErrInvalidSignature { //nolint:errorlint // the bare sentinel
				t.Fatalf("%s: error = %v, want %v", name, err, seal.ErrInvalidSignature)
			}
		}
	}
}

func TestSignRefuses(t *testing.T) {
	t.Parallel()
	for spec, m := range shared() {
		own := spec.SigningAlgorithms()
		for _, alg := range append(allSigning, "SM2DSA", "") {
			if strings.Contains(fmt.Sprint(own), string(alg)) && alg != "" {
				continue
			}
			_, err := m.Sign(alg, seal.Raw, []byte("x"))
			wantErr(t, fmt.Sprintf("Sign %q under %s", alg, spec), err, seal.ErrIncompatible)
			wantErr(t, fmt.Sprintf("Verify %q under %s", alg, spec), m.Verify(alg, seal.Raw, []byte("x"), nil), seal.ErrIncompatible)
		}
		for _, alg := range own {
			for _, size := range []int{0, 20, hashOf(alg).Size() - 1, hashOf(alg).Size() + 1} {
				_, err := m.Sign(alg, seal.Digest, make([]byte, size))
				wantErr(t, fmt.Sprintf("%s digest of %d", alg, size), err, seal.ErrInvalidLength)
				wantErr(t, "verify it", m.Verify(alg, seal.Digest, make([]byte, size), nil), seal.ErrInvalidLength)
			}
			_, err := m.Sign(alg, "EXTERNAL_MU", make([]byte, 64))
			wantErr(t, string(alg)+" EXTERNAL_MU", err, seal.ErrIncompatible)
		}
	}
}

// TestOneAlgorithmDoesNotVerifyAnother crosses the algorithms of an RSA key that
// share a hash, and two keys of a spec.
func TestOneAlgorithmDoesNotVerifyAnother(t *testing.T) {
	t.Parallel()
	m, other := shared()[seal.RSA2048], generate(t, seal.RSA2048)
	for _, alg := range seal.RSA2048.SigningAlgorithms() {
		signature, err := m.Sign(alg, seal.Raw, []byte("message"))
		if err != nil {
			t.Fatal(err)
		}
		wantErr(t, "another key", other.Verify(alg, seal.Raw, []byte("message"), signature), seal.ErrInvalidSignature)
		for _, wrong := range seal.RSA2048.SigningAlgorithms() {
			if wrong != alg {
				wantErr(t, string(alg)+" as "+string(wrong), m.Verify(wrong, seal.Raw, []byte("message"), signature), seal.ErrInvalidSignature)
			}
		}
	}
}

// TestSignaturesAreOthersSignatures lets the standard library verify by the
// published key what users verify outside of KMS.
func TestSignaturesAreOthersSignatures(t *testing.T) {
	t.Parallel()
	for spec, m := range shared() {
		if spec == seal.Secp256k1 || !spec.Asymmetric() {
			continue
		}
		der, err := m.PublicKey()
		if err != nil {
			t.Fatal(err)
		}
		public, err := x509.ParsePKIXPublicKey(der)
		if err != nil {
			t.Fatal(err)
		}
		for _, alg := range spec.SigningAlgorithms() {
			signature, err := m.Sign(alg, seal.Raw, []byte("message"))
			if err != nil {
				t.Fatal(err)
			}
			if err := verifyOutside(public, alg, signature); err != nil {
				t.Errorf("%s %s: %v", spec, alg, err)
			}
		}
	}
}

func verifyOutside(public crypto.PublicKey, alg seal.SigningAlgorithm, signature []byte) error {
	h, digest := hashOf(alg), digestOf(alg, []byte("message"))
	switch k := public.(type) {
	case *ecdsa.PublicKey:
		if !ecdsa.VerifyASN1(k, digest, signature) {
			return seal.ErrInvalidSignature
		}
		return nil
	case *rsa.PublicKey:
		if strings.Contains(string(alg), "PSS") {
			return rsa.VerifyPSS(k, h, digest, signature, &rsa.PSSOptions{SaltLength: h.Size()})
		}
		return rsa.VerifyPKCS1v15(k, h, digest, signature)
	}
	return fmt.Errorf("public key is a %T", public)
}

// TestVerifyKnownP256 is the signature of RFC 6979 §A.2.5 with SHA-256 over
// "sample".
func TestVerifyKnownP256(t *testing.T) {
	t.Parallel()
	private, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), unhex(t, "c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721"))
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	signature := encodeECDSA(t,
		"efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716",
		"f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8")
	if err := load(t, seal.P256, der).Verify(seal.ECDSASHA256, seal.Raw, []byte("sample"), signature); err != nil {
		t.Errorf("Verify: %v", err)
	}
}

// TestKnownSecp256k1 is the widely used RFC 6979 vector of the private key 1 over
// "Satoshi Nakamoto", signed and verified; and its twin with the other s, which
// KMS takes too.
func TestKnownSecp256k1(t *testing.T) {
	t.Parallel()
	const r, s = "934b1ea10a4b3c1757e2b0c017d0b6143ce3c9a7e6a4a49860d7a6ab210ee3d8", "2442ce9d2b916064108014783e923ec36b49743e2ffa1c4496f01a512aafd9e5"
	m := load(t, seal.Secp256k1, unhex(t, "303e020100301006072a8648ce3d020106052b8104000a0427302502010104200000000000000000000000000000000000000000000000000000000000000001"))
	message, want := []byte("Satoshi Nakamoto"), encodeECDSA(t, r, s)
	if got, err := m.Sign(seal.ECDSASHA256, seal.Raw, message); !bytes.Equal(got, want) || err != nil {
		t.Errorf("Sign = %x, %v, want %x", got, err, want)
	}
	order, _ := new(big.Int).SetString("fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141", 16)
	high := new(big.Int).Sub(order, new(big.Int).SetBytes(unhex(t, s)))
	if err := m.Verify(seal.ECDSASHA256, seal.Raw, message, encodeECDSA(t, r, hex.EncodeToString(high.Bytes()))); err != nil {
		t.Errorf("Verify with the other s: %v", err)
	}
}

func encodeECDSA(t *testing.T, r, s string) []byte {
	t.Helper()
	der, err := asn1.Marshal(struct{ R, S *big.Int }{new(big.Int).SetBytes(unhex(t, r)), new(big.Int).SetBytes(unhex(t, s))})
	if err != nil {
		t.Fatal(err)
	}
	return der
}
