package kms

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"github.com/garrison-cloud/garrison/internal/arn"
	"github.com/garrison-cloud/garrison/internal/authz"
	"github.com/garrison-cloud/garrison/internal/store"
	"github.com/garrison-cloud/garrison/internal/wire"
)

const keyType = "AWS::KMS::Key"

// hidden is what AWS says to another account, whether there is a key or not.
const hidden = " because the resource does not exist in this Region, no resource-based policies allow access, or a resource-based policy explicitly denies access"

// onKey asks for the operation's own action on the key that given refers to.
func (s *Service) onKey(ctx context.Context, given *string, p purpose, values ...setting) (authz.Target, error) {
	r, err := s.parse(ctx, *given)
	if err != nil {
		return authz.Target{}, err
	}
	if r.alias != "" {
		if err := s.ensureManaged(ctx, r); err != nil {
			return authz.Target{}, err
		}
	}
	return s.onReference(ctx, r, p, values)
}

// onOwnKey asks for the operation's own action on a key of the caller's account,
// named by its id or ARN. Another account's key is refused like one that does not
// exist, whatever its policy says: these operations have no cross-account use.
func (s *Service) onOwnKey(ctx context.Context, given *string, values ...setting) (authz.Target, error) {
	r, err := s.parseKey(ctx, *given)
	if err != nil {
		return authz.Target{}, err
	}
	if r.account == wire.CallFrom(ctx).Account() {
		return s.onReference(ctx, r, purpose{}, values)
	}
	name := s.arn(r)
	return authz.Target{
		Resource: name, Type: keyType, Account: r.account, PolicyDecides: true,
		Hide: "on resource: " + name + hidden, Missing: s.missing(r),
	}, nil
}

func (s *Service) onReference(ctx context.Context, r reference, p purpose, values []setting) (authz.Target, error) {
	if err := s.checkTokens(ctx, p.tokens); err != nil {
		return authz.Target{}, err
	}
	call := wire.CallFrom(ctx)
	a := &asked{call: &call.Facts, region: s.region, alias: r.alias, purpose: p, values: values}
	err := s.db.View(ctx, func(tx *store.Tx) (err error) {
		if a.key, err = r.get(tx); err != nil {
			return err
		}
		a.standing, err = s.standing(tx, a.key, call.Principal, &a.purpose)
		return err
	})
	t := authz.Target{Type: keyType, Account: r.account, Lookup: a.lookup}
	switch {
	case errors.Is(err, store.ErrNotFound):
		t.Resource, t.Missing = s.arn(r), s.missing(r)
	case err != nil:
		return t, err
	default:
		if r.alias != "" { // it may stand for another key by the time the handler runs
			call.Pin(s.arn(r), a.key.ID)
		}
		a.aliases = func() []string { return s.aliasesOf(ctx, a.key) }
		t.Resource, t.Policy, t.PolicyDecides, t.Tags = a.key.arn(), a.key.policy(), true, a.key.Tags
		if err := a.apply(&t); err != nil {
			return t, err
		}
	}
	if r.account != call.Account() {
		t.Hide = "on resource: " + s.arn(r) + hidden
	}
	return t, nil
}

// onAny asks for an action that has no key.
func (s *Service) onAny(ctx context.Context, values ...setting) authz.Target {
	a := &asked{call: &wire.CallFrom(ctx).Facts, region: s.region, values: values}
	return authz.Target{Resource: "*", Lookup: a.lookup}
}

func (s *Service) onCreateKey(ctx context.Context, in *kms.CreateKeyInput) (authz.Target, error) {
	values := append(tagConditions(in.Tags),
		set("kms:keyspec", string(specOf(in))), set("kms:keyusage", string(usageOf(in))),
		set("kms:keyorigin", string(originOf(in))), boolSetting("kms:multiregion", aws.ToBool(in.MultiRegion)),
		boolSetting("kms:bypasspolicylockoutsafetycheck", in.BypassPolicyLockoutSafetyCheck))
	t := s.onAny(ctx, values...)
	if len(in.Tags) > 0 {
		tag := t
		tag.Action = "kms:TagResource"
		// The key has no id yet; policies name what may be tagged by key ARNs.
		tag.Resource = arn.New("kms", s.region, wire.CallFrom(ctx).Account(), "key/*")
		t.And = []authz.Target{tag}
	}
	return t, nil
}

func (s *Service) onListKeys(ctx context.Context, _ *kms.ListKeysInput) (authz.Target, error) {
	return s.onAny(ctx), nil
}

func (s *Service) onListAliases(ctx context.Context, _ *kms.ListAliasesInput) (authz.Target, error) {
	return s.onAny(ctx), nil
}

