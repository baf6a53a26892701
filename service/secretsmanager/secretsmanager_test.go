package secretsmanager_test

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	trail "github.com/aws/aws-sdk-go-v2/service/cloudtrail/types"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/garrison-cloud/garrison/internal/garrisontest"
)

const (
	account = garrisontest.Account
	other   = garrisontest.OtherAccount
	region  = garrisontest.Region
	// lost is what AWS says of a secret that is not there.
	lost = "ResourceNotFoundException: Secrets Manager can't find the specified secret."
	// marked is what AWS says of a secret that is to be deleted.
	marked = "InvalidRequestException: You can't perform this operation on the secret because it was marked for deletion."
)

// start runs a server and returns a client of its first account's root.
func start(t *testing.T) (*garrisontest.Server, *secretsmanager.Client) {
	t.Helper()
	s := garrisontest.Start(t)
	return s, secretsmanager.NewFromConfig(s.Config)
}

// user returns a client of a new user of the first account with one policy.
func user(t *testing.T, s *garrisontest.Server, name, policy string) *secretsmanager.Client {
	t.Helper()
	return secretsmanager.NewFromConfig(s.User(t, name, policy))
}

// create makes a secret of a text, none if empty.
func create(t *testing.T, c *secretsmanager.Client, name, text string) *secretsmanager.CreateSecretOutput {
	t.Helper()
	in := &secretsmanager.CreateSecretInput{Name: &name}
	if text != "" {
		in.SecretString = &text
	}
	return mustCreate(t, c, in)
}

func mustCreate(t *testing.T, c *secretsmanager.Client, in *secretsmanager.CreateSecretInput) *secretsmanager.CreateSecretOutput {
	t.Helper()
	out, err := c.CreateSecret(t.Context(), in)
	if err != nil {
		t.Fatalf("create %s: %v", *in.Name, err)
	}
	return out
}

// put adds a version of a text, and returns its id.
func put(t *testing.T, c *secretsmanager.Client, id, text string, labels ...string) string {
	t.Helper()
	out, err := c.PutSecretValue(t.Context(), &secretsmanager.PutSecretValueInput{SecretId: &id, SecretString: &text, VersionStages: labels})
	if err != nil {
		t.Fatalf("put a value of %s: %v", id, err)
	}
	return *out.VersionId
}

func get(c *secretsmanager.Client, t *testing.T, in *secretsmanager.GetSecretValueInput) (string, error) {
	t.Helper()
	out, err := c.GetSecretValue(t.Context(), in)
	if err != nil {
		return "", err
	}
	return aws.ToString(out.SecretString), nil
}

// wantValue reads the secret by its id and compares its text.
func wantValue(t *testing.T, c *secretsmanager.Client, id, text string) {
	t.Helper()
	got, err := get(c, t, &secretsmanager.GetSecretValueInput{SecretId: &id})
	if err != nil || got != text {
		t.Errorf("value of %s = %q, %v; want %q", id, got, err, text)
	}
}

func describe(t *testing.T, c *secretsmanager.Client, id string) *secretsmanager.DescribeSecretOutput {
	t.Helper()
	out, err := c.DescribeSecret(t.Context(), &secretsmanager.DescribeSecretInput{SecretId: &id})
	if err != nil {
		t.Fatalf("describe %s: %v", id, err)
	}
	return out
}

// allowing is an IAM policy that allows actions on everything.
func allowing(actions ...string) string {
	return `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":["` + strings.Join(actions, `","`) + `"],"Resource":"*"}}`
}

// An event is what of a CloudTrail event the tests look at.
type event struct {
	UserIdentity struct {
		ARN       string `json:"arn"`
		InvokedBy string `json:"invokedBy"`
	} `json:"userIdentity"`
	EventSource       string          `json:"eventSource"`
	EventName         string          `json:"eventName"`
	ErrorCode         string          `json:"errorCode"`
	ReadOnly          bool            `json:"readOnly"`
	RequestParameters json.RawMessage `json:"requestParameters"`
	ResponseElements  json.RawMessage `json:"responseElements"`
	Resources         []struct {
		ARN  string `json:"ARN"`
		Type string `json:"type"`
	} `json:"resources"`
	raw string
}

// events returns the events of a name, latest first, as soon as there are n.
func events(t *testing.T, s *garrisontest.Server, name string, n int) []event {
	t.Helper()
	c := cloudtrail.NewFromConfig(s.Config)
	var out []event
	got := garrisontest.Eventually(func() bool {
		list, err := c.LookupEvents(t.Context(), &cloudtrail.LookupEventsInput{LookupAttributes: []trail.LookupAttribute{
			{AttributeKey: trail.LookupAttributeKeyEventName, AttributeValue: &name},
		}})
		if err != nil {
			t.Fatalf("look up %s: %v", name, err)
		}
		out = out[:0]
		for _, e := range list.Events {
			x := event{raw: *e.CloudTrailEvent}
			if err := json.Unmarshal([]byte(x.raw), &x); err != nil {
				t.Fatalf("event %s: %v", x.raw, err)
			}
			out = append(out, x)
		}
		return len(out) >= n
	})
	if !got {
		t.Fatalf("%d events %s, want %d", len(out), name, n)
	}
	return out
}

var arnForm = regexp.MustCompile(`^arn:aws:secretsmanager:us-east-1:111122223333:secret:prod/db-[A-Za-z0-9]{6}$`)

// TestCreateAndGet is the narrowest way through: a secret is made and read.
func TestCreateAndGet(t *testing.T) {
	t.Parallel()
	_, c := start(t)
	made := create(t, c, "prod/db", "hunter2")
	if !arnForm.MatchString(*made.ARN) || *made.Name != "prod/db" || len(*made.VersionId) < 32 {
		t.Errorf("made %s, %s, %s", *made.ARN, *made.Name, *made.VersionId)
	}
	out, err := c.GetSecretValue(t.Context(), &secretsmanager.GetSecretValueInput{SecretId: made.ARN})
	if err != nil {
		t.Fatal(err)
	}
	if *out.SecretString != "hunter2" || out.SecretBinary != nil || *out.ARN != *made.ARN || *out.Name != "prod/db" ||
		*out.VersionId != *made.VersionId || len(out.VersionStages) != 1 || out.VersionStages[0] != "AWSCURRENT" || out.CreatedDate == nil {
		t.Errorf("got %+v", out)
	}
	blob := []byte{0, 1, 2, 255}
	mustCreate(t, c, &secretsmanager.CreateSecretInput{Name: aws.String("blob"), SecretBinary: blob})
	out, err = c.GetSecretValue(t.Context(), &secretsmanager.GetSecretValueInput{SecretId: aws.String("blob")})
	if err != nil || string(out.SecretBinary) != string(blob) || out.SecretString != nil {
		t.Errorf("binary = %x, %v", out.SecretBinary, err)
	}
}
