package store_test

import (
	"encoding/binary"
	"fmt"
	"log/slog"
	"sync/atomic"
	"testing"

	"github.com/garrison-cloud/garrison/internal/clock"
	"github.com/garrison-cloud/garrison/internal/store"
	"github.com/garrison-cloud/garrison/internal/store/pebble"
)

// A small is the row of the benchmarks: 256 bytes that don't compress, under a
// key of two parts.
type small struct {
	Account, Name string
	Body          []byte
}

func smallKey(s *small) store.Key { return store.K(s.Account, s.Name) }

func diskEngine(b *testing.B) *pebble.Engine {
	b.Helper()
	e, err := pebble.Open(b.TempDir(), pebble.Options{Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		b.Fatal(err)
	}
	return e
}

func diskStore(b *testing.B) *store.DB {
	b.Helper()
	db, err := store.Open(diskEngine(b), store.Options{Root: store.MemoryRoot(), Clock: clock.System{}})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = db.Close() })
	return db
}

func BenchmarkOpenEmpty(b *testing.B) {
	for b.Loop() {
		b.StopTimer()
		dir := b.TempDir()
		b.StartTimer()
		e, err := pebble.Open(dir, pebble.Options{})
		if err != nil {
			b.Fatal(err)
		}
		db, err := store.Open(e, store.Options{Root: store.MemoryRoot(), Clock: clock.System{}})
		if err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		_ = db.Close()
		b.StartTimer()
	}
}

func BenchmarkReopen(b *testing.B) {
	dir, root := b.TempDir(), store.MemoryRoot()
	for b.Loop() {
		e, err := pebble.Open(dir, pebble.Options{})
		if err != nil {
			b.Fatal(err)
		}
		db, err := store.Open(e, store.Options{Root: root, Clock: clock.System{}})
		if err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		_ = db.Close()
		b.StartTimer()
	}
}

// body differs for each call, as sealed bytes do.
func body(n uint64) []byte {
	out := make([]byte, 256)
	for i := 0; i < len(out); i += 8 {
		n = n*6364136223846793005 + 1442695040888963407
		binary.LittleEndian.PutUint64(out[i:], n)
	}
	return out
}

func BenchmarkDurablePut(b *testing.B) {
	for _, writers := range []int{1, 16} {
		b.Run(fmt.Sprintf("store/c=%d", writers), func(b *testing.B) {
			db := diskStore(b)
			rows := store.NewTable("bench.row", smallKey)
			inParallel(b, writers, func(n uint64) error {
				row := &small{Account: "111122223333", Name: fmt.Sprintf("row-%016d", n*7919%1_000_000), Body: body(n)}
				return db.Update(b.Context(), func(tx *store.Tx) error { return rows.Put(tx, row) })
			})
		})
		b.Run(fmt.Sprintf("engine/c=%d", writers), func(b *testing.B) {
			e := diskEngine(b)
			b.Cleanup(func() { _ = e.Close() })
			inParallel(b, writers, func(n uint64) error {
				tx, err := e.Begin(b.Context(), true)
				if err != nil {
					return err
				}
				defer tx.Discard()
				if err := tx.Put(fmt.Appendf(nil, "bench.row/111122223333/row-%016d", n*7919%1_000_000), body(n)); err != nil {
					return err
				}
				return tx.Commit(true)
			})
		})
	}
}

func inParallel(b *testing.B, workers int, op func(n uint64) error) {
	var next atomic.Uint64
	b.SetParallelism((workers + 1) / 2) // times GOMAXPROCS, which is 2 where the bars were set
	b.ReportAllocs()
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if err := op(next.Add(1)); err != nil {
				b.Error(err)
				return
			}
		}
	})
}

func BenchmarkGet(b *testing.B) {
	const rows = 20_000
	for _, tt := range []struct {
		name string
		opts []store.Option[small]
	}{{"sealed", nil}, {"cached", []store.Option[small]{store.Cached[small](2 * rows)}}} {
		b.Run(tt.name, func(b *testing.B) {
			db := diskStore(b)
			table := store.NewTable("bench.row", smallKey, tt.opts...)
			fillSmall(b, db, table, rows)
			b.ReportAllocs()
			b.ResetTimer()
			n := uint64(0)
			for b.Loop() {
				n++
				err := db.View(b.Context(), func(tx *store.Tx) error {
					_, err := table.Get(tx, "111122223333", fmt.Sprintf("row-%016d", n*7919%rows))
					return err
				})
				if err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	b.Run("engine", func(b *testing.B) { benchmarkEngineGet(b, rows) })
}

func benchmarkEngineGet(b *testing.B, rows uint64) {
	db := diskStore(b)
	table := store.NewTable("bench.row", smallKey)
	fillSmall(b, db, table, int(rows))
	e := db.Engine()
	b.ReportAllocs()
	b.ResetTimer()
	n := uint64(0)
	var buf []byte
	for b.Loop() {
		n++
		tx, err := e.Begin(b.Context(), false)
		if err != nil {
			b.Fatal(err)
		}
		key := append([]byte{'t'}, store.K("bench.row", "111122223333", fmt.Sprintf("row-%016d", n*7919%rows))...)
		if buf, err = tx.Get(buf[:0], key); err != nil {
			b.Fatal(err)
		}
		tx.Discard()
	}
}

func fillSmall(b *testing.B, db *store.DB, table *store.Table[small], rows int) {
	b.Helper()
	for i := 0; i < rows; i += 1000 {
		err := db.Append(b.Context(), func(tx *store.Tx) error {
			for j := range 1000 {
				row := &small{Account: "111122223333", Name: fmt.Sprintf("row-%016d", i+j), Body: body(uint64(i + j))}
				if err := table.Put(tx, row); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			b.Fatal(err)
		}
	}
	if err := db.Sync(b.Context()); err != nil {
		b.Fatal(err)
	}
}

func BenchmarkEmptyView(b *testing.B) {
	db := diskStore(b)
	for b.Loop() {
		if err := db.View(b.Context(), func(*store.Tx) error { return nil }); err != nil {
			b.Fatal(err)
		}
	}
}
