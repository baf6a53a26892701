package kms

import (
	"context"
	"errors"
	"iter"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"github.com/garrison-cloud/garrison/internal/page"
	"github.com/garrison-cloud/garrison/internal/store"
)

const (
	grantsToken        = "kms.ListGrants"
	granteeGrantsToken = "kms.ListGrants.grantee"
	retirableToken     = "kms.ListRetirableGrants"
)

var grantPage = bound{50, 100}

// A grantQuery is one of the lists of grants: kind names its markers, rows reads
// it past a position, and at is the position of a row.
type grantQuery struct {
	kind string
	rows func(*store.Tx, store.Key) iter.Seq2[*grant, error]
	at   func(*grant) store.Key
}

// A grantList is a page of grants; next is nil on the last one.
type grantList struct {
	entries []types.GrantListEntry
	next    *string
}

// list reads a page. Grants of keys that are gone are not in it.
func (s *Service) list(ctx context.Context, q grantQuery, limit *int32, marker *string) (*grantList, error) {
	after, err := position(q.kind, marker)
	if err != nil {
		return nil, err
	}
	n, err := grantPage.limit(limit)
	if err != nil {
		return nil, err
	}
	var rows []*grant
	err = s.db.View(ctx, func(tx *store.Tx) (err error) {
		rows, err = livingGrants(tx, q.rows(tx, after), n+1)
		return err
	})
	if err != nil {
		return nil, err
	}
	out := &grantList{entries: []types.GrantListEntry{}}
	if len(rows) > n {
		rows = rows[:n]
		out.next = aws.String(page.Token(q.kind, q.at(rows[n-1])))
	}
	for _, g := range rows {
		out.entries = append(out.entries, s.entry(g))
	}
	return out, nil
}

// livingGrants reads up to limit grants whose keys are not gone.
func livingGrants(tx *store.Tx, rows iter.Seq2[*grant, error], limit int) ([]*grant, error) {
	var out []*grant
	for g, err := range rows {
		if err != nil {
			return nil, err
		}
		_, err = reference{account: g.Account, id: g.KeyID}.get(tx)
		if errors.Is(err, store.ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if out = append(out, g); len(out) == limit {
			break
		}
	}
	return out, nil
}

// ListGrants lists a key's grants, those to one grantee, or one by its id.
func (s *Service) ListGrants(ctx context.Context, in *kms.ListGrantsInput) (*kms.ListGrantsOutput, error) {
	if in.GrantId != nil {
		return s.listGrant(ctx, in)
	}
	r, err := s.parseGrantKey(ctx, *in.KeyId)
	if err != nil {
		return nil, err
	}
	if _, err := s.read(ctx, r); err != nil {
		return nil, err
	}
	q := grantQuery{
		grantsToken,
		func(tx *store.Tx, after store.Key) iter.Seq2[*grant, error] {
			return grants.Scan(tx, store.Range{Prefix: store.K(r.account, r.id), After: after})
		},
		func(g *grant) store.Key { return store.K(g.Account, g.KeyID, g.ID) },
	}
	if in.GranteePrincipal != nil {
		q = byIndex(granteeGrantsToken, "grantee", store.K(r.account, r.id, principalName(*in.GranteePrincipal)))
	}
	l, err := s.list(ctx, q, in.Limit, in.Marker)
	if err != nil {
		return nil, err
	}
	return &kms.ListGrantsOutput{Grants: l.entries, NextMarker: l.next, Truncated: l.next != nil}, nil
}

func byIndex(kind, index string, prefix store.Key) grantQuery {
	return grantQuery{
		kind,
		func(tx *store.Tx, after store.Key) iter.Seq2[*grant, error] {
			return grants.ScanIndex(tx, index, store.Range{Prefix: prefix, After: after})
		},
		func(g *grant) store.Key { return grants.IndexAfter(prefix, g) },
	}
}

// listGrant lists the one grant, unless it is to another than the grantee asked
// for.
func (s *Service) listGrant(ctx context.Context, in *kms.ListGrantsInput) (*kms.ListGrantsOutput, error) {
	_, g, err := s.findGrant(ctx, in.KeyId, in.GrantId)
	if err != nil {
		return nil, err
	}
	out := &kms.ListGrantsOutput{Grants: []types.GrantListEntry{}}
	if in.GranteePrincipal == nil || g.Grantee == principalName(*in.GranteePrincipal) {
		out.Grants = append(out.Grants, s.entry(g))
	}
	return out, nil
}

// ListRetirableGrants lists the grants, of whichever keys, that a principal of
// the caller's account may retire.
func (s *Service) ListRetirableGrants(ctx context.Context, in *kms.ListRetirableGrantsInput) (*kms.ListRetirableGrantsOutput, error) {
	q := byIndex(retirableToken, "retiring", store.K(principalName(*in.RetiringPrincipal)))
	l, err := s.list(ctx, q, in.Limit, in.Marker)
	if err != nil {
		return nil, err
	}
	return &kms.ListRetirableGrantsOutput{Grants: l.entries, NextMarker: l.next, Truncated: l.next != nil}, nil
}
