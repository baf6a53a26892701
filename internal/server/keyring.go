package server

import (
	"context"
	"errors"
	"strings"

	"github.com/garrison-cloud/garrison/internal/arn"
	"github.com/garrison-cloud/garrison/internal/authz"
	"github.com/garrison-cloud/garrison/internal/gateway"
	"github.com/garrison-cloud/garrison/service/iam"
	"github.com/garrison-cloud/garrison/service/sts"
)

// keyring finds long-term keys in IAM, and opens temporary ones by STS's token.
type keyring struct {
	iam *iam.Service
	sts *sts.Service
}

// Key implements gateway.Keyring.
func (k keyring) Key(ctx context.Context, id, token string) (gateway.Key, error) {
	var (
		key gateway.Key
		err error
	)
	switch {
	case token != "":
		key.Secret, key.Principal, err = k.sts.Session(ctx, id, token)
	case strings.HasPrefix(id, authz.TemporaryKey):
		return key, gateway.ErrNoKey // a temporary key is nothing without its token
	default:
		key.Secret, key.Principal, err = k.iam.AccessKey(ctx, id)
	}
	switch {
	case errors.Is(err, iam.ErrNoKey), errors.Is(err, sts.ErrNoKey):
		return key, gateway.ErrNoKey
	case errors.Is(err, sts.ErrExpired):
		return key, gateway.ErrExpiredKey
	}
	return key, err
}

// devKeyring also takes keys that nobody has made: a twelve-digit id is the root
// of that account, any other the root of the first account.
type devKeyring struct {
	keyring
	account string
}

// Key implements gateway.Keyring.
func (k devKeyring) Key(ctx context.Context, id, token string) (gateway.Key, error) {
	key, err := k.keyring.Key(ctx, id, token)
	if !errors.Is(err, gateway.ErrNoKey) {
		return key, err
	}
	account := k.account
	if arn.IsAccount(id) {
		account = id
	}
	return gateway.Key{Principal: authz.Root(arn.Root(account), account, id)}, nil
}
