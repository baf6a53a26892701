package kms_test

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"github.com/garrison-cloud/garrison/internal/garrisontest"
)

// A probe has a key of each kind, and calls on them to hold against a condition.
type probe struct {
	t                                      *testing.T
	root                                   *kms.Client
	named, pair, signing, mac, plain, doom *types.KeyMetadata
}

func newProbe(t *testing.T, root *kms.Client) *probe {
	t.Helper()
	p := &probe{
		t: t, root: root, named: createKey(t, root), plain: createKey(t, root), doom: createKey(t, root),
		pair: createSpec(t, root, "RSA_2048", "ENCRYPT_DECRYPT"), signing: createSpec(t, root, "RSA_2048", "SIGN_VERIFY"),
		mac: createSpec(t, root, "HMAC_256", "GENERATE_VERIFY_MAC"),
	}
	createAlias(t, root, "alias/named", p.named)
	return p
}

// An attempt is one call by whomever.
type attempt func(*kms.Client) error

func (p *probe) seal(id string, given map[string]string) attempt {
	return func(c *kms.Client) error {
		_, err := c.Encrypt(p.t.Context(), &kms.EncryptInput{KeyId: &id, Plaintext: []byte("x"), EncryptionContext: given})
		return err
	}
}

func (p *probe) sealPair(a types.EncryptionAlgorithmSpec) attempt {
	return func(c *kms.Client) error {
		_, err := c.Encrypt(p.t.Context(), &kms.EncryptInput{KeyId: p.pair.KeyId, Plaintext: []byte("x"), EncryptionAlgorithm: a})
		return err
	}
}

func (p *probe) sign(a types.SigningAlgorithmSpec, kind types.MessageType) attempt {
	return func(c *kms.Client) error {
		message := []byte(strings.Repeat("d", 32))
		_, err := c.Sign(p.t.Context(), &kms.SignInput{KeyId: p.signing.KeyId, Message: message, SigningAlgorithm: a, MessageType: kind})
		return err
	}
}

func (p *probe) authenticate(c *kms.Client) error {
	_, err := c.GenerateMac(p.t.Context(), &kms.GenerateMacInput{KeyId: p.mac.KeyId, Message: []byte("x"), MacAlgorithm: "HMAC_SHA_256"})
	return err
}

func (p *probe) dataPair(spec types.DataKeyPairSpec) attempt {
	return func(c *kms.Client) error {
		in := &kms.GenerateDataKeyPairWithoutPlaintextInput{KeyId: p.named.KeyId, KeyPairSpec: spec}
		_, err := c.GenerateDataKeyPairWithoutPlaintext(p.t.Context(), in)
		return err
	}
}

func (p *probe) create(spec types.KeySpec, usage types.KeyUsageType) attempt {
	return func(c *kms.Client) error {
		_, err := c.CreateKey(p.t.Context(), &kms.CreateKeyInput{KeySpec: spec, KeyUsage: usage})
		return err
	}
}

func (p *probe) move(to *types.KeyMetadata) attempt {
	blob := encrypt(p.t, p.root, &kms.EncryptInput{KeyId: p.named.KeyId, Plaintext: []byte("x")})
	return func(c *kms.Client) error {
		_, err := c.ReEncrypt(p.t.Context(), &kms.ReEncryptInput{CiphertextBlob: blob, DestinationKeyId: to.KeyId})
		return err
	}
}

func (p *probe) describe(k *types.KeyMetadata) attempt {
	return func(c *kms.Client) error {
		_, err := c.DescribeKey(p.t.Context(), &kms.DescribeKeyInput{KeyId: k.KeyId})
		return err
	}
}

func (p *probe) schedule(days int32) attempt {
	return func(c *kms.Client) error {
		_, err := c.ScheduleKeyDeletion(p.t.Context(), &kms.ScheduleKeyDeletionInput{KeyId: p.doom.KeyId, PendingWindowInDays: &days})
		return err
	}
}

func (p *probe) put(bypass bool) attempt {
	policy := allowAccount
	return func(c *kms.Client) error {
		_, err := c.PutKeyPolicy(p.t.Context(), &kms.PutKeyPolicyInput{KeyId: p.mac.KeyId, Policy: &policy, BypassPolicyLockoutSafetyCheck: bypass})
		return err
	}
}

// A conditionCase is a condition, and calls for which it holds and does not.
type conditionCase struct {
	name, condition  string
	allowed, refused attempt
}