func (s *Service) onGenerateRandom(ctx context.Context, _ *kms.GenerateRandomInput) (authz.Target, error) {
	return s.onAny(ctx), nil
}

func (s *Service) onDescribeKey(ctx context.Context, in *kms.DescribeKeyInput) (authz.Target, error) {
	return s.onKey(ctx, in.KeyId, purpose{operation: types.GrantOperationDescribeKey, tokens: in.GrantTokens})
}

func (s *Service) onUpdateKeyDescription(ctx context.Context, in *kms.UpdateKeyDescriptionInput) (authz.Target, error) {
	return s.onOwnKey(ctx, in.KeyId)
}

func (s *Service) onEnableKey(ctx context.Context, in *kms.EnableKeyInput) (authz.Target, error) {
	return s.onOwnKey(ctx, in.KeyId)
}

func (s *Service) onDisableKey(ctx context.Context, in *kms.DisableKeyInput) (authz.Target, error) {
	return s.onOwnKey(ctx, in.KeyId)
}

func (s *Service) onScheduleKeyDeletion(ctx context.Context, in *kms.ScheduleKeyDeletionInput) (authz.Target, error) {
	days := strconv.Itoa(int(windowOf(in)))
	return s.onOwnKey(ctx, in.KeyId, set("kms:schedulekeydeletionpendingwindowindays", days))
}

func (s *Service) onCancelKeyDeletion(ctx context.Context, in *kms.CancelKeyDeletionInput) (authz.Target, error) {
	return s.onOwnKey(ctx, in.KeyId)
}

func (s *Service) onGetKeyPolicy(ctx context.Context, in *kms.GetKeyPolicyInput) (authz.Target, error) {
	return s.onOwnKey(ctx, in.KeyId)
}

func (s *Service) onPutKeyPolicy(ctx context.Context, in *kms.PutKeyPolicyInput) (authz.Target, error) {
	return s.onOwnKey(ctx, in.KeyId, boolSetting("kms:bypasspolicylockoutsafetycheck", in.BypassPolicyLockoutSafetyCheck))
}

func (s *Service) onListKeyPolicies(ctx context.Context, in *kms.ListKeyPoliciesInput) (authz.Target, error) {
	return s.onOwnKey(ctx, in.KeyId)
}

func (s *Service) onTagResource(ctx context.Context, in *kms.TagResourceInput) (authz.Target, error) {
	return s.onOwnKey(ctx, in.KeyId, tagConditions(in.Tags)...)
}

func (s *Service) onUntagResource(ctx context.Context, in *kms.UntagResourceInput) (authz.Target, error) {
	return s.onOwnKey(ctx, in.KeyId, setting{"aws:tagkeys", in.TagKeys})
}

func (s *Service) onListResourceTags(ctx context.Context, in *kms.ListResourceTagsInput) (authz.Target, error) {
	return s.onOwnKey(ctx, in.KeyId)
}

func (s *Service) onEnableKeyRotation(ctx context.Context, in *kms.EnableKeyRotationInput) (authz.Target, error) {
	return s.onOwnKey(ctx, in.KeyId, set("kms:rotationperiodindays", strconv.Itoa(int(periodOf(in)))))
}

func (s *Service) onDisableKeyRotation(ctx context.Context, in *kms.DisableKeyRotationInput) (authz.Target, error) {
	return s.onOwnKey(ctx, in.KeyId)
}

func (s *Service) onGetKeyRotationStatus(ctx context.Context, in *kms.GetKeyRotationStatusInput) (authz.Target, error) {
	r, err := s.parseKey(ctx, *in.KeyId)
	if err != nil {
		return authz.Target{}, err
	}
	return s.onReference(ctx, r, purpose{}, nil)
}

func (s *Service) onListKeyRotations(ctx context.Context, in *kms.ListKeyRotationsInput) (authz.Target, error) {
	return s.onOwnKey(ctx, in.KeyId)
}

func (s *Service) onRotateKeyOnDemand(ctx context.Context, in *kms.RotateKeyOnDemandInput) (authz.Target, error) {
	return s.onOwnKey(ctx, in.KeyId)
}

func (s *Service) onGetParametersForImport(ctx context.Context, in *kms.GetParametersForImportInput) (authz.Target, error) {
	return s.onOwnKey(ctx, in.KeyId,
		set("kms:wrappingalgorithm", string(in.WrappingAlgorithm)), set("kms:wrappingkeyspec", string(in.WrappingKeySpec)))
}

