package lambda

import (
	"context"
	"errors"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"

	"github.com/garrison-cloud/garrison/internal/store"
	"github.com/garrison-cloud/garrison/internal/wire"
)

// A publication is what a caller wants of a new version.
type publication struct {
	revision, sha, description *string
}

// PublishVersion makes a version of $LATEST, unless nothing has changed since the
// last one.
func (s *Service) PublishVersion(ctx context.Context, in *lambda.PublishVersionInput) (*lambda.PublishVersionOutput, error) {
	if in.PublishTo != "" {
		return nil, notImplemented("PublishTo")
	}
	r, err := s.parse(ctx, *in.FunctionName, nil)
	if err != nil {
		return nil, err
	}
	v, err := s.publish(ctx, r, publication{in.RevisionId, in.CodeSha256, in.Description})
	if err != nil {
		return nil, err
	}
	out := lambda.PublishVersionOutput(*s.output(ctx, v))
	return &out, nil
}

func (s *Service) publish(ctx context.Context, r reference, p publication) (out *version, err error) {
	call := wire.CallFrom(ctx)
	revision := newID()
	err = s.DB.Update(ctx, func(tx *store.Tx) error {
		f, err := functions.Get(tx, r.account, r.name)
		if err != nil {
			return err
		}
		v, err := versions.Get(tx, r.account, r.name, int64(0))
		if err != nil {
			return err
		}
		switch {
		case p.revision != nil && *p.revision != v.Revision:
			return stale()
		case p.sha != nil && *p.sha != v.CodeSHA:
			return invalid("CodeSHA256 (%s) is different from current CodeSHA256 in $LATEST (%s). Please try again with the CodeSHA256 in $LATEST.", *p.sha, v.CodeSHA)
		}
		if out, err = lastPublished(tx, v); err != nil || out != nil {
			return err
		}
		v.Number, v.Revision, v.Modified = f.Next, revision, tx.Now()
		if p.description != nil {
			v.Description = *p.description
		}
		f.Next++
		out = v
		return errors.Join(functions.Put(tx, f), versions.Insert(tx, v))
	})
	if errors.Is(err, store.ErrNotFound) {
		return nil, noFunction(s.functionARN(r.account, r.name))
	}
	if err == nil {
		call.Made = append(call.Made, wire.Resource{ARN: s.versionARN(out), Type: functionType})
	}
	return out, err
}

// lastPublished returns the newest published version if it is what v is, nil if it
// is not, or if there is none.
func lastPublished(tx *store.Tx, v *version) (*version, error) {
	r := store.Range{Prefix: store.K(v.Account, v.Name), Reverse: true, Limit: 1}
	for last, err := range versions.Scan(tx, r) {
		if err != nil {
			return nil, err
		}
		if last.Number > 0 && last.same(v) {
			return last, nil
		}
	}
	return nil, nil
}

// same compares all that a version runs with.
func (v *version) same(o *version) bool {
	return v.CodeSHA == o.CodeSHA && v.Role == o.Role && v.Runtime == o.Runtime && v.Handler == o.Handler && v.Timeout == o.Timeout &&
		v.Memory == o.Memory && v.Storage == o.Storage && v.Arch == o.Arch && string(v.Env) == string(o.Env) && v.KMSKey == o.KMSKey
}

// ListVersionsByFunction lists a function's versions, $LATEST first.
func (s *Service) ListVersionsByFunction(ctx context.Context, in *lambda.ListVersionsByFunctionInput) (*lambda.ListVersionsByFunctionOutput, error) {
	r, err := s.parse(ctx, *in.FunctionName, nil)
	if err != nil {
		return nil, err
	}
	if _, err := s.function(ctx, r); err != nil {
		return nil, err
	}
	list, next, err := s.list(ctx, listing{
		kind: "lambda.ListVersionsByFunction " + r.name, prefix: store.K(r.account, r.name), marker: in.Marker, size: pageSize(in.MaxItems),
		takes: func(*version) bool { return true },
	})
	for i := range list {
		if aws.ToString(list[i].Version) == latest { // where $LATEST stands among versions, it is named
			list[i].FunctionArn = aws.String(qualified(*list[i].FunctionArn, latest))
		}
	}
	return &lambda.ListVersionsByFunctionOutput{Versions: list, NextMarker: next}, err
}
