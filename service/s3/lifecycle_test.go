package s3_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/garrison-cloud/garrison/internal/garrisontest"
)

func putRules(t *testing.T, c *s3.Client, bucket string, rules ...types.LifecycleRule) error {
	t.Helper()
	for i := range rules {
		if rules[i].Status == "" {
			rules[i].Status = types.ExpirationStatusEnabled
		}
	}
	_, err := c.PutBucketLifecycleConfiguration(t.Context(), &s3.PutBucketLifecycleConfigurationInput{
		Bucket: &bucket, LifecycleConfiguration: &types.BucketLifecycleConfiguration{Rules: rules},
	})
	return err
}

func within(prefix string) *types.LifecycleRuleFilter {
	return &types.LifecycleRuleFilter{Prefix: &prefix}
}

func putKey(t *testing.T, c *s3.Client, bucket, key, body string) *s3.PutObjectOutput {
	t.Helper()
	out, err := c.PutObject(t.Context(), &s3.PutObjectInput{Bucket: &bucket, Key: &key, Body: strings.NewReader(body)})
	if err != nil {
		t.Fatalf("PutObject %s: %v", key, err)
	}
	return out
}

// standings are a bucket's versions as "key class", with "marker" for delete markers.
func standings(t *testing.T, c *s3.Client, bucket string) (out []string) {
	t.Helper()
	for p := s3.NewListObjectVersionsPaginator(c, &s3.ListObjectVersionsInput{Bucket: &bucket}); p.HasMorePages(); {
		l, err := p.NextPage(t.Context())
		if err != nil {
			t.Fatalf("ListObjectVersions: %v", err)
		}
		for i := range l.DeleteMarkers {
			out = append(out, *l.DeleteMarkers[i].Key+" marker")
		}
		for i := range l.Versions {
			out = append(out, *l.Versions[i].Key+" "+string(l.Versions[i].StorageClass))
		}
	}
	return out
}

func awaitStandings(t *testing.T, c *s3.Client, bucket string, want ...string) {
	t.Helper()
	var got []string
	if !garrisontest.Eventually(func() bool {
		got = standings(t, c, bucket)
		return fmt.Sprint(got) == fmt.Sprint(want)
	}) {
		t.Fatalf("%s has %q, want %q", bucket, got, want)
	}
}

// TestLifecycleRuns has rules delete, move and leave objects of a bucket without
// versions, more than one step of a run takes, over several nights.
func TestLifecycleRuns(t *testing.T) {
	t.Parallel()
	srv := garrisontest.Start(t)
	c := client(srv.Config)
	mustCreate(t, c, "aging", "")
	mustCreate(t, c, "bystander", "")
	putKey(t, c, "bystander", "tmp/1", "x")
	for i := range 230 {
		putKey(t, c, "aging", fmt.Sprintf("tmp/%03d", i), "x")
	}
	putKey(t, c, "aging", "keep", "x")
	putKey(t, c, "aging", "move", strings.Repeat("x", 128<<10))
	if err := putRules(
		t, c, "aging",
		types.LifecycleRule{ID: aws.String("a b"), Filter: within("tmp/"), Expiration: &types.LifecycleExpiration{Days: aws.Int32(1)}},
		types.LifecycleRule{Filter: within("move"), Transitions: []types.Transition{{Days: aws.Int32(30), StorageClass: types.TransitionStorageClassStandardIa}}},
	); err != nil {
		t.Fatalf("PutBucketLifecycleConfiguration: %v", err)
	}
	head, err := c.HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: aws.String("aging"), Key: aws.String("tmp/001")})
	midnight := srv.Clock.Now().UTC().Truncate(24 * time.Hour).Add(48 * time.Hour)
	want := fmt.Sprintf(`expiry-date="%s", rule-id="a%%20b"`, midnight.Format("Mon, 02 Jan 2006 15:04:05 GMT"))
	if err != nil || aws.ToString(head.Expiration) != want {
		t.Errorf("HeadObject = %q, %v; want %s", aws.ToString(head.Expiration), err, want)
	}
	srv.Clock.Advance(48 * time.Hour)
	awaitStandings(t, c, "aging", "keep STANDARD", "move STANDARD")
	srv.Clock.Advance(29 * 24 * time.Hour)
	awaitStandings(t, c, "aging", "keep STANDARD", "move STANDARD_IA")
	got, err := c.GetObject(t.Context(), &s3.GetObjectInput{Bucket: aws.String("aging"), Key: aws.String("move")})
	if err != nil || *got.ContentLength != 128<<10 {
		t.Errorf("GetObject of what has moved = %+v, %v", got, err)
	}
	awaitStandings(t, c, "bystander", "tmp/1 STANDARD")
}

