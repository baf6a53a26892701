package iam

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/garrison-cloud/garrison/internal/store"
	"github.com/garrison-cloud/garrison/internal/wire"
)

// A grant is a policy that an entity has, as far as it counts for which services
// the entity may use: conditions, resources and denials do not.
type grant struct {
	name, document string
	// arn is a managed policy's; noun and holder are whose an inline policy is.
	arn, noun, holder string
}

// grantsOf lists an entity's own policies.
func grantsOf[T any](s *Service, tx *store.Tx, k *kind[T], e *entity) ([]grant, error) {
	var out []grant
	for _, name := range sortedKeys(e.Inline) {
		out = append(out, grant{name: name, document: e.Inline[name], noun: k.noun, holder: e.Name})
	}
	for _, name := range e.Attached {
		p, err := s.policy(tx, e.Account, name)
		if err != nil {
			return nil, unreadable("policy "+name, err)
		}
		out = append(out, grant{name: p.Name, document: p.text(), arn: name})
	}
	return out, nil
}

// grantsOfUser are a user's own policies and its groups'.
func (s *Service) grantsOfUser(tx *store.Tx, u *user) ([]grant, error) {
	out, err := grantsOf(s, tx, users, &u.entity)
	if err != nil {
		return nil, err
	}
	for _, id := range u.Groups {
		g, err := groups.table.Get(tx, u.Account, id)
		if err != nil {
			return nil, unreadable("group "+id, err)
		}
		more, err := grantsOf(s, tx, groups, &g.entity)
		if err != nil {
			return nil, err
		}
		out = append(out, more...)
	}
	return out, nil
}

// services calls add with each of the services that the policy lets its holder
// use in some way.
func (g *grant) services(of map[string]string, add func(namespace string)) error {
	var document struct{ Statement json.RawMessage }
	if err := json.Unmarshal([]byte(g.document), &document); err != nil {
		return fmt.Errorf("read policy %s: %w", g.name, err)
	}
	statements, err := oneOrMany[object](document.Statement)
	if err != nil {
		return err
	}
	for _, statement := range statements {
		var effect string
		if err := json.Unmarshal(statement["Effect"], &effect); err != nil {
			return fmt.Errorf("read policy %s: %w", g.name, err)
		}
		if effect != "Allow" {
			continue
		}
		actions, err := oneOrMany[string](statement["Action"])
		if err != nil {
			return err
		}
		except, err := oneOrMany[string](statement["NotAction"])
		if err != nil {
			return err
		}
		for namespace := range of {
			if some(actions, namespace) || except != nil && !whole(except, namespace) {
				add(namespace)
			}
		}
	}
	return nil
}

// some reports whether a pattern fits an action of the service.
func some(patterns []string, namespace string) bool {
	for _, p := range patterns {
		service, _, _ := strings.Cut(p, ":")
		if service == "*" || strings.EqualFold(service, namespace) {
			return true
		}
	}
	return false
}

// whole reports whether a pattern fits all actions of the service.
func whole(patterns []string, namespace string) bool {
	for _, p := range patterns {
		service, action, _ := strings.Cut(p, ":")
		if p == "*" || strings.Trim(action, "*") == "" && (service == "*" || strings.EqualFold(service, namespace)) {
			return true
		}
	}
	return false
}

// ListPoliciesGrantingServiceAccess lists, service by service, the policies that
// let a user, group or role use it.
func (s *Service) ListPoliciesGrantingServiceAccess(ctx context.Context, in *iam.ListPoliciesGrantingServiceAccessInput) (*iam.ListPoliciesGrantingServiceAccessOutput, error) {
	if in.Marker != nil {
		return nil, unfit("Invalid Marker.") // the list has one page
	}
	r, err := s.reachOf(ctx, *in.Arn)
	if err != nil {
		return nil, err
	}
	by := map[string][]types.PolicyGrantingServiceAccess{}
	asked := map[string]string{}
	for _, namespace := range in.ServiceNamespaces {
		asked[namespace] = namespace
	}
	for i := range r.grants {
		seen := map[string]bool{}
		err := r.grants[i].services(asked, func(namespace string) {
			if !seen[namespace] {
				by[namespace] = append(by[namespace], r.grants[i].api())
			}
			seen[namespace] = true
		})
		if err != nil {
			return nil, err
		}
	}
	out := &iam.ListPoliciesGrantingServiceAccessOutput{}
	for i, namespace := range in.ServiceNamespaces {
		list := by[namespace]
		if list == nil {
			list = []types.PolicyGrantingServiceAccess{}
		}
		out.PoliciesGrantingServiceAccess = append(out.PoliciesGrantingServiceAccess,
			types.ListPoliciesGrantingServiceAccessEntry{ServiceNamespace: &in.ServiceNamespaces[i], Policies: list})
	}
	return out, nil
}

