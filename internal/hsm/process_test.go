package hsm_test

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/garrison-cloud/garrison/internal/clock"
	"github.com/garrison-cloud/garrison/internal/hsm"
	"github.com/garrison-cloud/garrison/internal/hsm/hsmtest"
)

// TestKilled kills the helper again and again under 16 callers. Each call goes
// well or says ErrGone; no answer is another call's; and the token recovers.
func TestKilled(t *testing.T) {
	t.Parallel()
	started := newPIDs()
	cfg := config(hsmtest.New(t))
	cfg.Logger = slog.New(started)
	tok := connect(t, cfg)
	generate(t, tok, "one")

	var good, gone atomic.Int64
	var callers sync.WaitGroup
	stop := make(chan struct{})
	for i := range 16 {
		callers.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-stop:
					return
				default:
				}
				switch err := roundTrip(t, tok, fmt.Sprintf("caller %d, call %d", i, n)); {
				case err == nil:
					good.Add(1)
				case errors.Is(err, hsm.ErrGone):
					gone.Add(1)
				default:
					t.Errorf("caller %d: %v, want nil or %v", i, err, hsm.ErrGone)
					return
				}
			}
		})
	}
	for range 5 {
		before := good.Load()
		waitFor(t, "calls that go well", func() bool { return good.Load() > before+100 })
		list := started.all()
		if err := syscall.Kill(list[len(list)-1], syscall.SIGKILL); err != nil {
			t.Errorf("kill: %v", err)
		}
		waitFor(t, "a new helper", func() bool { return len(started.all()) > len(list) })
	}
	close(stop)
	callers.Wait()
	if err := tok.Healthy(t.Context()); err != nil {
		t.Errorf("Healthy afterwards = %v", err)
	}
	t.Logf("%d calls went well, %d were lost", good.Load(), gone.Load())
	if gone.Load() == 0 {
		t.Error("no call was lost: the helper was not killed in the middle")
	}
	for _, pid := range started.all()[:5] {
		if _, err := os.Stat(fmt.Sprintf("/proc/%d", pid)); err == nil {
			t.Errorf("the killed helper %d is still there", pid)
		}
	}
}

func roundTrip(t *testing.T, tok *hsm.Token, text string) error {
	sealed, err := tok.Encrypt(t.Context(), []byte("one"), []byte(text), []byte(text))
	if err != nil {
		return err
	}
	got, err := tok.Decrypt(t.Context(), []byte("one"), sealed, []byte(text))
	if err == nil && string(got) != text {
		return fmt.Errorf("Decrypt = %q, want %q", got, text)
	}
	return err
}

// waitFor watches real processes in real time.
func waitFor(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("no %s in 30 s", what)
		}
	}
}

// TestHelperIsClosed looks at the process from outside: nothing of the PIN in its
// command line or environment, no core dumps, and nothing left of it after Close.
func TestHelperIsClosed(t *testing.T) {
	t.Parallel()
	started := newPIDs()
	cfg := config(hsmtest.New(t))
	cfg.Logger = slog.New(started)
	cfg.Env = append(cfg.Env, "MARK=here")
	tok := connect(t, cfg)
	proc := fmt.Sprintf("/proc/%d", started.all()[0])
	for _, name := range []string{"cmdline", "environ"} {
		b, err := os.ReadFile(filepath.Join(proc, name))
		if name == "environ" && errors.Is(err, os.ErrPermission) {
			continue // undumpable: closed to all but root
		}
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(b, []byte(hsmtest.PIN)) {
			t.Errorf("%s holds the PIN", name)
		}
		if name == "environ" && !bytes.Contains(b, []byte("MARK=here")) {
			t.Errorf("environ = %q, want MARK in it", b)
		}
	}
	limits, err := os.ReadFile(filepath.Join(proc, "limits"))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(limits)) {
		if f := strings.Fields(line); strings.HasPrefix(line, "Max core file size") && f[4] != "0" {
			t.Errorf("core dumps are on: %s", line)
		}
	}
	if err := tok.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(proc); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("after Close: %v, want no process and no zombie", err)
	}
}

// TestSilentHelper stops the helper in mid-air: calls end in time, and the token
// recovers.
func TestSilentHelper(t *testing.T) {
	t.Parallel()
	started := newPIDs()
	cfg := config(hsmtest.New(t))
	cfg.Logger, cfg.Timeout = slog.New(started), 3*time.Second
	tok := connect(t, cfg)
	generate(t, tok, "one")
	if err := syscall.Kill(started.all()[0], syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	begin := time.Now()
	if err := tok.Healthy(t.Context()); !errors.Is(err, hsm.ErrGone) {
		t.Errorf("Healthy of a stopped helper = %v, want %v", err, hsm.ErrGone)
	}
	if took := time.Since(begin); took > 20*time.Second {
		t.Errorf("it took %v", took)
	}
	waitFor(t, "recovery", func() bool { return roundTrip(t, tok, "after") == nil })
}

// TestSignals sends what a terminal and a service manager send to the whole
// group: the helper stays, since Garrison may have calls to finish.
func TestSignals(t *testing.T) {
	t.Parallel()
	started := newPIDs()
	cfg := config(hsmtest.New(t))
	cfg.Logger = slog.New(started)
	tok := connect(t, cfg)
	for _, s := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM} {
		if err := syscall.Kill(started.all()[0], s); err != nil {
			t.Fatal(err)
		}
	}
	for range 20 {
		if err := tok.Healthy(t.Context()); err != nil {
			t.Fatalf("Healthy = %v", err)
		}
	}
	if n := len(started.all()); n != 1 {
		t.Errorf("%d helpers were started, want 1", n)
	}
}