func (p *probe) conditions() []conditionCase {
	named, other := *p.named.KeyId, *p.plain.KeyId
	acme := map[string]string{"Tenant": "acme"}
	return []conditionCase{
		{"caller", `"StringEquals":{"kms:CallerAccount":"` + account + `"}`, p.seal(named, nil), nil},
		{"another-caller", `"StringEquals":{"kms:CallerAccount":"444455556666"}`, nil, p.seal(named, nil)},
		{"via", `"StringEquals":{"kms:ViaService":"s3.us-east-1.amazonaws.com"}`, nil, p.seal(named, nil)},
		{"not-via", `"Null":{"kms:ViaService":"true"}`, p.seal(named, nil), nil},
		{"context", `"StringEquals":{"kms:EncryptionContext:tenant":"acme"}`, p.seal(named, acme), p.seal(named, map[string]string{"Tenant": "Acme"})},
		{"context-missing", `"StringEquals":{"kms:EncryptionContext:tenant":"acme"}`, nil, p.seal(named, nil)},
		{
			"context-keys", `"ForAllValues:StringEquals":{"kms:EncryptionContextKeys":["Tenant","Env"]},"Null":{"kms:EncryptionContextKeys":"false"}`,
			p.seal(named, acme), p.seal(named, map[string]string{"Tenant": "acme", "Extra": "1"}),
		},
		{
			"context-keys-case", `"ForAnyValue:StringEquals":{"kms:EncryptionContextKeys":"tenant"}`,
			p.seal(named, map[string]string{"tenant": "a"}), p.seal(named, acme),
		},
		{"request-alias", `"StringEquals":{"kms:RequestAlias":"alias/named"}`, p.seal("alias/named", nil), p.seal(named, nil)},
		{"request-alias-arn", `"StringEquals":{"kms:RequestAlias":"alias/named"}`, p.seal(aliasARN("alias/named"), nil), p.seal(*p.named.Arn, nil)},
		{"resource-aliases", `"ForAnyValue:StringEquals":{"kms:ResourceAliases":"alias/named"}`, p.seal(named, nil), p.seal(other, nil)},
		{"key-spec", `"StringEquals":{"kms:KeySpec":"SYMMETRIC_DEFAULT"}`, p.seal(named, nil), p.sealPair("RSAES_OAEP_SHA_256")},
		{"new-key-spec", `"StringLike":{"kms:KeySpec":"ECC_*"}`, p.create("ECC_NIST_P256", "SIGN_VERIFY"), p.create("", "")},
		{"key-usage", `"StringEquals":{"kms:KeyUsage":"SIGN_VERIFY"}`, p.describe(p.signing), p.describe(p.pair)},
		{
			"new-key-usage", `"StringEquals":{"kms:KeyUsage":"SIGN_VERIFY"}`,
			p.create("ECC_NIST_P256", "SIGN_VERIFY"), p.create("ECC_NIST_P256", "KEY_AGREEMENT"),
		},
		{"key-origin", `"StringEquals":{"kms:KeyOrigin":"AWS_KMS"}`, p.seal(named, nil), nil},
		{"new-key-origin", `"StringEquals":{"kms:KeyOrigin":"EXTERNAL"}`, nil, p.create("", "")},
		{"multi-region", `"Bool":{"kms:MultiRegion":"true"}`, nil, p.create("", "")},
		{"not-multi-region", `"Bool":{"kms:MultiRegion":"false"}`, p.seal(named, nil), nil},
		{"algorithm", `"StringEquals":{"kms:EncryptionAlgorithm":"RSAES_OAEP_SHA_256"}`, p.sealPair("RSAES_OAEP_SHA_256"), p.sealPair("RSAES_OAEP_SHA_1")},
		{"default-algorithm", `"StringEquals":{"kms:EncryptionAlgorithm":"SYMMETRIC_DEFAULT"}`, p.dataPair("ECC_NIST_P256"), p.sealPair("RSAES_OAEP_SHA_1")},
		{
			"signing-algorithm", `"StringEquals":{"kms:SigningAlgorithm":"RSASSA_PSS_SHA_256"}`,
			p.sign("RSASSA_PSS_SHA_256", ""), p.sign("RSASSA_PKCS1_V1_5_SHA_256", ""),
		},
		{"message-type", `"StringEquals":{"kms:MessageType":"RAW"}`, p.sign("RSASSA_PSS_SHA_256", ""), p.sign("RSASSA_PSS_SHA_256", "DIGEST")},
		{"mac-algorithm", `"StringEquals":{"kms:MacAlgorithm":"HMAC_SHA_256"}`, p.authenticate, nil},
		{"another-mac-algorithm", `"StringEquals":{"kms:MacAlgorithm":"HMAC_SHA_512"}`, nil, p.authenticate},
		{"pair-spec", `"StringEquals":{"kms:DataKeyPairSpec":"ECC_NIST_P256"}`, p.dataPair("ECC_NIST_P256"), p.dataPair("ECC_NIST_P384")},
		{"same-key", `"Bool":{"kms:ReEncryptOnSameKey":"true"}`, p.move(p.named), p.move(p.plain)},
		{"bypass", `"Bool":{"kms:BypassPolicyLockoutSafetyCheck":"false"}`, p.put(false), p.put(true)},
		{"window", `"NumericGreaterThanEquals":{"kms:ScheduleKeyDeletionPendingWindowInDays":"14"}`, p.schedule(20), p.schedule(7)},
	}
}

