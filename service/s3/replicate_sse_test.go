package s3_test

import (
	"bytes"
	"crypto/md5"
	"encoding/base64"
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	trail "github.com/aws/aws-sdk-go-v2/service/cloudtrail/types"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/garrison-cloud/garrison/internal/garrisontest"
)

// TestReplicateCustomerKey carries what only the customer's key opens.
func TestReplicateCustomerKey(t *testing.T) {
	t.Parallel()
	r := newReplicaRig(t, trustS3, mayReplicate)
	versioned(t, r.source, "target-near", "")
	r.set(t, rule("target", 1), rule("target-near", 2))
	key := pattern(32)
	sum := md5.Sum(key)
	algorithm, text, digest := "AES256", base64.StdEncoding.EncodeToString(key), base64.StdEncoding.EncodeToString(sum[:])
	for _, size := range []int{0, 100, 300_000} {
		name, b := fmt.Sprint(size), pattern(size)
		if _, err := r.source.PutObject(t.Context(), &s3.PutObjectInput{
			Bucket: aws.String("source"), Key: &name, Body: bytes.NewReader(b), SSECustomerAlgorithm: &algorithm, SSECustomerKey: &text, SSECustomerKeyMD5: &digest,
		}); err != nil {
			t.Fatal(err)
		}
		in := head(name)
		in.SSECustomerAlgorithm, in.SSECustomerKey, in.SSECustomerKeyMD5 = &algorithm, &text, &digest
		if got := r.status(t, in); got != types.ReplicationStatusCompleted {
			t.Fatalf("%d bytes: status %q, want COMPLETED", size, got)
		}
		for bucket, c := range map[string]*s3.Client{"target": r.target, "target-near": r.source} {
			got, _ := get(t, c, &s3.GetObjectInput{Bucket: &bucket, Key: &name, SSECustomerAlgorithm: &algorithm, SSECustomerKey: &text, SSECustomerKeyMD5: &digest})
			if !bytes.Equal(got, b) {
				t.Errorf("%s: %d bytes, want %d", bucket, len(got), size)
			}
			_, err := c.GetObject(t.Context(), &s3.GetObjectInput{Bucket: &bucket, Key: &name})
			garrisontest.Want(t, err, "InvalidRequest")
		}
	}
}

// TestReplicateKMS decrypts in one Region and encrypts in the other, each by the role
// and with an event; without a permission on either key it fails.
func TestReplicateKMS(t *testing.T) {
	t.Parallel()
	r := newReplicaRig(t, trustS3, mayReplicate)
	there := r.ConfigFor(garrisontest.Account, garrisontest.OtherRegion)
	from, to := newKey(t, r.Config), newKey(t, there)
	kmsRule := rule("target", 1)
	kmsRule.SourceSelectionCriteria = &types.SourceSelectionCriteria{SseKmsEncryptedObjects: &types.SseKmsEncryptedObjects{Status: types.SseKmsEncryptedObjectsStatusEnabled}}
	kmsRule.Destination.EncryptionConfiguration = &types.EncryptionConfiguration{ReplicaKmsKeyID: &to}
	decrypt := `{"Effect":"Allow","Action":"kms:Decrypt","Resource":"` + from + `"}`
	encrypt := `{"Effect":"Allow","Action":"kms:Encrypt","Resource":"` + to + `"}`
	for i, tt := range []struct {
		name, more string
		rule       types.ReplicationRule
		want       types.ReplicationStatus
	}{
		{"no rule for KMS", decrypt + "," + encrypt, rule("target", 1), ""},
		{"no decrypt", encrypt, kmsRule, types.ReplicationStatusFailed},
		{"no encrypt", decrypt, kmsRule, types.ReplicationStatusFailed},
		{"both", decrypt + "," + encrypt, kmsRule, types.ReplicationStatusCompleted},
	} {
		r.allow(t, strings.TrimSuffix(mayReplicate, "]}")+","+tt.more+"]}")
		r.set(t, tt.rule)
		for _, kind := range []types.ServerSideEncryption{types.ServerSideEncryptionAwsKms, types.ServerSideEncryptionAwsKmsDsse} {
			key, b := fmt.Sprint(kind, i), pattern(200_000)
			if _, err := r.source.PutObject(t.Context(), &s3.PutObjectInput{
				Bucket: aws.String("source"), Key: &key, Body: bytes.NewReader(b), ServerSideEncryption: kind, SSEKMSKeyId: &from,
			}); err != nil {
				t.Fatal(err)
			}
			if got := r.status(t, head(key)); got != tt.want {
				t.Errorf("%s, %s: status %q, want %q", tt.name, kind, got, tt.want)
			}
			if tt.want != types.ReplicationStatusCompleted {
				continue
			}
			got, out := get(t, r.target, &s3.GetObjectInput{Bucket: aws.String("target"), Key: &key})
			if !bytes.Equal(got, b) || out.ServerSideEncryption != kind || *out.SSEKMSKeyId != to {
				t.Errorf("%s: the replica is %d bytes, under %s %s; want %s", kind, len(got), out.ServerSideEncryption, aws.ToString(out.SSEKMSKeyId), to)
			}
		}
	}
	wantByRole(t, cloudtrail.NewFromConfig(r.Config), "Decrypt", from)
	wantByRole(t, cloudtrail.NewFromConfig(there), "Encrypt", to)
}

func newKey(t *testing.T, c aws.Config) string {
	t.Helper()
	out, err := kms.NewFromConfig(c).CreateKey(t.Context(), &kms.CreateKeyInput{})
	if err != nil {
		t.Fatal(err)
	}
	return *out.KeyMetadata.Arn
}

// wantByRole wants an event of the role's session about a key.
func wantByRole(t *testing.T, c *cloudtrail.Client, event, key string) {
	t.Helper()
	if !garrisontest.Eventually(func() bool {
		out, err := c.LookupEvents(t.Context(), &cloudtrail.LookupEventsInput{LookupAttributes: []trail.LookupAttribute{
			{AttributeKey: trail.LookupAttributeKeyEventName, AttributeValue: &event},
		}})
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range out.Events {
			text := aws.ToString(e.CloudTrailEvent)
			if strings.Contains(text, key) && strings.Contains(text, "assumed-role/replicate/") && !strings.Contains(text, "errorCode") {
				return true
			}
		}
		return false
	}) {
		t.Errorf("no event %s by the role about %s", event, key)
	}
}
