package crash_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/garrison-cloud/garrison/internal/garrisontest"
)

const bucketName = "crash"

func objectsOf(p *process) *s3.Client {
	return s3.NewFromConfig(p.config, func(o *s3.Options) { o.UsePathStyle = true; o.RetryMaxAttempts = 1 })
}

func bodyOf(seed uint64, n int) []byte {
	var s [32]byte
	s[0], s[1], s[2] = byte(seed), byte(seed>>8), byte(seed>>16)
	b := make([]byte, n)
	r := rand.NewChaCha8(s)
	r.Read(b)
	return b
}

// A shelf is what the clients know of the bucket: of each key the sums that it may have.
type shelf struct {
	mu sync.Mutex
	// acked is the last acknowledged state of a key, zero for deleted; tried are states
	// that were asked for after it and not acknowledged.
	acked map[string][32]byte
	tried map[string][][32]byte
}

func (s *shelf) try(key string, sum [32]byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tried[key] = append(s.tried[key], sum)
}

func (s *shelf) ack(key string, sum [32]byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.acked[key], s.tried[key] = sum, nil
}

// sizes are of inline bodies, of files, and of files that take a while.
var sizes = []int{0, 900, 16 << 10, 70_000, 1 << 20}

// work puts and deletes objects of its own keys until the server is gone.
func (s *shelf) work(ctx context.Context, c *s3.Client, worker int) int {
	done := 0
	for i := 0; ; i++ {
		key := fmt.Sprintf("w%d/%d", worker, i%7)
		var sum [32]byte
		var err error
		if i%5 == 4 {
			s.try(key, sum)
			_, err = c.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: aws.String(bucketName), Key: &key})
		} else {
			b := bodyOf(uint64(worker*1_000_000+i), sizes[i%len(sizes)])
			sum = sha256.Sum256(append([]byte{1}, b...))
			s.try(key, sum)
			_, err = c.PutObject(ctx, &s3.PutObjectInput{Bucket: aws.String(bucketName), Key: &key, Body: bytes.NewReader(b)})
		}
		if err != nil {
			return done
		}
		s.ack(key, sum)
		done++
	}
}

// check reads every key: it has its acknowledged state, or one that was asked for later.
func (s *shelf) check(t *testing.T, c *s3.Client) {
	t.Helper()
	for key := range s.tried {
		var got [32]byte
		out, err := c.GetObject(t.Context(), &s3.GetObjectInput{Bucket: aws.String(bucketName), Key: &key})
		if missing := (*types.NoSuchKey)(nil); err != nil && !errors.As(err, &missing) {
			t.Errorf("%s: %v", key, err)
			continue
		}
		if err == nil {
			b, err := io.ReadAll(out.Body)
			out.Body.Close()
			if err != nil {
				t.Errorf("%s: read: %v", key, err)
				continue
			}
			got = sha256.Sum256(append([]byte{1}, b...))
		}
		allowed := got == s.acked[key]
		for _, sum := range s.tried[key] {
			allowed = allowed || got == sum
		}
		if !allowed {
			t.Errorf("%s has bytes that nobody put there last", key)
		}
		s.ack(key, got)
	}
}

