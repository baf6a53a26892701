package authz_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/garrison-cloud/garrison/engine/iam"
	"github.com/garrison-cloud/garrison/internal/authz"
)

var noon = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

// callers are one principal of each kind.
func callers() map[string]*authz.Principal {
	hourAgo := noon.Add(-time.Hour)
	return map[string]*authz.Principal{
		"anonymous": {Principal: iam.Principal{Kind: iam.Anonymous}},
		"root":      authz.Root("arn:aws:iam::111122223333:root", "111122223333", "AKIAROOT"),
		"user": {
			Principal: iam.Principal{Kind: iam.User, ARN: "arn:aws:iam::111122223333:user/eng/ann", Account: "111122223333", ID: "AIDAANN"},
			Name:      "ann", Tags: map[string]string{"Team": "blue"},
		},
		"role": {
			Principal: iam.Principal{
				Kind: iam.RoleSession, ARN: "arn:aws:sts::111122223333:assumed-role/ops/ann", Account: "111122223333",
				ID: "AROAOPS:ann", RoleARN: "arn:aws:iam::111122223333:role/ops",
			},
			Name: "ann", Session: &authz.Session{Created: hourAgo, MFA: true, SourceIdentity: "ann@example.com"},
		},
		"federated": {
			Principal: iam.Principal{
				Kind: iam.FederatedUser, ARN: "arn:aws:sts::111122223333:federated-user/fred", Account: "111122223333",
				ID: "111122223333:fred", RoleARN: "arn:aws:iam::111122223333:user/eng/ann",
			},
			Name: "fred", Session: &authz.Session{Created: hourAgo},
		},
		"service": {Principal: iam.Principal{Kind: iam.ServicePrincipal, Service: "logs.amazonaws.com"}},
	}
}

// absent stands for a key that a call does not have.
const absent = "<absent>"

// TestPrincipalKeys looks up the keys about the caller for each kind of caller
// (IAM User Guide, "AWS global condition context keys" and "IAM policy
// elements: Variables", the table of principal key values).
func TestPrincipalKeys(t *testing.T) {
	t.Parallel()
	kinds := []string{"anonymous", "root", "user", "role", "federated", "service"}
	table := map[string][]string{
		"aws:principalarn": {
			absent, "arn:aws:iam::111122223333:root", "arn:aws:iam::111122223333:user/eng/ann",
			"arn:aws:iam::111122223333:role/ops", "arn:aws:sts::111122223333:federated-user/fred", absent,
		},
		"aws:principalaccount":        {"anonymous", "111122223333", "111122223333", "111122223333", "111122223333", absent},
		"aws:principaltype":           {"Anonymous", "Account", "User", "AssumedRole", "FederatedUser", absent},
		"aws:userid":                  {absent, "111122223333", "AIDAANN", "AROAOPS:ann", "111122223333:fred", absent},
		"aws:username":                {absent, absent, "ann", absent, absent, absent},
		"aws:principalisawsservice":   {absent, "false", "false", "false", "false", "true"},
		"aws:principalservicename":    {absent, absent, absent, absent, absent, "logs.amazonaws.com"},
		"aws:principaltag/team":       {absent, absent, "blue", absent, absent, absent},
		"aws:multifactorauthpresent":  {absent, absent, absent, "true", "false", absent},
		"aws:multifactorauthage":      {absent, absent, absent, "3600", absent, absent},
		"aws:tokenissuetime":          {absent, absent, absent, "2026-11-24T11:00:00Z", "2026-11-24T11:00:00Z", absent},
		"aws:sourceidentity":          {absent, absent, absent, "ann@example.com", absent, absent},
		"aws:resourceaccount":         {absent, "111122223333", "111122223333", "111122223333", "111122223333", absent},
		"aws:principalorgid":          {absent, absent, absent, absent, absent, absent},
		"aws:sourcevpce":              {absent, absent, absent, absent, absent, absent},
		"aws:principaltag/":           {absent, absent, absent, absent, absent, absent},
		"kms:encryptioncontext:order": {absent, absent, absent, absent, absent, absent},
	}
	who := callers()
	for key, wants := range table {
		for i, want := range wants {
			q := authz.NewQuestion(&authz.Facts{Principal: who[kinds[i]], Time: noon}, &authz.Target{Resource: "*"})
			if got := value(q, key); got != want {
				t.Errorf("%s of %s = %s, want %s", key, kinds[i], got, want)
			}
		}
	}
}

// value joins a key's values.
func value(q iam.Context, key string) string {
	v, ok := q.Values(key)
	if !ok {
		return absent
	}
	return strings.Join(v, ",")
}

