package s3

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/garrison-cloud/garrison/internal/authz"
	"github.com/garrison-cloud/garrison/internal/store"
)

func (s *Service) onGetObjectTags(ctx context.Context, in *s3.GetObjectTaggingInput) (authz.Target, error) {
	return s.onObject(ctx, readAction("s3:GetObjectTagging", "s3:GetObjectVersionTagging", in.VersionId),
		objectCall{bucketCall: bucketCall{*in.Bucket, in.ExpectedBucketOwner}, key: *in.Key, versionID: in.VersionId})
}

func (s *Service) onPutObjectTags(ctx context.Context, in *s3.PutObjectTaggingInput) (authz.Target, error) {
	q := &requested{}
	if in.Tagging != nil {
		q.tags = tagsFrom(in.Tagging.TagSet)
	}
	return s.onObject(ctx, readAction(actionPutTagging, "s3:PutObjectVersionTagging", in.VersionId),
		objectCall{bucketCall: bucketCall{*in.Bucket, in.ExpectedBucketOwner}, key: *in.Key, versionID: in.VersionId, requested: q})
}

func (s *Service) onDeleteObjectTags(ctx context.Context, in *s3.DeleteObjectTaggingInput) (authz.Target, error) {
	return s.onObject(ctx, readAction("s3:DeleteObjectTagging", "s3:DeleteObjectVersionTagging", in.VersionId),
		objectCall{bucketCall: bucketCall{*in.Bucket, in.ExpectedBucketOwner}, key: *in.Key, versionID: in.VersionId})
}

// GetObjectTagging returns a version's tags.
func (s *Service) GetObjectTagging(ctx context.Context, in *s3.GetObjectTaggingInput) (*s3.GetObjectTaggingOutput, error) {
	h, err := s.hold(ctx, *in.Bucket)
	if err != nil {
		return nil, err
	}
	var v *version
	err = s.db.View(ctx, func(tx *store.Tx) (err error) {
		v, err = lookup(tx, h, *in.Key, in.VersionId)
		return err
	})
	if err != nil {
		return nil, s.absence(ctx, h, err)
	}
	return &s3.GetObjectTaggingOutput{TagSet: tagSet(v.Tags), VersionId: v.answerID(h.settings)}, nil
}

// PutObjectTagging gives a version these tags in place of those it has.
func (s *Service) PutObjectTagging(ctx context.Context, in *s3.PutObjectTaggingInput) (*s3.PutObjectTaggingOutput, error) {
	tags := tagsFrom(in.Tagging.TagSet)
	if err := checkObjectTags(tags); err != nil {
		return nil, err
	}
	v, h, err := s.tag(ctx, objectCall{bucketCall: bucketCall{name: *in.Bucket}, key: *in.Key, versionID: in.VersionId}, tags, taggingPut)
	if err != nil {
		return nil, err
	}
	return &s3.PutObjectTaggingOutput{VersionId: v.answerID(h.settings)}, nil
}

// DeleteObjectTagging takes all tags of a version away.
func (s *Service) DeleteObjectTagging(ctx context.Context, in *s3.DeleteObjectTaggingInput) (*s3.DeleteObjectTaggingOutput, error) {
	v, h, err := s.tag(ctx, objectCall{bucketCall: bucketCall{name: *in.Bucket}, key: *in.Key, versionID: in.VersionId}, nil, taggingDelete)
	if err != nil {
		return nil, err
	}
	return &s3.DeleteObjectTaggingOutput{VersionId: v.answerID(h.settings)}, nil
}

func (s *Service) tag(ctx context.Context, c objectCall, tags []tag, name eventName) (*version, *held, error) {
	h, err := s.hold(ctx, c.name)
	if err != nil {
		return nil, nil, err
	}
	v, err := s.changeVersion(ctx, h, c.key, c.versionID, func(tx *store.Tx, v *version) error {
		v.Tags = tags
		return s.notify(tx, &happening{bucket: h.bucket, settings: h.settings, version: v, name: name})
	})
	return v, h, err
}
