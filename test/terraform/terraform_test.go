// Package terraform_test runs Terraform with its AWS provider against a server,
// with keys in two Regions.
package terraform_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"github.com/garrison-cloud/garrison/internal/garrisontest"
)

// TestKMS applies testdata/main.tf, sees that Terraform finds nothing more to
// do, changes it and takes in a key that was made elsewhere, and destroys all.
func TestKMS(t *testing.T) {
	t.Parallel()
	w := newWork(t)
	w.must(t, "apply", "-auto-approve")
	w.settled(t)
	out := w.outputs(t)
	if got := out.text(t, "secret"); got != "the secret of the year" {
		t.Errorf("the secret opens to %q", got)
	}
	if got := out.text(t, "replica_region"); got != garrisontest.OtherRegion {
		t.Errorf("Region of the primary's replica = %q", got)
	}
	w.wants(t, out.text(t, "books"), "the books", types.KeyStateEnabled)
	w.wants(t, out.text(t, "replica"), "the replica", types.KeyStateEnabled)
	w.wants(t, out.text(t, "brought"), "the books", types.KeyStateEnabled)

	elsewhere := w.adopt(t)
	changes := []string{"-var=rotation_days=90", "-var=stage=live"}
	w.must(t, append([]string{"apply", "-auto-approve"}, changes...)...)
	w.settled(t, changes...)
	w.rotates(t, out.text(t, "books"), 90)
	w.tagged(t, out.text(t, "books"), map[string]string{"stage": "live", "tenant": "acme"})
	w.tagged(t, elsewhere, map[string]string{"stage": "live"})

	w.must(t, "destroy", "-auto-approve", "-refresh=false")
	for _, key := range []string{out.text(t, "books"), out.text(t, "brought")} {
		w.wants(t, key, "the books", types.KeyStatePendingDeletion)
	}
	w.wants(t, elsewhere, "made elsewhere", types.KeyStatePendingDeletion)
	w.wants(t, out.text(t, "replica"), "the replica", types.KeyStatePendingDeletion)
	w.wants(t, out.text(t, "primary"), "", types.KeyStatePendingReplicaDeletion)
}

// wants asks KMS itself what became of a key.
func (w *work) wants(t *testing.T, arn, description string, state types.KeyState) {
	t.Helper()
	out, err := w.kms(arn).DescribeKey(t.Context(), &kms.DescribeKeyInput{KeyId: &arn})
	if err != nil {
		t.Fatal(err)
	}
	if got := out.KeyMetadata; *got.Description != description || got.KeyState != state {
		t.Errorf("%s: description %q, state %s; want %q, %s", arn, *got.Description, got.KeyState, description, state)
	}
}

func (w *work) rotates(t *testing.T, arn string, days int32) {
	t.Helper()
	out, err := w.kms(arn).GetKeyRotationStatus(t.Context(), &kms.GetKeyRotationStatusInput{KeyId: &arn})
	if err != nil {
		t.Fatal(err)
	}
	if !out.KeyRotationEnabled || aws.ToInt32(out.RotationPeriodInDays) != days {
		t.Errorf("rotation = %t, every %d days; want every %d", out.KeyRotationEnabled, aws.ToInt32(out.RotationPeriodInDays), days)
	}
}

func (w *work) tagged(t *testing.T, arn string, want map[string]string) {
	t.Helper()
	out, err := w.kms(arn).ListResourceTags(t.Context(), &kms.ListResourceTagsInput{KeyId: &arn})
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, tag := range out.Tags {
		got[*tag.TagKey] = *tag.TagValue
	}
	if !maps.Equal(got, want) {
		t.Errorf("tags of %s = %v, want %v", arn, got, want)
	}
}

