package store_test

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/garrison-cloud/garrison/internal/clock"
	"github.com/garrison-cloud/garrison/internal/store"
	"github.com/garrison-cloud/garrison/internal/store/pebble"
)

// rawGet and rawPut are an attacker with write access to the store's bytes.
func rawGet(t *testing.T, db *store.DB, key []byte) []byte {
	t.Helper()
	tx, err := db.Engine().Begin(t.Context(), false)
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Discard()
	b, err := tx.Get(nil, key)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func rawPut(t *testing.T, db *store.DB, key, value []byte) {
	t.Helper()
	tx, err := db.Engine().Begin(t.Context(), true)
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Discard()
	if err := tx.Put(key, value); err != nil {
		t.Fatal(err)
	}
	if err := tx.Commit(true); err != nil {
		t.Fatal(err)
	}
}

func TestSealRefusesMovedAndChangedRows(t *testing.T) {
	t.Parallel()
	root := store.MemoryRoot()
	db, other := openMemory(t, store.Options{Root: root}), openMemory(t, store.Options{Root: root})
	one, two := store.NewTable("test.one", smallKey), store.NewTable("test.two", smallKey)
	for _, d := range []*store.DB{db, other} {
		for _, name := range []string{"a", "b"} {
			err := d.Update(t.Context(), func(tx *store.Tx) error {
				row := &small{Account: "1", Name: name, Body: []byte("secret")}
				return errors.Join(one.Put(tx, row), two.Put(tx, row))
			})
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	key := one.RowKey("1", "a")
	good := rawGet(t, db, key)
	cases := map[string][]byte{
		"another row's":     rawGet(t, db, one.RowKey("1", "b")),
		"another table's":   rawGet(t, db, two.RowKey("1", "a")),
		"another store's":   rawGet(t, other, key),
		"with a byte more":  append(bytes.Clone(good), 0),
		"nothing":           {},
		"of a later layout": append([]byte{2}, good[1:]...),
	}
	for i := range good {
		changed := bytes.Clone(good)
		changed[i] ^= 0x10
		cases["changed at "+string(rune('0'+i/100))+string(rune('0'+i/10%10))+string(rune('0'+i%10))] = changed
		cases["cut at "+string(rune('0'+i/100))+string(rune('0'+i/10%10))+string(rune('0'+i%10))] = good[:i]
	}
	for name, raw := range cases {
		rawPut(t, db, key, raw)
		err := db.View(t.Context(), func(tx *store.Tx) error { _, err := one.Get(tx, "1", "a"); return err })
		if !errors.Is(err, store.ErrCorrupt) || errors.Is(err, store.ErrNotFound) {
			t.Errorf("a value %s was read with %v, want ErrCorrupt", name, err)
		}
		if err := db.Verify(t.Context()); !errors.Is(err, store.ErrCorrupt) {
			t.Errorf("verify with a value %s = %v, want ErrCorrupt", name, err)
		}
		if err != nil && strings.Contains(err.Error(), "secret") {
			t.Errorf("the error shows the value: %v", err)
		}
	}
	rawPut(t, db, key, good)
	if err := db.Verify(t.Context()); err != nil {
		t.Errorf("verify with the right value back = %v", err)
	}
}

func openDir(t *testing.T, dir string, root store.Root) *store.DB {
	t.Helper()
	e, err := pebble.Open(dir, pebble.Options{})
	if err != nil {
		t.Fatal(err)
	}
	db, err := store.Open(e, store.Options{Root: root, Clock: clock.System{}})
	if err != nil {
		t.Fatal(err)
	}
	return db
}

func mustRoot(t *testing.T, path string, create bool) *store.RootFile {
	t.Helper()
	root, err := store.FileRoot(path, create)
	if err != nil {
		t.Fatal(err)
	}
	return root
}

// Nothing of a row may be found on the disk: not in the log, not in the files,
// not in a backup, not beside them.
func TestNoCanaryOnDisk(t *testing.T) {
	t.Parallel()
	const canary = "canary-7f3b9c"
	dir := t.TempDir()
	db := openDir(t, filepath.Join(dir, "data"), mustRoot(t, filepath.Join(dir, "root.key"), true))
	rows := store.NewTable("test.row", smallKey)
	fill := func() {
		err := db.Update(t.Context(), func(tx *store.Tx) error {
			return errors.Join(
				rows.Put(tx, &small{Account: "1", Name: "a", Body: bytes.Repeat([]byte(canary), 100)}),
				tx.Emit("eu-west-1", []byte(canary)))
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	fill()
	search := func(when string) {
		seen := 0
		err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
			if err != nil || e.IsDir() {
				return err
			}
			b, err := os.ReadFile(path)
			seen += len(b)
			if bytes.Contains(b, []byte(canary)) || bytes.Contains(b, []byte("Account")) {
				t.Errorf("%s: %s holds plain text", when, path)
			}
			return err
		})
		if err != nil || seen < 2000 {
			t.Errorf("%s: %d bytes searched, %v", when, seen, err)
		}
	}
	search("in the log")
	var backup bytes.Buffer
	if _, err := db.Backup(t.Context(), &backup); err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(backup.Bytes(), []byte(canary)) {
		t.Error("the backup holds plain text")
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	search("in the files")
}

func TestRotateRootUnderLoad(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "root.key")
	root := mustRoot(t, path, true)
	db := openDir(t, filepath.Join(dir, "data"), root)
	var tables []*store.Table[small]
	for _, name := range []string{"r.a", "r.b", "r.c", "r.d"} {
		tables = append(tables, store.NewTable(name, smallKey))
	}
	var stop atomic.Bool
	var wg sync.WaitGroup
	var done atomic.Int64
	for w := range 4 {
		wg.Go(func() {
			for n := 0; !stop.Load(); n++ {
				table := tables[(n+w)%len(tables)]
				err := db.Update(t.Context(), func(tx *store.Tx) error {
					return table.Put(tx, &small{Account: "1", Name: string(rune('a' + w))})
				})
				if err != nil {
					t.Errorf("a write during the rotation: %v", err)
					return
				}
				done.Add(1)
			}
		})
	}
	for range 20 {
		if err := db.RotateRoot(t.Context()); err != nil {
			t.Errorf("rotate: %v", err)
		}
	}
	stop.Store(true)
	wg.Wait()
	t.Logf("20 rotations among %d writes", done.Load())
	if err := errors.Join(db.Verify(t.Context()), db.Rewrap(t.Context()), db.Close()); err != nil {
		t.Fatal(err)
	}
	oldest := oldestVersionsCut(t, path, 1)
	db = openDir(t, filepath.Join(dir, "data"), mustRoot(t, oldest, false))
	if err := errors.Join(db.Verify(t.Context()), db.Close()); err != nil {
		t.Errorf("with the newest version alone, all being wrapped by it: %v", err)
	}
}

// oldestVersionsCut writes a root file with the newest versions only.
func oldestVersionsCut(t *testing.T, path string, keep int) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(b)), "\n")
	cut := filepath.Join(t.TempDir(), "cut.key")
	if err := os.WriteFile(cut, []byte(strings.Join(lines[len(lines)-keep:], "\n")), 0o600); err != nil {
		t.Fatal(err)
	}
	return cut
}

func TestRootFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "root.key")
	if _, err := store.FileRoot(path, false); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a missing file of an old store = %v, want ErrNotExist", err)
	}
	root := mustRoot(t, path, true)
	st, err := os.Stat(path)
	if err != nil || st.Mode().Perm() != 0o600 {
		t.Errorf("mode = %v, %v, want 0600", st.Mode(), err)
	}
	db := openDir(t, filepath.Join(dir, "data"), root)
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	e, err := pebble.Open(filepath.Join(dir, "data"), pebble.Options{})
	if err != nil {
		t.Fatal(err)
	}
	wrong := filepath.Join(dir, "wrong.key")
	_, err = store.Open(e, store.Options{Root: mustRoot(t, wrong, true), Clock: clock.System{}, Name: "eu-west-1"})
	if want := "the root key file " + wrong + " does not open the store eu-west-1"; !errors.Is(err, store.ErrWrongRoot) || !strings.Contains(err.Error(), want) {
		t.Errorf("wrong root = %v, want ErrWrongRoot and %q", err, want)
	}
	if err := e.Close(); err != nil {
		t.Error(err)
	}
	for _, mode := range []os.FileMode{0o640, 0o604, 0o660} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		if _, err := store.FileRoot(path, false); err == nil {
			t.Errorf("a file of mode %o was taken", mode)
		}
	}
	for _, text := range []string{"", "1", "1 AAAA", "x y", "2 AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n1 AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="} {
		bad := filepath.Join(t.TempDir(), "bad.key")
		if err := os.WriteFile(bad, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := store.FileRoot(bad, true); !errors.Is(err, store.ErrCorrupt) {
			t.Errorf("a file of %q = %v, want ErrCorrupt", text, err)
		}
	}
}
