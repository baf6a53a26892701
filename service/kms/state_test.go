package kms_test

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
)

// A fixture is one key of a kind and state, and what was made with it before it
// came to be in that state.
type fixture struct {
	c         *kms.Client
	key, peer *types.KeyMetadata
	alias     string
	blob, mac []byte
	signature []byte
	grant     *kms.CreateGrantOutput
}

// AWS's errors of a key's state (KMS Developer Guide, "Key states of AWS KMS
// keys"). "" is success.
const (
	works      = ""
	disabled   = "DisabledException: ARN is disabled."
	pending    = "KMSInvalidStateException: ARN is pending deletion."
	notPending = "KMSInvalidStateException: ARN is not pending deletion."
)

// stateTable is AWS's table of operations and key states, for what is served.
var stateTable = []struct {
	operation                   string
	kind                        types.KeyUsageType
	enabled, disabled, deletion string
	call                        func(*testing.T, *fixture) error
}{
	{"CancelKeyDeletion", "ENCRYPT_DECRYPT", notPending, notPending, works, func(t *testing.T, f *fixture) error {
		_, err := f.c.CancelKeyDeletion(t.Context(), &kms.CancelKeyDeletionInput{KeyId: f.key.KeyId})
		return err
	}},
	{"CreateAlias", "ENCRYPT_DECRYPT", works, works, pending, func(t *testing.T, f *fixture) error {
		_, err := f.c.CreateAlias(t.Context(), &kms.CreateAliasInput{AliasName: aws.String(f.alias + "-2"), TargetKeyId: f.key.KeyId})
		return err
	}},
	{"CreateGrant", "ENCRYPT_DECRYPT", works, disabled, pending, func(t *testing.T, f *fixture) error {
		_, err := f.c.CreateGrant(t.Context(), grantTo(f.key, "ann", "Decrypt"))
		return err
	}},
	{"Decrypt", "ENCRYPT_DECRYPT", works, disabled, pending, func(t *testing.T, f *fixture) error {
		_, err := f.c.Decrypt(t.Context(), &kms.DecryptInput{CiphertextBlob: f.blob})
		return err
	}},
	{"DeleteAlias", "ENCRYPT_DECRYPT", works, works, works, func(t *testing.T, f *fixture) error {
		_, err := f.c.DeleteAlias(t.Context(), &kms.DeleteAliasInput{AliasName: &f.alias})
		return err
	}},
	{"DeriveSharedSecret", "KEY_AGREEMENT", works, disabled, pending, func(t *testing.T, f *fixture) error {
		public, err := f.c.GetPublicKey(t.Context(), &kms.GetPublicKeyInput{KeyId: f.peer.KeyId})
		if err != nil {
			return err
		}
		_, err = f.c.DeriveSharedSecret(t.Context(), &kms.DeriveSharedSecretInput{KeyId: f.key.KeyId, KeyAgreementAlgorithm: "ECDH", PublicKey: public.PublicKey})
		return err
	}},
	{"DescribeKey", "ENCRYPT_DECRYPT", works, works, works, func(t *testing.T, f *fixture) error {
		_, err := f.c.DescribeKey(t.Context(), &kms.DescribeKeyInput{KeyId: f.key.KeyId})
		return err
	}},
	{"DisableKey", "ENCRYPT_DECRYPT", works, works, pending, func(t *testing.T, f *fixture) error {
		_, err := f.c.DisableKey(t.Context(), &kms.DisableKeyInput{KeyId: f.key.KeyId})
		return err
	}},
	{"EnableKey", "ENCRYPT_DECRYPT", works, works, pending, func(t *testing.T, f *fixture) error {
		_, err := f.c.EnableKey(t.Context(), &kms.EnableKeyInput{KeyId: f.key.KeyId})
		return err
	}},
	{"Encrypt", "ENCRYPT_DECRYPT", works, disabled, pending, func(t *testing.T, f *fixture) error {
		_, err := f.c.Encrypt(t.Context(), &kms.EncryptInput{KeyId: f.key.KeyId, Plaintext: []byte("x")})
		return err
	}},
	{"GenerateDataKey", "ENCRYPT_DECRYPT", works, disabled, pending, func(t *testing.T, f *fixture) error {
		_, err := f.c.GenerateDataKey(t.Context(), &kms.GenerateDataKeyInput{KeyId: f.key.KeyId, KeySpec: "AES_256"})
		return err
	}},
	{"GenerateDataKeyPair", "ENCRYPT_DECRYPT", works, disabled, pending, func(t *testing.T, f *fixture) error {
		_, err := f.c.GenerateDataKeyPair(t.Context(), &kms.GenerateDataKeyPairInput{KeyId: f.key.KeyId, KeyPairSpec: "ECC_NIST_P256"})
		return err
	}},
	{"GenerateDataKeyPairWithoutPlaintext", "ENCRYPT_DECRYPT", works, disabled, pending, func(t *testing.T, f *fixture) error {
		_, err := f.c.GenerateDataKeyPairWithoutPlaintext(t.Context(), &kms.GenerateDataKeyPairWithoutPlaintextInput{KeyId: f.key.KeyId, KeyPairSpec: "ECC_NIST_P256"})
		return err
	}},
	{"GenerateDataKeyWithoutPlaintext", "ENCRYPT_DECRYPT", works, disabled, pending, func(t *testing.T, f *fixture) error {
		_, err := f.c.GenerateDataKeyWithoutPlaintext(t.Context(), &kms.GenerateDataKeyWithoutPlaintextInput{KeyId: f.key.KeyId, KeySpec: "AES_256"})
		return err
	}},
	{"GenerateMac", "GENERATE_VERIFY_MAC", works, disabled, pending, func(t *testing.T, f *fixture) error {
		_, err := f.c.GenerateMac(t.Context(), &kms.GenerateMacInput{KeyId: f.key.KeyId, Message: []byte("x"), MacAlgorithm: "HMAC_SHA_256"})
		return err
	}},
	{"GetKeyPolicy", "ENCRYPT_DECRYPT", works, works, works, func(t *testing.T, f *fixture) error {
		_, err := f.c.GetKeyPolicy(t.Context(), &kms.GetKeyPolicyInput{KeyId: f.key.KeyId})
		return err
	}},
	{"GetPublicKey", "SIGN_VERIFY", works, disabled, pending, func(t *testing.T, f *fixture) error {
		_, err := f.c.GetPublicKey(t.Context(), &kms.GetPublicKeyInput{KeyId: f.key.KeyId})
		return err
	}},
	{"ListAliases", "ENCRYPT_DECRYPT", works, works, works, func(t *testing.T, f *fixture) error {
		_, err := f.c.ListAliases(t.Context(), &kms.ListAliasesInput{KeyId: f.key.KeyId})
		return err
	}},
	{"ListKeyPolicies", "ENCRYPT_DECRYPT", works, works, works, func(t *testing.T, f *fixture) error {
		_, err := f.c.ListKeyPolicies(t.Context(), &kms.ListKeyPoliciesInput{KeyId: f.key.KeyId})
		return err
	}},
	{"ListGrants", "ENCRYPT_DECRYPT", works, works, works, func(t *testing.T, f *fixture) error {
		_, err := f.c.ListGrants(t.Context(), &kms.ListGrantsInput{KeyId: f.key.KeyId})
		return err
	}},
	{"ListResourceTags", "ENCRYPT_DECRYPT", works, works, works, func(t *testing.T, f *fixture) error {
		_, err := f.c.ListResourceTags(t.Context(), &kms.ListResourceTagsInput{KeyId: f.key.KeyId})
		return err
	}},
	{"PutKeyPolicy", "ENCRYPT_DECRYPT", works, works, works, func(t *testing.T, f *fixture) error {
		_, err := f.c.PutKeyPolicy(t.Context(), &kms.PutKeyPolicyInput{KeyId: f.key.KeyId, Policy: aws.String(allowAccount)})
		return err
	}},
	{"ReEncrypt from", "ENCRYPT_DECRYPT", works, disabled, pending, func(t *testing.T, f *fixture) error {
		_, err := f.c.ReEncrypt(t.Context(), &kms.ReEncryptInput{CiphertextBlob: f.blob, DestinationKeyId: f.peer.KeyId})
		return err
	}},
	{"ReEncrypt to", "ENCRYPT_DECRYPT", works, disabled, pending, func(t *testing.T, f *fixture) error {
		blob := encrypt(t, f.c, &kms.EncryptInput{KeyId: f.peer.KeyId, Plaintext: []byte("x")})
		_, err := f.c.ReEncrypt(t.Context(), &kms.ReEncryptInput{CiphertextBlob: blob, DestinationKeyId: f.key.KeyId})
		return err
	}},
	{"RetireGrant", "ENCRYPT_DECRYPT", works, works, works, func(t *testing.T, f *fixture) error {
		_, err := f.c.RetireGrant(t.Context(), &kms.RetireGrantInput{GrantToken: f.grant.GrantToken})
		return err
	}},
	{"RevokeGrant", "ENCRYPT_DECRYPT", works, works, works, func(t *testing.T, f *fixture) error {
		_, err := f.c.RevokeGrant(t.Context(), &kms.RevokeGrantInput{KeyId: f.key.KeyId, GrantId: f.grant.GrantId})
		return err
	}},
	{"ScheduleKeyDeletion", "ENCRYPT_DECRYPT", works, works, pending, func(t *testing.T, f *fixture) error {
		_, err := f.c.ScheduleKeyDeletion(t.Context(), &kms.ScheduleKeyDeletionInput{KeyId: f.key.KeyId})
		return err
	}},
	{"Sign", "SIGN_VERIFY", works, disabled, pending, func(t *testing.T, f *fixture) error {
		_, err := f.c.Sign(t.Context(), &kms.SignInput{KeyId: f.key.KeyId, Message: []byte("x"), SigningAlgorithm: "ECDSA_SHA_256"})
		return err
	}},
	{"TagResource", "ENCRYPT_DECRYPT", works, works, pending, func(t *testing.T, f *fixture) error {
		_, err := f.c.TagResource(t.Context(), &kms.TagResourceInput{KeyId: f.key.KeyId, Tags: tags(1)})
		return err
	}},
	{"UntagResource", "ENCRYPT_DECRYPT", works, works, pending, func(t *testing.T, f *fixture) error {
		_, err := f.c.UntagResource(t.Context(), &kms.UntagResourceInput{KeyId: f.key.KeyId, TagKeys: []string{"x"}})
		return err
	}},
	{"UpdateAlias from", "ENCRYPT_DECRYPT", works, works, works, func(t *testing.T, f *fixture) error {
		_, err := f.c.UpdateAlias(t.Context(), &kms.UpdateAliasInput{AliasName: &f.alias, TargetKeyId: f.peer.KeyId})
		return err
	}},
	{"UpdateAlias to", "ENCRYPT_DECRYPT", works, works, pending, func(t *testing.T, f *fixture) error {
		createAlias(t, f.c, f.alias+"-3", f.peer)
		_, err := f.c.UpdateAlias(t.Context(), &kms.UpdateAliasInput{AliasName: aws.String(f.alias + "-3"), TargetKeyId: f.key.KeyId})
		return err
	}},
	{"UpdateKeyDescription", "ENCRYPT_DECRYPT", works, works, pending, func(t *testing.T, f *fixture) error {
		_, err := f.c.UpdateKeyDescription(t.Context(), &kms.UpdateKeyDescriptionInput{KeyId: f.key.KeyId, Description: aws.String("d")})
		return err
	}},
	{"Verify", "SIGN_VERIFY", works, disabled, pending, func(t *testing.T, f *fixture) error {
		_, err := f.c.Verify(t.Context(), &kms.VerifyInput{KeyId: f.key.KeyId, Message: []byte("x"), Signature: f.signature, SigningAlgorithm: "ECDSA_SHA_256"})
		return err
	}},
	{"VerifyMac", "GENERATE_VERIFY_MAC", works, disabled, pending, func(t *testing.T, f *fixture) error {
		_, err := f.c.VerifyMac(t.Context(), &kms.VerifyMacInput{KeyId: f.key.KeyId, Message: []byte("x"), Mac: f.mac, MacAlgorithm: "HMAC_SHA_256"})
		return err
	}},
}

