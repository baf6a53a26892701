// Package hsm uses AES keys that a PKCS#11 token keeps, as AWS KMS uses those of
// a CloudHSM key store. The vendor's library is C: it runs in a process of its
// own, garrison-pkcs11, and this package starts that, speaks with it, and starts
// it again when it dies. Keys never leave the token; only what they seal passes
// through here. It refuses to go on with a PIN that the token refused once, since
// tokens lock their PINs after a few wrong ones.
// Flow: Connect → process (login) → many calls at a time, matched by number → Close.
package hsm

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"time"

	"github.com/garrison-cloud/garrison/internal/clock"
	"github.com/garrison-cloud/garrison/internal/hsm/frame"
)

// Limits of one call, in bytes.
const (
	MaxPlaintext = frame.MaxPlaintext
	MaxAAD       = frame.MaxAAD
	MaxRandom    = frame.MaxRandom
	// Overhead is what Encrypt adds: IV and tag.
	Overhead = frame.IVSize + frame.TagSize
)

// What callers branch on. The texts name no label, id or PIN.
var (
	ErrNoHelper  = errors.New("garrison-pkcs11 is not there or does not run")
	ErrNoModule  = errors.New("the PKCS#11 module does not load")
	ErrNoToken   = errors.New("no such PKCS#11 token")
	ErrPIN       = errors.New("the token refused the PIN")
	ErrPINLocked = errors.New("the token's PIN is locked")
	// ErrGone says that the helper or the token was lost during the call or
	// before it. A Generate or Delete may have happened nonetheless.
	ErrGone   = errors.New("the token is gone")
	ErrNoKey  = errors.New("no such key in the token")
	ErrExists = errors.New("the token has a key of this id")
	// ErrUnfit is returned for a key that is in the token but may leave it, or
	// shares its id with another.
	ErrUnfit             = errors.New("the token's key is not fit for use")
	ErrInvalidCiphertext = errors.New("the ciphertext does not authenticate")
	// ErrTooLarge says that an argument is over this package's limits.
	ErrTooLarge = errors.New("over the limits of a token's call")
)

// Config says where the token is.
type Config struct {
	// Helper is the path of garrison-pkcs11; empty is beside the running binary,
	// then on PATH.
	Helper string
	// Module is the absolute path of the vendor's library.
	Module string
	// Token is the token's label. It must be the only one of that label.
	Token string
	// Env is added to the helper's environment, "NAME=value", for the library's
	// own settings. The helper inherits all but AWS_* and GARRISON_*.
	Env []string
	// Logger is told of starts and ends of the helper; nil discards.
	Logger *slog.Logger
	// Clock paces the helper's restarts; nil is the machine's.
	Clock clock.Clock
	// Timeout is how long the token may take over one call or the login, before
	// its helper is killed; 0 is 10 seconds. It passes on the machine's own time:
	// a real process is not hurried by a clock that is moved.
	Timeout time.Duration
}

const (
	defaultTimeout = 10 * time.Second
	// pause is how long after a start that went wrong the next is tried.
	pause = time.Second
	// maxCalls is how many calls may be under way; more wait.
	maxCalls = 64
)

// A Token is an open token. Its methods are safe for concurrent use. Each ends
// with its context, returns ErrGone when helper or token are lost, and an error
// without a sentinel for what the token itself refused.
type Token struct {
	cfg   Config
	codec *frame.Codec
	calls chan struct{} // holds one for each call under way

	mu       sync.Mutex // guards the fields below
	pin      []byte     // cleared by Close
	current  *process   // nil until a start went well
	starting chan struct{}
	refused  error     // the token refused the PIN; not tried again
	lastErr  error     // of the last start, where it went wrong
	next     time.Time // not before this is another start tried
	closed   bool
	abort    func() // ends the start under way; nil before the first
	starts   sync.WaitGroup
}

// Connect starts the helper, opens the token and logs in with the PIN, of which
// it keeps a copy for restarts. It returns ErrNoHelper, ErrNoModule, ErrNoToken,
// ErrPIN, ErrPINLocked, ErrGone when the token doesn't answer in time, or ctx's
// error.
func Connect(ctx context.Context, cfg Config, pin []byte) (*Token, error) {
	if len(pin) == 0 || len(pin) > frame.MaxPIN {
		return nil, fmt.Errorf("a PIN of %d bytes: %w", len(pin), ErrPIN)
	}
	if !filepath.IsAbs(cfg.Module) {
		return nil, fmt.Errorf("a path that is not absolute: %w", ErrNoModule)
	}
	if cfg.Token == "" {
		return nil, fmt.Errorf("no label: %w", ErrNoToken)
	}
	codec, err := frame.New()
	if err != nil {
		return nil, err
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.Clock == nil {
		cfg.Clock = clock.System{}
	}
	if cfg.Timeout <= 0 {
		cfg.Timeout = defaultTimeout
	}
	t := &Token{cfg: cfg, codec: codec, calls: make(chan struct{}, maxCalls), pin: append([]byte(nil), pin...)}
	if _, err := t.running(ctx); err != nil {
		_ = t.Close()
		return nil, err
	}
	return t, nil
}

// Close clears the PIN, lets the helper log out, and waits for its end. Calls
// under way end with ErrGone or their answer. A second Close does nothing.
func (t *Token) Close() error {
	t.mu.Lock()
	t.closed = true
	clear(t.pin)
	if t.abort != nil {
		t.abort()
	}
	t.mu.Unlock()
	t.starts.Wait()
	t.mu.Lock()
	p := t.current
	t.current = nil
	t.mu.Unlock()
	if p != nil {
		p.close()
	}
	return nil
}

// running returns the living helper, or starts one and waits for it. Many callers
// wait for one start.
func (t *Token) running(ctx context.Context) (*process, error) {
	for {
		p, wait, err := t.look(ctx)
		if p != nil || err != nil {
			return p, err
		}
		select {
		case <-wait:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// look returns the living helper, or a channel that is closed once a start that is
// under way has ended.
func (t *Token) look(ctx context.Context) (*process, <-chan struct{}, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case t.closed:
		return nil, nil, fmt.Errorf("closed: %w", ErrGone)
	case t.current != nil && t.current.alive():
		return t.current, nil, nil
	case t.starting != nil:
		return nil, t.starting, nil
	case t.refused != nil:
		return nil, nil, t.refused
	case t.lastErr != nil && t.cfg.Clock.Now().Before(t.next):
		return nil, nil, t.lastErr
	}
	old := t.current
	t.current = nil
	t.starting = make(chan struct{})
	pin := append([]byte(nil), t.pin...)
	// The start outlives the caller that asked for it: others wait for it too.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), t.cfg.Timeout)
	t.abort = cancel
	t.starts.Go(func() {
		defer cancel()
		if old != nil {
			old.close()
		}
		t.start(ctx, pin)
	})
	return nil, t.starting, nil
}

func (t *Token) start(ctx context.Context, pin []byte) {
	defer clear(pin)
	p, err := startProcess(ctx, t, pin)
	t.mu.Lock()
	defer t.mu.Unlock()
	close(t.starting)
	t.starting, t.lastErr = nil, err
	if err == nil {
		t.current = p
		t.cfg.Logger.Info("pkcs11 helper started", "pid", p.pid())
		return
	}
	t.next = t.cfg.Clock.Now().Add(pause)
	if errors.Is(err, ErrPIN) || errors.Is(err, ErrPINLocked) {
		t.refused = err
	}
	t.cfg.Logger.Warn("pkcs11 helper did not start", "error", err)
}
