package acmpca

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/acmpca"
	"github.com/aws/aws-sdk-go-v2/service/acmpca/types"

	"github.com/garrison-cloud/garrison/internal/store"
)

const maxTags = 50

// addTags returns old tags and new ones, checked.
func addTags(old map[string]string, list []types.Tag) (map[string]string, error) {
	out := maps.Clone(old)
	if out == nil {
		out = map[string]string{}
	}
	for _, t := range list {
		if strings.HasPrefix(strings.ToLower(*t.Key), "aws:") {
			return nil, &types.InvalidTagException{Message: aws.String("Tag keys beginning with aws: are reserved.")}
		}
		out[*t.Key] = aws.ToString(t.Value)
	}
	if len(out) > maxTags {
		return nil, &types.TooManyTagsException{Message: aws.String("A certificate authority can have at most 50 tags.")}
	}
	return out, nil
}

// TagCertificateAuthority adds tags.
func (s *Service) TagCertificateAuthority(ctx context.Context, in *acmpca.TagCertificateAuthorityInput) (*acmpca.TagCertificateAuthorityOutput, error) {
	err := s.edit(ctx, *in.CertificateAuthorityArn, func(_ *store.Tx, row *authority) (err error) {
		row.Tags, err = addTags(row.Tags, in.Tags)
		return err
	})
	return &acmpca.TagCertificateAuthorityOutput{}, err
}

// UntagCertificateAuthority takes tags away: those of a key, or of a key and a value
// where one is given.
func (s *Service) UntagCertificateAuthority(ctx context.Context, in *acmpca.UntagCertificateAuthorityInput) (*acmpca.UntagCertificateAuthorityOutput, error) {
	err := s.edit(ctx, *in.CertificateAuthorityArn, func(_ *store.Tx, row *authority) error {
		row.Tags = maps.Clone(row.Tags)
		for _, t := range in.Tags {
			if v, ok := row.Tags[*t.Key]; ok && (t.Value == nil || *t.Value == v) {
				delete(row.Tags, *t.Key)
			}
		}
		return nil
	})
	return &acmpca.UntagCertificateAuthorityOutput{}, err
}

// ListTags lists tags by their keys.
func (s *Service) ListTags(ctx context.Context, in *acmpca.ListTagsInput) (*acmpca.ListTagsOutput, error) {
	row, err := s.find(ctx, *in.CertificateAuthorityArn)
	if err != nil {
		return nil, err
	}
	names := slices.Sorted(maps.Keys(row.Tags))
	from, to, next, err := window("acmpca.ListTags", in.NextToken, in.MaxResults, len(names))
	if err != nil {
		return nil, err
	}
	out := &acmpca.ListTagsOutput{NextToken: next, Tags: []types.Tag{}}
	for _, n := range names[from:to] {
		out.Tags = append(out.Tags, types.Tag{Key: aws.String(n), Value: aws.String(row.Tags[n])})
	}
	return out, nil
}
