package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

// A client sends one operation's requests to one server.
type client struct {
	http  *http.Client
	url   string
	creds aws.Credentials
	op    operation
	body  []byte
	sum   string
}

func newClient(url string, creds aws.Credentials, op operation, key string) *client {
	body := op.body(key)
	sum := sha256.Sum256(body)
	return &client{
		http: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64, DisableCompression: true}},
		url:  url, creds: creds, op: op, body: body, sum: hex.EncodeToString(sum[:]),
	}
}

// send signs and sends one request, and returns the answer's body.
func (c *client) send(ctx context.Context, signer *v4.Signer) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url, bytes.NewReader(c.body))
	if err != nil {
		return nil, err
	}
	maps.Copy(r.Header, c.op.header)
	if err := signer.SignHTTP(ctx, c.creds, r, c.sum, c.op.service, "us-east-1", time.Now()); err != nil {
		return nil, err
	}
	resp, err := c.http.Do(r)
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }() // it is read to its end
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: %s: %s", c.op.name, resp.Status, b)
	}
	return b, nil
}

// A result is what one measurement gave.
type result struct {
	rate     float64 // requests a second
	p50, p99 time.Duration
	cpu      float64 // cores that the server used
	rss      int     // the server's resident memory after it, in MiB
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
		rate: float64(len(all)) / elapsed.Seconds(),
		p50:  all[len(all)/2], p99: all[len(all)*99/100],
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
