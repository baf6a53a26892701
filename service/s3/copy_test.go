package s3_test

import (
	"bytes"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/garrison-cloud/garrison/internal/garrisontest"
)

// TestCopy copies objects with what is said of them, or with something new.
func TestCopy(t *testing.T) {
	t.Parallel()
	srv := garrisontest.Start(t)
	c := client(srv.Config)
	mustCreate(t, c, "from", "")
	mustCreate(t, c, "copies", "")
	b := pattern(100_000)
	if _, err := c.PutObject(t.Context(), &s3.PutObjectInput{
		Bucket: aws.String("from"), Key: aws.String("a b+c"), Body: bytes.NewReader(b), Metadata: map[string]string{"owner": "ann"},
		ContentType: aws.String("text/plain"), Tagging: aws.String("team=blue"),
	}); err != nil {
		t.Fatal(err)
	}
	in := &s3.CopyObjectInput{Bucket: aws.String("copies"), Key: aws.String("k"), CopySource: aws.String("from/a%20b%2Bc"), ServerSideEncryption: types.ServerSideEncryptionAwsKms}
	out, err := c.CopyObject(t.Context(), in)
	if err != nil || out.ServerSideEncryption != types.ServerSideEncryptionAwsKms {
		t.Fatalf("CopyObject = %+v, %v", out, err)
	}
	got, head := get(t, c, &s3.GetObjectInput{Bucket: aws.String("copies"), Key: aws.String("k")})
	if !bytes.Equal(got, b) || head.Metadata["owner"] != "ann" || *head.ContentType != "text/plain" || aws.ToInt32(head.TagCount) != 1 {
		t.Errorf("the copy has %d bytes, metadata %v, type %s, %d tags", len(got), head.Metadata, *head.ContentType, aws.ToInt32(head.TagCount))
	}
	in.MetadataDirective, in.Metadata, in.TaggingDirective = types.MetadataDirectiveReplace, map[string]string{"owner": "bob"}, types.TaggingDirectiveReplace
	if _, err := c.CopyObject(t.Context(), in); err != nil {
		t.Fatal(err)
	}
	if _, head := get(t, c, &s3.GetObjectInput{Bucket: aws.String("copies"), Key: aws.String("k")}); head.Metadata["owner"] != "bob" || head.TagCount != nil {
		t.Errorf("the second copy has metadata %v and %d tags", head.Metadata, aws.ToInt32(head.TagCount))
	}
	for name, tt := range map[string]struct {
		in   s3.CopyObjectInput
		want string
	}{
		"onto itself": {s3.CopyObjectInput{Bucket: aws.String("copies"), Key: aws.String("k"), CopySource: aws.String("copies/k")}, "InvalidRequest"},
		"no source":   {s3.CopyObjectInput{Bucket: aws.String("copies"), Key: aws.String("n"), CopySource: aws.String("from/none")}, "NoSuchKey"},
		"no key":      {s3.CopyObjectInput{Bucket: aws.String("copies"), Key: aws.String("n"), CopySource: aws.String("from")}, "InvalidArgument"},
		"condition":   {s3.CopyObjectInput{Bucket: aws.String("copies"), Key: aws.String("n"), CopySource: aws.String("from/a%20b%2Bc"), CopySourceIfMatch: aws.String(`"x"`)}, "PreconditionFailed"},
		"unchanged":   {s3.CopyObjectInput{Bucket: aws.String("copies"), Key: aws.String("n"), CopySource: aws.String("from/a%20b%2Bc"), CopySourceIfNoneMatch: aws.String("*")}, "PreconditionFailed"},
	} {
		_, err := c.CopyObject(t.Context(), &tt.in)
		if got := garrisontest.ErrorCode(err); got != tt.want {
			t.Errorf("%s: CopyObject = %v, want %s", name, err, tt.want)
		}
	}
	writer := client(srv.User(t, "writer", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:PutObject","Resource":"*"}]}`))
	_, err = writer.CopyObject(t.Context(), &s3.CopyObjectInput{Bucket: aws.String("copies"), Key: aws.String("n"), CopySource: aws.String("from/a%20b%2Bc")})
	garrisontest.Want(t, err, "AccessDenied")
}

// TestObjectTags puts, reads and deletes tags, and holds them to their limits.
func TestObjectTags(t *testing.T) {
	t.Parallel()
	c := start(t, "tags")
	put(t, c, "tags", "k", []byte("x"))
	bucket, key := aws.String("tags"), aws.String("k")
	many := make([]types.Tag, 11)
	for i := range many {
		many[i] = types.Tag{Key: aws.String(string(rune('a' + i))), Value: aws.String("")}
	}
	_, err := c.PutObjectTagging(t.Context(), &s3.PutObjectTaggingInput{Bucket: bucket, Key: key, Tagging: &types.Tagging{TagSet: many}})
	garrisontest.Want(t, err, "BadRequest")
	_, err = c.PutObjectTagging(t.Context(), &s3.PutObjectTaggingInput{Bucket: bucket, Key: key, Tagging: &types.Tagging{TagSet: []types.Tag{many[0], many[0]}}})
	garrisontest.Want(t, err, "InvalidTag")
	if _, err := c.PutObjectTagging(t.Context(), &s3.PutObjectTaggingInput{Bucket: bucket, Key: key, Tagging: &types.Tagging{TagSet: many[:2]}}); err != nil {
		t.Fatal(err)
	}
	out, err := c.GetObjectTagging(t.Context(), &s3.GetObjectTaggingInput{Bucket: bucket, Key: key})
	if err != nil || len(out.TagSet) != 2 {
		t.Errorf("GetObjectTagging = %+v, %v; want two tags", out, err)
	}
	if _, err := c.DeleteObjectTagging(t.Context(), &s3.DeleteObjectTaggingInput{Bucket: bucket, Key: key}); err != nil {
		t.Fatal(err)
	}
	if out, err := c.GetObjectTagging(t.Context(), &s3.GetObjectTaggingInput{Bucket: bucket, Key: key}); err != nil || len(out.TagSet) != 0 {
		t.Errorf("GetObjectTagging after the deletion = %+v, %v", out, err)
	}
}

// TestPartCopy makes an object of ranges of another.
func TestPartCopy(t *testing.T) {
	t.Parallel()
	c := start(t, "pieces")
	b := pattern(12 * mib)
	put(t, c, "pieces", "whole", b)
	bucket, key := aws.String("pieces"), aws.String("copy")
	id := begin(t, c, &s3.CreateMultipartUploadInput{Bucket: bucket, Key: key})
	list := &types.CompletedMultipartUpload{}
	for i, r := range []string{"bytes=0-5242879", "bytes=5242880-12582911"} {
		out, err := c.UploadPartCopy(t.Context(), &s3.UploadPartCopyInput{Bucket: bucket, Key: key, UploadId: &id, PartNumber: aws.Int32(int32(i + 1)), CopySource: aws.String("pieces/whole"), CopySourceRange: &r})
		if err != nil {
			t.Fatalf("UploadPartCopy %s = %v", r, err)
		}
		list.Parts = append(list.Parts, types.CompletedPart{PartNumber: aws.Int32(int32(i + 1)), ETag: out.CopyPartResult.ETag})
	}
	for _, r := range []string{"bytes=0-99999999", "bytes=5-", "lines=1-2"} {
		_, err := c.UploadPartCopy(t.Context(), &s3.UploadPartCopyInput{Bucket: bucket, Key: key, UploadId: &id, PartNumber: aws.Int32(9), CopySource: aws.String("pieces/whole"), CopySourceRange: &r})
		garrisontest.Want(t, err, "InvalidArgument")
	}
	if _, err := c.CompleteMultipartUpload(t.Context(), &s3.CompleteMultipartUploadInput{Bucket: bucket, Key: key, UploadId: &id, MultipartUpload: list}); err != nil {
		t.Fatal(err)
	}
	if got, _ := get(t, c, &s3.GetObjectInput{Bucket: bucket, Key: key}); !bytes.Equal(got, b) {
		t.Errorf("the copy has %d bytes, want %d", len(got), len(b))
	}
}
