package seal_test

import (
	"crypto/sha512"
	"encoding/hex"
	"testing"

	"github.com/garrison-cloud/garrison/engine/seal"
)

func ed25519FromSeed(t testing.TB, seed string) *seal.Material {
	t.Helper()
	return load(t, seal.Edwards25519, unhex(t, "302e020100300506032b657004220420"+seed))
}

// TestKnownEd25519 is RFC 8032 §7.1, tests 1 to 3. Signatures are deterministic.
func TestKnownEd25519(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ seed, message, want string }{
		{
			"9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60", "",
			"e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
		},
		{
			"4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb", "72",
			"92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
		},
		{
			"c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7", "af82",
			"6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
		},
	} {
		m := ed25519FromSeed(t, tt.seed)
		got, err := m.Sign(seal.Ed25519SHA512, seal.Raw, unhex(t, tt.message))
		if hex.EncodeToString(got) != tt.want || err != nil {
			t.Errorf("Sign(%q) = %x, %v, want %s", tt.message, got, err, tt.want)
		}
		if err := m.Verify(seal.Ed25519SHA512, seal.Raw, unhex(t, tt.message), unhex(t, tt.want)); err != nil {
			t.Errorf("Verify(%q): %v", tt.message, err)
		}
	}
}

// TestKnownEd25519ph signs, with the key of RFC 8032 §7.3, the digest of that
// section's message. KMS hashes the digest again, so the signature is not that of
// the RFC. It was made by another program, which gives the RFC's for its message.
func TestKnownEd25519ph(t *testing.T) {
	t.Parallel()
	const (
		want = "914dc6538ac512db8ffbdfbbf9c2fd2c1e5c915ff5d708751ad2d3a1425f0c9b" +
			"fa3f1da6d93e5c7fc5b106b536f7263a3db68e4a285f30e4bd7e8b9f93d42f0e"
		once = "98a70222f0b8121aa9d30f813d683f809e462b469c7ff87639499bb94e6dae41" +
			"31f85042463c2a355a2003d062adf5aaa10b8c61e636062aaad11c2a26083406"
	)
	m := ed25519FromSeed(t, "833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42")
	digest := sha512.Sum512([]byte("abc"))
	got, err := m.Sign(seal.Ed25519phSHA512, seal.Digest, digest[:])
	if hex.EncodeToString(got) != want || err != nil {
		t.Errorf("Sign = %x, %v, want %s", got, err, want)
	}
	if err := m.Verify(seal.Ed25519phSHA512, seal.Digest, digest[:], unhex(t, want)); err != nil {
		t.Errorf("Verify: %v", err)
	}
	err = m.Verify(seal.Ed25519phSHA512, seal.Digest, digest[:], unhex(t, once))
	wantErr(t, "the signature of a digest hashed once", err, seal.ErrInvalidSignature)
	err = m.Verify(seal.Ed25519SHA512, seal.Raw, digest[:], unhex(t, want))
	wantErr(t, "Ed25519ph as Ed25519", err, seal.ErrInvalidSignature)
}

// TestEd25519Encoding holds both encodings to RFC 8410 §10.1 and §10.3.
func TestEd25519Encoding(t *testing.T) {
	t.Parallel()
	const (
		seed  = "d4ee72dbf913584ad5b6d8f1f769f8ad3afe7c28cbf1d4fbe097a88f44755842"
		point = "19bf44096984cdfe8541bac167dc3b96c85086aa30b6b6cb0c5c38ad703166e1"
		pkcs8 = "302e020100300506032b657004220420" + seed
	)
	m := ed25519FromSeed(t, seed)
	if got := hex.EncodeToString(secret(t, m)); got != pkcs8 {
		t.Errorf("Bytes = %s, want %s", got, pkcs8)
	}
	if got, want := hex.EncodeToString(publicKey(t, m)), "302a300506032b6570032100"+point; got != want {
		t.Errorf("PublicKey = %s, want %s", got, want)
	}
	for name, bad := range map[string]string{
		"a short seed":    "302d020100300506032b65700421041f" + seed[2:],
		"X25519":          "302e020100300506032b656e04220420" + seed,
		"Ed448":           "302e020100300506032b657104220420" + seed,
		"with parameters": "3030020100300706032b6570050004220420" + seed,
		"the raw seed":    seed,
	} {
		_, err := seal.Load(seal.Edwards25519, unhex(t, bad))
		wantErr(t, name, err, seal.ErrInvalidMaterial)
	}
}
