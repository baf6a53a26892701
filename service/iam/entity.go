package iam

import (
	"context"
	"crypto/rand"
	"encoding/base32"
	"errors"
	"strings"
	"time"

	"github.com/garrison-cloud/garrison/internal/arn"
	"github.com/garrison-cloud/garrison/internal/store"
	"github.com/garrison-cloud/garrison/internal/wire"
)

// An entity is what users, groups and roles have in common. Names are unique
// without regard to case (IAM API Reference, CreateUser).
type entity struct {
	Account  string            `cbor:"1,keyasint"`
	Name     string            `cbor:"2,keyasint"`
	Path     string            `cbor:"3,keyasint"`
	ID       string            `cbor:"4,keyasint"`
	Created  time.Time         `cbor:"5,keyasint"`
	Inline   map[string]string `cbor:"6,keyasint,omitempty"` // name → document
	Attached []string          `cbor:"7,keyasint,omitempty"` // ARNs in the order of attachment
	Boundary string            `cbor:"8,keyasint,omitempty"` // ARN
	Tags     map[string]string `cbor:"9,keyasint,omitempty"`
}

func (e *entity) key() store.Key { return store.K(e.Account, strings.ToLower(e.Name)) }

// attachedKeys and boundaryKeys index an entity by the policies that it uses.
func (e *entity) attachedKeys() []store.Key {
	keys := make([]store.Key, 0, len(e.Attached))
	for _, a := range e.Attached {
		keys = append(keys, store.K(e.Account, a))
	}
	return keys
}

func (e *entity) boundaryKeys() []store.Key {
	if e.Boundary == "" {
		return nil
	}
	return []store.Key{store.K(e.Account, e.Boundary)}
}

// Indexes of users, groups and roles.
const (
	byAttached = "attached"
	byBoundary = "boundary"
	byGroup    = "group"
)

// A noun is one kind of entity: where its rows are, how IAM speaks of it, and
// its quotas (IAM User Guide, "IAM and AWS STS quotas").
type noun[T any] struct {
	table  *store.Table[T]
	entity func(*T) *entity
	word   string // "user", as in ARNs and in messages
	title  string // "User", as at the beginning of messages and in CloudTrail
	prefix string // of unique ids
	quota  string // "PoliciesPerUser"
	inline int    // characters of all inline policies, white space not counted
}

func (n *noun[T]) missing(name string) error {
	return noSuchEntity("The %s with name %s cannot be found.", n.word, name)
}

func (n *noun[T]) taken(name string) error {
	return alreadyExists("%s with name %s already exists.", n.title, name)
}

func (n *noun[T]) arn(e *entity) string { return entityARN(n.word, e.Account, e.Path, e.Name) }

func entityARN(word, account, path, name string) string {
	return arn.New("iam", "", account, word+path+name)
}

// get returns the row under a name in the caller's account, or NoSuchEntity.
func (n *noun[T]) get(ctx context.Context, tx *store.Tx, name string) (*T, error) {
	row, err := n.table.Get(tx, wire.CallFrom(ctx).Account(), strings.ToLower(name))
	if errors.Is(err, store.ErrNotFound) {
		return nil, n.missing(name)
	}
	return row, err
}

// insert adds a row, or fails with EntityAlreadyExists.
func (n *noun[T]) insert(tx *store.Tx, row *T) error {
	err := n.table.Insert(tx, row)
	if errors.Is(err, store.ErrExists) {
		return n.taken(n.entity(row).Name)
	}
	return err
}

// find reads one row of the caller's account.
func find[T any](ctx context.Context, s *Service, n *noun[T], name string) (row *T, err error) {
	err = s.db.View(ctx, func(tx *store.Tx) error {
		row, err = n.get(ctx, tx, name)
		return err
	})
	return row, err
}

// edit changes one row of the caller's account in a transaction.
func edit[T any](ctx context.Context, s *Service, n *noun[T], name string, change func(*store.Tx, *T) error) error {
	return s.db.Update(ctx, func(tx *store.Tx) error {
		row, err := n.get(ctx, tx, name)
		if err != nil {
			return err
		}
		if err := change(tx, row); err != nil {
			return err
		}
		return n.table.Put(tx, row)
	})
}

// rename moves a row to another name and path. Empty ones stay as they are.
func (n *noun[T]) rename(tx *store.Tx, row *T, name, path *string) error {
	e := n.entity(row)
	before := e.key()
	if path != nil {
		e.Path = *path
	}
	if name == nil {
		return n.table.Put(tx, row)
	}
	e.Name = *name
	if string(e.key()) == string(before) { // another case of the same name
		return n.table.Put(tx, row)
	}
	if err := n.insert(tx, row); err != nil {
		return err
	}
	return n.table.Delete(tx, before)
}

// idLength is how long unique ids are, the prefix included.
const idLength = 21

// newID returns a fresh unique id (IAM User Guide, "IAM identifiers").
func newID(prefix string) string {
	var b [15]byte
	rand.Read(b[:])
	return (prefix + base32.StdEncoding.EncodeToString(b[:]))[:idLength]
}

// pathOr is the path of something that is created without one.
func pathOr(path *string) string {
	if path == nil {
		return "/"
	}
	return *path
}
