package seal

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/x509"
	"encoding/hex"
	"math/big"
	"testing"
)

// gcmVectors tests the AEAD that Seal and Open are built on, under the vector's key
// and nonce. Neither can be given to Open itself, which derives the key of each
// message: that the blob is put together rightly is shown by the tests of blobs.
func gcmVectors(*testing.T, *vectorGroup) func(*testing.T, *vector) outcome {
	return func(t *testing.T, v *vector) outcome {
		block, err := aes.NewCipher(v.Key)
		if err != nil {
			t.Fatal(err)
		}
		aead, err := cipher.NewGCMWithRandomNonce(block)
		if err != nil {
			t.Fatal(err)
		}
		plaintext, err := aead.Open(nil, nil, bytes.Join([][]byte{v.IV, v.CT, v.Tag}, nil), v.AAD)
		if err != nil {
			return v.plain(refused)
		}
		wantBytes(t, v, plaintext, v.Msg)
		return v.plain(accepted)
	}
}

func wantBytes(t *testing.T, v *vector, got, want []byte) {
	t.Helper()
	if !bytes.Equal(got, want) {
		t.Errorf("vector %d: got %x, want %x", v.ID, got, want)
	}
}

// kwpVectors tests both directions: what is valid is also wrapped to the same bytes.
func kwpVectors(*testing.T, *vectorGroup) func(*testing.T, *vector) outcome {
	return func(t *testing.T, v *vector) outcome {
		key, err := UnwrapKWP(v.Key, v.CT)
		got := verdictOf(t, err, ErrInvalidCiphertext)
		if got == accepted {
			wantBytes(t, v, key, v.Msg)
			wrapped, err := WrapKWP(v.Key, v.Msg)
			if err != nil {
				t.Errorf("vector %d: %v", v.ID, err)
			}
			wantBytes(t, v, wrapped, v.CT)
		}
		return v.plain(got)
	}
}

// hmacVectors refuses tags that are cut, valid ones too: KMS has none. A key shorter
// than the hash is none of an HMAC spec, so that its vectors are skipped.
func hmacVectors(spec Spec, alg MacAlgorithm) func(*testing.T, *vectorGroup) func(*testing.T, *vector) outcome {
	size := macHashes[alg].Size()
	return func(_ *testing.T, g *vectorGroup) func(*testing.T, *vector) outcome {
		return func(t *testing.T, v *vector) outcome {
			m, err := Load(spec, v.Key)
			if err != nil {
				if len(v.Key) >= size {
					t.Errorf("vector %d: %v", v.ID, err)
				}
				return v.plain(skipped)
			}
			got := verdictOf(t, m.VerifyMac(alg, v.Msg, v.Tag), ErrInvalidMac)
			if g.TagSize != 8*size {
				return outcome{got, refused}
			}
			return v.plain(got)
		}
	}
}

// oaepVectors refuses what was encrypted with a label: that of KMS is empty.
func oaepVectors(spec Spec, alg EncryptionAlgorithm) func(*testing.T, *vectorGroup) func(*testing.T, *vector) outcome {
	return func(t *testing.T, g *vectorGroup) func(*testing.T, *vector) outcome {
		m, err := Load(spec, g.PrivateKeyPKCS8)
		if err != nil {
			t.Fatal(err)
		}
		return func(t *testing.T, v *vector) outcome {
			plaintext, err := m.Decrypt(alg, v.CT)
			got := verdictOf(t, err, ErrInvalidCiphertext)
			if got == accepted {
				wantBytes(t, v, plaintext, v.Msg)
			}
			if len(v.Label) > 0 {
				return outcome{got, refused}
			}
			return v.plain(got)
		}
	}
}

// ecdhVectors refuses all that are acceptable, so that a public key has one encoding:
//
//   - CompressedPoint: crypto/x509 takes uncompressed points alone.
//   - UnnamedCurve, with UnusedParam and whatever was changed in the parameters:
//     parameters that nobody looks at are those of an attack, and crypto/x509 takes
//     named curves alone.
//   - InvalidAsn: most are not DER, which crypto/x509 refuses, and the rest have
//     elements too many, which parsePeer refuses.
func ecdhVectors(spec Spec, curve elliptic.Curve) func(*testing.T, *vectorGroup) func(*testing.T, *vector) outcome {
	return func(*testing.T, *vectorGroup) func(*testing.T, *vector) outcome {
		return func(t *testing.T, v *vector) outcome {
			secret, err := agreeing(t, spec, curve, v).DeriveSharedSecret(ECDH, v.Public)
			got := verdictOf(t, err, ErrInvalidPublicKey)
			if got == accepted {
				wantBytes(t, v, secret, v.Shared)
			}
			if v.Result != "acceptable" {
				return v.plain(got)
			}
			return outcome{got, refused}
		}
	}
}

// agreeing loads the private number of a vector, which may begin with a zero too
// many or lack one.
func agreeing(t *testing.T, spec Spec, curve elliptic.Curve, v *vector) *Material {
	t.Helper()
	d := new(big.Int).SetBytes(v.Private).FillBytes(make([]byte, (curve.Params().BitSize+7)/8))
	private, err := ecdsa.ParseRawPrivateKey(curve, d)
	if err != nil {
		t.Fatalf("vector %d: %v", v.ID, err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	m, err := Load(spec, der)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// TestCounterKDFBlocks is NIST's CAVP for SP 800-108 (CAVS 14.4, KDFCTR_gen,
// HMAC_SHA256, BEFORE_FIXED, RLEN 32 bits; a work of the United States government, in
// the public domain), counts 10 and 20: outputs of up to the one block that is made.
func TestCounterKDFBlocks(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ secret, fixed, want string }{
		{
			"e204d6d466aad507ffaf6d6dab0a5b26152c9e21e764370464e360c8fbc765c6",
			"7b03b98d9f94b899e591f3ef264b71b193fba7043c7e953cde23bc5384bc1a62" +
				"93580115fae3495fd845dadbd02bd6455cf48d0f62b33e62364a3a80",
			"770dfab6a6a4a4bee0257ff335213f78d8287b4fd537d5c1fffa956910e7c779",
		},
		{
			"dc60338d884eecb72975c603c27b360605011756c697c4fc388f5176ef81efb1",
			"44d7aa08feba26093c14979c122c2437c3117b63b78841cd10a4bc5ed55c5658" +
				"6ad8986d55307dca1d198edcffbc516a8fbe6152aa428cdd800c062d",
			"29ac07dccf1f28d506cd623e6e3fc2fa255bd60b",
		},
	} {
		var in [2]hexBytes
		for i, s := range []string{tt.secret, tt.fixed} {
			if err := in[i].UnmarshalText([]byte(s)); err != nil {
				t.Fatal(err)
			}
		}
		out := counterKDF(in[0], in[1])
		if got := hex.EncodeToString(out[:])[:len(tt.want)]; got != tt.want {
			t.Errorf("output begins %s, want %s", got, tt.want)
		}
	}
}
