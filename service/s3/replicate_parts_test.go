package s3_test

import (
	"bytes"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// TestReplicateParts replicates what was uploaded in parts.
func TestReplicateParts(t *testing.T) {
	t.Parallel()
	r := newReplicaRig(t, trustS3, mayReplicate)
	r.set(t, rule("target", 1))
	bucket, key := aws.String("source"), aws.String("parts")
	up, err := r.source.CreateMultipartUpload(t.Context(), &s3.CreateMultipartUploadInput{Bucket: bucket, Key: key})
	if err != nil {
		t.Fatal(err)
	}
	want := pattern(5<<20 + 100)
	var parts []types.CompletedPart
	for i, b := range [][]byte{want[:5<<20], want[5<<20:]} {
		n := aws.Int32(int32(i + 1))
		out, err := r.source.UploadPart(t.Context(), &s3.UploadPartInput{Bucket: bucket, Key: key, UploadId: up.UploadId, PartNumber: n, Body: bytes.NewReader(b)})
		if err != nil {
			t.Fatal(err)
		}
		parts = append(parts, types.CompletedPart{PartNumber: n, ETag: out.ETag, ChecksumCRC32: out.ChecksumCRC32})
	}
	made, err := r.source.CompleteMultipartUpload(t.Context(), &s3.CompleteMultipartUploadInput{
		Bucket: bucket, Key: key, UploadId: up.UploadId, MultipartUpload: &types.CompletedMultipartUpload{Parts: parts},
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := r.status(t, head("parts")); got != types.ReplicationStatusCompleted {
		t.Fatalf("status %q, want COMPLETED", got)
	}
	got, out := get(t, r.target, &s3.GetObjectInput{Bucket: aws.String("target"), Key: key, VersionId: made.VersionId})
	if !bytes.Equal(got, want) || *out.ETag != *made.ETag {
		t.Errorf("the replica is %d bytes, ETag %s; want %d, %s", len(got), *out.ETag, len(want), *made.ETag)
	}
}
