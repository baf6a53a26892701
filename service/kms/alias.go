package kms

import (
	"context"
	"errors"
	"iter"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/smithy-go"

	"github.com/garrison-cloud/garrison/internal/arn"
	"github.com/garrison-cloud/garrison/internal/page"
	"github.com/garrison-cloud/garrison/internal/store"
	"github.com/garrison-cloud/garrison/internal/wire"
)

// maxAliases is how many aliases a key may have (KMS Developer Guide, "Quotas").
const maxAliases = 50

// checkAlias holds an alias's name to its form; names under alias/aws/ are AWS's.
// Target functions check it, before anybody is asked about the name.
func checkAlias(name string) error {
	rest, ok := strings.CutPrefix(name, aliasPrefix)
	switch {
	case !ok:
		return invalid(`Alias must start with the prefix "alias/". Please see https://docs.aws.amazon.com/kms/latest/developerguide/kms-alias.html`)
	case rest == "":
		return invalid("Invalid identifier")
	case strings.HasPrefix(name, managedPrefix):
		return &smithy.GenericAPIError{Code: "NotAuthorizedException", Fault: smithy.FaultClient}
	case strings.Contains(name, ":"): // the model's pattern lets no other such character in
		return invalid("%s contains invalid characters for an alias", name)
	}
	return nil
}

// CreateAlias names a key of the caller's account.
func (s *Service) CreateAlias(ctx context.Context, in *kms.CreateAliasInput) (*kms.CreateAliasOutput, error) {
	r, err := s.aliasTarget(ctx, *in.TargetKeyId)
	if err != nil {
		return nil, err
	}
	err = s.db.Update(ctx, func(tx *store.Tx) error {
		k, err := s.nameable(tx, r, "")
		if err != nil {
			return err
		}
		_, _, err = named(tx, r.account, *in.AliasName)
		if err == nil {
			return store.ErrExists
		}
		if !errors.Is(err, store.ErrNotFound) {
			return err
		}
		// Put, since the alias of a key that is gone may not be cleared away yet.
		return aliases.Put(tx, &alias{Account: r.account, Name: *in.AliasName, KeyID: k.ID, Created: tx.Now(), Updated: tx.Now()})
	})
	if errors.Is(err, store.ErrExists) {
		name := arn.New("kms", s.region, r.account, *in.AliasName)
		return nil, &types.AlreadyExistsException{Message: aws.String("An alias with the name " + name + " already exists")}
	}
	if err != nil {
		return nil, err
	}
	return &kms.CreateAliasOutput{}, nil
}

// aliasTarget reads the key that an alias shall stand for: of the caller's
// account, by id or ARN.
func (s *Service) aliasTarget(ctx context.Context, given string) (reference, error) {
	if err := notAlias(given); err != nil {
		return reference{}, err
	}
	return s.ownReference(ctx, given)
}

func notAlias(given string) error {
	if strings.HasPrefix(given, aliasPrefix) || strings.Contains(given, ":"+aliasPrefix) {
		return invalid("Aliases must refer to keys. Not aliases")
	}
	return nil
}

// named reads an alias and its key; store.ErrNotFound if either is gone.
func named(tx *store.Tx, account, name string) (*alias, *key, error) {
	a, err := aliases.Get(tx, account, name)
	if err != nil {
		return nil, nil, err
	}
	k, err := reference{account: account, id: a.KeyID}.get(tx)
	return a, k, err
}

// nameable reads a key that may have another alias; current is the key that the
// alias stands for already.
func (s *Service) nameable(tx *store.Tx, r reference, current string) (*key, error) {
	k, err := r.get(tx)
	if errors.Is(err, store.ErrNotFound) {
		return nil, s.missing(r)
	}
	if err != nil {
		return nil, err
	}
	if k.managed() {
		return nil, unsupported("%s is an AWS managed key, which only AWS may name.", k.arn())
	}
	if err := k.leaving(); err != nil {
		return nil, err
	}
	if k.ID == current {
		return k, nil
	}
	names, err := store.Collect(aliases.ScanIndex(tx, "key", store.Range{Prefix: store.K(k.Account, k.ID), Limit: maxAliases}))
	if err != nil {
		return nil, err
	}
	if len(names) >= maxAliases {
		return nil, limitExceeded("A key has at most %d aliases.", maxAliases)
	}
	return k, nil
}

// UpdateAlias lets an alias stand for another key of the same kind.
func (s *Service) UpdateAlias(ctx context.Context, in *kms.UpdateAliasInput) (*kms.UpdateAliasOutput, error) {
	r, err := s.aliasTarget(ctx, *in.TargetKeyId)
	if err != nil {
		return nil, err
	}
	err = s.db.Update(ctx, func(tx *store.Tx) error {
		a, before, err := named(tx, r.account, *in.AliasName)
		if err != nil {
			return err
		}
		after, err := s.nameable(tx, r, before.ID)
		if err != nil {
			return err
		}
		if before.Usage != after.Usage || before.Spec.Asymmetric() != after.Spec.Asymmetric() {
			return invalid("The current and the new key of an alias must be of the same type and usage.")
		}
		a.KeyID, a.Updated = after.ID, tx.Now()
		return aliases.Put(tx, a)
	})
	if err != nil {
		return nil, s.aliasError(ctx, err, *in.AliasName)
	}
	return &kms.UpdateAliasOutput{}, nil
}

