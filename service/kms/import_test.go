package kms_test

import (
	"bytes"
	"crypto/rand"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"github.com/garrison-cloud/garrison/engine/seal"
	"github.com/garrison-cloud/garrison/internal/garrisontest"
)

// parameters asks for a wrapping key of 2,048 bits.
func parameters(t *testing.T, c *kms.Client, key *types.KeyMetadata, alg types.AlgorithmSpec) *kms.GetParametersForImportOutput {
	t.Helper()
	out, err := c.GetParametersForImport(t.Context(), &kms.GetParametersForImportInput{
		KeyId: key.KeyId, WrappingAlgorithm: alg, WrappingKeySpec: types.WrappingKeySpecRsa2048,
	})
	if err != nil {
		t.Fatalf("parameters for import: %v", err)
	}
	return out
}

// wrapped is what imports material that does not expire.
func wrapped(t *testing.T, c *kms.Client, key *types.KeyMetadata, material []byte) *kms.ImportKeyMaterialInput {
	t.Helper()
	alg := types.AlgorithmSpecRsaesOaepSha256
	if strings.HasPrefix(string(key.KeySpec), "RSA") {
		alg = types.AlgorithmSpecRsaAesKeyWrapSha256
	}
	p := parameters(t, c, key, alg)
	b, err := seal.Wrap(seal.WrappingAlgorithm(alg), p.PublicKey, material)
	if err != nil {
		t.Fatal(err)
	}
	return &kms.ImportKeyMaterialInput{
		KeyId: key.KeyId, ImportToken: p.ImportToken, EncryptedKeyMaterial: b,
		ExpirationModel: types.ExpirationModelTypeKeyMaterialDoesNotExpire,
	}
}

func importMaterial(t *testing.T, c *kms.Client, in *kms.ImportKeyMaterialInput) *kms.ImportKeyMaterialOutput {
	t.Helper()
	out, err := c.ImportKeyMaterial(t.Context(), in)
	if err != nil {
		t.Fatalf("import: %v", err)
	}
	return out
}

func secret() []byte {
	b := make([]byte, 32)
	rand.Read(b)
	return b
}

// TestImport gives a key its material, takes it away, and gives it back.
func TestImport(t *testing.T) {
	t.Parallel()
	_, c := start(t)
	k := create(t, c, &kms.CreateKeyInput{Origin: types.OriginTypeExternal})
	if k.KeyState != types.KeyStatePendingImport || k.Enabled || k.CurrentKeyMaterialId != nil || k.ExpirationModel != "" {
		t.Errorf("new key = %+v, want one that waits for material", k)
	}
	pending := "KMSInvalidStateException: " + *k.Arn + " is pending import."
	_, err := c.Encrypt(t.Context(), &kms.EncryptInput{KeyId: k.KeyId, Plaintext: []byte("x")})
	garrisontest.Want(t, err, pending)

	material := secret()
	out := importMaterial(t, c, wrapped(t, c, k, material))
	d := describe(t, c, *k.KeyId)
	if d.KeyState != types.KeyStateEnabled || *d.CurrentKeyMaterialId != *out.KeyMaterialId || d.Origin != types.OriginTypeExternal ||
		d.ExpirationModel != types.ExpirationModelTypeKeyMaterialDoesNotExpire || d.ValidTo != nil {
		t.Errorf("key with material = %+v", d)
	}
	blob := encrypt(t, c, &kms.EncryptInput{KeyId: k.KeyId, Plaintext: []byte("kept")})

	gone, err := c.DeleteImportedKeyMaterial(t.Context(), &kms.DeleteImportedKeyMaterialInput{KeyId: k.KeyId})
	if err != nil || *gone.KeyMaterialId != *out.KeyMaterialId || *gone.KeyId != *k.Arn {
		t.Fatalf("delete material = %v, %v", gone, err)
	}
	_, err = c.Decrypt(t.Context(), &kms.DecryptInput{CiphertextBlob: blob})
	garrisontest.Want(t, err, pending)
	if got := rotations(t, c, k, types.IncludeKeyMaterialAllKeyMaterial); len(got) != 1 || got[0].ImportState != types.ImportStatePendingImport {
		t.Errorf("materials = %+v, want one that is awaited", got)
	}

	_, err = c.ImportKeyMaterial(t.Context(), wrapped(t, c, k, secret()))
	garrisontest.Want(t, err, "IncorrectKeyMaterialException: ")
	in := wrapped(t, c, k, material)
	in.KeyMaterialId = aws.String(strings.Repeat("0", 64))
	_, err = c.ImportKeyMaterial(t.Context(), in)
	garrisontest.Want(t, err, "IncorrectKeyMaterialException: ")
	in.KeyMaterialId = out.KeyMaterialId
	importMaterial(t, c, in)
	opensTo(t, c, blob, "kept")
}

