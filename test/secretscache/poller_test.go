package secretscache_test

import (
	"context"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"

	"github.com/garrison-cloud/garrison/internal/garrisontest"
)

// A poller copies the secrets that carry a tag, as the operators do that bring
// secrets into a cluster: it lists them each round, and reads a value where the
// current version is not the one it has.
type poller struct {
	secrets  *secretsmanager.Client
	tag      types.Tag
	versions map[string]string // the version read last, by name
	values   map[string]string
	reads    int // calls of GetSecretValue
}

func (p *poller) round(ctx context.Context) error {
	found := map[string]bool{}
	pages := secretsmanager.NewListSecretsPaginator(p.secrets, &secretsmanager.ListSecretsInput{MaxResults: aws.Int32(2), Filters: []types.Filter{
		{Key: types.FilterNameStringTypeTagKey, Values: []string{*p.tag.Key}},
		{Key: types.FilterNameStringTypeTagValue, Values: []string{*p.tag.Value}},
	}})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return err
		}
		for _, s := range page.SecretList {
			if !carries(s.Tags, p.tag) { // a filter takes what begins with its value, of any tag
				continue
			}
			found[*s.Name] = true
			if err := p.read(ctx, *s.Name); err != nil {
				return err
			}
		}
	}
	gone := func(name, _ string) bool { return !found[name] }
	maps.DeleteFunc(p.versions, gone)
	maps.DeleteFunc(p.values, gone)
	return nil
}

// read gets the value of one secret, if it is of a version that the poller has not.
func (p *poller) read(ctx context.Context, name string) error {
	about, err := p.secrets.DescribeSecret(ctx, &secretsmanager.DescribeSecretInput{SecretId: &name})
	if err != nil {
		return err
	}
	if slices.Contains(about.VersionIdsToStages[p.versions[name]], "AWSCURRENT") {
		return nil
	}
	p.reads++
	out, err := p.secrets.GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: &name})
	if err != nil {
		return err
	}
	p.versions[name], p.values[name] = *out.VersionId, *out.SecretString
	return nil
}

func carries(tags []types.Tag, want types.Tag) bool {
	return slices.ContainsFunc(tags, func(t types.Tag) bool { return *t.Key == *want.Key && *t.Value == *want.Value })
}

// TestPoller follows the secrets of one team, as a user who may read only those.
func TestPoller(t *testing.T) {
	t.Parallel()
	w := newWork(t)
	for name, team := range map[string]string{
		"a": "acme", "b": "acme", "c": "acme", "d": "acme", "longer": "acme-labs", "other": "umbrella",
	} {
		w.create(t, &secretsmanager.CreateSecretInput{
			Name: &name, SecretString: aws.String(name + " 1"), Tags: []types.Tag{teamTag(team)},
		})
	}
	config := w.srv.User(t, "poller", `{"Version": "2012-10-17", "Statement": [
		{"Effect": "Allow", "Action": ["secretsmanager:ListSecrets", "secretsmanager:BatchGetSecretValue"], "Resource": "*"},
		{"Effect": "Allow", "Action": ["secretsmanager:DescribeSecret", "secretsmanager:GetSecretValue"], "Resource": "*",
		 "Condition": {"StringEquals": {"secretsmanager:ResourceTag/team": "acme"}}}]}`)
	p := &poller{
		secrets: secretsmanager.NewFromConfig(config), tag: teamTag("acme"),
		versions: map[string]string{}, values: map[string]string{},
	}
	p.wants(t, 4, map[string]string{"a": "a 1", "b": "b 1", "c": "c 1", "d": "d 1"})
	p.wants(t, 4, map[string]string{"a": "a 1", "b": "b 1", "c": "c 1", "d": "d 1"})

	w.put(t, "b", "b 2")
	w.remove(t, "c")
	w.tag(t, "other", "acme")
	w.tag(t, "d", "umbrella")
	p.wants(t, 6, map[string]string{"a": "a 1", "b": "b 2", "other": "other 1"})
	w.calls(t, "b", 3, 2)
	if got := garrisontest.ErrorCode(p.read(t.Context(), "d")); got != "AccessDeniedException" {
		t.Errorf("read a secret that another team has now: %q, want AccessDeniedException", got)
	}
	if _, err := w.secrets.RestoreSecret(t.Context(), &secretsmanager.RestoreSecretInput{SecretId: aws.String("c")}); err != nil {
		t.Fatal(err)
	}
	p.wants(t, 7, map[string]string{"a": "a 1", "b": "b 2", "c": "c 1", "other": "other 1"})
	p.batch(t)

	_, err := iam.NewFromConfig(w.srv.Config).DeleteUserPolicy(t.Context(), &iam.DeleteUserPolicyInput{
		UserName: aws.String("poller"), PolicyName: aws.String("inline"),
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := garrisontest.ErrorCode(p.round(t.Context())); got != "AccessDeniedException" {
		t.Errorf("a round without a policy: %q, want AccessDeniedException", got)
	}
}

// wants runs a round, after which the poller has these values, read in so many calls in all.
func (p *poller) wants(t *testing.T, reads int, values map[string]string) {
	t.Helper()
	if err := p.round(t.Context()); err != nil {
		t.Fatalf("a round: %v", err)
	}
	if !maps.Equal(p.values, values) || p.reads != reads {
		t.Errorf("values %v after %d reads, want %v after %d", p.values, p.reads, values, reads)
	}
}

// batch wants the values that the poller has from one call, and a refusal for each
// secret that the filter finds and the policy does not allow.
func (p *poller) batch(t *testing.T) {
	t.Helper()
	out, err := p.secrets.BatchGetSecretValue(t.Context(), &secretsmanager.BatchGetSecretValueInput{Filters: []types.Filter{
		{Key: types.FilterNameStringTypeTagKey, Values: []string{*p.tag.Key}},
		{Key: types.FilterNameStringTypeTagValue, Values: []string{*p.tag.Value}},
	}})
	if err != nil {
		t.Fatalf("BatchGetSecretValue: %v", err)
	}
	got := map[string]string{}
	for _, v := range out.SecretValues {
		got[*v.Name] = *v.SecretString
	}
	if !maps.Equal(got, p.values) {
		t.Errorf("BatchGetSecretValue gave %v, want %v", got, p.values)
	}
	var refused []string
	for _, e := range out.Errors {
		refused = append(refused, aws.ToString(e.SecretId)+" "+aws.ToString(e.ErrorCode))
	}
	if len(refused) != 1 || !strings.Contains(refused[0], "longer") || !strings.HasSuffix(refused[0], " AccessDeniedException") {
		t.Errorf("BatchGetSecretValue refused %q, want only the secret of acme-labs", refused)
	}
}

func teamTag(team string) types.Tag { return types.Tag{Key: aws.String("team"), Value: &team} }

func (w *work) tag(t *testing.T, secret, team string) {
	t.Helper()
	in := &secretsmanager.TagResourceInput{SecretId: &secret, Tags: []types.Tag{teamTag(team)}}
	if _, err := w.secrets.TagResource(t.Context(), in); err != nil {
		t.Fatalf("tag %s: %v", secret, err)
	}
}

func (w *work) remove(t *testing.T, secret string) {
	t.Helper()
	if _, err := w.secrets.DeleteSecret(t.Context(), &secretsmanager.DeleteSecretInput{SecretId: &secret}); err != nil {
		t.Fatalf("DeleteSecret %s: %v", secret, err)
	}
}