// TestRequestKeys looks up the keys about the request and the resource.
func TestRequestKeys(t *testing.T) {
	t.Parallel()
	user := callers()["user"]
	direct := &authz.Facts{
		Principal: user, Region: "eu-west-1", Time: noon, SourceIP: "192.0.2.7",
		UserAgent: "aws-cli/2", Referer: "https://example.com/", Secure: true,
	}
	bare := &authz.Facts{Principal: user, Region: "eu-west-1", Time: noon.Add(999 * time.Millisecond), SourceIP: "192.0.2.7"}
	chained := &authz.Facts{
		Principal: user, Region: "eu-west-1", Time: noon, SourceIP: "192.0.2.7",
		Via:       []string{"cloudformation.amazonaws.com", "dynamodb.amazonaws.com", "kms.amazonaws.com"},
		SourceARN: "arn:aws:s3:::source", SourceAccount: "444455556666",
	}
	for key, want := range map[string][3]string{
		"aws:currenttime":            {"2026-11-24T12:00:00Z", "2026-11-24T12:00:00Z", "2026-11-24T12:00:00Z"},
		"aws:epochtime":              {"1795521600", "1795521600", "1795521600"},
		"aws:requestedregion":        {"eu-west-1", "eu-west-1", "eu-west-1"},
		"aws:securetransport":        {"true", "false", "false"},
		"aws:sourceip":               {"192.0.2.7", "192.0.2.7", absent},
		"aws:useragent":              {"aws-cli/2", absent, absent},
		"aws:referer":                {"https://example.com/", absent, absent},
		"aws:sourcearn":              {absent, absent, "arn:aws:s3:::source"},
		"aws:sourceaccount":          {absent, absent, "444455556666"},
		"aws:viaawsservice":          {"false", "false", "true"},
		"aws:calledvia":              {absent, absent, strings.Join(chained.Via, ",")},
		"aws:calledviafirst":         {absent, absent, "cloudformation.amazonaws.com"},
		"aws:calledvialast":          {absent, absent, "kms.amazonaws.com"},
		"aws:multifactorauthpresent": {absent, absent, "false"},
	} {
		for i, f := range []*authz.Facts{direct, bare, chained} {
			q := authz.NewQuestion(f, &authz.Target{Resource: "*"})
			if got := value(q, key); got != want[i] {
				t.Errorf("%s of call %d = %s, want %s", key, i, got, want[i])
			}
		}
	}
}

// TestTargetKeys looks up what a service says of its resource.
func TestTargetKeys(t *testing.T) {
	t.Parallel()
	target := &authz.Target{
		Resource: "arn:aws:kms:us-east-1:444455556666:key/1", Account: "444455556666",
		Tags:       map[string]string{"Team": "red", "cost-center": "7"},
		Conditions: map[string][]string{"aws:tagkeys": {"a", "b"}, "kms:keyspec": {"RSA_2048"}, "aws:requesttag/a": {"1"}},
		Lookup: func(key string) ([]string, bool) {
			return []string{"tx"}, key == "kms:encryptioncontext:order"
		},
	}
	q := authz.NewQuestion(&authz.Facts{Principal: callers()["user"], Time: noon}, target)
	for key, want := range map[string]string{
		"aws:resourceaccount":         "444455556666",
		"aws:resourcetag/team":        "red",
		"aws:resourcetag/cost-center": "7",
		"kms:resourcetag/team":        "red",
		"iam:resourcetag/team":        "red",
		"aws:resourcetag/none":        absent,
		"aws:tagkeys":                 "a,b",
		"aws:requesttag/a":            "1",
		"kms:keyspec":                 "RSA_2048",
		"kms:encryptioncontext:order": "tx",
		"kms:encryptioncontext:other": absent,
	} {
		if got := value(q, key); got != want {
			t.Errorf("%s = %s, want %s", key, got, want)
		}
	}
}

// TestValuesStayValid holds a value while many more are looked up: the engine
// compares one key with a template of others.
func TestValuesStayValid(t *testing.T) {
	t.Parallel()
	q := authz.NewQuestion(&authz.Facts{Principal: callers()["user"], Time: noon, Region: "us-east-1"}, &authz.Target{})
	first, _ := q.Values("aws:username")
	for range 100 {
		q.Values("aws:requestedregion")
	}
	if !slices.Equal(first, []string{"ann"}) {
		t.Errorf("first value = %v, want [ann]", first)
	}
	if cap(first) != 1 {
		t.Errorf("cap = %d, want 1: an append must not reach the next value", cap(first))
	}
}