// adopt makes a key without Terraform, and has the configuration take it in.
func (w *work) adopt(t *testing.T) string {
	t.Helper()
	made, err := kms.NewFromConfig(w.srv.Config).CreateKey(t.Context(), &kms.CreateKeyInput{Description: aws.String("made elsewhere")})
	if err != nil {
		t.Fatal(err)
	}
	config := fmt.Sprintf("import {\n  to = aws_kms_key.elsewhere\n  id = %q\n}\n"+
		"resource \"aws_kms_key\" \"elsewhere\" {\n  description = \"made elsewhere\"\n}\n", *made.KeyMetadata.KeyId)
	if err := os.WriteFile(filepath.Join(w.dir, "elsewhere.tf"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	return *made.KeyMetadata.Arn
}

// kms is a client in the Region of a key.
func (w *work) kms(arn string) *kms.Client {
	return kms.NewFromConfig(w.srv.ConfigFor(garrisontest.Account, strings.Split(arn, ":")[3]))
}

// work is a server, and a directory in which Terraform runs as its root.
type work struct {
	srv *garrisontest.Server
	dir string
	env []string
}

// newWork starts the server, and Terraform in its directory. It skips the test
// where there is no Terraform, or no AWS provider for it: neither has a package
// that test.sh could install.
func newWork(t *testing.T) *work {
	t.Helper()
	if _, err := exec.LookPath("terraform"); err != nil {
		t.Skip("no terraform in the path")
	}
	w := &work{srv: garrisontest.Start(t), dir: t.TempDir()}
	if err := os.CopyFS(w.dir, os.DirFS("testdata")); err != nil {
		t.Fatal(err)
	}
	creds, err := w.srv.Config.Credentials.Retrieve(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	own := slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "AWS_") })
	w.env = append(own,
		"HOME="+t.TempDir(), "CHECKPOINT_DISABLE=1", "TF_IN_AUTOMATION=1", "TF_INPUT=0",
		"TF_VAR_near="+garrisontest.Region, "TF_VAR_far="+garrisontest.OtherRegion,
		"AWS_ENDPOINT_URL="+w.srv.URL, "AWS_EC2_METADATA_DISABLED=true",
		"AWS_ACCESS_KEY_ID="+creds.AccessKeyID, "AWS_SECRET_ACCESS_KEY="+creds.SecretAccessKey)
	w.init(t)
	return w
}

// plugins is a directory of providers beside those that Terraform looks at itself.
const plugins = "/opt/tf-plugins"

func (w *work) init(t *testing.T) {
	t.Helper()
	args := []string{"init"}
	if found, err := fs.Glob(os.DirFS(plugins), "*/hashicorp/aws"); err == nil && len(found) > 0 {
		args = append(args, "-plugin-dir="+plugins)
	}
	out, err := w.run(t, args...)
	if err != nil && (strings.Contains(out, "Failed to query available provider packages") || strings.Contains(out, "Failed to install provider")) {
		t.Skipf("no AWS provider for terraform: %s", out)
	}
	if err != nil {
		t.Fatalf("terraform init: %v\n%s", err, out)
	}
}

// run runs Terraform and returns what it printed.
func (w *work) run(t *testing.T, args ...string) (string, error) {
	t.Helper()
	var out, log strings.Builder
	cmd := exec.CommandContext(t.Context(), "terraform", args...)
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = w.dir, w.env, &out, &log
	if err := cmd.Run(); err != nil {
		return out.String() + log.String(), err
	}
	return out.String(), nil
}

// must runs Terraform and wants success.
func (w *work) must(t *testing.T, args ...string) string {
	t.Helper()
	out, err := w.run(t, args...)
	if err != nil {
		t.Fatalf("terraform %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return out
}

// settled wants a plan without changes: the server says of each resource what
// it was told.
func (w *work) settled(t *testing.T, vars ...string) {
	t.Helper()
	out, err := w.run(t, append([]string{"plan", "-detailed-exitcode"}, vars...)...)
	if exit, ok := errors.AsType[*exec.ExitError](err); ok && exit.ExitCode() == 2 {
		t.Fatalf("after an apply, terraform plan still has changes:\n%s", out)
	}
	if err != nil {
		t.Fatalf("terraform plan: %v\n%s", err, out)
	}
}

// outputs are the values that the configuration puts out.
type outputs map[string]struct{ Value json.RawMessage }

func (w *work) outputs(t *testing.T) outputs {
	t.Helper()
	var out outputs
	if err := json.Unmarshal([]byte(w.must(t, "output", "-json")), &out); err != nil {
		t.Fatal(err)
	}
	return out
}

func (o outputs) text(t *testing.T, name string) string {
	t.Helper()
	var s string
	if err := json.Unmarshal(o[name].Value, &s); err != nil {
		t.Fatalf("output %s: %v", name, err)
	}
	return s
}
