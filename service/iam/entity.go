package iam

import (
	"context"
	"crypto/rand"
	"encoding/base32"
	"errors"
	"strings"
	"sync/atomic"
	"time"

	engine "github.com/garrison-cloud/garrison/engine/iam"
	"github.com/garrison-cloud/garrison/internal/arn"
	"github.com/garrison-cloud/garrison/internal/authz"
	"github.com/garrison-cloud/garrison/internal/store"
	"github.com/garrison-cloud/garrison/internal/wire"
)

// cachedRows is how many decoded rows of a table are kept: those of the callers
// of late.
const cachedRows = 10_000

// An entity is what users, groups, roles and instance profiles have in common. It lives under its
// unique id, so that a name given anew is someone else to all that refer to it.
type entity struct {
	// Account owns the entity; ID carries the account and never changes.
	Account, ID string
	// Name is unique in the account among its kind, without distinction of case.
	Name, Path string
	Created    time.Time
	// Inline holds documents by policy name.
	Inline map[string]string
	// Attached are the managed policies' ARNs, in the order in which they came.
	Attached []string
	// Boundary is a managed policy's ARN; groups have none.
	Boundary string
	Tags     map[string]string

	// own is Inline compiled, once a caller has needed it.
	own atomic.Pointer[[]*engine.Policy]
}

// The names of the tables' indexes.
const (
	byName   = "name"   // account, folded name
	byPolicy = "policy" // account, use, ARN, folded name of the holder
	byGroup  = "group"  // account, the group's id, folded name of the user
)

// The uses of a managed policy in index byPolicy.
const (
	asPermissions = "permissions"
	asBoundary    = "boundary"
)

func (e *entity) key() store.Key     { return store.K(e.Account, e.ID) }
func (e *entity) names() []store.Key { return []store.Key{store.K(e.Account, fold(e.Name))} }

func (e *entity) policies() []store.Key {
	out := make([]store.Key, 0, len(e.Attached)+1)
	for _, a := range e.Attached {
		out = append(out, store.K(e.Account, asPermissions, a, fold(e.Name)))
	}
	if e.Boundary != "" {
		out = append(out, store.K(e.Account, asBoundary, e.Boundary, fold(e.Name)))
	}
	return out
}

// fold makes names that differ in case the same.
func fold(name string) string { return strings.ToLower(name) }

var idDigits = base32.StdEncoding.WithPadding(base32.NoPadding)

// newID returns a unique id: the prefix of its kind and 17 characters (IAM User
// Guide, "IAM identifiers"), the first 16 as in an access key id.
func newID(prefix, account string) string {
	var b [1]byte
	rand.Read(b[:])
	return authz.NewAccessKeyID(prefix, account) + idDigits.EncodeToString(b[:])[:1]
}

// A kind is one of the sorts of entities, in what the API tells apart.
type kind[T any] struct {
	// noun stands in ARNs, title in actions' names and in front of names.
	noun, title, prefix string
	// quota names the limit of attached policies, inline is how many characters
	// all inline policies may have.
	quota  string
	inline int
	of     func(*T) *entity
	// guard, if set, refuses to change the policies of what only AWS changes.
	guard func(*T) error
	table *store.Table[T]
}

func newKind[T any](k kind[T], opts ...store.Option[T]) *kind[T] {
	opts = append(opts,
		store.Cached[T](cachedRows),
		store.UniqueIndex(byName, func(row *T) []store.Key { return k.of(row).names() }),
		store.Index(byPolicy, func(row *T) []store.Key { return k.of(row).policies() }),
	)
	k.table = store.NewTable("iam."+k.noun, func(row *T) store.Key { return k.of(row).key() }, opts...)
	return &k
}

// missing is the error of a name that nobody has. AWS speaks of instance
// profiles in other words.
func (k *kind[T]) missing(name string) error {
	if k.noun == instanceProfileNoun {
		return noSuch(k.title + " " + name + " cannot be found.")
	}
	if k.noun == serverCertificateNoun {
		return noEntity(k.title, name)
	}
	return noEntity(k.noun, name)
}

// display is how denials name the entity.
func (k *kind[T]) display(name string) string { return strings.ToLower(k.title) + " " + name }

func (k *kind[T]) arn(e *entity) string { return k.named(e.Account, e.Path, e.Name) }

func (k *kind[T]) named(account, path, name string) string {
	return arn.New("iam", "", account, k.noun+path+name)
}

// find returns the entity of that name. It is for Views: in an Update the search
// would lock out all accounts.
func (k *kind[T]) find(tx *store.Tx, account, name string) (*T, error) {
	row, err := k.called(tx, account, name)
	if errors.Is(err, store.ErrNotFound) {
		return nil, k.missing(name)
	}
	return row, err
}

// called is find that fails with store.ErrNotFound.
func (k *kind[T]) called(tx *store.Tx, account, name string) (*T, error) {
	r := store.Range{Prefix: store.K(account, fold(name)), Limit: 1}
	for row, err := range k.table.ScanIndex(tx, byName, r) {
		return row, err
	}
	return nil, store.ErrNotFound
}

