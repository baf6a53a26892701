package ssm

import (
	"context"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"github.com/garrison-cloud/garrison/internal/page"
	"github.com/garrison-cloud/garrison/internal/store"
	"github.com/garrison-cloud/garrison/internal/wire"
)

const (
	// maxPath is the most parameters of a page of GetParametersByPath.
	maxPath = 10
	// maxScan bounds the parameters that one page looks at. A filter that few pass
	// may so give a short page with a token, as at AWS.
	maxScan = 2000
)

// A query is a list of parameters as it was asked for.
type query struct {
	account   string
	path      string // with a slash in front and none behind; empty for all
	recursive bool
	begins    string // what paths begin with, where that is known; without a slash in front
	filters   filters
	limit     int
	after     store.Key
}

// checkPath refuses what is no hierarchy.
func checkPath(path string) error {
	inner := strings.TrimSuffix(strings.TrimPrefix(path, "/"), "/")
	if path == "/" || strings.HasPrefix(path, "/") && wellFormed(inner) {
		return nil
	}
	return invalid(`The parameter doesn't meet the parameter name requirements. The parameter name must begin with a forward slash "/". ` +
		`It can't be prefixed with "aws" or "ssm" (case-insensitive). It must use only letters, numbers, or the following symbols: ` +
		`. (period), - (hyphen), _ (underscore). Special characters are not allowed. All sub-paths, if specified, must use the forward slash symbol "/". ` +
		`Valid example: /get/parameters2-/by1./path0_.`)
}

// GetParametersByPath returns the latest versions of what is in a hierarchy, or of
// the versions that a label is attached to.
func (s *Service) GetParametersByPath(ctx context.Context, in *ssm.GetParametersByPathInput) (*ssm.GetParametersByPathOutput, error) {
	f, err := newFilters(in.ParameterFilters, pathFilters)
	if err != nil {
		return nil, err
	}
	q := &query{
		account: wire.CallFrom(ctx).Account(), path: strings.TrimSuffix(strings.TrimSpace(*in.Path), "/"),
		recursive: aws.ToBool(in.Recursive), filters: f, limit: maxPath,
	}
	if in.MaxResults != nil {
		q.limit = int(*in.MaxResults)
	}
	kind := "ssm.GetParametersByPath " + strconv.FormatBool(q.recursive) + " " + q.path
	if q.after, err = position(kind, in.NextToken); err != nil {
		return nil, err
	}
	out := &ssm.GetParametersByPathOutput{}
	var next []byte
	if publicPath(q.path) {
		var last string
		if out.Parameters, last, err = s.publicPage(q); err != nil {
			return nil, err
		}
		next = []byte(last)
	} else if out.Parameters, next, err = s.pathPage(ctx, q, in.WithDecryption); err != nil {
		return nil, err
	}
	out.NextToken = tokenOf(kind, next)
	return out, nil
}

// pathPage reads a page and has KMS open what is sealed.
func (s *Service) pathPage(ctx context.Context, q *query, decrypt *bool) ([]types.Parameter, []byte, error) {
	var found []picked
	var next store.Key
	err := s.db.View(ctx, func(tx *store.Tx) (err error) {
		found, next, err = q.page(tx)
		return err
	})
	if err != nil {
		return nil, nil, err
	}
	out := make([]types.Parameter, 0, len(found))
	for _, f := range found {
		p, err := s.answer(ctx, f.row, f.version, decrypt)
		if err != nil {
			return nil, nil, err
		}
		if label := q.filters.label(); label != "" {
			p.Selector = aws.String(":" + label)
		}
		out = append(out, *p)
	}
	return out, next, nil
}

// A picked is a parameter of a list and the version that is asked for.
type picked struct {
	row     *parameter
	version *version
}

// page reads a page's rows. next is nil for the last one.
func (q *query) page(tx *store.Tx) (found []picked, next store.Key, err error) {
	seen := 0
	var last *parameter
	for p, err := range q.scan(tx) {
		if err != nil {
			return nil, nil, err
		}
		if len(found) == q.limit || seen == maxScan {
			return found, q.positionOf(last), nil
		}
		seen, last = seen+1, p
		if p.gone(tx.Now()) || !q.filters.pass(p) {
			continue
		}
		v, err := q.filters.version(tx, p)
		if err != nil {
			return nil, nil, err
		}
		if v != nil {
			found = append(found, picked{p, v})
		}
	}
	return found, nil, nil
}

// scan yields what is in the hierarchy: what is below it in the order of paths, or
// what is directly in it by the index of levels.
func (q *query) scan(tx *store.Tx) func(func(*parameter, error) bool) {
	path := strings.TrimPrefix(q.path, "/")
	r := store.Range{Prefix: store.K(q.account, path), After: q.after}
	switch {
	case !q.recursive:
		return parameters.ScanIndex(tx, "level", r)
	case q.begins != "":
		r.Prefix = store.KPrefix(q.account, q.begins)
	case path == "":
		r.Prefix = store.K(q.account)
	default:
		r.Prefix = store.KPrefix(q.account, path+"/")
	}
	return parameters.Scan(tx, r)
}

// positionOf is where a row stands in the order of scan.
func (q *query) positionOf(p *parameter) store.Key {
	if q.recursive {
		return store.K(p.Account, p.Path)
	}
	return p.level()
}

// position reads a token; nil for none.
func position(kind string, token *string) (store.Key, error) {
	if aws.ToString(token) == "" {
		return nil, nil
	}
	at, err := page.Position(kind, *token)
	if err != nil {
		return nil, badToken()
	}
	return at, nil
}

func tokenOf(kind string, at []byte) *string {
	if len(at) == 0 {
		return nil
	}
	return aws.String(page.Token(kind, at))
}
