package kms_test

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/smithy-go/document"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/garrison-cloud/garrison/internal/garrisontest"
)

var (
	rsaSigning = []types.SigningAlgorithmSpec{
		"RSASSA_PKCS1_V1_5_SHA_256", "RSASSA_PKCS1_V1_5_SHA_384", "RSASSA_PKCS1_V1_5_SHA_512",
		"RSASSA_PSS_SHA_256", "RSASSA_PSS_SHA_384", "RSASSA_PSS_SHA_512",
	}
	rsaEncryption = []types.EncryptionAlgorithmSpec{"RSAES_OAEP_SHA_1", "RSAES_OAEP_SHA_256"}
)

func TestCreateKeyDescribesEachSpec(t *testing.T) {
	t.Parallel()
	_, c := start(t)
	for _, tt := range []types.KeyMetadata{
		{KeySpec: "SYMMETRIC_DEFAULT", KeyUsage: "ENCRYPT_DECRYPT", EncryptionAlgorithms: []types.EncryptionAlgorithmSpec{"SYMMETRIC_DEFAULT"}},
		{KeySpec: "RSA_2048", KeyUsage: "ENCRYPT_DECRYPT", EncryptionAlgorithms: rsaEncryption},
		{KeySpec: "RSA_3072", KeyUsage: "SIGN_VERIFY", SigningAlgorithms: rsaSigning},
		{KeySpec: "RSA_4096", KeyUsage: "ENCRYPT_DECRYPT", EncryptionAlgorithms: rsaEncryption},
		{KeySpec: "ECC_NIST_P256", KeyUsage: "SIGN_VERIFY", SigningAlgorithms: []types.SigningAlgorithmSpec{"ECDSA_SHA_256"}},
		{KeySpec: "ECC_NIST_P384", KeyUsage: "SIGN_VERIFY", SigningAlgorithms: []types.SigningAlgorithmSpec{"ECDSA_SHA_384"}},
		{KeySpec: "ECC_NIST_P521", KeyUsage: "SIGN_VERIFY", SigningAlgorithms: []types.SigningAlgorithmSpec{"ECDSA_SHA_512"}},
		{KeySpec: "ECC_SECG_P256K1", KeyUsage: "SIGN_VERIFY", SigningAlgorithms: []types.SigningAlgorithmSpec{"ECDSA_SHA_256"}},
		{KeySpec: "ECC_NIST_P256", KeyUsage: "KEY_AGREEMENT", KeyAgreementAlgorithms: []types.KeyAgreementAlgorithmSpec{"ECDH"}},
		{KeySpec: "HMAC_224", KeyUsage: "GENERATE_VERIFY_MAC", MacAlgorithms: []types.MacAlgorithmSpec{"HMAC_SHA_224"}},
		{KeySpec: "HMAC_256", KeyUsage: "GENERATE_VERIFY_MAC", MacAlgorithms: []types.MacAlgorithmSpec{"HMAC_SHA_256"}},
		{KeySpec: "HMAC_384", KeyUsage: "GENERATE_VERIFY_MAC", MacAlgorithms: []types.MacAlgorithmSpec{"HMAC_SHA_384"}},
		{KeySpec: "HMAC_512", KeyUsage: "GENERATE_VERIFY_MAC", MacAlgorithms: []types.MacAlgorithmSpec{"HMAC_SHA_512"}},
	} {
		t.Run(fmt.Sprint(tt.KeySpec, "/", tt.KeyUsage), func(t *testing.T) {
			t.Parallel()
			got := create(t, c, &kms.CreateKeyInput{KeySpec: tt.KeySpec, KeyUsage: tt.KeyUsage, Description: aws.String("what for")})
			wanted := tt
			wanted.AWSAccountId, wanted.KeyId, wanted.Arn = aws.String(account), got.KeyId, aws.String(keyARN(*got.KeyId))
			wanted.CustomerMasterKeySpec, wanted.Description = types.CustomerMasterKeySpec(tt.KeySpec), aws.String("what for")
			wanted.Enabled, wanted.KeyState, wanted.KeyManager = true, "Enabled", "CUSTOMER"
			wanted.Origin, wanted.MultiRegion = "AWS_KMS", aws.Bool(false)
			if diff := cmp.Diff(&wanted, got, described...); diff != "" {
				t.Errorf("metadata (-want +got):\n%s", diff)
			}
			if has := got.CurrentKeyMaterialId != nil; has != (tt.KeySpec == "SYMMETRIC_DEFAULT") {
				t.Errorf("CurrentKeyMaterialId is there: %v", has)
			}
			again, err := c.DescribeKey(t.Context(), &kms.DescribeKeyInput{KeyId: got.KeyId})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(got, again.KeyMetadata, cmpopts.IgnoreTypes(document.NoSerde{})); diff != "" {
				t.Errorf("DescribeKey (-created +described):\n%s", diff)
			}
		})
	}
}