// view reads the caller's entity of that name.
func (k *kind[T]) view(ctx context.Context, s *Service, name string) (row *T, err error) {
	account := wire.CallFrom(ctx).Account()
	err = s.db.View(ctx, func(tx *store.Tx) (err error) {
		row, err = k.find(tx, account, name)
		return err
	})
	return row, err
}

// change lets fn work on the caller's entity of that name, and keeps the result.
func (k *kind[T]) change(ctx context.Context, s *Service, name string, fn func(*store.Tx, *T) error) error {
	return k.update(ctx, s, name, func(tx *store.Tx, row *T) error {
		if err := fn(tx, row); err != nil {
			return err
		}
		return k.table.Put(tx, row)
	})
}

// regrant is change for what alters the entity's permissions.
func (k *kind[T]) regrant(ctx context.Context, s *Service, name string, fn func(*store.Tx, *T) error) error {
	return k.change(ctx, s, name, func(tx *store.Tx, row *T) error {
		if k.guard != nil {
			if err := k.guard(row); err != nil {
				return err
			}
		}
		return fn(tx, row)
	})
}

// update lets fn work in a transaction on the caller's entity of that name.
func (k *kind[T]) update(ctx context.Context, s *Service, name string, fn func(*store.Tx, *T) error) error {
	found, err := k.view(ctx, s, name)
	if err != nil {
		return err
	}
	e := k.of(found)
	return s.db.Update(ctx, func(tx *store.Tx) error {
		row, err := k.table.Get(tx, e.Account, e.ID)
		if errors.Is(err, store.ErrNotFound) {
			return k.missing(name)
		}
		if err != nil {
			return err
		}
		return fn(tx, row)
	})
}

// insert keeps a new entity.
func (k *kind[T]) insert(ctx context.Context, s *Service, row *T) error {
	e := k.of(row)
	err := s.db.Update(ctx, func(tx *store.Tx) error {
		if e.Boundary != "" {
			if err := s.use(tx, e.Account, e.Boundary, 0, 1); err != nil {
				return err
			}
		}
		for _, policy := range e.Attached { // a service's role is born with some
			if err := s.use(tx, e.Account, policy, 1, 0); err != nil {
				return err
			}
		}
		return firstError(count(tx, e.Account, k.noun, 1), k.table.Insert(tx, row))
	})
	return k.taken(err, e.Name)
}

// taken words the error of a name that another entity has.
func (k *kind[T]) taken(err error, name string) error {
	if errors.Is(err, store.ErrExists) {
		switch k.noun {
		case instanceProfileNoun:
			return exists(k.title + " " + name + " already exists.")
		case serverCertificateNoun:
			return exists("The " + k.title + " with name " + name + " already exists.")
		}
		return exists(k.title + " with name " + name + " already exists.")
	}
	return err
}

// rename gives a new name and path, each if not nil.
func (k *kind[T]) rename(ctx context.Context, s *Service, name string, newName, newPath *string) error {
	err := k.change(ctx, s, name, func(_ *store.Tx, row *T) error {
		e := k.of(row)
		if newName != nil {
			e.Name = *newName
		}
		if newPath != nil {
			e.Path = *newPath
		}
		return nil
	})
	if newName == nil {
		return err
	}
	return k.taken(err, *newName)
}

// remove deletes an entity that nothing depends on any more.
func (k *kind[T]) remove(ctx context.Context, s *Service, name string, free func(*store.Tx, *T) error) error {
	return k.update(ctx, s, name, func(tx *store.Tx, row *T) error {
		if k.guard != nil {
			if err := k.guard(row); err != nil {
				return err
			}
		}
		e := k.of(row)
		if len(e.Attached) > 0 {
			return conflict("Cannot delete entity, must detach all policies first.")
		}
		if len(e.Inline) > 0 {
			return conflict("Cannot delete entity, must delete policies first.")
		}
		if err := free(tx, row); err != nil {
			return err
		}
		if e.Boundary != "" {
			if err := s.use(tx, e.Account, e.Boundary, 0, -1); err != nil {
				return err
			}
		}
		return firstError(count(tx, e.Account, k.noun, -1), k.table.Delete(tx, e.Account, e.ID))
	})
}

// list pages through the caller's entities by name.
func (k *kind[T]) list(ctx context.Context, s *Service, p *pager, prefix *string, add func(*T)) error {
	account := wire.CallFrom(ctx).Account()
	return s.db.View(ctx, func(tx *store.Tx) error {
		for row, err := range k.table.ScanIndex(tx, byName, p.over(account)) {
			if err != nil {
				return err
			}
			e := k.of(row)
			if !under(e.Path, prefix) {
				continue
			}
			if !p.take(fold(e.Name)) {
				return nil
			}
			add(row)
		}
		return nil
	})
}

// under reports whether path begins with the prefix; nil is every path's.
func under(path string, prefix *string) bool {
	return prefix == nil || strings.HasPrefix(path, *prefix)
}
