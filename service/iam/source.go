package iam

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	engine "github.com/garrison-cloud/garrison/engine/iam"
	"github.com/garrison-cloud/garrison/internal/arn"
	"github.com/garrison-cloud/garrison/internal/authz"
	"github.com/garrison-cloud/garrison/internal/store"
	"github.com/garrison-cloud/garrison/internal/wire"
)

// A source is a policy in a simulation, and where it comes from.
type source struct {
	id       string
	kind     types.PolicySourceType
	document string
}

// A holding is a user, group or role with all policies that count for it.
type holding struct {
	principal engine.Principal
	name      string
	tags      map[string]string
	sources   []source
	boundary  *source
}

// inputPolicies checks policies that a caller brings, and numbers them as AWS does.
func inputPolicies(documents []string) ([]source, error) {
	out := make([]source, 0, len(documents))
	for i, d := range documents {
		if _, err := parseInput(d, engine.IdentityPolicy); err != nil {
			return nil, err
		}
		out = append(out, source{id: fmt.Sprintf("PolicyInputList.%d", i+1), kind: types.PolicySourceTypeNone, document: d})
	}
	return out, nil
}

// parseInput compiles a document that is used once.
func parseInput(document string, kind engine.Kind) (*engine.Policy, error) {
	p, err := engine.Parse(document, kind)
	if syntax, ok := errors.AsType[*engine.SyntaxError](err); ok {
		return nil, invalid(syntax.Message)
	}
	return p, err
}

// onSource asks for the operation's action on the user, group or role of the
// caller's account whose ARN read finds in the input.
func onSource[I any](s *Service, read func(*I) *string) func(context.Context, *I) (authz.Target, error) {
	return func(ctx context.Context, in *I) (authz.Target, error) {
		noun, name, err := sourceName(wire.CallFrom(ctx).Account(), *read(in))
		if err != nil {
			return authz.Target{}, err
		}
		same := func(name *string) *string { return name }
		switch noun {
		case users.noun:
			return on(s, users, same)(ctx, &name)
		case groups.noun:
			return on(s, groups, same)(ctx, &name)
		default:
			return on(s, roles, same)(ctx, &name)
		}
	}
}

// sourceName takes the ARN of a user, group or role of the account apart.
func sourceName(account, entity string) (noun, name string, err error) {
	a, err := arn.Parse(entity)
	noun, _, _ = strings.Cut(a.Resource, "/")
	known := noun == users.noun || noun == groups.noun || noun == roles.noun
	if err != nil || a.Service != "iam" || a.AccountID != account || !known {
		return "", "", invalid("Invalid Entity Arn: " + entity + " does not clearly define entity type and name.")
	}
	return noun, entity[strings.LastIndexByte(entity, '/')+1:], nil
}

// held gathers what a user, group or role has.
func (s *Service) held(tx *store.Tx, entity string) (*holding, error) {
	a, err := arn.Parse(entity)
	if err != nil {
		return nil, err
	}
	noun, name, err := sourceName(a.AccountID, entity)
	if err != nil {
		return nil, err
	}
	h := &holding{name: name}
	switch noun {
	case users.noun:
		return h, h.user(s, tx, a.AccountID, entity)
	case groups.noun:
		g, err := exactly(tx, groups, a.AccountID, entity, name)
		if err != nil {
			return nil, err
		}
		h.principal = engine.Principal{Kind: engine.User, Account: g.Account}
		return h, addSources(h, s, tx, groups, &g.entity)
	default:
		r, err := exactly(tx, roles, a.AccountID, entity, name)
		if err != nil {
			return nil, err
		}
		h.tags = r.Tags
		h.principal = engine.Principal{
			Kind: engine.RoleSession, ARN: arn.New("sts", "", r.Account, "assumed-role/"+r.Name+"/simulation"),
			Account: r.Account, ID: r.ID + ":simulation", RoleARN: entity,
		}
		return h, firstError(addSources(h, s, tx, roles, &r.entity), h.bound(s, tx, &r.entity))
	}
}

