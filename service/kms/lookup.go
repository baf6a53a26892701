package kms

import (
	"context"
	"errors"
	"strings"

	"github.com/garrison-cloud/garrison/internal/arn"
	"github.com/garrison-cloud/garrison/internal/store"
	"github.com/garrison-cloud/garrison/internal/wire"
)

const aliasPrefix = "alias/"

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
	if !isKeyID(resource) {
		return r, notFound("Invalid keyId '%s'", given)
	}
	r.id = resource
	return r, nil
}

// parseKey reads a key id or a key ARN, for operations that take no alias.
func (s *Service) parseKey(ctx context.Context, given string) (reference, error) {
	r, err := s.parse(ctx, given)
	if err == nil && r.alias != "" {
		err = notFound("Invalid keyId '%s'", given)
	}
	return r, err
}

// isKeyID reports whether id has the form of a key id: a UUID in lower case, or
// mrk- and 32 hexadecimal digits for a multi-Region key.
func isKeyID(id string) bool {
	digits, multi := strings.CutPrefix(id, "mrk-")
	if multi {
		return len(digits) == 32 && isHex(digits)
	}
	if len(id) != 36 || id[8] != '-' || id[13] != '-' || id[18] != '-' || id[23] != '-' {
		return false
	}
	return isHex(id[:8]) && isHex(id[9:13]) && isHex(id[14:18]) && isHex(id[19:23]) && isHex(id[24:])
}

func isHex(s string) bool {
	for i := range len(s) {
		if c := s[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
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
	if k.lies() {
		return k.placed(tx)
	}
	return k, nil
}

// find reads the key that the caller named in any form, or answers AWS's error. An
// alias is the key that was authorized under it.
func (s *Service) find(ctx context.Context, given *string) (*key, error) {
	r, err := s.parse(ctx, *given)
	if err != nil {
		return nil, err
	}
	if r.alias != "" {
		if id, ok := wire.CallFrom(ctx).Pinned(s.arn(r)); ok {
			r = reference{account: r.account, id: id}
		}
	}
	return s.read(ctx, r)
}

// findKey is find for operations that take no alias.
func (s *Service) findKey(ctx context.Context, given *string) (*key, error) {
	r, err := s.parseKey(ctx, *given)
	if err != nil {
		return nil, err
	}
	return s.read(ctx, r)
}

// own reads a key of the caller's own account, named by its id or ARN. The
// target function has refused the other forms; to read by the same rule keeps
// that true where nobody is authorized at all.
func (s *Service) own(ctx context.Context, given *string) (*key, error) {
	r, err := s.ownReference(ctx, *given)
	if err != nil {
		return nil, err
	}
	return s.read(ctx, r)
}

func (s *Service) ownReference(ctx context.Context, given string) (reference, error) {
	r, err := s.parseKey(ctx, given)
	if err == nil && r.account != wire.CallFrom(ctx).Account() {
		err = s.missing(r)
	}
	return r, err
}

func (s *Service) read(ctx context.Context, r reference) (*key, error) {
	var k *key
	err := s.db.View(ctx, func(tx *store.Tx) (err error) {
		k, err = r.get(tx)
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		return nil, s.missing(r)
	}
	return k, err
}

// edit changes a key of the caller's account in one transaction. AWS managed
// keys are not the caller's to change.
func (s *Service) edit(ctx context.Context, given *string, change func(*store.Tx, *key) error) (*key, error) {
	r, err := s.ownReference(ctx, *given)
	if err != nil {
		return nil, err
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
