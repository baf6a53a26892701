package iam

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	engine "github.com/garrison-cloud/garrison/engine/iam"
	"github.com/garrison-cloud/garrison/internal/arn"
	"github.com/garrison-cloud/garrison/internal/authz"
	"github.com/garrison-cloud/garrison/internal/store"
)

// A trust is a role's trust policy. It trusts the very users and roles that had
// the names in it when it was written: whoever gets such a name later is
// another (IAM User Guide, "AWS JSON policy elements: Principal").
type trust struct {
	// Document is the policy as it was given.
	Document string
	// Bound holds the unique id of each user and role that Document names.
	Bound map[string]string
}

// newTrust checks a trust policy, and that whom it names exists.
func (s *Service) newTrust(ctx context.Context, document string) (*trust, error) {
	if err := s.checkDocument(document, engine.TrustPolicy); err != nil {
		return nil, err
	}
	if size(document) > maxTrust {
		return nil, over("ACLSizePerRole", maxTrust)
	}
	var names []string
	_, err := rewritePrincipals(document, func(name string) string {
		names = append(names, name)
		return name
	})
	if err != nil {
		return nil, err
	}
	t := &trust{Document: document, Bound: map[string]string{}}
	err = s.db.View(ctx, func(tx *store.Tx) error { return t.bind(tx, names) })
	return t, err
}

func (t *trust) bind(tx *store.Tx, names []string) error {
	for _, name := range names {
		id, named, err := principalID(tx, name)
		if errors.Is(err, store.ErrNotFound) {
			return malformed(fmt.Sprintf("Invalid principal in policy: \"AWS\":%q", name))
		}
		if err != nil {
			return err
		}
		if named {
			t.Bound[name] = id
		}
	}
	return nil
}

// enforced is the policy with unique ids in place of names.
func (t *trust) enforced() (string, error) {
	return rewritePrincipals(t.Document, func(name string) string {
		if id, ok := t.Bound[name]; ok {
			return id
		}
		return name
	})
}

// shown is the policy as a reader sees it: with the names that those it trusts
// have by now, and the unique ids of those who are gone.
func (t *trust) shown(tx *store.Tx) (string, error) {
	now := map[string]string{}
	for name, id := range t.Bound {
		current, err := principalARN(tx, id)
		if errors.Is(err, store.ErrNotFound) {
			current, err = id, nil
		}
		if err != nil {
			return "", err
		}
		if current != name {
			now[name] = current
		}
	}
	if len(now) == 0 {
		return t.Document, nil
	}
	return rewritePrincipals(t.Document, func(name string) string {
		if current, ok := now[name]; ok {
			return current
		}
		return name
	})
}

// principalID returns the unique id of the user or role that a Principal element
// names, by ARN or by the id itself. named is false for other names, such as
// whole accounts and sessions; the error is store.ErrNotFound if nobody has the
// name.
func principalID(tx *store.Tx, name string) (id string, named bool, err error) {
	if strings.HasPrefix(name, users.prefix) || strings.HasPrefix(name, roles.prefix) {
		_, err := principalARN(tx, name)
		return name, true, err
	}
	a, err := arn.Parse(name)
	if err != nil || a.Service != "iam" {
		return "", false, nil
	}
	noun, _, _ := strings.Cut(a.Resource, "/")
	switch noun {
	case users.noun:
		id, err = users.idOf(tx, a.AccountID, name)
	case roles.noun:
		id, err = roles.idOf(tx, a.AccountID, name)
	default:
		return "", false, nil
	}
	return id, true, err
}

// idOf returns the unique id of the entity with that ARN, or store.ErrNotFound.
func (k *kind[T]) idOf(tx *store.Tx, account, name string) (string, error) {
	last := name[strings.LastIndexByte(name, '/')+1:]
	row, err := k.called(tx, account, last)
	if err != nil {
		return "", err
	}
	if e := k.of(row); k.arn(e) == name {
		return e.ID, nil
	}
	return "", store.ErrNotFound
}

// principalARN returns the ARN of the user or role with that unique id, or
// store.ErrNotFound.
func principalARN(tx *store.Tx, id string) (string, error) {
	account, ok := authz.AccountOf(id[:max(0, len(id)-1)])
	if !ok {
		return "", store.ErrNotFound
	}
	if strings.HasPrefix(id, users.prefix) {
		u, err := users.table.Get(tx, account, id)
		if err != nil {
			return "", err
		}
		return users.arn(&u.entity), nil
	}
	r, err := roles.table.Get(tx, account, id)
	if err != nil {
		return "", err
	}
	return roles.arn(&r.entity), nil
}

// object is a JSON object of which only some members are looked at.
type object = map[string]json.RawMessage

// rewritePrincipals replaces each AWS principal of a document that engine/iam has
// accepted.
func rewritePrincipals(document string, replace func(string) string) (string, error) {
	var whole object
	if err := json.Unmarshal([]byte(document), &whole); err != nil {
		return "", fmt.Errorf("read a trust policy: %w", err)
	}
	statements, err := oneOrMany[object](whole["Statement"])
	if err != nil {
		return "", err
	}
	for _, st := range statements {
		for _, element := range []string{"Principal", "NotPrincipal"} {
			if err := rewriteElement(st, element, replace); err != nil {
				return "", err
			}
		}
	}
	if whole["Statement"], err = json.Marshal(statements); err != nil {
		return "", err
	}
	out, err := json.Marshal(whole)
	return string(out), err
}

func rewriteElement(statement object, element string, replace func(string) string) error {
	raw := statement[element]
	if len(raw) == 0 || raw[0] != '{' {
		return nil // absent, or "*"
	}
	var by object
	if err := json.Unmarshal(raw, &by); err != nil {
		return fmt.Errorf("read a trust policy: %w", err)
	}
	names, err := oneOrMany[string](by["AWS"])
	if err != nil || names == nil {
		return err
	}
	for i := range names {
		names[i] = replace(names[i])
	}
	if len(names) == 1 {
		by["AWS"], err = json.Marshal(names[0])
	} else {
		by["AWS"], err = json.Marshal(names)
	}
	if err != nil {
		return err
	}
	statement[element], err = json.Marshal(by)
	return err
}

// oneOrMany reads what may stand alone or in a list.
func oneOrMany[T any](raw json.RawMessage) ([]T, error) {
	if raw == nil {
		return nil, nil
	}
	var many []T
	if json.Unmarshal(raw, &many) == nil {
		return many, nil
	}
	var one T
	if err := json.Unmarshal(raw, &one); err != nil {
		return nil, fmt.Errorf("read a trust policy: %w", err)
	}
	return slices.Clip([]T{one}), nil
}
