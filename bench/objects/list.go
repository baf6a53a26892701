package main

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// fewKeys is the smaller of the two lists.
const fewKeys = 10_000

// lists compares a page from the middle of many keys with one of few.
func (b *bench) lists(ctx context.Context) error {
	begun := time.Now()
	if err := b.fill(ctx, "few/", fewKeys); err != nil {
		return err
	}
	if err := b.fill(ctx, "many/", b.list); err != nil {
		return err
	}
	say("%d keys made in %s\n", b.list+fewKeys, time.Since(begun).Round(time.Second))
	few, err := b.page(ctx, "few/", fewKeys)
	if err != nil {
		return err
	}
	many, err := b.page(ctx, "many/", b.list)
	if err != nil {
		return err
	}
	say("a page of 1,000 of %d keys: %s; of %d: %s, %.2f x (bar 1.3)\n", fewKeys, few, b.list, many, float64(many)/float64(few))
	return nil
}

// fill puts empty objects from 32 callers.
func (b *bench) fill(ctx context.Context, prefix string, n int) error {
	creds, err := b.client.Options().Credentials.Retrieve(ctx)
	if err != nil {
		return err
	}
	var (
		wg     sync.WaitGroup
		next   atomic.Int64
		errs   = make([]error, 32)
		signer = v4.NewSigner()
	)
	for w := range errs {
		wg.Go(func() {
			for errs[w] == nil {
				i := next.Add(1) - 1
				if i >= int64(n) {
					return
				}
				var r *http.Request
				if r, errs[w] = http.NewRequestWithContext(ctx, http.MethodPut, fmt.Sprintf("%s/%s/%s%09d", b.server.URL, bucket, prefix, i), nil); errs[w] != nil {
					return
				}
				r.Header.Set("X-Amz-Content-Sha256", "UNSIGNED-PAYLOAD")
				if errs[w] = signer.SignHTTP(ctx, creds, r, "UNSIGNED-PAYLOAD", "s3", "us-east-1", time.Now(), func(o *v4.SignerOptions) { o.DisableURIPathEscaping = true }); errs[w] != nil {
					return
				}
				var resp *http.Response
				if resp, errs[w] = client().Do(r); errs[w] == nil {
					errs[w] = resp.Body.Close()
				}
			}
		})
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// page is the median time of a page from the middle.
func (b *bench) page(ctx context.Context, prefix string, n int) (time.Duration, error) {
	var took []time.Duration
	for i := range 51 {
		begun := time.Now()
		out, err := b.client.ListObjectsV2(ctx, &s3.ListObjectsV2Input{
			Bucket: aws.String(bucket), Prefix: &prefix, StartAfter: aws.String(fmt.Sprintf("%s%09d", prefix, n/2+i)),
		})
		if err != nil {
			return 0, err
		}
		if len(out.Contents) != 1000 {
			return 0, fmt.Errorf("a page of %d keys, want 1,000", len(out.Contents))
		}
		took = append(took, time.Since(begun))
	}
	slices.Sort(took)
	return took[len(took)/2], nil
}
