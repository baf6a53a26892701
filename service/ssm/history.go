package ssm

import (
	"context"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"github.com/garrison-cloud/garrison/internal/store"
	"github.com/garrison-cloud/garrison/internal/wire"
)

// GetParameterHistory lists a parameter's versions, oldest first.
func (s *Service) GetParameterHistory(ctx context.Context, in *ssm.GetParameterHistoryInput) (*ssm.GetParameterHistoryOutput, error) {
	r := s.refer(wire.CallFrom(ctx).Account(), *in.Name)
	if r.selector != "" {
		return nil, invalid(pathMessage)
	}
	kind := "ssm.GetParameterHistory " + r.given
	at, err := position(kind, in.NextToken)
	if err != nil {
		return nil, err
	}
	from, err := numberAt(at)
	if err != nil {
		return nil, err
	}
	var p *parameter
	var list []*version
	err = s.db.View(ctx, func(tx *store.Tx) (err error) {
		if p, err = r.find(tx); err != nil {
			return err
		}
		list, err = p.history(tx, from, limitOf(in.MaxResults))
		return err
	})
	if err != nil {
		return nil, or(missing(), err)
	}
	out := &ssm.GetParameterHistoryOutput{Parameters: make([]types.ParameterHistory, 0, len(list))}
	for _, v := range list {
		entry, err := s.past(ctx, p, v, in.WithDecryption)
		if err != nil {
			return nil, err
		}
		out.Parameters = append(out.Parameters, *entry)
	}
	if n := len(list); n > 0 && list[n-1].Number < p.Latest.Number {
		out.NextToken = tokenOf(kind, []byte(strconv.FormatInt(list[n-1].Number+1, 10)))
	}
	return out, nil
}

// numberAt reads the version that a page begins with; 0 is the oldest.
func numberAt(at []byte) (int64, error) {
	if at == nil {
		return 0, nil
	}
	n, err := strconv.ParseInt(string(at), 10, 64)
	if err != nil {
		return 0, badToken()
	}
	return n, nil
}

// history reads up to limit versions from a number on.
func (p *parameter) history(tx *store.Tx, from int64, limit int) ([]*version, error) {
	out := make([]*version, 0, min(limit, maxVersions))
	for n := max(from, p.Oldest); n <= p.Latest.Number && len(out) < limit; n++ {
		v, err := p.version(tx, n)
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	return out, nil
}

func (s *Service) past(ctx context.Context, p *parameter, v *version, decrypt *bool) (*types.ParameterHistory, error) {
	value, err := s.value(ctx, v, p.arn(), decrypt)
	if err != nil {
		return nil, err
	}
	out := &types.ParameterHistory{
		Name: aws.String(p.name()), Type: v.Type, KeyId: text(v.KeyID), Value: &value, Version: v.Number, Tier: v.Tier,
		Description: text(v.Description), AllowedPattern: text(v.AllowedPattern), DataType: &v.DataType,
		LastModifiedDate: &v.Modified, LastModifiedUser: &v.By, Labels: p.labelsOf(v.Number), Policies: []types.ParameterInlinePolicy{},
	}
	if v.Number == p.Latest.Number {
		out.Policies = p.inlinePolicies()
	}
	return out, nil
}