func (s *Service) aliasError(ctx context.Context, err error, name string) error {
	if errors.Is(err, store.ErrNotFound) {
		return s.missing(reference{account: wire.CallFrom(ctx).Account(), alias: name})
	}
	return err
}

// DeleteAlias takes a name away. The key stays.
func (s *Service) DeleteAlias(ctx context.Context, in *kms.DeleteAliasInput) (*kms.DeleteAliasOutput, error) {
	account := wire.CallFrom(ctx).Account()
	err := s.db.Update(ctx, func(tx *store.Tx) error {
		if _, _, err := named(tx, account, *in.AliasName); err != nil {
			return err
		}
		return aliases.Delete(tx, account, *in.AliasName)
	})
	if err != nil {
		return nil, s.aliasError(ctx, err, *in.AliasName)
	}
	return &kms.DeleteAliasOutput{}, nil
}

const (
	aliasesToken    = "kms.ListAliases"
	keyAliasesToken = "kms.ListAliases.key"
)

// ListAliases lists the account's aliases, or those of one of its keys.
func (s *Service) ListAliases(ctx context.Context, in *kms.ListAliasesInput) (*kms.ListAliasesOutput, error) {
	if in.KeyId != nil {
		return s.listKeyAliases(ctx, in)
	}
	after, err := position(aliasesToken, in.Marker)
	if err != nil {
		return nil, err
	}
	account := wire.CallFrom(ctx).Account()
	limit, err := aliasPage.limit(in.Limit)
	if err != nil {
		return nil, err
	}
	var rows []*alias
	err = s.db.View(ctx, func(tx *store.Tx) (err error) {
		rows, err = living(tx, aliases.Scan(tx, store.Range{Prefix: store.K(account), After: after}), limit+1)
		return err
	})
	if err != nil {
		return nil, err
	}
	return s.aliasList(rows, limit, func(last *alias) string { return page.Token(aliasesToken, store.K(account, last.Name)) }), nil
}

func (s *Service) listKeyAliases(ctx context.Context, in *kms.ListAliasesInput) (*kms.ListAliasesOutput, error) {
	k, err := s.own(ctx, in.KeyId)
	if err != nil {
		return nil, err
	}
	after, err := position(keyAliasesToken, in.Marker)
	if err != nil {
		return nil, err
	}
	index := store.K(k.Account, k.ID)
	var rows []*alias
	limit, err := aliasPage.limit(in.Limit)
	if err != nil {
		return nil, err
	}
	err = s.db.View(ctx, func(tx *store.Tx) (err error) {
		rows, err = store.Collect(aliases.ScanIndex(tx, "key", store.Range{Prefix: index, After: after, Limit: limit + 1}))
		return err
	})
	if err != nil {
		return nil, err
	}
	return s.aliasList(rows, limit, func(last *alias) string { return page.Token(keyAliasesToken, aliases.IndexAfter(index, last)) }), nil
}

// living reads up to limit aliases whose keys are not gone.
func living(tx *store.Tx, rows iter.Seq2[*alias, error], limit int) ([]*alias, error) {
	var out []*alias
	for a, err := range rows {
		if err != nil {
			return nil, err
		}
		_, err = reference{account: a.Account, id: a.KeyID}.get(tx)
		if errors.Is(err, store.ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if out = append(out, a); len(out) == limit {
			break
		}
	}
	return out, nil
}

// aliasList answers up to limit of rows; one more says that there is a next page.
func (s *Service) aliasList(rows []*alias, limit int, token func(last *alias) string) *kms.ListAliasesOutput {
	out := &kms.ListAliasesOutput{Aliases: []types.AliasListEntry{}}
	if len(rows) > limit {
		rows = rows[:limit]
		out.Truncated, out.NextMarker = true, aws.String(token(rows[limit-1]))
	}
	for _, a := range rows {
		out.Aliases = append(out.Aliases, types.AliasListEntry{
			AliasName: &a.Name, AliasArn: aws.String(arn.New("kms", s.region, a.Account, a.Name)),
			TargetKeyId: &a.KeyID, CreationDate: &a.Created, LastUpdatedDate: &a.Updated,
		})
	}
	return out
}

// aliasesOf lists a key's aliases for kms:ResourceAliases. What cannot be read is
// not there: a condition that asks for an alias then does not hold.
func (s *Service) aliasesOf(ctx context.Context, k *key) []string {
	var names []string
	err := s.db.View(ctx, func(tx *store.Tx) error {
		names = nil
		for a, err := range aliases.ScanIndex(tx, "key", store.Range{Prefix: store.K(k.Account, k.ID)}) {
			if err != nil {
				return err
			}
			names = append(names, a.Name)
		}
		return nil
	})
	if err != nil {
		return nil
	}
	return names
}
