// Package js_test runs the JavaScript SDK against a server.
package js_test

import (
	"os"
	"os/exec"
	"testing"

	"github.com/garrison-cloud/garrison/internal/garrisontest"
)

// TestJavaScript runs api.mjs with Node.js. test.sh installs both.
func TestJavaScript(t *testing.T) {
	t.Parallel()
	if _, err := os.Stat("node_modules"); err != nil {
		t.Fatal("the JavaScript SDK is missing: bash test.sh installs it")
	}
	srv := garrisontest.Start(t)
	creds, err := srv.Config.Credentials.Retrieve(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "node", "api.mjs")
	cmd.Env = append(os.Environ(),
		"AWS_ENDPOINT_URL="+srv.URL, "AWS_REGION="+srv.Config.Region, "AWS_EC2_METADATA_DISABLED=true",
		"AWS_ACCESS_KEY_ID="+creds.AccessKeyID, "AWS_SECRET_ACCESS_KEY="+creds.SecretAccessKey, "AWS_SESSION_TOKEN=")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("api.mjs: %v\n%s", err, out)
	}
}
