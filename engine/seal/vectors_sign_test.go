package seal

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"sync"
	"testing"

	"filippo.io/mldsa"
	"filippo.io/mldsa/mldsacrypto"
	"github.com/decred/dcrd/dcrec/secp256k1/v4"
)

// verifying is material of a public half alone, which the API does not make: the
// vectors have no private one. Verify looks at no more.
func verifying(t *testing.T, spec Spec, der []byte) *Material {
	t.Helper()
	if spec == Secp256k1 {
		var info spki
		if rest, err := asn1.Unmarshal(der, &info); err != nil || len(rest) > 0 {
			t.Fatalf("public key: %v, %d bytes behind it", err, len(rest))
		}
		point, err := secp256k1.ParsePubKey(info.PublicKey.Bytes)
		if err != nil {
			t.Fatal(err)
		}
		return &Material{spec: spec, key: &secp256k1Key{point: point}}
	}
	parsed, err := x509.ParsePKIXPublicKey(der)
	if err != nil {
		t.Fatal(err)
	}
	switch public := parsed.(type) {
	case *rsa.PublicKey:
		return &Material{spec: spec, key: &rsaKey{private: &rsa.PrivateKey{PublicKey: *public}}}
	case *ecdsa.PublicKey:
		return &Material{spec: spec, key: &nistKey{private: &ecdsa.PrivateKey{PublicKey: *public}}}
	case ed25519.PublicKey:
		private := append(make([]byte, ed25519.SeedSize), public...)
		return &Material{spec: spec, key: &ed25519Key{private: private}}
	}
	t.Fatalf("public key of type %T", parsed)
	return nil
}

// signatureVectors verifies the message, and where the algorithm takes it the digest
// as well, which has to get the same verdict. The acceptable ones of RSA PKCS #1 v1.5
// are MissingNull: a DigestInfo without the NULL of its parameters. They are refused,
// as crypto/rsa compares with the one encoding that RFC 8017 §9.2 has signers make.
func signatureVectors(spec Spec, alg SigningAlgorithm) func(*testing.T, *vectorGroup) func(*testing.T, *vector) outcome {
	return func(t *testing.T, g *vectorGroup) func(*testing.T, *vector) outcome {
		m := verifying(t, spec, g.PublicKeyDER)
		return func(t *testing.T, v *vector) outcome {
			got := verdictOf(t, m.Verify(alg, Raw, v.Msg, v.Sig), ErrInvalidSignature)
			if alg.Takes(Digest) {
				h := signingHashes[alg].New()
				h.Write(v.Msg)
				digested := verdictOf(t, m.Verify(alg, Digest, h.Sum(nil), v.Sig), ErrInvalidSignature)
				if digested != got {
					t.Errorf("vector %d: by its digest %s, by its message %s", v.ID, digested, got)
				}
			}
			if v.has("MissingNull") {
				return outcome{got, refused}
			}
			return v.plain(got)
		}
	}
}

// foreignPSS are signatures of other parameters than those of KMS, whose salt is as
// long as the hash and whose MGF1 has the same hash: the valid ones are refused too.
// The vector own, if not 0, is invalid there, as its salt has another length, and that
// length is KMS's: it is to be accepted.
func foreignPSS(spec Spec, alg SigningAlgorithm, own int) func(*testing.T, *vectorGroup) func(*testing.T, *vector) outcome {
	open := signatureVectors(spec, alg)
	return func(t *testing.T, g *vectorGroup) func(*testing.T, *vector) outcome {
		test := open(t, g)
		return func(t *testing.T, v *vector) outcome {
			if v.ID == own {
				return outcome{test(t, v).got, accepted}
			}
			return outcome{test(t, v).got, refused}
		}
	}
}

// contextMu is the message representative of a message with a context (FIPS 204,
// Algorithm 3 step 10 and Algorithm 8 step 7).
func contextMu(public []byte, v *vector) []byte {
	formatted := append([]byte{0, byte(len(v.Ctx))}, v.Ctx...)
	return muOf(public, append(formatted, v.Msg...))
}

// maxContext is the longest context, in bytes (FIPS 204 §5.2).
const maxContext = 255

