package relay_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/garrison-cloud/garrison/internal/relay"
	"github.com/garrison-cloud/garrison/internal/store"
)

var errNetwork = errors.New("the network is down")

// A network connects Regions as badly as it can, by the draws of a seed.
type network struct {
	regions map[string]*region
	cut     map[[2]string]bool
	old     []*relay.Batch
	rt      *rapid.T
	healed  bool
}

// A wire is a Peer: one direction of the network.
type wire struct {
	*network
	to string
}

// copyOf is a batch as it would arrive later: a sender may use its memory again.
func copyOf(b *relay.Batch) *relay.Batch {
	c := *b
	c.Bodies = slices.Clone(b.Bodies)
	return &c
}

func (w wire) Deliver(ctx context.Context, b *relay.Batch) (uint64, error) {
	peer := w.regions[w.to].relay
	if w.healed {
		return peer.Deliver(ctx, b)
	}
	if w.cut[[2]string{b.From, b.To}] {
		return 0, errNetwork
	}
	w.old = append(w.old, copyOf(b))
	switch rapid.SampledFrom([]string{"well", "lost", "unanswered", "twice", "after an old one"}).Draw(w.rt, "fate") {
	case "lost":
		return 0, errNetwork
	case "unanswered":
		_, err := peer.Deliver(ctx, b)
		return 0, errors.Join(errNetwork, err)
	case "twice":
		if _, err := peer.Deliver(ctx, copyOf(b)); err != nil {
			return 0, err
		}
	case "after an old one":
		w.replay(ctx)
	}
	return peer.Deliver(ctx, b)
}

// replay delivers some batch of the past, whose answer nobody waits for.
func (w *network) replay(ctx context.Context) {
	if len(w.old) > 0 {
		b := rapid.SampledFrom(w.old).Draw(w.rt, "old batch")
		_, _ = w.regions[b.To].relay.Deliver(ctx, copyOf(b))
	}
}

// TestBadNetwork sends among three Regions while requests and answers are lost,
// doubled and reordered, links are cut, Regions lose power and senders are wiped
// and come back empty. In the end each message was applied once and in order.
func TestBadNetwork(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		s := newSimulation(t, rt)
		defer s.close()
		for range rapid.IntRange(10, 80).Draw(rt, "steps") {
			from, to := s.pick("from"), s.pick("to")
			switch rapid.SampledFrom([]string{"send", "send", "step", "step", "step", "crash", "cut", "replay", "wipe"}).Draw(rt, "what") {
			case "send":
				s.send(from, to, rapid.IntRange(1, 90).Draw(rt, "messages"))
			case "step":
				_, _ = s.regions[from].relay.Step(t.Context(), to, topic)
			case "crash":
				s.regions[from].crash(t)
				s.connect(s.regions[from])
			case "cut":
				s.cut[[2]string{from, to}] = !s.cut[[2]string{from, to}]
			case "replay":
				s.replay(t.Context())
			case "wipe":
				s.wipeSender()
			}
		}
		s.settle()
	})
}

// A simulation is a network and what must arrive over it. d only sends: it is the
// one that is wiped, since what a receiver has applied goes with its store.
type simulation struct {
	*network
	t    *testing.T
	sent map[[2]string][]string
}

func newSimulation(t *testing.T, rt *rapid.T) *simulation {
	s := &simulation{
		t: t, sent: map[[2]string][]string{},
		network: &network{regions: map[string]*region{}, cut: map[[2]string]bool{}, rt: rt},
	}
	for _, name := range []string{"a", "b", "c", "d"} {
		s.regions[name] = bareRegion(t, name)
	}
	for _, g := range s.regions {
		s.connect(g)
	}
	return s
}

func (s *simulation) pick(label string) string {
	names := []string{"a", "b", "c"}
	if label == "from" {
		names = append(names, "d")
	}
	return rapid.SampledFrom(names).Draw(s.rt, label)
}

func (s *simulation) connect(g *region) {
	for name := range s.regions {
		g.relay.Connect(name, wire{s.network, name})
	}
}

func (s *simulation) send(from, to string, n int) {
	way := [2]string{from, to}
	texts := numbered(len(s.sent[way]), n)
	s.regions[from].send(s.t, to, topic, texts...)
	s.sent[way] = append(s.sent[way], texts...)
}

// wipeSender gives d a new store. What it had sent and nobody had applied is gone
// with the old one.
func (s *simulation) wipeSender() {
	d := s.regions["d"]
	_ = d.db.Close()
	s.regions["d"] = bareRegion(s.t, "d")
	s.connect(s.regions["d"])
	for way := range s.sent {
		if way[0] == "d" {
			s.sent[way] = s.regions[way[1]].got(s.t, "d", topic)
		}
	}
	s.old = nil // of the old store; whoever recorded them can still bring its messages
}

func (s *simulation) close() {
	for _, g := range s.regions {
		_ = g.db.Close()
	}
}

