package lambda

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/garrison-cloud/garrison/internal/page"
	"github.com/garrison-cloud/garrison/internal/store"
	"github.com/garrison-cloud/garrison/internal/wire"
)

// fraction draws a number in [0, 1).
func fraction() float64 {
	var b [8]byte
	rand.Read(b[:])
	return float64(binary.LittleEndian.Uint64(b[:])>>11) / (1 << 53)
}

func (s *Service) aliasARN(a *alias) string {
	return qualified(s.functionARN(a.Account, a.Function), a.Name)
}

// CreateAlias names a version.
func (s *Service) CreateAlias(ctx context.Context, in *lambda.CreateAliasInput) (*lambda.CreateAliasOutput, error) {
	r, err := s.parse(ctx, *in.FunctionName, nil)
	if err != nil {
		return nil, err
	}
	a := &alias{Account: r.account, Function: r.name, Name: *in.Name, Description: aws.ToString(in.Description), Revision: newID()}
	call := wire.CallFrom(ctx)
	call.Made = append(call.Made, wire.Resource{ARN: s.aliasARN(a), Type: functionType})
	err = s.DB.Update(ctx, func(tx *store.Tx) error {
		if err := s.point(tx, a, in.FunctionVersion, in.RoutingConfig); err != nil {
			return err
		}
		return aliases.Insert(tx, a)
	})
	if errors.Is(err, store.ErrExists) {
		return nil, conflict("Alias already exists: %s", s.aliasARN(a))
	}
	if err != nil {
		return nil, err
	}
	out := lambda.CreateAliasOutput(*s.aliasOutput(a))
	return &out, nil
}

