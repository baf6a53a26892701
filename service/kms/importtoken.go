package kms

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"github.com/garrison-cloud/garrison/engine/seal"
	"github.com/garrison-cloud/garrison/internal/store"
)

// tokenLife is how long a wrapping key can be used (KMS API Reference,
// GetParametersForImport).
const tokenLife = 24 * time.Hour

// An importToken is what a token holds. Nothing of it is kept here, so that
// wrapping keys that nobody uses cost nothing.
type importToken struct {
	Private   []byte                 `cbor:"1,keyasint"`
	Spec      seal.Spec              `cbor:"2,keyasint"`
	Algorithm seal.WrappingAlgorithm `cbor:"3,keyasint"`
	Expires   time.Time              `cbor:"4,keyasint"`
}

// tokenKey seals import tokens. There is one of it in each Region.
type tokenKey struct {
	Name  string `cbor:"1,keyasint"`
	Bytes []byte `cbor:"2,keyasint"`
}

var tokenKeys = store.NewTable("kms.tokenkey", func(t *tokenKey) store.Key { return store.K(t.Name) }, store.Unwatched[tokenKey]())

const tokenKeyName = "import"

// tokenMaterial reads the key that seals tokens, and makes it the first time.
func (s *Service) tokenMaterial(ctx context.Context) (*seal.Material, error) {
	fresh := random(32)
	defer clear(fresh)
	var row *tokenKey
	read := func(tx *store.Tx) (err error) {
		row, err = tokenKeys.Get(tx, tokenKeyName)
		return err
	}
	err := s.db.View(ctx, read)
	if unlessMissing(err) == nil && err != nil {
		err = s.db.Update(ctx, func(tx *store.Tx) error {
			if err := read(tx); unlessMissing(err) != nil || err == nil {
				return err
			}
			row = &tokenKey{tokenKeyName, fresh}
			return tokenKeys.Insert(tx, row)
		})
	}
	if err != nil {
		return nil, err
	}
	return seal.Load(seal.SymmetricDefault, row.Bytes)
}

// tokenContext binds a token to the key that it is for.
func tokenContext(k *key) map[string]string {
	return map[string]string{"garrison:import": k.arn()}
}

// GetParametersForImport makes a key pair under which the key's material is
// encrypted on its way here.
func (s *Service) GetParametersForImport(ctx context.Context, in *kms.GetParametersForImportInput) (*kms.GetParametersForImportOutput, error) {
	k, err := s.own(ctx, in.KeyId)
	if err != nil {
		return nil, err
	}
	if err := k.importable(); err != nil {
		return nil, err
	}
	spec, alg := seal.Spec(in.WrappingKeySpec), seal.WrappingAlgorithm(in.WrappingAlgorithm)
	if !alg.Wraps(k.Spec, spec) {
		return nil, unsupported("The wrapping algorithm %s with a wrapping key %s cannot protect key material of key spec %s.", alg, spec, k.Spec)
	}
	wrapping, err := seal.Generate(spec)
	if err != nil {
		return nil, err
	}
	defer wrapping.Erase()
	public, err := wrapping.PublicKey()
	if err != nil {
		return nil, err
	}
	t := importToken{Spec: spec, Algorithm: alg, Expires: s.clock.Now().Add(tokenLife)}
	if t.Private, err = wrapping.Bytes(); err != nil {
		return nil, err
	}
	defer clear(t.Private)
	token, err := s.sealToken(ctx, k, &t)
	if err != nil {
		return nil, err
	}
	return &kms.GetParametersForImportOutput{
		KeyId: aws.String(k.arn()), ImportToken: token, PublicKey: public, ParametersValidTo: &t.Expires,
	}, nil
}

func (s *Service) sealToken(ctx context.Context, k *key, t *importToken) ([]byte, error) {
	m, err := s.tokenMaterial(ctx)
	if err != nil {
		return nil, err
	}
	defer m.Erase()
	b, err := store.Marshal(t)
	if err != nil {
		return nil, err
	}
	defer clear(b)
	return m.Seal(seal.Header{Account: k.Account, KeyID: k.ID}, b, tokenContext(k))
}

// openToken reads what GetParametersForImport sealed for this key.
func (s *Service) openToken(ctx context.Context, k *key, token []byte) (*importToken, error) {
	m, err := s.tokenMaterial(ctx)
	if err != nil {
		return nil, err
	}
	defer m.Erase()
	b, err := m.Open(token, tokenContext(k))
	if err != nil {
		return nil, &types.InvalidImportTokenException{Message: aws.String("The import token is not valid for " + k.arn() + ".")}
	}
	defer clear(b)
	t := &importToken{}
	if err := store.Unmarshal(b, t); err != nil {
		return nil, err
	}
	if !s.clock.Now().Before(t.Expires) {
		return nil, &types.ExpiredImportTokenException{Message: aws.String("The import token has expired.")}
	}
	return t, nil
}
