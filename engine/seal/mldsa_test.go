package seal_test

import (
	"crypto/sha256"
	"crypto/sha3"
	"encoding/hex"
	"fmt"
	"testing"

	"filippo.io/mldsa"
	"filippo.io/mldsa/mldsacrypto"
	mldsax509 "filippo.io/mldsa/x509"
	"pgregory.net/rapid"

	"github.com/garrison-cloud/garrison/engine/seal"
)

// mldsaOIDs are RFC 9881 §2, by spec.
var mldsaOIDs = map[seal.Spec]string{
	seal.MLDSA44: "0609608648016503040311",
	seal.MLDSA65: "0609608648016503040312",
	seal.MLDSA87: "0609608648016503040313",
}

func fromSeed(t testing.TB, spec seal.Spec, seed string) *seal.Material {
	t.Helper()
	return load(t, spec, unhex(t, "3034020100300b"+mldsaOIDs[spec]+"04228020"+seed))
}

// externalMu computes the message representative as users do: FIPS 204 §6.2, with
// an empty context, from the published key (KMS Developer Guide, "Offline
// verification with ML-DSA key pairs").
func externalMu(t rapid.TB, m *seal.Material, message []byte) []byte {
	t.Helper()
	parsed, err := mldsax509.ParsePKIXPublicKey(publicKey(t, m))
	if err != nil {
		t.Fatal(err)
	}
	tr := sha3.SumSHAKE256(parsed.(*mldsa.PublicKey).Bytes(), 64)
	return sha3.SumSHAKE256(append(append(tr, 0, 0), message...), 64)
}

// TestKnownMLDSAKeys uses vectors of NIST's ACVP, ML-DSA-keyGen-FIPS204 (tests 1, 2,
// 26, 27, 51 and 52; a work of the United States government, in the public domain).
// The want is the SHA-256 of the public key, which ends the SubjectPublicKeyInfo.
func TestKnownMLDSAKeys(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		spec       seal.Spec
		size       int
		seed, want string
	}{
		{
			seal.MLDSA44, 1312, "93ef2e6ef1fb08999d142abe0295482370d3f43bdb254a78e2b0d5168eca065f",
			"6995b20ecd5cde41719035028a712ccf35b1adf53b913030423d9d6fa188d673",
		},
		{
			seal.MLDSA44, 1312, "d6a5d2325b94ca1b993a0151e24ab95b396f415831dc14a08404820ae58a2ad1",
			"51bced8954e17da402e93fc5275f723aed1b9101bdf4fac5afc2b5c227d9e674",
		},
		{
			seal.MLDSA65, 1952, "70cefb9aed5b68e018b079da8284b9d5cad5499ed9c265ff73588005d85c225c",
			"646b26b8d09dbc9e865b6a006c693a3127b065e62fab5fbe8b159c416462feb6",
		},
		{
			seal.MLDSA65, 1952, "4b4b71c5a1bc1074f2167a1d68729cdb9e16aba3651ff02a0a0f4c883caac827",
			"5fef74046438638b54fb828d4ae59fea8eb26de94905664c2c7d76da82672057",
		},
		{
			seal.MLDSA87, 2592, "38359fbcd79582cffe609e137ee2efe8a8dbcbad18ba92bb433ab4f09b49299d",
			"ea374a09356e5f89be784f28f4ef938e8976cb5c4db00fbacb257663491748d4",
		},
		{
			seal.MLDSA87, 2592, "29b4987c62218c19c77d695eb904affaa1bfef6a52f138604cdab1534e66dc10",
			"40d79acd066c7453d66619211188f3725739cf64df6b8a7e2b948cf16b33a42b",
		},
	} {
		der := publicKey(t, fromSeed(t, tt.spec, tt.seed))
		head, key := der[:len(der)-tt.size], der[len(der)-tt.size:]
		want := fmt.Sprintf("3082%04x300b%s0382%04x00", tt.size+18, mldsaOIDs[tt.spec], tt.size+1)
		if got := hex.EncodeToString(head); got != want {
			t.Errorf("%s: SubjectPublicKeyInfo begins with %s, want %s", tt.spec, got, want)
		}
		if got := sha256.Sum256(key); hex.EncodeToString(got[:]) != tt.want {
			t.Errorf("%s: SHA-256 of the public key = %x, want %s", tt.spec, got, tt.want)
		}
	}
}

