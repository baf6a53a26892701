package secretsmanager_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/garrison-cloud/garrison/internal/clock"
	"github.com/garrison-cloud/garrison/internal/garrisontest"
	"github.com/garrison-cloud/garrison/internal/server"
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

// BenchmarkReplication is how long a new value takes until a replica in the same
// process gives it, durably in both Regions. It reports the median and the slowest
// of a hundred.
func BenchmarkReplication(b *testing.B) {
	dir := b.TempDir()
	s := garrisontest.Start(b, func(c *server.Config) { c.Data = dir })
	one, two := secretsmanager.NewFromConfig(s.Config), secretsmanager.NewFromConfig(s.ConfigFor(account, elsewhere))
	id := aws.String("app")
	_, err := one.CreateSecret(b.Context(), &secretsmanager.CreateSecretInput{Name: id, SecretString: aws.String("v"), AddReplicaRegions: to(elsewhere)})
	if err != nil {
		b.Fatal(err)
	}
	var lags []time.Duration
	for i := 0; b.Loop(); i++ {
		text := fmt.Sprint("value ", i)
		if _, err := one.PutSecretValue(b.Context(), &secretsmanager.PutSecretValueInput{SecretId: id, SecretString: &text}); err != nil {
			b.Fatal(err)
		}
		written := clock.System{}.Now()
		if !garrisontest.Eventually(func() bool {
			out, err := two.GetSecretValue(b.Context(), &secretsmanager.GetSecretValueInput{SecretId: id})
			return err == nil && *out.SecretString == text
		}) {
			b.Fatal("it did not come")
		}
		lags = append(lags, clock.System{}.Now().Sub(written))
	}
	slices.Sort(lags)
	b.ReportMetric(float64(lags[len(lags)/2].Microseconds()), "p50-µs")
	b.ReportMetric(float64(lags[len(lags)*99/100].Microseconds()), "p99-µs")
}

// BenchmarkIdleRotations looks for what is due among many secrets, none of which is.
func BenchmarkIdleRotations(b *testing.B) {
	s, _, ctx := newDirect(b)
	if err := s.PlantRotations(ctx, account, 100_000); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if err := s.NextRotation(ctx); err != nil {
			b.Fatal(err)
		}
	}
}
