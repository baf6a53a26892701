package pebble_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/garrison-cloud/garrison/internal/store"
	"github.com/garrison-cloud/garrison/internal/store/pebble"
)

const damageRows = 300

// damaged is a store with files and a log, as a crash leaves it.
func storeToDamage(t *testing.T, root store.Root) *vfs.MemFS {
	t.Helper()
	fs := vfs.NewCrashableMem()
	db, e := mustOpen(t, "data", pebble.Options{FS: fs}, root)
	for n := range uint64(damageRows) {
		err := db.Update(t.Context(), func(tx *store.Tx) error {
			return entries.Put(tx, &entry{Slot: n, N: n + 1, Pad: make([]byte, 200)})
		})
		if err != nil {
			t.Fatal(err)
		}
		if n == damageRows*2/3 { // once: a second file would have both rewritten into a third
			if err := e.Flush(); err != nil {
				t.Fatal(err)
			}
		}
	}
	clone := fs.CrashClone(vfs.CrashCloneCfg{})
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	return clone
}

// flip changes one random bit in the store's files.
func flip(t *testing.T, fs *vfs.MemFS, rng *rand.Rand) string {
	t.Helper()
	names, err := fs.List("data")
	if err != nil {
		t.Fatal(err)
	}
	at := rng.IntN(totalSize(fs, names))
	for _, name := range names {
		b := contents(fs, name)
		if at < len(b) {
			b[at] ^= 1 << rng.IntN(8)
			return fmt.Sprintf("%s at %d of %d", name, at, len(b))
		}
		at -= len(b)
	}
	t.Fatal("no byte to flip")
	return ""
}

// contents returns a file's bytes for changing: those of data, log and manifest.
func contents(fs *vfs.MemFS, name string) []byte {
	if !strings.HasSuffix(name, ".sst") && !strings.HasSuffix(name, ".log") && !strings.HasPrefix(name, "MANIFEST") {
		return nil
	}
	b, err := fs.UnsafeGetFileDataBuffer(fs.PathJoin("data", name))
	if err != nil {
		return nil
	}
	return b
}

func totalSize(fs *vfs.MemFS, names []string) (n int) {
	for _, name := range names {
		n += len(contents(fs, name))
	}
	return n
}

// outcome says what a reader of a damaged store sees.
type outcome int

const (
	harmless  outcome = iota // every row as written: the bit carried nothing
	found                    // an error, at start, in a read or by Verify
	truncated                // the log ends early, as after a torn last record
	wrong
)

func judge(fs *vfs.MemFS, root store.Root) (outcome, error) {
	db, e, err := openOn("data", pebble.Options{FS: fs}, root)
	if err != nil {
		return found, err
	}
	defer func() { _ = e.Close() }()
	rows, err := readAll(db)
	if err != nil {
		return found, err
	}
	for i, n := range rows {
		if n != uint64(i+1) {
			return wrong, fmt.Errorf("row %d holds %d", i, n)
		}
	}
	if err := db.Verify(context.Background()); err != nil {
		return found, err
	}
	if len(rows) < damageRows {
		return truncated, fmt.Errorf("%d rows", len(rows))
	}
	return harmless, nil
}

func readAll(db *store.DB) (rows []uint64, err error) {
	err = db.View(context.Background(), func(tx *store.Tx) error {
		for e, err := range entries.Scan(tx, store.Range{}) {
			if err != nil {
				return err
			}
			if e.Slot != uint64(len(rows)) {
				return nil // a gap: what follows is missing its predecessor, and rows is too short
			}
			rows = append(rows, e.N)
		}
		return nil
	})
	return rows, err
}

func TestBitFlips(t *testing.T) {
	t.Parallel()
	root := store.MemoryRoot()
	base := storeToDamage(t, root)
	rng := rand.New(rand.NewPCG(3, 3))
	var count [4]int
	spared := map[string]int{}
	flips := cycleCount(1000)
	for range flips {
		fs := base.CrashClone(vfs.CrashCloneCfg{})
		where := flip(t, fs, rng)
		what, err := judge(fs, root)
		count[what]++
		switch {
		case what == harmless:
			spared[strings.Fields(where)[0]]++
		case what == wrong:
			t.Errorf("bit flip in %s: wrong bytes were served: %v", where, err)
		case what == truncated && !strings.HasSuffix(strings.Fields(where)[0], ".log"):
			t.Errorf("bit flip in %s: rows vanished without an error: %v", where, err)
		case what == truncated:
			t.Logf("bit flip in %s: the log ended early: %v", where, err)
		case what == found && !told(err):
			t.Errorf("bit flip in %s: the error doesn't say that the store is damaged: %v", where, err)
		}
	}
	t.Logf("%d bit flips: %d found, %d harmless, %d cut the log's end, %d wrong", flips, count[found], count[harmless], count[truncated], count[wrong])
	t.Logf("harmless ones by file: %v", spared)
}

func told(err error) bool {
	return errors.Is(err, store.ErrCorrupt) || errors.Is(err, store.ErrNewer)
}
