package secretsmanager_test

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/garrison-cloud/garrison/internal/garrisontest"
)

// What AWS says where KMS says no.
const (
	kmsDenied     = "AccessDeniedException: Access to KMS is not allowed"
	cannotEncrypt = "EncryptionFailure: Secrets Manager can't encrypt the protected secret text using the provided KMS key."
	cannotDecrypt = "DecryptionFailure: Secrets Manager can't decrypt the protected secret text using the provided KMS key."
)

// newKey makes a customer's key and returns its ARN.
func newKey(t *testing.T, s *garrisontest.Server) string {
	t.Helper()
	out, err := kms.NewFromConfig(s.Config).CreateKey(t.Context(), &kms.CreateKeyInput{})
	if err != nil {
		t.Fatalf("create key: %v", err)
	}
	return *out.KeyMetadata.Arn
}

func keyPolicy(t *testing.T, s *garrisontest.Server, key, policy string) {
	t.Helper()
	_, err := kms.NewFromConfig(s.Config).PutKeyPolicy(t.Context(), &kms.PutKeyPolicyInput{KeyId: &key, Policy: &policy})
	if err != nil {
		t.Fatalf("put the policy of %s: %v", key, err)
	}
}

// TestValueIsSealedByKMS follows a value through KMS: each step is an event of
// its own, by the caller, through Secrets Manager, and none holds the value.
func TestValueIsSealedByKMS(t *testing.T) {
	t.Parallel()
	s, c := start(t)
	made := create(t, c, "app", "canary-value")
	wantValue(t, c, "app", "canary-value")
	sealed := events(t, s, "GenerateDataKey", 1)
	opened := events(t, s, "Decrypt", 1)
	for _, e := range []event{sealed[0], opened[0]} {
		if e.EventSource != "kms.amazonaws.com" || e.UserIdentity.InvokedBy != "secretsmanager.amazonaws.com" {
			t.Errorf("%s: source %s, invokedBy %s", e.EventName, e.EventSource, e.UserIdentity.InvokedBy)
		}
		for _, part := range []string{`"SecretARN":"` + *made.ARN + `"`, `"SecretVersionId":"` + *made.VersionId + `"`} {
			if !strings.Contains(string(e.RequestParameters), part) {
				t.Errorf("%s: requestParameters = %s, want %s", e.EventName, e.RequestParameters, part)
			}
		}
	}
	for _, name := range []string{"CreateSecret", "GetSecretValue", "GenerateDataKey", "Decrypt"} {
		for _, e := range events(t, s, name, 1) {
			if strings.Contains(e.raw, "canary") || strings.Contains(e.raw, "Y2FuYXJ5") {
				t.Errorf("the event holds the value: %s", e.raw)
			}
		}
	}
	managed, err := kms.NewFromConfig(s.Config).DescribeKey(t.Context(), &kms.DescribeKeyInput{KeyId: aws.String("alias/aws/secretsmanager")})
	if err != nil || len(sealed[0].Resources) != 1 || sealed[0].Resources[0].ARN != *managed.KeyMetadata.Arn {
		t.Errorf("sealed under %v, want the account's managed key (%v)", sealed[0].Resources, err)
	}
}

