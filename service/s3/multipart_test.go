package s3_test

import (
	"bytes"
	"crypto/md5"
	"encoding/hex"
	"fmt"
	"hash/crc32"
	"io/fs"
	"path/filepath"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/garrison-cloud/garrison/internal/garrisontest"
	"github.com/garrison-cloud/garrison/internal/server"
)

const mib = 1 << 20

func begin(t testing.TB, c *s3.Client, in *s3.CreateMultipartUploadInput) string {
	t.Helper()
	out, err := c.CreateMultipartUpload(t.Context(), in)
	if err != nil {
		t.Fatalf("CreateMultipartUpload: %v", err)
	}
	return *out.UploadId
}

// send uploads parts numbered from 1 and returns what CompleteMultipartUpload is told.
func send(t testing.TB, c *s3.Client, bucket, key, id string, parts ...[]byte) *types.CompletedMultipartUpload {
	t.Helper()
	list := &types.CompletedMultipartUpload{}
	for i, b := range parts {
		out, err := c.UploadPart(t.Context(), &s3.UploadPartInput{Bucket: &bucket, Key: &key, UploadId: &id, PartNumber: aws.Int32(int32(i + 1)), Body: bytes.NewReader(b), ChecksumAlgorithm: types.ChecksumAlgorithmCrc32})
		if err != nil {
			t.Fatalf("UploadPart %d: %v", i+1, err)
		}
		list.Parts = append(list.Parts, types.CompletedPart{PartNumber: aws.Int32(int32(i + 1)), ETag: out.ETag, ChecksumCRC32: out.ChecksumCRC32})
	}
	return list
}