// TestLifecycleOfVersions ages a key night by night: a marker comes, the older version
// goes, and at last the marker.
func TestLifecycleOfVersions(t *testing.T) {
	t.Parallel()
	srv := garrisontest.Start(t)
	c := client(srv.Config)
	mustCreate(t, c, "history", "")
	if _, err := c.PutBucketVersioning(t.Context(), &s3.PutBucketVersioningInput{
		Bucket: aws.String("history"), VersioningConfiguration: &types.VersioningConfiguration{Status: types.BucketVersioningStatusEnabled},
	}); err != nil {
		t.Fatal(err)
	}
	putKey(t, c, "history", "k", "1")
	putKey(t, c, "history", "k", "2")
	if err := putRules(
		t, c, "history",
		types.LifecycleRule{Filter: within(""), Expiration: &types.LifecycleExpiration{Days: aws.Int32(5)}},
		types.LifecycleRule{Filter: within(""), NoncurrentVersionExpiration: &types.NoncurrentVersionExpiration{NoncurrentDays: aws.Int32(2)}},
		types.LifecycleRule{Filter: within(""), Expiration: &types.LifecycleExpiration{ExpiredObjectDeleteMarker: aws.Bool(true)}},
	); err != nil {
		t.Fatalf("PutBucketLifecycleConfiguration: %v", err)
	}
	for _, tt := range []struct {
		days int
		want []string
	}{
		{3, []string{"k STANDARD"}},
		{3, []string{"k marker", "k STANDARD"}},
		{3, []string{"k marker"}},
		{1, nil},
	} {
		srv.Clock.Advance(time.Duration(tt.days) * 24 * time.Hour)
		awaitStandings(t, c, "history", tt.want...)
	}
}

// TestLifecycleConfiguration puts, reads and deletes rules, and is refused what AWS
// refuses and what isn't obeyed.
func TestLifecycleConfiguration(t *testing.T) {
	t.Parallel()
	c := client(garrisontest.Start(t).Config)
	mustCreate(t, c, "rules", "")
	name := aws.String("rules")
	_, err := c.GetBucketLifecycleConfiguration(t.Context(), &s3.GetBucketLifecycleConfigurationInput{Bucket: name})
	garrisontest.Want(t, err, "NoSuchLifecycleConfiguration")
	expire := func(n int32) *types.LifecycleExpiration { return &types.LifecycleExpiration{Days: &n} }
	move := func(n int32, class types.TransitionStorageClass) []types.Transition {
		return []types.Transition{{Days: &n, StorageClass: class}}
	}
	noon := time.Date(2030, 1, 1, 12, 0, 0, 0, time.UTC)
	all := within("")
	for what, tt := range map[string]struct {
		rules []types.LifecycleRule
		want  string
	}{
		"no filter":       {[]types.LifecycleRule{{Expiration: expire(1)}}, "MalformedXML"},
		"no action":       {[]types.LifecycleRule{{Filter: all}}, "InvalidRequest"},
		"no days":         {[]types.LifecycleRule{{Filter: all, Expiration: expire(0)}}, "InvalidArgument"},
		"at noon":         {[]types.LifecycleRule{{Filter: all, Expiration: &types.LifecycleExpiration{Date: &noon}}}, "InvalidArgument"},
		"same id":         {[]types.LifecycleRule{{ID: name, Filter: all, Expiration: expire(1)}, {ID: name, Filter: all, Expiration: expire(2)}}, "InvalidArgument"},
		"soon infrequent": {[]types.LifecycleRule{{Filter: all, Transitions: move(29, types.TransitionStorageClassStandardIa)}}, "InvalidArgument"},
		"gone before":     {[]types.LifecycleRule{{Filter: all, Expiration: expire(30), Transitions: move(30, types.TransitionStorageClassStandardIa)}}, "InvalidArgument"},
		"archive":         {[]types.LifecycleRule{{Filter: all, Transitions: move(1, types.TransitionStorageClassGlacier)}}, "NotImplemented"},
		"abort":           {[]types.LifecycleRule{{Filter: all, AbortIncompleteMultipartUpload: &types.AbortIncompleteMultipartUpload{DaysAfterInitiation: aws.Int32(1)}}}, "NotImplemented"},
		"tagged marker":   {[]types.LifecycleRule{{Filter: &types.LifecycleRuleFilter{Tag: &types.Tag{Key: name, Value: name}}, Expiration: &types.LifecycleExpiration{ExpiredObjectDeleteMarker: aws.Bool(true)}}}, "InvalidRequest"},
		"kept too many":   {[]types.LifecycleRule{{Filter: all, NoncurrentVersionExpiration: &types.NoncurrentVersionExpiration{NoncurrentDays: aws.Int32(1), NewerNoncurrentVersions: aws.Int32(101)}}}, "InvalidArgument"},
	} {
		if err := putRules(t, c, "rules", tt.rules...); garrisontest.ErrorCode(err) != tt.want {
			t.Errorf("%s = %v, want %s", what, err, tt.want)
		}
	}
	if err := putRules(t, c, "rules", types.LifecycleRule{Filter: all, Expiration: expire(90), Transitions: move(30, types.TransitionStorageClassStandardIa)}); err != nil {
		t.Fatalf("PutBucketLifecycleConfiguration: %v", err)
	}
	out, err := c.GetBucketLifecycleConfiguration(t.Context(), &s3.GetBucketLifecycleConfigurationInput{Bucket: name})
	if err != nil || len(out.Rules) != 1 || aws.ToString(out.Rules[0].ID) == "" || *out.Rules[0].Expiration.Days != 90 ||
		out.TransitionDefaultMinimumObjectSize != types.TransitionDefaultMinimumObjectSizeAllStorageClasses128k {
		t.Errorf("GetBucketLifecycleConfiguration = %+v, %v", out, err)
	}
	if _, err := c.DeleteBucketLifecycle(t.Context(), &s3.DeleteBucketLifecycleInput{Bucket: name}); err != nil {
		t.Errorf("DeleteBucketLifecycle: %v", err)
	}
	_, err = c.GetBucketLifecycleConfiguration(t.Context(), &s3.GetBucketLifecycleConfigurationInput{Bucket: name})
	garrisontest.Want(t, err, "NoSuchLifecycleConfiguration")
}
