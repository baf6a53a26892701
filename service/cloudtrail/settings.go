package cloudtrail

import (
	"context"
	"errors"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail/types"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/smithy-go"

	"github.com/garrison-cloud/garrison/internal/arn"
	"github.com/garrison-cloud/garrison/internal/authz"
)

// Limits of names (CloudTrail API Reference, CreateTrail).
const (
	maxPrefix    = 200
	maxTopicName = 256
)

// apply puts what is given into the trail, and tries what it names: a trail is never
// stored that could not deliver.
func (s *Service) apply(ctx context.Context, t *trail, in *cloudtrail.UpdateTrailInput) error {
	if aws.ToBool(in.IsOrganizationTrail) {
		return &types.UnsupportedOperationException{Message: aws.String("Organization trails are not supported.")}
	}
	if in.S3BucketName != nil && !validBucket(*in.S3BucketName) {
		return &types.InvalidS3BucketNameException{Message: aws.String("Bucket name does not meet naming requirements: " + *in.S3BucketName)}
	}
	set(&t.Bucket, in.S3BucketName)
	set(&t.Prefix, in.S3KeyPrefix)
	if len(t.Prefix) > maxPrefix || strings.HasPrefix(t.Prefix, "/") || strings.HasSuffix(t.Prefix, "/") {
		return &types.InvalidS3PrefixException{Message: aws.String("The S3 key prefix is not valid.")}
	}
	set(&t.LogGroup, in.CloudWatchLogsLogGroupArn)
	set(&t.Role, in.CloudWatchLogsRoleArn)
	set(&t.Global, in.IncludeGlobalServiceEvents)
	set(&t.Multi, in.IsMultiRegionTrail)
	set(&t.Validated, in.EnableLogFileValidation)
	if t.Multi && !t.Global {
		return &types.InvalidParameterCombinationException{Message: aws.String("Multi-Region trail must include global service events.")}
	}
	if in.SnsTopicName != nil {
		topic, err := topicARN(t, *in.SnsTopicName)
		if err != nil {
			return err
		}
		t.Topic = topic
	}
	if in.KmsKeyId != nil {
		t.Key = *in.KmsKeyId
	}
	for _, check := range []func(context.Context, *trail) error{s.checkKey, s.checkBucket, s.checkTopic, s.checkLogs} {
		if err := check(ctx, t); err != nil {
			return err
		}
	}
	return nil
}

func set[T any](to, given *T) {
	if given != nil {
		*to = *given
	}
}

func validBucket(name string) bool {
	return len(name) >= 3 && len(name) <= 63 && strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789.-") == "" &&
		!strings.Contains(name, "..") && strings.Trim(name, ".-") == name
}

// topicARN is the ARN of a topic that is given by its name or by its ARN.
func topicARN(t *trail, topic string) (string, error) {
	refused := &types.InvalidSnsTopicNameException{Message: aws.String("SNS topic does not exist or the topic policy is incorrect!")}
	if topic == "" {
		return "", nil
	}
	if len(topic) > maxTopicName {
		return "", refused
	}
	if strings.HasPrefix(topic, "arn:") {
		if a, err := arn.Parse(topic); err != nil || a.Service != "sns" || a.Region == "" || a.Resource == "" {
			return "", refused
		}
		return topic, nil
	}
	return arn.New("sns", t.Region, t.Account, topic), nil
}

func (t *trail) sender(region string) *Sender {
	return &Sender{Account: t.Account, Region: region, TrailARN: t.arn()}
}

