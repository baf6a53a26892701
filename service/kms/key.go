package kms

import (
	"context"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/google/uuid"

	"github.com/garrison-cloud/garrison/engine/seal"
	"github.com/garrison-cloud/garrison/internal/page"
	"github.com/garrison-cloud/garrison/internal/store"
	"github.com/garrison-cloud/garrison/internal/wire"
)

// CreateKey makes a key: with material of its own, or, where its origin is
// EXTERNAL, with none until some is imported.
func (s *Service) CreateKey(ctx context.Context, in *kms.CreateKeyInput) (*kms.CreateKeyOutput, error) {
	if err := checkNew(in); err != nil {
		return nil, err
	}
	k, err := s.newKey(ctx, in)
	if err != nil {
		return nil, err
	}
	if in.CustomKeyStoreId != nil {
		return s.createKept(ctx, in, k)
	}
	m, err := k.firstMaterial()
	if err != nil {
		return nil, err
	}
	call := wire.CallFrom(ctx)
	// Before the write, so that the event promised with it names the key.
	call.Made = append(call.Made, wire.Resource{ARN: k.arn(), Type: keyType})
	err = s.db.Update(ctx, func(tx *store.Tx) error {
		if err := keys.Add(tx, k); err != nil || m == nil {
			return err
		}
		return materialRows.Add(tx, m)
	})
	if err != nil {
		return nil, err
	}
	return &kms.CreateKeyOutput{KeyMetadata: k.metadata()}, nil
}

// newKey is the key that the input asks for, yet without material.
func (s *Service) newKey(ctx context.Context, in *kms.CreateKeyInput) (*key, error) {
	tags, err := newTags(in.Tags)
	if err != nil {
		return nil, err
	}
	k := &key{
		Account: wire.CallFrom(ctx).Account(), ID: uuid.NewString(), Region: s.region, Spec: specOf(in), Usage: usageOf(in),
		Description: aws.ToString(in.Description), Created: s.clock.Now(), Policy: aws.ToString(in.Policy), Tags: tags,
	}
	if o := originOf(in); o != types.OriginTypeAwsKms {
		k.Origin = o
	}
	if aws.ToBool(in.MultiRegion) {
		k.ID, k.Multi = newMultiID(), &multi{Primary: s.region}
	}
	if in.Policy == nil { // the default policy locks nobody out
		return k, nil
	}
	return k, checkPolicy(ctx, k, k.Policy, in.BypassPolicyLockoutSafetyCheck)
}

// firstMaterial makes what the key seals with from the start; nil if it waits for
// imported material.
func (k *key) firstMaterial() (*material, error) {
	if k.origin() == types.OriginTypeExternal {
		k.Awaited = 1
		return nil, nil //nolint:nilnil // such a key has none
	}
	m, err := newMaterial(k)
	if err != nil {
		return nil, err
	}
	k.MaterialID = m.MaterialID
	return m, nil
}

// checkNew refuses what a key cannot be, here or at all.
func checkNew(in *kms.CreateKeyInput) error {
	if in.KeySpec != "" && in.CustomerMasterKeySpec != "" && string(in.KeySpec) != string(in.CustomerMasterKeySpec) {
		return invalid("You cannot specify KeySpec and CustomerMasterKeySpec in the same request. CustomerMasterKeySpec is deprecated.")
	}
	spec, usage := specOf(in), usageOf(in)
	if !spec.Known() {
		return unsupported("The key spec %s is not supported here.", spec)
	}
	if originOf(in) == types.OriginTypeExternal && !spec.Importable() {
		return unsupported("Key material of key spec %s cannot be imported.", spec)
	}
	if err := checkPlace(in); err != nil {
		return err
	}
	if in.KeyUsage == "" && spec != seal.SymmetricDefault {
		return invalid("You must specify a KeyUsage value for all KMS keys except for symmetric encryption keys.")
	}
	if !slices.Contains(spec.Usages(), usage) {
		return invalid("KeyUsage %s is not compatible with KeySpec %s", usage, spec)
	}
	return nil
}

func specOf(in *kms.CreateKeyInput) seal.Spec {
	switch {
	case in.KeySpec != "":
		return seal.Spec(in.KeySpec)
	case in.CustomerMasterKeySpec != "":
		return seal.Spec(in.CustomerMasterKeySpec)
	default:
		return seal.SymmetricDefault
	}
}

func originOf(in *kms.CreateKeyInput) types.OriginType {
	if in.Origin == "" {
		return types.OriginTypeAwsKms
	}
	return in.Origin
}

func usageOf(in *kms.CreateKeyInput) seal.Usage {
	if in.KeyUsage != "" {
		return seal.Usage(in.KeyUsage)
	}
	return seal.EncryptDecrypt
}

// DescribeKey says what a key is. Of an AWS managed key's alias it is the first
// use, which makes the key.
func (s *Service) DescribeKey(ctx context.Context, in *kms.DescribeKeyInput) (*kms.DescribeKeyOutput, error) {
	k, err := s.find(ctx, in.KeyId)
	if err != nil {
		return nil, err
	}
	return &kms.DescribeKeyOutput{KeyMetadata: k.metadata()}, nil
}

const keysToken = "kms.ListKeys"

// A bound is how many items a page holds where nobody says, and at most (KMS API
// Reference, Limit of each list).
type bound struct{ usual, most int }

