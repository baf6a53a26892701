package kms_test

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"github.com/garrison-cloud/garrison/internal/garrisontest"
	"github.com/garrison-cloud/garrison/internal/server"
)

// TestQuotas calls as often as it may, once more, and again a second later. The
// clock stands still, so that the count is exact.
func TestQuotas(t *testing.T) {
	t.Parallel()
	s := garrisontest.Start(t, func(c *server.Config) { c.Quotas = true })
	c, foreign := kms.NewFromConfig(s.Config), kms.NewFromConfig(s.ConfigFor(other, region))
	const throttled = "ThrottlingException: You have exceeded the rate at which you may call KMS. Reduce the frequency of your calls."
	var k *types.KeyMetadata
	for range 5 {
		k = createKey(t, c)
	}
	_, err := c.CreateKey(t.Context(), &kms.CreateKeyInput{})
	garrisontest.Want(t, err, throttled)
	// Neither another operation nor another account is concerned.
	encrypt(t, c, &kms.EncryptInput{KeyId: k.KeyId, Plaintext: []byte("x")})
	createKey(t, foreign)
	s.Clock.Advance(time.Second)
	createKey(t, c)

	pair := func(spec types.DataKeyPairSpec) error {
		_, err := c.GenerateDataKeyPair(t.Context(), &kms.GenerateDataKeyPairInput{KeyId: k.KeyId, KeyPairSpec: spec})
		return err
	}
	garrisontest.Want(t, pair("RSA_2048"), "")
	garrisontest.Want(t, pair("RSA_2048"), throttled)
	garrisontest.Want(t, pair("ECC_NIST_P256"), "")
	s.Clock.Advance(time.Second)
	garrisontest.Want(t, pair("RSA_2048"), "")
}

// TestQuotasAreOff makes more keys in an instant than AWS allows.
func TestQuotasAreOff(t *testing.T) {
	t.Parallel()
	_, c := start(t)
	for range 20 {
		createKey(t, c)
	}
}
