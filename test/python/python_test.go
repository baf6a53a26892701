// Package python_test runs botocore, the library under the aws command line and
// boto3, against a server.
package python_test

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/garrison-cloud/garrison/internal/garrisontest"
)

// TestPython runs client.py. test.sh installs what it needs.
func TestPython(t *testing.T) {
	t.Parallel()
	python := interpreter(t)
	srv := garrisontest.Start(t)
	creds, err := srv.Config.Credentials.Retrieve(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	none := filepath.Join(t.TempDir(), "none")
	cmd := exec.CommandContext(t.Context(), python, "client.py")
	// A profile of the developer's own must not count, not even by its name.
	ours := slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "AWS_") })
	cmd.Env = append(ours,
		"AWS_ENDPOINT_URL="+srv.URL, "AWS_DEFAULT_REGION="+srv.Config.Region,
		"AWS_ACCESS_KEY_ID="+creds.AccessKeyID, "AWS_SECRET_ACCESS_KEY="+creds.SecretAccessKey,
		"AWS_CONFIG_FILE="+none, "AWS_SHARED_CREDENTIALS_FILE="+none, "AWS_EC2_METADATA_DISABLED=true",
		"AWS_MAX_ATTEMPTS=1", "PYTHONDONTWRITEBYTECODE=1")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("client.py: %v\n%s", err, out)
	}
}

// interpreter finds a Python that has botocore: the one in the path, or the one
// that the aws command line is run by.
func interpreter(t *testing.T) string {
	t.Helper()
	for _, python := range []string{"python3", ofAWS()} {
		for _, library := range []string{"botocore", "awscli, botocore"} {
			if python != "" && exec.CommandContext(t.Context(), python, "-c", "import "+library).Run() == nil {
				return python
			}
		}
	}
	t.Fatal("no Python with botocore, which comes with the aws command line: bash test.sh installs it")
	return ""
}

// ofAWS is the interpreter named in the first line of the aws program, if it
// is a Python script.
func ofAWS() string {
	path, err := exec.LookPath("aws")
	if err != nil {
		return ""
	}
	f, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	lines.Scan()
	line, ok := strings.CutPrefix(lines.Text(), "#!")
	if !ok || !strings.Contains(line, "python") {
		return ""
	}
	words := strings.Fields(line) // "/usr/bin/env python3", "/usr/bin/python3 -I"
	if filepath.Base(words[0]) == "env" && len(words) > 1 {
		return words[1]
	}
	return words[0]
}