// settle lets the network be well, and compares.
func (s *simulation) settle() {
	s.healed = true
	for way, want := range s.sent {
		g := s.regions[way[0]]
		for more, tries := true, 0; more; tries++ {
			var err error
			if more, err = g.relay.Step(s.t.Context(), way[1], topic); err != nil || tries > 1000 {
				s.rt.Fatalf("%s to %s, step %d: %v", way[0], way[1], tries, err)
			}
		}
		if got := s.regions[way[1]].got(s.t, way[0], topic); !slices.Equal(got, want) {
			s.rt.Fatalf("%s to %s: applied %v, want %v", way[0], way[1], got, want)
		}
		if left, err := g.db.Outbox(s.t.Context(), "relay/"+way[1]+"/"+topic, 0, 0); err != nil || len(left) > 0 {
			s.rt.Fatalf("%s still has %d messages for %s, %v", way[0], len(left), way[1], err)
		}
	}
}

// TestCrashAtEachStep loses the power of both sides after each single step.
func TestCrashAtEachStep(t *testing.T) {
	t.Parallel()
	a, b := newRegion(t, "a"), newRegion(t, "b")
	lossy := map[bool]relay.Peer{}
	reconnect := func(unanswered bool) {
		lossy[true], lossy[false] = unansweredPeer{b.relay}, b.relay
		a.relay.Connect("b", lossy[unanswered])
	}
	const total = 200
	for n := 0; n < total; n += 20 {
		a.send(t, "b", topic, numbered(n, 20)...)
		a.crash(t)
		reconnect(n%40 == 0)
		_, _ = a.relay.Step(t.Context(), "b", topic)
		b.crash(t)
		reconnect(false)
	}
	for more := true; more; {
		var err error
		if more, err = a.relay.Step(t.Context(), "b", topic); err != nil {
			t.Fatal(err)
		}
		a.crash(t)
		b.crash(t)
		reconnect(false)
	}
	if got, want := b.got(t, "a", topic), numbered(0, total); !slices.Equal(got, want) {
		t.Errorf("applied %v, want %v", got, want)
	}
}

type unansweredPeer struct{ relay.Peer }

func (p unansweredPeer) Deliver(ctx context.Context, b *relay.Batch) (uint64, error) {
	_, err := p.Peer.Deliver(ctx, b)
	return 0, errors.Join(errNetwork, err)
}

// TestSenderPutBack undoes a sender's past by a backup. Numbers are given out
// again, and what they now carry must not pass for what was applied before.
func TestSenderPutBack(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ waiting, after, fresh int }{
		{0, 10, 3},   // fewer than were applied
		{0, 10, 10},  // as many
		{0, 10, 200}, // more, in several batches
		{5, 10, 3},   // some waited in the backup, and come twice
		{0, 100, 90}, // the first batch ends before what was applied
		{0, 100, 200},
	} {
		t.Run(fmt.Sprint(tt), func(t *testing.T) {
			t.Parallel()
			a, b := newRegion(t, "a"), newRegion(t, "b")
			a.relay.Connect("b", b.relay)
			old := numbered(0, 20)
			a.send(t, "b", topic, old...)
			steps(t, a, b)
			waiting := numbered(1000, tt.waiting)
			a.send(t, "b", topic, waiting...)
			backup := a.copied()
			lost := numbered(2000, tt.after)
			a.send(t, "b", topic, lost...)
			steps(t, a, b)

			a.putBack(t, backup)
			fresh := numbered(3000, tt.fresh)
			a.send(t, "b", topic, fresh...)
			steps(t, a, b)
			// Whether the newest acknowledgement was in the backup is open: it isn't waited for.
			want := slices.Concat(waiting, lost, waiting, fresh)
			if got := b.got(t, "a", topic); !slices.Equal(tail(got, tt.fresh), fresh) || !subsequence(want, got) {
				t.Errorf("applied %v, want %v at the end", got, want)
			}
			a.send(t, "b", topic, "last")
			steps(t, a, b)
			if got := b.got(t, "a", topic); got[len(got)-1] != "last" || got[len(got)-2] == "last" {
				t.Errorf("applied %v, want the last once at the end", got)
			}
		})
	}
}

// steps delivers all, and lets a few attempts fail on the way.
func steps(t *testing.T, a, b *region) {
	t.Helper()
	a.relay.Connect(b.name, b.relay)
	for range 50 {
		more, err := a.relay.Step(t.Context(), b.name, topic)
		if err == nil && !more {
			return
		}
		if err != nil && !errors.Is(err, relay.ErrForked) {
			t.Fatal(err)
		}
	}
	t.Fatal("the stream never comes to rest")
}

func tail(s []string, n int) []string { return s[max(0, len(s)-n):] }

// subsequence reports whether all of want is in got, in order.
func subsequence(want, got []string) bool {
	for _, s := range got {
		if len(want) > 0 && s == want[0] {
			want = want[1:]
		}
	}
	return len(want) == 0
}

