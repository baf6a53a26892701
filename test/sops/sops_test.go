// Package sops_test runs the real command sops against a server, with keys in
// two Regions.
package sops_test

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/kms"

	"github.com/garrison-cloud/garrison/internal/garrisontest"
)

const secrets = "database:\n    user: app\n    password: correct horse battery staple\nports:\n    - 5432\n    - 6432\n"

const contextFlag = "--encryption-context=tenant:acme,purpose:config"

// TestTwoRegions takes one file through its life: encrypted under two keys,
// edited, rotated, and read while one Region's key is out of use.
func TestTwoRegions(t *testing.T) {
	t.Parallel()
	w := newWork(t)
	near, far := w.newKey(t, garrisontest.Region), w.newKey(t, garrisontest.OtherRegion)
	file := w.write(t, "app.yaml", secrets)
	w.must(t, "encrypt", "-i", "--kms="+near+","+far, contextFlag, file)
	sealed := read(t, file)
	for _, plain := range []string{"horse", "5432"} {
		if strings.Contains(sealed, plain) {
			t.Errorf("the encrypted file contains %q", plain)
		}
	}
	for _, want := range []string{near, far, "tenant: acme", "password: ENC["} {
		if !strings.Contains(sealed, want) {
			t.Errorf("the encrypted file lacks %q", want)
		}
	}
	w.opens(t, file, secrets)

	w.must(t, "set", file, `["database"]["password"]`, `"new one"`)
	edited := strings.Replace(secrets, "correct horse battery staple", "new one", 1)
	w.opens(t, file, edited)
	if got, want := dataKeys(read(t, file)), dataKeys(sealed); strings.Join(got, "") != strings.Join(want, "") {
		t.Errorf("sops set changed the wrapped data key")
	}

	before := dataKeys(read(t, file))
	w.must(t, "rotate", "-i", file)
	after := dataKeys(read(t, file))
	if len(after) != 2 || before[0] == after[0] || before[1] == after[1] {
		t.Errorf("wrapped data keys before and after sops rotate:\n%q\n%q", before, after)
	}
	w.opens(t, file, edited)

	w.disable(t, near)
	w.opens(t, file, edited)
	w.disable(t, far)
	w.fails(t, "DisabledException", "decrypt", file)
	w.enable(t, near)
	w.opens(t, file, edited)
}

// TestContext shows that KMS binds the encryption context that is written in
// the file.
func TestContext(t *testing.T) {
	t.Parallel()
	w := newWork(t)
	file := w.write(t, "app.yaml", secrets)
	w.must(t, "encrypt", "-i", "--kms="+w.newKey(t, garrisontest.Region), contextFlag, file)
	forged := w.write(t, "forged.yaml", strings.ReplaceAll(read(t, file), "tenant: acme", "tenant: evil"))
	w.fails(t, "InvalidCiphertextException", "decrypt", forged)
	w.opens(t, file, secrets)
}

// TestReader may decrypt, for one tenant and with one Region's key, and no more.
func TestReader(t *testing.T) {
	t.Parallel()
	w := newWork(t)
	near, far := w.newKey(t, garrisontest.Region), w.newKey(t, garrisontest.OtherRegion)
	ours, theirs := w.write(t, "ours.yaml", secrets), w.write(t, "theirs.yaml", secrets)
	w.must(t, "encrypt", "-i", "--kms="+near+","+far, contextFlag, ours)
	w.must(t, "encrypt", "-i", "--kms="+near+","+far, "--encryption-context=tenant:other", theirs)

	reader := w.as(t, w.srv.User(t, "reader", policy(t, statement{
		Effect: "Allow", Action: "kms:Decrypt", Resource: far,
		Condition: map[string]map[string]string{"StringEquals": {"kms:EncryptionContext:tenant": "acme"}},
	})))
	reader.opens(t, ours, secrets)
	reader.fails(t, "AccessDeniedException", "decrypt", theirs)
	reader.fails(t, "not authorized to perform: kms:Encrypt", "rotate", "-i", ours)
	w.opens(t, ours, secrets)
}

