package cloudtrail

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail/types"

	"github.com/garrison-cloud/garrison/internal/arn"
	"github.com/garrison-cloud/garrison/internal/authz"
	"github.com/garrison-cloud/garrison/internal/store"
	"github.com/garrison-cloud/garrison/internal/wire"
)

// maxTrails is how many trails a Region sees at most, shadows included (CloudTrail
// User Guide, "Quotas in AWS CloudTrail").
const maxTrails = 5

// CreateTrail makes a trail, which logs nothing until StartLogging. Where it delivers
// to must let CloudTrail in already.
func (s *Service) CreateTrail(ctx context.Context, in *cloudtrail.CreateTrailInput) (*cloudtrail.CreateTrailOutput, error) {
	call := wire.CallFrom(ctx)
	t := &trail{Account: call.Account(), Region: s.Region, Name: aws.ToString(in.Name), Global: true}
	if err := checkName(t.Name); err != nil {
		return nil, err
	}
	tags, err := tagMap(in.TagsList)
	if err != nil {
		return nil, err
	}
	t.Tags = tags
	if err := s.absent(ctx, t); err != nil {
		return nil, err
	}
	if err := s.apply(ctx, t, &cloudtrail.UpdateTrailInput{
		S3BucketName: aws.String(aws.ToString(in.S3BucketName)), S3KeyPrefix: in.S3KeyPrefix, SnsTopicName: in.SnsTopicName,
		IncludeGlobalServiceEvents: in.IncludeGlobalServiceEvents, IsMultiRegionTrail: in.IsMultiRegionTrail,
		EnableLogFileValidation: in.EnableLogFileValidation, CloudWatchLogsLogGroupArn: in.CloudWatchLogsLogGroupArn,
		CloudWatchLogsRoleArn: in.CloudWatchLogsRoleArn, KmsKeyId: in.KmsKeyId, IsOrganizationTrail: in.IsOrganizationTrail,
	}); err != nil {
		return nil, err
	}
	call.Made = append(call.Made, wire.Resource{ARN: t.arn(), Type: trailType})
	err = s.Shared.Update(ctx, func(tx *store.Tx) error {
		if err := s.room(tx, t); err != nil {
			return err
		}
		return trails.Insert(tx, t)
	})
	if err != nil {
		return nil, err
	}
	if err := s.Trails.reload(ctx); err != nil {
		return nil, err
	}
	a := t.api()
	return &cloudtrail.CreateTrailOutput{
		Name: a.Name, S3BucketName: a.S3BucketName, S3KeyPrefix: a.S3KeyPrefix, SnsTopicName: a.SnsTopicName, SnsTopicARN: a.SnsTopicARN,
		IncludeGlobalServiceEvents: a.IncludeGlobalServiceEvents, IsMultiRegionTrail: a.IsMultiRegionTrail, TrailARN: a.TrailARN,
		LogFileValidationEnabled: a.LogFileValidationEnabled, CloudWatchLogsLogGroupArn: a.CloudWatchLogsLogGroupArn,
		CloudWatchLogsRoleArn: a.CloudWatchLogsRoleArn, KmsKeyId: a.KmsKeyId, IsOrganizationTrail: a.IsOrganizationTrail,
	}, nil
}

// absent refuses a trail whose name or place is taken, before anything is asked of
// where it delivers to.
func (s *Service) absent(ctx context.Context, t *trail) error {
	return s.Shared.View(ctx, func(tx *store.Tx) error { return s.room(tx, t) })
}

func (s *Service) room(tx *store.Tx, t *trail) error {
	n := 0
	for other, err := range trails.Scan(tx, store.Range{Prefix: store.K(t.Account)}) {
		if err != nil {
			return err
		}
		if other.Name == t.Name && (other.covers(t.Region) || t.Multi) {
			return &types.TrailAlreadyExistsException{Message: aws.String("Trail " + t.Name + " already exists for customer: " + t.Account)}
		}
		if other.covers(t.Region) {
			n++
		}
	}
	if n >= maxTrails {
		return &types.MaximumNumberOfTrailsExceededException{
			Message: aws.String("User: " + t.Account + " already has 5 trails in " + t.Region + "."),
		}
	}
	return nil
}

