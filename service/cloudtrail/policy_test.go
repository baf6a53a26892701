package cloudtrail_test

import (
	"fmt"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/garrison-cloud/garrison/internal/garrisontest"
	"github.com/garrison-cloud/garrison/internal/server"
)

// bucketPolicy is AWS's own for one trail (CloudTrail User Guide, "Amazon S3 bucket
// policy for CloudTrail").
func bucketPolicy(trail string) string {
	return fmt.Sprintf(`{"Version":"2012-10-17","Statement":[
		{"Effect":"Allow","Principal":{"Service":"cloudtrail.amazonaws.com"},"Action":"s3:GetBucketAcl","Resource":"arn:aws:s3:::%[1]s",
		 "Condition":{"StringEquals":{"aws:SourceArn":%[2]q}}},
		{"Effect":"Allow","Principal":{"Service":"cloudtrail.amazonaws.com"},"Action":"s3:PutObject","Resource":"arn:aws:s3:::%[1]s/logs/AWSLogs/%[3]s/*",
		 "Condition":{"StringEquals":{"s3:x-amz-acl":"bucket-owner-full-control","aws:SourceArn":%[2]q}}}]}`, bucket, trail, garrisontest.Account)
}

// keyPolicy lets the account in, and CloudTrail for one trail (CloudTrail User Guide,
// "Configure AWS KMS key policies for CloudTrail").
func keyPolicy(trail string) string {
	return fmt.Sprintf(`{"Version":"2012-10-17","Statement":[
		{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::%[1]s:root"},"Action":"kms:*","Resource":"*"},
		{"Effect":"Allow","Principal":{"Service":"cloudtrail.amazonaws.com"},"Action":"kms:GenerateDataKey*","Resource":"*",
		 "Condition":{"StringEquals":{"aws:SourceArn":%[2]q},"StringLike":{"kms:EncryptionContext:aws:cloudtrail:arn":"arn:aws:cloudtrail:*:%[1]s:trail/*"}}}]}`, garrisontest.Account, trail)
}

// TestPoliciesLetIn delivers to a bucket and under a key whose policies let in just the
// one trail, on a server that enforces every policy. Another trail is refused.
func TestPoliciesLetIn(t *testing.T) {
	t.Parallel()
	s := newSite(t, func(c *server.Config) { c.Dev, c.IAMOff = false, false })
	id := trailARN(garrisontest.Region, "let-in")
	_, err := s.s3.PutBucketPolicy(t.Context(), &s3.PutBucketPolicyInput{Bucket: aws.String(bucket), Policy: aws.String(bucketPolicy(id))})
	if garrisontest.ErrorCode(err) == "NotImplemented" {
		t.Skip("bucket policies are not served")
	}
	if err != nil {
		t.Fatal(err)
	}
	key, err := s.kms.CreateKey(t.Context(), &kms.CreateKeyInput{Policy: aws.String(keyPolicy(id))})
	if err != nil {
		t.Fatal(err)
	}
	in := cloudtrail.CreateTrailInput{Name: aws.String("shut-out"), S3KeyPrefix: aws.String("logs"), S3BucketName: aws.String(bucket)}
	_, err = s.trail.CreateTrail(t.Context(), &in)
	garrisontest.Want(t, err, "InsufficientS3BucketPolicyException")
	in.KmsKeyId = key.KeyMetadata.Arn
	_, err = s.trail.CreateTrail(t.Context(), &in)
	garrisontest.Want(t, err, "InsufficientEncryptionPolicyException")
	in.Name = aws.String("let-in")
	s.start(t, in)
	s.random(t)
	s.delivered(t, homePrefix, "GenerateRandom")
}
