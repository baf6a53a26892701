package iam_test

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	"github.com/aws/aws-sdk-go-v2/service/iam"
)

// TestSecretsStayOut shows that neither passwords nor seeds nor secret keys are
// in the events of the calls that carry them.
func TestSecretsStayOut(t *testing.T) {
	s, c := root(t)
	ctx := t.Context()
	bob := aws.String("bob")
	own := iam.NewFromConfig(s.User(t, *bob, allowAll))
	const first, second = "First-correct-horse-1", "Second-correct-horse-2"
	ok[*iam.CreateLoginProfileOutput](t)(c.CreateLoginProfile(ctx, &iam.CreateLoginProfileInput{UserName: bob, Password: aws.String(first)}))
	ok[*iam.ChangePasswordOutput](t)(own.ChangePassword(ctx, &iam.ChangePasswordInput{OldPassword: aws.String(first), NewPassword: aws.String(second)}))
	ok[*iam.UpdateLoginProfileOutput](t)(c.UpdateLoginProfile(ctx, &iam.UpdateLoginProfileInput{UserName: bob, Password: aws.String(first)}))
	_, seed := newDevice(t, c, "phone")
	key := must[*iam.CreateAccessKeyOutput](t)(c.CreateAccessKey(ctx, &iam.CreateAccessKeyInput{UserName: bob})).AccessKey
	events := eventsOf(t, cloudtrail.NewFromConfig(s.Config), "ChangePassword", "CreateVirtualMFADevice", "CreateAccessKey")
	for what, secret := range map[string]string{"a password": first, "another password": second, "a seed": seed, "a secret key": *key.SecretAccessKey} {
		if strings.Contains(events, secret) {
			t.Errorf("the events tell %s", what)
		}
	}
}

// eventsOf returns the texts of all events, which must have some of those names.
func eventsOf(t *testing.T, c *cloudtrail.Client, names ...string) string {
	t.Helper()
	var all strings.Builder
	pages := cloudtrail.NewLookupEventsPaginator(c, &cloudtrail.LookupEventsInput{})
	for pages.HasMorePages() {
		for _, e := range must[*cloudtrail.LookupEventsOutput](t)(pages.NextPage(t.Context())).Events {
			all.WriteString(*e.CloudTrailEvent)
		}
	}
	for _, name := range names {
		if !strings.Contains(all.String(), `"`+name+`"`) {
			t.Errorf("no event of %s", name)
		}
	}
	return all.String()
}
