package iam

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"slices"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	engine "github.com/garrison-cloud/garrison/engine/iam"
	"github.com/garrison-cloud/garrison/internal/arn"
	"github.com/garrison-cloud/garrison/internal/authz"
	"github.com/garrison-cloud/garrison/internal/store"
	"github.com/garrison-cloud/garrison/internal/wire"
)

// ErrNoKey tells that there is no such access key, or that it is not active.
var ErrNoKey = errors.New("no such access key, or it is not active")

// maxKeys is how many access keys a user may have.
const maxKeys = 2

// An accessKey lets a user, or an account's root, in. Its secret is kept as it
// is, sealed by the store: verifying a signature needs it.
type accessKey struct {
	Account, ID, Secret string
	// User is the unique id of the user; empty is the account's root.
	User    string
	Created time.Time
	Active  bool

	// owner is what the last caller with this key was, in memory only.
	owner atomic.Pointer[keyOwner]
}

// A keyOwner is a principal made of one state of a user's row.
type keyOwner struct {
	user      *user // nil for root
	principal *authz.Principal
}

var accessKeys = store.NewTable("iam.accesskey",
	func(k *accessKey) store.Key { return store.K(k.Account, k.ID) }, store.Cached[accessKey](cachedRows))

// An accountRow is what IAM keeps of an account as such.
type accountRow struct {
	Account string
	Created time.Time
	// Keys are the ids of the root user's access keys.
	Keys []string
	// Alias is the account's name for people, empty if it has none.
	Alias string
	// Passwords is the account's password policy, nil if it has none.
	Passwords *passwordPolicy
}

var accounts = store.NewTable("iam.account", func(a *accountRow) store.Key { return store.K(a.Account) })

