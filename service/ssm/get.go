package ssm

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"github.com/garrison-cloud/garrison/internal/store"
	"github.com/garrison-cloud/garrison/internal/wire"
)

// GetParameter returns a version of a parameter: the latest, or that of a selector.
func (s *Service) GetParameter(ctx context.Context, in *ssm.GetParameterInput) (*ssm.GetParameterOutput, error) {
	p, err := s.get(ctx, *in.Name, in.WithDecryption)
	if err != nil {
		return nil, or(missing(), err)
	}
	return &ssm.GetParameterOutput{Parameter: p}, nil
}

// GetParameters returns several parameters by their names' order. Those that are
// not there are listed as invalid.
func (s *Service) GetParameters(ctx context.Context, in *ssm.GetParametersInput) (*ssm.GetParametersOutput, error) {
	out := &ssm.GetParametersOutput{Parameters: []types.Parameter{}, InvalidParameters: []string{}}
	seen := map[string]bool{}
	for _, name := range in.Names {
		if seen[name] {
			return nil, invalid("Parameter names can't be given twice.")
		}
		seen[name] = true
		p, err := s.get(ctx, name, in.WithDecryption)
		switch {
		case isMissing(err):
			out.InvalidParameters = append(out.InvalidParameters, name)
		case err != nil:
			return nil, err
		default:
			out.Parameters = append(out.Parameters, *p)
		}
	}
	slices.SortStableFunc(out.Parameters, func(a, b types.Parameter) int { return strings.Compare(*a.Name, *b.Name) })
	return out, nil
}

// isMissing tells that there is no such parameter or version.
func isMissing(err error) bool {
	if errors.Is(err, store.ErrNotFound) {
		return true
	}
	if _, is := errors.AsType[*types.ParameterNotFound](err); is {
		return true
	}
	_, is := errors.AsType[*types.ParameterVersionNotFound](err)
	return is
}

// get reads one parameter by what a caller gave; store.ErrNotFound if there is none.
func (s *Service) get(ctx context.Context, given string, decrypt *bool) (*types.Parameter, error) {
	r := s.refer(wire.CallFrom(ctx).Account(), given)
	if secret, ok := strings.CutPrefix(r.name, secretPrefix); ok && !r.byARN {
		return s.secret(ctx, &r, secret, decrypt)
	}
	if public, is := s.publicOf(&r); is {
		return public.answer(&r, s.region)
	}
	var p *parameter
	var v *version
	err := s.db.View(ctx, func(tx *store.Tx) (err error) {
		p, v, err = r.pick(tx)
		return err
	})
	if err != nil {
		return nil, err
	}
	out, err := s.answer(ctx, p, v, decrypt)
	if err == nil && r.selector != "" {
		out.Selector = &r.selector
	}
	return out, err
}

// pick reads the parameter and the version that r refers to.
func (r *reference) pick(tx *store.Tx) (*parameter, *version, error) {
	p, err := r.find(tx)
	if err != nil {
		return nil, nil, err
	}
	n, err := r.number(p)
	if err != nil {
		return nil, nil, err
	}
	v, err := p.version(tx, n)
	return p, v, err
}

// answer is a version as reads give it. A caller of another account is told the
// name as it must be given: the ARN.
func (s *Service) answer(ctx context.Context, p *parameter, v *version, decrypt *bool) (*types.Parameter, error) {
	at := p.arn()
	value, err := s.value(ctx, v, at, decrypt)
	if err != nil {
		return nil, err
	}
	name := p.name()
	if wire.CallFrom(ctx).Account() != p.Account {
		name = at
	}
	return &types.Parameter{
		Name: &name, ARN: &at, Type: v.Type, Value: &value, Version: v.Number,
		DataType: &v.DataType, LastModifiedDate: &v.Modified,
	}, nil
}

// text is nil for what was never said.
func text(s string) *string {
	if s == "" {
		return nil
	}
	return aws.String(s)
}