// described compares all but what is made anew for each key.
var described = []cmp.Option{
	cmpopts.IgnoreTypes(document.NoSerde{}),
	cmpopts.IgnoreFields(types.KeyMetadata{}, "CreationDate", "CurrentKeyMaterialId"),
}

func TestCreateKeyDefaults(t *testing.T) {
	t.Parallel()
	s, c := start(t)
	k := createKey(t, c)
	if *k.Description != "" {
		t.Errorf("description = %q, want it empty but there", *k.Description)
	}
	if d := k.CreationDate.Sub(s.Clock.Now()); d < -time.Millisecond || d > 0 {
		t.Errorf("created %v, want %v", k.CreationDate, s.Clock.Now())
	}
	if !regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`).MatchString(*k.KeyId) {
		t.Errorf("key id %q is not a random UUID", *k.KeyId)
	}
	if !regexp.MustCompile(`^[0-9a-f]{64}$`).MatchString(*k.CurrentKeyMaterialId) {
		t.Errorf("material id = %q, want 64 hexadecimal digits", *k.CurrentKeyMaterialId)
	}
}

func TestCreateKeyErrors(t *testing.T) {
	t.Parallel()
	_, c := start(t)
	for _, tt := range []struct {
		name, want string
		in         kms.CreateKeyInput
	}{
		{
			"asymmetric without usage", "ValidationException: You must specify a KeyUsage value for all KMS keys except for symmetric encryption keys.",
			kms.CreateKeyInput{KeySpec: "RSA_2048"},
		},
		{
			"HMAC without usage", "ValidationException: You must specify a KeyUsage value for all KMS keys except for symmetric encryption keys.",
			kms.CreateKeyInput{KeySpec: "HMAC_256"},
		},
		{
			"usage of another spec", "ValidationException: KeyUsage ENCRYPT_DECRYPT is not compatible with KeySpec ECC_NIST_P256",
			kms.CreateKeyInput{KeySpec: "ECC_NIST_P256", KeyUsage: "ENCRYPT_DECRYPT"},
		},
		{
			"agreement on secp256k1", "ValidationException: KeyUsage KEY_AGREEMENT is not compatible with KeySpec ECC_SECG_P256K1",
			kms.CreateKeyInput{KeySpec: "ECC_SECG_P256K1", KeyUsage: "KEY_AGREEMENT"},
		},
		{
			"two specs", "ValidationException: You cannot specify KeySpec and CustomerMasterKeySpec in the same request.",
			kms.CreateKeyInput{KeySpec: "RSA_2048", CustomerMasterKeySpec: "RSA_3072", KeyUsage: "SIGN_VERIFY"},
		},
		{"unknown spec", "ValidationException: 1 validation error detected: Value 'RSA_1024' at 'keySpec'", kms.CreateKeyInput{KeySpec: "RSA_1024"}},
		{"SM2", "UnsupportedOperationException: ", kms.CreateKeyInput{KeySpec: "SM2", KeyUsage: "SIGN_VERIFY"}},
		{"material that cannot be imported", "UnsupportedOperationException: ", kms.CreateKeyInput{Origin: "EXTERNAL", KeySpec: "ML_DSA_44", KeyUsage: "SIGN_VERIFY"}},
		{"custom key store", "ValidationException: ", kms.CreateKeyInput{CustomKeyStoreId: aws.String("cks-1234567890abcdef0")}},
		{"no policy document", "MalformedPolicyDocumentException: ", kms.CreateKeyInput{Policy: aws.String("{")}},
		{
			"reserved tag", "TagException: Tags beginning with aws: are reserved",
			kms.CreateKeyInput{Tags: []types.Tag{{TagKey: aws.String("AWS:x"), TagValue: aws.String("")}}},
		},
		{
			"tag twice", "TagException: Duplicate tag keys",
			kms.CreateKeyInput{Tags: []types.Tag{{TagKey: aws.String("a"), TagValue: aws.String("1")}, {TagKey: aws.String("a"), TagValue: aws.String("2")}}},
		},
		{"too many tags", "TagException: Too many tags", kms.CreateKeyInput{Tags: tags(51)}},
	} {
		_, err := c.CreateKey(t.Context(), &tt.in)
		if got := garrisontest.Fault(err); !strings.HasPrefix(got, tt.want) {
			t.Errorf("%s: error = %q, want %q", tt.name, got, tt.want)
		}
	}
	out, err := c.ListKeys(t.Context(), &kms.ListKeysInput{})
	if err != nil || len(out.Keys) > 0 {
		t.Errorf("calls that failed made keys: %v, %v", out, err)
	}
}

func tags(n int) []types.Tag {
	var out []types.Tag
	for i := range n {
		out = append(out, types.Tag{TagKey: aws.String(fmt.Sprintf("tag-%03d", i)), TagValue: aws.String("v")})
	}
	return out
}

// TestKeyIDForms names one key in all four ways, and keys that are not there.
func TestKeyIDForms(t *testing.T) {
	t.Parallel()
	_, c := start(t)
	k := createKey(t, c)
	createAlias(t, c, "alias/one", k)
	for _, id := range []string{*k.KeyId, *k.Arn, "alias/one", aliasARN("alias/one")} {
		out, err := c.DescribeKey(t.Context(), &kms.DescribeKeyInput{KeyId: &id})
		if err != nil || *out.KeyMetadata.KeyId != *k.KeyId {
			t.Errorf("describe %s: %v", id, err)
		}
	}
	for id, message := range map[string]string{
		nobody:                                 "Key '" + keyARN(nobody) + "' does not exist",
		keyARN(nobody):                         "Key '" + keyARN(nobody) + "' does not exist",
		"alias/none":                           "Alias " + aliasARN("alias/none") + " is not found.",
		aliasARN("alias/none"):                 "Alias " + aliasARN("alias/none") + " is not found.",
		"fake-key-id":                          "Invalid keyId 'fake-key-id'",
		"mrk-fake-key-id":                      "Invalid keyId 'mrk-fake-key-id'",
		"134f2428cec14b25a1ae9048164dba47":     "Invalid keyId '134f2428cec14b25a1ae9048164dba47'",
		"mrk-d3b95762d3b95762d3b95762d3b95762": "Key '" + keyARN("mrk-d3b95762d3b95762d3b95762d3b95762") + "' does not exist",
		"arn:aws:kms:ap-southeast-1:" + account + ":key/" + nobody: "Invalid arn ap-southeast-1",
		"arn:aws:s3:::bucket":                                "Invalid arn arn:aws:s3:::bucket",
		"arn:aws:kms:" + region + ":" + account + ":thing/x": "Invalid arn arn:aws:kms:" + region + ":" + account + ":thing/x",
	} {
		_, err := c.DescribeKey(t.Context(), &kms.DescribeKeyInput{KeyId: &id})
		if got := garrisontest.Fault(err); got != "NotFoundException: "+message {
			t.Errorf("describe %s: %q, want %q", id, got, "NotFoundException: "+message)
		}
	}
}

// TestAnotherRegionHasNoKey looks for a key where it is not.
func TestAnotherRegionHasNoKey(t *testing.T) {
	t.Parallel()
	s, c := start(t)
	k := createKey(t, c)
	elsewhere := kms.NewFromConfig(s.ConfigFor(account, garrisontest.OtherRegion))
	_, err := elsewhere.DescribeKey(t.Context(), &kms.DescribeKeyInput{KeyId: k.Arn})
	garrisontest.Want(t, err, "NotFoundException: Invalid arn "+region)
	_, err = elsewhere.DescribeKey(t.Context(), &kms.DescribeKeyInput{KeyId: k.KeyId})
	garrisontest.Want(t, err, "NotFoundException: Key 'arn:aws:kms:"+garrisontest.OtherRegion+":"+account+":key/"+*k.KeyId+"' does not exist")
}

func TestListKeysPages(t *testing.T) {
	t.Parallel()
	s, c := start(t)
	var made []string
	for range 7 {
		made = append(made, *createKey(t, c).KeyId)
	}
	createKey(t, kms.NewFromConfig(s.ConfigFor(other, region)))
	var listed []string
	pages := kms.NewListKeysPaginator(c, &kms.ListKeysInput{Limit: aws.Int32(3)})
	for pages.HasMorePages() {
		out, err := pages.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, k := range out.Keys {
			if *k.KeyArn != keyARN(*k.KeyId) {
				t.Errorf("ARN %s of key %s", *k.KeyArn, *k.KeyId)
			}
			listed = append(listed, *k.KeyId)
		}
	}
	slices.Sort(made)
	slices.Sort(listed)
	if diff := cmp.Diff(made, listed); diff != "" {
		t.Errorf("listed (-made +listed):\n%s", diff)
	}
	_, err := c.ListKeys(t.Context(), &kms.ListKeysInput{Marker: aws.String("made-up")})
	garrisontest.Want(t, err, "InvalidMarkerException: Could not deserialize marker made-up")
	_, err = c.ListKeys(t.Context(), &kms.ListKeysInput{Limit: aws.Int32(1001)})
	garrisontest.Want(t, err, "ValidationException: 1 validation error detected: Value '1001' at 'limit'")
}

func TestUpdateKeyDescription(t *testing.T) {
	t.Parallel()
	_, c := start(t)
	k := createKey(t, c)
	_, err := c.UpdateKeyDescription(t.Context(), &kms.UpdateKeyDescriptionInput{KeyId: k.Arn, Description: aws.String("new")})
	if err != nil {
		t.Fatal(err)
	}
	out, err := c.DescribeKey(t.Context(), &kms.DescribeKeyInput{KeyId: k.KeyId})
	if err != nil || *out.KeyMetadata.Description != "new" {
		t.Errorf("description = %v, %v; want new", out, err)
	}
}

// TestKeyOnlyOperationsRefuseAliases calls every operation that takes no alias
// with one, and with another account's key.
func TestKeyOnlyOperationsRefuseAliases(t *testing.T) {
	t.Parallel()
	s, c := start(t)
	k := createKey(t, c)
	createAlias(t, c, "alias/one", k)
	foreign := kms.NewFromConfig(s.ConfigFor(other, region))
	// The key's policy lets the other account do everything, as far as KMS allows.
	putPolicy(t, c, k, keyPolicy(`{"AWS":["`+account+`","`+other+`"]}`, "kms:*", ""))
	for name, call := range keyOnly() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			garrisontest.Want(t, call(t, c, "alias/one"), "NotFoundException: Invalid keyId 'alias/one'")
			garrisontest.Want(t, call(t, foreign, *k.Arn), "AccessDeniedException: User: arn:aws:iam::"+other+":root is not authorized to perform: kms:"+name+" on resource: "+*k.Arn+" because the resource does not exist in this Region, no resource-based policies allow access, or")
		})
	}
	_, err := foreign.ListAliases(t.Context(), &kms.ListAliasesInput{KeyId: k.Arn})
	garrisontest.Want(t, err, "NotFoundException: Key '"+*k.Arn+"' does not exist")
}

// keyOnly are the operations that take a key id or ARN of the caller's account.
func keyOnly() map[string]func(*testing.T, *kms.Client, string) error {
	return map[string]func(*testing.T, *kms.Client, string) error{
		"EnableKey": func(t *testing.T, c *kms.Client, id string) error {
			_, err := c.EnableKey(t.Context(), &kms.EnableKeyInput{KeyId: &id})
			return err
		},
		"DisableKey": func(t *testing.T, c *kms.Client, id string) error {
			_, err := c.DisableKey(t.Context(), &kms.DisableKeyInput{KeyId: &id})
			return err
		},
		"UpdateKeyDescription": func(t *testing.T, c *kms.Client, id string) error {
			_, err := c.UpdateKeyDescription(t.Context(), &kms.UpdateKeyDescriptionInput{KeyId: &id, Description: aws.String("d")})
			return err
		},
		"ScheduleKeyDeletion": func(t *testing.T, c *kms.Client, id string) error {
			_, err := c.ScheduleKeyDeletion(t.Context(), &kms.ScheduleKeyDeletionInput{KeyId: &id})
			return err
		},
		"CancelKeyDeletion": func(t *testing.T, c *kms.Client, id string) error {
			_, err := c.CancelKeyDeletion(t.Context(), &kms.CancelKeyDeletionInput{KeyId: &id})
			return err
		},
		"GetKeyPolicy": func(t *testing.T, c *kms.Client, id string) error {
			_, err := c.GetKeyPolicy(t.Context(), &kms.GetKeyPolicyInput{KeyId: &id})
			return err
		},
		"PutKeyPolicy": func(t *testing.T, c *kms.Client, id string) error {
			_, err := c.PutKeyPolicy(t.Context(), &kms.PutKeyPolicyInput{KeyId: &id, Policy: aws.String(allowAccount)})
			return err
		},
		"ListKeyPolicies": func(t *testing.T, c *kms.Client, id string) error {
			_, err := c.ListKeyPolicies(t.Context(), &kms.ListKeyPoliciesInput{KeyId: &id})
			return err
		},
		"TagResource": func(t *testing.T, c *kms.Client, id string) error {
			_, err := c.TagResource(t.Context(), &kms.TagResourceInput{KeyId: &id, Tags: tags(1)})
			return err
		},
		"UntagResource": func(t *testing.T, c *kms.Client, id string) error {
			_, err := c.UntagResource(t.Context(), &kms.UntagResourceInput{KeyId: &id, TagKeys: []string{"tag-000"}})
			return err
		},
		"ListResourceTags": func(t *testing.T, c *kms.Client, id string) error {
			_, err := c.ListResourceTags(t.Context(), &kms.ListResourceTagsInput{KeyId: &id})
			return err
		},
	}
}