// mldsaVectors verifies by EXTERNAL_MU, and the message itself where the context is
// empty, the only one that KMS has; with another the message is to be refused. Longer
// contexts than there are have no representative, and public keys of another length no
// material: the first are skipped, the second refused by the parser.
func mldsaVectors(spec Spec, params mldsa.Parameters) func(*testing.T, *vectorGroup) func(*testing.T, *vector) outcome {
	return func(_ *testing.T, g *vectorGroup) func(*testing.T, *vector) outcome {
		public, err := mldsa.NewPublicKey(params, g.PublicKey)
		if err != nil {
			return func(_ *testing.T, v *vector) outcome { return v.plain(refused) }
		}
		m := &Material{spec: spec, key: &mldsaKey{
			verifies: public,
			verifier: sync.OnceValue(func() *muVerifier { return newMuVerifier(public) }),
		}}
		return func(t *testing.T, v *vector) outcome {
			if len(v.Ctx) > maxContext {
				return v.plain(skipped)
			}
			got := verdictOf(t, m.Verify(MLDSAShake256, ExternalMu, contextMu(g.PublicKey, v), v.Sig), ErrInvalidSignature)
			raw := verdictOf(t, m.Verify(MLDSAShake256, Raw, v.Msg, v.Sig), ErrInvalidSignature)
			if want := v.underEmptyContext(got); raw != want {
				t.Errorf("vector %d: message itself %s, want %s", v.ID, raw, want)
			}
			return v.plain(got)
		}
	}
}

func (v *vector) underEmptyContext(got verdict) verdict {
	if len(v.Ctx) > 0 {
		return refused
	}
	return got
}

// mldsaSeedVectors loads the seed and compares the public key, the representative, and
// the signature, of which the file has the SHA-256. Seal's own signatures are hedged,
// so that none can be compared: the loaded key signs with the library's other method,
// and Verify and Sign are then held to the result. Some vectors give a representative
// alone (NIST's known answers for the rejection loop). A random one is skipped, as no
// method takes its randomness, and a context that is too long.
func mldsaSeedVectors(spec Spec, oid string) func(*testing.T, *vectorGroup) func(*testing.T, *vector) outcome {
	return func(t *testing.T, g *vectorGroup) func(*testing.T, *vector) outcome {
		m, err := Load(spec, seedPKCS8(oid, g.PrivateSeed))
		if got := verdictOf(t, err, ErrInvalidMaterial); got != accepted {
			return func(_ *testing.T, v *vector) outcome { return v.plain(got) }
		}
		k := m.key.(*mldsaKey)
		public := k.verifies.Bytes()
		if sum := sha256.Sum256(public); string(sum[:]) != string(g.PublicKey) {
			t.Errorf("public key of seed %x differs", g.PrivateSeed)
		}
		return func(t *testing.T, v *vector) outcome {
			if v.has("Randomized") || len(v.Ctx) > maxContext {
				return v.plain(skipped)
			}
			if v.Msg != nil {
				wantBytes(t, v, contextMu(public, v), v.Mu)
			}
			return v.plain(sameSignature(t, m, k, v))
		}
	}
}

func sameSignature(t *testing.T, m *Material, k *mldsaKey, v *vector) verdict {
	t.Helper()
	signature, err := k.private.SignDeterministic(v.Mu, mldsacrypto.MLDSAMu)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(signature)
	wantBytes(t, v, sum[:], v.Sig)
	hedged, err := m.Sign(MLDSAShake256, ExternalMu, v.Mu)
	if err != nil {
		t.Fatal(err)
	}
	if got := verdictOf(t, m.Verify(MLDSAShake256, ExternalMu, v.Mu, hedged), ErrInvalidSignature); got != accepted {
		t.Errorf("vector %d: hedged signature %s", v.ID, got)
	}
	return verdictOf(t, m.Verify(MLDSAShake256, ExternalMu, v.Mu, signature), ErrInvalidSignature)
}

// seedPKCS8 is RFC 9881 §6, the choice "seed", of any length.
func seedPKCS8(oid string, seed []byte) []byte {
	n := byte(len(seed))
	der := append([]byte{0x30, 20 + n, 2, 1, 0, 0x30, 11}, oid...)
	return append(append(der, 4, n+2, 0x80, n), seed...)
}