// TestTokenLost takes the token away while the helper is down. It is tried once
// a second, and found again where it comes back.
func TestTokenLost(t *testing.T) {
	t.Parallel()
	k, started, clk := hsmtest.New(t), newPIDs(), clock.NewFake(time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC))
	cfg := config(k)
	cfg.Logger, cfg.Clock = slog.New(started), clk
	tok := connect(t, cfg)
	k.Remove(t)
	if err := syscall.Kill(started.all()[0], syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "the end", func() bool { return errors.Is(tok.Healthy(t.Context()), hsm.ErrNoToken) })
	if err := tok.Healthy(t.Context()); !errors.Is(err, hsm.ErrGone) || !errors.Is(err, hsm.ErrNoToken) {
		t.Errorf("Healthy without a token = %v, want %v and %v", err, hsm.ErrGone, hsm.ErrNoToken)
	}
	k.Add(t, k.Label)
	if err := tok.Healthy(t.Context()); !errors.Is(err, hsm.ErrGone) {
		t.Errorf("Healthy within the pause = %v, want %v", err, hsm.ErrGone)
	}
	clk.Advance(time.Second)
	if err := tok.Healthy(t.Context()); err != nil {
		t.Errorf("Healthy after the pause = %v", err)
	}
}

// TestChangedPIN changes the PIN behind Garrison's back. The old one is tried
// once: more would lock the token.
func TestChangedPIN(t *testing.T) {
	t.Parallel()
	k, started, clk := hsmtest.New(t), newPIDs(), clock.NewFake(time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC))
	cfg := config(k)
	cfg.Logger, cfg.Clock = slog.New(started), clk
	tok := connect(t, cfg)
	k.Remove(t)
	k.AddWithPIN(t, k.Label, "another-pin")
	if err := syscall.Kill(started.all()[0], syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "the refusal", func() bool { return errors.Is(tok.Healthy(t.Context()), hsm.ErrPIN) })
	k.Remove(t)
	k.Add(t, k.Label) // the right PIN again: nobody may try it
	clk.Advance(time.Hour)
	if err := tok.Healthy(t.Context()); !errors.Is(err, hsm.ErrPIN) || !errors.Is(err, hsm.ErrGone) {
		t.Errorf("Healthy = %v, want %v and %v", err, hsm.ErrPIN, hsm.ErrGone)
	}
}

// TestOrphan closes the helper's standard input, as the kernel does when Garrison
// is killed.
func TestOrphan(t *testing.T) {
	t.Parallel()
	k := hsmtest.New(t)
	cmd := exec.Command(k.Helper, "-module", k.Module, "-token", k.Label)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	stdin.Close()
	timer := time.AfterFunc(30*time.Second, func() { cmd.Process.Kill() })
	defer timer.Stop()
	cmd.Wait()
	if status := cmd.ProcessState.Sys().(syscall.WaitStatus); status.Signaled() {
		t.Errorf("it had to be killed: %v", status)
	}
}

// TestNothingLeft counts goroutines and open files over many openings. It does
// not run beside others.
func TestNothingLeft(t *testing.T) { //nolint:paralleltest // it counts for the whole process
	k := hsmtest.New(t)
	open := func() {
		tok, err := hsm.Connect(t.Context(), config(k), []byte(hsmtest.PIN))
		if err != nil {
			t.Fatal(err)
		}
		if err := roundTripNew(t, tok); err != nil {
			t.Fatal(err)
		}
		tok.Close()
		if _, err := hsm.Connect(t.Context(), config(k), []byte("wrong")); !errors.Is(err, hsm.ErrPIN) {
			t.Fatalf("Connect = %v, want %v", err, hsm.ErrPIN)
		}
	}
	open()
	goroutines, files := runtime.NumGoroutine(), openFiles(t)
	for range 5 {
		open()
	}
	waitFor(t, "end of goroutines", func() bool { return runtime.NumGoroutine() <= goroutines })
	if got := openFiles(t); got > files {
		t.Errorf("%d open files, want %d", got, files)
	}
}

func roundTripNew(t *testing.T, tok *hsm.Token) error {
	if there, err := tok.Exists(t.Context(), []byte("one")); err != nil {
		return err
	} else if !there {
		generate(t, tok, "one")
	}
	return roundTrip(t, tok, "text")
}

func openFiles(t *testing.T) int {
	t.Helper()
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(list)
}