// checkKey has KMS make a key as delivery will, and notes the key's own ARN.
func (s *Service) checkKey(ctx context.Context, t *trail) error {
	if t.Key == "" {
		return nil
	}
	out, err := s.Destinations.GenerateDataKey(ctx, t.sender(keyRegion(t)), &kms.GenerateDataKeyInput{
		KeyId: &t.Key, KeySpec: kmstypes.DataKeySpecAes256, EncryptionContext: encryptionContext(t),
	})
	switch code := codeOf(err); code {
	case "":
		t.Key = *out.KeyId
		return nil
	case "NotFoundException":
		return &types.KmsKeyNotFoundException{Message: aws.String("The KMS key was not found: " + t.Key)}
	case "DisabledException", "KMSInvalidStateException":
		return &types.KmsKeyDisabledException{Message: aws.String("The KMS key is not enabled: " + t.Key)}
	case "InvalidArnException", "ValidationException", "InvalidKeyUsageException":
		return &types.InvalidKmsKeyIdException{Message: aws.String("The KMS key is not valid: " + t.Key)}
	case "AccessDenied", "AccessDeniedException":
		return &types.InsufficientEncryptionPolicyException{Message: aws.String("Insufficient permissions to access S3 bucket or KMS key.")}
	default:
		return err
	}
}

// keyRegion is where a trail's key lies: CloudTrail has it in the bucket's Region,
// which the key's ARN tells.
func keyRegion(t *trail) string {
	if a, err := arn.Parse(t.Key); err == nil && a.Region != "" {
		return a.Region
	}
	return t.Region
}

// encryptionContext is what key policies know CloudTrail's use by (CloudTrail User
// Guide, "Configure AWS KMS key policies for CloudTrail").
func encryptionContext(t *trail) map[string]string {
	return map[string]string{"aws:cloudtrail:arn": t.arn()}
}

// checkBucket writes the empty objects that stand for the trail's folders, as
// CloudTrail does: a policy that lets them in lets files in.
func (s *Service) checkBucket(ctx context.Context, t *trail) error {
	err := s.put(ctx, t, &s3.PutObjectInput{Key: aws.String(t.folder("CloudTrail"))}, nil)
	missing := &types.S3BucketDoesNotExistException{Message: aws.String("S3 bucket " + t.Bucket + " does not exist!")}
	switch codeOf(err) {
	case "":
		return nil
	case "NoSuchBucket":
		return missing
	case "AccessDenied":
		// A bucket that is not there lets nobody in: the caller may see the difference.
		switch codeOf(s.Destinations.HeadBucket(ctx, &s3.HeadBucketInput{Bucket: &t.Bucket})) {
		case "NoSuchBucket", "NotFound":
			return missing
		}
		return &types.InsufficientS3BucketPolicyException{Message: aws.String("Incorrect S3 bucket policy is detected for bucket: " + t.Bucket)}
	default:
		return err
	}
}

// checkTopic sends the message by which CloudTrail tries a topic.
func (s *Service) checkTopic(ctx context.Context, t *trail) error {
	if t.Topic == "" {
		return nil
	}
	err := s.Destinations.Publish(ctx, t.sender(topicRegion(t)), &sns.PublishInput{TopicArn: &t.Topic, Message: aws.String("CloudTrail validation message.")})
	switch code := codeOf(err); code {
	case "":
		return nil
	case "NotFound", "NotFoundException", "AuthorizationError", "AuthorizationErrorException", "AccessDenied", "KMSAccessDenied", "KMSAccessDeniedException":
		return &types.InsufficientSnsTopicPolicyException{Message: aws.String("SNS Topic does not exist or the topic policy is incorrect!")}
	case "InvalidParameter", "InvalidParameterException":
		return &types.InvalidSnsTopicNameException{Message: aws.String("SNS Topic name is not valid: " + t.Topic)}
	default:
		return err
	}
}

func topicRegion(t *trail) string {
	if a, err := arn.Parse(t.Topic); err == nil {
		return a.Region
	}
	return t.Region
}

// codeOf is the code that a service refuses a call by; empty for success. A denial is
// each service's own word for it; other failures keep their text.
func codeOf(err error) string {
	if err == nil {
		return ""
	}
	if _, ok := errors.AsType[*authz.Denied](err); ok {
		return "AccessDenied"
	}
	if api, ok := errors.AsType[smithy.APIError](err); ok {
		return api.ErrorCode()
	}
	return "InternalError"
}
