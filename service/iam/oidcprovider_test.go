package iam_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/google/go-cmp/cmp"

	"github.com/garrison-cloud/garrison/internal/garrisontest"
)

func TestOIDCProvider(t *testing.T) {
	_, c := root(t)
	ctx := t.Context()
	const print1, print2 = "AAAAAAAAAAaaaaaaaaaaAAAAAAAAAAaaaaaaaaaa", "0123456789012345678901234567890123456789"
	made := must[*iam.CreateOpenIDConnectProviderOutput](t)(c.CreateOpenIDConnectProvider(ctx, &iam.CreateOpenIDConnectProviderInput{
		Url: aws.String("https://idp.example.com/realms/one/"), ClientIDList: []string{"app", "app"}, ThumbprintList: []string{print1},
		Tags: []types.Tag{{Key: aws.String("team"), Value: aws.String("blue")}},
	}))
	provider := made.OpenIDConnectProviderArn
	if want := "arn:aws:iam::" + account + ":oidc-provider/idp.example.com/realms/one/"; *provider != want {
		t.Errorf("ARN %s, want %s", *provider, want)
	}
	must[*iam.AddClientIDToOpenIDConnectProviderOutput](t)(c.AddClientIDToOpenIDConnectProvider(ctx, &iam.AddClientIDToOpenIDConnectProviderInput{OpenIDConnectProviderArn: provider, ClientID: aws.String("second")}))
	must[*iam.RemoveClientIDFromOpenIDConnectProviderOutput](t)(c.RemoveClientIDFromOpenIDConnectProvider(ctx, &iam.RemoveClientIDFromOpenIDConnectProviderInput{OpenIDConnectProviderArn: provider, ClientID: aws.String("app")}))
	must[*iam.RemoveClientIDFromOpenIDConnectProviderOutput](t)(c.RemoveClientIDFromOpenIDConnectProvider(ctx, &iam.RemoveClientIDFromOpenIDConnectProviderInput{OpenIDConnectProviderArn: provider, ClientID: aws.String("never")}))
	must[*iam.UpdateOpenIDConnectProviderThumbprintOutput](t)(c.UpdateOpenIDConnectProviderThumbprint(ctx, &iam.UpdateOpenIDConnectProviderThumbprintInput{OpenIDConnectProviderArn: provider, ThumbprintList: []string{print1, print2}}))
	must[*iam.TagOpenIDConnectProviderOutput](t)(c.TagOpenIDConnectProvider(ctx, &iam.TagOpenIDConnectProviderInput{OpenIDConnectProviderArn: provider, Tags: []types.Tag{{Key: aws.String("stage"), Value: aws.String("prod")}}}))
	must[*iam.UntagOpenIDConnectProviderOutput](t)(c.UntagOpenIDConnectProvider(ctx, &iam.UntagOpenIDConnectProviderInput{OpenIDConnectProviderArn: provider, TagKeys: []string{"TEAM"}}))
	got := must[*iam.GetOpenIDConnectProviderOutput](t)(c.GetOpenIDConnectProvider(ctx, &iam.GetOpenIDConnectProviderInput{OpenIDConnectProviderArn: provider}))
	if *got.Url != "idp.example.com/realms/one/" || !cmp.Equal(got.ClientIDList, []string{"second"}) ||
		!cmp.Equal(got.ThumbprintList, []string{strings.ToLower(print1), print2}) || len(got.Tags) != 1 || *got.Tags[0].Key != "stage" || got.CreateDate == nil {
		t.Errorf("provider %s %v %v %v", *got.Url, got.ClientIDList, got.ThumbprintList, got.Tags)
	}
	tags := must[*iam.ListOpenIDConnectProviderTagsOutput](t)(c.ListOpenIDConnectProviderTags(ctx, &iam.ListOpenIDConnectProviderTagsInput{OpenIDConnectProviderArn: provider}))
	if len(tags.Tags) != 1 || tags.IsTruncated {
		t.Errorf("tags %v", tags.Tags)
	}
	list := must[*iam.ListOpenIDConnectProvidersOutput](t)(c.ListOpenIDConnectProviders(ctx, &iam.ListOpenIDConnectProvidersInput{}))
	summary := must[*iam.GetAccountSummaryOutput](t)(c.GetAccountSummary(ctx, &iam.GetAccountSummaryInput{})).SummaryMap
	if got, want := int(summary["Providers"]), len(list.OpenIDConnectProviderList); got != want {
		t.Errorf("the summary counts %d providers, want %d", got, want)
	}
	if len(list.OpenIDConnectProviderList) != 1 || *list.OpenIDConnectProviderList[0].Arn != *provider {
		t.Errorf("list %v", list.OpenIDConnectProviderList)
	}
	for range 2 { // deleting what is gone is no error
		must[*iam.DeleteOpenIDConnectProviderOutput](t)(c.DeleteOpenIDConnectProvider(ctx, &iam.DeleteOpenIDConnectProviderInput{OpenIDConnectProviderArn: provider}))
	}
	_, err := c.GetOpenIDConnectProvider(ctx, &iam.GetOpenIDConnectProviderInput{OpenIDConnectProviderArn: provider})
	if garrisontest.ErrorCode(err) != "NoSuchEntity" || !strings.Contains(err.Error(), "OpenIDConnect Provider not found for arn "+*provider) {
		t.Errorf("after it was deleted: %v", err)
	}
}