// UpdateTrail changes what is given, and checks anew where the trail delivers to.
func (s *Service) UpdateTrail(ctx context.Context, in *cloudtrail.UpdateTrailInput) (*cloudtrail.UpdateTrailOutput, error) {
	t, err := s.find(ctx, aws.ToString(in.Name))
	if err != nil {
		return nil, err
	}
	if err := s.atHome(t); err != nil {
		return nil, err
	}
	if err := s.apply(ctx, t, in); err != nil {
		return nil, err
	}
	wanted := *t
	t, err = s.edit(ctx, t.arn(), func(row *trail) error {
		row.Bucket, row.Prefix, row.Topic, row.Key, row.LogGroup, row.Role = wanted.Bucket, wanted.Prefix, wanted.Topic, wanted.Key, wanted.LogGroup, wanted.Role
		row.Global, row.Multi, row.Validated = wanted.Global, wanted.Multi, wanted.Validated
		return nil
	})
	if err != nil {
		return nil, err
	}
	a := t.api()
	return &cloudtrail.UpdateTrailOutput{
		Name: a.Name, S3BucketName: a.S3BucketName, S3KeyPrefix: a.S3KeyPrefix, SnsTopicName: a.SnsTopicName, SnsTopicARN: a.SnsTopicARN,
		IncludeGlobalServiceEvents: a.IncludeGlobalServiceEvents, IsMultiRegionTrail: a.IsMultiRegionTrail, TrailARN: a.TrailARN,
		LogFileValidationEnabled: a.LogFileValidationEnabled, CloudWatchLogsLogGroupArn: a.CloudWatchLogsLogGroupArn,
		CloudWatchLogsRoleArn: a.CloudWatchLogsRoleArn, KmsKeyId: a.KmsKeyId, IsOrganizationTrail: a.IsOrganizationTrail,
	}, nil
}

// DeleteTrail deletes a trail. What was not delivered yet never is.
func (s *Service) DeleteTrail(ctx context.Context, in *cloudtrail.DeleteTrailInput) (*cloudtrail.DeleteTrailOutput, error) {
	n, err := s.parse(ctx, aws.ToString(in.Name))
	if err != nil {
		return nil, err
	}
	err = s.Shared.Update(ctx, func(tx *store.Tx) error {
		t, err := s.findIn(tx, n)
		if err != nil {
			return err
		}
		if err := s.atHome(t); err != nil {
			return err
		}
		return trails.Delete(tx, t.Account, t.Region, t.Name)
	})
	if err != nil {
		return nil, err
	}
	return &cloudtrail.DeleteTrailOutput{}, s.Trails.reload(ctx)
}

func (s *Service) onCreateTrail(ctx context.Context, in *cloudtrail.CreateTrailInput) (authz.Target, error) {
	call := wire.CallFrom(ctx)
	t := authz.Target{Resource: arn.New("cloudtrail", s.Region, call.Account(), "trail/"+aws.ToString(in.Name))}
	tags, err := tagMap(in.TagsList)
	if err != nil {
		t.Missing = err
		return t, nil
	}
	t.Conditions = requestTags(tags)
	if len(tags) > 0 {
		t.And = []authz.Target{{Action: "cloudtrail:AddTags", Resource: t.Resource, Conditions: t.Conditions}}
	}
	return t, nil
}

func (s *Service) onUpdateTrail(ctx context.Context, in *cloudtrail.UpdateTrailInput) (authz.Target, error) {
	return s.on(ctx, in.Name)
}

func (s *Service) onDeleteTrail(ctx context.Context, in *cloudtrail.DeleteTrailInput) (authz.Target, error) {
	return s.on(ctx, in.Name)
}
