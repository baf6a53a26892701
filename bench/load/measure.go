package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

// measureOperations runs each operation against Garrison and its reference in
// turn, and prints the ratios.
func measureOperations(ctx context.Context, binary string, o options) error {
	ops, err := chosen(o.ops)
	if err != nil {
		return err
	}
	server, err := startGarrison(ctx, binary, o.dir)
	if err != nil {
		return err
	}
	defer server.stop()
	creds, err := credentials(ctx, binary, o.dir)
	if err != nil {
		return err
	}
	bare, err := startBare(ctx)
	if err != nil {
		return err
	}
	defer bare.stop()

	fmt.Printf("%-20s %4s %10s %10s %6s %9s %9s %6s %5s\n",
		"operation", "c", "garrison/s", "ref/s", "ratio", "p50", "p99", "cores", "MiB")
	for _, op := range ops {
		for _, n := range []int{1, 16} {
			if op.concurrent != 0 && op.concurrent != n {
				continue
			}
			row, err := measureOne(ctx, o, op, n, server, bare, creds)
			if err != nil {
				return err
			}
			fmt.Println(row)
		}
	}
	return nil
}

func measureOne(ctx context.Context, o options, op operation, n int, server, bare *process, creds aws.Credentials) (string, error) {
	key, err := newKey(ctx, server, creds, op)
	if err != nil {
		return "", err
	}
	ours := newClient(server.url, creds, op, key)
	answer, err := ours.send(ctx, v4.NewSigner())
	if err != nil {
		return "", err
	}
	ref := newClient(bare.url+op.path()+"?n="+strconv.Itoa(len(answer)), creds, op, key)

	var mine, theirs []result
	for range o.rounds {
		r, err := measured(ctx, ours, server, n, o.duration)
		if err != nil {
			return "", err
		}
		mine = append(mine, r)
		if op.rows != nil {
			r, err = storePuts(ctx, filepath.Join(o.dir, "puts"), n, o.duration, op.rows)
		} else {
			r, err = measured(ctx, ref, bare, n, o.duration)
		}
		if err != nil {
			return "", err
		}
		theirs = append(theirs, r)
	}
	a, b := median(mine), median(theirs)
	return fmt.Sprintf("%-20s %4d %10.0f %10.0f %6.2f %9s %9s %6.2f %5d",
		op.name, n, a.rate, b.rate, a.rate/b.rate, round(a.p50), round(a.p99), a.cpu, a.rss), nil
}

func measured(ctx context.Context, c *client, p *process, n int, d time.Duration) (result, error) {
	if _, err := c.load(ctx, n, d/10); err != nil { // warm connections and caches
		return result{}, err
	}
	before, begun := p.cpu(), time.Now()
	r, err := c.load(ctx, n, d)
	if err != nil {
		return result{}, err
	}
	r.cpu = float64(p.cpu()-before) / float64(time.Since(begun))
	r.rss = p.rss()
	return r, nil
}

func median(rs []result) result {
	slices.SortFunc(rs, func(a, b result) int { return int(a.rate - b.rate) })
	return rs[len(rs)/2]
}

func round(d time.Duration) time.Duration { return d.Round(time.Microsecond) }

// newKey creates the key that the operation works with.
func newKey(ctx context.Context, server *process, creds aws.Credentials, op operation) (string, error) {
	if op.spec == "" {
		return "", nil
	}
	create := kms("create-key", "CreateKey", "", "", "", func(string) any {
		return map[string]string{"KeySpec": op.spec, "KeyUsage": op.usage}
	})
	b, err := newClient(server.url, creds, create, "").send(ctx, v4.NewSigner())
	if err != nil {
		return "", err
	}
	var out struct {
		KeyMetadata struct {
			KeyID string `json:"KeyId"`
		}
	}
	if err := json.Unmarshal(b, &out); err != nil {
		return "", err
	}
	return out.KeyMetadata.KeyID, nil
}

// measureStart prints how long a first start on an empty directory takes until
// the first signed answer, and what the process needs at rest.
func measureStart(ctx context.Context, binary string, o options) error {
	var took []time.Duration
	rss := 0
	for i := range o.rounds {
		dir := filepath.Join(o.dir, "start"+strconv.Itoa(i))
		begun := time.Now()
		p, err := startGarrison(ctx, binary, dir)
		if err != nil {
			return err
		}
		took = append(took, time.Since(begun))
		time.Sleep(2 * time.Second)
		rss = max(rss, p.rss())
		p.stop()
	}
	slices.Sort(took)
	fmt.Printf("first answer on an empty directory: %s (bar 100ms)\nresident at rest: %d MiB (bar 60)\n",
		took[len(took)/2].Round(time.Millisecond), rss)
	return nil
}

// firstAnswer sends a call that nobody signed, and is content with any answer.
func firstAnswer(ctx context.Context, url string) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, url, http.NoBody)
	if err != nil {
		return err
	}
	r.Header.Set("X-Amz-Target", "TrentService.ListKeys")
	r.Header.Set("Content-Type", "application/x-amz-json-1.1")
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	return resp.Body.Close()
}

// measureKeys prints what o.keys keys cost: Encrypt beside a thousand, and the
// start after a kill.
func measureKeys(ctx context.Context, binary string, o options) error {
	server, err := startGarrison(ctx, binary, o.dir)
	if err != nil {
		return err
	}
	defer func() { server.stop() }()
	creds, err := credentials(ctx, binary, o.dir)
	if err != nil {
		return err
	}
	encrypt, err := chosen("encrypt")
	if err != nil {
		return err
	}
	at := func(have, want int) (result, error) {
		if err := createKeys(ctx, server, creds, want-have); err != nil {
			return result{}, err
		}
		key, err := newKey(ctx, server, creds, encrypt[0])
		if err != nil {
			return result{}, err
		}
		return measured(ctx, newClient(server.url, creds, encrypt[0], key), server, 1, o.duration)
	}
	few, err := at(0, 1000)
	if err != nil {
		return err
	}
	many, err := at(1000, o.keys)
	if err != nil {
		return err
	}
	fmt.Printf("Encrypt p50 at 1,000 keys: %s; at %d keys: %s; ratio %.2f (bar 1.30); %d MiB\n",
		round(few.p50), o.keys, round(many.p50), float64(many.p50)/float64(few.p50), many.rss)
	server.kill()
	begun := time.Now()
	if server, err = startGarrison(ctx, binary, o.dir); err != nil {
		return err
	}
	fmt.Printf("start after kill -9 with %d keys: %s (bar 2s)\n", o.keys, time.Since(begun).Round(time.Millisecond))
	return nil
}

// createKeys creates n keys from 32 workers, and says how far it is.
func createKeys(ctx context.Context, server *process, creds aws.Credentials, n int) error {
	const workers = 32
	c := newClient(server.url, creds, createKey("create-key", nil), "")
	var wg sync.WaitGroup
	failures := make(chan error, workers)
	begun := time.Now()
	for w := range workers {
		wg.Go(func() {
			signer := v4.NewSigner()
			for i := w; i < n; i += workers {
				if _, err := c.send(ctx, signer); err != nil {
					failures <- err
					return
				}
				if i%100_000 == 0 && i > 0 {
					fmt.Printf("  %d keys after %s\n", i, time.Since(begun).Round(time.Second))
				}
			}
		})
	}
	wg.Wait()
	select {
	case err := <-failures:
		return err
	default:
		return nil
	}
}
