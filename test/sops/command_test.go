package sops_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/garrison-cloud/garrison/internal/garrisontest"
)

// program builds the command.
var program = garrisontest.Program("testdata/program", "sops")

// work is a server, a directory, and one principal who runs sops there.
type work struct {
	srv  *garrisontest.Server
	dir  string
	home string
	env  []string
}

func newWork(t *testing.T) *work {
	t.Helper()
	srv := garrisontest.Start(t)
	w := &work{srv: srv, dir: t.TempDir(), home: t.TempDir()}
	t.Cleanup(func() {
		if left, err := os.ReadDir(w.home); err != nil || len(left) > 0 {
			t.Errorf("left in the home directory: %v, %v", left, err)
		}
	})
	return w.as(t, srv.Config)
}

// as is the same with another principal's credentials.
func (w *work) as(t *testing.T, c aws.Config) *work {
	t.Helper()
	creds, err := c.Credentials.Retrieve(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	own := slices.DeleteFunc(os.Environ(), func(v string) bool {
		return strings.HasPrefix(v, "AWS_") || strings.HasPrefix(v, "SOPS_") || strings.HasPrefix(v, "XDG_")
	})
	out := *w
	out.env = append(own,
		"HOME="+w.home, "AWS_ENDPOINT_URL="+w.srv.URL, "AWS_MAX_ATTEMPTS=1", "AWS_EC2_METADATA_DISABLED=true",
		"AWS_ACCESS_KEY_ID="+creds.AccessKeyID, "AWS_SECRET_ACCESS_KEY="+creds.SecretAccessKey)
	return &out
}

// write makes a file in the work's directory.
func (w *work) write(t *testing.T, name, content string) string {
	t.Helper()
	path := filepath.Join(w.dir, name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func (w *work) run(t *testing.T, args ...string) (stdout, stderr string, err error) {
	t.Helper()
	path, err := program()
	if err != nil {
		t.Fatal(err)
	}
	var out, log strings.Builder
	cmd := exec.CommandContext(t.Context(), path, args...)
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = w.dir, w.env, &out, &log
	err = cmd.Run()
	return out.String(), log.String(), err
}

// must runs sops and wants success.
func (w *work) must(t *testing.T, args ...string) string {
	t.Helper()
	out, log, err := w.run(t, args...)
	if err != nil {
		t.Fatalf("sops %s: %v\n%s", strings.Join(args, " "), err, log)
	}
	return out
}

// opens wants the file to decrypt to what it was.
func (w *work) opens(t *testing.T, file, want string) {
	t.Helper()
	if got := w.must(t, "decrypt", file); got != want {
		t.Errorf("sops decrypt gave\n%s\nwant\n%s", got, want)
	}
}

// fails runs sops and wants it to refuse for the given reason, with no plaintext.
func (w *work) fails(t *testing.T, reason string, args ...string) {
	t.Helper()
	out, log, err := w.run(t, args...)
	if err == nil || !strings.Contains(unwrapped(log), reason) || out != "" {
		t.Errorf("sops %s: %v, output %q\n%s\nwant a failure with %q", strings.Join(args, " "), err, out, log, reason)
	}
}

// unwrapped undoes the breaking of long messages into lines with a margin.
func unwrapped(log string) string {
	words := slices.DeleteFunc(strings.Fields(log), func(word string) bool { return word == "|" })
	return strings.Join(words, " ")
}
