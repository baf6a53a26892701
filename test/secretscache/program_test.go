package secretscache_test

import (
	"bufio"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/garrison-cloud/garrison/internal/garrisontest"
)

// program builds the program in testdata.
var program = garrisontest.Program("testdata/program", "program", "main.go")

// A reader is a running program, with a cache of its own.
type reader struct {
	in  io.Writer
	out *bufio.Scanner
}

// newReader starts a program that keeps what it read for ttl, until the test ends.
func newReader(t *testing.T, srv *garrisontest.Server, as aws.Config, ttl string) *reader {
	t.Helper()
	path, err := program()
	if err != nil && strings.Contains(err.Error(), ": reading http") { // some module mirrors do not serve it
		t.Skip("AWS's caching client cannot be downloaded here: ", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(path, ttl)
	cmd.Env = environment(t, srv, as)
	var log strings.Builder
	cmd.Stderr = &log
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := in.Close(); err != nil { // the end of its input ends the program
			t.Error(err)
		}
		if err := cmd.Wait(); err != nil {
			t.Errorf("the program: %v\n%s", err, &log)
		}
	})
	return &reader{in: in, out: bufio.NewScanner(out)}
}

// environment is what the program is to know of the server, and nothing of the
// developer's own AWS settings.
func environment(t *testing.T, srv *garrisontest.Server, as aws.Config) []string {
	t.Helper()
	creds, err := as.Credentials.Retrieve(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	own := slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "AWS_") })
	return append(own,
		"HOME="+t.TempDir(), "AWS_ENDPOINT_URL_SECRETS_MANAGER="+srv.URL, "AWS_REGION="+as.Region,
		"AWS_MAX_ATTEMPTS=1", "AWS_EC2_METADATA_DISABLED=true",
		"AWS_ACCESS_KEY_ID="+creds.AccessKeyID, "AWS_SECRET_ACCESS_KEY="+creds.SecretAccessKey)
}

// ask sends one line to the program, whose answer is a value or the text of an error.
func (r *reader) ask(t *testing.T, words ...string) (value, fault string) {
	t.Helper()
	line := strings.Join(words, " ")
	if _, err := io.WriteString(r.in, line+"\n"); err != nil {
		t.Fatalf("ask %q: %v", line, err)
	}
	if !r.out.Scan() {
		t.Fatalf("no answer to %q: %v", line, r.out.Err())
	}
	var answer struct{ Value, Error string }
	if err := json.Unmarshal(r.out.Bytes(), &answer); err != nil {
		t.Fatalf("the answer to %q: %v", line, err)
	}
	return answer.Value, answer.Error
}

// gives asks, and wants the value.
func (r *reader) gives(t *testing.T, want string, words ...string) {
	t.Helper()
	if got, fault := r.ask(t, words...); got != want || fault != "" {
		t.Errorf("%q gave %q, %s; want %q", words, got, fault, want)
	}
}

// fails asks, and wants an error with the given reason, and no value.
func (r *reader) fails(t *testing.T, reason string, words ...string) {
	t.Helper()
	if got, fault := r.ask(t, words...); got != "" || !strings.Contains(fault, reason) {
		t.Errorf("%q gave %q, %s; want an error with %q", words, got, fault, reason)
	}
}
