package secretsmanager_test

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"

	"github.com/garrison-cloud/garrison/internal/clock"
	"github.com/garrison-cloud/garrison/internal/garrisontest"
	"github.com/garrison-cloud/garrison/internal/server"
)

// TestReplicationSurvives stops the server as soon as each value is put, with the
// replica's key turned off in between: whatever was under way when it stopped goes
// on when it starts.
func TestReplicationSurvives(t *testing.T) {
	t.Parallel()
	data, now := filepath.Join(t.TempDir(), "data"), clock.NewFake(clock.System{}.Now())
	durable := func(c *server.Config) { c.Data, c.Clock = data, now }
	var key *string
	t.Run("create", func(t *testing.T) {
		s, one, _, _ := regions(t, durable)
		keys := kms.NewFromConfig(s.ConfigFor(account, elsewhere))
		k, err := keys.CreateKey(t.Context(), &kms.CreateKeyInput{})
		if err != nil {
			t.Fatal(err)
		}
		key = k.KeyMetadata.KeyId
		there := types.ReplicaRegionType{Region: aws.String(elsewhere), KmsKeyId: key}
		mustCreate(t, one, &secretsmanager.CreateSecretInput{Name: aws.String("app"), SecretString: aws.String("v"), AddReplicaRegions: []types.ReplicaRegionType{there}})
	})
	for i := range 3 {
		t.Run(fmt.Sprint("put ", i), func(t *testing.T) {
			s, one, _, _ := regions(t, durable)
			if i == 1 {
				becomes(t, one, "app", elsewhere+" InSync")
				_, err := kms.NewFromConfig(s.ConfigFor(account, elsewhere)).DisableKey(t.Context(), &kms.DisableKeyInput{KeyId: key})
				if err != nil {
					t.Fatal(err)
				}
			}
			put(t, one, "app", fmt.Sprint("v", i))
		})
	}
	t.Run("after", func(t *testing.T) {
		s, one, two, _ := regions(t, durable)
		eventually(t, func() bool { return describe(t, one, "app").ReplicationStatus[0].Status == types.StatusTypeFailed })
		_, err := get(two, t, &secretsmanager.GetSecretValueInput{SecretId: aws.String("app")})
		garrisontest.Want(t, err, cannotDecrypt)
		if _, err := kms.NewFromConfig(s.ConfigFor(account, elsewhere)).EnableKey(t.Context(), &kms.EnableKeyInput{KeyId: key}); err != nil {
			t.Fatal(err)
		}
		now.Advance(2 * time.Hour)
		becomes(t, one, "app", elsewhere+" InSync")
		wantValue(t, two, "app", "v2")
		d := describe(t, two, "app")
		if len(d.VersionIdsToStages) != 2 {
			t.Errorf("labels = %v", d.VersionIdsToStages)
		}
	})
}

// TestRotationSurvives stops the server between two tries of a rotation.
func TestRotationSurvives(t *testing.T) {
	t.Parallel()
	data, now := filepath.Join(t.TempDir(), "data"), clock.NewFake(clock.System{}.Now())
	durable := func(c *server.Config) { c.Data, c.Clock = data, now }
	token := ""
	t.Run("before", func(t *testing.T) {
		s := garrisontest.Start(t, withFunctions(t), durable)
		c, function := secretsmanager.NewFromConfig(s.Config), newFunction(t, s, rotator)
		letIn(t, s)
		create(t, c, "app", "fails at finishSecret")
		token = rotate(t, c, &secretsmanager.RotateSecretInput{SecretId: aws.String("app"), RotationLambdaARN: &function})
		events(t, s, "RotationFailed", 1)
	})
	t.Run("after", func(t *testing.T) {
		s := garrisontest.Start(t, withFunctions(t), durable)
		c := secretsmanager.NewFromConfig(s.Config)
		wantValue(t, c, "app", "fails at finishSecret")
		now.Advance(2 * time.Minute)
		events(t, s, "RotationFailed", 2)
		if d := describe(t, c, "app"); d.VersionIdsToStages[token] == nil {
			t.Errorf("labels = %v, want the version that the first try has made", d.VersionIdsToStages)
		}
	})
}
