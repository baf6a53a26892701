package cloudtrail_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/garrison-cloud/garrison/internal/garrisontest"
)

// TestEncryptedDelivery has files encrypted under a key of KMS, with the encryption
// context that key policies know CloudTrail by.
func TestEncryptedDelivery(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	key, err := s.kms.CreateKey(t.Context(), &kms.CreateKeyInput{})
	if err != nil {
		t.Fatal(err)
	}
	s.start(t, cloudtrail.CreateTrailInput{Name: aws.String("sealed"), S3KeyPrefix: aws.String("logs"), KmsKeyId: key.KeyMetadata.KeyId})
	s.random(t)
	s.delivered(t, homePrefix, "GenerateRandom")
	head, err := s.s3.HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: aws.String(bucket), Key: aws.String(s.keys(t, homePrefix)[0])})
	if err != nil || head.ServerSideEncryption != s3types.ServerSideEncryptionAwsKms || *head.SSEKMSKeyId != *key.KeyMetadata.Arn {
		t.Errorf("HeadObject = %+v, %v; want %s", head, err, *key.KeyMetadata.Arn)
	}
	got, err := s.trail.GetTrail(t.Context(), &cloudtrail.GetTrailInput{Name: aws.String("sealed")})
	if err != nil || *got.Trail.KmsKeyId != *key.KeyMetadata.Arn {
		t.Errorf("GetTrail = %+v, %v; want the key's ARN", got, err)
	}
	_, err = s.trail.UpdateTrail(t.Context(), &cloudtrail.UpdateTrailInput{Name: aws.String("sealed"), KmsKeyId: aws.String("alias/none")})
	garrisontest.Want(t, err, "KmsKeyNotFoundException")
}

// TestNotification tells a topic of each file, in AWS's words.
func TestNotification(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	topics, queues := sns.NewFromConfig(s.Config), sqs.NewFromConfig(s.Config)
	topic, err := topics.CreateTopic(t.Context(), &sns.CreateTopicInput{Name: aws.String("files")})
	if err != nil {
		t.Fatal(err)
	}
	queue, err := queues.CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: aws.String("files")})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := topics.Subscribe(t.Context(), &sns.SubscribeInput{
		TopicArn: topic.TopicArn, Protocol: aws.String("sqs"), Attributes: map[string]string{"RawMessageDelivery": "true"},
		Endpoint: aws.String("arn:aws:sqs:" + garrisontest.Region + ":" + garrisontest.Account + ":files"),
	}); err != nil {
		t.Fatal(err)
	}
	s.start(t, cloudtrail.CreateTrailInput{Name: aws.String("told"), S3KeyPrefix: aws.String("logs"), SnsTopicName: aws.String("files")})
	s.random(t)
	s.delivered(t, homePrefix, "GenerateRandom")
	var bodies []string
	if !garrisontest.Eventually(func() bool {
		out, err := queues.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{QueueUrl: queue.QueueUrl, MaxNumberOfMessages: 10})
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range out.Messages {
			bodies = append(bodies, *m.Body)
		}
		return len(bodies) >= 2
	}) {
		t.Fatalf("messages = %v, want the validation and a file", bodies)
	}
	if !slices.Contains(bodies, "CloudTrail validation message.") {
		t.Errorf("messages = %v, want a validation message", bodies)
	}
	told := slices.IndexFunc(bodies, func(b string) bool { return strings.HasPrefix(b, "{") })
	var message struct {
		Bucket string   `json:"s3Bucket"`
		Keys   []string `json:"s3ObjectKey"`
	}
	if told < 0 || json.Unmarshal([]byte(bodies[told]), &message) != nil || message.Bucket != bucket || !slices.Equal(message.Keys, s.keys(t, homePrefix)) {
		t.Errorf("messages = %v, want one of %v", bodies, s.keys(t, homePrefix))
	}
	_, err = s.trail.UpdateTrail(t.Context(), &cloudtrail.UpdateTrailInput{Name: aws.String("told"), SnsTopicName: aws.String("nobody")})
	garrisontest.Want(t, err, "InsufficientSnsTopicPolicyException")
}

// TestLogGroup delivers to a log group through the trail's role.
func TestLogGroup(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	role, err := iam.NewFromConfig(s.Config).CreateRole(t.Context(), &iam.CreateRoleInput{
		RoleName: aws.String("to-logs"),
		AssumeRolePolicyDocument: aws.String(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow",
			"Principal":{"Service":"cloudtrail.amazonaws.com"},"Action":"sts:AssumeRole"}]}`),
	})
	if err != nil {
		t.Fatal(err)
	}
	logs := cloudwatchlogs.NewFromConfig(s.Config)
	in := cloudtrail.CreateTrailInput{
		Name: aws.String("grouped"), S3KeyPrefix: aws.String("logs"), S3BucketName: aws.String(bucket), CloudWatchLogsRoleArn: role.Role.Arn,
		CloudWatchLogsLogGroupArn: aws.String("arn:aws:logs:" + garrisontest.Region + ":" + garrisontest.Account + ":log-group:trails:*"),
	}
	_, err = s.trail.CreateTrail(t.Context(), &in)
	garrisontest.Want(t, err, "InvalidCloudWatchLogsLogGroupArnException")
	if _, err := logs.CreateLogGroup(t.Context(), &cloudwatchlogs.CreateLogGroupInput{LogGroupName: aws.String("trails")}); err != nil {
		t.Fatal(err)
	}
	s.start(t, in)
	s.random(t)
	s.Clock.Advance(5 * time.Minute)
	if !garrisontest.Eventually(func() bool {
		out, err := logs.GetLogEvents(t.Context(), &cloudwatchlogs.GetLogEventsInput{
			LogGroupName: aws.String("trails"), LogStreamName: aws.String(garrisontest.Account + "_CloudTrail_" + garrisontest.Region), StartFromHead: aws.Bool(true),
		})
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range out.Events {
			if strings.Contains(*e.Message, `"eventName":"GenerateRandom"`) {
				return true
			}
		}
		return false
	}) {
		t.Error("GenerateRandom did not reach the log group")
	}
	var status *cloudtrail.GetTrailStatusOutput
	if !garrisontest.Eventually(func() bool {
		status, err = s.trail.GetTrailStatus(t.Context(), &cloudtrail.GetTrailStatusInput{Name: aws.String("grouped")})
		return err == nil && status.LatestCloudWatchLogsDeliveryTime != nil && status.LatestCloudWatchLogsDeliveryError == nil
	}) {
		t.Errorf("status = %s, %v; want delivered, no error", aws.ToString(status.LatestCloudWatchLogsDeliveryError), err)
	}
}
