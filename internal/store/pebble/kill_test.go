package pebble_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/garrison-cloud/garrison/internal/clock"
	"github.com/garrison-cloud/garrison/internal/store"
	"github.com/garrison-cloud/garrison/internal/store/pebble"
)

const (
	killWriters  = 16
	childVar     = "STORE_TEST_WRITER_DIR"
	killSlotsAll = killWriters * slotsEach
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(childVar); dir != "" {
		if err := writeForEver(dir, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	os.Exit(m.Run())
}

// writeForEver is the child: it tells out of each operation before it starts and
// after it was acknowledged. A pipe keeps what was written when the writer dies.
func writeForEver(dir string, out io.Writer) error {
	root, err := store.FileRoot(filepath.Join(dir, "root.key"), false)
	if err != nil {
		return err
	}
	db, _, err := openOn(filepath.Join(dir, "data"), pebble.Options{}, root)
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintln(out, "open 0 0"); err != nil {
		return err
	}
	var first [killSlotsAll]uint64
	for i := range first {
		if _, err := fmt.Fscan(os.Stdin, &first[i]); err != nil {
			return err
		}
	}
	var g errgroup.Group
	for w := range killWriters {
		g.Go(func() error { return writeSlots(db, out, w, first[w*slotsEach:(w+1)*slotsEach]) })
	}
	return g.Wait()
}

func writeSlots(db *store.DB, out io.Writer, w int, next []uint64) error {
	for i := 0; ; i++ {
		n := &next[i%slotsEach]
		*n++
		slot := w*slotsEach + i%slotsEach
		if _, err := fmt.Fprintf(out, "start %d %d\n", slot, *n); err != nil {
			return err
		}
		if err := db.Update(context.Background(), func(tx *store.Tx) error { return operate(tx, uint64(slot), *n) }); err != nil {
			return err
		}
		if _, err := fmt.Fprintf(out, "ack %d %d\n", slot, *n); err != nil {
			return err
		}
	}
}

// killCycle lets a child write and kills it in the midst of it.
func killCycle(t *testing.T, dir string, l *ledger, life time.Duration) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), childVar+"="+dir)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for i := range l.started {
		if _, err := fmt.Fprintln(in, l.started[i].Load()); err != nil {
			t.Fatal(err)
		}
	}
	follow(t, out, l, func() { time.AfterFunc(life, func() { _ = cmd.Process.Kill() }) })
	_ = cmd.Wait() // killed
}

// follow notes what the child tells, up to a line that the kill cut short.
func follow(t *testing.T, out io.Reader, l *ledger, opened func()) {
	t.Helper()
	r := bufio.NewReader(out)
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return
		}
		var what string
		var slot, n uint64
		if _, err := fmt.Sscan(line, &what, &slot, &n); err != nil {
			t.Errorf("the writer says %q", line)
		}
		switch what {
		case "open":
			opened()
		case "start":
			l.started[slot].Store(n)
		case "ack":
			l.acked[slot].Store(n)
		}
	}
}

func TestKill(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	root, err := store.FileRoot(filepath.Join(dir, "root.key"), true)
	if err != nil {
		t.Fatal(err)
	}
	n := cycleCount(50)
	rng := rand.New(rand.NewPCG(2, uint64(n)))
	l := newLedger(killSlotsAll)
	for range n {
		before := l.total()
		killCycle(t, dir, l, time.Duration(5+rng.IntN(80))*time.Millisecond)
		began := clock.System{}.Now()
		db, _ := mustOpen(t, filepath.Join(dir, "data"), pebble.Options{}, root)
		if took := (clock.System{}).Now().Sub(began); took > 2*time.Second {
			t.Errorf("the start after a kill took %s, want at most 2s", took)
		}
		lost, torn, err := l.check(db, l.copyAcked())
		if err != nil || lost != 0 || torn != 0 {
			t.Fatalf("%d acknowledged writes lost, %d transactions torn, error %v; want none", lost, torn, err)
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		if before == l.total() {
			t.Log("a cycle without an acknowledged write")
		}
	}
	t.Log(describe("kill -9", n, l.total()))
}
