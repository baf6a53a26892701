package relay_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/garrison-cloud/garrison/internal/clock"
	"github.com/garrison-cloud/garrison/internal/relay"
	"github.com/garrison-cloud/garrison/internal/store"
	"github.com/garrison-cloud/garrison/internal/store/pebble"
)

const topic = "test/note"

// A note is one applied message, numbered as it was applied.
type note struct {
	From, Topic string
	N           int
	Text        string
}

var notes = store.NewTable("test.note", func(n *note) store.Key { return store.K(n.From, n.Topic, n.N) })

// write appends to what has been applied of the stream: a message that is applied
// twice is there twice.
func write(tx *store.Tx, m *relay.Message) error {
	last, err := written(tx, m.From, m.Topic, 1)
	if err != nil {
		return err
	}
	n := &note{From: m.From, Topic: m.Topic, N: 1, Text: string(m.Payload)}
	if len(last) > 0 {
		n.N = last[0].N + 1
	}
	return notes.Insert(tx, n)
}

// written returns what was applied of a stream, newest first.
func written(tx *store.Tx, from, topic string, limit int) (out []*note, err error) {
	for n, err := range notes.Scan(tx, store.Range{Prefix: store.K(from, topic), Reverse: true, Limit: limit}) {
		if err != nil {
			return nil, err
		}
		out = append(out, n)
	}
	return out, nil
}

// A region is a store on a disk of its own, which a crash leaves as it was synced.
type region struct {
	name  string
	disk  *vfs.MemFS
	root  store.Root
	db    *store.DB
	relay *relay.Relay
}

func newRegion(t testing.TB, name string) *region {
	t.Helper()
	g := bareRegion(t, name)
	t.Cleanup(func() { _ = g.db.Close() })
	return g
}

// bareRegion leaves it to the caller to close the store.
func bareRegion(t testing.TB, name string) *region {
	t.Helper()
	g := &region{name: name, disk: vfs.NewCrashableMem(), root: store.MemoryRoot()}
	g.open(t)
	return g
}