// TestImportKinds imports a key of each family, and shows that it is the very one.
func TestImportKinds(t *testing.T) {
	t.Parallel()
	_, c := start(t)
	for _, tt := range []struct {
		spec  types.KeySpec
		usage types.KeyUsageType
	}{
		{"HMAC_256", "GENERATE_VERIFY_MAC"},
		{"ECC_NIST_P256", "SIGN_VERIFY"},
		{"ECC_NIST_P384", "KEY_AGREEMENT"},
		{"ECC_NIST_EDWARDS25519", "SIGN_VERIFY"},
		{"ECC_SECG_P256K1", "SIGN_VERIFY"},
		{"RSA_2048", "ENCRYPT_DECRYPT"},
	} {
		made, err := seal.Generate(seal.Spec(tt.spec))
		if err != nil {
			t.Fatal(err)
		}
		b, err := made.Bytes()
		if err != nil {
			t.Fatal(err)
		}
		k := create(t, c, &kms.CreateKeyInput{Origin: "EXTERNAL", KeySpec: tt.spec, KeyUsage: tt.usage})
		in := wrapped(t, c, k, b)
		if out := importMaterial(t, c, in); out.KeyMaterialId != nil {
			t.Errorf("%s: material id %s of a key that has none", tt.spec, *out.KeyMaterialId)
		}
		if seal.Spec(tt.spec).Asymmetric() {
			public, err := made.PublicKey()
			if err != nil {
				t.Fatal(err)
			}
			got, err := c.GetPublicKey(t.Context(), &kms.GetPublicKeyInput{KeyId: k.KeyId})
			if err != nil || !bytes.Equal(got.PublicKey, public) {
				t.Errorf("%s: public key = %v, %v; want the imported one's", tt.spec, got, err)
			}
		}
		another, err := seal.Generate(seal.Spec(tt.spec))
		if err != nil {
			t.Fatal(err)
		}
		b, err = another.Bytes()
		if err != nil {
			t.Fatal(err)
		}
		_, err = c.ImportKeyMaterial(t.Context(), wrapped(t, c, k, b))
		garrisontest.Want(t, err, "IncorrectKeyMaterialException: ")
		importMaterial(t, c, in)
		in.ImportType = types.ImportTypeNewKeyMaterial
		_, err = c.ImportKeyMaterial(t.Context(), in)
		garrisontest.Want(t, err, "ValidationException: ")
	}
	_, err := c.CreateKey(t.Context(), &kms.CreateKeyInput{Origin: "EXTERNAL", KeySpec: "ML_DSA_44", KeyUsage: "SIGN_VERIFY"})
	garrisontest.Want(t, err, "UnsupportedOperationException: ")
}

// TestImportExpires looks at a key one second before its material ends, and after.
func TestImportExpires(t *testing.T) {
	t.Parallel()
	s, c := start(t)
	k := create(t, c, &kms.CreateKeyInput{Origin: "EXTERNAL"})
	material := secret()
	in := wrapped(t, c, k, material)
	in.ExpirationModel = ""
	for _, tt := range []struct {
		validTo *time.Time
		model   types.ExpirationModelType
	}{
		{nil, ""},
		{aws.Time(s.Clock.Now()), ""},
		{aws.Time(s.Clock.Now().Add(366 * day)), ""},
		{aws.Time(s.Clock.Now().Add(day)), types.ExpirationModelTypeKeyMaterialDoesNotExpire},
	} {
		in.ValidTo, in.ExpirationModel = tt.validTo, tt.model
		_, err := c.ImportKeyMaterial(t.Context(), in)
		garrisontest.Want(t, err, "ValidationException: ValidTo must")
	}
	at := s.Clock.Now().Add(30 * day)
	in.ValidTo, in.ExpirationModel = &at, ""
	importMaterial(t, c, in)
	blob := encrypt(t, c, &kms.EncryptInput{KeyId: k.KeyId, Plaintext: []byte("kept")})
	d := describe(t, c, *k.KeyId)
	if d.ExpirationModel != types.ExpirationModelTypeKeyMaterialExpires || d.ValidTo.Sub(at).Abs() > time.Second {
		t.Errorf("key = %+v, want material until %v", d, at)
	}
	s.Clock.Advance(30*day - 2*time.Second)
	opensTo(t, c, blob, "kept")
	s.Clock.Advance(2 * time.Second)
	eventually(t, func() bool { return describe(t, c, *k.KeyId).KeyState == types.KeyStatePendingImport })
	_, err := c.Decrypt(t.Context(), &kms.DecryptInput{CiphertextBlob: blob})
	garrisontest.Want(t, err, "KMSInvalidStateException: ")
	importMaterial(t, c, wrapped(t, c, k, material))
	opensTo(t, c, blob, "kept")
}

