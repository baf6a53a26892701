package kms

import (
	"context"
	"errors"
	"regexp"
	"strings"

	"github.com/garrison-cloud/garrison/internal/arn"
	"github.com/garrison-cloud/garrison/internal/store"
	"github.com/garrison-cloud/garrison/internal/wire"
)

const aliasPrefix = "alias/"

var keyIDForm = regexp.MustCompile(`^([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|mrk-[0-9a-f]{32})$`)

// A reference is a KeyId as a caller gives it: one of the four forms taken apart.
type reference struct {
	account string
	id      string // empty for an alias
	alias   string // with "alias/"; empty for a key id
}

// parse reads a key id, a key ARN, an alias name or an alias ARN.
func (s *Service) parse(ctx context.Context, given string) (reference, error) {
	r := reference{account: wire.CallFrom(ctx).Account()}
	resource := given
	if strings.HasPrefix(given, "arn:") {
		a, err := arn.Parse(given)
		if err != nil || a.Service != "kms" || !arn.IsAccount(a.AccountID) {
			return r, notFound("Invalid arn %s", given)
		}
		if a.Region != s.region || a.Partition != arn.Partition(s.region) {
			return r, notFound("Invalid arn %s", a.Region)
		}
		r.account = a.AccountID
		id, isKey := strings.CutPrefix(a.Resource, "key/")
		if !isKey && !strings.HasPrefix(a.Resource, aliasPrefix) {
			return r, notFound("Invalid arn %s", given)
		}
		resource = id
	}
	if strings.HasPrefix(resource, aliasPrefix) {
		r.alias = resource
		return r, nil
	}
	if !keyIDForm.MatchString(resource) {
		return r, notFound("Invalid keyId '%s'", given)
	}
	r.id = resource
	return r, nil
}

// arn names what was referred to.
func (s *Service) arn(r reference) string {
	if r.alias != "" {
		return arn.New("kms", s.region, r.account, r.alias)
	}
	return arn.New("kms", s.region, r.account, "key/"+r.id)
}

// missing is AWS's error for a reference to nothing.
func (s *Service) missing(r reference) error {
	if r.alias != "" {
		return notFound("Alias %s is not found.", s.arn(r))
	}
	return notFound("Key '%s' does not exist", s.arn(r))
}

// get reads the key that r refers to; store.ErrNotFound if there is none.
func (r reference) get(tx *store.Tx) (*key, error) {
	id := r.id
	if r.alias != "" {
		a, err := aliases.Get(tx, r.account, r.alias)
		if err != nil {
			return nil, err
		}
		id = a.KeyID
	}
	k, err := keys.Get(tx, r.account, id)
	if err != nil {
		return nil, err
	}
	if k.gone(tx.Now()) {
		return nil, store.ErrNotFound
	}
	return k, nil
}

// find reads the key that the caller named, or answers AWS's error.
func (s *Service) find(ctx context.Context, given *string) (*key, error) {
	r, err := s.parse(ctx, *given)
	if err != nil {
		return nil, err
	}
	var k *key
	err = s.db.View(ctx, func(tx *store.Tx) (err error) {
		k, err = r.get(tx)
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		return nil, s.missing(r)
	}
	return k, err
}

// edit changes the key that the caller named in one transaction. AWS managed
// keys are not the caller's to change.
func (s *Service) edit(ctx context.Context, given *string, change func(*store.Tx, *key) error) (*key, error) {
	r, err := s.parse(ctx, *given)
	if err != nil {
		return nil, err
	}
	if r.alias != "" { // operations that change a key take its id or ARN
		return nil, notFound("Invalid keyId %s", *given)
	}
	var edited *key
	err = s.db.Update(ctx, func(tx *store.Tx) error {
		k, err := r.get(tx)
		if err != nil {
			return err
		}
		if k.managed() {
			return unsupported("%s is an AWS managed key, which only AWS may change.", k.arn())
		}
		if err := change(tx, k); err != nil {
			return err
		}
		edited = k
		return keys.Put(tx, k)
	})
	if errors.Is(err, store.ErrNotFound) {
		return nil, s.missing(r)
	}
	return edited, err
}