// point sets what an alias leads to; nil leaves it as it is.
func (s *Service) point(tx *store.Tx, a *alias, to *string, routing *types.AliasRoutingConfiguration) error {
	if to != nil {
		n, outright := number(*to)
		if !outright {
			return invalid("Value '%s' at 'functionVersion' is not a version.", *to)
		}
		a.Version = n
	}
	if routing != nil {
		if err := a.split(routing.AdditionalVersionWeights); err != nil {
			return err
		}
	}
	for _, n := range []int64{a.Version, a.Second} {
		_, err := versions.Get(tx, a.Account, a.Function, n)
		if errors.Is(err, store.ErrNotFound) {
			return noFunction(qualified(s.functionARN(a.Account, a.Function), versionName(n)))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// split gives a share of an alias's invocations to another version.
func (a *alias) split(weights map[string]float64) error {
	a.Second, a.Weight = 0, 0
	if len(weights) > 1 {
		return invalid("Number of items in AdditionalVersionWeights cannot be greater than 1.")
	}
	for name, weight := range weights {
		n, outright := number(name)
		if !outright || n == 0 || a.Version == 0 {
			return invalid("$LATEST is not supported for an alias pointing to more than 1 version.")
		}
		if weight < 0 || weight > 1 || n == a.Version {
			return invalid("Invalid function version weight in AdditionalVersionWeights.")
		}
		a.Second, a.Weight = n, weight
	}
	return nil
}

func (s *Service) aliasOutput(a *alias) *lambda.GetAliasOutput {
	out := &lambda.GetAliasOutput{
		AliasArn: aws.String(s.aliasARN(a)), Name: &a.Name, FunctionVersion: aws.String(versionName(a.Version)),
		Description: &a.Description, RevisionId: &a.Revision,
	}
	if a.Weight > 0 {
		out.RoutingConfig = &types.AliasRoutingConfiguration{AdditionalVersionWeights: map[string]float64{versionName(a.Second): a.Weight}}
	}
	return out
}

func noAlias(arn string) error { return notFound("Cannot find alias arn: %s", arn) }

// UpdateAlias leads an alias elsewhere.
func (s *Service) UpdateAlias(ctx context.Context, in *lambda.UpdateAliasInput) (*lambda.UpdateAliasOutput, error) {
	r, err := s.parse(ctx, *in.FunctionName, nil)
	if err != nil {
		return nil, err
	}
	revision := newID()
	var a *alias
	err = s.DB.Update(ctx, func(tx *store.Tx) (err error) {
		if a, err = aliases.Get(tx, r.account, r.name, *in.Name); err != nil {
			return err
		}
		if in.RevisionId != nil && *in.RevisionId != a.Revision {
			return stale()
		}
		if in.Description != nil {
			a.Description = *in.Description
		}
		a.Revision = revision
		if err := s.point(tx, a, in.FunctionVersion, in.RoutingConfig); err != nil {
			return err
		}
		return aliases.Put(tx, a)
	})
	if errors.Is(err, store.ErrNotFound) {
		return nil, noAlias(qualified(s.functionARN(r.account, r.name), *in.Name))
	}
	if err != nil {
		return nil, err
	}
	out := lambda.UpdateAliasOutput(*s.aliasOutput(a))
	return &out, nil
}

// GetAlias tells where an alias leads.
func (s *Service) GetAlias(ctx context.Context, in *lambda.GetAliasInput) (*lambda.GetAliasOutput, error) {
	r, err := s.parse(ctx, *in.FunctionName, nil)
	if err != nil {
		return nil, err
	}
	var a *alias
	err = s.DB.View(ctx, func(tx *store.Tx) (err error) {
		a, err = aliases.Get(tx, r.account, r.name, *in.Name)
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		return nil, noAlias(qualified(s.functionARN(r.account, r.name), *in.Name))
	}
	if err != nil {
		return nil, err
	}
	return s.aliasOutput(a), nil
}

// ListAliases lists a function's aliases.
func (s *Service) ListAliases(ctx context.Context, in *lambda.ListAliasesInput) (*lambda.ListAliasesOutput, error) {
	r, err := s.parse(ctx, *in.FunctionName, nil)
	if err != nil {
		return nil, err
	}
	kind, size := "lambda.ListAliases "+r.name, pageSize(in.MaxItems)
	from, err := after(kind, in.Marker)
	if err != nil {
		return nil, err
	}
	var rows []*alias
	err = s.DB.View(ctx, func(tx *store.Tx) (err error) {
		rows, err = store.Collect(aliases.Scan(tx, store.Range{Prefix: store.K(r.account, r.name), After: from, Limit: size + 1}))
		return err
	})
	out := &lambda.ListAliasesOutput{}
	for i, a := range rows {
		if i == size {
			out.NextMarker = aws.String(page.Token(kind, store.K(a.Account, a.Function, rows[i-1].Name)))
			break
		}
		if in.FunctionVersion != nil && *in.FunctionVersion != versionName(a.Version) {
			continue
		}
		o := s.aliasOutput(a)
		out.Aliases = append(out.Aliases, types.AliasConfiguration{
			AliasArn: o.AliasArn, Name: o.Name, FunctionVersion: o.FunctionVersion, Description: o.Description,
			RevisionId: o.RevisionId, RoutingConfig: o.RoutingConfig,
		})
	}
	return out, err
}

// DeleteAlias deletes an alias, and the policy of its name.
func (s *Service) DeleteAlias(ctx context.Context, in *lambda.DeleteAliasInput) (*lambda.DeleteAliasOutput, error) {
	r, err := s.parse(ctx, *in.FunctionName, nil)
	if err != nil {
		return nil, err
	}
	err = s.DB.Update(ctx, func(tx *store.Tx) error {
		return errors.Join(
			ifThere(aliases.Delete(tx, r.account, r.name, *in.Name)),
			ifThere(policies.Delete(tx, r.account, r.name, *in.Name)),
			ifThere(eventConfigs.Delete(tx, r.account, r.name, *in.Name)))
	})
	return &lambda.DeleteAliasOutput{}, err
}

// ifThere takes the deletion of what is not there for done.
func ifThere(err error) error {
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	return err
}