// TestRole has sops assume the role that the file names beside the key.
func TestRole(t *testing.T) {
	t.Parallel()
	w := newWork(t)
	key := w.newKey(t, garrisontest.OtherRegion)
	role := w.newRole(t, "sops", statement{Effect: "Allow", Action: "kms:*crypt", Resource: key})
	user := w.as(t, w.srv.User(t, "operator", policy(t, statement{Effect: "Allow", Action: "sts:AssumeRole", Resource: role})))
	file := w.write(t, "app.yaml", secrets)
	user.fails(t, "not authorized to perform: kms:Encrypt", "encrypt", "--kms="+key, file)
	user.must(t, "encrypt", "-i", "--kms="+key+"+"+role, file)
	user.opens(t, file, secrets)
}

// TestGroups splits the data key so that a key of each Region is needed, as the
// creation rules in .sops.yaml say.
func TestGroups(t *testing.T) {
	t.Parallel()
	w := newWork(t)
	near, far := w.newKey(t, garrisontest.Region), w.newKey(t, garrisontest.OtherRegion)
	w.write(t, ".sops.yaml", "creation_rules:\n  - shamir_threshold: 2\n    key_groups:\n"+
		"      - kms: [{arn: '"+near+"', context: {tenant: acme}}]\n      - kms: [{arn: '"+far+"'}]\n")
	file := w.write(t, "app.yaml", secrets)
	w.must(t, "encrypt", "-i", file)
	w.opens(t, file, secrets)
	w.disable(t, far)
	w.fails(t, "DisabledException", "decrypt", file)
}

func (w *work) newKey(t *testing.T, region string) string {
	t.Helper()
	out, err := kms.NewFromConfig(w.srv.ConfigFor(garrisontest.Account, region)).CreateKey(t.Context(), &kms.CreateKeyInput{})
	if err != nil {
		t.Fatalf("CreateKey in %s: %v", region, err)
	}
	return *out.KeyMetadata.Arn
}

func (w *work) disable(t *testing.T, key string) {
	t.Helper()
	if _, err := w.kms(key).DisableKey(t.Context(), &kms.DisableKeyInput{KeyId: &key}); err != nil {
		t.Fatal(err)
	}
}

func (w *work) enable(t *testing.T, key string) {
	t.Helper()
	if _, err := w.kms(key).EnableKey(t.Context(), &kms.EnableKeyInput{KeyId: &key}); err != nil {
		t.Fatal(err)
	}
}

// kms is a client in the Region of a key.
func (w *work) kms(key string) *kms.Client {
	return kms.NewFromConfig(w.srv.ConfigFor(garrisontest.Account, strings.Split(key, ":")[3]))
}

// newRole makes a role that the account's principals may assume.
func (w *work) newRole(t *testing.T, name string, may statement) string {
	t.Helper()
	c := iam.NewFromConfig(w.srv.Config)
	trust := policy(t, statement{
		Effect: "Allow", Action: "sts:AssumeRole", Principal: map[string]string{"AWS": garrisontest.Account},
	})
	out, err := c.CreateRole(t.Context(), &iam.CreateRoleInput{RoleName: &name, AssumeRolePolicyDocument: &trust})
	if err != nil {
		t.Fatalf("CreateRole: %v", err)
	}
	_, err = c.PutRolePolicy(t.Context(), &iam.PutRolePolicyInput{
		RoleName: &name, PolicyName: aws.String("use"), PolicyDocument: aws.String(policy(t, may)),
	})
	if err != nil {
		t.Fatalf("PutRolePolicy: %v", err)
	}
	return *out.Role.Arn
}

// A statement of a policy.
type statement struct {
	Effect, Action string
	Resource       string                       `json:",omitempty"`
	Principal      map[string]string            `json:",omitempty"`
	Condition      map[string]map[string]string `json:",omitempty"`
}

func policy(t *testing.T, s statement) string {
	t.Helper()
	b, err := json.Marshal(map[string]any{"Version": "2012-10-17", "Statement": []statement{s}})
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// dataKeys are the wrapped data keys in a file, one for each key of KMS.
func dataKeys(file string) []string {
	var out []string
	for line := range strings.Lines(file) {
		if key, ok := strings.CutPrefix(strings.TrimSpace(line), "enc: "); ok {
			out = append(out, key)
		}
	}
	return out
}