// account returns the account's row, nil if nothing was kept of it yet.
func (s *Service) account(ctx context.Context, account string) (row *accountRow, err error) {
	err = s.db.View(ctx, func(tx *store.Tx) (err error) {
		row, err = accounts.Get(tx, account)
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	return row, err
}

// AccessKey returns the secret of a long-term access key, and whose it is. It
// fails with ErrNoKey.
func (s *Service) AccessKey(ctx context.Context, accessKeyID string) (secret string, p *authz.Principal, err error) {
	account, ok := authz.AccountOf(accessKeyID)
	if !ok {
		return "", nil, ErrNoKey
	}
	err = s.db.View(ctx, func(tx *store.Tx) error {
		k, err := accessKeys.Get(tx, account, accessKeyID)
		if err != nil {
			return err
		}
		if !k.Active {
			return ErrNoKey
		}
		secret = k.Secret
		p, err = k.principal(tx)
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		err = ErrNoKey
	}
	if err != nil {
		return "", nil, err
	}
	return secret, p, nil
}

// principal is whose the key is. It is made anew only when the user's row has
// changed: the store's cache then hands out another pointer.
func (k *accessKey) principal(tx *store.Tx) (*authz.Principal, error) {
	var u *user
	if k.User != "" {
		var err error
		if u, err = users.table.Get(tx, k.Account, k.User); err != nil {
			return nil, err
		}
	}
	if o := k.owner.Load(); o != nil && o.user == u {
		return o.principal, nil
	}
	p := authz.Root(arn.Root(k.Account), k.Account, k.ID)
	if u != nil {
		p = &authz.Principal{
			Principal: engine.Principal{Kind: engine.User, ARN: users.arn(&u.entity), Account: u.Account, ID: u.ID},
			Name:      u.Name, AccessKeyID: k.ID, Tags: u.Tags,
		}
	}
	k.owner.Store(&keyOwner{user: u, principal: p})
	return p, nil
}

func newAccessKey(account, user string, now time.Time) *accessKey {
	var b [30]byte // 40 characters, as AWS's secrets have
	rand.Read(b[:])
	return &accessKey{
		Account: account, ID: authz.NewAccessKeyID(authz.LongTermKey, account),
		Secret: base64.StdEncoding.EncodeToString(b[:]), User: user, Created: now, Active: true,
	}
}

// EnsureRoot returns an access key of an account's root user. It makes one if
// there is none.
func (s *Service) EnsureRoot(ctx context.Context, account string) (accessKeyID, secret string, err error) {
	fresh := newAccessKey(account, "", s.now())
	var key *accessKey
	err = s.db.Update(ctx, func(tx *store.Tx) error {
		row, err := accountIn(tx, account, fresh.Created)
		if err != nil {
			return err
		}
		for _, id := range row.Keys {
			if key, err = accessKeys.Get(tx, account, id); err != nil || key.Active {
				return err
			}
		}
		if key = fresh; len(row.Keys) > 0 {
			// All are switched off, by someone who may do that: that stays so.
			key, err = accessKeys.Get(tx, account, row.Keys[0])
			return err
		}
		row.Keys = append(row.Keys, fresh.ID)
		return firstError(accounts.Put(tx, row), accessKeys.Insert(tx, fresh))
	})
	if err != nil {
		return "", "", err
	}
	return key.ID, key.Secret, nil
}

// accountIn returns the account's row, a new one if there is none.
func accountIn(tx *store.Tx, account string, now time.Time) (*accountRow, error) {
	row, err := accounts.Get(tx, account)
	if errors.Is(err, store.ErrNotFound) {
		return &accountRow{Account: account, Created: now}, nil
	}
	return row, err
}

func (s *Service) accessKeyOperations() []wire.Operation {
	return []wire.Operation{
		op(on(s, users, func(in *iam.CreateAccessKeyInput) *string { return in.UserName }), s.CreateAccessKey),
		op(on(s, users, func(in *iam.ListAccessKeysInput) *string { return in.UserName }), s.ListAccessKeys),
		op(on(s, users, func(in *iam.UpdateAccessKeyInput) *string { return in.UserName }), s.UpdateAccessKey),
		op(on(s, users, func(in *iam.DeleteAccessKeyInput) *string { return in.UserName }), s.DeleteAccessKey),
	}
}

// A keyring is the list of keys of a user or of the root.
type keyring struct {
	account, user string // user is empty for root
	name          *string
	ids           *[]string
}

// changeKeys lets fn work on the access keys of the user of that name, or of the
// caller, and keeps the list.
func (s *Service) changeKeys(ctx context.Context, name *string, fn func(*store.Tx, *keyring) error) error {
	who, err := subject(ctx, name)
	if err != nil {
		return err
	}
	if who != "" {
		return users.change(ctx, s, who, func(tx *store.Tx, u *user) error {
			return fn(tx, &keyring{account: u.Account, user: u.ID, name: &u.Name, ids: &u.Keys})
		})
	}
	return s.changeAccount(ctx, func(tx *store.Tx, a *accountRow) error {
		return fn(tx, &keyring{account: a.Account, ids: &a.Keys})
	})
}

// key returns the key with that id from the ring.
func (r *keyring) key(tx *store.Tx, id string) (*accessKey, error) {
	k, err := accessKeys.Get(tx, r.account, id)
	if errors.Is(err, store.ErrNotFound) || err == nil && k.User != r.user {
		return nil, noSuch("The Access Key with id " + id + " cannot be found.")
	}
	return k, err
}

// CreateAccessKey makes an access key. Its secret is answered this once.
func (s *Service) CreateAccessKey(ctx context.Context, in *iam.CreateAccessKeyInput) (*iam.CreateAccessKeyOutput, error) {
	fresh := newAccessKey(wire.CallFrom(ctx).Account(), "", s.now())
	out := &types.AccessKey{
		AccessKeyId: &fresh.ID, SecretAccessKey: &fresh.Secret, Status: types.StatusTypeActive, CreateDate: &fresh.Created,
	}
	err := s.changeKeys(ctx, in.UserName, func(tx *store.Tx, r *keyring) error {
		if len(*r.ids) >= maxKeys {
			return over("AccessKeysPerUser", maxKeys)
		}
		fresh.User, out.UserName = r.user, r.name
		*r.ids = append(*r.ids, fresh.ID)
		return accessKeys.Insert(tx, fresh)
	})
	if err != nil {
		return nil, err
	}
	return &iam.CreateAccessKeyOutput{AccessKey: out}, nil
}

// ListAccessKeys lists the access keys of a user or of the caller, without secrets.
func (s *Service) ListAccessKeys(ctx context.Context, in *iam.ListAccessKeysInput) (*iam.ListAccessKeysOutput, error) {
	p, err := newPager("iam.ListAccessKeys", in.Marker, in.MaxItems)
	if err != nil {
		return nil, err
	}
	name, ids, err := s.keysOf(ctx, in.UserName)
	if err != nil {
		return nil, err
	}
	account := wire.CallFrom(ctx).Account()
	out := &iam.ListAccessKeysOutput{AccessKeyMetadata: []types.AccessKeyMetadata{}}
	err = s.db.View(ctx, func(tx *store.Tx) error {
		for _, id := range p.names(ids) {
			k, err := accessKeys.Get(tx, account, id)
			if err != nil {
				return err
			}
			out.AccessKeyMetadata = append(out.AccessKeyMetadata, types.AccessKeyMetadata{
				AccessKeyId: &k.ID, CreateDate: &k.Created, Status: k.status(), UserName: name,
			})
		}
		return nil
	})
	out.IsTruncated, out.Marker = p.more, p.marker()
	return out, err
}

// keysOf returns the sorted ids of the access keys of a user or of the caller.
func (s *Service) keysOf(ctx context.Context, name *string) (own *string, ids []string, err error) {
	who, err := subject(ctx, name)
	if err != nil {
		return nil, nil, err
	}
	if who != "" {
		u, err := users.view(ctx, s, who)
		if err != nil {
			return nil, nil, err
		}
		return &u.Name, slices.Sorted(slices.Values(u.Keys)), nil
	}
	row, err := s.account(ctx, wire.CallFrom(ctx).Account())
	if row == nil || err != nil {
		return nil, nil, err
	}
	return nil, slices.Sorted(slices.Values(row.Keys)), nil
}

func (k *accessKey) status() types.StatusType {
	if k.Active {
		return types.StatusTypeActive
	}
	return types.StatusTypeInactive
}

// UpdateAccessKey switches an access key on or off, from the next call on.
func (s *Service) UpdateAccessKey(ctx context.Context, in *iam.UpdateAccessKeyInput) (*iam.UpdateAccessKeyOutput, error) {
	if in.Status != types.StatusTypeActive && in.Status != types.StatusTypeInactive {
		return nil, unfit("The status of an access key can be set to Active or Inactive.")
	}
	err := s.changeKeys(ctx, in.UserName, func(tx *store.Tx, r *keyring) error {
		k, err := r.key(tx, *in.AccessKeyId)
		if err != nil {
			return err
		}
		k.Active = in.Status == types.StatusTypeActive
		return accessKeys.Put(tx, k)
	})
	if err != nil {
		return nil, err
	}
	return &iam.UpdateAccessKeyOutput{}, nil
}

// DeleteAccessKey deletes an access key for good.
func (s *Service) DeleteAccessKey(ctx context.Context, in *iam.DeleteAccessKeyInput) (*iam.DeleteAccessKeyOutput, error) {
	err := s.changeKeys(ctx, in.UserName, func(tx *store.Tx, r *keyring) error {
		k, err := r.key(tx, *in.AccessKeyId)
		if err != nil {
			return err
		}
		*r.ids, _ = without(*r.ids, *in.AccessKeyId)
		return firstError(accessKeys.Delete(tx, r.account, *in.AccessKeyId), s.uses.Forget(tx, k.thing()))
	})
	if err != nil {
		return nil, err
	}
	return &iam.DeleteAccessKeyOutput{}, nil
}
