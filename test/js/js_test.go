// Package js_test runs the JavaScript SDK, and the AWS Encryption SDK on top of
// it, against a server.
package js_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/garrison-cloud/garrison/internal/garrisontest"
)

// TestJavaScript runs each program with Node.js. test.sh installs what they need.
func TestJavaScript(t *testing.T) {
	t.Parallel()
	if _, err := os.Stat("node_modules/@aws-crypto/client-node"); err != nil {
		t.Fatal("the JavaScript SDKs are missing: bash test.sh installs them")
	}
	for _, program := range []string{"api.mjs", "encryption.mjs", "mrk.mjs", "parameters.mjs"} {
		t.Run(program, func(t *testing.T) {
			t.Parallel()
			if _, err := os.ReadFile(program); err != nil { // the test's cache notices a change of what was read
				t.Fatal(err)
			}
			cmd := exec.CommandContext(t.Context(), "node", program)
			cmd.Env = environment(t, garrisontest.Start(t))
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("%s: %v\n%s", program, err, out)
			}
		})
	}
}

// environment is what a program is to know of the server, and nothing of the
// developer's own AWS settings.
func environment(t *testing.T, srv *garrisontest.Server) []string {
	t.Helper()
	creds, err := srv.Config.Credentials.Retrieve(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	none := filepath.Join(t.TempDir(), "none")
	ours := slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "AWS_") })
	return append(ours,
		"AWS_ENDPOINT_URL="+srv.URL, "AWS_REGION="+garrisontest.Region,
		"GARRISON_REGIONS="+garrisontest.Region+","+garrisontest.OtherRegion,
		"AWS_ACCESS_KEY_ID="+creds.AccessKeyID, "AWS_SECRET_ACCESS_KEY="+creds.SecretAccessKey,
		"AWS_CONFIG_FILE="+none, "AWS_SHARED_CREDENTIALS_FILE="+none, "AWS_EC2_METADATA_DISABLED=true")
}
