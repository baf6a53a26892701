package kms_test

import (
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"github.com/garrison-cloud/garrison/internal/authz"
	"github.com/garrison-cloud/garrison/internal/clock"
)

func (p *probe) rotate(days int32) attempt {
	return func(c *kms.Client) error {
		return second(c.EnableKeyRotation(p.t.Context(), &kms.EnableKeyRotationInput{KeyId: p.plain.KeyId, RotationPeriodInDays: &days}))
	}
}

func (p *probe) wrap(key *types.KeyMetadata, a types.AlgorithmSpec, spec types.WrappingKeySpec) attempt {
	return func(c *kms.Client) error {
		in := &kms.GetParametersForImportInput{KeyId: key.KeyId, WrappingAlgorithm: a, WrappingKeySpec: spec}
		return second(c.GetParametersForImport(p.t.Context(), in))
	}
}

// bring imports the material of in, for good or until a time.
func (p *probe) bring(in *kms.ImportKeyMaterialInput, until time.Time) attempt {
	return func(c *kms.Client) error {
		changed := *in
		if !until.IsZero() {
			changed.ExpirationModel, changed.ValidTo = types.ExpirationModelTypeKeyMaterialExpires, &until
		}
		return second(c.ImportKeyMaterial(p.t.Context(), &changed))
	}
}

func (p *probe) replicate(key *types.KeyMetadata, to string) attempt {
	return func(c *kms.Client) error {
		return second(c.ReplicateKey(p.t.Context(), &kms.ReplicateKeyInput{KeyId: key.KeyId, ReplicaRegion: &to}))
	}
}

func (p *probe) promote(key *types.KeyMetadata, to string) attempt {
	return func(c *kms.Client) error {
		return second(c.UpdatePrimaryRegion(p.t.Context(), &kms.UpdatePrimaryRegionInput{KeyId: key.KeyId, PrimaryRegion: &to}))
	}
}

func (p *probe) derive() attempt {
	one, two := createSpec(p.t, p.root, "ECC_NIST_P256", "KEY_AGREEMENT"), createSpec(p.t, p.root, "ECC_NIST_P256", "KEY_AGREEMENT")
	public, err := p.root.GetPublicKey(p.t.Context(), &kms.GetPublicKeyInput{KeyId: two.KeyId})
	if err != nil {
		p.t.Fatal(err)
	}
	return func(c *kms.Client) error {
		in := &kms.DeriveSharedSecretInput{KeyId: one.KeyId, KeyAgreementAlgorithm: "ECDH", PublicKey: public.PublicKey}
		return second(c.DeriveSharedSecret(p.t.Context(), in))
	}
}

