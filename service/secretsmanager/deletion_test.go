package secretsmanager_test

import (
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/garrison-cloud/garrison/internal/garrisontest"
)

const aDay = 24 * time.Hour

func remove(t *testing.T, c *secretsmanager.Client, id string, days int64) *secretsmanager.DeleteSecretOutput {
	t.Helper()
	out, err := c.DeleteSecret(t.Context(), &secretsmanager.DeleteSecretInput{SecretId: &id, RecoveryWindowInDays: &days})
	if err != nil {
		t.Fatalf("delete %s: %v", id, err)
	}
	return out
}

// TestSecretIsDeletedAtItsTime and not before, and its name is then free.
func TestSecretIsDeletedAtItsTime(t *testing.T) {
	t.Parallel()
	s, c := start(t)
	made := create(t, c, "app", "v")
	out := remove(t, c, "app", 7)
	at := s.Clock.Now().Add(7 * aDay)
	if *out.ARN != *made.ARN || *out.Name != "app" || !near(out.DeletionDate, at) {
		t.Errorf("deleted = %+v, want at %v", out, at)
	}
	if got := describe(t, c, "app").DeletedDate; !near(got, at) {
		t.Errorf("DeletedDate = %v, want %v", got, at)
	}
	_, err := c.CreateSecret(t.Context(), &secretsmanager.CreateSecretInput{Name: aws.String("app")})
	garrisontest.Want(t, err, "InvalidRequestException: You can't create this secret because a secret with this name is already scheduled for deletion.")
	s.Clock.Advance(7*aDay - time.Minute)
	describe(t, c, "app")
	s.Clock.Advance(2 * time.Minute)
	_, err = c.DescribeSecret(t.Context(), &secretsmanager.DescribeSecretInput{SecretId: aws.String("app")})
	garrisontest.Want(t, err, lost)
	_, err = c.RestoreSecret(t.Context(), &secretsmanager.RestoreSecretInput{SecretId: aws.String("app")})
	garrisontest.Want(t, err, lost)
	again := create(t, c, "app", "w")
	if *again.ARN == *made.ARN {
		t.Errorf("the new secret has the old one's ARN %s", *again.ARN)
	}
	wantValue(t, c, "app", "w")
	_, err = get(c, t, &secretsmanager.GetSecretValueInput{SecretId: made.ARN})
	garrisontest.Want(t, err, lost)
}

// TestWindows holds the window's bounds and its default.
func TestWindows(t *testing.T) {
	t.Parallel()
	s, c := start(t)
	create(t, c, "app", "v")
	bounds := "InvalidParameterException: The RecoveryWindowInDays value must be between 7 and 30 days (inclusive)."
	for _, days := range []int64{-1, 0, 6, 31} {
		_, err := c.DeleteSecret(t.Context(), &secretsmanager.DeleteSecretInput{SecretId: aws.String("app"), RecoveryWindowInDays: &days})
		garrisontest.Want(t, err, bounds)
	}
	_, err := c.DeleteSecret(t.Context(), &secretsmanager.DeleteSecretInput{SecretId: aws.String("app"), RecoveryWindowInDays: aws.Int64(7), ForceDeleteWithoutRecovery: aws.Bool(true)})
	garrisontest.Want(t, err, "InvalidParameterException: You can't use ForceDeleteWithoutRecovery in conjunction with RecoveryWindowInDays.")
	out, err := c.DeleteSecret(t.Context(), &secretsmanager.DeleteSecretInput{SecretId: aws.String("app")})
	if err != nil || !near(out.DeletionDate, s.Clock.Now().Add(30*aDay)) {
		t.Errorf("by default deleted at %v, %v; want in 30 days", out, err)
	}
}

// TestRestoreSecret brings back the very same secret.
func TestRestoreSecret(t *testing.T) {
	t.Parallel()
	s, c := start(t)
	made := create(t, c, "app", "v")
	remove(t, c, "app", 7)
	s.Clock.Advance(6 * aDay)
	out, err := c.RestoreSecret(t.Context(), &secretsmanager.RestoreSecretInput{SecretId: made.ARN})
	if err != nil || *out.ARN != *made.ARN || *out.Name != "app" {
		t.Fatalf("restored = %+v, %v", out, err)
	}
	if got := describe(t, c, "app").DeletedDate; got != nil {
		t.Errorf("DeletedDate = %v, want none", got)
	}
	s.Clock.Advance(60 * aDay)
	wantValue(t, c, "app", "v")
}

// TestForceDelete deletes at once, marked or not, there or not.
func TestForceDelete(t *testing.T) {
	t.Parallel()
	s, c := start(t)
	made := create(t, c, "app", "v")
	create(t, c, "marked", "v")
	remove(t, c, "marked", 30)
	for _, id := range []string{"app", "marked", "nothing"} {
		out, err := c.DeleteSecret(t.Context(), &secretsmanager.DeleteSecretInput{SecretId: &id, ForceDeleteWithoutRecovery: aws.Bool(true)})
		if err != nil || *out.Name != id || !near(out.DeletionDate, s.Clock.Now()) || !strings.Contains(*out.ARN, ":secret:"+id) {
			t.Errorf("%s: %+v, %v", id, out, err)
		}
		_, err = c.DescribeSecret(t.Context(), &secretsmanager.DescribeSecretInput{SecretId: &id})
		garrisontest.Want(t, err, lost)
	}
	again := create(t, c, "app", "")
	if *again.ARN == *made.ARN || describe(t, c, "app").VersionIdsToStages != nil {
		t.Errorf("the new secret %s has something of the old one's", *again.ARN)
	}
	nobody := user(t, s, "nobody", allowing("secretsmanager:GetSecretValue"))
	_, err := nobody.DeleteSecret(t.Context(), &secretsmanager.DeleteSecretInput{SecretId: aws.String("nothing"), ForceDeleteWithoutRecovery: aws.Bool(true)})
	garrisontest.Want(t, err, "AccessDeniedException: ")
}
