package iam_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/garrison-cloud/garrison/engine/iam"
)

// large returns 20 identity policies of 50 statements each, over many services,
// of which only the last policy allows what request asks for.
func large(t testing.TB) *iam.Policies {
	t.Helper()
	services := []string{"s3", "ec2", "sqs", "sns", "kms", "glue", "logs", "lambda"}
	out := &iam.Policies{}
	for p := range 20 {
		var statements []string
		for s := range 50 {
			service := services[(p+s)%len(services)]
			effect := [...]string{"Allow", "Allow", "Allow", "Deny"}[s%4]
			actions := fmt.Sprintf(`["%s:Get%d*","%s:List%d","%s:Describe*"]`, service, s, service, p, service)
			condition := `"StringEquals":{"aws:PrincipalTag/team":["red","blue"]},"IpAddress":{"aws:SourceIp":"10.0.0.0/8"}`
			statements = append(statements, fmt.Sprintf(
				`{"Sid":"S%d","Effect":%q,"Action":%s,"Resource":"arn:aws:%s:*:111122223333:thing-%d/*","Condition":{%s}}`,
				s, effect, actions, service, s, condition))
		}
		if p == 19 {
			statements[49] = `{"Sid":"Last","Effect":"Allow","Action":"kms:Decrypt","Resource":"arn:aws:kms:*:*:key/${aws:username}",` +
				`"Condition":{"StringLike":{"kms:EncryptionContext:app":"a*"},"NumericLessThan":{"aws:MultiFactorAuthAge":"3600"},` +
				`"DateLessThan":{"aws:CurrentTime":"2030-01-01T00:00:00Z"},"Bool":{"aws:SecureTransport":"true"},"NotIpAddress":{"aws:SourceIp":"192.0.2.0/24"}}}`
		}
		document := `{"Version":"2012-10-17","Statement":[` + strings.Join(statements, ",") + `]}`
		policy, err := iam.Parse(document, iam.IdentityPolicy)
		if err != nil {
			t.Fatal(err)
		}
		out.Identity = append(out.Identity, policy)
	}
	return out
}

var decrypt = iam.Request{
	Action: "kms:Decrypt", Resource: "arn:aws:kms:eu-west-1:111122223333:key/alice", Principal: principal("user alice"),
	Context: keys{
		"aws:username": {"alice"}, "aws:sourceip": {"10.1.2.3"}, "aws:securetransport": {"true"}, "aws:multifactorauthage": {"12"},
		"aws:currenttime": {"2024-05-06T07:08:09Z"}, "kms:encryptioncontext:app": {"accounts"}, "aws:principaltag/team": {"red"},
	},
}

// TestNoAllocations holds an allowed request to none.
func TestNoAllocations(t *testing.T) {
	policies := large(t)
	if d := iam.Evaluate(&decrypt, policies); !d.Allowed {
		t.Fatalf("denied %s", d.Because())
	}
	if got := testing.AllocsPerRun(100, func() { iam.Evaluate(&decrypt, policies) }); got != 0 {
		t.Errorf("allocations = %v, want 0", got)
	}
}

func BenchmarkEvaluate(b *testing.B) {
	policies := large(b)
	b.ReportAllocs()
	for b.Loop() {
		if !iam.Evaluate(&decrypt, policies).Allowed {
			b.Fatal("denied")
		}
	}
}

// BenchmarkEvaluateKeyPolicy is the common case: a default key policy and one
// identity policy.
func BenchmarkEvaluateKeyPolicy(b *testing.B) {
	key, err := iam.Parse(one(`"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111122223333:root"},"Action":"kms:*","Resource":"*"`), iam.KeyPolicy)
	if err != nil {
		b.Fatal(err)
	}
	identity, err := iam.Parse(one(`"Effect":"Allow","Action":"kms:*","Resource":"*"`), iam.IdentityPolicy)
	if err != nil {
		b.Fatal(err)
	}
	policies := &iam.Policies{Resource: key, ResourceDecides: true, Identity: []*iam.Policy{identity}}
	b.ReportAllocs()
	for b.Loop() {
		if !iam.Evaluate(&decrypt, policies).Allowed {
			b.Fatal("denied")
		}
	}
}

// BenchmarkAdversary is a pattern and a text made to be slow for a matcher that
// goes back over every star.
func BenchmarkAdversary(b *testing.B) {
	pattern := "arn:aws:s3:::" + strings.Repeat("a*", 900) + "b"
	policy, err := iam.Parse(one(`"Effect":"Allow","Action":"s3:Get*","Resource":"`+pattern+`"`), iam.IdentityPolicy)
	if err != nil {
		b.Fatal(err)
	}
	r := iam.Request{Action: "s3:GetObject", Resource: "arn:aws:s3:::" + strings.Repeat("a", 2000), Principal: principal("user a")}
	policies := &iam.Policies{Identity: []*iam.Policy{policy}}
	for b.Loop() {
		if iam.Evaluate(&r, policies).Allowed {
			b.Fatal("allowed")
		}
	}
}

func BenchmarkParse(b *testing.B) {
	document := one(`"Sid":"Read","Effect":"Allow","Action":["s3:GetObject","s3:List*"],"Resource":"arn:aws:s3:::b/${aws:username}/*",` +
		`"Condition":{"IpAddress":{"aws:SourceIp":"10.0.0.0/8"},"Bool":{"aws:SecureTransport":"true"}}`)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := iam.Parse(document, iam.IdentityPolicy); err != nil {
			b.Fatal(err)
		}
	}
}