func TestKeyStates(t *testing.T) {
	t.Parallel()
	_, c := start(t)
	for _, row := range stateTable {
		for state, wanted := range map[types.KeyState]string{
			types.KeyStateEnabled: row.enabled, types.KeyStateDisabled: row.disabled, types.KeyStatePendingDeletion: row.deletion,
		} {
			f := newFixture(t, c, row.kind)
			f.enter(t, state)
			wanted = strings.ReplaceAll(wanted, "ARN", *f.key.Arn)
			if got := fault(row.call(t, f)); got != wanted {
				t.Errorf("%s of a key that is %s: %q, want %q", row.operation, state, got, wanted)
			}
		}
	}
}

// newFixture makes a key, something of each kind that it can make, and a peer.
func newFixture(t *testing.T, c *kms.Client, usage types.KeyUsageType) *fixture {
	t.Helper()
	spec := map[types.KeyUsageType]types.KeySpec{
		"ENCRYPT_DECRYPT": "SYMMETRIC_DEFAULT", "SIGN_VERIFY": "ECC_NIST_P256",
		"GENERATE_VERIFY_MAC": "HMAC_256", "KEY_AGREEMENT": "ECC_NIST_P256",
	}[usage]
	f := &fixture{c: c, key: createSpec(t, c, spec, usage), peer: createSpec(t, c, spec, usage)}
	f.alias = "alias/of-" + *f.key.KeyId
	createAlias(t, c, f.alias, f.key)
	switch usage {
	case types.KeyUsageTypeEncryptDecrypt:
		f.blob = encrypt(t, c, &kms.EncryptInput{KeyId: f.key.KeyId, Plaintext: []byte("x")})
		f.grant = createGrant(t, c, grantTo(f.key, "ann", "Decrypt"))
	case types.KeyUsageTypeSignVerify:
		out, err := c.Sign(t.Context(), &kms.SignInput{KeyId: f.key.KeyId, Message: []byte("x"), SigningAlgorithm: "ECDSA_SHA_256"})
		if err != nil {
			t.Fatal(err)
		}
		f.signature = out.Signature
	case types.KeyUsageTypeGenerateVerifyMac:
		out, err := c.GenerateMac(t.Context(), &kms.GenerateMacInput{KeyId: f.key.KeyId, Message: []byte("x"), MacAlgorithm: "HMAC_SHA_256"})
		if err != nil {
			t.Fatal(err)
		}
		f.mac = out.Mac
	case types.KeyUsageTypeKeyAgreement:
	}
	return f
}