// open opens the store that is on the disk, and makes a relay over it.
func (g *region) open(t testing.TB) {
	t.Helper()
	engine, err := pebble.Open("data", pebble.Options{FS: g.disk, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	if g.db, err = store.Open(engine, store.Options{Root: g.root, Clock: clock.System{}, Rehearse: true}); err != nil {
		t.Fatal(err)
	}
	g.relay = relay.New(relay.Config{DB: g.db, Clock: clock.System{}, Region: g.name})
	g.relay.Handle(topic, relay.Handler{Apply: write})
}

// copied is the region's disk as a loss of power would leave it now.
func (g *region) copied() *vfs.MemFS { return g.disk.CrashClone(vfs.CrashCloneCfg{}) }

// crash loses power, and comes back with what had been synced.
func (g *region) crash(t testing.TB) { g.putBack(t, g.copied()) }

// putBack goes on with an older copy of the disk.
func (g *region) putBack(t testing.TB, disk *vfs.MemFS) {
	t.Helper()
	_ = g.db.Close()
	g.disk = disk
	g.open(t)
}

func (g *region) send(t testing.TB, to, topic string, texts ...string) {
	t.Helper()
	err := g.db.Update(t.Context(), func(tx *store.Tx) error {
		for _, text := range texts {
			if err := relay.Send(tx, to, topic, []byte(text)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// got returns what was applied of a stream, oldest first.
func (g *region) got(t testing.TB, from, topic string) []string {
	t.Helper()
	var out []string
	err := g.db.View(t.Context(), func(tx *store.Tx) error {
		all, err := written(tx, from, topic, 0)
		out = nil
		for _, n := range slices.Backward(all) {
			out = append(out, n.Text)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// run runs relays until the test ends.
func run(t testing.TB, relays ...*relay.Relay) {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	for _, r := range relays {
		wg.Go(func() {
			if err := r.Run(ctx); err != nil {
				t.Errorf("run: %v", err)
			}
		})
	}
	t.Cleanup(func() { stop(); wg.Wait() })
}

// eventually waits for what a courier does in its own time.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for range 2000 {
		if ok() {
			return
		}
		_ = clock.Sleep(t.Context(), clock.System{}, 5*time.Millisecond)
	}
	t.Fatalf("never: %s", what)
}

func numbered(from, n int) (out []string) {
	for i := range n {
		out = append(out, fmt.Sprint(from+i))
	}
	return out
}

// TestThreeRegions has three Regions tell each other and themselves, from several
// goroutines, in messages small and large.
func TestThreeRegions(t *testing.T) {
	t.Parallel()
	names := []string{"a", "b", "c"}
	regions := make([]*region, len(names))
	var relays []*relay.Relay
	for i, name := range names {
		regions[i] = newRegion(t, name)
		relays = append(relays, regions[i].relay)
	}
	for _, g := range regions {
		for _, peer := range regions {
			if peer != g {
				g.relay.Connect(peer.name, peer.relay)
			}
		}
	}
	if got := regions[0].relay.Regions(); !slices.Equal(got, names) || !regions[0].relay.Knows("c") || regions[0].relay.Knows("d") {
		t.Errorf("a knows %v, want %v", got, names)
	}
	run(t, relays...)
	var wg sync.WaitGroup
	const each = 30
	for _, g := range regions {
		for _, to := range names {
			wg.Go(func() {
				for i := range each {
					g.send(t, to, topic, fmt.Sprint(i)+strings.Repeat(".", i%3*40_000))
				}
			})
		}
	}
	wg.Wait()
	for _, g := range regions {
		for _, from := range names {
			eventually(t, g.name+" has all of "+from, func() bool { return len(g.got(t, from, topic)) >= each })
			for i, text := range g.got(t, from, topic) {
				if want := fmt.Sprint(i); strings.TrimRight(text, ".") != want {
					t.Fatalf("%s applied %s of %s at %d", g.name, strings.TrimRight(text, "."), from, i)
				}
			}
		}
		eventually(t, "all is acknowledged to "+g.name, func() bool {
			return !slices.ContainsFunc(g.relay.Status(), func(s relay.StreamStatus) bool { return s.Pending > 0 || s.LastError != "" })
		})
	}
}

// TestHandlerFails has a handler that refuses the fifth message a few times: the
// four before it are applied at once, and none behind it overtakes.
func TestHandlerFails(t *testing.T) {
	t.Parallel()
	a, b := newRegion(t, "a"), newRegion(t, "b")
	left, applied := 4, 0
	b.relay.Handle("picky", relay.Handler{
		Apply: func(tx *store.Tx, m *relay.Message) error {
			if err := write(tx, m); err != nil || string(m.Payload) != "5" || left == 0 {
				return err
			}
			return errors.New("not yet")
		},
		Applied: func() { applied++ },
	})
	a.relay.Connect("b", b.relay)
	a.send(t, "b", "picky", numbered(1, 10)...)
	for ; left > 0; left-- {
		if _, err := a.relay.Step(t.Context(), "b", "picky"); err == nil || !strings.Contains(err.Error(), "not yet") {
			t.Fatalf("step = %v, want the handler's refusal", err)
		}
		if got, want := b.got(t, "a", "picky"), numbered(1, 4); !slices.Equal(got, want) {
			t.Fatalf("applied %v, want %v", got, want)
		}
		status := a.relay.Status()
		if len(status) != 1 || status[0].Pending != 6 || status[0].LastError != "not yet" || status[0].Oldest.IsZero() {
			t.Errorf("status = %+v, want 6 that wait since they were sent", status)
		}
	}
	if _, err := a.relay.Step(t.Context(), "b", "picky"); err != nil {
		t.Fatal(err)
	}
	if got, want := b.got(t, "a", "picky"), numbered(1, 10); !slices.Equal(got, want) {
		t.Errorf("applied %v, want %v", got, want)
	}
	if applied != 2 {
		t.Errorf("Applied ran %d times, want once for each of two commits", applied)
	}
}

// TestHandlerPanics: a broken handler is an error like another, and doesn't tell
// what was in the message.
func TestHandlerPanics(t *testing.T) {
	t.Parallel()
	a, b := newRegion(t, "a"), newRegion(t, "b")
	b.relay.Handle("bug", relay.Handler{Apply: func(_ *store.Tx, m *relay.Message) error { panic(string(m.Payload)) }})
	a.relay.Connect("b", b.relay)
	a.send(t, "b", "bug", "canary")
	_, err := a.relay.Step(t.Context(), "b", "bug")
	if err == nil || !strings.Contains(err.Error(), "panicked") || strings.Contains(err.Error(), "canary") {
		t.Errorf("step = %v, want a panic without its payload", err)
	}
}

// TestNobodyThere: what can't be delivered waits, and Status tells.
func TestNobodyThere(t *testing.T) {
	t.Parallel()
	a, b := newRegion(t, "a"), newRegion(t, "b")
	a.relay.Connect("b", b.relay)
	run(t, a.relay)
	a.send(t, "b", "unheard-of", "1")
	a.send(t, "mars", topic, "1", "2")
	eventually(t, "the refusal shows", func() bool { return len(a.relay.Status()) == 2 && a.relay.Status()[0].LastError != "" })
	status := a.relay.Status()
	if s := status[0]; s.To != "b" || s.Topic != "unheard-of" || s.Pending != 1 || !strings.Contains(s.LastError, "nobody takes it") {
		t.Errorf("status = %+v, want one message that nobody takes", s)
	}
	if s := status[1]; s.To != "mars" || s.Topic != topic || s.Pending != 2 || s.Oldest.IsZero() || s.LastError != "" {
		t.Errorf("status = %+v, want two messages that wait for a peer", s)
	}
}

func TestSendRefuses(t *testing.T) {
	t.Parallel()
	a := newRegion(t, "a")
	for _, tt := range []struct {
		name, to, topic string
		size            int
		want            error
	}{
		{"all well", "eu-west-1", "kms/key:v1", relay.MaxPayload, nil},
		{"no Region", "", "t", 0, relay.ErrName},
		{"a Region with a slash", "a/b", "t", 0, relay.ErrName},
		{"no topic", "b", "", 0, relay.ErrName},
		{"a topic with a space", "b", "t t", 0, relay.ErrName},
		{"a long topic", "b", strings.Repeat("t", 129), 0, relay.ErrName},
		{"a large payload", "b", "t", relay.MaxPayload + 1, store.ErrTooLarge},
	} {
		err := a.db.Update(t.Context(), func(tx *store.Tx) error { return relay.Send(tx, tt.to, tt.topic, make([]byte, tt.size)) })
		if !errors.Is(err, tt.want) {
			t.Errorf("%s: send = %v, want %v", tt.name, err, tt.want)
		}
	}
}

// TestDeliverRefuses batches that no sender makes.
func TestDeliverRefuses(t *testing.T) {
	t.Parallel()
	b := newRegion(t, "b")
	for name, change := range map[string]func(*relay.Batch){
		"no sender":        func(b *relay.Batch) { b.From = "" },
		"another Region":   func(b *relay.Batch) { b.To = "c" },
		"no store":         func(b *relay.Batch) { b.Store = "" },
		"no messages":      func(b *relay.Batch) { b.Bodies = nil },
		"number zero":      func(b *relay.Batch) { b.Seq, b.First = 0, 0 },
		"oldest is newer":  func(b *relay.Batch) { b.First = 2 },
		"numbers run over": func(b *relay.Batch) { b.Seq = ^uint64(0); b.Bodies = append(b.Bodies, b.Bodies[0]) },
		"no envelope":      func(b *relay.Batch) { b.Bodies[0] = []byte("canary") },
	} {
		batch := &relay.Batch{From: "a", To: "b", Topic: topic, Store: "s", First: 1, Seq: 1, Bodies: [][]byte{{0xa0}}}
		change(batch)
		applied, err := b.relay.Deliver(t.Context(), batch)
		if applied != 0 || err == nil || strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: deliver = %d, %v; want a refusal that shows no payload", name, applied, err)
		}
	}
}
