package hsm

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/garrison-cloud/garrison/internal/hsm/frame"
)

const helperName = "garrison-pkcs11"

// grace is how long a helper may take to log out.
const grace = 3 * time.Second

// A process is one run of the helper. Three hands touch it: callers put frames
// into out and wait for their answers; the writer carries frames to the pipe; the
// reader hands answers over, and buries the process at the end.
type process struct {
	cmd    *exec.Cmd
	stdin  io.WriteCloser
	stdout io.ReadCloser
	codec  *frame.Codec
	out    chan []byte
	gone   chan struct{} // closed when no more answers come
	buried chan struct{} // closed when the operating system has forgotten the process

	mu      sync.Mutex // guards the fields below
	seq     uint64
	waiting map[uint64]chan frame.Response
}

// startProcess starts the helper and logs in.
func startProcess(ctx context.Context, t *Token, pin []byte) (*process, error) {
	path, err := helperPath(t.cfg.Helper)
	if err != nil {
		return nil, err
	}
	p := &process{
		codec: t.codec, waiting: map[uint64]chan frame.Response{},
		out: make(chan []byte), gone: make(chan struct{}), buried: make(chan struct{}),
	}
	// The process lives on after ctx: it serves other callers.
	p.cmd = exec.Command(path, "-module", t.cfg.Module, "-token", t.cfg.Token) //nolint:gosec,noctx // the operator's path
	p.cmd.Env = append(inherited(os.Environ()), t.cfg.Env...)
	if p.stdin, err = p.cmd.StdinPipe(); err != nil {
		return nil, fmt.Errorf("pipe to the helper: %w", err)
	}
	if p.stdout, err = p.cmd.StdoutPipe(); err != nil {
		return nil, fmt.Errorf("pipe from the helper: %w", err)
	}
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNoHelper, err)
	}
	go p.write()
	go p.read()
	if err := p.login(ctx, pin); err != nil {
		p.kill() // it is not logged in, and needs no time to log out
		p.close()
		return nil, err
	}
	return p, nil
}

func (p *process) login(ctx context.Context, pin []byte) error {
	res, err := p.call(ctx, &frame.Request{Op: frame.Login, Data: pin, Number: frame.Version})
	switch {
	case errors.Is(err, ErrGone):
		return fmt.Errorf("%w: it ended before it answered", ErrNoHelper)
	case err != nil:
		return fmt.Errorf("log in to the token: %w: %w", ErrGone, err)
	case res.Status == frame.BadVersion:
		return fmt.Errorf("%w: it speaks version %d of the protocol, not %d", ErrNoHelper, res.Number, frame.Version)
	}
	return verdict(res)
}

// call sends a request and waits for its answer.
func (p *process) call(ctx context.Context, r *frame.Request) (frame.Response, error) {
	answer := p.register(r)
	defer p.forget(r.Seq)
	var b bytes.Buffer
	if err := p.codec.WriteRequest(&b, r); err != nil {
		return frame.Response{}, fmt.Errorf("%w: %w", ErrTooLarge, err)
	}
	select {
	case p.out <- b.Bytes(): // the writer's now, to send and to clear
	case <-p.gone:
		clear(b.Bytes())
		return frame.Response{}, ErrGone
	case <-ctx.Done():
		clear(b.Bytes())
		return frame.Response{}, ctx.Err()
	}
	select {
	case res := <-answer:
		return res, nil
	case <-ctx.Done():
		return frame.Response{}, ctx.Err()
	case <-p.gone:
	}
	select {
	case res := <-answer: // it came before the end
		return res, nil
	default:
		return frame.Response{}, ErrGone
	}
}

func (p *process) register(r *frame.Request) <-chan frame.Response {
	answer := make(chan frame.Response, 1)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.seq++
	r.Seq = p.seq
	p.waiting[r.Seq] = answer
	return answer
}

func (p *process) forget(seq uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.waiting, seq)
}

// deliver hands an answer over, and drops one that nobody waits for any more.
func (p *process) deliver(res frame.Response) {
	p.mu.Lock()
	answer := p.waiting[res.Seq]
	delete(p.waiting, res.Seq)
	p.mu.Unlock()
	if answer == nil {
		clear(res.Data)
		return
	}
	answer <- res
}

// write carries frames to the pipe until the process is gone.
func (p *process) write() {
	for {
		select {
		case b := <-p.out:
			_, err := p.stdin.Write(b)
			clear(b)
			if err != nil {
				p.kill()
				return
			}
		case <-p.gone:
			return
		}
	}
}

// read hands answers over until the stream ends or makes no sense, and then
// buries the process. The kernel keeps one that nobody waits for.
func (p *process) read() {
	defer close(p.buried)
	for {
		res, err := p.codec.ReadResponse(p.stdout)
		if err != nil {
			break
		}
		p.deliver(res)
	}
	close(p.gone)
	p.kill()
	_ = p.cmd.Wait() // how it ended changes nothing
}

// kill ends the process at once. Closing the pipe's own end matters where a child
// of the vendor's library holds the other.
func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	_ = p.stdin.Close()
	_ = p.stdout.Close()
}

// close lets the helper log out, and waits until it is buried. One that the kernel
// does not let go, in a device's driver, is not waited for for ever.
func (p *process) close() {
	_ = p.stdin.Close()
	if p.ends() {
		return
	}
	p.kill()
	p.ends()
}

func (p *process) ends() bool {
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case <-p.buried:
		return true
	case <-timer.C:
		return false
	}
}

func (p *process) alive() bool {
	select {
	case <-p.gone:
		return false
	default:
		return true
	}
}

func (p *process) pid() int { return p.cmd.Process.Pid }

// helperPath finds the helper.
func helperPath(given string) (string, error) {
	if given == "" {
		given = helperName
		if self, err := os.Executable(); err == nil {
			beside := filepath.Join(filepath.Dir(self), helperName)
			if _, err := os.Stat(beside); err == nil {
				given = beside
			}
		}
	}
	path, err := exec.LookPath(given)
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrNoHelper, err)
	}
	return path, nil
}

// inherited leaves out what is Garrison's own: a vendor's library has no use for
// its credentials.
func inherited(env []string) []string {
	var out []string
	for _, e := range env {
		if !strings.HasPrefix(e, "AWS_") && !strings.HasPrefix(e, "GARRISON_") {
			out = append(out, e)
		}
	}
	return out
}