// files counts the bodies under the data directory.
func files(t *testing.T, data string) int {
	t.Helper()
	n := 0
	err := filepath.WalkDir(filepath.Join(data, "blobs"), func(_ string, e fs.DirEntry, err error) error {
		if errors.Is(err, os.ErrNotExist) {
			return nil // it is being deleted
		}
		if err == nil && !e.IsDir() {
			n++
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// large counts the objects that must have a file.
func large(t *testing.T, c *s3.Client) int {
	t.Helper()
	n := 0
	for p := s3.NewListObjectsV2Paginator(c, &s3.ListObjectsV2Input{Bucket: aws.String(bucketName)}); p.HasMorePages(); {
		out, err := p.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range out.Contents {
			if *o.Size > 16<<10 {
				n++
			}
		}
	}
	return n
}

// TestKillObjects kills the server while objects are put and deleted. What was
// acknowledged is there, whole; what was not is there whole or not at all; and the
// directory has a file for each large object and none besides.
func TestKillObjects(t *testing.T) {
	t.Parallel()
	h := newHistory(t)
	s := &shelf{acked: map[string][32]byte{}, tried: map[string][][32]byte{}}
	p := h.restart()
	if _, err := objectsOf(p).CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: aws.String(bucketName)}); err != nil {
		t.Fatal(err)
	}
	total := 0
	for range max(2, *cycles/2) {
		c := objectsOf(p)
		var wg sync.WaitGroup
		var mu sync.Mutex
		for w := range 8 {
			wg.Go(func() {
				n := s.work(t.Context(), c, w)
				mu.Lock()
				defer mu.Unlock()
				total += n
			})
		}
		time.Sleep(h.between(300*time.Millisecond, 900*time.Millisecond))
		p.kill(t)
		wg.Wait()
		p = h.restart()
		c = objectsOf(p)
		s.check(t, c)
		want := large(t, c)
		if !garrisontest.Eventually(func() bool { return files(t, h.data) == want }) {
			t.Errorf("%d files for %d large objects", files(t, h.data), want)
		}
	}
	p.kill(t)
	t.Logf("%d acknowledged calls", total)
}

// TestBodiesElsewhere keeps one server's bodies in a bucket of another.
func TestBodiesElsewhere(t *testing.T) {
	keeper := start(t, filepath.Join(t.TempDir(), "keeper"))
	defer keeper.kill(t)
	if _, err := objectsOf(keeper).CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: aws.String("bodies")}); err != nil {
		t.Fatal(err)
	}
	cred, err := keeper.config.Credentials.Retrieve(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("AWS_ACCESS_KEY_ID", cred.AccessKeyID)
	t.Setenv("AWS_SECRET_ACCESS_KEY", cred.SecretAccessKey)
	data := filepath.Join(t.TempDir(), "data")
	flag := "--blob=s3://bodies/garrison?endpoint=" + *keeper.config.BaseEndpoint
	p := start(t, data, flag)
	if _, err := objectsOf(p).CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: aws.String(bucketName)}); err != nil {
		t.Fatal(err)
	}
	for _, size := range []int{100, 100_000, 20 << 20} {
		key, b := fmt.Sprint(size), bodyOf(uint64(size), size)
		if _, err := objectsOf(p).PutObject(t.Context(), &s3.PutObjectInput{Bucket: aws.String(bucketName), Key: &key, Body: bytes.NewReader(b)}); err != nil {
			t.Fatal(err)
		}
	}
	p.kill(t)
	p = start(t, data, flag)
	defer p.kill(t)
	for _, size := range []int{100, 100_000, 20 << 20} {
		out, err := objectsOf(p).GetObject(t.Context(), &s3.GetObjectInput{Bucket: aws.String(bucketName), Key: aws.String(fmt.Sprint(size)), Range: aws.String("bytes=50-")})
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(out.Body)
		out.Body.Close()
		if err != nil || !bytes.Equal(got, bodyOf(uint64(size), size)[50:]) {
			t.Errorf("%d bytes: read %d, %v", size, len(got), err)
		}
		if _, err := objectsOf(p).DeleteObject(t.Context(), &s3.DeleteObjectInput{Bucket: aws.String(bucketName), Key: aws.String(fmt.Sprint(size))}); err != nil {
			t.Fatal(err)
		}
	}
	kept := func() int {
		out, err := objectsOf(keeper).ListObjectsV2(t.Context(), &s3.ListObjectsV2Input{Bucket: aws.String("bodies"), Prefix: aws.String("garrison/us-east-1/")})
		if err != nil {
			t.Fatal(err)
		}
		return len(out.Contents)
	}
	if !garrisontest.Eventually(func() bool { return kept() == 0 }) {
		t.Errorf("%d bodies are left in the other server's bucket, want none", kept())
	}
	if n := files(t, data); n != 0 {
		t.Errorf("%d bodies in the data directory, want none", n)
	}
}
