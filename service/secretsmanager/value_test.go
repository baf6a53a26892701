package secretsmanager_test

import (
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/garrison-cloud/garrison/internal/garrisontest"
)

const (
	token   = "00000000-0000-4000-8000-000000000001"
	another = "00000000-0000-4000-8000-000000000002"
)

func TestGetSecretValueChoosesVersion(t *testing.T) {
	t.Parallel()
	_, c := start(t)
	first := create(t, c, "app", "one")
	second := put(t, c, "app", "two")
	create(t, c, "bare", "")
	for _, tt := range []struct {
		name, secret, id, label, value, fault string
	}{
		{"current", "app", "", "", "two", ""},
		{"by label", "app", "", "AWSPREVIOUS", "one", ""},
		{"by id", "app", *first.VersionId, "", "one", ""},
		{"by both", "app", second, "AWSCURRENT", "two", ""},
		{"by both that differ", "app", second, "AWSPREVIOUS", "", "InvalidRequestException: You provided a VersionStage that is not associated to the provided VersionId."},
		{"no such id", "app", another, "", "", "ResourceNotFoundException: Secrets Manager can't find the specified secret value for VersionId: " + another},
		{"no such label", "app", "", "blue", "", "ResourceNotFoundException: Secrets Manager can't find the specified secret value for staging label: blue"},
		{"no version at all", "bare", "", "", "", "ResourceNotFoundException: Secrets Manager can't find the specified secret value for staging label: AWSCURRENT"},
		{"no such secret", "nothing", "", "", "", lost},
		{"id too short", "app", "1", "", "", "ValidationException: 1 validation error detected: Value '1' at 'versionId' failed to satisfy constraint"},
	} {
		in := &secretsmanager.GetSecretValueInput{SecretId: &tt.secret}
		if tt.id != "" {
			in.VersionId = &tt.id
		}
		if tt.label != "" {
			in.VersionStage = &tt.label
		}
		got, err := get(c, t, in)
		if got != tt.value || garrisontest.Fault(err) != tt.fault && !strings.HasPrefix(garrisontest.Fault(err), tt.fault+" ") && !strings.HasPrefix(garrisontest.Fault(err), tt.fault+":") || (err == nil) != (tt.fault == "") {
			t.Errorf("%s: %q, %q; want %q, %q", tt.name, got, garrisontest.Fault(err), tt.value, tt.fault)
		}
	}
}

// TestPutSecretValueIsIdempotent repeats a token with the same value, and with others.
func TestPutSecretValueIsIdempotent(t *testing.T) {
	t.Parallel()
	_, c := start(t)
	made := create(t, c, "app", "one")
	in := func(text string) *secretsmanager.PutSecretValueInput {
		return &secretsmanager.PutSecretValueInput{SecretId: aws.String("app"), SecretString: &text, ClientRequestToken: aws.String(token)}
	}
	for range 2 {
		out, err := c.PutSecretValue(t.Context(), in("two"))
		if err != nil || *out.VersionId != token || !slices.Equal(out.VersionStages, []string{"AWSCURRENT"}) {
			t.Fatalf("put = %+v, %v", out, err)
		}
	}
	taken := "ResourceExistsException: You can't use ClientRequestToken " + token + " because that value is already in use for a version of secret " + *made.ARN
	_, err := c.PutSecretValue(t.Context(), in("three"))
	garrisontest.Want(t, err, taken)
	_, err = c.PutSecretValue(t.Context(), &secretsmanager.PutSecretValueInput{SecretId: aws.String("app"), SecretBinary: []byte("two"), ClientRequestToken: aws.String(token)})
	garrisontest.Want(t, err, taken)
	_, err = c.UpdateSecret(t.Context(), &secretsmanager.UpdateSecretInput{SecretId: aws.String("app"), SecretString: aws.String("two"), ClientRequestToken: aws.String(token)})
	garrisontest.Want(t, err, taken)
	wantValue(t, c, "app", "two")
}