// managing are conditions on the management of keys, and those whose names are old.
func (p *probe) managing() []conditionCase {
	imported := create(p.t, p.root, &kms.CreateKeyInput{Origin: "EXTERNAL"})
	in, derive := wrapped(p.t, p.root, imported, secret()), p.derive()
	near, far, multi := clock.System{}.Now().Add(100*24*time.Hour).UTC(), clock.System{}.Now().Add(300*24*time.Hour).UTC(), createMulti(p.t, p.root)
	moving := createMulti(p.t, p.root)
	if err := p.replicate(moving, elsewhere)(p.root); err != nil {
		p.t.Fatal(err)
	}
	between := near.Add(24 * time.Hour).Format(time.RFC3339)
	return []conditionCase{
		{"old-spec", `"StringEquals":{"kms:CustomerMasterKeySpec":"SYMMETRIC_DEFAULT"}`, p.describe(p.plain), p.describe(p.pair)},
		{"old-new-spec", `"StringEquals":{"kms:CustomerMasterKeySpec":"ECC_NIST_P256"}`, p.create("ECC_NIST_P256", "SIGN_VERIFY"), p.create("", "")},
		{"old-usage", `"StringEquals":{"kms:CustomerMasterKeyUsage":"SIGN_VERIFY"}`, p.describe(p.signing), p.describe(p.pair)},
		{"key-origin-external", `"StringEquals":{"kms:KeyOrigin":"EXTERNAL"}`, p.describe(imported), p.describe(p.plain)},
		{"multi", `"Bool":{"kms:MultiRegion":"true"}`, p.describe(multi), p.describe(p.plain)},
		{"multi-type", `"StringEquals":{"kms:MultiRegionKeyType":"PRIMARY"}`, p.describe(multi), p.describe(p.plain)},
		{"replica-type", `"StringEquals":{"kms:MultiRegionKeyType":"REPLICA"}`, nil, p.describe(multi)},
		{"rotation", `"NumericLessThanEquals":{"kms:RotationPeriodInDays":"180"}`, p.rotate(180), p.rotate(365)},
		{"wrapping-spec", `"StringEquals":{"kms:WrappingKeySpec":"RSA_2048"}`, p.wrap(imported, "RSAES_OAEP_SHA_256", "RSA_2048"), p.wrap(imported, "RSAES_OAEP_SHA_256", "RSA_4096")},
		{"wrapping", `"StringEquals":{"kms:WrappingAlgorithm":"RSAES_OAEP_SHA_256"}`, p.wrap(imported, "RSAES_OAEP_SHA_256", "RSA_2048"), p.wrap(imported, "RSAES_OAEP_SHA_1", "RSA_2048")},
		{"forever", `"StringEquals":{"kms:ExpirationModel":"KEY_MATERIAL_DOES_NOT_EXPIRE"}`, p.bring(in, time.Time{}), p.bring(in, near)},
		{"expires", `"StringEquals":{"kms:ExpirationModel":"KEY_MATERIAL_EXPIRES"}`, p.bring(in, near), p.bring(in, time.Time{})},
		{"until", `"DateLessThan":{"kms:ValidTo":"` + between + `"}`, p.bring(in, near), p.bring(in, far)},
		{"replica-region", `"StringEquals":{"kms:ReplicaRegion":"` + elsewhere + `"}`, p.replicate(multi, elsewhere), p.replicate(multi, third)},
		{"primary-region", `"StringEquals":{"kms:PrimaryRegion":"` + elsewhere + `"}`, p.promote(moving, elsewhere), p.promote(moving, third)},
		{"agreement", `"StringEquals":{"kms:KeyAgreementAlgorithm":"ECDH"}`, derive, nil},
		{"another-agreement", `"StringEquals":{"kms:KeyAgreementAlgorithm":"X"}`, nil, derive},
		{"no-enclave", `"Null":{"kms:RecipientAttestation:ImageSha384":"true"}`, p.seal(*p.plain.KeyId, nil), nil},
		{"enclave", `"StringEqualsIgnoreCase":{"kms:RecipientAttestation:ImageSha384":"00"}`, nil, p.seal(*p.plain.KeyId, nil)},
		{"enclave-register", `"StringEqualsIgnoreCase":{"kms:RecipientAttestation:PCR0":"00"}`, nil, p.seal(*p.plain.KeyId, nil)},
		{"not-for-resource", `"Bool":{"kms:GrantIsForAWSResource":"false"}`, p.grant, nil},
		{"for-resource", `"Bool":{"kms:GrantIsForAWSResource":"true"}`, nil, p.grant},
		{"tag", `"StringEquals":{"aws:RequestTag/k0":"v0"}`, nil, p.create("", "")},
	}
}

func (p *probe) grant(c *kms.Client) error {
	return second(c.CreateGrant(p.t.Context(), grantTo(p.plain, "ann", "Decrypt")))
}

