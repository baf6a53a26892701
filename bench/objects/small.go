package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/garrison-cloud/garrison/bench/process"
	"github.com/garrison-cloud/garrison/internal/clock"
	"github.com/garrison-cloud/garrison/internal/store"
	"github.com/garrison-cloud/garrison/internal/store/pebble"
)

const (
	smallSize = 1 << 10
	smallKeys = 2000
)

// small compares puts and gets of 1 KiB with the store's puts of as much, and with a bare
// handler.
func (b *bench) small(ctx context.Context) error {
	puts, gets, err := b.presigned(ctx)
	if err != nil {
		return err
	}
	bare, err := b.bare(ctx)
	if err != nil {
		return err
	}
	defer bare.Stop()
	body := make([]byte, smallSize)
	for _, callers := range []int{1, 16} {
		var putRatios, getRatios []ratio
		for i := range b.rounds {
			stored, err := storePuts(ctx, filepath.Join(b.dir, fmt.Sprintf("store%d-%d", callers, i)), callers, b.d)
			if err != nil {
				return err
			}
			put, err := b.rate(ctx, callers, puts, body)
			if err != nil {
				return err
			}
			get, err := b.rate(ctx, callers, gets, nil)
			if err != nil {
				return err
			}
			plain, err := b.rate(ctx, callers, []*v4.PresignedHTTPRequest{{Method: http.MethodGet, URL: bare.URL + "/"}}, nil)
			if err != nil {
				return err
			}
			putRatios = append(putRatios, ratio{put, stored})
			getRatios = append(getRatios, ratio{get, plain})
		}
		say("PUT 1 KiB, %2d callers: %s the store's durable puts (bar 0.5)\n", callers, median(putRatios))
		say("GET 1 KiB, %2d callers: %s the bare handler (bar 0.4)\n", callers, median(getRatios))
	}
	return nil
}

func say(format string, a ...any) { fmt.Printf(format, a...) }

// A ratio is what was measured beside its reference.
type ratio struct{ got, reference float64 }

func (r ratio) value() float64 { return r.got / r.reference }

// String shows the ratio and what it is of.
func (r ratio) String() string {
	return fmt.Sprintf("%8.0f/s, %.2f x (%.0f/s) of", r.got, r.value(), r.reference)
}

func median(list []ratio) ratio {
	slices.SortFunc(list, func(a, b ratio) int {
		if a.value() < b.value() {
			return -1
		}
		return 1
	})
	return list[len(list)/2]
}

// presigned are requests to put and to get smallKeys objects.
func (b *bench) presigned(ctx context.Context) (puts, gets []*v4.PresignedHTTPRequest, err error) {
	for i := range smallKeys {
		key := aws.String(fmt.Sprintf("small/%04d", i))
		p, err := b.presign.PresignPutObject(ctx, &s3.PutObjectInput{Bucket: aws.String(bucket), Key: key})
		if err != nil {
			return nil, nil, err
		}
		g, err := b.presign.PresignGetObject(ctx, &s3.GetObjectInput{Bucket: aws.String(bucket), Key: key})
		if err != nil {
			return nil, nil, err
		}
		if err := send(ctx, client(), p, make([]byte, smallSize)); err != nil {
			return nil, nil, err
		}
		puts, gets = append(puts, p), append(gets, g)
	}
	return puts, gets, nil
}

var shared = sync.OnceValue(func() *http.Client {
	return &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64, DisableCompression: true}}
})

func client() *http.Client { return shared() }

func send(ctx context.Context, c *http.Client, p *v4.PresignedHTTPRequest, body []byte) error {
	var from io.Reader
	if body != nil {
		from = bytes.NewReader(body)
	}
	r, err := http.NewRequestWithContext(ctx, p.Method, p.URL, from)
	if err != nil {
		return err
	}
	for name, values := range p.SignedHeader {
		if name != "Host" && name != "Content-Length" {
			r.Header[name] = values
		}
	}
	resp, err := c.Do(r)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode >= http.StatusBadRequest {
		text, _ := io.ReadAll(resp.Body)
		return fmt.Errorf("%s %s: %s", p.Method, resp.Status, text)
	}
	_, err = io.Copy(io.Discard, resp.Body)
	return err
}

// rate sends the requests in turn from so many callers, and returns how many a second.
func (b *bench) rate(ctx context.Context, callers int, requests []*v4.PresignedHTTPRequest, body []byte) (float64, error) {
	var (
		wg    sync.WaitGroup
		n     atomic.Int64
		errs  = make([]error, callers)
		begun = time.Now()
	)
	for w := range callers {
		wg.Go(func() {
			for time.Since(begun) < b.d && errs[w] == nil {
				errs[w] = send(ctx, client(), requests[int(n.Add(1))%len(requests)], body)
			}
		})
	}
	wg.Wait()
	return float64(n.Load()) / time.Since(begun).Seconds(), errors.Join(errs...)
}

func (b *bench) bare(ctx context.Context) (*process.Process, error) {
	self, err := selfPath()
	if err != nil {
		return nil, err
	}
	addr, err := process.FreeAddr()
	if err != nil {
		return nil, err
	}
	return process.Start(ctx, addr, self, "-bare", addr)
}

func serveBare(ctx context.Context, addr string) error {
	body := make([]byte, smallSize)
	srv := &http.Server{Addr: addr, ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write(body) // a client that has gone measures nothing
	})}
	go func() { <-ctx.Done(); _ = srv.Close() }()
	if err := srv.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// A row is as large as a small object.
type row struct {
	ID   string
	Body []byte
}

var rows = store.NewTable("bench.row", func(r *row) store.Key { return store.K(r.ID) })

// storePuts is the rate of the store's own durable puts of one row of 1 KiB.
func storePuts(ctx context.Context, dir string, writers int, d time.Duration) (_ float64, err error) {
	engine, err := pebble.Open(dir, pebble.Options{})
	if err != nil {
		return 0, err
	}
	root, err := store.FileRoot(dir+".root", true)
	if err != nil {
		return 0, err
	}
	db, err := store.Open(engine, store.Options{Root: root, Clock: clock.System{}}) //nolint:contextcheck // Open takes no context
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	var (
		wg    sync.WaitGroup
		n     atomic.Int64
		errs  = make([]error, writers)
		begun = time.Now()
	)
	for w := range writers {
		wg.Go(func() {
			for i := 0; time.Since(begun) < d && errs[w] == nil; i++ {
				r := &row{ID: fmt.Sprintf("%d/%d", w, i), Body: make([]byte, smallSize)}
				errs[w] = db.Update(ctx, func(tx *store.Tx) error { return rows.Add(tx, r) })
				n.Add(1)
			}
		})
	}
	wg.Wait()
	return float64(n.Load()) / time.Since(begun).Seconds(), errors.Join(errs...)
}