// TestCreateSecretIsIdempotent answers the same request the same, and no other.
func TestCreateSecretIsIdempotent(t *testing.T) {
	t.Parallel()
	_, c := start(t)
	in := func(text, token string) *secretsmanager.CreateSecretInput {
		return &secretsmanager.CreateSecretInput{Name: aws.String("app"), SecretString: &text, ClientRequestToken: &token}
	}
	first := mustCreate(t, c, in("one", token))
	again := mustCreate(t, c, in("one", token))
	if *first.ARN != *again.ARN || *first.VersionId != *again.VersionId {
		t.Errorf("again = %s %s, want %s %s", *again.ARN, *again.VersionId, *first.ARN, *first.VersionId)
	}
	_, err := c.CreateSecret(t.Context(), in("two", token))
	garrisontest.Want(t, err, "ResourceExistsException: You can't use ClientRequestToken "+token)
	_, err = c.CreateSecret(t.Context(), in("one", another))
	garrisontest.Want(t, err, "ResourceExistsException: The operation failed because the secret app already exists.")
}

func TestPutSecretValueRefuses(t *testing.T) {
	t.Parallel()
	_, c := start(t)
	create(t, c, "app", "one")
	long := strings.Repeat("x", 65536)
	for _, tt := range []struct {
		name, want string
		in         secretsmanager.PutSecretValueInput
	}{
		{"no value", "InvalidRequestException: You must provide either SecretString or SecretBinary.", secretsmanager.PutSecretValueInput{}},
		{"two values", "InvalidParameterException: You can't specify both a binary secret value and a string secret value in the same secret.", secretsmanager.PutSecretValueInput{SecretString: aws.String("a"), SecretBinary: []byte("b")}},
		{"an empty value", "ValidationException: ", secretsmanager.PutSecretValueInput{SecretString: aws.String("")}},
		{"too long", "ValidationException: ", secretsmanager.PutSecretValueInput{SecretString: aws.String(long + "x")}},
		{"too many bytes", "InvalidParameterException: ", secretsmanager.PutSecretValueInput{SecretString: aws.String(strings.Repeat("ü", 40000))}},
		{"a short token", "ValidationException: ", secretsmanager.PutSecretValueInput{SecretString: aws.String("a"), ClientRequestToken: aws.String("1")}},
		{"no such rotation", "InvalidParameterException: The RotationToken is not valid.", secretsmanager.PutSecretValueInput{SecretString: aws.String("a"), RotationToken: aws.String(token)}},
	} {
		tt.in.SecretId = aws.String("app")
		_, err := c.PutSecretValue(t.Context(), &tt.in)
		if got := garrisontest.Fault(err); !strings.HasPrefix(got, tt.want) {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
	put(t, c, "app", long)
	wantValue(t, c, "app", long)
	_, err := c.PutSecretValue(t.Context(), &secretsmanager.PutSecretValueInput{SecretId: aws.String("nothing"), SecretString: aws.String("a")})
	garrisontest.Want(t, err, lost)
}

// TestPutAtOnce adds versions from many callers at a time: each is there, and one
// is current.
func TestPutAtOnce(t *testing.T) {
	t.Parallel()
	_, c := start(t)
	create(t, c, "app", "one")
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() { put(t, c, "app", "next") })
	}
	wg.Wait()
	out, err := c.ListSecretVersionIds(t.Context(), &secretsmanager.ListSecretVersionIdsInput{SecretId: aws.String("app"), IncludeDeprecated: aws.Bool(true)})
	if err != nil || len(out.Versions) != 17 {
		t.Fatalf("%d versions, %v; want 17", len(out.Versions), err)
	}
	if stages := describe(t, c, "app").VersionIdsToStages; len(stages) != 2 {
		t.Errorf("labels = %v, want AWSCURRENT and AWSPREVIOUS on two versions", stages)
	}
}