func (h *holding) user(s *Service, tx *store.Tx, account, entity string) error {
	u, err := exactly(tx, users, account, entity, h.name)
	if err != nil {
		return err
	}
	h.tags = u.Tags
	h.principal = engine.Principal{Kind: engine.User, ARN: entity, Account: account, ID: u.ID}
	if err := addSources(h, s, tx, users, &u.entity); err != nil {
		return err
	}
	for _, id := range u.Groups {
		g, err := groups.table.Get(tx, account, id)
		if err != nil {
			return unreadable("group "+id, err)
		}
		if err := addSources(h, s, tx, groups, &g.entity); err != nil {
			return err
		}
	}
	return h.bound(s, tx, &u.entity)
}

// exactly finds the entity of that name if it has that ARN, path and all.
func exactly[T any](tx *store.Tx, k *kind[T], account, entity, name string) (*T, error) {
	row, err := k.find(tx, account, name)
	if err != nil {
		return nil, err
	}
	if k.arn(k.of(row)) != entity {
		return nil, k.missing(name)
	}
	return row, nil
}

// addSources adds an entity's own policies.
func addSources[T any](h *holding, s *Service, tx *store.Tx, k *kind[T], e *entity) error {
	for _, name := range sortedKeys(e.Inline) {
		h.sources = append(h.sources, source{id: name, kind: types.PolicySourceType(k.noun), document: e.Inline[name]})
	}
	for _, name := range e.Attached {
		from, err := s.managedSource(tx, e.Account, name)
		if err != nil {
			return err
		}
		h.sources = append(h.sources, *from)
	}
	return nil
}

func (s *Service) managedSource(tx *store.Tx, account, name string) (*source, error) {
	p, err := s.policy(tx, account, name)
	if err != nil {
		return nil, unreadable("policy "+name, err)
	}
	out := &source{id: p.Name, kind: types.PolicySourceTypeUserManaged, document: p.text()}
	if p.Account == awsManaged {
		out.kind = types.PolicySourceTypeAwsManaged
	}
	return out, nil
}

func (h *holding) bound(s *Service, tx *store.Tx, e *entity) (err error) {
	if e.Boundary != "" {
		h.boundary, err = s.managedSource(tx, e.Account, e.Boundary)
	}
	return err
}

// place tells where in its document a statement stands: from behind what comes
// before it to behind its brace, lines and columns counted from 1, as AWS does.
func (c *source) place(index int) (start, end *types.Position) {
	d := json.NewDecoder(strings.NewReader(c.document))
	if _, err := d.Token(); err != nil { // the brace
		return nil, nil
	}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return nil, nil
		}
		if name == "Statement" {
			return c.within(d, index)
		}
		var other json.RawMessage
		if err := d.Decode(&other); err != nil {
			return nil, nil
		}
	}
	return nil, nil
}

// within finds the statement when d stands behind the element's name.
func (c *source) within(d *json.Decoder, index int) (start, end *types.Position) {
	from := d.InputOffset()
	from += int64(strings.IndexByte(c.document[from:], ':')) + 1
	if strings.HasPrefix(strings.TrimLeft(c.document[from:], " \t\r\n"), "[") {
		if _, err := d.Token(); err != nil {
			return nil, nil
		}
		from = d.InputOffset()
	}
	for i := 0; ; i++ {
		var statement json.RawMessage
		if err := d.Decode(&statement); err != nil {
			return nil, nil
		}
		to := d.InputOffset()
		if i == index {
			return c.position(from), c.position(to)
		}
		comma := strings.IndexByte(c.document[to:], ',')
		if comma < 0 {
			return nil, nil
		}
		from = to + int64(comma) + 1
	}
}

func (c *source) position(offset int64) *types.Position {
	before := c.document[:offset]
	line := strings.Count(before, "\n") + 1
	column := utf8.RuneCountInString(before[strings.LastIndexByte(before, '\n')+1:]) + 1
	return &types.Position{Line: int32(line), Column: int32(column)} //nolint:gosec // a document has at most 128 KiB
}

func (c *source) matched(ref engine.StatementRef) types.Statement {
	start, end := c.place(ref.Index)
	return types.Statement{SourcePolicyId: aws.String(c.id), SourcePolicyType: c.kind, StartPosition: start, EndPosition: end}
}