// TestKnownMLDSASignatures are known answers of NIST's ACVP for rejection cases (ACVP
// ML-DSA, Table 1, Path/1 of each parameter set): the seed of the key, a message as
// Sign_internal takes it, and the SHA-256 of the deterministic signature. Sign
// hedges; so the library makes the signature, and Verify takes it.
func TestKnownMLDSASignatures(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		spec                seal.Spec
		params              mldsa.Parameters
		seed, message, want string
	}{
		{
			seal.MLDSA44, mldsa.MLDSA44(), "5c624fcc1862452452d0c665840d8237f43108e5499edcdc108fbc49d596e4b7",
			"951fdf5473a4cba6d9e5b5db7e79fb8173921ba5b13e9271401b8f907b8b7d5b",
			"dcc71a421bc6ffafb7df0c7f6d018a19ada154d1e2ee360ed533cecd5dc980ad",
		},
		{
			seal.MLDSA65, mldsa.MLDSA65(), "464756a985e5df03739d95dd309c1ed9c5b04254cc294e7e7eb9b9365ee15117",
			"491101bba044de6e44a63796c33cda051bb05a60725b87af4ba9db940c03ac09",
			"8e08ea0c8db941685b9905a73b0b57bad3500b1f73490480b24375b41230cc04",
		},
		{
			seal.MLDSA87, mldsa.MLDSA87(), "0d58219132746be077dfe821e9f8fd87857b28ab91d6a567e312a73e2636032c",
			"3aa49ef72d010aec19383ba1e83ec2dd3dcc207a96ffceb9ffa269e3e3d66400",
			"5049dc39045618b903c71595b3a3e07a731f95d37304623acc98bcef4258b4ca",
		},
	} {
		private, err := mldsa.NewPrivateKey(tt.params, unhex(t, tt.seed))
		if err != nil {
			t.Fatal(err)
		}
		tr := sha3.SumSHAKE256(private.PublicKey().Bytes(), 64)
		mu := sha3.SumSHAKE256(append(tr, unhex(t, tt.message)...), 64)
		signature, err := private.SignDeterministic(mu, mldsacrypto.MLDSAMu)
		if err != nil {
			t.Fatal(err)
		}
		if got := sha256.Sum256(signature); hex.EncodeToString(got[:]) != tt.want {
			t.Errorf("%s: SHA-256 of the signature = %x, want %s", tt.spec, got, tt.want)
		}
		if err := fromSeed(t, tt.spec, tt.seed).Verify(seal.MLDSAShake256, seal.ExternalMu, mu, signature); err != nil {
			t.Errorf("%s: Verify: %v", tt.spec, err)
		}
	}
}

// TestMLDSAEncoding holds the private key to RFC 9881 §6 and Appendix C.1.1: the seed
// 00…1f. The other forms, which have the expanded key, are not the package's own.
func TestMLDSAEncoding(t *testing.T) {
	t.Parallel()
	const seed = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
	for spec, oid := range mldsaOIDs {
		want := "3034020100300b" + oid + "04228020" + seed
		if got := hex.EncodeToString(secret(t, fromSeed(t, spec, seed))); got != want {
			t.Errorf("%s: Bytes = %s, want %s", spec, got, want)
		}
		for name, bad := range map[string]string{
			"the raw seed":     seed,
			"expanded":         "3034020100300b" + oid + "04220420" + seed,
			"both":             "3034020100300b" + oid + "04223020" + seed,
			"a short seed":     "3033020100300b" + oid + "0421801f" + seed[2:],
			"with parameters":  "3036020100300d" + oid + "0500" + "04228020" + seed,
			"a trailing byte":  want + "00",
			"another mldsa":    "3034020100300b" + "0609608648016503040314" + "04228020" + seed,
			"a wrong length":   "3034020100300b" + oid + "0422801f" + seed,
			"a plain OCTET":    "3032020100300b" + oid + "0420" + seed,
			"another's scheme": "302e020100300506032b657004220420" + seed,
		} {
			_, err := seal.Load(spec, unhex(t, bad))
			wantErr(t, string(spec)+" "+name, err, seal.ErrInvalidMaterial)
		}
	}
}

// TestMLDSAHedges signs twice: two signatures of a message differ, and both verify.
func TestMLDSAHedges(t *testing.T) {
	t.Parallel()
	for spec := range mldsaOIDs {
		m := shared()[spec]
		first := sign(t, m, seal.MLDSAShake256, []byte("message"))
		second := sign(t, m, seal.MLDSAShake256, []byte("message"))
		for i := range first.signatures {
			if string(first.signatures[i]) == string(second.signatures[i]) {
				t.Errorf("%s: two signatures are the same", spec)
			}
		}
	}
}
