package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/garrison-cloud/garrison/bench/process"
)

// A result is what one measurement gave.
type result struct {
	calls    int
	rate     float64 // calls a second
	p50, p99 time.Duration
	cpu      time.Duration // the server's processor time for a call
	rss      int           // the server's resident memory after it, in MiB
}

// measured loads a server for d, after a tenth of that to warm connections and
// caches.
func measured(ctx context.Context, c *client, p *process.Process, n int, d time.Duration) (result, error) {
	if _, err := c.load(ctx, n, d/10); err != nil {
		return result{}, err
	}
	before := p.CPU()
	r, err := c.load(ctx, n, d)
	if err != nil {
		return result{}, err
	}
	r.cpu = (p.CPU() - before) / time.Duration(r.calls)
	r.rss = p.RSS()
	return r, nil
}

// load sends requests from n workers for d.
func (c *client) load(ctx context.Context, n int, d time.Duration) (result, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var (
		wg       sync.WaitGroup
		mu       sync.Mutex // guards all and failure
		all      []time.Duration
		failure  error
		deadline = time.Now().Add(d)
	)
	for range n {
		wg.Go(func() {
			took, err := c.work(ctx, deadline)
			mu.Lock()
			defer mu.Unlock()
			all = append(all, took...)
			if err != nil && failure == nil {
				failure = err
				cancel()
			}
		})
	}
	begun := time.Now()
	wg.Wait()
	elapsed := time.Since(begun)
	if failure != nil {
		return result{}, failure
	}
	slices.Sort(all)
	return result{
		calls: len(all), rate: float64(len(all)) / elapsed.Seconds(),
		p50: all[len(all)/2], p99: all[len(all)*99/100],
	}, nil
}

func (c *client) work(ctx context.Context, deadline time.Time) ([]time.Duration, error) {
	signer := v4.NewSigner()
	var took []time.Duration
	for {
		begun := time.Now()
		if begun.After(deadline) && len(took) > 0 {
			return took, nil
		}
		if _, err := c.send(ctx, signer); err != nil {
			return took, err
		}
		took = append(took, time.Since(begun))
	}
}

// A duel is one round: two servers measured one after the other, so that both see
// the same weather.
type duel struct {
	ours, theirs result
	ratio        float64
}

// middle is the round in the middle by ratio.
func middle(rounds []duel) duel {
	slices.SortFunc(rounds, func(a, b duel) int { return cmp.Compare(a.ratio, b.ratio) })
	return rounds[len(rounds)/2]
}

func round(d time.Duration) time.Duration { return d.Round(time.Microsecond) }

// say prints a line of a report. Who cuts it off has seen enough.
func say(w io.Writer, format string, args ...any) { _, _ = fmt.Fprintf(w, format, args...) }
