package secretsmanager_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/garrison-cloud/garrison/internal/garrisontest"
)

// labels shows which version, by its text, has which labels.
func labels(t *testing.T, c *secretsmanager.Client, names map[string]string) string {
	t.Helper()
	var out []string
	for id, stages := range describe(t, c, "app").VersionIdsToStages {
		slices.Sort(stages)
		out = append(out, names[id]+"="+strings.Join(stages, ","))
	}
	slices.Sort(out)
	return strings.Join(out, " ")
}

// TestLabelsMove puts and moves labels as AWS does.
func TestLabelsMove(t *testing.T) {
	t.Parallel()
	_, c := start(t)
	names := map[string]string{}
	names[*create(t, c, "app", "a").VersionId] = "a"
	ids := func(name string) *string {
		for id, n := range names {
			if n == name {
				return &id
			}
		}
		return nil
	}
	move := func(label, from, to string) func() error {
		return func() error {
			in := &secretsmanager.UpdateSecretVersionStageInput{SecretId: aws.String("app"), VersionStage: &label, RemoveFromVersionId: ids(from), MoveToVersionId: ids(to)}
			if to == "?" {
				in.MoveToVersionId = aws.String(another)
			}
			_, err := c.UpdateSecretVersionStage(t.Context(), in)
			return err
		}
	}
	add := func(name string, stages ...string) func() error {
		return func() error { names[put(t, c, "app", name, stages...)] = name; return nil }
	}
	leaves := "InvalidParameterException: The parameter RemoveFromVersionId can't be empty. Staging label AWSCURRENT is currently attached to version "
	for _, step := range []struct {
		name, want, fault string
		do                func() error
	}{
		{"the first", "a=AWSCURRENT", "", func() error { return nil }},
		{"a second", "a=AWSPREVIOUS b=AWSCURRENT", "", add("b")},
		{"one that is pending", "a=AWSPREVIOUS b=AWSCURRENT c=AWSPENDING", "", add("c", "AWSPENDING")},
		{"one with labels of one's own", "a=AWSPREVIOUS b=AWSCURRENT c=AWSPENDING d=blue,green", "", add("d", "blue", "green")},
		{"a label twice", "a=AWSPREVIOUS b=AWSCURRENT c=AWSPENDING d=green e=blue", "", add("e", "blue")},
		{"current without its version", "a=AWSPREVIOUS b=AWSCURRENT c=AWSPENDING d=green e=blue", leaves, move("AWSCURRENT", "", "c")},
		{"current from another", "a=AWSPREVIOUS b=AWSCURRENT c=AWSPENDING d=green e=blue", "InvalidParameterException: When you move staging label AWSCURRENT", move("AWSCURRENT", "a", "c")},
		{"current to nowhere", "a=AWSPREVIOUS b=AWSCURRENT c=AWSPENDING d=green e=blue", "InvalidParameterException: You can only move staging label AWSCURRENT to a different secret version.", move("AWSCURRENT", "b", "")},
		{"current to what is not", "a=AWSPREVIOUS b=AWSCURRENT c=AWSPENDING d=green e=blue", "ResourceNotFoundException: ", move("AWSCURRENT", "b", "?")},
		{"no version at all", "a=AWSPREVIOUS b=AWSCURRENT c=AWSPENDING d=green e=blue", "InvalidParameterException: ", move("blue", "", "")},
		{"current to the pending", "b=AWSPREVIOUS c=AWSCURRENT,AWSPENDING d=green e=blue", "", move("AWSCURRENT", "b", "c")},
		{"pending away", "b=AWSPREVIOUS c=AWSCURRENT d=green e=blue", "", move("AWSPENDING", "c", "")},
		{"pending away again", "b=AWSPREVIOUS c=AWSCURRENT d=green e=blue", "InvalidParameterException: ", move("AWSPENDING", "c", "")},
		{"a new label", "b=AWSPREVIOUS c=AWSCURRENT d=green,red e=blue", "", move("red", "", "d")},
		{"where it is", "b=AWSPREVIOUS c=AWSCURRENT d=green,red e=blue", "", move("red", "", "d")},
		{"back to the first", "a=AWSCURRENT c=AWSPREVIOUS d=green,red e=blue", "", move("AWSCURRENT", "c", "a")},
	} {
		if err := step.do(); !strings.HasPrefix(garrisontest.Fault(err), step.fault) || (err == nil) != (step.fault == "") {
			t.Errorf("%s: %q, want %q", step.name, garrisontest.Fault(err), step.fault)
		}
		if got := labels(t, c, names); got != step.want {
			t.Fatalf("%s: %s, want %s", step.name, got, step.want)
		}
	}
}

