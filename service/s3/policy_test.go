package s3_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/garrison-cloud/garrison/internal/garrisontest"
)

func policy(statements string) *string {
	return aws.String(`{"Version":"2012-10-17","Statement":[` + statements + `]}`)
}

// TestPolicy lets another account in by a policy, and holds puts to conditions.
func TestPolicy(t *testing.T) {
	t.Parallel()
	srv := garrisontest.Start(t)
	c := client(srv.Config)
	other := client(srv.ConfigFor(garrisontest.OtherAccount, garrisontest.Region))
	mustCreate(t, c, "shared", "")
	put(t, c, "shared", "k", []byte("x"))
	bucket, key := aws.String("shared"), aws.String("k")
	_, err := other.GetObject(t.Context(), &s3.GetObjectInput{Bucket: bucket, Key: key})
	garrisontest.Want(t, err, "AccessDenied")
	document := policy(`{"Effect":"Allow","Principal":{"AWS":"` + garrisontest.OtherAccount + `"},"Action":["s3:GetObject","s3:PutObject"],"Resource":"arn:aws:s3:::shared/*"},` +
		`{"Effect":"Deny","Principal":"*","Action":"s3:PutObject","Resource":"arn:aws:s3:::shared/*","Condition":{"StringNotEquals":{"s3:x-amz-server-side-encryption":"aws:kms"}}}`)
	if _, err := c.PutBucketPolicy(t.Context(), &s3.PutBucketPolicyInput{Bucket: bucket, Policy: document}); err != nil {
		t.Fatal(err)
	}
	if out, err := c.GetBucketPolicy(t.Context(), &s3.GetBucketPolicyInput{Bucket: bucket}); err != nil || *out.Policy != *document {
		t.Errorf("GetBucketPolicy = %+v, %v", out, err)
	}
	get(t, other, &s3.GetObjectInput{Bucket: bucket, Key: key})
	in := &s3.PutObjectInput{Bucket: bucket, Key: key, Body: strings.NewReader("y")}
	_, err = c.PutObject(t.Context(), in)
	garrisontest.Want(t, err, "AccessDenied")
	in.Body, in.ServerSideEncryption = strings.NewReader("y"), types.ServerSideEncryptionAwsKms
	if _, err := c.PutObject(t.Context(), in); err != nil {
		t.Errorf("PutObject as the policy wants it = %v", err)
	}
	if _, err := c.DeleteBucketPolicy(t.Context(), &s3.DeleteBucketPolicyInput{Bucket: bucket}); err != nil {
		t.Fatal(err)
	}
	_, err = other.GetObject(t.Context(), &s3.GetObjectInput{Bucket: bucket, Key: key})
	garrisontest.Want(t, err, "AccessDenied")
	for name, document := range map[string]*string{
		"no JSON":           aws.String("{"),
		"another's objects": policy(`{"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::others/*"}`),
		"another's action":  policy(`{"Effect":"Allow","Principal":"*","Action":"sqs:SendMessage","Resource":"arn:aws:s3:::shared/*"}`),
		"no principal":      policy(`{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::shared/*"}`),
	} {
		_, err := c.PutBucketPolicy(t.Context(), &s3.PutBucketPolicyInput{Bucket: bucket, Policy: document})
		if got := garrisontest.ErrorCode(err); got != "MalformedPolicy" {
			t.Errorf("%s: PutBucketPolicy = %v, want MalformedPolicy", name, err)
		}
	}
}

// TestPublic opens a bucket to everybody, which its public access block must allow first.
func TestPublic(t *testing.T) {
	t.Parallel()
	srv := garrisontest.Start(t)
	c := client(srv.Config)
	mustCreate(t, c, "open", "")
	put(t, c, "open", "k", []byte("for all"))
	bucket := aws.String("open")
	document := policy(`{"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::open/*"}`)
	_, err := c.PutBucketPolicy(t.Context(), &s3.PutBucketPolicyInput{Bucket: bucket, Policy: document})
	garrisontest.Want(t, err, "AccessDenied")
	block := func(restrict bool) {
		t.Helper()
		if _, err := c.PutPublicAccessBlock(t.Context(), &s3.PutPublicAccessBlockInput{Bucket: bucket, PublicAccessBlockConfiguration: &types.PublicAccessBlockConfiguration{RestrictPublicBuckets: &restrict}}); err != nil {
			t.Fatal(err)
		}
	}
	anybody := func() (int, string) {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, srv.URL+"/open/k", nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		b, _ := io.ReadAll(resp.Body)
		return resp.StatusCode, string(b)
	}
	block(false)
	if status, _ := anybody(); status != http.StatusForbidden {
		t.Errorf("before the policy anybody gets %d, want 403", status)
	}
	if _, err := c.PutBucketPolicy(t.Context(), &s3.PutBucketPolicyInput{Bucket: bucket, Policy: document}); err != nil {
		t.Fatal(err)
	}
	if out, err := c.GetBucketPolicyStatus(t.Context(), &s3.GetBucketPolicyStatusInput{Bucket: bucket}); err != nil || !*out.PolicyStatus.IsPublic {
		t.Errorf("GetBucketPolicyStatus = %+v, %v; want public", out, err)
	}
	if status, body := anybody(); status != http.StatusOK || body != "for all" {
		t.Errorf("anybody gets %d %q, want the object", status, body)
	}
	block(true)
	if status, _ := anybody(); status != http.StatusForbidden {
		t.Errorf("a restricted bucket gives anybody %d, want 403", status)
	}
}

