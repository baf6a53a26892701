package kms

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"github.com/garrison-cloud/garrison/internal/arn"
	"github.com/garrison-cloud/garrison/internal/store"
	"github.com/garrison-cloud/garrison/internal/wire"
)

// A grant lets one principal do some operations with one key. Principals are
// ARNs, or the names of services; an account is its root's ARN.
type grant struct {
	Account    string                 `cbor:"1,keyasint"`
	KeyID      string                 `cbor:"2,keyasint"`
	ID         string                 `cbor:"3,keyasint"`
	Grantee    string                 `cbor:"4,keyasint"`
	Retiring   string                 `cbor:"5,keyasint,omitempty"`
	Operations []types.GrantOperation `cbor:"6,keyasint"`
	// Of Equals and Subset at most one is set (EncryptionContextEquals and
	// EncryptionContextSubset).
	Equals  map[string]string `cbor:"7,keyasint,omitempty"`
	Subset  map[string]string `cbor:"8,keyasint,omitempty"`
	Name    string            `cbor:"9,keyasint,omitempty"`
	Issuer  string            `cbor:"10,keyasint"` // the account that asked for it
	Created time.Time         `cbor:"11,keyasint"`
	// Secret authenticates the grant's tokens, each of which is unlike the others.
	Secret []byte `cbor:"12,keyasint"`
}

// Grants are found by what cryptographic calls know (pair, or grantee where the
// encryption context does not count), by what a retried
// CreateGrant knows (name), and by who may retire them.
var grants = store.NewTable("kms.grant",
	func(g *grant) store.Key { return store.K(g.Account, g.KeyID, g.ID) },
	store.Cached[grant](hotRows), store.Unwatched[grant](),
	store.Index("grantee", func(g *grant) []store.Key { return []store.Key{store.K(g.Account, g.KeyID, g.Grantee)} }),
	store.Index("pair", func(g *grant) []store.Key { return []store.Key{store.K(g.Account, g.KeyID, g.Grantee, g.pair())} }),
	store.Index("name", func(g *grant) []store.Key {
		if g.Name == "" {
			return nil
		}
		return []store.Key{store.K(g.Account, g.KeyID, g.Name)}
	}),
	store.Index("retiring", func(g *grant) []store.Key {
		if g.Retiring == "" {
			return nil
		}
		return []store.Key{store.K(g.Retiring)}
	}))

// maxGrants is how many grants a key may have (KMS Developer Guide, "Quotas").
const maxGrants = 50000

// grantSecret is the size of a grant's id and of its secret in bytes.
const grantSecret = 32

// asGrant is what the input asks for, as far as policies judge it: not yet
// checked, and without an identity.
func asGrant(in *kms.CreateGrantInput) *grant {
	g := &grant{
		Grantee: principalName(aws.ToString(in.GranteePrincipal)), Retiring: principalName(aws.ToString(in.RetiringPrincipal)),
		Operations: slices.Compact(slices.Sorted(slices.Values(in.Operations))), Name: aws.ToString(in.Name),
	}
	if c := in.Constraints; c != nil {
		g.Equals, g.Subset = c.EncryptionContextEquals, c.EncryptionContextSubset
	}
	// Terraform sends an empty constraint beside the one that is meant.
	if len(g.Equals) > 0 && len(g.Subset) == 0 {
		g.Subset = nil
	} else if len(g.Subset) > 0 && len(g.Equals) == 0 {
		g.Equals = nil
	}
	return g
}

// CreateGrant lets a principal use a key, at once. With a name, a call that asks
// for what there is already answers the same grant.
func (s *Service) CreateGrant(ctx context.Context, in *kms.CreateGrantInput) (*kms.CreateGrantOutput, error) {
	g := asGrant(in)
	if err := checkGrant(in, g); err != nil {
		return nil, err
	}
	r, err := s.parseGrantKey(ctx, *in.KeyId)
	if err != nil {
		return nil, err
	}
	g.Account, g.KeyID, g.Issuer, g.Created = r.account, r.id, wire.CallFrom(ctx).Account(), s.clock.Now()
	g.ID, g.Secret = hex.EncodeToString(random(grantSecret)), random(grantSecret)
	made := g
	err = s.db.Update(ctx, func(tx *store.Tx) (err error) {
		made, err = g.enter(tx, r, in.DryRun)
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		return nil, s.missing(r)
	}
	if err != nil {
		return nil, err
	}
	return &kms.CreateGrantOutput{GrantId: &made.ID, GrantToken: aws.String(made.token())}, nil
}

// enter adds the grant to its key, or finds the one that it repeats.
func (g *grant) enter(tx *store.Tx, r reference, dryRun *bool) (*grant, error) {
	k, err := r.get(tx)
	if err != nil {
		return nil, err
	}
	if err := k.grantable(g); err != nil {
		return nil, err
	}
	before, err := g.repeated(tx)
	if err != nil {
		return nil, err
	}
	if before == nil && k.Grants >= maxGrants {
		return nil, limitExceeded("A key has at most %d grants.", maxGrants)
	}
	if err := checkDryRun(dryRun); err != nil || before != nil {
		return before, err
	}
	k.countGrants(1)
	if err := keys.Put(tx, k); err != nil {
		return nil, err
	}
	return g, grants.Insert(tx, g)
}

// countGrants notes that the key has n more grants, and other ones than before.
func (k *key) countGrants(n int) {
	k.Grants += n
	k.GrantEpoch = binary.BigEndian.Uint64(random(8))
}

// repeated finds a grant of the same name that is the same in all that a caller
// can ask for.
func (g *grant) repeated(tx *store.Tx) (*grant, error) {
	if g.Name == "" {
		return nil, nil
	}
	for other, err := range grants.ScanIndex(tx, "name", store.Range{Prefix: store.K(g.Account, g.KeyID, g.Name)}) {
		if err != nil {
			return nil, err
		}
		if g.same(other) {
			return other, nil
		}
	}
	return nil, nil
}

func (g *grant) same(o *grant) bool {
	return g.Name == o.Name && g.Grantee == o.Grantee && g.Retiring == o.Retiring && g.Issuer == o.Issuer &&
		slices.Equal(g.Operations, o.Operations) && maps.Equal(g.Equals, o.Equals) && maps.Equal(g.Subset, o.Subset)
}

// remove takes a grant from its key; store.ErrNotFound if either is not there.
func (r reference) remove(tx *store.Tx, id string) error {
	k, err := r.get(tx)
	if err != nil {
		return err
	}
	if err := grants.Delete(tx, k.Account, k.ID, id); err != nil {
		return err
	}
	k.countGrants(-1)
	return keys.Put(tx, k)
}

// entry is the grant as the API lists it.
func (s *Service) entry(g *grant) types.GrantListEntry {
	e := types.GrantListEntry{
		GrantId: &g.ID, KeyId: aws.String(s.arn(reference{account: g.Account, id: g.KeyID})), CreationDate: &g.Created,
		GranteePrincipal: &g.Grantee, IssuingAccount: aws.String(arn.Root(g.Issuer)), Operations: g.Operations,
	}
	if g.Name != "" {
		e.Name = &g.Name
	}
	if g.Retiring != "" {
		e.RetiringPrincipal = &g.Retiring
	}
	if g.constraint() != "" {
		e.Constraints = &types.GrantConstraints{EncryptionContextEquals: g.Equals, EncryptionContextSubset: g.Subset}
	}
	return e
}
