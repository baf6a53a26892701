package main

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/md5" //nolint:gosec // it is what is measured
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

const largeSize = 64 << 20

func selfPath() (string, error) { return os.Executable() }

// large compares bodies of 64 MiB with the slower of MD5 and AES-GCM on one core.
func (b *bench) large(ctx context.Context) error {
	body := make([]byte, largeSize)
	put, err := b.presign.PresignPutObject(ctx, &s3.PutObjectInput{
		Bucket: aws.String(bucket), Key: aws.String("large"), ServerSideEncryption: types.ServerSideEncryptionAwsKms, SSEKMSKeyId: &b.key,
	})
	if err != nil {
		return err
	}
	get, err := b.presign.PresignGetObject(ctx, &s3.GetObjectInput{Bucket: aws.String(bucket), Key: aws.String("large")})
	if err != nil {
		return err
	}
	var puts, gets []ratio
	for range b.rounds + 1 {
		core, err := slowest(body)
		if err != nil {
			return err
		}
		begun := time.Now()
		if err := send(ctx, client(), put, body); err != nil {
			return err
		}
		puts = append(puts, ratio{speed(begun), core})
		begun = time.Now()
		if err := send(ctx, client(), get, nil); err != nil {
			return err
		}
		gets = append(gets, ratio{speed(begun), core})
	}
	say("PUT 64 MiB, SSE-KMS, MB%s the slower of MD5 and AES-GCM (bar 0.6)\n", median(puts[1:]))
	say("GET 64 MiB, SSE-KMS, MB%s the slower of MD5 and AES-GCM (bar 0.6)\n", median(gets[1:]))
	return nil
}

// speed is in megabytes a second.
func speed(begun time.Time) float64 { return largeSize / 1e6 / time.Since(begun).Seconds() }

func slowest(body []byte) (float64, error) {
	begun := time.Now()
	md5.Sum(body) //nolint:gosec // it is what is measured
	hash := speed(begun)
	block, err := aes.NewCipher(make([]byte, 32))
	if err != nil {
		return 0, err
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		return 0, err
	}
	out := make([]byte, 0, 64<<10+gcm.Overhead())
	begun = time.Now()
	for part := range slices.Chunk(body, 64<<10) {
		gcm.Seal(out, make([]byte, gcm.NonceSize()), part, nil)
	}
	return min(hash, speed(begun)), nil
}

// zeros is a body of nothing.
type zeros struct{}

// Read implements io.Reader.
func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// memory shows the server's resident memory while uploads run side by side.
func (b *bench) memory(ctx context.Context) error {
	errs, peak := make([]error, b.uploads), 0
	done := make(chan struct{})
	var wg sync.WaitGroup
	for i := range b.uploads {
		wg.Go(func() { errs[i] = b.upload(ctx, fmt.Sprintf("upload/%d", i)) })
	}
	go func() { wg.Wait(); close(done) }()
	for begun := time.Now(); ; {
		select {
		case <-done:
			say("%d uploads of %d MiB at once: %d MiB resident at most (bar 200), %s\n", b.uploads, b.size>>20, peak, time.Since(begun).Round(time.Second))
			return errors.Join(errs...)
		case <-time.After(50 * time.Millisecond):
			peak = max(peak, b.server.RSS())
		}
	}
}

func (b *bench) upload(ctx context.Context, key string) error {
	p, err := b.presign.PresignPutObject(ctx, &s3.PutObjectInput{Bucket: aws.String(bucket), Key: &key, ContentLength: &b.size})
	if err != nil {
		return err
	}
	r, err := http.NewRequestWithContext(ctx, p.Method, p.URL, io.LimitReader(zeros{}, b.size))
	if err != nil {
		return err
	}
	r.ContentLength = b.size
	resp, err := client().Do(r)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(resp.Body)
		return fmt.Errorf("%s: %s", resp.Status, text)
	}
	return nil
}