func (g *grant) api() types.PolicyGrantingServiceAccess {
	if g.arn != "" {
		return types.PolicyGrantingServiceAccess{PolicyName: &g.name, PolicyArn: &g.arn, PolicyType: types.PolicyTypeManaged}
	}
	return types.PolicyGrantingServiceAccess{
		PolicyName: &g.name, PolicyType: types.PolicyTypeInline,
		EntityName: &g.holder, EntityType: types.PolicyOwnerEntityType(strings.ToUpper(g.noun)),
	}
}

// A reach is what a user, group, role or managed policy may use, and who those
// are that may use it through it.
type reach struct {
	grants []grant
	users  []*user
	roles  []*role
}

func (s *Service) reachOf(ctx context.Context, name string) (r *reach, err error) {
	account := wire.CallFrom(ctx).Account()
	err = s.db.View(ctx, func(tx *store.Tx) (err error) {
		r, err = s.reach(tx, account, name)
		return err
	})
	return r, err
}

func (s *Service) reach(tx *store.Tx, account, name string) (*reach, error) {
	if isPolicy(name) {
		return s.reachOfPolicy(tx, account, name)
	}
	noun, last, err := sourceName(account, name)
	if err != nil {
		return nil, err
	}
	r := &reach{}
	switch noun {
	case users.noun:
		u, err := exactly(tx, users, account, name, last)
		if err != nil {
			return nil, err
		}
		r.users = []*user{u}
		r.grants, err = s.grantsOfUser(tx, u)
		return r, err
	case groups.noun:
		g, err := exactly(tx, groups, account, name, last)
		if err != nil {
			return nil, err
		}
		if r.grants, err = grantsOf(s, tx, groups, &g.entity); err != nil {
			return nil, err
		}
		return r, r.addMembers(tx, g, map[string]bool{})
	default:
		held, err := exactly(tx, roles, account, name, last)
		if err != nil {
			return nil, err
		}
		r.roles = []*role{held}
		r.grants, err = grantsOf(s, tx, roles, &held.entity)
		return r, err
	}
}

func isPolicy(name string) bool {
	_, _, _, err := policyName(name)
	return err == nil
}

func (s *Service) reachOfPolicy(tx *store.Tx, account, name string) (*reach, error) {
	p, err := s.policy(tx, account, name)
	if err != nil {
		return nil, unknownPolicy(err, name)
	}
	r := &reach{grants: []grant{{name: p.Name, document: p.text(), arn: name}}}
	at := store.Range{Prefix: store.K(account, asPermissions, name)}
	seen := map[string]bool{}
	for u, err := range users.table.ScanIndex(tx, byPolicy, at) {
		if err != nil {
			return nil, err
		}
		seen[u.ID] = true
		r.users = append(r.users, u)
	}
	for g, err := range groups.table.ScanIndex(tx, byPolicy, at) {
		if err != nil {
			return nil, err
		}
		if err := r.addMembers(tx, g, seen); err != nil {
			return nil, err
		}
	}
	for held, err := range roles.table.ScanIndex(tx, byPolicy, at) {
		if err != nil {
			return nil, err
		}
		r.roles = append(r.roles, held)
	}
	return r, nil
}

// addMembers adds a group's users, but for those seen.
func (r *reach) addMembers(tx *store.Tx, g *group, seen map[string]bool) error {
	for u, err := range users.table.ScanIndex(tx, byGroup, store.Range{Prefix: store.K(g.Account, g.ID)}) {
		if err != nil {
			return err
		}
		if !seen[u.ID] {
			r.users = append(r.users, u)
		}
		seen[u.ID] = true
	}
	return nil
}

// each calls fn with every user and role.
func (r *reach) each(fn func(e *entity, arn string) error) error {
	for _, u := range r.users {
		if err := fn(&u.entity, users.arn(&u.entity)); err != nil {
			return err
		}
	}
	for _, held := range r.roles {
		if err := fn(&held.entity, roles.arn(&held.entity)); err != nil {
			return err
		}
	}
	return nil
}
