package iam

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/garrison-cloud/garrison/internal/store"
	"github.com/garrison-cloud/garrison/internal/wire"
)

// ownedBy returns all rows of a table that are a user's: their keys begin with
// the account and the user's unique id.
func ownedBy[T any](tx *store.Tx, table *store.Table[T], u *user) ([]*T, error) {
	var out []*T
	for row, err := range table.Scan(tx, store.Range{Prefix: store.K(u.Account, u.ID)}) {
		if err != nil {
			return nil, err
		}
		out = append(out, row)
	}
	return out, nil
}

// withUser lets fn work in a transaction on what belongs to the user of that name,
// or to the caller. An account's root has none of it.
func (s *Service) withUser(ctx context.Context, name *string, fn func(*store.Tx, *user) error) error {
	who, err := subject(ctx, name)
	if err != nil {
		return err
	}
	if who == "" {
		return unfit("Must specify userName when calling with non-User credentials")
	}
	return users.update(ctx, s, who, fn)
}

// viewUser is withUser for what is only read. Nothing is a root's.
func (s *Service) viewUser(ctx context.Context, name *string, fn func(*store.Tx, *user) error) error {
	who, err := subject(ctx, name)
	if err != nil || who == "" {
		return err
	}
	account := wire.CallFrom(ctx).Account()
	return s.db.View(ctx, func(tx *store.Tx) error {
		u, err := users.find(tx, account, who)
		if err != nil {
			return err
		}
		return fn(tx, u)
	})
}

// switched reads a status that a user may set.
func switched(status types.StatusType) (active bool, err error) {
	if status != types.StatusTypeActive && status != types.StatusTypeInactive {
		return false, unfit("The status can be set to Active or Inactive.")
	}
	return status == types.StatusTypeActive, nil
}

func statusOf(active bool) types.StatusType {
	if active {
		return types.StatusTypeActive
	}
	return types.StatusTypeInactive
}

// credentialFree refuses to delete a user who still has keys or certificates.
func (u *user) credentialFree(tx *store.Tx) error {
	ssh, err := ownedBy(tx, sshKeys, u)
	if err != nil {
		return err
	}
	if len(ssh) > 0 {
		return conflict("Cannot delete entity, must delete SSH public keys first.")
	}
	signing, err := ownedBy(tx, signingCertificates, u)
	if err != nil {
		return err
	}
	if len(signing) > 0 {
		return conflict("Cannot delete entity, must delete signing certificates first.")
	}
	specific, err := ownedBy(tx, specificCredentials, u)
	if err != nil {
		return err
	}
	if len(specific) > 0 {
		return conflict("Cannot delete entity, must delete service specific credentials first.")
	}
	return nil
}