func (s *Service) onImportKeyMaterial(ctx context.Context, in *kms.ImportKeyMaterialInput) (authz.Target, error) {
	model := in.ExpirationModel
	if model == "" {
		model = types.ExpirationModelTypeKeyMaterialExpires
	}
	values := []setting{set("kms:expirationmodel", string(model))}
	if in.ValidTo != nil {
		values = append(values, set("kms:validto", in.ValidTo.UTC().Format(time.RFC3339)))
	}
	return s.onOwnKey(ctx, in.KeyId, values...)
}

func (s *Service) onDeleteImportedKeyMaterial(ctx context.Context, in *kms.DeleteImportedKeyMaterialInput) (authz.Target, error) {
	return s.onOwnKey(ctx, in.KeyId)
}

// onAlias asks for the action on an alias of the caller's account. Aliases have
// no policy of their own.
func (s *Service) onAlias(ctx context.Context, name *string) (authz.Target, error) {
	if err := checkAlias(*name); err != nil {
		return authz.Target{}, err
	}
	t := s.onAny(ctx)
	t.Resource = arn.New("kms", s.region, wire.CallFrom(ctx).Account(), *name)
	t.Type = "AWS::KMS::Alias"
	return t, nil
}

// onAliasKey asks about the key that an alias shall stand for.
func (s *Service) onAliasKey(ctx context.Context, given *string) (authz.Target, error) {
	if err := notAlias(*given); err != nil {
		return authz.Target{}, err
	}
	return s.onOwnKey(ctx, given)
}

func (s *Service) onCreateAlias(ctx context.Context, in *kms.CreateAliasInput) (authz.Target, error) {
	t, err := s.onAlias(ctx, in.AliasName)
	if err != nil {
		return t, err
	}
	k, err := s.onAliasKey(ctx, in.TargetKeyId)
	t.And = []authz.Target{k}
	return t, err
}

func (s *Service) onUpdateAlias(ctx context.Context, in *kms.UpdateAliasInput) (authz.Target, error) {
	t, err := s.onAlias(ctx, in.AliasName)
	if err != nil {
		return t, err
	}
	after, err := s.onAliasKey(ctx, in.TargetKeyId)
	if err != nil {
		return t, err
	}
	before, err := s.onAliasTarget(ctx, in.AliasName)
	t.And = []authz.Target{before, after}
	return t, err
}

func (s *Service) onDeleteAlias(ctx context.Context, in *kms.DeleteAliasInput) (authz.Target, error) {
	t, err := s.onAlias(ctx, in.AliasName)
	if err != nil {
		return t, err
	}
	k, err := s.onAliasTarget(ctx, in.AliasName)
	t.And = []authz.Target{k}
	return t, err
}

// onAliasTarget asks about the key that an alias stands for now.
func (s *Service) onAliasTarget(ctx context.Context, name *string) (authz.Target, error) {
	r := reference{account: wire.CallFrom(ctx).Account(), alias: *name}
	t, err := s.onReference(ctx, r, purpose{}, nil)
	if t.Missing != nil {
		t.Type = "" // there is no key to name in the event
	}
	return t, err
}

func (s *Service) onEncrypt(ctx context.Context, in *kms.EncryptInput) (authz.Target, error) {
	return s.onKey(ctx, in.KeyId, purpose{types.GrantOperationEncrypt, in.EncryptionContext, in.GrantTokens, nil}, set("kms:encryptionalgorithm", string(orSymmetric(in.EncryptionAlgorithm))))
}

func (s *Service) onDecrypt(ctx context.Context, in *kms.DecryptInput) (authz.Target, error) {
	w := toDecrypt(in)
	return s.onCiphertext(ctx, &w, purpose{types.GrantOperationDecrypt, in.EncryptionContext, in.GrantTokens, nil})
}

// onCiphertext asks about the key that the caller names, or else that the
// ciphertext names.
func (s *Service) onCiphertext(ctx context.Context, w *sealedBy, p purpose) (authz.Target, error) {
	if err := w.check(); err != nil {
		return authz.Target{}, err
	}
	algorithm := set("kms:encryptionalgorithm", string(w.algorithm))
	if w.keyID != nil {
		return s.onKey(ctx, w.keyID, p, algorithm)
	}
	h, err := w.header()
	if err != nil {
		return authz.Target{}, err
	}
	t, err := s.onReference(ctx, reference{account: h.Account, id: h.KeyID}, p, []setting{algorithm})
	if t.Missing != nil {
		t.Missing = refused("The ciphertext refers to a customer master key that does not exist, does not exist in this region, or you are not allowed to access.")
	}
	if t.Hide != "" {
		t.Hide = "on the resource associated with this ciphertext" + hidden
	}
	return t, err
}

