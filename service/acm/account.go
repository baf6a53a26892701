package acm

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/acm"
	"github.com/aws/aws-sdk-go-v2/service/acm/types"

	"github.com/garrison-cloud/garrison/internal/store"
	"github.com/garrison-cloud/garrison/internal/wire"
)

const maxTags = 50

// GetAccountConfiguration tells how many days before an end its events begin.
func (s *Service) GetAccountConfiguration(ctx context.Context, _ *acm.GetAccountConfigurationInput) (*acm.GetAccountConfigurationOutput, error) {
	days := int32(defaultDays)
	err := s.DB.View(ctx, func(tx *store.Tx) error {
		c, err := configurations.Get(tx, wire.CallFrom(ctx).Account())
		if errors.Is(err, store.ErrNotFound) {
			return nil
		}
		if err == nil {
			days = c.Days
		}
		return err
	})
	return &acm.GetAccountConfigurationOutput{ExpiryEvents: &types.ExpiryEventsConfiguration{DaysBeforeExpiry: &days}}, err
}

// PutAccountConfiguration says how many days before an end its events begin.
func (s *Service) PutAccountConfiguration(ctx context.Context, in *acm.PutAccountConfigurationInput) (*acm.PutAccountConfigurationOutput, error) {
	if in.ExpiryEvents == nil || in.ExpiryEvents.DaysBeforeExpiry == nil {
		return &acm.PutAccountConfigurationOutput{}, nil
	}
	account := wire.CallFrom(ctx).Account()
	err := s.DB.Update(ctx, func(tx *store.Tx) error {
		if err := configurations.Put(tx, &configuration{Account: account, Days: *in.ExpiryEvents.DaysBeforeExpiry}); err != nil {
			return err
		}
		all, err := store.Collect(certificates.Scan(tx, store.Range{Prefix: store.K(account)}))
		if err != nil {
			return err
		}
		for _, row := range all {
			if row.Status != string(types.CertificateStatusIssued) {
				continue
			}
			if err := s.plan(tx, row); err != nil {
				return err
			}
			if err := certificates.Put(tx, row); err != nil {
				return err
			}
		}
		return nil
	})
	s.fleet.Wake()
	return &acm.PutAccountConfigurationOutput{}, err
}

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
		return nil, &types.TooManyTagsException{Message: aws.String("A certificate can have at most 50 tags.")}
	}
	return out, nil
}

// AddTagsToCertificate adds tags.
func (s *Service) AddTagsToCertificate(ctx context.Context, in *acm.AddTagsToCertificateInput) (*acm.AddTagsToCertificateOutput, error) {
	err := s.edit(ctx, *in.CertificateArn, func(_ *store.Tx, row *certificate) (err error) {
		row.Tags, err = addTags(row.Tags, in.Tags)
		return err
	})
	return &acm.AddTagsToCertificateOutput{}, err
}

// RemoveTagsFromCertificate takes tags away: those of a key, or of a key and a value
// where one is given.
func (s *Service) RemoveTagsFromCertificate(ctx context.Context, in *acm.RemoveTagsFromCertificateInput) (*acm.RemoveTagsFromCertificateOutput, error) {
	err := s.edit(ctx, *in.CertificateArn, func(_ *store.Tx, row *certificate) error {
		for _, t := range in.Tags {
			if v, ok := row.Tags[*t.Key]; ok && (t.Value == nil || *t.Value == v) {
				delete(row.Tags, *t.Key)
			}
		}
		return nil
	})
	return &acm.RemoveTagsFromCertificateOutput{}, err
}

// ListTagsForCertificate lists tags by their keys.
func (s *Service) ListTagsForCertificate(ctx context.Context, in *acm.ListTagsForCertificateInput) (*acm.ListTagsForCertificateOutput, error) {
	row, err := s.find(ctx, *in.CertificateArn)
	if err != nil {
		return nil, err
	}
	out := &acm.ListTagsForCertificateOutput{Tags: []types.Tag{}}
	for _, n := range slices.Sorted(maps.Keys(row.Tags)) {
		out.Tags = append(out.Tags, types.Tag{Key: aws.String(n), Value: aws.String(row.Tags[n])})
	}
	return out, nil
}