// TestConditionKeysAreObeyed lets a user do everything, but only under one
// condition.
func TestConditionKeysAreObeyed(t *testing.T) {
	t.Parallel()
	s, root := start(t)
	p := newProbe(t, root)
	for _, tt := range append(p.conditions(), p.managing()...) {
		c := user(t, s, tt.name, `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"kms:*","Resource":"*","Condition":{`+tt.condition+`}}}`)
		if tt.refused != nil {
			if got := garrisontest.Fault(tt.refused(c)); !strings.HasPrefix(got, "AccessDeniedException: User: ") {
				t.Errorf("%s: %q, want a denial", tt.name, got)
			}
		}
		if tt.allowed != nil {
			if got := garrisontest.Fault(tt.allowed(c)); got != "" {
				t.Errorf("%s: %q, want success", tt.name, got)
			}
		}
	}
}

// TestContextKeysThatDifferByCase count together, whatever order a map has.
func TestContextKeysThatDifferByCase(t *testing.T) {
	t.Parallel()
	s, root := start(t)
	k := createKey(t, root)
	c := user(t, s, "tenant", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"kms:Encrypt","Resource":"*"},
		{"Effect":"Deny","Action":"kms:Encrypt","Resource":"*","Condition":{"ForAnyValue:StringNotEquals":{"kms:EncryptionContext:tenant":"acme"}}}]}`)
	for range 20 {
		_, err := c.Encrypt(t.Context(), &kms.EncryptInput{
			KeyId: k.KeyId, Plaintext: []byte("x"), EncryptionContext: map[string]string{"tenant": "acme", "Tenant": "evil"},
		})
		garrisontest.Want(t, err, "AccessDeniedException: User: ")
	}
	_, err := c.Encrypt(t.Context(), &kms.EncryptInput{KeyId: k.KeyId, Plaintext: []byte("x"), EncryptionContext: map[string]string{"tenant": "acme"}})
	garrisontest.Want(t, err, "")
}

// TestDecryptObeysTheContext of the call, which the ciphertext then holds it to.
func TestDecryptObeysTheContext(t *testing.T) {
	t.Parallel()
	s, root := start(t)
	k := createKey(t, root)
	acme, evil := map[string]string{"tenant": "acme"}, map[string]string{"tenant": "evil"}
	ours := encrypt(t, root, &kms.EncryptInput{KeyId: k.KeyId, Plaintext: []byte("x"), EncryptionContext: acme})
	theirs := encrypt(t, root, &kms.EncryptInput{KeyId: k.KeyId, Plaintext: []byte("x"), EncryptionContext: evil})
	c := user(t, s, "acme", `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"kms:Decrypt","Resource":"*","Condition":{"StringEquals":{"kms:EncryptionContext:tenant":"acme"}}}}`)
	for _, tt := range []struct {
		blob  []byte
		given map[string]string
		want  string
	}{
		{ours, acme, ""},
		{theirs, evil, "AccessDeniedException: User: "},
		{theirs, acme, "InvalidCiphertextException: "},
		{ours, nil, "AccessDeniedException: User: "},
	} {
		_, err := c.Decrypt(t.Context(), &kms.DecryptInput{CiphertextBlob: tt.blob, EncryptionContext: tt.given})
		garrisontest.Want(t, err, tt.want)
	}
}
