package relay_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/garrison-cloud/garrison/internal/clock"
	"github.com/garrison-cloud/garrison/internal/relay"
	"github.com/garrison-cloud/garrison/internal/store"
)

// A buffer takes the log of several goroutines.
type buffer struct {
	mu  sync.Mutex // guards buf
	buf bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// A switched peer can be away, and counts how often it was asked.
type switched struct {
	relay.Peer
	away  atomic.Bool
	asked atomic.Int32
}

func (s *switched) Deliver(ctx context.Context, b *relay.Batch) (uint64, error) {
	s.asked.Add(1)
	if s.away.Load() {
		return 0, errNetwork
	}
	return s.Peer.Deliver(ctx, b)
}

// TestPeerAway has a peer away for a while: attempts are 50 ms apart, then twice
// that, up to half a minute; the log has one line for the loss and one for the
// return. In the bubble, time passes when all are asleep.
func TestPeerAway(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		lines := new(buffer)
		a, b := newRegion(t, "a"), newRegion(t, "b")
		a.relay = relay.New(relay.Config{DB: a.db, Clock: clock.System{}, Region: "a", Logger: slog.New(slog.NewTextHandler(lines, nil))})
		peer := &switched{Peer: b.relay}
		peer.away.Store(true)
		a.relay.Connect("b", peer)
		run(t, a.relay)
		a.send(t, "b", topic, numbered(0, 100)...)
		pause, past := 50*time.Millisecond, time.Duration(0)
		for n := range int32(14) {
			synctest.Wait()
			time.Sleep(pause - 1)
			if got := peer.asked.Load(); got != n+1 {
				t.Fatalf("%d attempts before the pause of %v is over, want %d", got, pause, n+1)
			}
			peer.away.Store(n < 13)
			time.Sleep(time.Nanosecond)
			past += pause
			pause = min(2*pause, 30*time.Second)
		}
		time.Sleep(time.Second)
		if got := b.got(t, "a", topic); len(got) != 100 {
			t.Errorf("applied %d messages, want 100", len(got))
		}
		if got := peer.asked.Load(); got != 16 {
			t.Errorf("%d attempts, want 14 and two that deliver", got)
		}
		for _, want := range []string{"messages wait; delivery is tried again", "waiting=36 oldest=" + past.String()} {
			if got := strings.Count(lines.String(), want); got != 1 {
				t.Errorf("the log has %q %d times, want once:\n%s", want, got, lines)
			}
		}
	})
}

// TestRestart ends Run with messages that wait, and begins it again.
func TestRestart(t *testing.T) {
	t.Parallel()
	a, b := newRegion(t, "a"), newRegion(t, "b")
	for life := range 3 {
		peer := &switched{Peer: b.relay}
		peer.away.Store(life == 1)
		a.relay.Connect("b", peer)
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- a.relay.Run(ctx) }()
		a.send(t, "b", topic, numbered(life*10, 10)...)
		eventually(t, "delivery", func() bool {
			return peer.asked.Load() > 0 && (life == 1 || len(b.got(t, "a", topic)) == (life+1)*10)
		})
		stop()
		if err := <-done; err != nil {
			t.Errorf("run = %v, want nil when it is ended", err)
		}
	}
	if got, want := b.got(t, "a", topic), numbered(0, 30); !slices.Equal(got, want) {
		t.Errorf("applied %v, want %v", got, want)
	}
}

// TestRunEndsWithItsStore: a store that fails under the relay is no reason to spin.
func TestRunEndsWithItsStore(t *testing.T) {
	t.Parallel()
	a := newRegion(t, "a")
	done := make(chan error, 1)
	go func() { done <- a.relay.Run(context.Background()) }()
	a.send(t, "a", topic, "to itself")
	eventually(t, "delivery", func() bool { return len(a.got(t, "a", topic)) == 1 })
	_ = a.db.Close()
	if err := <-done; !errors.Is(err, store.ErrClosed) {
		t.Errorf("run = %v, want %v", err, store.ErrClosed)
	}
}
