package seal_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha512"
	"crypto/x509"
	"encoding/asn1"
	"encoding/hex"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"testing"

	"filippo.io/mldsa"
	mldsax509 "filippo.io/mldsa/x509"
	"pgregory.net/rapid"

	"github.com/garrison-cloud/garrison/engine/seal"
)

var allSigning = append(
	seal.RSA2048.SigningAlgorithms(), seal.ECDSASHA256, seal.ECDSASHA384, seal.ECDSASHA512,
	seal.Ed25519SHA512, seal.Ed25519phSHA512, seal.MLDSAShake256,
)

var messageTypes = []seal.MessageType{seal.Raw, seal.Digest, seal.ExternalMu}

func hashOf(alg seal.SigningAlgorithm) crypto.Hash {
	switch {
	case strings.HasSuffix(string(alg), "_SHA_256"):
		return crypto.SHA256
	case strings.HasSuffix(string(alg), "_SHA_384"):
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

// bodies are what stands for message under each type that alg takes.
func bodies(t rapid.TB, m *seal.Material, alg seal.SigningAlgorithm, message []byte) map[seal.MessageType][]byte {
	t.Helper()
	out := map[seal.MessageType][]byte{}
	for _, kind := range messageTypes {
		if !alg.Takes(kind) {
			continue
		}
		switch kind {
		case seal.Digest:
			out[kind] = digestOf(alg, message)
		case seal.ExternalMu:
			out[kind] = externalMu(t, m, message)
		default:
			out[kind] = message
		}
	}
	return out
}

// TestSignVerify signs with every spec, algorithm and message type. A signature of
// the message verifies by every other type that stands for it, and nothing else
// verifies. Keys of RSA and ML-DSA sign one message an algorithm, as they are slow.
func TestSignVerify(t *testing.T) {
	t.Parallel()
	for spec, m := range shared() {
		algs := spec.SigningAlgorithms()
		if len(algs) == 0 {
			continue
		}
		t.Run(string(spec), func(t *testing.T) {
			t.Parallel()
			once := map[seal.SigningAlgorithm]signed{}
			if strings.HasPrefix(string(spec), "RSA_") || algs[0] == seal.MLDSAShake256 {
				for _, alg := range algs {
					once[alg] = sign(t, m, alg, []byte("message"))
				}
			}
			rapid.Check(t, func(t *rapid.T) {
				alg := rapid.SampledFrom(algs).Draw(t, "alg")
				s, ok := once[alg]
				if !ok {
					s = sign(t, m, alg, rapid.SliceOfN(rapid.Byte(), 1, 100).Draw(t, "message"))
				}
				checkSignatures(t, s)
			})
		})
	}
}

// signed is a message in each form, and a signature made from each.
type signed struct {
	m          *seal.Material
	alg        seal.SigningAlgorithm
	bodies     map[seal.MessageType][]byte
	signatures [][]byte
}

func sign(t rapid.TB, m *seal.Material, alg seal.SigningAlgorithm, message []byte) signed {
	t.Helper()
	s := signed{m: m, alg: alg, bodies: bodies(t, m, alg, message)}
	for _, kind := range messageTypes {
		body, ok := s.bodies[kind]
		if !ok {
			continue
		}
		signature, err := m.Sign(alg, kind, body)
		if err != nil {
			t.Fatalf("Sign of %s: %v", kind, err)
		}
		s.signatures = append(s.signatures, signature)
	}
	return s
}

func checkSignatures(t *rapid.T, s signed) {
	signature := rapid.SampledFrom(s.signatures).Draw(t, "signature")
	for kind, body := range s.bodies {
		if err := s.m.Verify(s.alg, kind, body, signature); err != nil {
			t.Fatalf("Verify of %s: %v", kind, err)
		}
		wrong := map[string]error{
			"a changed bit":   s.m.Verify(s.alg, kind, body, flip(t, signature)),
			"another message": s.m.Verify(s.alg, kind, flip(t, body), signature),
			"no signature":    s.m.Verify(s.alg, kind, body, nil),
			"a longer one":    s.m.Verify(s.alg, kind, body, append(bytes.Clone(signature), 0)),
			"a cut one":       s.m.Verify(s.alg, kind, body, signature[:len(signature)-1]),
		}
		if kind != seal.Raw && s.alg.Takes(seal.Raw) {
			wrong["a digest as raw"] = s.m.Verify(s.alg, seal.Raw, body, signature)
		}
		for name, err := range wrong {
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
			if !slices.Contains(own, alg) {
				_, err := m.Sign(alg, seal.Raw, []byte("x"))
				wantErr(t, fmt.Sprintf("Sign %q under %s", alg, spec), err, seal.ErrIncompatible)
				wantErr(t, fmt.Sprintf("Verify %q under %s", alg, spec), m.Verify(alg, seal.Raw, []byte("x"), nil), seal.ErrIncompatible)
			}
		}
		for _, alg := range own {
			refuseMessages(t, m, alg)
		}
	}
}

// refuseMessages tries message types that alg does not take, and lengths that their
// messages do not have.
func refuseMessages(t *testing.T, m *seal.Material, alg seal.SigningAlgorithm) {
	t.Helper()
	for _, kind := range append(messageTypes, "", "raw") {
		sizes, want := []int{0, 20, hashOf(alg).Size() - 1, hashOf(alg).Size() + 1}, seal.ErrInvalidLength
		if !alg.Takes(kind) {
			sizes, want = []int{hashOf(alg).Size()}, seal.ErrIncompatible
		} else if kind == seal.Raw {
			continue
		}
		for _, size := range sizes {
			_, err := m.Sign(alg, kind, make([]byte, size))
			wantErr(t, fmt.Sprintf("%s, %q of %d bytes", alg, kind, size), err, want)
			wantErr(t, "verify it", m.Verify(alg, kind, make([]byte, size), nil), want)
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

// TestSignaturesAreOthersSignatures lets the standard library, and the library of
// ML-DSA, verify by the published key what users verify outside of KMS.
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
		public, err := mldsax509.ParsePKIXPublicKey(der)
		if err != nil {
			t.Fatal(err)
		}
		for _, alg := range spec.SigningAlgorithms() {
			signature := sign(t, m, alg, []byte("message")).signatures[0]
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
	case ed25519.PublicKey:
		if alg == seal.Ed25519SHA512 {
			return ed25519.VerifyWithOptions(k, []byte("message"), signature, &ed25519.Options{})
		}
		prehash := sha512.Sum512(digest) // the digest is the message: KMS hashes it again
		return ed25519.VerifyWithOptions(k, prehash[:], signature, &ed25519.Options{Hash: crypto.SHA512})
	case *mldsa.PublicKey:
		return mldsa.Verify(k, []byte("message"), signature, nil)
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