func (s *Service) onReEncrypt(ctx context.Context, in *kms.ReEncryptInput) (authz.Target, error) {
	w := toReEncrypt(in)
	from, err := s.onCiphertext(ctx, &w, purpose{types.GrantOperationReEncryptFrom, in.SourceEncryptionContext, in.GrantTokens, nil})
	if err != nil {
		return from, err
	}
	algorithm := set("kms:encryptionalgorithm", string(orSymmetric(in.DestinationEncryptionAlgorithm)))
	to, err := s.onKey(ctx, in.DestinationKeyId, purpose{types.GrantOperationReEncryptTo, in.DestinationEncryptionContext, nil, nil}, algorithm)
	if err != nil {
		return to, err
	}
	from.Action, to.Action = "kms:ReEncryptFrom", "kms:ReEncryptTo"
	same := []string{strconv.FormatBool(from.Resource == to.Resource)}
	from.Conditions = map[string][]string{"kms:reencryptonsamekey": same}
	to.Conditions = from.Conditions
	from.And = []authz.Target{to}
	return from, nil
}

func (s *Service) onGenerateDataKey(ctx context.Context, in *kms.GenerateDataKeyInput) (authz.Target, error) {
	return s.onKey(ctx, in.KeyId, purpose{types.GrantOperationGenerateDataKey, in.EncryptionContext, in.GrantTokens, nil}, symmetricSetting)
}

func (s *Service) onGenerateDataKeyWithoutPlaintext(ctx context.Context, in *kms.GenerateDataKeyWithoutPlaintextInput) (authz.Target, error) {
	return s.onKey(ctx, in.KeyId, purpose{types.GrantOperationGenerateDataKeyWithoutPlaintext, in.EncryptionContext, in.GrantTokens, nil}, symmetricSetting)
}

func (s *Service) onGenerateDataKeyPair(ctx context.Context, in *kms.GenerateDataKeyPairInput) (authz.Target, error) {
	return s.onKey(ctx, in.KeyId, purpose{types.GrantOperationGenerateDataKeyPair, in.EncryptionContext, in.GrantTokens, nil}, symmetricSetting, set("kms:datakeypairspec", string(in.KeyPairSpec)))
}

func (s *Service) onGenerateDataKeyPairWithoutPlaintext(ctx context.Context, in *kms.GenerateDataKeyPairWithoutPlaintextInput) (authz.Target, error) {
	return s.onKey(ctx, in.KeyId, purpose{types.GrantOperationGenerateDataKeyPairWithoutPlaintext, in.EncryptionContext, in.GrantTokens, nil}, symmetricSetting, set("kms:datakeypairspec", string(in.KeyPairSpec)))
}

var symmetricSetting = set("kms:encryptionalgorithm", string(types.EncryptionAlgorithmSpecSymmetricDefault))

func (s *Service) onSign(ctx context.Context, in *kms.SignInput) (authz.Target, error) {
	return s.onKey(ctx, in.KeyId, purpose{operation: types.GrantOperationSign, tokens: in.GrantTokens}, set("kms:signingalgorithm", string(in.SigningAlgorithm)), set("kms:messagetype", string(orRaw(in.MessageType))))
}

func (s *Service) onVerify(ctx context.Context, in *kms.VerifyInput) (authz.Target, error) {
	return s.onKey(ctx, in.KeyId, purpose{operation: types.GrantOperationVerify, tokens: in.GrantTokens}, set("kms:signingalgorithm", string(in.SigningAlgorithm)), set("kms:messagetype", string(orRaw(in.MessageType))))
}

func (s *Service) onGenerateMac(ctx context.Context, in *kms.GenerateMacInput) (authz.Target, error) {
	return s.onKey(ctx, in.KeyId, purpose{operation: types.GrantOperationGenerateMac, tokens: in.GrantTokens}, set("kms:macalgorithm", string(in.MacAlgorithm)))
}

func (s *Service) onVerifyMac(ctx context.Context, in *kms.VerifyMacInput) (authz.Target, error) {
	return s.onKey(ctx, in.KeyId, purpose{operation: types.GrantOperationVerifyMac, tokens: in.GrantTokens}, set("kms:macalgorithm", string(in.MacAlgorithm)))
}

func (s *Service) onDeriveSharedSecret(ctx context.Context, in *kms.DeriveSharedSecretInput) (authz.Target, error) {
	return s.onKey(ctx, in.KeyId, purpose{operation: types.GrantOperationDeriveSharedSecret, tokens: in.GrantTokens}, set("kms:keyagreementalgorithm", string(in.KeyAgreementAlgorithm)))
}

func (s *Service) onGetPublicKey(ctx context.Context, in *kms.GetPublicKeyInput) (authz.Target, error) {
	return s.onKey(ctx, in.KeyId, purpose{operation: types.GrantOperationGetPublicKey, tokens: in.GrantTokens})
}
