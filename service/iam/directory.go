package iam

import (
	"context"
	"errors"
	"fmt"

	engine "github.com/garrison-cloud/garrison/engine/iam"
	"github.com/garrison-cloud/garrison/internal/authz"
	"github.com/garrison-cloud/garrison/internal/store"
)

// Permissions implements authz.Directory. A principal whose user or role is gone
// has none, even if there is another of its name; a policy that cannot be read
// is an error, so that nobody slips past a Deny in it.
func (s *Service) Permissions(ctx context.Context, p *authz.Principal) (out authz.Permissions, err error) {
	id := p.ID
	switch {
	case p.Kind == engine.User:
	case p.Session == nil:
		return out, nil // neither a user nor a session: no policies are attached
	case p.Kind == engine.RoleSession:
		id = p.Session.IssuerID
	case p.Kind == engine.FederatedUser:
		if id = p.Session.IssuerID; id == p.Account { // the root's
			out.Identity = []*engine.Policy{s.everything}
			return out, nil
		}
	default:
		return out, nil
	}
	err = s.db.View(ctx, func(tx *store.Tx) (err error) {
		if p.Kind == engine.RoleSession {
			out, err = s.ofRole(tx, p.Account, id)
		} else {
			out, err = s.ofUser(tx, p.Account, id)
		}
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		return authz.Permissions{}, nil
	}
	return out, err
}

func (s *Service) ofRole(tx *store.Tx, account, id string) (out authz.Permissions, err error) {
	r, err := roles.table.Get(tx, account, id)
	if err != nil {
		return out, err
	}
	out.Identity, err = heldBy(s, tx, roles, &r.entity, make([]*engine.Policy, 0, len(r.Inline)+len(r.Attached)))
	if err != nil {
		return out, err
	}
	return out, s.limit(tx, &r.entity, &out)
}

func (s *Service) ofUser(tx *store.Tx, account, id string) (out authz.Permissions, err error) {
	u, err := users.table.Get(tx, account, id)
	if err != nil {
		return out, err
	}
	list := make([]*engine.Policy, 0, len(u.Inline)+len(u.Attached)+2*len(u.Groups))
	if list, err = heldBy(s, tx, users, &u.entity, list); err != nil {
		return out, err
	}
	for _, id := range u.Groups {
		g, err := groups.table.Get(tx, account, id)
		if err != nil {
			return out, unreadable("group "+id, err)
		}
		if list, err = heldBy(s, tx, groups, &g.entity, list); err != nil {
			return out, err
		}
	}
	out.Identity = list
	return out, s.limit(tx, &u.entity, &out)
}

// unreadable tells that what must be there is not: unlike a missing principal
// it must not read as one without policies.
func unreadable(what string, err error) error {
	return fmt.Errorf("read %s, which its holder's row names: %w", what, errors.New(err.Error()))
}

// heldBy adds an entity's inline and managed policies to the list.
func heldBy[T any](s *Service, tx *store.Tx, k *kind[T], e *entity, list []*engine.Policy) ([]*engine.Policy, error) {
	own, err := compiledInline(s, k, e)
	if err != nil {
		return nil, err
	}
	list = append(list, own...)
	for _, name := range e.Attached {
		p, err := s.compiledPolicy(tx, e.Account, name)
		if err != nil {
			return nil, err
		}
		list = append(list, p)
	}
	return list, nil
}

// limit sets the boundary.
func (s *Service) limit(tx *store.Tx, e *entity, out *authz.Permissions) (err error) {
	if e.Boundary != "" {
		out.Boundary, err = s.compiledPolicy(tx, e.Account, e.Boundary)
	}
	return err
}

// compiledInline compiles an entity's inline policies once for each state of its
// row: the store's cache hands out the same row as long as it has not changed.
func compiledInline[T any](s *Service, k *kind[T], e *entity) ([]*engine.Policy, error) {
	if own := e.own.Load(); own != nil {
		return *own, nil
	}
	own := make([]*engine.Policy, 0, len(e.Inline))
	for _, name := range sortedKeys(e.Inline) {
		p, err := s.compiler.Compile(e.Inline[name], engine.IdentityPolicy)
		if err != nil {
			return nil, unreadable("policy "+name, err)
		}
		own = append(own, p.WithName(k.arn(e)+" "+name))
	}
	e.own.Store(&own)
	return own, nil
}

func (s *Service) compiledPolicy(tx *store.Tx, account, name string) (*engine.Policy, error) {
	row, err := s.policy(tx, account, name)
	if err != nil {
		return nil, unreadable("policy "+name, err)
	}
	if p := row.compiled.Load(); p != nil {
		return p, nil
	}
	p, err := s.compiler.Compile(row.text(), engine.IdentityPolicy)
	if err != nil {
		return nil, unreadable("policy "+name, err)
	}
	p = p.WithName(name)
	row.compiled.Store(p)
	return p, nil
}

// ManagedPolicy returns the document of the managed policy with that ARN that an
// account may use. It fails with store.ErrNotFound.
func (s *Service) ManagedPolicy(ctx context.Context, account, arn string) (document string, err error) {
	err = s.db.View(ctx, func(tx *store.Tx) error {
		p, err := s.policy(tx, account, arn)
		if err != nil {
			return err
		}
		document = p.text()
		return nil
	})
	return document, err
}
