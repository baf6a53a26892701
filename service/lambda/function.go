package lambda

import (
	"context"
	"errors"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/garrison-cloud/garrison/internal/page"
	"github.com/garrison-cloud/garrison/internal/store"
	"github.com/garrison-cloud/garrison/internal/wire"
)

// CreateFunction makes a function of a deployment package. Its role must trust
// Lambda, and the caller may pass it.
func (s *Service) CreateFunction(ctx context.Context, in *lambda.CreateFunctionInput) (*lambda.CreateFunctionOutput, error) {
	r, err := s.parse(ctx, *in.FunctionName, nil)
	if err != nil {
		return nil, err
	}
	v, err := newVersion(r, in)
	if err != nil {
		return nil, err
	}
	if err := s.absent(ctx, r); err != nil {
		return nil, err
	}
	zip, err := source{zip: in.Code.ZipFile, bucket: in.Code.S3Bucket, image: in.Code.ImageUri}.bytes()
	if err != nil {
		return nil, err
	}
	if err := s.checkRole(ctx, v); err != nil {
		return nil, err
	}
	if in.Environment != nil {
		if err := s.seal(ctx, v, in.Environment.Variables); err != nil {
			return nil, err
		}
	}
	kept, err := s.keep(ctx, r.account, zip)
	if err != nil {
		return nil, err
	}
	v.Code, v.CodeSHA, v.CodeSize = kept.id, kept.sha, kept.size
	if err := s.insert(ctx, v, in.Tags); err != nil {
		return nil, err
	}
	if in.Publish {
		if v, err = s.publish(ctx, r, publication{}); err != nil {
			return nil, err
		}
	}
	return s.output(ctx, v), nil
}

func exists(name string) error { return conflict("Function already exist: %s", name) }

func (s *Service) absent(ctx context.Context, r reference) error {
	_, err := s.version(ctx, r.account, r.name, 0)
	switch {
	case err == nil:
		return exists(r.name)
	case errors.Is(err, store.ErrNotFound):
		return nil
	}
	return err
}

// insert stores the function and its first version.
func (s *Service) insert(ctx context.Context, v *version, tags map[string]string) error {
	if err := checkTags(tags); err != nil {
		return err
	}
	call := wire.CallFrom(ctx)
	call.Made = append(call.Made, wire.Resource{ARN: s.functionARN(v.Account, v.Name), Type: functionType})
	err := s.DB.Update(ctx, func(tx *store.Tx) error {
		if err := functions.Insert(tx, &function{Account: v.Account, Name: v.Name, Next: 1, Tags: tags}); err != nil {
			return err
		}
		v.Modified = tx.Now()
		if err := versions.Insert(tx, v); err != nil {
			return err
		}
		return refer(tx, v.Account, v.Code)
	})
	if errors.Is(err, store.ErrExists) {
		return exists(v.Name)
	}
	return err
}

// version reads one version; store.ErrNotFound if there is none.
func (s *Service) version(ctx context.Context, account, name string, n int64) (v *version, err error) {
	err = s.DB.View(ctx, func(tx *store.Tx) (err error) {
		v, err = versions.Get(tx, account, name, n)
		return err
	})
	return v, err
}