func TestLabelsAreBounded(t *testing.T) {
	t.Parallel()
	_, c := start(t)
	made := create(t, c, "app", "a")
	attach := func(label string) error {
		_, err := c.UpdateSecretVersionStage(t.Context(), &secretsmanager.UpdateSecretVersionStageInput{
			SecretId: aws.String("app"), VersionStage: &label, MoveToVersionId: made.VersionId,
		})
		return err
	}
	for i := range 19 {
		if err := attach(fmt.Sprint("label-", i)); err != nil {
			t.Fatal(err)
		}
	}
	garrisontest.Want(t, attach("one-more"), "LimitExceededException: ")
	_, err := c.PutSecretValue(t.Context(), &secretsmanager.PutSecretValueInput{SecretId: aws.String("app"), SecretString: aws.String("b")})
	garrisontest.Want(t, err, "LimitExceededException: ") // AWSPREVIOUS is the 21st
}

// TestFirstVersionIsCurrent whatever labels it is given.
func TestFirstVersionIsCurrent(t *testing.T) {
	t.Parallel()
	_, c := start(t)
	create(t, c, "app", "")
	id := put(t, c, "app", "a", "blue")
	if got := labels(t, c, map[string]string{id: "a"}); got != "a=AWSCURRENT,blue" {
		t.Errorf("labels = %s, want a=AWSCURRENT,blue", got)
	}
}

// TestVersionsArePruned keeps the newest hundred, those of the last day, and those
// with labels.
func TestVersionsArePruned(t *testing.T) {
	t.Parallel()
	s, c := start(t)
	first := *create(t, c, "app", "first").VersionId
	_, err := c.UpdateSecretVersionStage(t.Context(), &secretsmanager.UpdateSecretVersionStageInput{SecretId: aws.String("app"), VersionStage: aws.String("keep"), MoveToVersionId: &first})
	if err != nil {
		t.Fatal(err)
	}
	s.Clock.Advance(time.Second)
	oldest := put(t, c, "app", "oldest")
	s.Clock.Advance(time.Second)
	for range 118 {
		put(t, c, "app", "x")
	}
	if n := len(allVersions(t, c)); n != 120 {
		t.Errorf("%d versions within a day, want all 120", n)
	}
	s.Clock.Advance(25 * time.Hour)
	put(t, c, "app", "latest")
	left := allVersions(t, c)
	if len(left) != 100 {
		t.Errorf("%d versions after a day, want 100", len(left))
	}
	if left[oldest] || !left[first] {
		t.Errorf("the oldest is left: %v; the labeled one: %v", left[oldest], left[first])
	}
	for range 150 { // of one day, so that none of them may go
		if _, err = c.PutSecretValue(t.Context(), &secretsmanager.PutSecretValueInput{SecretId: aws.String("app"), SecretString: aws.String("y")}); err != nil {
			break
		}
	}
	garrisontest.Want(t, err, "LimitExceededException: ")
}

// allVersions reads all pages.
func allVersions(t *testing.T, c *secretsmanager.Client) map[string]bool {
	t.Helper()
	out := map[string]bool{}
	p := secretsmanager.NewListSecretVersionIdsPaginator(c, &secretsmanager.ListSecretVersionIdsInput{
		SecretId: aws.String("app"), IncludeDeprecated: aws.Bool(true), MaxResults: aws.Int32(33),
	})
	for p.HasMorePages() {
		page, err := p.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range page.Versions {
			out[*v.VersionId] = true
		}
	}
	return out
}

func TestListSecretVersionIds(t *testing.T) {
	t.Parallel()
	_, c := start(t)
	made := create(t, c, "app", "a")
	put(t, c, "app", "b")
	third := put(t, c, "app", "c")
	out, err := c.ListSecretVersionIds(t.Context(), &secretsmanager.ListSecretVersionIdsInput{SecretId: made.ARN})
	if err != nil || len(out.Versions) != 2 || *out.ARN != *made.ARN || *out.Name != "app" {
		t.Fatalf("versions in use = %+v, %v; want two", out, err)
	}
	got := map[string]string{}
	for _, v := range out.Versions {
		got[*v.VersionId] = strings.Join(v.VersionStages, ",") + " " + strings.Join(v.KmsKeyIds, ",")
	}
	if got[third] != "AWSCURRENT DefaultEncryptionKey" || got[*made.VersionId] != "" {
		t.Errorf("versions = %v", slices.Collect(maps.Values(got)))
	}
	_, err = c.ListSecretVersionIds(t.Context(), &secretsmanager.ListSecretVersionIdsInput{SecretId: made.ARN, NextToken: aws.String("made-up")})
	garrisontest.Want(t, err, "InvalidNextTokenException: ")
	_, err = c.ListSecretVersionIds(t.Context(), &secretsmanager.ListSecretVersionIdsInput{SecretId: made.ARN, MaxResults: aws.Int32(101)})
	garrisontest.Want(t, err, "ValidationException: ")
}
