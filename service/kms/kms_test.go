package kms_test

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"github.com/garrison-cloud/garrison/internal/garrisontest"
)

const (
	account = garrisontest.Account
	other   = garrisontest.OtherAccount
	region  = garrisontest.Region
	// nobody is a key id that no test key has.
	nobody = "00000000-0000-4000-8000-000000000000"
)

// start runs a server and returns a client of its first account's root.
func start(t *testing.T) (*garrisontest.Server, *kms.Client) {
	t.Helper()
	s := garrisontest.Start(t)
	return s, kms.NewFromConfig(s.Config)
}

// user returns a client of a new user of the first account with one policy.
func user(t *testing.T, s *garrisontest.Server, name, policy string) *kms.Client {
	t.Helper()
	return kms.NewFromConfig(s.User(t, name, policy))
}

// createKey makes a symmetric key.
func createKey(t *testing.T, c *kms.Client) *types.KeyMetadata {
	t.Helper()
	return create(t, c, &kms.CreateKeyInput{})
}

func createSpec(t *testing.T, c *kms.Client, spec types.KeySpec, usage types.KeyUsageType) *types.KeyMetadata {
	t.Helper()
	return create(t, c, &kms.CreateKeyInput{KeySpec: spec, KeyUsage: usage})
}

func create(t *testing.T, c *kms.Client, in *kms.CreateKeyInput) *types.KeyMetadata {
	t.Helper()
	out, err := c.CreateKey(t.Context(), in)
	if err != nil {
		t.Fatalf("create key: %v", err)
	}
	return out.KeyMetadata
}

func createAlias(t *testing.T, c *kms.Client, name string, key *types.KeyMetadata) {
	t.Helper()
	if _, err := c.CreateAlias(t.Context(), &kms.CreateAliasInput{AliasName: &name, TargetKeyId: key.KeyId}); err != nil {
		t.Fatalf("create %s: %v", name, err)
	}
}

func encrypt(t *testing.T, c *kms.Client, in *kms.EncryptInput) []byte {
	t.Helper()
	out, err := c.Encrypt(t.Context(), in)
	if err != nil {
		t.Fatalf("encrypt: %v", err)
	}
	return out.CiphertextBlob
}

func disable(t *testing.T, c *kms.Client, key *types.KeyMetadata) {
	t.Helper()
	if _, err := c.DisableKey(t.Context(), &kms.DisableKeyInput{KeyId: key.KeyId}); err != nil {
		t.Fatalf("disable: %v", err)
	}
}

func schedule(t *testing.T, c *kms.Client, key *types.KeyMetadata, days int32) {
	t.Helper()
	_, err := c.ScheduleKeyDeletion(t.Context(), &kms.ScheduleKeyDeletionInput{KeyId: key.KeyId, PendingWindowInDays: &days})
	if err != nil {
		t.Fatalf("schedule deletion: %v", err)
	}
}

func putPolicy(t *testing.T, c *kms.Client, key *types.KeyMetadata, policy string) {
	t.Helper()
	_, err := c.PutKeyPolicy(t.Context(), &kms.PutKeyPolicyInput{KeyId: key.KeyId, Policy: &policy})
	if err != nil {
		t.Fatalf("put policy: %v", err)
	}
}

func aliasARN(name string) string { return "arn:aws:kms:" + region + ":" + account + ":" + name }
func keyARN(id string) string     { return "arn:aws:kms:" + region + ":" + account + ":key/" + id }

// allowing is an IAM policy that allows actions on everything.
func allowing(actions ...string) string {
	return `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":["` + strings.Join(actions, `","`) + `"],"Resource":"*"}}`
}
