package s3_test

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/garrison-cloud/garrison/internal/garrisontest"
)

// TestReplicationConfiguration puts, gets and deletes rules.
func TestReplicationConfiguration(t *testing.T) {
	t.Parallel()
	r := newReplicaRig(t, trustS3, mayReplicate)
	_, err := r.source.GetBucketReplication(t.Context(), &s3.GetBucketReplicationInput{Bucket: aws.String("source")})
	garrisontest.Want(t, err, "ReplicationConfigurationNotFoundError")
	one := rule("target", 7)
	one.ID = aws.String("one")
	r.set(t, one)
	out, err := r.source.GetBucketReplication(t.Context(), &s3.GetBucketReplicationInput{Bucket: aws.String("source")})
	if err != nil {
		t.Fatal(err)
	}
	c := out.ReplicationConfiguration
	if *c.Role != r.role || len(c.Rules) != 1 || *c.Rules[0].ID != "one" || *c.Rules[0].Priority != 7 || *c.Rules[0].Destination.Bucket != "arn:aws:s3:::target" {
		t.Errorf("GetBucketReplication = %+v", c)
	}
	if _, err := r.source.DeleteBucketReplication(t.Context(), &s3.DeleteBucketReplicationInput{Bucket: aws.String("source")}); err != nil {
		t.Fatal(err)
	}
	_, err = r.source.GetBucketReplication(t.Context(), &s3.GetBucketReplicationInput{Bucket: aws.String("source")})
	garrisontest.Want(t, err, "ReplicationConfigurationNotFoundError")

	first := types.ReplicationRule{
		Status: types.ReplicationRuleStatusEnabled, Prefix: aws.String("a"), //nolint:staticcheck // the first schema's
		Destination: &types.Destination{Bucket: aws.String("arn:aws:s3:::target")},
	}
	r.set(t, first)
	put(t, r.source, "source", "a1", []byte("x"))
	put(t, r.source, "source", "b1", []byte("x"))
	if a, b := r.status(t, head("a1")), r.status(t, head("b1")); a != types.ReplicationStatusCompleted || b != "" {
		t.Errorf("with a prefix of the first schema: %q and %q, want COMPLETED and none", a, b)
	}
}

// TestReplicationRefused refuses what AWS refuses, and what would not be obeyed.
func TestReplicationRefused(t *testing.T) {
	t.Parallel()
	r := newReplicaRig(t, trustS3, mayReplicate)
	mustCreate(t, r.source, "plain", "")
	with := func(f func(*types.ReplicationRule)) []types.ReplicationRule {
		one := rule("target", 1)
		f(&one)
		return []types.ReplicationRule{one}
	}
	for name, tt := range map[string]struct {
		rules []types.ReplicationRule
		want  string
	}{
		"no rules":             {[]types.ReplicationRule{}, "MalformedXML"},
		"same priority":        {[]types.ReplicationRule{rule("target", 1), rule("target", 1)}, "InvalidRequest"},
		"no priority":          {with(func(o *types.ReplicationRule) { o.Priority = nil }), "InvalidRequest"},
		"no word on markers":   {with(func(o *types.ReplicationRule) { o.DeleteMarkerReplication = nil }), "InvalidRequest"},
		"itself":               {[]types.ReplicationRule{rule("source", 1)}, "InvalidRequest"},
		"no such bucket":       {[]types.ReplicationRule{rule("nowhere", 1)}, "InvalidRequest"},
		"keeps no versions":    {[]types.ReplicationRule{rule("plain", 1)}, "InvalidRequest"},
		"no ARN":               {with(func(o *types.ReplicationRule) { o.Destination.Bucket = aws.String("target") }), "InvalidArgument"},
		"prefix beside filter": {with(func(o *types.ReplicationRule) { o.Prefix = aws.String("a") }), "MalformedXML"}, //nolint:staticcheck // it is refused
		"tag and markers": {with(func(o *types.ReplicationRule) {
			o.Filter = &types.ReplicationRuleFilter{Tag: &types.Tag{Key: aws.String("a"), Value: aws.String("b")}}
			o.DeleteMarkerReplication.Status = types.DeleteMarkerReplicationStatusEnabled
		}), "InvalidRequest"},
		"KMS without a key": {with(func(o *types.ReplicationRule) {
			o.SourceSelectionCriteria = &types.SourceSelectionCriteria{SseKmsEncryptedObjects: &types.SseKmsEncryptedObjects{Status: types.SseKmsEncryptedObjectsStatusEnabled}}
		}), "InvalidRequest"},
		"owner without an account": {with(func(o *types.ReplicationRule) {
			o.Destination.AccessControlTranslation = &types.AccessControlTranslation{Owner: types.OwnerOverrideDestination}
		}), "InvalidRequest"},
		"in time": {with(func(o *types.ReplicationRule) {
			o.Destination.ReplicationTime = &types.ReplicationTime{Status: types.ReplicationTimeStatusEnabled, Time: &types.ReplicationTimeValue{Minutes: aws.Int32(15)}}
		}), "NotImplemented"},
		"modifications of replicas": {with(func(o *types.ReplicationRule) {
			o.SourceSelectionCriteria = &types.SourceSelectionCriteria{ReplicaModifications: &types.ReplicaModifications{Status: types.ReplicaModificationsStatusEnabled}}
		}), "NotImplemented"},
	} {
		_, err := r.source.PutBucketReplication(t.Context(), r.put(tt.rules...))
		if got := garrisontest.Fault(err); !strings.HasPrefix(got, tt.want) {
			t.Errorf("%s: %q, want %q", name, got, tt.want)
		}
	}
	in := r.put(rule("target", 1))
	in.Bucket = aws.String("plain")
	_, err := r.source.PutBucketReplication(t.Context(), in)
	garrisontest.Want(t, err, "InvalidRequest")
	in = r.put(rule("target", 1))
	in.ReplicationConfiguration.Role = aws.String("arn:aws:iam::" + garrisontest.OtherAccount + ":role/replicate")
	_, err = r.source.PutBucketReplication(t.Context(), in)
	garrisontest.Want(t, err, "InvalidArgument")
	user := client(r.User(t, "ann", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*"}]}`))
	_, err = user.PutBucketReplication(t.Context(), r.put(rule("target", 1)))
	garrisontest.Want(t, err, "AccessDenied")
}
