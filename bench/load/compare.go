package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/garrison-cloud/garrison/bench/process"
)

// slower is how many times as long a call may take in the large account.
const slower = 1.3

// measureAccount prints what calls take in a large account beside a fresh small
// one, and how long a server with the large one takes to start after a kill.
func measureAccount(ctx context.Context, binary string, o options) error {
	dir := filepath.Join(o.dir, "large")
	large, err := startAccount(ctx, binary, dir, fill{o.keys, o.granted, o.grants})
	if err != nil {
		return err
	}
	defer func() { large.server.Stop() }()
	small, err := startAccount(ctx, binary, filepath.Join(o.dir, "small"), fill{smallKeys, 1, smallGrants})
	if err != nil {
		return err
	}
	defer small.server.Stop()
	c := comparison{options: o, out: os.Stdout, large: large, small: small}
	if err := c.table(ctx, visits()); err != nil {
		return err
	}
	large.server.Kill()
	begun := time.Now()
	if large.server, err = process.Garrison(ctx, binary, filepath.Join(dir, "data")); err != nil {
		return err
	}
	fmt.Printf("start after kill -9 with %d keys: %s (bar 2s)\n", o.keys, time.Since(begun).Round(time.Millisecond))
	return nil
}

// A comparison is a large and a small account, each in a server of its own.
type comparison struct {
	options
	out          io.Writer
	large, small *account
}

// table measures visits in turn in both accounts, by one caller.
func (c comparison) table(ctx context.Context, vs []visit) error {
	say(c.out, "\n%-32s %10s %10s %6s %10s %10s %5s\n", "p50 of", "large", "small", "ratio", "large p99", "small p99", "MiB")
	var above []string
	for _, v := range vs {
		ratio, err := c.measure(ctx, v)
		if err != nil {
			return fmt.Errorf("%s: %w", v.name, err)
		}
		if ratio > slower {
			above = append(above, fmt.Sprintf("%s %.2f", v.name, ratio))
		}
	}
	if len(above) > 0 {
		say(c.out, "\nabove the bar of %.1f: %s\n", slower, strings.Join(above, "; "))
	}
	return nil
}

func (c comparison) measure(ctx context.Context, v visit) (float64, error) {
	large, err := c.large.visitor(ctx, v)
	if err != nil {
		return 0, err
	}
	small, err := c.small.visitor(ctx, v)
	if err != nil {
		return 0, err
	}
	defer large.close()
	defer small.close()
	rounds := make([]duel, c.rounds)
	for i := range rounds {
		r := &rounds[i]
		if r.ours, err = measured(ctx, large, c.large.server, 1, c.duration); err != nil {
			return 0, err
		}
		if r.theirs, err = measured(ctx, small, c.small.server, 1, c.duration); err != nil {
			return 0, err
		}
		r.ratio = float64(r.ours.p50) / float64(r.theirs.p50)
	}
	d := middle(rounds)
	say(c.out, "%-32s %10s %10s %6.2f %10s %10s %5d\n", v.name, round(d.ours.p50), round(d.theirs.p50), d.ratio,
		round(d.ours.p99), round(d.theirs.p99), d.ours.rss)
	return d.ratio, nil
}

// visitor makes the calls of a visit in the account.
func (a *account) visitor(ctx context.Context, v visit) (*client, error) {
	requests, err := v.requests(ctx, a)
	if err != nil {
		return nil, err
	}
	creds := a.owner
	if v.byGrantee {
		creds = a.grantee
	}
	return newClient(a.server.URL, creds, v.op, requests...), nil
}