// resolve finds the version that a reference names. An alias with two versions
// gives one of them by their weights.
func (s *Service) resolve(ctx context.Context, r reference) (v *version, err error) {
	draw := fraction()
	err = s.DB.View(ctx, func(tx *store.Tx) error {
		n, outright := number(r.qualifier)
		if !outright {
			a, err := aliases.Get(tx, r.account, r.name, r.qualifier)
			if err != nil {
				return err
			}
			n = a.Version
			if draw < a.Weight {
				n = a.Second
			}
		}
		v, err = versions.Get(tx, r.account, r.name, n)
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		return nil, noFunction(qualified(s.functionARN(r.account, r.name), r.qualifier))
	}
	return v, err
}

// named is the version that FunctionName and Qualifier name.
func (s *Service) named(ctx context.Context, name, qualifier *string) (reference, *version, error) {
	r, err := s.parse(ctx, *name, qualifier)
	if err != nil {
		return r, nil, err
	}
	v, err := s.resolve(ctx, r)
	return r, v, err
}

// GetFunction describes a function. Its code is not handed out: Location is empty.
func (s *Service) GetFunction(ctx context.Context, in *lambda.GetFunctionInput) (*lambda.GetFunctionOutput, error) {
	r, v, err := s.named(ctx, in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	f, err := s.function(ctx, r)
	if err != nil {
		return nil, err
	}
	out := &lambda.GetFunctionOutput{
		Configuration: s.configuration(ctx, v), Tags: f.Tags,
		Code: &types.FunctionCodeLocation{RepositoryType: aws.String("S3")},
	}
	if f.Reserved != nil {
		out.Concurrency = &types.Concurrency{ReservedConcurrentExecutions: f.Reserved}
	}
	return out, nil
}

// function reads what the versions have in common.
func (s *Service) function(ctx context.Context, r reference) (f *function, err error) {
	err = s.DB.View(ctx, func(tx *store.Tx) (err error) {
		f, err = functions.Get(tx, r.account, r.name)
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		return nil, noFunction(s.functionARN(r.account, r.name))
	}
	return f, err
}

// GetFunctionConfiguration describes one version. The environment is shown to whom
// KMS lets.
func (s *Service) GetFunctionConfiguration(ctx context.Context, in *lambda.GetFunctionConfigurationInput) (*lambda.GetFunctionConfigurationOutput, error) {
	_, v, err := s.named(ctx, in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	out := lambda.GetFunctionConfigurationOutput(*s.output(ctx, v))
	return &out, nil
}

// Sizes of pages (Lambda API Reference, ListFunctions: at most 50 a page).
const usualPage = 50

func pageSize(asked *int32) int {
	if asked == nil {
		return usualPage
	}
	return int(min(*asked, usualPage))
}

// after is where a list goes on.
func after(kind string, marker *string) (store.Key, error) {
	if aws.ToString(marker) == "" {
		return nil, nil
	}
	at, err := page.Position(kind, *marker)
	if err != nil {
		return nil, invalid("Invalid marker.")
	}
	return store.Key(at), nil
}

// ListFunctions lists an account's functions, or all of their versions.
func (s *Service) ListFunctions(ctx context.Context, in *lambda.ListFunctionsInput) (*lambda.ListFunctionsOutput, error) {
	if in.MasterRegion != nil && *in.MasterRegion != "ALL" {
		return nil, notImplemented("MasterRegion")
	}
	account := wire.CallFrom(ctx).Account()
	list, next, err := s.list(ctx, listing{
		kind: "lambda.ListFunctions", prefix: store.K(account), marker: in.Marker, size: pageSize(in.MaxItems),
		takes: func(v *version) bool { return in.FunctionVersion == types.FunctionVersionAll || v.Number == 0 },
	})
	return &lambda.ListFunctionsOutput{Functions: list, NextMarker: next}, err
}

// A listing is a list of versions that is asked for.
type listing struct {
	kind   string
	prefix store.Key
	marker *string
	size   int
	takes  func(*version) bool
}

func (s *Service) list(ctx context.Context, l listing) ([]types.FunctionConfiguration, *string, error) {
	from, err := after(l.kind, l.marker)
	if err != nil {
		return nil, nil, err
	}
	var rows []*version
	var next *string
	err = s.DB.View(ctx, func(tx *store.Tx) error {
		rows, next = nil, nil
		for v, err := range versions.Scan(tx, store.Range{Prefix: l.prefix, After: from}) {
			if err != nil {
				return err
			}
			if !l.takes(v) {
				continue
			}
			if len(rows) == l.size {
				last := rows[l.size-1]
				next = aws.String(page.Token(l.kind, store.K(last.Account, last.Name, last.Number)))
				return nil
			}
			rows = append(rows, v)
		}
		return nil
	})
	out := make([]types.FunctionConfiguration, 0, len(rows))
	for _, v := range rows {
		out = append(out, *s.configuration(ctx, v))
	}
	return out, next, err
}

// DeleteFunction deletes a function with all that belongs to it, or one version.
func (s *Service) DeleteFunction(ctx context.Context, in *lambda.DeleteFunctionInput) (*lambda.DeleteFunctionOutput, error) {
	r, err := s.parse(ctx, *in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	if r.qualifier != "" {
		err = s.deleteVersion(ctx, r)
	} else {
		err = s.deleteAll(ctx, r)
	}
	if err != nil {
		return nil, err
	}
	s.retire(r)
	s.worker.Wake()
	return &lambda.DeleteFunctionOutput{StatusCode: 204}, nil
}

// retire ends the warm environments of a function.
func (s *Service) retire(r reference) {
	prefix := r.account + "/" + r.name + "/"
	s.Pool.Retire(func(id string) bool { return strings.HasPrefix(id, prefix) })
}

func (s *Service) deleteVersion(ctx context.Context, r reference) error {
	n, outright := number(r.qualifier)
	if !outright || n == 0 {
		return invalid("$LATEST version cannot be deleted without deleting the function.")
	}
	return s.DB.Update(ctx, func(tx *store.Tx) error {
		for a, err := range aliases.Scan(tx, store.Range{Prefix: store.K(r.account, r.name)}) {
			if err != nil {
				return err
			}
			if a.Version == n || a.Weight > 0 && a.Second == n {
				return conflict("Cannot delete version because it's referenced by alias: [%s]", a.Name)
			}
		}
		v, err := versions.Get(tx, r.account, r.name, n)
		if errors.Is(err, store.ErrNotFound) {
			return nil // it shall not be there, and it is not
		}
		if err != nil {
			return err
		}
		return dropVersion(tx, v)
	})
}

func dropVersion(tx *store.Tx, v *version) error {
	if err := versions.Delete(tx, v.Account, v.Name, v.Number); err != nil {
		return err
	}
	return discardCode(tx, v.Account, v.Code)
}

func (s *Service) deleteAll(ctx context.Context, r reference) error {
	err := s.DB.Update(ctx, func(tx *store.Tx) error {
		if err := functions.Delete(tx, r.account, r.name); err != nil {
			return err
		}
		prefix := store.Range{Prefix: store.K(r.account, r.name)}
		rows, err := store.Collect(versions.Scan(tx, prefix))
		for _, v := range rows {
			err = errors.Join(err, dropVersion(tx, v))
		}
		named, err2 := store.Collect(aliases.Scan(tx, prefix))
		for _, a := range named {
			err2 = errors.Join(err2, aliases.Delete(tx, a.Account, a.Function, a.Name))
		}
		held, err3 := store.Collect(policies.Scan(tx, prefix))
		for _, p := range held {
			err3 = errors.Join(err3, policies.Delete(tx, p.Account, p.Function, p.Qualifier))
		}
		set, err4 := store.Collect(eventConfigs.Scan(tx, prefix))
		for _, c := range set {
			err4 = errors.Join(err4, eventConfigs.Delete(tx, c.Account, c.Function, c.Qualifier))
		}
		return errors.Join(err, err2, err3, err4)
	})
	if errors.Is(err, store.ErrNotFound) {
		return noFunction(s.functionARN(r.account, r.name))
	}
	return err
}