func TestOIDCProviderRefusals(t *testing.T) {
	_, c := root(t)
	ctx := t.Context()
	create := func(in iam.CreateOpenIDConnectProviderInput) error {
		_, err := c.CreateOpenIDConnectProvider(ctx, &in)
		return err
	}
	if err := create(iam.CreateOpenIDConnectProviderInput{Url: aws.String("https://taken.example.com")}); err != nil {
		t.Fatal(err)
	}
	many := func(n int) (out []string) {
		for i := range n {
			out = append(out, fmt.Sprintf("%040d", i))
		}
		return out
	}
	url := aws.String("https://idp.example.com")
	for _, tt := range []struct {
		name string
		in   iam.CreateOpenIDConnectProviderInput
		want string
	}{
		{"taken", iam.CreateOpenIDConnectProviderInput{Url: aws.String("https://taken.example.com")}, "EntityAlreadyExists"},
		{"in the clear", iam.CreateOpenIDConnectProviderInput{Url: aws.String("http://idp.example.com")}, "ValidationError"},
		{"no scheme", iam.CreateOpenIDConnectProviderInput{Url: aws.String("idp.example.com")}, "ValidationError"},
		{"a query", iam.CreateOpenIDConnectProviderInput{Url: aws.String("https://idp.example.com?a=b")}, "ValidationError"},
		{"a fragment", iam.CreateOpenIDConnectProviderInput{Url: aws.String("https://idp.example.com/#a")}, "ValidationError"},
		{"a user", iam.CreateOpenIDConnectProviderInput{Url: aws.String("https://user@idp.example.com")}, "ValidationError"},
		{"dots", iam.CreateOpenIDConnectProviderInput{Url: aws.String("https://idp.example.com/a/../b")}, "ValidationError"},
		{"no host", iam.CreateOpenIDConnectProviderInput{Url: aws.String("https:///path")}, "ValidationError"},
		{"six thumbprints", iam.CreateOpenIDConnectProviderInput{Url: url, ThumbprintList: many(6)}, "InvalidInput"},
		{"not hexadecimal", iam.CreateOpenIDConnectProviderInput{Url: url, ThumbprintList: []string{strings.Repeat("g", 40)}}, "InvalidInput"},
		{"a short thumbprint", iam.CreateOpenIDConnectProviderInput{Url: url, ThumbprintList: []string{"abcd"}}, "ValidationError"},
		{"101 clients", iam.CreateOpenIDConnectProviderInput{Url: url, ClientIDList: many(101)}, "LimitExceeded"},
	} {
		if err := create(tt.in); garrisontest.ErrorCode(err) != tt.want {
			t.Errorf("%s: %v, want %s", tt.name, err, tt.want)
		}
	}
	for i := range 99 {
		if err := create(iam.CreateOpenIDConnectProviderInput{Url: aws.String(fmt.Sprintf("https://idp%d.example.com", i))}); err != nil {
			t.Fatal(err)
		}
	}
	if err := create(iam.CreateOpenIDConnectProviderInput{Url: url}); garrisontest.ErrorCode(err) != "LimitExceeded" {
		t.Errorf("the 101st provider: %v, want LimitExceeded", err)
	}
	foreign := aws.String("arn:aws:iam::" + other + ":oidc-provider/taken.example.com")
	if _, err := c.GetOpenIDConnectProvider(ctx, &iam.GetOpenIDConnectProviderInput{OpenIDConnectProviderArn: foreign}); garrisontest.ErrorCode(err) != "NoSuchEntity" {
		t.Errorf("another account's: %v", err)
	}
}

// TestProviderPermissions: the ARN and the tags of a provider decide.
func TestProviderPermissions(t *testing.T) {
	s, c := root(t)
	ctx := t.Context()
	made := must[*iam.CreateOpenIDConnectProviderOutput](t)(c.CreateOpenIDConnectProvider(ctx, &iam.CreateOpenIDConnectProviderInput{Url: aws.String("https://one.example.com")}))
	ann := iam.NewFromConfig(s.User(t, "ann", statement("Allow", *made.OpenIDConnectProviderArn, "iam:*")))
	if _, err := ann.GetOpenIDConnectProvider(ctx, &iam.GetOpenIDConnectProviderInput{OpenIDConnectProviderArn: made.OpenIDConnectProviderArn}); err != nil {
		t.Errorf("her own: %v", err)
	}
	for name, err := range map[string]error{
		"another": second(ann.CreateOpenIDConnectProvider(ctx, &iam.CreateOpenIDConnectProviderInput{Url: aws.String("https://two.example.com")})),
		"absent":  second(ann.DeleteOpenIDConnectProvider(ctx, &iam.DeleteOpenIDConnectProviderInput{OpenIDConnectProviderArn: aws.String(*made.OpenIDConnectProviderArn + "x")})),
		"list":    second(ann.ListOpenIDConnectProviders(ctx, &iam.ListOpenIDConnectProvidersInput{})),
		"saml":    second(ann.GetSAMLProvider(ctx, &iam.GetSAMLProviderInput{SAMLProviderArn: aws.String("arn:aws:iam::" + account + ":saml-provider/x")})),
	} {
		if garrisontest.ErrorCode(err) != "AccessDenied" {
			t.Errorf("%s: %v, want AccessDenied", name, err)
		}
	}
	bob := iam.NewFromConfig(s.User(t, "bob", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"iam:*","Resource":"*"},{"Effect":"Deny","Action":"iam:TagOpenIDConnectProvider","Resource":"*"}]}`))
	_, err := bob.CreateOpenIDConnectProvider(ctx, &iam.CreateOpenIDConnectProviderInput{Url: aws.String("https://three.example.com"), Tags: []types.Tag{{Key: aws.String("a"), Value: aws.String("b")}}})
	if garrisontest.ErrorCode(err) != "AccessDenied" {
		t.Errorf("tags without leave: %v", err)
	}
}

func second[T any](_ T, err error) error { return err }
