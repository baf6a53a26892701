// Package secretscache_test runs those who read secrets again and again against a
// server: a program with AWS's caching client for Go, and a poller.
package secretscache_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	cttypes "github.com/aws/aws-sdk-go-v2/service/cloudtrail/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/garrison-cloud/garrison/internal/garrisontest"
)

// Times for which a cache keeps what it read: longer than a test takes, and so
// short that it looks at the secret each time.
const (
	long  = "1h"
	short = "1ns"
)

// TestReads shows that a secret costs two calls for as long as it is kept, and
// that the client names itself in CloudTrail.
func TestReads(t *testing.T) {
	t.Parallel()
	w := newWork(t)
	w.create(t, &secretsmanager.CreateSecretInput{Name: aws.String("db"), SecretString: aws.String("first")})
	r := newReader(t, w.srv, w.srv.Config, long)
	for range 20 {
		r.gives(t, "first", "string", "db")
	}
	w.put(t, "db", "second")
	r.gives(t, "first", "string", "db")
	w.calls(t, "db", 1, 1)
	newReader(t, w.srv, w.srv.Config, long).gives(t, "second", "string", "db")
	w.calls(t, "db", 2, 2)
	for _, e := range w.events(t, "GetSecretValue", "db") {
		if !strings.Contains(e.UserAgent, "AwsSecretCache-") {
			t.Errorf("the user agent of a GetSecretValue is %q", e.UserAgent)
		}
	}
}

// TestRefresh has a cache look at the secret when its time is over: it reads
// the value again only where there is a new version.
func TestRefresh(t *testing.T) {
	t.Parallel()
	w := newWork(t)
	w.create(t, &secretsmanager.CreateSecretInput{Name: aws.String("db"), SecretString: aws.String("first")})
	r := newReader(t, w.srv, w.srv.Config, short)
	for range 5 {
		r.gives(t, "first", "string", "db")
	}
	w.calls(t, "db", 5, 1)
	w.put(t, "db", "second")
	for range 5 {
		r.gives(t, "second", "string", "db")
	}
	w.calls(t, "db", 10, 2)
	r.gives(t, "first", "string", "db", "AWSPREVIOUS") // which it had kept
	w.calls(t, "db", 11, 2)
}

// TestExpiry lets the time of a cache run out.
func TestExpiry(t *testing.T) {
	t.Parallel()
	w := newWork(t)
	w.create(t, &secretsmanager.CreateSecretInput{Name: aws.String("db"), SecretString: aws.String("first")})
	r := newReader(t, w.srv, w.srv.Config, "400ms")
	r.gives(t, "first", "string", "db")
	w.put(t, "db", "second")
	if !garrisontest.Eventually(func() bool {
		got, _ := r.ask(t, "string", "db")
		return got == "second"
	}) {
		t.Error("the cache never gave the new version")
	}
	if n := len(w.events(t, "GetSecretValue", "db")); n != 2 {
		t.Errorf("%d calls of GetSecretValue, want 2", n)
	}
}

// TestRefreshNow has a cache look at a secret whose time is not over. The client
// waits up to five seconds first, so as not to come with all others.
func TestRefreshNow(t *testing.T) {
	t.Parallel()
	w := newWork(t)
	w.create(t, &secretsmanager.CreateSecretInput{Name: aws.String("db"), SecretString: aws.String("first")})
	r := newReader(t, w.srv, w.srv.Config, long)
	r.gives(t, "first", "string", "db")
	w.put(t, "db", "second")
	r.gives(t, "", "refresh", "db")
	r.gives(t, "second", "string", "db")
	w.calls(t, "db", 2, 2)
}

// TestStages takes a secret through a rotation by hand, with a cache on each
// stage of it.
func TestStages(t *testing.T) {
	t.Parallel()
	w := newWork(t)
	old := w.create(t, &secretsmanager.CreateSecretInput{Name: aws.String("db"), SecretString: aws.String("first")})
	r := newReader(t, w.srv, w.srv.Config, short)
	const current, pending, previous = "AWSCURRENT", "AWSPENDING", "AWSPREVIOUS"
	r.fails(t, "AWSPENDING", "string", "db", pending)

	fresh, err := w.secrets.PutSecretValue(t.Context(), &secretsmanager.PutSecretValueInput{
		SecretId: aws.String("db"), SecretString: aws.String("second"), VersionStages: []string{pending, "blue"},
	})
	if err != nil {
		t.Fatal(err)
	}
	r.gives(t, "first", "string", "db", current)
	r.gives(t, "second", "string", "db", pending)
	r.gives(t, "second", "string", "db", "blue")

	w.move(t, current, *old.VersionId, *fresh.VersionId)
	w.move(t, pending, *fresh.VersionId, "")
	r.gives(t, "second", "string", "db", current)
	r.gives(t, "first", "string", "db", previous)
	r.fails(t, "AWSPENDING", "string", "db", pending)
	w.move(t, "blue", *fresh.VersionId, *old.VersionId)
	r.gives(t, "first", "string", "db", "blue")
	if n := len(w.events(t, "GetSecretValue", "db")); n != 2 { // one for each version
		t.Errorf("%d calls of GetSecretValue, want 2", n)
	}
}