// TestServiceConditionKeys are read from what a service says of a call that it
// makes for somebody.
func TestServiceConditionKeys(t *testing.T) {
	t.Parallel()
	const bucket = "arn:aws:s3:::orders"
	via := func(principal, source, sourceAccount string) authz.Facts {
		f := by(account)
		if principal != "" {
			f.Via = []string{principal}
		}
		f.SourceARN, f.SourceAccount = source, sourceAccount
		return f
	}
	for _, tt := range []struct {
		condition string
		allowed   authz.Facts
		refused   []authz.Facts
	}{
		{
			`"StringEquals":{"kms:ViaService":"s3.` + region + `.amazonaws.com"}`,
			via("s3.amazonaws.com", "", ""),
			[]authz.Facts{via("", "", ""), via("ec2.amazonaws.com", "", "")},
		},
		{
			`"StringLike":{"kms:ViaService":["s3.*.amazonaws.com","ec2.*.amazonaws.com"]}`,
			via("ec2.amazonaws.com", "", ""),
			[]authz.Facts{via("", "", ""), via("ssm.amazonaws.com", "", "")},
		},
		{
			`"ArnLike":{"aws:SourceArn":"arn:aws:s3:::orders*"}`,
			via("s3.amazonaws.com", bucket, account),
			[]authz.Facts{via("s3.amazonaws.com", "arn:aws:s3:::bills", account), via("", "", "")},
		},
		{
			`"StringEquals":{"aws:SourceAccount":"` + account + `"}`,
			via("s3.amazonaws.com", bucket, account),
			[]authz.Facts{via("s3.amazonaws.com", bucket, other), via("", "", "")},
		},
	} {
		d := newDirect(t)
		id := mustCall[kms.CreateKeyOutput](t, d, by(account), &kms.CreateKeyInput{}).KeyMetadata.KeyId
		policy := `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":"` + rootARN(account) + `"},"Action":"kms:*","Resource":"*","Condition":{` + tt.condition + `}}}`
		mustCall[kms.PutKeyPolicyOutput](t, d, by(account), &kms.PutKeyPolicyInput{KeyId: id, Policy: &policy, BypassPolicyLockoutSafetyCheck: true})
		in := &kms.EncryptInput{KeyId: id, Plaintext: []byte("x")}
		mustCall[kms.EncryptOutput](t, d, tt.allowed, in)
		for _, f := range tt.refused {
			_, err := call[kms.EncryptOutput](d, f, in)
			refused(t, tt.condition, err)
		}
	}
}

// TestEveryConditionKey finds each of AWS's condition keys in a case that allows
// and one that refuses (Service Authorization Reference, "AWS Key Management
// Service"). Those of grants are in TestGrantConditions, that of services above. An
// attestation document can be none here, so that its keys are absent.
func TestEveryConditionKey(t *testing.T) {
	t.Parallel()
	_, root := start(t)
	p := newProbe(t, root)
	cases := append(p.conditions(), p.managing()...)
	for _, key := range []string{
		"BypassPolicyLockoutSafetyCheck", "CallerAccount", "CustomerMasterKeySpec", "CustomerMasterKeyUsage", "DataKeyPairSpec",
		"EncryptionAlgorithm", "EncryptionContext:", "EncryptionContextKeys", "ExpirationModel", "GrantIsForAWSResource",
		"KeyAgreementAlgorithm", "KeyOrigin", "KeySpec", "KeyUsage", "MacAlgorithm", "MessageType", "MultiRegion", "MultiRegionKeyType",
		"PrimaryRegion", "ReEncryptOnSameKey", "RecipientAttestation:", "ReplicaRegion", "RequestAlias", "ResourceAliases",
		"RotationPeriodInDays", "ScheduleKeyDeletionPendingWindowInDays", "SigningAlgorithm", "ValidTo", "ViaService",
		"WrappingAlgorithm", "WrappingKeySpec",
	} {
		var allowed, refused bool
		for _, c := range cases {
			if strings.Contains(c.condition, `"kms:`+key) {
				allowed, refused = allowed || c.allowed != nil, refused || c.refused != nil
			}
		}
		if !allowed || !refused {
			t.Errorf("kms:%s: allowed by a case %v, refused by one %v; want both", key, allowed, refused)
		}
	}
}