var (
	keyPage   = bound{100, 1000}
	aliasPage = bound{50, 100}
	tagPage   = bound{50, 50}
)

func (b bound) limit(asked *int32) (int, error) {
	if asked == nil {
		return b.usual, nil
	}
	if n := int(*asked); n <= b.most {
		return n, nil
	}
	return 0, invalid("1 validation error detected: Value '%d' at 'limit' failed to satisfy constraint: Member must have value less than or equal to %d", *asked, b.most)
}

// position reads a marker.
func position(kind string, marker *string) (store.Key, error) {
	if marker == nil {
		return nil, nil
	}
	at, err := page.Position(kind, *marker)
	if err != nil {
		return nil, &types.InvalidMarkerException{Message: aws.String("Could not deserialize marker " + *marker)}
	}
	return at, nil
}

// ListKeys lists the account's keys, those pending deletion included.
func (s *Service) ListKeys(ctx context.Context, in *kms.ListKeysInput) (*kms.ListKeysOutput, error) {
	after, err := position(keysToken, in.Marker)
	if err != nil {
		return nil, err
	}
	limit, err := keyPage.limit(in.Limit)
	if err != nil {
		return nil, err
	}
	out := &kms.ListKeysOutput{Keys: []types.KeyListEntry{}}
	account := wire.CallFrom(ctx).Account()
	err = s.db.View(ctx, func(tx *store.Tx) error {
		for k, err := range keys.Scan(tx, store.Range{Prefix: store.K(account), After: after}) {
			if err != nil {
				return err
			}
			if k.gone(tx.Now()) {
				continue
			}
			if len(out.Keys) == limit {
				last := *out.Keys[limit-1].KeyId
				out.Truncated, out.NextMarker = true, aws.String(page.Token(keysToken, store.K(account, last)))
				return nil
			}
			out.Keys = append(out.Keys, types.KeyListEntry{KeyId: &k.ID, KeyArn: aws.String(k.arn())})
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// UpdateKeyDescription replaces a key's description.
func (s *Service) UpdateKeyDescription(ctx context.Context, in *kms.UpdateKeyDescriptionInput) (*kms.UpdateKeyDescriptionOutput, error) {
	_, err := s.edit(ctx, in.KeyId, func(_ *store.Tx, k *key) error {
		if err := k.leaving(); err != nil {
			return err
		}
		k.Description = aws.ToString(in.Description)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &kms.UpdateKeyDescriptionOutput{}, nil
}

// metadata is the key as the API describes it.
func (k *key) metadata() *types.KeyMetadata {
	m := &types.KeyMetadata{
		AWSAccountId: &k.Account, KeyId: &k.ID, Arn: aws.String(k.arn()), CreationDate: &k.Created,
		Description: &k.Description, Enabled: k.state() == types.KeyStateEnabled, KeyState: k.state(),
		KeySpec: types.KeySpec(k.Spec), CustomerMasterKeySpec: types.CustomerMasterKeySpec(k.Spec),
		KeyUsage: types.KeyUsageType(k.Usage), KeyManager: types.KeyManagerTypeCustomer,
		Origin: k.origin(), MultiRegion: aws.Bool(k.Multi != nil),
	}
	if k.managed() {
		m.KeyManager = types.KeyManagerTypeAws
	}
	if k.symmetric() && k.MaterialID != "" && !k.lies() {
		m.CurrentKeyMaterialId = &k.MaterialID
	}
	switch {
	case k.Window != 0:
		m.PendingDeletionWindowInDays = &k.Window
	case k.pending():
		m.DeletionDate = &k.DeletionAt
	}
	if k.Multi != nil {
		m.MultiRegionConfiguration = k.configuration()
	}
	k.custody(m)
	k.expiration(m)
	k.algorithms(m)
	return m
}

// expiration tells of imported material whether it will be taken away.
func (k *key) expiration(m *types.KeyMetadata) {
	if k.origin() != types.OriginTypeExternal || k.Awaited > 0 {
		return
	}
	m.ExpirationModel = types.ExpirationModelTypeKeyMaterialDoesNotExpire
	if !k.Expires.IsZero() {
		m.ExpirationModel, m.ValidTo = types.ExpirationModelTypeKeyMaterialExpires, &k.Expires
	}
}

// algorithms lists what a key of this spec and usage can do.
func (k *key) algorithms(m *types.KeyMetadata) {
	switch k.Usage {
	case seal.EncryptDecrypt:
		m.EncryptionAlgorithms = convert[types.EncryptionAlgorithmSpec](k.Spec.EncryptionAlgorithms())
	case seal.SignVerify:
		m.SigningAlgorithms = convert[types.SigningAlgorithmSpec](k.Spec.SigningAlgorithms())
	case seal.GenerateVerifyMac:
		m.MacAlgorithms = convert[types.MacAlgorithmSpec](k.Spec.MacAlgorithms())
	case seal.KeyAgreement:
		m.KeyAgreementAlgorithms = convert[types.KeyAgreementAlgorithmSpec](k.Spec.KeyAgreementAlgorithms())
	}
}

// convert changes the type of a list of names.
func convert[To, From ~string](list []From) []To {
	out := make([]To, 0, len(list))
	for _, v := range list {
		out = append(out, To(v))
	}
	return out
}

// day is how a deletion window is counted.
const day = 24 * time.Hour