// TestBinary reads bytes, by the secret's ARN.
func TestBinary(t *testing.T) {
	t.Parallel()
	w := newWork(t)
	made := w.create(t, &secretsmanager.CreateSecretInput{Name: aws.String("bytes"), SecretBinary: []byte{0, 1, 255}})
	r := newReader(t, w.srv, w.srv.Config, long)
	r.gives(t, "0001ff", "binary", *made.ARN)
	r.gives(t, "0001ff", "binary", "bytes")
	r.fails(t, "does not contain SecretString", "string", "bytes")
	r.fails(t, "ResourceNotFoundException", "binary", "none")
}

// TestReader may read one secret. What it has read it keeps when the permission is
// taken away; whoever comes later gets nothing.
func TestReader(t *testing.T) {
	t.Parallel()
	w := newWork(t)
	ours := w.create(t, &secretsmanager.CreateSecretInput{Name: aws.String("ours"), SecretString: aws.String("our value")})
	w.create(t, &secretsmanager.CreateSecretInput{Name: aws.String("theirs"), SecretString: aws.String("their value")})
	config := w.srv.User(t, "reader", fmt.Sprintf(`{"Version": "2012-10-17", "Statement": [{"Effect": "Allow",
		"Action": ["secretsmanager:DescribeSecret", "secretsmanager:GetSecretValue"], "Resource": %q}]}`, *ours.ARN))
	r := newReader(t, w.srv, config, short)
	r.gives(t, "our value", "string", "ours")
	r.fails(t, "not authorized to perform: secretsmanager:DescribeSecret", "string", "theirs")

	_, err := iam.NewFromConfig(w.srv.Config).DeleteUserPolicy(t.Context(), &iam.DeleteUserPolicyInput{
		UserName: aws.String("reader"), PolicyName: aws.String("inline"),
	})
	if err != nil {
		t.Fatal(err)
	}
	r.gives(t, "our value", "string", "ours")
	newReader(t, w.srv, config, short).fails(t, "AccessDeniedException", "string", "ours")
}

// work is a server and its secrets.
type work struct {
	srv     *garrisontest.Server
	secrets *secretsmanager.Client
}

func newWork(t *testing.T) *work {
	t.Helper()
	srv := garrisontest.Start(t)
	return &work{srv: srv, secrets: secretsmanager.NewFromConfig(srv.Config)}
}

func (w *work) create(t *testing.T, in *secretsmanager.CreateSecretInput) *secretsmanager.CreateSecretOutput {
	t.Helper()
	out, err := w.secrets.CreateSecret(t.Context(), in)
	if err != nil {
		t.Fatalf("CreateSecret %s: %v", *in.Name, err)
	}
	return out
}

func (w *work) put(t *testing.T, secret, value string) {
	t.Helper()
	in := &secretsmanager.PutSecretValueInput{SecretId: &secret, SecretString: &value}
	if _, err := w.secrets.PutSecretValue(t.Context(), in); err != nil {
		t.Fatalf("PutSecretValue %s: %v", secret, err)
	}
}

// move takes a stage of the secret db from one version to another, or to none.
func (w *work) move(t *testing.T, stage, from, to string) {
	t.Helper()
	in := &secretsmanager.UpdateSecretVersionStageInput{
		SecretId: aws.String("db"), VersionStage: &stage, RemoveFromVersionId: &from,
	}
	if to != "" {
		in.MoveToVersionId = &to
	}
	if _, err := w.secrets.UpdateSecretVersionStage(t.Context(), in); err != nil {
		t.Fatalf("move %s: %v", stage, err)
	}
}

// calls wants so many calls of DescribeSecret and GetSecretValue, as CloudTrail has them.
func (w *work) calls(t *testing.T, secret string, describe, get int) {
	t.Helper()
	for name, want := range map[string]int{"DescribeSecret": describe, "GetSecretValue": get} {
		if got := len(w.events(t, name, secret)); got != want {
			t.Errorf("%d calls of %s, want %d", got, name, want)
		}
	}
}

// An event is what the tests look at in a record of CloudTrail.
type event struct {
	UserAgent         string
	RequestParameters struct{ SecretID string }
}

// events are the records of a call that named the secret so.
func (w *work) events(t *testing.T, name, secret string) []event {
	t.Helper()
	var out []event
	pages := cloudtrail.NewLookupEventsPaginator(cloudtrail.NewFromConfig(w.srv.Config), &cloudtrail.LookupEventsInput{
		LookupAttributes: []cttypes.LookupAttribute{{AttributeKey: cttypes.LookupAttributeKeyEventName, AttributeValue: &name}},
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, found := range page.Events {
			var e event
			if err := json.Unmarshal([]byte(*found.CloudTrailEvent), &e); err != nil {
				t.Fatal(err)
			}
			if e.RequestParameters.SecretID == secret {
				out = append(out, e)
			}
		}
	}
	return out
}
