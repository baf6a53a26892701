package blob_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/garrison-cloud/garrison/internal/blob"
	"github.com/garrison-cloud/garrison/internal/blob/dir"
	"github.com/garrison-cloud/garrison/internal/clock"
	"github.com/garrison-cloud/garrison/internal/store"
	"github.com/garrison-cloud/garrison/internal/store/pebble"
)

// A place is a database with a depot of a directory.
type place struct {
	db    *store.DB
	depot *blob.Depot
	root  string
	stop  context.CancelFunc
	done  chan error
}

func newDB(t *testing.T) *store.DB {
	t.Helper()
	e, err := pebble.OpenMemory()
	if err != nil {
		t.Fatal(err)
	}
	db, err := store.Open(e, store.Options{Root: store.MemoryRoot(), Clock: clock.System{}, Name: "test"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

// open starts a depot, as a process does after a start.
func open(t *testing.T, db *store.DB, root string) *place {
	t.Helper()
	d, err := dir.Open(root)
	if err != nil {
		t.Fatal(err)
	}
	p := &place{db: db, root: root, done: make(chan error, 1)}
	p.depot = blob.NewDepot(blob.Config{Store: d, DB: db, Clock: clock.System{}, Logger: slog.New(slog.DiscardHandler)})
	ctx, stop := context.WithCancel(t.Context())
	p.stop = stop
	go func() { p.done <- p.depot.Run(ctx) }()
	t.Cleanup(p.kill)
	return p
}

// kill ends the depot's work at once, whatever is under way.
func (p *place) kill() {
	p.stop()
	<-p.done
	p.done <- nil
}

func (p *place) write(t *testing.T, b []byte) *blob.Draft {
	t.Helper()
	f, err := p.depot.Create(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write(b); err != nil {
		t.Fatal(err)
	}
	return f
}

func (p *place) keep(t *testing.T, b []byte) blob.ID {
	t.Helper()
	f := p.write(t, b)
	defer f.Release()
	if err := f.Commit(); err != nil {
		t.Fatal(err)
	}
	if err := p.db.Update(t.Context(), func(tx *store.Tx) error { return p.depot.Keep(tx, f.ID) }); err != nil {
		t.Fatal(err)
	}
	return f.ID
}

func (p *place) read(t *testing.T, id blob.ID) ([]byte, error) {
	t.Helper()
	r, err := p.depot.Open(t.Context(), id, 0, -1)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return io.ReadAll(r)
}

// files are the bodies in the directory.
func (p *place) files(t *testing.T) int {
	t.Helper()
	n := 0
	err := filepath.WalkDir(p.root, func(_ string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			n++
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func (p *place) wantFiles(t *testing.T, want int) {
	t.Helper()
	p.depot.Wake()
	for deadline := (clock.System{}).Now().Add(10 * time.Second); p.files(t) != want; {
		if (clock.System{}).Now().After(deadline) {
			t.Fatalf("%d bodies in the directory, want %d", p.files(t), want)
		}
		if err := clock.Sleep(t.Context(), clock.System{}, 5*time.Millisecond); err != nil {
			t.Fatal(err)
		}
	}
}

// TestDepot keeps, reads and deletes bodies.
func TestDepot(t *testing.T) {
	t.Parallel()
	p := open(t, newDB(t), filepath.Join(t.TempDir(), "blobs"))
	want := bytes.Repeat([]byte("sealed"), 1000)
	id := p.keep(t, want)
	got, err := p.read(t, id)
	if err != nil || !bytes.Equal(got, want) {
		t.Fatalf("read = %d bytes, %v; want %d", len(got), err, len(want))
	}
	part, err := p.depot.Open(t.Context(), id, 6, 3)
	if err != nil {
		t.Fatal(err)
	}
	if got, _ := io.ReadAll(part); string(got) != "sea" {
		t.Errorf("a part = %q, want sea", got)
	}
	if err := p.db.Update(t.Context(), func(tx *store.Tx) error { return p.depot.Loose(tx, id) }); err != nil {
		t.Fatal(err)
	}
	p.depot.Wake()
	if got, err := p.read(t, id); err != nil || !bytes.Equal(got, want) {
		t.Errorf("a loose body that is being read = %d bytes, %v; want all of it", len(got), err)
	}
	part.Close()
	p.wantFiles(t, 0)
	if _, err := p.read(t, id); !errors.Is(err, blob.ErrNotFound) {
		t.Errorf("a deleted body = %v, want ErrNotFound", err)
	}
}

// TestCrash kills the process at each step of a body's way into the store: what no row
// names is gone after the next start, and what one names is there.
func TestCrash(t *testing.T) {
	t.Parallel()
	db, root := newDB(t), filepath.Join(t.TempDir(), "blobs")
	p := open(t, db, root)
	kept := p.keep(t, []byte("kept"))
	p.write(t, []byte("half"))
	whole := p.write(t, []byte("whole, and not named"))
	if err := whole.Commit(); err != nil {
		t.Fatal(err)
	}
	failed := p.write(t, []byte("its transaction failed"))
	if err := failed.Commit(); err != nil {
		t.Fatal(err)
	}
	refused := errors.New("refused")
	if err := db.Update(t.Context(), func(tx *store.Tx) error { return errors.Join(p.depot.Keep(tx, failed.ID), refused) }); !errors.Is(err, refused) {
		t.Fatal(err)
	}
	p.depot.Wake()
	if n := p.files(t); n != 4 {
		t.Fatalf("%d bodies before the crash, want 4: drafts are nobody's to delete", n)
	}
	p.kill()
	p = open(t, db, root)
	p.wantFiles(t, 1)
	if got, err := p.read(t, kept); err != nil || string(got) != "kept" {
		t.Errorf("the kept body = %q, %v", got, err)
	}
}

// TestReleased deletes drafts that were given up, and keeps those that were kept.
func TestReleased(t *testing.T) {
	t.Parallel()
	p := open(t, newDB(t), filepath.Join(t.TempDir(), "blobs"))
	p.keep(t, []byte("kept"))
	p.write(t, []byte("given up")).Release()
	whole := p.write(t, []byte("whole, and given up"))
	if err := whole.Commit(); err != nil {
		t.Fatal(err)
	}
	whole.Release()
	p.wantFiles(t, 1)
}

// TestQuarantine puts a body aside.
func TestQuarantine(t *testing.T) {
	t.Parallel()
	p := open(t, newDB(t), filepath.Join(t.TempDir(), "blobs"))
	id := p.keep(t, []byte("damaged"))
	p.depot.Quarantine(t.Context(), id, errors.New("a bit flipped"))
	if _, err := p.read(t, id); !errors.Is(err, blob.ErrNotFound) {
		t.Errorf("a body in quarantine = %v, want ErrNotFound", err)
	}
	got, err := os.ReadFile(filepath.Join(p.root, "quarantine", id.String()))
	if err != nil || string(got) != "damaged" {
		t.Errorf("in quarantine lies %q, %v", got, err)
	}
}

// TestManyDrafts writes more bodies at once than are reserved at once.
func TestManyDrafts(t *testing.T) {
	t.Parallel()
	p := open(t, newDB(t), filepath.Join(t.TempDir(), "blobs"))
	seen := map[blob.ID]bool{}
	for i := range 300 {
		id := p.keep(t, []byte{byte(i)})
		if seen[id] {
			t.Fatalf("id %s twice", id)
		}
		seen[id] = true
	}
	p.wantFiles(t, 300)
	for id := range seen {
		if back, err := blob.ParseID(id.String()); err != nil || back != id {
			t.Fatalf("ParseID(%s) = %s, %v", id, back, err)
		}
	}
}