// TestKeyDecidesAtEachRead closes a key in every way, and opens it again: what was
// read once gives no right to read it again.
func TestKeyDecidesAtEachRead(t *testing.T) {
	t.Parallel()
	s, c := start(t)
	key := newKey(t, s)
	mustCreate(t, c, &secretsmanager.CreateSecretInput{Name: aws.String("app"), SecretString: aws.String("v"), KmsKeyId: &key})
	keys := kms.NewFromConfig(s.Config)
	reader := user(t, s, "reader", allowing("secretsmanager:GetSecretValue", "kms:Decrypt"))
	read := func() error {
		_, err := get(reader, t, &secretsmanager.GetSecretValueInput{SecretId: aws.String("app")})
		return err
	}
	open := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::` + account + `:root"},"Action":"kms:*","Resource":"*"}`
	for _, step := range []struct {
		name, want string
		do         func() error
	}{
		{"open", "", func() error { return nil }},
		{"disabled", cannotDecrypt, func() error {
			_, err := keys.DisableKey(t.Context(), &kms.DisableKeyInput{KeyId: &key})
			return err
		}},
		{"enabled", "", func() error {
			_, err := keys.EnableKey(t.Context(), &kms.EnableKeyInput{KeyId: &key})
			return err
		}},
		{"denied by the key's policy", kmsDenied, func() error {
			keyPolicy(t, s, key, open+`,{"Effect":"Deny","Principal":"*","Action":"kms:Decrypt","Resource":"*"}]}`)
			return nil
		}},
		{"only through another service", kmsDenied, func() error {
			keyPolicy(t, s, key, open+`,{"Effect":"Deny","Principal":"*","Action":"kms:Decrypt","Resource":"*","Condition":{"StringNotEquals":{"kms:ViaService":"s3.us-east-1.amazonaws.com"}}}]}`)
			return nil
		}},
		{"only through Secrets Manager", "", func() error {
			keyPolicy(t, s, key, open+`,{"Effect":"Deny","Principal":"*","Action":"kms:Decrypt","Resource":"*","Condition":{"StringNotEquals":{"kms:ViaService":"secretsmanager.us-east-1.amazonaws.com"}}}]}`)
			return nil
		}},
		{"pending deletion", cannotDecrypt, func() error {
			_, err := keys.ScheduleKeyDeletion(t.Context(), &kms.ScheduleKeyDeletionInput{KeyId: &key})
			return err
		}},
	} {
		if err := step.do(); err != nil {
			t.Fatalf("%s: %v", step.name, err)
		}
		if got := garrisontest.Fault(read()); got != step.want && (step.want == "" || !strings.HasPrefix(got, step.want)) {
			t.Errorf("%s: %q, want %q", step.name, got, step.want)
		}
	}
}

