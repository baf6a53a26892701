package secretsmanager_test

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/garrison-cloud/garrison/internal/garrisontest"
)

func policy(t *testing.T, c *secretsmanager.Client, id, document string) {
	t.Helper()
	_, err := c.PutResourcePolicy(t.Context(), &secretsmanager.PutResourcePolicyInput{SecretId: &id, ResourcePolicy: &document})
	if err != nil {
		t.Fatalf("put a policy: %v", err)
	}
}

// statement is a policy of one statement.
func statement(s string) string { return `{"Version":"2012-10-17","Statement":[` + s + `]}` }

func TestResourcePolicy(t *testing.T) {
	t.Parallel()
	_, c := start(t)
	made := create(t, c, "app", "v")
	read := func() *secretsmanager.GetResourcePolicyOutput {
		out, err := c.GetResourcePolicy(t.Context(), &secretsmanager.GetResourcePolicyInput{SecretId: aws.String("app")})
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	if out := read(); out.ResourcePolicy != nil || *out.ARN != *made.ARN {
		t.Errorf("at first: %+v", out)
	}
	policy(t, c, "app", letRoot)
	if got := *read().ResourcePolicy; got != letRoot {
		t.Errorf("policy = %s, want what was put", got)
	}
	for document, code := range map[string]string{
		"{": "MalformedPolicyDocumentException: ",
		statement(`{"Effect":"Allow","Action":"secretsmanager:*","Resource":"*"}`):                          "MalformedPolicyDocumentException: ",
		statement(`{"Effect":"Allow","Principal":{"AWS":"a*"},"Action":"secretsmanager:*","Resource":"*"}`): "MalformedPolicyDocumentException: ",
		strings.Repeat(" ", 20481): "ValidationException: ",
	} {
		_, err := c.PutResourcePolicy(t.Context(), &secretsmanager.PutResourcePolicyInput{SecretId: aws.String("app"), ResourcePolicy: &document})
		garrisontest.Want(t, err, code)
	}
	for range 2 {
		if _, err := c.DeleteResourcePolicy(t.Context(), &secretsmanager.DeleteResourcePolicyInput{SecretId: aws.String("app")}); err != nil {
			t.Fatal(err)
		}
	}
	if got := read().ResourcePolicy; got != nil {
		t.Errorf("policy = %s, want none", *got)
	}
}

// TestPolicyDecides gives and takes access by the secret's policy alone.
func TestPolicyDecides(t *testing.T) {
	t.Parallel()
	s, c := start(t)
	create(t, c, "app", "v")
	ann := user(t, s, "ann", "")
	bob := user(t, s, "bob", allowing("secretsmanager:GetSecretValue"))
	read := func(c *secretsmanager.Client) error {
		_, err := get(c, t, &secretsmanager.GetSecretValueInput{SecretId: aws.String("app")})
		return err
	}
	garrisontest.Want(t, read(ann), "AccessDeniedException: ")
	garrisontest.Want(t, read(bob), "")
	policy(t, c, "app", statement(`{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::`+account+`:user/ann"},"Action":"secretsmanager:GetSecretValue","Resource":"*"},
		{"Effect":"Deny","Principal":{"AWS":"arn:aws:iam::`+account+`:user/bob"},"Action":"secretsmanager:GetSecretValue","Resource":"*"}`))
	garrisontest.Want(t, read(ann), "")
	garrisontest.Want(t, read(bob), "AccessDeniedException: User: arn:aws:iam::"+account+":user/bob is not authorized to perform: secretsmanager:GetSecretValue on resource: app with an explicit deny in a resource-based policy")
}

// TestAcrossAccounts lets another account in by policy, key and identity policy,
// and tells it nothing before.
func TestAcrossAccounts(t *testing.T) {
	t.Parallel()
	s, c := start(t)
	key := newKey(t, s)
	made := mustCreate(t, c, &secretsmanager.CreateSecretInput{Name: aws.String("app"), SecretString: aws.String("v"), KmsKeyId: aws.String(key[strings.Index(key, "key/")+4:])})
	plain := create(t, c, "plain", "v")
	theirs := secretsmanager.NewFromConfig(s.UserOf(t, other, "eve", allowing("secretsmanager:*", "kms:*")))
	read := func(id string) string {
		_, err := get(theirs, t, &secretsmanager.GetSecretValueInput{SecretId: &id})
		return garrisontest.Fault(err)
	}
	gone := strings.Replace(*made.ARN, ":app-", ":nothing-", 1)
	if a, b := read(*made.ARN), read(gone); !strings.HasPrefix(a, "AccessDeniedException: ") || strings.Replace(a, ":app-", ":nothing-", 1) != b {
		t.Errorf("a secret is told from none: %q and %q", a, b)
	}
	for _, id := range []string{"app", "plain"} {
		policy(t, c, id, statement(`{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::`+other+`:root"},"Action":"secretsmanager:*","Resource":"*"}`))
	}
	if got := read(*made.ARN); got != kmsDenied {
		t.Errorf("without the key: %q, want %q", got, kmsDenied)
	}
	if got := read(*plain.ARN); !strings.HasPrefix(got, "InvalidRequestException: You can't access a secret from a different AWS account") {
		t.Errorf("under the default key: %q", got)
	}
	keyPolicy(t, s, key, statement(`{"Effect":"Allow","Principal":{"AWS":["arn:aws:iam::`+account+`:root","arn:aws:iam::`+other+`:root"]},"Action":"kms:*","Resource":"*"}`))
	for _, id := range []string{*made.ARN, (*made.ARN)[:len(*made.ARN)-7]} {
		if got := read(id); got != "" {
			t.Errorf("%s, let in by all: %q", id, got)
		}
	}
	put(t, theirs, *made.ARN, "theirs")
	wantValue(t, c, "app", "theirs")
	if got := read("app"); got != lost {
		t.Errorf("by name: %q, want it to be looked for in the caller's account", got)
	}
	if _, err := kms.NewFromConfig(s.Config).DisableKey(t.Context(), &kms.DisableKeyInput{KeyId: &key}); err != nil {
		t.Fatal(err)
	}
	_, err := theirs.PutSecretValue(t.Context(), &secretsmanager.PutSecretValueInput{SecretId: made.ARN, SecretString: aws.String("x")})
	garrisontest.Want(t, err, cannotEncrypt)
}

func TestBlockPublicPolicy(t *testing.T) {
	t.Parallel()
	_, c := start(t)
	create(t, c, "app", "v")
	put := func(document string, block bool) error {
		_, err := c.PutResourcePolicy(t.Context(), &secretsmanager.PutResourcePolicyInput{SecretId: aws.String("app"), ResourcePolicy: &document, BlockPublicPolicy: &block})
		return err
	}
	open := statement(`{"Effect":"Allow","Principal":"*","Action":"secretsmanager:GetSecretValue","Resource":"*"}`)
	garrisontest.Want(t, put(open, true), "PublicPolicyException: ")
	garrisontest.Want(t, put(letRoot, true), "")
	garrisontest.Want(t, put(open, false), "")
}

func TestValidateResourcePolicy(t *testing.T) {
	t.Parallel()
	s, c := start(t)
	create(t, c, "app", "v")
	editor := user(t, s, "editor", allowing("secretsmanager:*"))
	for _, tt := range []struct{ name, document, failed string }{
		{"good", letRoot, ""},
		{"public", statement(`{"Effect":"Allow","Principal":{"AWS":"*"},"Action":"secretsmanager:GetSecretValue","Resource":"*"}`), "PublicPolicy"},
		{"shuts out", statement(`{"Effect":"Deny","Principal":"*","Action":"secretsmanager:PutResourcePolicy","Resource":"*"}`), "PolicyLockout"},
		{"shuts out another", statement(`{"Effect":"Deny","Principal":{"AWS":"arn:aws:iam::` + account + `:user/ann"},"Action":"secretsmanager:*","Resource":"*"}`), ""},
	} {
		out, err := editor.ValidateResourcePolicy(t.Context(), &secretsmanager.ValidateResourcePolicyInput{SecretId: aws.String("app"), ResourcePolicy: &tt.document})
		if err != nil {
			t.Fatalf("%s: %v", tt.name, err)
		}
		var failed []string
		for _, e := range out.ValidationErrors {
			failed = append(failed, *e.CheckName)
		}
		if got := strings.Join(failed, " "); got != tt.failed || out.PolicyValidationPassed != (tt.failed == "") {
			t.Errorf("%s: passed %v, failed %q; want %q", tt.name, out.PolicyValidationPassed, got, tt.failed)
		}
	}
	out, err := editor.ValidateResourcePolicy(t.Context(), &secretsmanager.ValidateResourcePolicyInput{ResourcePolicy: aws.String(letRoot)})
	if err != nil || !out.PolicyValidationPassed {
		t.Errorf("without a secret: %+v, %v", out, err)
	}
	_, err = editor.ValidateResourcePolicy(t.Context(), &secretsmanager.ValidateResourcePolicyInput{ResourcePolicy: aws.String("{")})
	garrisontest.Want(t, err, "MalformedPolicyDocumentException: ")
	half := user(t, s, "half", allowing("secretsmanager:ValidateResourcePolicy"))
	_, err = half.ValidateResourcePolicy(t.Context(), &secretsmanager.ValidateResourcePolicyInput{SecretId: aws.String("app"), ResourcePolicy: aws.String(letRoot)})
	garrisontest.Want(t, err, "AccessDeniedException: User: arn:aws:iam::"+account+":user/half is not authorized to perform: secretsmanager:PutResourcePolicy")
}
