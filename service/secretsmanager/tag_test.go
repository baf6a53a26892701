package secretsmanager_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"

	"github.com/garrison-cloud/garrison/internal/garrisontest"
)

func tag(key, value string) types.Tag { return types.Tag{Key: &key, Value: &value} }

func tagsOf(t *testing.T, c *secretsmanager.Client) string {
	t.Helper()
	var out []string
	for _, t := range describe(t, c, "app").Tags {
		out = append(out, *t.Key+"="+*t.Value)
	}
	return strings.Join(out, " ")
}

func TestTags(t *testing.T) {
	t.Parallel()
	_, c := start(t)
	create(t, c, "app", "v")
	add := func(tags ...types.Tag) error {
		_, err := c.TagResource(t.Context(), &secretsmanager.TagResourceInput{SecretId: aws.String("app"), Tags: tags})
		return err
	}
	garrisontest.Want(t, add(tag("team", "red"), tag("Team", "blue")), "") // keys are case-sensitive
	garrisontest.Want(t, add(tag("team", "green"), tag("env", "")), "")
	if got := tagsOf(t, c); got != "Team=blue env= team=green" {
		t.Errorf("tags = %s", got)
	}
	garrisontest.Want(t, add(tag("a", "1"), tag("a", "2")), "InvalidParameterException: ")
	garrisontest.Want(t, add(tag("aws:a", "1")), "InvalidParameterException: ")
	garrisontest.Want(t, add(tag(strings.Repeat("k", 129), "1")), "ValidationException: ")
	var many []types.Tag
	for i := range 48 {
		many = append(many, tag(fmt.Sprint("k", i), ""))
	}
	garrisontest.Want(t, add(many...), "InvalidParameterException: ")
	garrisontest.Want(t, add(many[:47]...), "")
	_, err := c.UntagResource(t.Context(), &secretsmanager.UntagResourceInput{SecretId: aws.String("app"), TagKeys: []string{"team", "never"}})
	garrisontest.Want(t, err, "")
	if got := tagsOf(t, c); strings.Contains(got, "team") || !strings.Contains(got, "Team=blue") {
		t.Errorf("tags = %s", got)
	}
}

// TestTagsMayNotShutOut blocks a change of tags that would take away the caller's
// right to make it.
func TestTagsMayNotShutOut(t *testing.T) {
	t.Parallel()
	s, c := start(t)
	mustCreate(t, c, &secretsmanager.CreateSecretInput{Name: aws.String("app"), Tags: []types.Tag{tag("team", "red")}})
	red := user(t, s, "red", `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":["secretsmanager:TagResource","secretsmanager:UntagResource"],"Resource":"*","Condition":{"StringEquals":{"aws:ResourceTag/team":"red"}}}}`)
	add := func(key, value string) error {
		_, err := red.TagResource(t.Context(), &secretsmanager.TagResourceInput{SecretId: aws.String("app"), Tags: []types.Tag{tag(key, value)}})
		return err
	}
	garrisontest.Want(t, add("env", "prod"), "")
	garrisontest.Want(t, add("team", "blue"), "AccessDeniedException: ")
	_, err := red.UntagResource(t.Context(), &secretsmanager.UntagResourceInput{SecretId: aws.String("app"), TagKeys: []string{"team"}})
	garrisontest.Want(t, err, "AccessDeniedException: ")
	if got := tagsOf(t, c); got != "env=prod team=red" {
		t.Errorf("tags = %s", got)
	}
}
