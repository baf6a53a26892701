package s3_test

import (
	"bytes"
	"crypto/md5"
	"encoding/hex"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/garrison-cloud/garrison/internal/garrisontest"
)

// pattern are n bytes that don't repeat.
func pattern(n int) []byte {
	b := make([]byte, n)
	r := rand.NewChaCha8([32]byte{byte(n)})
	r.Read(b)
	return b
}

func put(t testing.TB, c *s3.Client, bucket, key string, b []byte) *s3.PutObjectOutput {
	t.Helper()
	out, err := c.PutObject(t.Context(), &s3.PutObjectInput{Bucket: &bucket, Key: &key, Body: bytes.NewReader(b)})
	if err != nil {
		t.Fatalf("PutObject %s/%s: %v", bucket, key, err)
	}
	return out
}

func get(t testing.TB, c *s3.Client, in *s3.GetObjectInput) ([]byte, *s3.GetObjectOutput) {
	t.Helper()
	out, err := c.GetObject(t.Context(), in)
	if err != nil {
		t.Fatalf("GetObject %s/%s: %v", *in.Bucket, *in.Key, err)
	}
	defer out.Body.Close()
	b, err := io.ReadAll(out.Body)
	if err != nil {
		t.Fatalf("GetObject %s/%s: read: %v", *in.Bucket, *in.Key, err)
	}
	return b, out
}

func start(t testing.TB, bucket string) *s3.Client {
	t.Helper()
	c := client(garrisontest.Start(t).Config)
	if err := create(t.Context(), c, bucket, ""); err != nil {
		t.Fatal(err)
	}
	return c
}

// TestRoundTrip puts and gets bodies of every kind of size.
func TestRoundTrip(t *testing.T) {
	t.Parallel()
	c := start(t, "trip")
	for _, size := range []int{0, 1, 16 << 10, 16<<10 + 1, 64 << 10, 300_000, 3 << 20} {
		b, key := pattern(size), fmt.Sprintf("a/%d", size)
		sum := md5.Sum(b)
		out := put(t, c, "trip", key, b)
		if want := `"` + hex.EncodeToString(sum[:]) + `"`; *out.ETag != want {
			t.Errorf("%d bytes: ETag %s, want %s", size, *out.ETag, want)
		}
		got, head := get(t, c, &s3.GetObjectInput{Bucket: aws.String("trip"), Key: &key, ChecksumMode: types.ChecksumModeEnabled})
		if !bytes.Equal(got, b) || *head.ContentLength != int64(size) || head.ServerSideEncryption != types.ServerSideEncryptionAes256 {
			t.Errorf("%d bytes: got %d, length %d, encryption %s", size, len(got), *head.ContentLength, head.ServerSideEncryption)
		}
		h, err := c.HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: aws.String("trip"), Key: &key})
		if err != nil || *h.ContentLength != int64(size) || *h.ETag != *out.ETag {
			t.Errorf("HeadObject of %d = %+v, %v", size, h, err)
		}
	}
}

