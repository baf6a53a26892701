package crash_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/garrison-cloud/garrison/internal/garrisontest"
)

// carried are sizes of bodies that lie in the store, and beside it.
var carried = []int{0, 1000, 100_000}

// TestKillObjectReplication kills a server of two Regions while objects are put and
// replicated. Every version that is there afterwards comes to be in the other Region,
// once, whole and under its own id.
func TestKillObjectReplication(t *testing.T) {
	data, regions := filepath.Join(t.TempDir(), "data"), "--regions=us-east-1,"+away
	h := newHistory(t)
	p := start(t, data, regions)
	enrollBuckets(t, p)
	p.kill(t)
	for i := range max(2, *cycles/2) {
		p := start(t, data, regions)
		if i%2 == 0 {
			ended := putInto(t, objectsOf(p), i)
			time.Sleep(h.between(50*time.Millisecond, 400*time.Millisecond))
			p.kill(t)
			ended()
			continue
		}
		time.Sleep(h.between(0, 30*time.Millisecond)) // while the rest is on its way
		p.kill(t)
	}
	p = start(t, data, regions)
	here, there := objectsOf(p), farObjects(p)
	all := versionsIn(t, here, "from-here")
	if len(all) == 0 {
		t.Fatal("nothing was put")
	}
	for name, key := range all {
		checkReplica(t, here, there, name, key)
	}
	if n := len(versionsIn(t, there, "to-there")); n != len(all) {
		t.Errorf("%d versions in the other Region, want %d", n, len(all))
	}
	p.terminate(t)
	t.Logf("%d versions", len(all))
}

func farObjects(p *process) *s3.Client {
	return s3.New(objectsOf(p).Options(), func(o *s3.Options) { o.Region = away })
}

// enrollBuckets has all that is put into one bucket replicated to another Region's.
func enrollBuckets(t *testing.T, p *process) {
	t.Helper()
	ctx, here, there := t.Context(), objectsOf(p), farObjects(p)
	role, err := iam.NewFromConfig(p.config).CreateRole(ctx, &iam.CreateRoleInput{
		RoleName: aws.String("carrier"),
		AssumeRolePolicyDocument: aws.String(
			`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"s3.amazonaws.com"},"Action":"sts:AssumeRole"}]}`),
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := iam.NewFromConfig(p.config).PutRolePolicy(ctx, &iam.PutRolePolicyInput{
		RoleName: aws.String("carrier"), PolicyName: aws.String("p"),
		PolicyDocument: aws.String(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*"}]}`),
	}); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]*s3.Client{"from-here": here, "to-there": there} {
		in := &s3.CreateBucketInput{Bucket: &name}
		if name == "to-there" {
			in.CreateBucketConfiguration = &types.CreateBucketConfiguration{LocationConstraint: away}
		}
		if _, err := c.CreateBucket(ctx, in); err != nil {
			t.Fatal(err)
		}
		if _, err := c.PutBucketVersioning(ctx, &s3.PutBucketVersioningInput{
			Bucket: &name, VersioningConfiguration: &types.VersioningConfiguration{Status: types.BucketVersioningStatusEnabled},
		}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := here.PutBucketReplication(ctx, &s3.PutBucketReplicationInput{
		Bucket: aws.String("from-here"),
		ReplicationConfiguration: &types.ReplicationConfiguration{Role: role.Role.Arn, Rules: []types.ReplicationRule{{
			Status: types.ReplicationRuleStatusEnabled, Priority: aws.Int32(1), Filter: &types.ReplicationRuleFilter{Prefix: aws.String("")},
			DeleteMarkerReplication: &types.DeleteMarkerReplication{Status: types.DeleteMarkerReplicationStatusDisabled},
			Destination:             &types.Destination{Bucket: aws.String("arn:aws:s3:::to-there")},
		}}},
	}); err != nil {
		t.Fatal(err)
	}
}

// putInto puts objects until the server is gone; what it returns waits for that.
func putInto(t *testing.T, c *s3.Client, round int) (ended func()) {
	var working sync.WaitGroup
	for worker := range 4 {
		working.Go(func() {
			for i := 0; ; i++ {
				n := carried[i%len(carried)]
				key := fmt.Sprintf("%d/%d/%d/%d", round, worker, i%50, n)
				_, err := c.PutObject(context.WithoutCancel(t.Context()), &s3.PutObjectInput{
					Bucket: aws.String("from-here"), Key: &key, Body: bytes.NewReader(bodyOf(uint64(n), n)),
				})
				if err != nil {
					return
				}
			}
		})
	}
	return working.Wait
}

// versionsIn lists a bucket: keys by their versions' ids.
func versionsIn(t *testing.T, c *s3.Client, bucket string) map[string]string {
	t.Helper()
	out := map[string]string{}
	pages := s3.NewListObjectVersionsPaginator(c, &s3.ListObjectVersionsInput{Bucket: &bucket})
	for pages.HasMorePages() {
		page, err := pages.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range page.Versions {
			if out[*v.VersionId] != "" {
				t.Errorf("%s has version %s twice", bucket, *v.VersionId)
			}
			out[*v.VersionId] = *v.Key
		}
	}
	return out
}

func checkReplica(t *testing.T, here, there *s3.Client, id, key string) {
	t.Helper()
	var status types.ReplicationStatus
	if !garrisontest.Eventually(func() bool {
		out, err := here.HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: aws.String("from-here"), Key: &key, VersionId: &id})
		if err == nil {
			status = out.ReplicationStatus
		}
		return status == types.ReplicationStatusCompleted
	}) {
		t.Fatalf("%s %s: status %q, want COMPLETED", key, id, status)
	}
	out, err := there.GetObject(t.Context(), &s3.GetObjectInput{Bucket: aws.String("to-there"), Key: &key, VersionId: &id})
	if err != nil {
		t.Errorf("%s %s: %v", key, id, err)
		return
	}
	got, err := io.ReadAll(out.Body)
	if err != nil {
		t.Errorf("%s %s: %v", key, id, err)
	}
	var n int
	if _, err := fmt.Sscanf(key[bytes.LastIndexByte([]byte(key), '/')+1:], "%d", &n); err != nil || !bytes.Equal(got, bodyOf(uint64(n), n)) {
		t.Errorf("%s %s: the replica is %d bytes, want %d", key, id, len(got), n)
	}
	if err := out.Body.Close(); err != nil {
		t.Error(err)
	}
}