// TestCallerNeedsTheKey holds to the permissions that AWS asks for beside Secrets
// Manager's own: none on aws/secretsmanager, two on a customer's key.
func TestCallerNeedsTheKey(t *testing.T) {
	t.Parallel()
	s, _ := start(t)
	key := newKey(t, s)
	for _, tt := range []struct {
		name, key, want string
		allowed         []string
	}{
		{"managed", "", "", nil},
		{"managed by its alias", "alias/aws/secretsmanager", "", nil},
		{"none", key, kmsDenied, nil},
		{"seal-only", key, kmsDenied, []string{"kms:GenerateDataKey"}},
		{"open-only", key, kmsDenied, []string{"kms:Decrypt"}},
		{"both", key, "", []string{"kms:GenerateDataKey", "kms:Decrypt"}},
		{"no-such-key", "alias/nothing", cannotEncrypt, []string{"kms:GenerateDataKey", "kms:Decrypt"}},
	} {
		name := strings.ReplaceAll(tt.name, " ", "-")
		c := user(t, s, name, allowing(append(tt.allowed, "secretsmanager:*")...))
		in := &secretsmanager.CreateSecretInput{Name: &name, SecretString: aws.String("v")}
		if tt.key != "" {
			in.KmsKeyId = &tt.key
		}
		_, err := c.CreateSecret(t.Context(), in)
		if got := garrisontest.Fault(err); got != tt.want && (tt.want == "" || !strings.HasPrefix(got, tt.want)) {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
		_, err = c.DescribeSecret(t.Context(), &secretsmanager.DescribeSecretInput{SecretId: &name})
		if (err == nil) != (tt.want == "") {
			t.Errorf("%s: afterwards the secret is there: %v", tt.name, err == nil)
		}
	}
}

// TestChangeOfKey seals the versions in use under the new key as well, and new
// ones under it alone; deprecated ones keep theirs.
func TestChangeOfKey(t *testing.T) {
	t.Parallel()
	s, c := start(t)
	before, after := newKey(t, s), newKey(t, s)
	made := mustCreate(t, c, &secretsmanager.CreateSecretInput{Name: aws.String("app"), SecretString: aws.String("one"), KmsKeyId: &before})
	second := put(t, c, "app", "two")
	third := put(t, c, "app", "three")
	if _, err := c.UpdateSecret(t.Context(), &secretsmanager.UpdateSecretInput{SecretId: aws.String("app"), KmsKeyId: &after}); err != nil {
		t.Fatal(err)
	}
	fourth := put(t, c, "app", "four", "next")
	out, err := c.ListSecretVersionIds(t.Context(), &secretsmanager.ListSecretVersionIdsInput{SecretId: aws.String("app"), IncludeDeprecated: aws.Bool(true)})
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range out.Versions {
		wanted := map[string]string{*made.VersionId: before, second: after + " " + before, third: after + " " + before, fourth: after}
		if got := strings.Join(v.KmsKeyIds, " "); got != wanted[*v.VersionId] {
			t.Errorf("version %s is sealed under %s, want %s", *v.VersionId, got, wanted[*v.VersionId])
		}
	}
	if got := *describe(t, c, "app").KmsKeyId; got != after {
		t.Errorf("KmsKeyId = %s, want %s", got, after)
	}
	// Either key opens what is sealed under both.
	for _, key := range []string{before, after} {
		keys := kms.NewFromConfig(s.Config)
		if _, err := keys.DisableKey(t.Context(), &kms.DisableKeyInput{KeyId: &key}); err != nil {
			t.Fatal(err)
		}
		wantValue(t, c, "app", "three")
		if _, err := keys.EnableKey(t.Context(), &kms.EnableKeyInput{KeyId: &key}); err != nil {
			t.Fatal(err)
		}
	}
}

// TestChangeOfKeyWithoutEncrypt leaves the versions under their key.
func TestChangeOfKeyWithoutEncrypt(t *testing.T) {
	t.Parallel()
	s, c := start(t)
	key := newKey(t, s)
	create(t, c, "app", "one")
	editor := user(t, s, "editor", allowing("secretsmanager:*", "kms:GenerateDataKey", "kms:Decrypt"))
	if _, err := editor.UpdateSecret(t.Context(), &secretsmanager.UpdateSecretInput{SecretId: aws.String("app"), KmsKeyId: &key}); err != nil {
		t.Fatal(err)
	}
	out, err := c.ListSecretVersionIds(t.Context(), &secretsmanager.ListSecretVersionIdsInput{SecretId: aws.String("app")})
	if err != nil || strings.Join(out.Versions[0].KmsKeyIds, " ") != "DefaultEncryptionKey" {
		t.Errorf("sealed under %v, %v; want the default key alone", out.Versions[0].KmsKeyIds, err)
	}
	wantValue(t, c, "app", "one")
	// Back to the account's own key.
	if _, err := c.UpdateSecret(t.Context(), &secretsmanager.UpdateSecretInput{SecretId: aws.String("app"), KmsKeyId: aws.String("")}); err != nil {
		t.Fatal(err)
	}
	if got := describe(t, c, "app").KmsKeyId; got != nil {
		t.Errorf("KmsKeyId = %s, want none", *got)
	}
}

// TestUpdateToDeniedKeyChangesNothing refuses a key that the caller may not use.
func TestUpdateToDeniedKeyChangesNothing(t *testing.T) {
	t.Parallel()
	s, c := start(t)
	key := newKey(t, s)
	create(t, c, "app", "one")
	editor := user(t, s, "editor", allowing("secretsmanager:*"))
	_, err := editor.UpdateSecret(t.Context(), &secretsmanager.UpdateSecretInput{SecretId: aws.String("app"), KmsKeyId: &key, SecretString: aws.String("two")})
	garrisontest.Want(t, err, kmsDenied)
	if got := describe(t, c, "app").KmsKeyId; got != nil {
		t.Errorf("KmsKeyId = %s, want none", *got)
	}
	wantValue(t, c, "app", "one")
}
