package s3

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/garrison-cloud/garrison/internal/authz"
	"github.com/garrison-cloud/garrison/internal/store"
)

// maxBucketTags is how many tags a bucket has at most.
const maxBucketTags = 50

func (s *Service) onPutTags(ctx context.Context, in *s3.PutBucketTaggingInput) (authz.Target, error) {
	return s.onBucket(ctx, "", bucketCall{*in.Bucket, in.ExpectedBucketOwner})
}

func (s *Service) onGetTags(ctx context.Context, in *s3.GetBucketTaggingInput) (authz.Target, error) {
	return s.onBucket(ctx, "", bucketCall{*in.Bucket, in.ExpectedBucketOwner})
}

func (s *Service) onDeleteTags(ctx context.Context, in *s3.DeleteBucketTaggingInput) (authz.Target, error) {
	return s.onBucket(ctx, "s3:PutBucketTagging", bucketCall{*in.Bucket, in.ExpectedBucketOwner})
}

// PutBucketTagging gives a bucket these tags in place of those it has.
func (s *Service) PutBucketTagging(ctx context.Context, in *s3.PutBucketTaggingInput) (*s3.PutBucketTaggingOutput, error) {
	tags := tagsFrom(in.Tagging.TagSet)
	if err := checkBucketTags(tags); err != nil {
		return nil, err
	}
	err := s.change(ctx, *in.Bucket, func(_ *store.Tx, set *settings) error {
		set.Tags = tags
		return nil
	})
	return &s3.PutBucketTaggingOutput{}, err
}

// GetBucketTagging returns a bucket's tags.
func (s *Service) GetBucketTagging(ctx context.Context, in *s3.GetBucketTaggingInput) (*s3.GetBucketTaggingOutput, error) {
	h, err := s.hold(ctx, *in.Bucket)
	if err != nil {
		return nil, err
	}
	if len(h.settings.Tags) == 0 {
		return nil, fail("NoSuchTagSet", "The TagSet does not exist")
	}
	return &s3.GetBucketTaggingOutput{TagSet: tagSet(h.settings.Tags)}, nil
}

// DeleteBucketTagging takes all tags of a bucket away.
func (s *Service) DeleteBucketTagging(ctx context.Context, in *s3.DeleteBucketTaggingInput) (*s3.DeleteBucketTaggingOutput, error) {
	err := s.change(ctx, *in.Bucket, func(_ *store.Tx, set *settings) error {
		set.Tags = nil
		return nil
	})
	return &s3.DeleteBucketTaggingOutput{}, err
}

func checkBucketTags(tags []tag) error {
	if len(tags) > maxBucketTags {
		return fail("BadRequest", "Bucket tag count cannot be greater than 50")
	}
	return checkTags(tags)
}

func tagsFrom(set []types.Tag) []tag {
	var out []tag
	for _, t := range set {
		out = append(out, tag{Key: aws.ToString(t.Key), Value: aws.ToString(t.Value)})
	}
	return out
}

func tagSet(tags []tag) []types.Tag {
	out := make([]types.Tag, 0, len(tags))
	for _, t := range tags {
		out = append(out, types.Tag{Key: &t.Key, Value: &t.Value})
	}
	return out
}
