package secretsmanager_test

import (
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"

	"github.com/garrison-cloud/garrison/internal/garrisontest"
)

func TestCreateSecretRefuses(t *testing.T) {
	t.Parallel()
	_, c := start(t)
	create(t, c, "taken", "v")
	for _, tt := range []struct {
		name, want string
		in         secretsmanager.CreateSecretInput
	}{
		{"a taken name", "ResourceExistsException: The operation failed because the secret taken already exists.", secretsmanager.CreateSecretInput{Name: aws.String("taken")}},
		{"a bad name", "ValidationException: Invalid name. Must be a valid name containing alphanumeric characters, or any of the following: -/_+=.@!", secretsmanager.CreateSecretInput{Name: aws.String("a b")}},
		{"a long name", "ValidationException: ", secretsmanager.CreateSecretInput{Name: aws.String(strings.Repeat("n", 513))}},
		{"a long description", "ValidationException: ", secretsmanager.CreateSecretInput{Name: aws.String("n"), Description: aws.String(strings.Repeat("d", 2049))}},
		{"two values", "InvalidParameterException: You can't specify both", secretsmanager.CreateSecretInput{Name: aws.String("n"), SecretString: aws.String("a"), SecretBinary: []byte("b")}},
		{"a tag twice", "InvalidParameterException: Duplicate tag keys", secretsmanager.CreateSecretInput{Name: aws.String("n"), Tags: []types.Tag{tag("a", "1"), tag("a", "2")}}},
		{"a tag of AWS's", "InvalidParameterException: ", secretsmanager.CreateSecretInput{Name: aws.String("n"), Tags: []types.Tag{tag("aws:a", "1")}}},
		{"a replica here", "InvalidParameterException: ", secretsmanager.CreateSecretInput{Name: aws.String("n"), AddReplicaRegions: to(region)}},
		{"a partner's", "NotImplemented: The parameter Type is not implemented here.", secretsmanager.CreateSecretInput{Name: aws.String("n"), Type: aws.String("partner")}},
	} {
		_, err := c.CreateSecret(t.Context(), &tt.in)
		if got := garrisontest.Fault(err); !strings.HasPrefix(got, tt.want) {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
	create(t, c, strings.Repeat("n", 512), "")
}

func TestDescribeSecret(t *testing.T) {
	t.Parallel()
	s, c := start(t)
	made := mustCreate(t, c, &secretsmanager.CreateSecretInput{
		Name: aws.String("app"), Description: aws.String("of the app"), SecretString: aws.String("v"), Tags: []types.Tag{tag("team", "red"), tag("env", "prod")},
	})
	born := s.Clock.Now()
	got := describe(t, c, "app")
	if *got.ARN != *made.ARN || *got.Name != "app" || *got.Description != "of the app" || got.KmsKeyId != nil || got.DeletedDate != nil ||
		got.LastAccessedDate != nil || got.RotationEnabled != nil || len(got.Tags) != 2 || *got.Tags[0].Key != "env" || !near(got.CreatedDate, born) {
		t.Errorf("described %+v", got)
	}
	s.Clock.Advance(time.Hour)
	if _, err := c.UpdateSecret(t.Context(), &secretsmanager.UpdateSecretInput{SecretId: aws.String("app"), Description: aws.String("new")}); err != nil {
		t.Fatal(err)
	}
	got = describe(t, c, "app")
	if *got.Description != "new" || !near(got.CreatedDate, born) || !near(got.LastChangedDate, born.Add(time.Hour)) {
		t.Errorf("after an hour: %q, created %v, changed %v", *got.Description, got.CreatedDate, got.LastChangedDate)
	}
	bare := describe(t, c, *create(t, c, "bare", "").ARN)
	if bare.Description != nil || bare.VersionIdsToStages != nil {
		t.Errorf("a bare secret is described as %+v", bare)
	}
}

// near reports whether a time on the wire, in milliseconds, is the wanted one.
func near(got *time.Time, want time.Time) bool {
	return got != nil && got.Sub(want).Abs() < time.Second
}

func TestUpdateSecret(t *testing.T) {
	t.Parallel()
	_, c := start(t)
	made := create(t, c, "app", "one")
	out, err := c.UpdateSecret(t.Context(), &secretsmanager.UpdateSecretInput{SecretId: aws.String("app"), Description: aws.String("d")})
	if err != nil || out.VersionId != nil || *out.ARN != *made.ARN {
		t.Errorf("without a value: %+v, %v", out, err)
	}
	out, err = c.UpdateSecret(t.Context(), &secretsmanager.UpdateSecretInput{SecretId: aws.String("app"), SecretString: aws.String("two")})
	if err != nil || out.VersionId == nil {
		t.Fatalf("with a value: %+v, %v", out, err)
	}
	if got := labels(t, c, map[string]string{*made.VersionId: "one", *out.VersionId: "two"}); got != "one=AWSPREVIOUS two=AWSCURRENT" {
		t.Errorf("labels = %s", got)
	}
	if got := *describe(t, c, "app").Description; got != "d" {
		t.Errorf("description = %q, want it kept", got)
	}
	_, err = c.UpdateSecret(t.Context(), &secretsmanager.UpdateSecretInput{SecretId: aws.String("nothing")})
	garrisontest.Want(t, err, lost)
	_, err = c.UpdateSecret(t.Context(), &secretsmanager.UpdateSecretInput{SecretId: aws.String("app"), SecretString: aws.String("a"), SecretBinary: []byte("b")})
	garrisontest.Want(t, err, "InvalidParameterException: ")
	_, err = c.UpdateSecret(t.Context(), &secretsmanager.UpdateSecretInput{SecretId: aws.String("app"), Type: aws.String("partner")})
	garrisontest.Want(t, err, "NotImplemented: ")
}

// TestSecretId finds secrets by every form of their name, and falls into AWS's
// trap where it should.
func TestSecretId(t *testing.T) {
	t.Parallel()
	s, c := start(t)
	plain := *create(t, c, "app", "plain").ARN
	trap := *create(t, c, "app-AbCdEf", "trap").ARN
	dotted := *create(t, c, "app-db.pwd", "dotted").ARN
	partial := func(arn string) string { return arn[:len(arn)-7] }
	for _, tt := range []struct{ name, id, value string }{
		{"name", "app", "plain"},
		{"ARN", plain, "plain"},
		{"partial ARN", partial(plain), "plain"},
		{"name that ends like an ARN", "app-AbCdEf", "trap"},
		{"its ARN", trap, "trap"},
		{"its partial ARN, which counts as complete", partial(trap), ""},
		{"a partial ARN that ends in other characters", partial(dotted), "dotted"},
		{"name with the suffix", strings.TrimPrefix(plain, "arn:aws:secretsmanager:us-east-1:"+account+":secret:"), ""},
		{"another suffix", partial(plain) + "-000000", ""},
		{"another Region", strings.Replace(plain, "us-east-1", "eu-west-1", 1), ""},
		{"another service", strings.Replace(plain, "secretsmanager", "kms", 1), ""},
		{"no ARN", "arn:aws", ""},
		{"in other letters", "APP", ""},
	} {
		got, err := get(c, t, &secretsmanager.GetSecretValueInput{SecretId: &tt.id})
		if got != tt.value || tt.value == "" && garrisontest.Fault(err) != lost {
			t.Errorf("%s: %q, %q; want %q", tt.name, got, garrisontest.Fault(err), tt.value)
		}
	}
	elsewhere := secretsmanager.NewFromConfig(s.ConfigFor(account, garrisontest.OtherRegion))
	_, err := get(elsewhere, t, &secretsmanager.GetSecretValueInput{SecretId: aws.String("app")})
	garrisontest.Want(t, err, lost)
}

// TestEventsOfSecrets looks at what CloudTrail keeps of a write and of a read.
func TestEventsOfSecrets(t *testing.T) {
	t.Parallel()
	s, c := start(t)
	made := create(t, c, "app", "canary")
	put(t, c, "app", "canary-2")
	if _, err := c.GetRandomPassword(t.Context(), &secretsmanager.GetRandomPasswordInput{}); err != nil {
		t.Fatal(err)
	}
	wantValue(t, c, *made.ARN, "canary-2")
	_, err := c.BatchGetSecretValue(t.Context(), &secretsmanager.BatchGetSecretValueInput{SecretIdList: []string{"app"}})
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name     string
		readOnly bool
	}{{"CreateSecret", false}, {"PutSecretValue", false}, {"GetSecretValue", true}, {"BatchGetSecretValue", true}} {
		e := events(t, s, tt.name, 1)[0]
		if e.EventSource != "secretsmanager.amazonaws.com" || e.ReadOnly != tt.readOnly || len(e.Resources) != 1 ||
			e.Resources[0].ARN != *made.ARN || e.Resources[0].Type != "AWS::SecretsManager::Secret" {
			t.Errorf("%s: %s", tt.name, e.raw)
		}
		if strings.Contains(e.raw, "canary") || strings.Contains(e.raw, "Y2FuYXJ5") {
			t.Errorf("%s holds the value: %s", tt.name, e.raw)
		}
		if got := string(e.ResponseElements); tt.readOnly != (got == "null" || got == "") || !tt.readOnly && !strings.Contains(got, *made.ARN) {
			t.Errorf("%s: responseElements = %s", tt.name, got)
		}
	}
	if e := events(t, s, "GetRandomPassword", 1)[0]; len(e.Resources) != 0 {
		t.Errorf("GetRandomPassword: %s", e.raw)
	}
}
