package s3_test

import (
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/garrison-cloud/garrison/internal/clock"
	"github.com/garrison-cloud/garrison/internal/garrisontest"
)

// TestObjectLock locks versions in both modes and by a hold, and tries to delete them.
func TestObjectLock(t *testing.T) {
	t.Parallel()
	srv := garrisontest.Start(t)
	c := client(srv.Config)
	bucket := aws.String("locked")
	if _, err := c.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: bucket, ObjectLockEnabledForBucket: aws.Bool(true)}); err != nil {
		t.Fatal(err)
	}
	until := aws.Time(clock.System{}.Now().Add(time.Hour).Truncate(time.Second))
	lockedPut := func(key string, mode types.ObjectLockMode, hold types.ObjectLockLegalHoldStatus) *string {
		t.Helper()
		in := &s3.PutObjectInput{Bucket: bucket, Key: &key, Body: strings.NewReader("x"), ObjectLockLegalHoldStatus: hold}
		if mode != "" {
			in.ObjectLockMode, in.ObjectLockRetainUntilDate = mode, until
		}
		out, err := c.PutObject(t.Context(), in)
		if err != nil {
			t.Fatalf("%s: PutObject = %v", key, err)
		}
		return out.VersionId
	}
	erase := func(key string, id *string, bypass bool) string {
		t.Helper()
		in := &s3.DeleteObjectInput{Bucket: bucket, Key: &key, VersionId: id}
		if bypass {
			in.BypassGovernanceRetention = aws.Bool(true)
		}
		_, err := c.DeleteObject(t.Context(), in)
		return garrisontest.ErrorCode(err)
	}
	governed, compliant, hold := lockedPut("g", types.ObjectLockModeGovernance, ""), lockedPut("c", types.ObjectLockModeCompliance, ""), lockedPut("h", "", types.ObjectLockLegalHoldStatusOn)
	for _, tt := range []struct {
		key    string
		id     *string
		bypass bool
		want   string
	}{
		{"g", governed, false, "AccessDenied"},
		{"c", compliant, false, "AccessDenied"},
		{"c", compliant, true, "AccessDenied"},
		{"h", hold, true, "AccessDenied"},
		{"g", nil, false, ""},
		{"g", governed, true, ""},
	} {
		if got := erase(tt.key, tt.id, tt.bypass); got != tt.want {
			t.Errorf("DeleteObject %s, bypass %v = %q, want %q", tt.key, tt.bypass, got, tt.want)
		}
	}
	retain := func(mode types.ObjectLockRetentionMode, at time.Time) string {
		_, err := c.PutObjectRetention(t.Context(), &s3.PutObjectRetentionInput{
			Bucket: bucket, Key: aws.String("c"), Retention: &types.ObjectLockRetention{Mode: mode, RetainUntilDate: &at}, BypassGovernanceRetention: aws.Bool(true),
		})
		return garrisontest.ErrorCode(err)
	}
	if got := retain(types.ObjectLockRetentionModeCompliance, until.Add(-time.Minute)); got != "AccessDenied" {
		t.Errorf("a shorter compliance = %q, want AccessDenied", got)
	}
	if got := retain(types.ObjectLockRetentionModeGovernance, until.Add(time.Hour)); got != "AccessDenied" {
		t.Errorf("compliance become governance = %q, want AccessDenied", got)
	}
	if got := retain(types.ObjectLockRetentionModeCompliance, until.Add(time.Minute)); got != "" {
		t.Errorf("a longer compliance = %q", got)
	}
	if _, err := c.PutObjectLegalHold(t.Context(), &s3.PutObjectLegalHoldInput{Bucket: bucket, Key: aws.String("h"), LegalHold: &types.ObjectLockLegalHold{Status: types.ObjectLockLegalHoldStatusOff}}); err != nil {
		t.Fatal(err)
	}
	if got := erase("h", hold, false); got != "" {
		t.Errorf("DeleteObject after the hold = %q", got)
	}
}

// TestDefaultLock locks what is put without a word of it, and refuses a lock where the
// bucket has none.
func TestDefaultLock(t *testing.T) {
	t.Parallel()
	c := client(garrisontest.Start(t).Config)
	bucket := aws.String("default")
	if _, err := c.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: bucket, ObjectLockEnabledForBucket: aws.Bool(true)}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.PutObjectLockConfiguration(t.Context(), &s3.PutObjectLockConfigurationInput{Bucket: bucket, ObjectLockConfiguration: &types.ObjectLockConfiguration{
		ObjectLockEnabled: types.ObjectLockEnabledEnabled,
		Rule:              &types.ObjectLockRule{DefaultRetention: &types.DefaultRetention{Mode: types.ObjectLockRetentionModeGovernance, Days: aws.Int32(2)}},
	}}); err != nil {
		t.Fatal(err)
	}
	id := put(t, c, "default", "d", []byte("x")).VersionId
	_, err := c.DeleteObject(t.Context(), &s3.DeleteObjectInput{Bucket: bucket, Key: aws.String("d"), VersionId: id})
	garrisontest.Want(t, err, "AccessDenied")
	mustCreate(t, c, "unlocked", "")
	_, err = c.PutObject(t.Context(), &s3.PutObjectInput{Bucket: aws.String("unlocked"), Key: aws.String("k"), Body: strings.NewReader("x"), ObjectLockLegalHoldStatus: types.ObjectLockLegalHoldStatusOn})
	garrisontest.Want(t, err, "InvalidRequest")
}
