package crash_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/garrison-cloud/garrison/internal/garrisontest"

	"github.com/garrison-cloud/garrison/internal/server"
)

// binary is the program under test, built once for the whole suite.
var binary string

// TestMain builds the binary as it is released: without cgo.
func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "garrison-crash-")
	if err == nil {
		binary, err = build(dir)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}

func build(dir string) (string, error) {
	// The command cannot be imported; having looked at its files makes the test's
	// cache notice a change of them.
	if _, err := os.ReadDir("../../cmd/garrison"); err != nil {
		return "", err
	}
	path := filepath.Join(dir, "garrison")
	cmd := exec.Command("go", "build", "-o", path, "../../cmd/garrison")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build garrison: %w\n%s", err, out)
	}
	return path, nil
}

// A process is one run of the server.
type process struct {
	cmd    *exec.Cmd
	log    bytes.Buffer  // of standard error; whole once done is closed
	done   chan struct{} // closed when the process has ended
	ready  time.Duration // from its start to the first signed answer
	config aws.Config    // of the root user's clients
}

// launch runs the server on a data directory. The channel yields the line with
// which the server says where it serves, and closes when the process ends.
func launch(t *testing.T, data string, flags ...string) (*process, <-chan string) {
	t.Helper()
	r, w := io.Pipe()
	p := &process{done: make(chan struct{})}
	args := append([]string{"serve", "--listen", "127.0.0.1:0", "--ops-listen", "127.0.0.1:0", "--data", data}, flags...)
	p.cmd = exec.CommandContext(t.Context(), binary, args...)
	p.cmd.Stdout, p.cmd.Stderr = w, &p.log
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		p.cmd.Wait()
		w.Close()
		close(p.done)
	}()
	greeting := make(chan string, 1)
	go func() {
		defer close(greeting)
		lines := bufio.NewScanner(r)
		if lines.Scan() {
			greeting <- lines.Text()
		}
		io.Copy(io.Discard, r)
	}()
	return p, greeting
}

// start runs the server and returns when it has answered a signed call.
func start(t *testing.T, data string, flags ...string) *process {
	t.Helper()
	began := time.Now()
	p, greeting := launch(t, data, flags...)
	line := <-greeting
	url, _, ok := strings.Cut(strings.TrimPrefix(line, "garrison serves "), ", ")
	if !ok {
		<-p.done
		t.Fatalf("the server did not start; it said %q\n%s", line, p.log.Bytes())
	}
	p.config = clientConfig(t, data, url)
	if _, err := sts.NewFromConfig(p.config).GetCallerIdentity(t.Context(), nil); err != nil {
		t.Fatalf("first call: %v", err)
	}
	p.ready = time.Since(began)
	return p
}

// clientConfig takes the root access key from where the server keeps it.
func clientConfig(t *testing.T, data, url string) aws.Config {
	t.Helper()
	list, err := server.ReadCredentials(data)
	if err != nil || len(list) == 0 {
		t.Fatalf("the root access keys of %s: %d of them, %v", data, len(list), err)
	}
	return aws.Config{
		Region: list[0].Region, BaseEndpoint: &url,
		Credentials: credentials.NewStaticCredentialsProvider(list[0].AccessKeyID, list[0].SecretAccessKey, ""),
		// A retry would hide which call was acknowledged.
		RetryMaxAttempts: 1,
		HTTPClient:       garrisontest.HTTPClient(),
	}
}

// kill ends the process as a power cut would, as far as a process can tell.
func (p *process) kill(t *testing.T) {
	t.Helper()
	if err := p.cmd.Process.Kill(); err != nil {
		t.Fatalf("kill: %v", err)
	}
	<-p.done
	p.checkLog(t)
}

// terminate asks the process to end, and wants it to say that all went well.
func (p *process) terminate(t *testing.T) {
	t.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatalf("terminate: %v", err)
	}
	select {
	case <-p.done:
	case <-time.After(15 * time.Second):
		t.Fatal("the server still runs 15 s after SIGTERM")
	}
	if code := p.cmd.ProcessState.ExitCode(); code != 0 {
		t.Errorf("exit code after SIGTERM = %d, want 0\n%s", code, p.log.Bytes())
	}
	p.checkLog(t)
}

// checkLog wants neither errors nor panics in what the server logged.
func (p *process) checkLog(t *testing.T) {
	t.Helper()
	for line := range strings.Lines(p.log.String()) {
		if strings.Contains(line, "level=ERROR") || strings.Contains(line, "panic") {
			t.Errorf("the server logged: %s", line)
		}
	}
}
