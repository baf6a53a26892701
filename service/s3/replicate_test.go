package s3_test

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/garrison-cloud/garrison/internal/garrisontest"
)

const (
	trustS3 = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"s3.amazonaws.com"},"Action":"sts:AssumeRole"}]}`
	// mayReplicate is the policy of the S3 User Guide, "Setting up permissions for live replication".
	mayReplicate = `{"Version":"2012-10-17","Statement":[
		{"Effect":"Allow","Action":["s3:GetReplicationConfiguration","s3:ListBucket"],"Resource":"arn:aws:s3:::source"},
		{"Effect":"Allow","Action":["s3:GetObjectVersionForReplication","s3:GetObjectVersionAcl","s3:GetObjectVersionTagging"],"Resource":"arn:aws:s3:::source/*"},
		{"Effect":"Allow","Action":["s3:ReplicateObject","s3:ReplicateDelete","s3:ReplicateTags"],"Resource":"arn:aws:s3:::target*/*"}]}`
)

// A replicaRig is two Regions with a bucket in each, and a role.
type replicaRig struct {
	*garrisontest.Server
	source, target *s3.Client
	iam            *iam.Client
	role           string
}

func newReplicaRig(t testing.TB, trust, policy string, opts ...garrisontest.Option) *replicaRig {
	t.Helper()
	srv := garrisontest.Start(t, opts...)
	there := srv.ConfigFor(garrisontest.Account, garrisontest.OtherRegion)
	r := &replicaRig{Server: srv, source: client(srv.Config), target: client(there), iam: iam.NewFromConfig(srv.Config)}
	versioned(t, r.source, "source", "")
	versioned(t, r.target, "target", garrisontest.OtherRegion)
	out, err := r.iam.CreateRole(t.Context(), &iam.CreateRoleInput{RoleName: aws.String("replicate"), AssumeRolePolicyDocument: &trust})
	if err != nil {
		t.Fatal(err)
	}
	r.role = *out.Role.Arn
	r.allow(t, policy)
	return r
}

func (r *replicaRig) allow(t testing.TB, policy string) {
	t.Helper()
	if _, err := r.iam.PutRolePolicy(t.Context(), &iam.PutRolePolicyInput{RoleName: aws.String("replicate"), PolicyName: aws.String("p"), PolicyDocument: &policy}); err != nil {
		t.Fatal(err)
	}
}

// versioned creates a bucket that keeps versions: those with object lock do.
func versioned(t testing.TB, c *s3.Client, name, constraint string) {
	t.Helper()
	in := &s3.CreateBucketInput{Bucket: &name, ObjectLockEnabledForBucket: aws.Bool(true)}
	if constraint != "" {
		in.CreateBucketConfiguration = &types.CreateBucketConfiguration{LocationConstraint: types.BucketLocationConstraint(constraint)}
	}
	if _, err := c.CreateBucket(t.Context(), in); err != nil {
		t.Fatalf("create bucket %s: %v", name, err)
	}
}

// rule replicates everything to a bucket.
func rule(to string, priority int32) types.ReplicationRule {
	return types.ReplicationRule{
		Status: types.ReplicationRuleStatusEnabled, Priority: &priority, Filter: &types.ReplicationRuleFilter{Prefix: aws.String("")},
		DeleteMarkerReplication: &types.DeleteMarkerReplication{Status: types.DeleteMarkerReplicationStatusDisabled},
		Destination:             &types.Destination{Bucket: aws.String("arn:aws:s3:::" + to)},
	}
}

func (r *replicaRig) put(rules ...types.ReplicationRule) *s3.PutBucketReplicationInput {
	return &s3.PutBucketReplicationInput{Bucket: aws.String("source"), ReplicationConfiguration: &types.ReplicationConfiguration{Role: &r.role, Rules: rules}}
}

func (r *replicaRig) set(t testing.TB, rules ...types.ReplicationRule) {
	t.Helper()
	if _, err := r.source.PutBucketReplication(t.Context(), r.put(rules...)); err != nil {
		t.Fatalf("PutBucketReplication: %v", err)
	}
}

// status waits until a version of the source is no longer PENDING.
func (r *replicaRig) status(t testing.TB, in *s3.HeadObjectInput) types.ReplicationStatus {
	t.Helper()
	var got types.ReplicationStatus
	garrisontest.Eventually(func() bool {
		out, err := r.source.HeadObject(t.Context(), in)
		if err != nil {
			t.Fatalf("HeadObject %s: %v", *in.Key, err)
		}
		got = out.ReplicationStatus
		return got != types.ReplicationStatusPending
	})
	return got
}

func head(key string) *s3.HeadObjectInput {
	return &s3.HeadObjectInput{Bucket: aws.String("source"), Key: &key}
}

// TestReplicate copies versions of every size to another Region, each once and with all
// that belongs to it.
func TestReplicate(t *testing.T) {
	t.Parallel()
	r := newReplicaRig(t, trustS3, mayReplicate)
	put(t, r.source, "source", "before", []byte("x"))
	r.set(t, rule("target", 1))
	for _, size := range []int{0, 10, 16<<10 + 1, 3 << 20} {
		key := fmt.Sprint(size)
		b := pattern(size)
		made, err := r.source.PutObject(t.Context(), &s3.PutObjectInput{
			Bucket: aws.String("source"), Key: &key, Body: bytes.NewReader(b), Metadata: map[string]string{"a": "b"},
			Tagging: aws.String("k=v"), ContentType: aws.String("text/x"), StorageClass: types.StorageClassStandardIa,
		})
		if err != nil {
			t.Fatal(err)
		}
		if got := r.status(t, head(key)); got != types.ReplicationStatusCompleted {
			t.Fatalf("%d bytes: status %q, want COMPLETED", size, got)
		}
		from, err := r.source.HeadObject(t.Context(), head(key))
		if err != nil {
			t.Fatal(err)
		}
		got, to := get(t, r.target, &s3.GetObjectInput{Bucket: aws.String("target"), Key: &key, VersionId: made.VersionId})
		if !bytes.Equal(got, b) || to.ReplicationStatus != types.ReplicationStatusReplica || *to.ETag != *made.ETag ||
			!to.LastModified.Equal(*from.LastModified) || to.Metadata["a"] != "b" || aws.ToInt32(to.TagCount) != 1 ||
			*to.ContentType != "text/x" || to.StorageClass != types.StorageClassStandardIa {
			t.Errorf("%d bytes: the replica is %d bytes, %+v", size, len(got), to)
		}
	}
	if got := r.status(t, head("before")); got != "" {
		t.Errorf("what was there before: status %q, want none", got)
	}
	_, err := r.target.HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: aws.String("target"), Key: aws.String("before")})
	garrisontest.Want(t, err, "NotFound")
}

// TestReplicateChosen obeys filters, priorities, several destinations and the rule on
// delete markers; a replica goes no further.
func TestReplicateChosen(t *testing.T) {
	t.Parallel()
	r := newReplicaRig(t, trustS3, mayReplicate)
	versioned(t, r.source, "target-near", "")
	logs, tagged, loud := rule("target", 1), rule("target-near", 2), rule("target", 3)
	logs.Filter.Prefix = aws.String("logs/")
	logs.DeleteMarkerReplication.Status = types.DeleteMarkerReplicationStatusEnabled
	tagged.Filter = &types.ReplicationRuleFilter{And: &types.ReplicationRuleAndOperator{
		Prefix: aws.String("logs/"), Tags: []types.Tag{{Key: aws.String("near"), Value: aws.String("yes")}},
	}}
	loud.Filter.Prefix = aws.String("logs/cold/")
	loud.Destination.StorageClass = types.StorageClassGlacierIr
	r.set(t, logs, tagged, loud)
	for _, tt := range []struct {
		key, tags  string
		far, near  bool
		class      types.StorageClass
		wantStatus types.ReplicationStatus
	}{
		{"other", "near=yes", false, false, "", ""},
		{"logs/a", "", true, false, "", types.ReplicationStatusCompleted},
		{"logs/b", "near=yes&x=y", true, true, "", types.ReplicationStatusCompleted},
		{"logs/cold/c", "near=no", true, false, types.StorageClassGlacierIr, types.ReplicationStatusCompleted},
	} {
		if _, err := r.source.PutObject(t.Context(), &s3.PutObjectInput{Bucket: aws.String("source"), Key: &tt.key, Body: strings.NewReader(tt.key), Tagging: &tt.tags}); err != nil {
			t.Fatal(err)
		}
		if got := r.status(t, head(tt.key)); got != tt.wantStatus {
			t.Errorf("%s: status %q, want %q", tt.key, got, tt.wantStatus)
		}
		far, err := r.target.HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: aws.String("target"), Key: &tt.key})
		if (err == nil) != tt.far || err == nil && far.StorageClass != tt.class {
			t.Errorf("%s far away = %+v, %v; want it there %v, as %q", tt.key, far, err, tt.far, tt.class)
		}
		if _, err := r.source.HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: aws.String("target-near"), Key: &tt.key}); (err == nil) != tt.near {
			t.Errorf("%s near by = %v, want it there %v", tt.key, err, tt.near)
		}
	}
	if _, err := r.source.DeleteObject(t.Context(), &s3.DeleteObjectInput{Bucket: aws.String("source"), Key: aws.String("logs/a")}); err != nil {
		t.Fatal(err)
	}
	if !garrisontest.Eventually(func() bool {
		_, err := r.target.HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: aws.String("target"), Key: aws.String("logs/a")})
		return strings.HasPrefix(garrisontest.Fault(err), "NotFound")
	}) {
		t.Error("the delete marker has not arrived")
	}
}

// TestReplicateDenied tells of every missing permission by FAILED.
func TestReplicateDenied(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ trust, policy string }{
		"trust":          {strings.Replace(trustS3, "s3.", "ec2.", 1), mayReplicate},
		"configuration":  {trustS3, strings.Replace(mayReplicate, "s3:GetReplicationConfiguration", "s3:Other", 1)},
		"list":           {trustS3, strings.Replace(mayReplicate, "s3:ListBucket", "s3:Other", 1)},
		"version":        {trustS3, strings.Replace(mayReplicate, "s3:GetObjectVersionForReplication", "s3:Other", 1)},
		"acl":            {trustS3, strings.Replace(mayReplicate, "s3:GetObjectVersionAcl", "s3:Other", 1)},
		"tagging":        {trustS3, strings.Replace(mayReplicate, "s3:GetObjectVersionTagging", "s3:Other", 1)},
		"replicate":      {trustS3, strings.Replace(mayReplicate, "s3:ReplicateObject", "s3:Other", 1)},
		"replicate tags": {trustS3, strings.Replace(mayReplicate, "s3:ReplicateTags", "s3:Other", 1)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newReplicaRig(t, tt.trust, tt.policy)
			r.set(t, rule("target", 1))
			if _, err := r.source.PutObject(t.Context(), &s3.PutObjectInput{Bucket: aws.String("source"), Key: aws.String("k"), Tagging: aws.String("a=b")}); err != nil {
				t.Fatal(err)
			}
			if got := r.status(t, head("k")); got != types.ReplicationStatusFailed {
				t.Errorf("status %q, want FAILED", got)
			}
			_, err := r.target.HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: aws.String("target"), Key: aws.String("k")})
			garrisontest.Want(t, err, "NotFound")
		})
	}
}

// TestReplicateOrder puts versions of one key in a row: all arrive once, in their order,
// though they travel at once.
func TestReplicateOrder(t *testing.T) {
	t.Parallel()
	r := newReplicaRig(t, trustS3, mayReplicate)
	r.set(t, rule("target", 1))
	const n = 60
	for i := range n {
		put(t, r.source, "source", "k", pattern(1+i*1000))
	}
	ids := func(c *s3.Client, bucket string) (out []string) {
		list, err := c.ListObjectVersions(t.Context(), &s3.ListObjectVersionsInput{Bucket: &bucket})
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range list.Versions {
			out = append(out, *v.VersionId)
		}
		return out
	}
	want := ids(r.source, "source")
	garrisontest.Eventually(func() bool { return len(ids(r.target, "target")) == n })
	if got := ids(r.target, "target"); !slices.Equal(got, want) {
		t.Errorf("the replicas are\n%v, want\n%v", got, want)
	}
}

// TestReplicateForeign needs the other account's consent, for its ownership too.
func TestReplicateForeign(t *testing.T) {
	t.Parallel()
	own := strings.Replace(mayReplicate, `"s3:ReplicateTags"`, `"s3:ReplicateTags","s3:ObjectOwnerOverrideToBucketOwner"`, 1)
	r := newReplicaRig(t, trustS3, own)
	foreign := client(r.ConfigFor(garrisontest.OtherAccount, garrisontest.Region))
	versioned(t, foreign, "target-foreign", "")
	plain, override, wrong := rule("target-foreign", 1), rule("target-foreign", 1), rule("target-foreign", 1)
	override.Destination.Account = aws.String(garrisontest.OtherAccount)
	override.Destination.AccessControlTranslation = &types.AccessControlTranslation{Owner: types.OwnerOverrideDestination}
	wrong.Destination.Account = aws.String(garrisontest.Account)
	for i, tt := range []struct {
		name, actions string
		rule          types.ReplicationRule
		want          types.ReplicationStatus
	}{
		{"no policy", "", plain, types.ReplicationStatusFailed},
		{"consent", `"s3:ReplicateObject"`, plain, types.ReplicationStatusCompleted},
		{"consent to deletes alone", `"s3:ReplicateDelete"`, plain, types.ReplicationStatusFailed},
		{"another owner than the rule says", `"s3:ReplicateObject"`, wrong, types.ReplicationStatusFailed},
		{"no consent to ownership", `"s3:ReplicateObject"`, override, types.ReplicationStatusFailed},
		{"consent to ownership", `"s3:ReplicateObject","s3:ObjectOwnerOverrideToBucketOwner"`, override, types.ReplicationStatusCompleted},
	} {
		if tt.actions != "" {
			policy := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"` + r.role + `"},"Action":[` + tt.actions + `],"Resource":"arn:aws:s3:::target-foreign/*"}]}`
			if _, err := foreign.PutBucketPolicy(t.Context(), &s3.PutBucketPolicyInput{Bucket: aws.String("target-foreign"), Policy: &policy}); err != nil {
				t.Fatal(err)
			}
		}
		r.set(t, tt.rule)
		key := fmt.Sprint(i)
		put(t, r.source, "source", key, []byte("x"))
		if got := r.status(t, head(key)); got != tt.want {
			t.Errorf("%s: status %q, want %q", tt.name, got, tt.want)
		}
		_, err := foreign.GetObject(t.Context(), &s3.GetObjectInput{Bucket: aws.String("target-foreign"), Key: &key})
		if (err == nil) != (tt.want == types.ReplicationStatusCompleted) {
			t.Errorf("%s: the other account reads it: %v", tt.name, err)
		}
	}
}
