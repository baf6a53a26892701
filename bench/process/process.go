// Package process builds Garrison and runs it, or another server, as a child of
// a measuring program, so that what is measured is what users run. It measures
// nothing but what the kernel says of the child: build → start → load → stop.
package process

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// Build makes the binary that is measured in dir, from the module's root, and
// returns its path.
func Build(ctx context.Context, dir string) (string, error) {
	path := filepath.Join(dir, "garrison")
	cmd := exec.CommandContext(ctx, "go", "build", "-o", path, "./cmd/garrison") //nolint:gosec // the name of a file that is made here
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build garrison: %w\n%s", err, out)
	}
	return path, nil
}

// A Process is a server under measurement. One without a command is a server of
// this very process, of which nothing is known but where it answers.
type Process struct {
	URL string

	cmd *exec.Cmd
}

// patience is how long a server may take to answer at all.
const patience = 30 * time.Second

// Start runs a server at addr and returns when it answers. What it writes to
// standard error is only told if it does not.
func Start(ctx context.Context, addr, path string, args ...string) (*Process, error) {
	cmd := exec.CommandContext(ctx, path, args...) //nolint:gosec // what Build made, or the measuring program itself
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	p := &Process{URL: "http://" + addr, cmd: cmd}
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		// Any answer will do: that of a call that nobody signed has gone through the
		// whole gateway.
		if firstAnswer(ctx, p.URL) == nil {
			return p, nil
		}
	}
	p.Stop()
	return nil, fmt.Errorf("%s does not answer on %s\n%s", path, addr, stderr.String())
}

// firstAnswer sends a call that nobody signed, and is content with any answer.
func firstAnswer(ctx context.Context, url string) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, url, http.NoBody)
	if err != nil {
		return err
	}
	r.Header.Set("X-Amz-Target", "TrentService.ListKeys")
	r.Header.Set("Content-Type", "application/x-amz-json-1.1")
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	return resp.Body.Close()
}

// Garrison runs the binary on a data directory, and with what other flags of
// `garrison serve` are given.
func Garrison(ctx context.Context, binary, data string, flags ...string) (*Process, error) {
	addr, err := FreeAddr()
	if err != nil {
		return nil, err
	}
	args := append([]string{"serve", "--listen", addr, "--ops-listen", "off", "--data", data}, flags...)
	return Start(ctx, addr, binary, args...)
}

// FreeAddr is an address of this machine at which nobody listens at the moment.
func FreeAddr() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

// Stop ends the process, which may have ended by itself.
func (p *Process) Stop() { p.end(syscall.SIGTERM) }

// Kill ends it without a chance to save anything.
func (p *Process) Kill() { p.end(syscall.SIGKILL) }

func (p *Process) end(with os.Signal) {
	if p.cmd == nil {
		return
	}
	_ = p.cmd.Process.Signal(with)
	_ = p.cmd.Wait() // how it ended is of no interest
	p.cmd = nil
}