// TestReceiverPutBack: messages that the receiver had acknowledged and lost are
// nowhere; the stream goes on with those that are.
func TestReceiverPutBack(t *testing.T) {
	t.Parallel()
	a, b := newRegion(t, "a"), newRegion(t, "b")
	a.send(t, "b", topic, numbered(0, 10)...)
	steps(t, a, b)
	backup := b.copied()
	a.send(t, "b", topic, numbered(10, 10)...)
	steps(t, a, b)
	b.putBack(t, backup)
	a.send(t, "b", topic, numbered(20, 10)...)
	steps(t, a, b)
	if got, want := b.got(t, "a", topic), append(numbered(0, 10), numbered(20, 10)...); !slices.Equal(got, want) {
		t.Errorf("applied %v, want %v", got, want)
	}
	// One that still has them in its outbox sends them again.
	c := newRegion(t, "c")
	c.send(t, "b", topic, numbered(0, 10)...)
	kept := c.copied()
	steps(t, c, b)
	c.putBack(t, kept)
	b.putBack(t, backup)
	steps(t, c, b)
	if got, want := b.got(t, "c", topic), numbered(0, 10); !slices.Equal(got, want) {
		t.Errorf("applied %v, want %v", got, want)
	}
}

// TestGap: a receiver takes no number before its turn, and says where it stands.
func TestGap(t *testing.T) {
	t.Parallel()
	b := newRegion(t, "b")
	batch := func(seq uint64, n int) *relay.Batch {
		bodies := make([][]byte, n)
		for i := range bodies {
			bodies[i] = []byte{0xa1, 0x02, 0x41, '0' + byte(seq) + byte(i)} // {2: h'..'}
		}
		return &relay.Batch{From: "a", To: "b", Topic: topic, Store: "s", First: 1, Seq: seq, Bodies: bodies}
	}
	for _, tt := range []struct {
		batch *relay.Batch
		want  uint64
	}{
		{batch(2, 1), 0}, {batch(1, 2), 2}, {batch(5, 2), 2}, {batch(2, 3), 4}, {batch(1, 1), 4},
	} {
		applied, err := b.relay.Deliver(t.Context(), tt.batch)
		if err != nil || applied != tt.want {
			t.Errorf("batch from %d = %d, %v; want %d", tt.batch.Seq, applied, err, tt.want)
		}
	}
	if got := b.got(t, "a", topic); !slices.Equal(got, numbered(1, 4)) {
		t.Errorf("applied %v, want 1 to 4", got)
	}
	other := batch(4, 1)
	other.Bodies[0] = []byte{0xa1, 0x02, 0x41, 'x'}
	if applied, err := b.relay.Deliver(t.Context(), other); !errors.Is(err, relay.ErrForked) || applied != 4 {
		t.Errorf("another message 4 = %d, %v; want %v", applied, err, relay.ErrForked)
	}
}

// A nonsense peer answers anything, and applies nothing.
type nonsense uint64

func (n nonsense) Deliver(context.Context, *relay.Batch) (uint64, error) { return uint64(n), nil }

// TestNonsense: a peer whose answers can't be is asked again later, not at once, and
// nothing is forgotten on its word.
func TestNonsense(t *testing.T) {
	t.Parallel()
	a := newRegion(t, "a")
	a.send(t, "b", topic, numbered(0, 5)...)
	for _, answer := range []nonsense{0, 6, ^nonsense(0)} {
		a.relay.Connect("b", answer)
		if more, err := a.relay.Step(t.Context(), "b", topic); more || err == nil {
			t.Errorf("step after the answer %d = %v, %v; want an error", answer, more, err)
		}
	}
	b := newRegion(t, "b")
	steps(t, a, b)
	if got, want := b.got(t, "a", topic), numbered(0, 5); !slices.Equal(got, want) {
		t.Errorf("applied %v, want %v", got, want)
	}
}

// TestLargeHandlers: what is too much for one transaction goes in several.
func TestLargeHandlers(t *testing.T) {
	t.Parallel()
	a, b := newRegion(t, "a"), newRegion(t, "b")
	big := store.NewTable("test.big", func(n *note) store.Key { return store.K(n.From, n.N) })
	b.relay.Handle("big", relay.Handler{Apply: func(tx *store.Tx, m *relay.Message) error {
		if err := write(tx, m); err != nil {
			return err
		}
		n, err := store.MaxValue/2, error(nil)
		for i := range 4 {
			err = errors.Join(err, big.Put(tx, &note{From: fmt.Sprint(m.Seq), N: i, Text: string(make([]byte, n))}))
		}
		return err
	}})
	a.relay.Connect("b", b.relay)
	a.send(t, "b", "big", numbered(0, 8)...)
	for range 20 {
		if _, err := a.relay.Step(t.Context(), "b", "big"); err != nil && !errors.Is(err, store.ErrTooLarge) {
			t.Fatal(err)
		}
	}
	if got, want := b.got(t, "a", "big"), numbered(0, 8); !slices.Equal(got, want) {
		t.Errorf("applied %v, want %v", got, want)
	}
}
