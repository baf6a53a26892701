// Package crash_test kills the real program while clients work with it, and
// checks that all it had acknowledged is there afterwards. A killed process
// leaves what it wrote to the kernel; the store's own tests cover the loss of
// that, with a file system that forgets what was not synced.
package crash_test

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"testing"
	"time"
)

var (
	cycles = flag.Int("crash.cycles", 8, "how often TestKill kills the server")
	seed   = flag.Uint64("crash.seed", 0, "seed of the instants at which to kill; 0 chooses one")
)

// maxReady is how long a restart may take, recovery included.
const maxReady = 2 * time.Second

// A history is one data directory over many runs of the server.
type history struct {
	t      *testing.T
	data   string
	random *rand.Rand
	all    *journal // of every cycle
	known  struct{ keys, users map[string]bool }
	slow   time.Duration // the slowest restart
}

func newHistory(t *testing.T) *history {
	s := *seed
	if s == 0 {
		s = rand.Uint64()
	}
	t.Logf("-crash.seed=%d", s)
	h := &history{t: t, data: filepath.Join(t.TempDir(), "data"), random: rand.New(rand.NewPCG(s, 0)), all: newJournal()}
	h.known.keys, h.known.users = map[string]bool{}, map[string]bool{}
	return h
}

// between is a random time.
func (h *history) between(low, high time.Duration) time.Duration {
	return low + time.Duration(h.random.Int64N(int64(high-low)))
}

func (h *history) restart(flags ...string) *process {
	h.t.Helper()
	p := start(h.t, h.data, flags...)
	h.slow = max(h.slow, p.ready)
	if p.ready > maxReady {
		h.t.Errorf("the start took %v, want at most %v", p.ready, maxReady)
	}
	return p
}

// stillborn kills the server while it starts, and so perhaps while it recovers.
func (h *history) stillborn() {
	p, _ := launch(h.t, h.data)
	time.Sleep(h.between(0, 100*time.Millisecond))
	p.kill(h.t)
}

// TestKill kills the server at random instants, every other time while each
// event is waited for, and every other time once more while it starts again.
func TestKill(t *testing.T) {
	h := newHistory(t)
	for i := range *cycles {
		strict := i%2 == 1
		began := time.Now()
		done := h.killUnderLoad(fmt.Sprintf("c%d", i), strict)
		if i%4 >= 2 {
			h.stillborn()
		}
		p := h.restart()
		h.check(p, done, began, strict)
		p.kill(t)
		if t.Failed() {
			t.Fatalf("cycle %d failed", i)
		}
	}
	h.end()
}

func (h *history) killUnderLoad(name string, strict bool) *journal {
	h.t.Helper()
	audit := "--audit=grouped"
	if strict {
		audit = "--audit=strict"
	}
	p := h.restart(audit)
	work := startLoad(h.t, p.config, name)
	time.Sleep(h.between(50*time.Millisecond, 500*time.Millisecond))
	work.ending.Store(true)
	p.kill(h.t)
	return work.end()
}

// check compares the server with what was done since a time. With all set,
// the events of reads and cryptographic calls must be there too.
func (h *history) check(p *process, done *journal, since time.Time, all bool) {
	h.t.Helper()
	i := inspect(h.t, p.config)
	i.state(done)
	i.events(done, since.Add(-time.Second), all)
	i.wholeKeys(h.known.keys)
	for name := range done.users { // state has seen to them
		h.known.users[name] = true
	}
	i.wholeUsers(h.known.users)
	h.all.add(done)
}

// end checks once more what was done in every cycle: no later crash may have
// harmed it.
func (h *history) end() {
	h.t.Helper()
	p := h.restart()
	i := inspect(h.t, p.config)
	i.state(h.all)
	i.events(h.all, time.Now().Add(-24*time.Hour), false)
	i.createdKeys(h.known.keys)
	p.terminate(h.t)
	h.t.Logf("acknowledged: %d calls, %d keys, %d aliases, %d users, %d ciphertexts; the slowest start took %v",
		len(h.all.calls), len(h.all.keys), len(h.all.aliases), len(h.all.users), len(h.all.sealed), h.slow.Round(time.Millisecond))
}

// TestTerminate stops the server under load: it ends in peace, and every event
// of every acknowledged call is kept.
func TestTerminate(t *testing.T) {
	h := newHistory(t)
	p := h.restart()
	began := time.Now()
	work := startLoad(t, p.config, "t")
	time.Sleep(h.between(200*time.Millisecond, 600*time.Millisecond))
	work.ending.Store(true)
	p.terminate(t)
	done := work.end()
	p = h.restart()
	h.check(p, done, began, true)
	p.terminate(t)
}

// TestKillDuringFirstStart kills the server before it has made all that a new
// data directory needs: the next start must make the rest.
func TestKillDuringFirstStart(t *testing.T) {
	for range 10 {
		h := newHistory(t)
		h.stillborn()
		h.restart().terminate(t)
	}
}
