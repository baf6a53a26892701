package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// build makes the binary that is measured.
func build(ctx context.Context, dir string) (string, error) {
	path := filepath.Join(dir, "garrison")
	cmd := exec.CommandContext(ctx, "go", "build", "-o", path, "./cmd/garrison") //nolint:gosec // the name of a file that is made here
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build garrison: %w\n%s", err, out)
	}
	return path, nil
}

// A process is a server under measurement.
type process struct {
	cmd *exec.Cmd
	url string
}

func start(ctx context.Context, addr, path string, args ...string) (*process, error) {
	cmd := exec.CommandContext(ctx, path, args...) //nolint:gosec // what build made, or this very program
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	p := &process{cmd: cmd, url: "http://" + addr}
	deadline := time.Now().Add(30 * time.Second)
	for time.Now().Before(deadline) {
		// Any answer will do: that of a call that nobody signed has gone through the
		// whole gateway.
		if firstAnswer(ctx, p.url) == nil {
			return p, nil
		}
		time.Sleep(time.Millisecond)
	}
	p.stop()
	return nil, fmt.Errorf("%s does not answer on %s\n%s", path, addr, stderr.String())
}

// startGarrison starts a server on the data directory dir.
func startGarrison(ctx context.Context, binary, dir string) (*process, error) {
	addr, err := freeAddr()
	if err != nil {
		return nil, err
	}
	ops, err := freeAddr()
	if err != nil {
		return nil, err
	}
	return start(ctx, addr, binary, "serve", "--listen", addr, "--ops-listen", ops, "--data", filepath.Join(dir, "data"))
}

func startBare(ctx context.Context) (*process, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	addr, err := freeAddr()
	if err != nil {
		return nil, err
	}
	return start(ctx, addr, self, "-bare", addr)
}

func freeAddr() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

// stop ends the process, which may have ended by itself.
func (p *process) stop() {
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	_ = p.cmd.Wait()
}

// kill ends it without a chance to save anything.
func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	_ = p.cmd.Wait()
}

// cpu is the processor time that the process has used so far.
func (p *process) cpu() time.Duration {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.cmd.Process.Pid))
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(b[bytes.LastIndexByte(b, ')')+1:]))
	user, _ := strconv.Atoi(fields[11])
	system, _ := strconv.Atoi(fields[12])
	const ticks = 100 // USER_HZ, which Linux fixes for /proc
	return time.Duration(user+system) * time.Second / ticks
}

// rss is the process's resident memory in MiB.
func (p *process) rss() int {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(b)) {
		if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kib, _ := strconv.Atoi(strings.Fields(rest)[0])
			return kib / 1024
		}
	}
	return 0
}

// credentials asks the binary for the root access key of its data directory.
func credentials(ctx context.Context, binary, dir string) (aws.Credentials, error) {
	out, err := exec.CommandContext(ctx, binary, "env", "--shell", "sh", "--data", filepath.Join(dir, "data")).Output() //nolint:gosec // what build made
	if err != nil {
		return aws.Credentials{}, fmt.Errorf("garrison env: %w", err)
	}
	var c aws.Credentials
	for line := range strings.Lines(string(out)) {
		name, value, _ := strings.Cut(strings.TrimPrefix(strings.TrimSpace(line), "export "), "=")
		switch name {
		case "AWS_ACCESS_KEY_ID":
			c.AccessKeyID = strings.Trim(value, `'"`)
		case "AWS_SECRET_ACCESS_KEY":
			c.SecretAccessKey = strings.Trim(value, `'"`)
		}
	}
	if c.SecretAccessKey == "" {
		return c, errors.New("garrison env printed no credentials")
	}
	return c, nil
}
