package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/garrison-cloud/garrison/internal/clock"
	"github.com/garrison-cloud/garrison/internal/store"
	"github.com/garrison-cloud/garrison/internal/store/pebble"
)

// A put is a row of one of the sizes that CreateKey writes.
type put struct {
	Account, ID string
	Body        []byte
}

var puts = store.NewTable("bench.put", func(p *put) store.Key { return store.K(p.Account, p.ID) })

// Sizes of the rows of one durable write, in bytes: one small row, and the three
// that CreateKey writes (the key, its material, and the promise of its event).
var (
	oneRow  = []int{512}
	keyRows = []int{256, 128, 1200}
)

// storePuts measures the store's own durable writes of such rows from n writers:
// the reference for what creates something.
func storePuts(ctx context.Context, dir string, n int, d time.Duration, sizes []int) (_ result, err error) {
	engine, err := pebble.Open(dir, pebble.Options{})
	if err != nil {
		return result{}, err
	}
	root, err := store.FileRoot(dir+".root", true)
	if err != nil {
		return result{}, err
	}
	db, err := store.Open(engine, store.Options{Root: root, Clock: clock.System{}}) //nolint:contextcheck // a store is opened whole or not at all: Open takes no context
	if err != nil {
		return result{}, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	var (
		wg      sync.WaitGroup
		mu      sync.Mutex // guards all and failure
		all     []time.Duration
		failure error
	)
	begun := time.Now()
	for w := range n {
		wg.Go(func() {
			took, err := putUntil(ctx, db, w, begun.Add(d), sizes)
			mu.Lock()
			defer mu.Unlock()
			all = append(all, took...)
			if err != nil {
				failure = err
			}
		})
	}
	wg.Wait()
	elapsed := time.Since(begun)
	if failure != nil {
		return result{}, fmt.Errorf("durable puts: %w", failure)
	}
	slices.Sort(all)
	return result{rate: float64(len(all)) / elapsed.Seconds(), p50: all[len(all)/2], p99: all[len(all)*99/100]}, nil
}

func putUntil(ctx context.Context, db *store.DB, worker int, deadline time.Time, sizes []int) ([]time.Duration, error) {
	var took []time.Duration
	for time.Now().Before(deadline) {
		rows := make([]*put, 0, len(sizes))
		for _, size := range sizes {
			body := make([]byte, size)
			rand.Read(body)
			rows = append(rows, &put{Account: fmt.Sprintf("%012d", worker), ID: hex.EncodeToString(body[:16]), Body: body})
		}
		begun := time.Now()
		if err := db.Update(ctx, func(tx *store.Tx) error { return addAll(tx, rows) }); err != nil {
			return took, err
		}
		took = append(took, time.Since(begun))
	}
	return took, nil
}

func addAll(tx *store.Tx, rows []*put) error {
	for _, row := range rows {
		if err := puts.Add(tx, row); err != nil {
			return err
		}
	}
	return nil
}