// TestRanges reads parts of a body.
func TestRanges(t *testing.T) {
	t.Parallel()
	c := start(t, "ranges")
	for _, size := range []int{100, 200_000} {
		b, key := pattern(size), fmt.Sprint(size)
		put(t, c, "ranges", key, b)
		for _, tt := range []struct {
			header   string
			from, to int
			status   string
		}{
			{"bytes=0-0", 0, 1, ""},
			{"bytes=10-19", 10, 20, ""},
			{"bytes=50-", 50, size, ""},
			{"bytes=-7", size - 7, size, ""},
			{"bytes=0-999999999", 0, size, ""},
			{"bytes=-999999999", 0, size, ""},
			{fmt.Sprintf("bytes=%d-", size-1), size - 1, size, ""},
			{"bytes=9-3", 0, size, "whole"},
			{"lines=1-2", 0, size, "whole"},
			{fmt.Sprintf("bytes=%d-", size), 0, 0, "InvalidRange"},
			{"bytes=-0", 0, 0, "InvalidRange"},
		} {
			out, err := c.GetObject(t.Context(), &s3.GetObjectInput{Bucket: aws.String("ranges"), Key: &key, Range: &tt.header})
			if tt.status == "InvalidRange" {
				garrisontest.Want(t, err, "InvalidRange")
				continue
			}
			if err != nil {
				t.Errorf("%s of %d: %v", tt.header, size, err)
				continue
			}
			got, _ := io.ReadAll(out.Body)
			out.Body.Close()
			if !bytes.Equal(got, b[tt.from:tt.to]) {
				t.Errorf("%s of %d: %d bytes, want [%d:%d]", tt.header, size, len(got), tt.from, tt.to)
			}
			want := fmt.Sprintf("bytes %d-%d/%d", tt.from, tt.to-1, size)
			if tt.status == "whole" {
				want = ""
			}
			if aws.ToString(out.ContentRange) != want {
				t.Errorf("%s of %d: Content-Range %q, want %q", tt.header, size, aws.ToString(out.ContentRange), want)
			}
		}
	}
}

// TestVersions puts, deletes and brings back versions.
func TestVersions(t *testing.T) {
	t.Parallel()
	c := start(t, "versions")
	_ = http.StatusOK
	put(t, c, "versions", "k", []byte("null"))
	_, err := c.GetObject(t.Context(), &s3.GetObjectInput{Bucket: aws.String("versions"), Key: aws.String("k"), VersionId: aws.String("nope")})
	garrisontest.Want(t, err, "NoSuchVersion")
	if _, err := c.DeleteObject(t.Context(), &s3.DeleteObjectInput{Bucket: aws.String("versions"), Key: aws.String("k")}); err != nil {
		t.Fatal(err)
	}
	_, err = c.GetObject(t.Context(), &s3.GetObjectInput{Bucket: aws.String("versions"), Key: aws.String("k")})
	garrisontest.Want(t, err, "NoSuchKey")
}

// TestListObjects lists with prefixes, delimiters and pages.
func TestListObjects(t *testing.T) {
	t.Parallel()
	c := start(t, "lists")
	for _, k := range []string{"a", "b/1", "b/2", "b/c/3", "d", "e/", "z\xc3\xbc"} {
		put(t, c, "lists", k, []byte(k))
	}
	for _, tt := range []struct {
		in   s3.ListObjectsV2Input
		want string
	}{
		{s3.ListObjectsV2Input{}, "a b/1 b/2 b/c/3 d e/ zü"},
		{s3.ListObjectsV2Input{Delimiter: aws.String("/")}, "a d zü | b/ e/"},
		{s3.ListObjectsV2Input{Prefix: aws.String("b/"), Delimiter: aws.String("/")}, "b/1 b/2 | b/c/"},
		{s3.ListObjectsV2Input{StartAfter: aws.String("b/2")}, "b/c/3 d e/ zü"},
		{s3.ListObjectsV2Input{StartAfter: aws.String("b/2"), Delimiter: aws.String("/")}, "d zü | b/ e/"},
	} {
		for _, step := range []int32{1, 2, 1000} {
			var keys, prefixes []string
			tt.in.Bucket, tt.in.MaxKeys = aws.String("lists"), &step
			for p := s3.NewListObjectsV2Paginator(c, &tt.in); p.HasMorePages(); {
				out, err := p.NextPage(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				for _, o := range out.Contents {
					keys = append(keys, *o.Key)
				}
				for _, cp := range out.CommonPrefixes {
					prefixes = append(prefixes, *cp.Prefix)
				}
			}
			got := strings.Join(keys, " ")
			if prefixes != nil {
				got += " | " + strings.Join(prefixes, " ")
			}
			if got != tt.want {
				t.Errorf("%+v by %d = %q, want %q", tt.in, step, got, tt.want)
			}
		}
	}
}