func (f *fixture) enter(t *testing.T, state types.KeyState) {
	t.Helper()
	switch state {
	case types.KeyStateDisabled:
		disable(t, f.c, f.key)
	case types.KeyStatePendingDeletion:
		schedule(t, f.c, f.key, 7)
	}
	out, err := f.c.DescribeKey(t.Context(), &kms.DescribeKeyInput{KeyId: f.key.KeyId})
	if err != nil {
		t.Fatal(err)
	}
	m := out.KeyMetadata
	if m.KeyState != state || m.Enabled != (state == types.KeyStateEnabled) || (m.DeletionDate != nil) != (state == types.KeyStatePendingDeletion) {
		t.Errorf("state = %s, enabled %v, deletion %v; want %s", m.KeyState, m.Enabled, m.DeletionDate, state)
	}
}

// TestEnableKeyBringsBack shows that a disabled key loses nothing.
func TestEnableKeyBringsBack(t *testing.T) {
	t.Parallel()
	_, c := start(t)
	k := createKey(t, c)
	blob := encrypt(t, c, &kms.EncryptInput{KeyId: k.KeyId, Plaintext: []byte("kept")})
	disable(t, c, k)
	_, err := c.EnableKey(t.Context(), &kms.EnableKeyInput{KeyId: k.KeyId})
	want(t, err, "")
	out, err := c.Decrypt(t.Context(), &kms.DecryptInput{CiphertextBlob: blob})
	if err != nil || string(out.Plaintext) != "kept" {
		t.Errorf("decrypted %v, %v", out, err)
	}
}