// TestVersioning puts, deletes and brings back versions.
func TestVersioning(t *testing.T) {
	t.Parallel()
	c := start(t, "kept")
	bucket, key := aws.String("kept"), aws.String("k")
	put(t, c, "kept", "k", []byte("null"))
	set := func(status types.BucketVersioningStatus) {
		t.Helper()
		if _, err := c.PutBucketVersioning(t.Context(), &s3.PutBucketVersioningInput{Bucket: bucket, VersioningConfiguration: &types.VersioningConfiguration{Status: status}}); err != nil {
			t.Fatal(err)
		}
	}
	set(types.BucketVersioningStatusEnabled)
	one, two := put(t, c, "kept", "k", []byte("one")), put(t, c, "kept", "k", pattern(20_000))
	for id, want := range map[string]int{"null": 4, *one.VersionId: 3, *two.VersionId: 20_000} {
		if got, _ := get(t, c, &s3.GetObjectInput{Bucket: bucket, Key: key, VersionId: &id}); len(got) != want {
			t.Errorf("version %s has %d bytes, want %d", id, len(got), want)
		}
	}
	marker, err := c.DeleteObject(t.Context(), &s3.DeleteObjectInput{Bucket: bucket, Key: key})
	if err != nil || !aws.ToBool(marker.DeleteMarker) {
		t.Fatalf("DeleteObject = %+v, %v; want a delete marker", marker, err)
	}
	_, err = c.GetObject(t.Context(), &s3.GetObjectInput{Bucket: bucket, Key: key})
	garrisontest.Want(t, err, "NoSuchKey")
	_, err = c.GetObject(t.Context(), &s3.GetObjectInput{Bucket: bucket, Key: key, VersionId: marker.VersionId})
	garrisontest.Want(t, err, "MethodNotAllowed")
	var ids []string
	for _, step := range []int32{1, 1000} {
		ids = nil
		in := &s3.ListObjectVersionsInput{Bucket: bucket, MaxKeys: &step}
		for {
			out, err := c.ListObjectVersions(t.Context(), in)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range out.DeleteMarkers {
				ids = append(ids, *m.VersionId)
			}
			for _, v := range out.Versions {
				ids = append(ids, *v.VersionId)
			}
			if !aws.ToBool(out.IsTruncated) {
				break
			}
			in.KeyMarker, in.VersionIdMarker = out.NextKeyMarker, out.NextVersionIdMarker
		}
		want := strings.Join([]string{*marker.VersionId, *two.VersionId, *one.VersionId, "null"}, " ")
		if got := strings.Join(ids, " "); got != want {
			t.Errorf("versions by %d = %s, want %s", step, got, want)
		}
	}
	if _, err := c.DeleteObject(t.Context(), &s3.DeleteObjectInput{Bucket: bucket, Key: key, VersionId: marker.VersionId}); err != nil {
		t.Fatal(err)
	}
	if got, _ := get(t, c, &s3.GetObjectInput{Bucket: bucket, Key: key}); len(got) != 20_000 {
		t.Errorf("without its delete marker the object has %d bytes, want those of the last version", len(got))
	}
	set(types.BucketVersioningStatusSuspended)
	put(t, c, "kept", "k", []byte("null again"))
	if out, err := c.ListObjectVersions(t.Context(), &s3.ListObjectVersionsInput{Bucket: bucket}); err != nil || len(out.Versions) != 3 || *out.Versions[0].VersionId != "null" {
		t.Errorf("after a put into a suspended bucket: %+v, %v; want three versions, the null one first", out, err)
	}
	_, err = c.DeleteBucket(t.Context(), &s3.DeleteBucketInput{Bucket: bucket})
	garrisontest.Want(t, err, "BucketNotEmpty")
}
