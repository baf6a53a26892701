package iam

import (
	"context"
	"errors"

	"github.com/aws/aws-sdk-go-v2/service/iam"

	"github.com/garrison-cloud/garrison/internal/authz"
	"github.com/garrison-cloud/garrison/internal/store"
	"github.com/garrison-cloud/garrison/internal/wire"
)

// An alias is an account's name for people. Among all accounts there is one of a name.
type alias struct{ Alias, Account string }

var aliases = store.NewTable("iam.alias", func(a *alias) store.Key { return store.K(a.Alias) })

func (s *Service) aliasOperations() []wire.Operation {
	return []wire.Operation{
		op(onAny[iam.CreateAccountAliasInput], s.CreateAccountAlias),
		op(onAny[iam.ListAccountAliasesInput], s.ListAccountAliases),
		op(onAny[iam.DeleteAccountAliasInput], s.DeleteAccountAlias),
	}
}

// onAny asks for the operation's action, for which IAM knows no resource.
func onAny[I any](context.Context, *I) (authz.Target, error) { return authz.Any(), nil }

// CreateAccountAlias gives the account an alias, in place of the one it has.
func (s *Service) CreateAccountAlias(ctx context.Context, in *iam.CreateAccountAliasInput) (*iam.CreateAccountAliasOutput, error) {
	err := s.changeAccount(ctx, func(tx *store.Tx, a *accountRow) error {
		if a.Alias == *in.AccountAlias {
			return nil
		}
		if a.Alias != "" {
			if err := aliases.Delete(tx, a.Alias); err != nil {
				return err
			}
		}
		a.Alias = *in.AccountAlias
		return aliases.Insert(tx, &alias{Alias: a.Alias, Account: a.Account})
	})
	if errors.Is(err, store.ErrExists) {
		return nil, exists("The account alias " + *in.AccountAlias + " already exists.")
	}
	if err != nil {
		return nil, err
	}
	return &iam.CreateAccountAliasOutput{}, nil
}

// ListAccountAliases lists the account's alias, if it has one.
func (s *Service) ListAccountAliases(ctx context.Context, in *iam.ListAccountAliasesInput) (*iam.ListAccountAliasesOutput, error) {
	p, err := newPager("iam.ListAccountAliases", in.Marker, in.MaxItems)
	if err != nil {
		return nil, err
	}
	row, err := s.account(ctx, wire.CallFrom(ctx).Account())
	if err != nil {
		return nil, err
	}
	var all []string
	if row != nil && row.Alias != "" {
		all = []string{row.Alias}
	}
	return &iam.ListAccountAliasesOutput{AccountAliases: p.names(all), IsTruncated: p.more, Marker: p.marker()}, nil
}

// DeleteAccountAlias takes the account's alias away; others may have it then.
func (s *Service) DeleteAccountAlias(ctx context.Context, in *iam.DeleteAccountAliasInput) (*iam.DeleteAccountAliasOutput, error) {
	err := s.changeAccount(ctx, func(tx *store.Tx, a *accountRow) error {
		if a.Alias != *in.AccountAlias {
			return noEntity("account alias", *in.AccountAlias)
		}
		a.Alias = ""
		return aliases.Delete(tx, *in.AccountAlias)
	})
	if err != nil {
		return nil, err
	}
	return &iam.DeleteAccountAliasOutput{}, nil
}

// changeAccount lets fn work on the row of the caller's account, and keeps it.
func (s *Service) changeAccount(ctx context.Context, fn func(*store.Tx, *accountRow) error) error {
	account, now := wire.CallFrom(ctx).Account(), s.now()
	return s.db.Update(ctx, func(tx *store.Tx) error {
		row, err := accountIn(tx, account, now)
		if err != nil {
			return err
		}
		if err := fn(tx, row); err != nil {
			return err
		}
		return accounts.Put(tx, row)
	})
}