// TestImportTokens tries tokens of another key, too old, and changed in each part.
func TestImportTokens(t *testing.T) {
	t.Parallel()
	s, c := start(t)
	k, peer := create(t, c, &kms.CreateKeyInput{Origin: "EXTERNAL"}), create(t, c, &kms.CreateKeyInput{Origin: "EXTERNAL"})
	in := wrapped(t, c, k, secret())
	good := bytes.Clone(in.ImportToken)
	in.ImportToken = parameters(t, c, peer, types.AlgorithmSpecRsaesOaepSha256).ImportToken
	_, err := c.ImportKeyMaterial(t.Context(), in)
	garrisontest.Want(t, err, "InvalidImportTokenException: ")
	for i := 0; i < len(good); i += len(good)/7 + 1 {
		in.ImportToken = bytes.Clone(good)
		in.ImportToken[i] ^= 1
		_, err := c.ImportKeyMaterial(t.Context(), in)
		garrisontest.Want(t, err, "InvalidImportTokenException: ")
	}
	in.ImportToken = parameters(t, c, k, types.AlgorithmSpecRsaesOaepSha256).ImportToken
	_, err = c.ImportKeyMaterial(t.Context(), in)
	garrisontest.Want(t, err, "InvalidCiphertextException: ")
	in.ImportToken = good
	s.Clock.Advance(24 * time.Hour)
	_, err = c.ImportKeyMaterial(t.Context(), in)
	garrisontest.Want(t, err, "ExpiredImportTokenException: ")
	short := wrapped(t, c, k, secret()[:16])
	_, err = c.ImportKeyMaterial(t.Context(), short)
	garrisontest.Want(t, err, "IncorrectKeyMaterialException: ")
	own := createKey(t, c)
	_, err = c.GetParametersForImport(t.Context(), &kms.GetParametersForImportInput{
		KeyId: own.KeyId, WrappingAlgorithm: types.AlgorithmSpecRsaesOaepSha1, WrappingKeySpec: types.WrappingKeySpecRsa2048,
	})
	garrisontest.Want(t, err, "UnsupportedOperationException: "+*own.Arn+" origin is AWS_KMS which is not valid for this operation.")
	for _, alg := range []types.AlgorithmSpec{types.AlgorithmSpecRsaesPkcs1V15, types.AlgorithmSpecRsaAesKeyWrapSha1, types.AlgorithmSpecSm2pke} {
		_, err = c.GetParametersForImport(t.Context(), &kms.GetParametersForImportInput{
			KeyId: k.KeyId, WrappingAlgorithm: alg, WrappingKeySpec: types.WrappingKeySpecRsa2048,
		})
		garrisontest.Want(t, err, "UnsupportedOperationException: ")
	}
}

// TestImportRotation imports a second material, turns the key to it, and then lets
// the first go: the key needs both.
func TestImportRotation(t *testing.T) {
	t.Parallel()
	_, c := start(t)
	k := create(t, c, &kms.CreateKeyInput{Origin: "EXTERNAL"})
	first := secret()
	one := importMaterial(t, c, wrapped(t, c, k, first))
	blob := encrypt(t, c, &kms.EncryptInput{KeyId: k.KeyId, Plaintext: []byte("old")})
	_, err := c.RotateKeyOnDemand(t.Context(), &kms.RotateKeyOnDemandInput{KeyId: k.KeyId})
	garrisontest.Want(t, err, "KMSInvalidStateException: ")

	in := wrapped(t, c, k, secret())
	_, err = c.ImportKeyMaterial(t.Context(), in)
	garrisontest.Want(t, err, "IncorrectKeyMaterialException: ")
	in.ImportType, in.KeyMaterialDescription = types.ImportTypeNewKeyMaterial, aws.String("the second")
	two := importMaterial(t, c, in)
	all := rotations(t, c, k, types.IncludeKeyMaterialAllKeyMaterial)
	if len(all) != 2 || all[1].KeyMaterialState != types.KeyMaterialStatePendingRotation || aws.ToString(all[1].KeyMaterialDescription) != "the second" {
		t.Fatalf("materials = %+v, want one that is pending rotation", all)
	}
	if got := describe(t, c, *k.KeyId); *got.CurrentKeyMaterialId != *one.KeyMaterialId || got.KeyState != types.KeyStateEnabled {
		t.Errorf("key = %+v, want it unchanged", got)
	}
	third := wrapped(t, c, k, secret())
	third.ImportType = types.ImportTypeNewKeyMaterial
	_, err = c.ImportKeyMaterial(t.Context(), third)
	garrisontest.Want(t, err, "KMSInvalidStateException: ")

	rotateNow(t, c, k)
	if got := describe(t, c, *k.KeyId); *got.CurrentKeyMaterialId != *two.KeyMaterialId {
		t.Errorf("current material = %s, want %s", *got.CurrentKeyMaterialId, *two.KeyMaterialId)
	}
	opensTo(t, c, blob, "old")
	_, err = c.DeleteImportedKeyMaterial(t.Context(), &kms.DeleteImportedKeyMaterialInput{KeyId: k.KeyId, KeyMaterialId: one.KeyMaterialId})
	garrisontest.Want(t, err, "")
	_, err = c.Encrypt(t.Context(), &kms.EncryptInput{KeyId: k.KeyId, Plaintext: []byte("x")})
	garrisontest.Want(t, err, "KMSInvalidStateException: "+*k.Arn+" is pending import.")
	importMaterial(t, c, wrapped(t, c, k, first))
	opensTo(t, c, blob, "old")
}
