package secretsmanager_test

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/garrison-cloud/garrison/internal/garrisontest"
)

// BenchmarkGetSecretValue reads a secret over HTTP, beside the kms:Decrypt that is
// part of it.
func BenchmarkGetSecretValue(b *testing.B) {
	s := garrisontest.Start(b)
	c, keys := secretsmanager.NewFromConfig(s.Config), kms.NewFromConfig(s.Config)
	_, err := c.CreateSecret(b.Context(), &secretsmanager.CreateSecretInput{Name: aws.String("app"), SecretString: aws.String("value")})
	if err != nil {
		b.Fatal(err)
	}
	key, err := keys.CreateKey(b.Context(), &kms.CreateKeyInput{})
	if err != nil {
		b.Fatal(err)
	}
	sealed, err := keys.GenerateDataKey(b.Context(), &kms.GenerateDataKeyInput{KeyId: key.KeyMetadata.KeyId, NumberOfBytes: aws.Int32(32)})
	if err != nil {
		b.Fatal(err)
	}
	b.Run("GetSecretValue", func(b *testing.B) {
		for b.Loop() {
			if _, err := c.GetSecretValue(b.Context(), &secretsmanager.GetSecretValueInput{SecretId: aws.String("app")}); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("Decrypt", func(b *testing.B) {
		for b.Loop() {
			if _, err := keys.Decrypt(b.Context(), &kms.DecryptInput{CiphertextBlob: sealed.CiphertextBlob}); err != nil {
				b.Fatal(err)
			}
		}
	})
}