// TestMultipart uploads in parts by every kind of encryption, and reads the whole, parts
// of it by ranges across parts, and parts by their numbers.
func TestMultipart(t *testing.T) {
	t.Parallel()
	srv := garrisontest.Start(t)
	c := client(srv.Config)
	mustCreate(t, c, "parts", "")
	k, err := kms.NewFromConfig(srv.Config).CreateKey(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	first, second, third := pattern(5*mib), pattern(5*mib+7), pattern(900)
	all := bytes.Join([][]byte{first, second, third}, nil)
	for kind, in := range map[string]s3.CreateMultipartUploadInput{
		"plain": {}, "kms": {ServerSideEncryption: types.ServerSideEncryptionAwsKms, SSEKMSKeyId: k.KeyMetadata.Arn},
		"dsse":  {ServerSideEncryption: types.ServerSideEncryptionAwsKmsDsse, SSEKMSKeyId: k.KeyMetadata.Arn},
		"whole": {ChecksumAlgorithm: types.ChecksumAlgorithmCrc32, ChecksumType: types.ChecksumTypeFullObject},
	} {
		in.Bucket, in.Key, in.Metadata = aws.String("parts"), &kind, map[string]string{"owner": "ann"}
		id := begin(t, c, &in)
		done, err := c.CompleteMultipartUpload(t.Context(), &s3.CompleteMultipartUploadInput{
			Bucket: in.Bucket, Key: in.Key, UploadId: &id, MultipartUpload: send(t, c, "parts", kind, id, first, second, third), ChecksumType: in.ChecksumType,
		})
		if err != nil {
			t.Errorf("%s: CompleteMultipartUpload = %v", kind, err)
			continue
		}
		if kind == "whole" {
			want := crc32.ChecksumIEEE(all)
			if got := aws.ToString(done.ChecksumCRC32); got != base64of(want) {
				t.Errorf("the whole's CRC32 = %s, want %s", got, base64of(want))
			}
		}
		got, head := get(t, c, &s3.GetObjectInput{Bucket: in.Bucket, Key: in.Key})
		if !bytes.Equal(got, all) || head.Metadata["owner"] != "ann" {
			t.Errorf("%s: got %d bytes, metadata %v", kind, len(got), head.Metadata)
		}
		across := fmt.Sprintf("bytes=%d-%d", 5*mib-3, 10*mib+20)
		if got, _ := get(t, c, &s3.GetObjectInput{Bucket: in.Bucket, Key: in.Key, Range: &across}); !bytes.Equal(got, all[5*mib-3:10*mib+21]) {
			t.Errorf("%s: a range across parts has %d bytes", kind, len(got))
		}
		got, head = get(t, c, &s3.GetObjectInput{Bucket: in.Bucket, Key: in.Key, PartNumber: aws.Int32(2)})
		if !bytes.Equal(got, second) || aws.ToInt32(head.PartsCount) != 3 {
			t.Errorf("%s: part 2 has %d bytes of %d parts", kind, len(got), aws.ToInt32(head.PartsCount))
		}
		if kind == "plain" {
			var sums []byte
			for _, b := range [][]byte{first, second, third} {
				sum := md5.Sum(b)
				sums = append(sums, sum[:]...)
			}
			sum := md5.Sum(sums)
			if want := `"` + hex.EncodeToString(sum[:]) + `-3"`; *done.ETag != want {
				t.Errorf("ETag = %s, want %s", *done.ETag, want)
			}
		}
	}
}

func base64of(sum uint32) string {
	return b64([]byte{byte(sum >> 24), byte(sum >> 16), byte(sum >> 8), byte(sum)})
}

// TestMultipartRefused completes uploads wrongly.
func TestMultipartRefused(t *testing.T) {
	t.Parallel()
	c := start(t, "wrong")
	id := begin(t, c, &s3.CreateMultipartUploadInput{Bucket: aws.String("wrong"), Key: aws.String("k")})
	list := send(t, c, "wrong", "k", id, pattern(100), pattern(200))
	one, two := list.Parts[0], list.Parts[1]
	for name, tt := range map[string]struct {
		parts []types.CompletedPart
		want  string
	}{
		"too small":       {[]types.CompletedPart{one, two}, "EntityTooSmall"},
		"order":           {[]types.CompletedPart{two, one}, "InvalidPartOrder"},
		"twice":           {[]types.CompletedPart{one, one}, "InvalidPartOrder"},
		"another's ETag":  {[]types.CompletedPart{{PartNumber: one.PartNumber, ETag: two.ETag}}, "InvalidPart"},
		"no such part":    {[]types.CompletedPart{{PartNumber: aws.Int32(9), ETag: two.ETag}}, "InvalidPart"},
		"a wrong CRC":     {[]types.CompletedPart{{PartNumber: one.PartNumber, ETag: one.ETag, ChecksumCRC32: two.ChecksumCRC32}}, "InvalidPart"},
		"no parts at all": {[]types.CompletedPart{}, "MalformedXML"},
	} {
		_, err := c.CompleteMultipartUpload(t.Context(), &s3.CompleteMultipartUploadInput{
			Bucket: aws.String("wrong"), Key: aws.String("k"), UploadId: &id, MultipartUpload: &types.CompletedMultipartUpload{Parts: tt.parts},
		})
		if got := garrisontest.ErrorCode(err); got != tt.want {
			t.Errorf("%s: CompleteMultipartUpload = %v, want %s", name, err, tt.want)
		}
	}
	_, err := c.UploadPart(t.Context(), &s3.UploadPartInput{Bucket: aws.String("wrong"), Key: aws.String("k"), UploadId: aws.String("none"), PartNumber: aws.Int32(1), Body: bytes.NewReader(nil)})
	garrisontest.Want(t, err, "NoSuchUpload")
	_, err = c.UploadPart(t.Context(), &s3.UploadPartInput{Bucket: aws.String("wrong"), Key: aws.String("k"), UploadId: &id, PartNumber: aws.Int32(10_001), Body: bytes.NewReader(nil)})
	garrisontest.Want(t, err, "InvalidArgument")
}

// TestMultipartLists lists uploads and parts by pages, and ends uploads: nothing is left
// on disk of what no object has taken.
func TestMultipartLists(t *testing.T) {
	t.Parallel()
	data := filepath.Join(t.TempDir(), "data")
	c := client(garrisontest.Start(t, func(c *server.Config) { c.Data = data }).Config)
	mustCreate(t, c, "uploads", "")
	bucket := aws.String("uploads")
	ids := map[string]string{}
	for _, key := range []string{"a", "b/1", "b/2", "c"} {
		ids[key] = begin(t, c, &s3.CreateMultipartUploadInput{Bucket: bucket, Key: &key})
	}
	list := send(t, c, "uploads", "c", ids["c"], pattern(30_000), pattern(40_000), pattern(50_000))
	var keys []string
	in := &s3.ListMultipartUploadsInput{Bucket: bucket, MaxUploads: aws.Int32(2), Delimiter: aws.String("/")}
	for {
		out, err := c.ListMultipartUploads(t.Context(), in)
		if err != nil {
			t.Fatal(err)
		}
		for _, u := range out.Uploads {
			keys = append(keys, *u.Key)
		}
		for _, p := range out.CommonPrefixes {
			keys = append(keys, *p.Prefix)
		}
		if !aws.ToBool(out.IsTruncated) {
			break
		}
		in.KeyMarker, in.UploadIdMarker = out.NextKeyMarker, out.NextUploadIdMarker
	}
	if got := fmt.Sprint(keys); got != "[a b/ c]" {
		t.Errorf("uploads = %s, want [a b/ c]", got)
	}
	var numbers []int32
	for p := s3.NewListPartsPaginator(c, &s3.ListPartsInput{Bucket: bucket, Key: aws.String("c"), UploadId: aws.String(ids["c"]), MaxParts: aws.Int32(2)}); p.HasMorePages(); {
		out, err := p.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, part := range out.Parts {
			numbers = append(numbers, *part.PartNumber)
		}
	}
	if got := fmt.Sprint(numbers); got != "[1 2 3]" {
		t.Errorf("parts = %s, want [1 2 3]", got)
	}
	list.Parts = list.Parts[1:2]
	if _, err := c.CompleteMultipartUpload(t.Context(), &s3.CompleteMultipartUploadInput{Bucket: bucket, Key: aws.String("c"), UploadId: aws.String(ids["c"]), MultipartUpload: list}); err != nil {
		t.Fatal(err)
	}
	if got, _ := get(t, c, &s3.GetObjectInput{Bucket: bucket, Key: aws.String("c")}); !bytes.Equal(got, pattern(40_000)) {
		t.Errorf("the object of part 2 alone has %d bytes", len(got))
	}
	wantBodies(t, data, 1)
	send(t, c, "uploads", "a", ids["a"], pattern(60_000))
	if _, err := c.AbortMultipartUpload(t.Context(), &s3.AbortMultipartUploadInput{Bucket: bucket, Key: aws.String("a"), UploadId: aws.String(ids["a"])}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.DeleteObject(t.Context(), &s3.DeleteObjectInput{Bucket: bucket, Key: aws.String("c")}); err != nil {
		t.Fatal(err)
	}
	send(t, c, "uploads", "b/1", ids["b/1"], pattern(70_000))
	if _, err := c.DeleteBucket(t.Context(), &s3.DeleteBucketInput{Bucket: bucket}); err != nil {
		t.Errorf("DeleteBucket with uploads under way = %v", err)
	}
	wantBodies(t, data, 0)
}

// wantBodies waits until so many bodies lie under the data directory.
func wantBodies(t *testing.T, data string, want int) {
	t.Helper()
	count := func() (n int) {
		_ = filepath.WalkDir(filepath.Join(data, "blobs"), func(_ string, e fs.DirEntry, err error) error {
			if err == nil && !e.IsDir() {
				n++
			}
			return nil // what is being deleted meanwhile isn't there
		})
		return n
	}
	if !garrisontest.Eventually(func() bool { return count() == want }) {
		t.Errorf("%d bodies on disk, want %d", count(), want)
	}
}
