package ssm

import (
	"bytes"
	"context"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"github.com/garrison-cloud/garrison/internal/store"
	"github.com/garrison-cloud/garrison/internal/wire"
)

// maxDescribed is the most entries of a page of DescribeParameters and of
// GetParameterHistory.
const maxDescribed = 50

// DescribeParameters lists the account's parameters, by name, without their
// values. Parameters that are shared with the account are listed only where a
// resource share of AWS RAM says so, of which there are none here.
func (s *Service) DescribeParameters(ctx context.Context, in *ssm.DescribeParametersInput) (*ssm.DescribeParametersOutput, error) {
	f, err := describing(in)
	if err != nil {
		return nil, err
	}
	const kind = "ssm.DescribeParameters"
	q := &query{account: wire.CallFrom(ctx).Account(), recursive: true, filters: f, limit: limitOf(in.MaxResults)}
	if q.after, err = position(kind, in.NextToken); err != nil {
		return nil, err
	}
	out := &ssm.DescribeParametersOutput{Parameters: []types.ParameterMetadata{}}
	if aws.ToBool(in.Shared) {
		return out, nil
	}
	var found []picked
	var next store.Key
	err = s.db.View(ctx, func(tx *store.Tx) (err error) {
		found, next, err = q.described(tx)
		return err
	})
	if err != nil {
		return nil, err
	}
	for _, p := range found {
		out.Parameters = append(out.Parameters, p.row.metadata())
	}
	out.NextToken = tokenOf(kind, next)
	return out, nil
}

func limitOf(given *int32) int {
	if given == nil {
		return maxDescribed
	}
	return int(*given)
}

// describing reads the filters of either form.
func describing(in *ssm.DescribeParametersInput) (filters, error) {
	if len(in.Filters) > 0 && len(in.ParameterFilters) > 0 {
		return nil, invalid("You can use either Filters or ParameterFilters in a single request.")
	}
	if len(in.Filters) == 0 {
		return newFilters(in.ParameterFilters, describeFilters)
	}
	old := make([]types.ParameterStringFilter, 0, len(in.Filters))
	for _, f := range in.Filters {
		option := beginsWith
		if f.Key == types.ParametersFilterKeyType {
			option = equals
		}
		old = append(old, types.ParameterStringFilter{Key: aws.String(string(f.Key)), Option: &option, Values: f.Values})
	}
	return newFilters(old, describeFilters)
}

// described reads a page. Where the filters say where the parameters lie, nothing
// else is looked at.
func (q *query) described(tx *store.Tx) ([]picked, store.Key, error) {
	names, ok := q.filters.names()
	if !ok {
		return q.narrowed().page(tx)
	}
	var found []picked
	for _, path := range names {
		if q.after != nil && bytes.Compare(store.K(q.account, path), q.after) <= 0 {
			continue
		}
		p, err := parameters.Get(tx, q.account, path)
		switch {
		case or(nil, err) != nil:
			return nil, nil, err
		case err != nil || p.gone(tx.Now()) || !q.filters.pass(p):
			continue
		}
		if len(found) == q.limit {
			last := found[len(found)-1].row
			return found, store.K(last.Account, last.Path), nil
		}
		found = append(found, picked{p, &p.Latest})
	}
	return found, nil, nil
}

// names are the paths that a filter by whole names leaves, in order.
func (fs filters) names() ([]string, bool) {
	for _, f := range fs {
		if f.key != "Name" || f.option != equals {
			continue
		}
		var out []string
		for _, v := range f.values {
			out = append(out, strings.TrimPrefix(v, "/"))
		}
		slices.Sort(out)
		return slices.Compact(out), true
	}
	return nil, false
}

// narrowed is q with the path that a filter by one path, or by one beginning of
// names, confines it to.
func (q *query) narrowed() *query {
	for _, f := range q.filters {
		n := *q
		switch {
		case len(f.values) != 1:
			continue
		case f.key == "Path":
			n.path, n.recursive = f.values[0], f.option == recursive
			return &n
		case f.key == "Name" && f.option == beginsWith:
			n.begins = strings.TrimPrefix(f.values[0], "/")
			return &n
		}
	}
	return q
}

func (p *parameter) metadata() types.ParameterMetadata {
	v := &p.Latest
	return types.ParameterMetadata{
		Name: aws.String(p.name()), ARN: aws.String(p.arn()), Type: v.Type, KeyId: text(v.KeyID), Version: v.Number, Tier: v.Tier,
		Description: text(v.Description), AllowedPattern: text(v.AllowedPattern), DataType: &v.DataType,
		LastModifiedDate: &v.Modified, LastModifiedUser: &v.By, Policies: p.inlinePolicies(),
	}
}
