package accessanalyzer_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/accessanalyzer"
	"github.com/aws/aws-sdk-go-v2/service/accessanalyzer/types"

	"github.com/garrison-cloud/garrison/internal/garrisontest"
)

// because are reasons in one line.
func because(list []types.ReasonSummary) string {
	out := ""
	for _, r := range list {
		out += fmt.Sprintf(" %d:%s", *r.StatementIndex, aws.ToString(r.StatementId))
	}
	return out
}

// TestCheckNoNewAccess proves what is no more, and names the statement where it
// cannot.
func TestCheckNoNewAccess(t *testing.T) {
	t.Parallel()
	_, c := client(t)
	get := allowing(`"Sid":"g","Action":"s3:Get*","Resource":"arn:aws:s3:::b/*"`)
	for _, tt := range []struct{ name, before, next, want string }{
		{"the same", statementsIn(get), statementsIn(get), "PASS"},
		{"narrower", statementsIn(get), statementsIn(allowing(`"Action":["s3:GetObject","s3:GetObjectAcl"],"Resource":"arn:aws:s3:::b/x"`)), "PASS"},
		{"wider action", statementsIn(get), statementsIn(get, allowing(`"Action":"s3:*","Resource":"arn:aws:s3:::b/*"`)), "FAIL 1:"},
		{"wider resource", statementsIn(get), statementsIn(strings.ReplaceAll(get, "b/*", "*")), "FAIL 0:g"},
		{"split over two", statementsIn(get, allowing(`"Action":"s3:PutObject","Resource":"*"`)), statementsIn(allowing(`"Action":["s3:GetObject","s3:PutObject"],"Resource":"arn:aws:s3:::b/x"`)), "PASS"},
		{"a denial dropped", statementsIn(get, denying(`"Action":"s3:GetObject","Resource":"*"`)), statementsIn(get), "FAIL 0:g"},
		{"a denial elsewhere dropped", statementsIn(get, denying(`"Action":"s3:PutObject","Resource":"*"`)), statementsIn(get), "PASS"},
		{"a denial widened", statementsIn(get, denying(`"Action":"s3:GetObject","Resource":"*"`)), statementsIn(get, denying(`"Action":"s3:Get*","Resource":"arn:aws:s3:::*"`)), "PASS"},
		{"new, and denied", statementsIn(get), statementsIn(get, allowing(`"Action":"kms:Decrypt","Resource":"*"`), denying(`"Action":"kms:*","Resource":"*"`)), "PASS"},
		{"condition dropped", statementsIn(allowing(`"Action":"s3:*","Resource":"*","Condition":{"StringEquals":{"aws:PrincipalOrgID":"o-a"}}`)), statementsIn(allowing(`"Action":"s3:*","Resource":"*"`)), "FAIL 0:"},
		{"condition added", statementsIn(allowing(`"Action":"s3:*","Resource":"*"`)), statementsIn(allowing(`"Action":"s3:*","Resource":"*","Condition":{"Bool":{"aws:SecureTransport":"true"}}`)), "PASS"},
		{"addresses narrowed", statementsIn(allowing(`"Action":"s3:*","Resource":"*","Condition":{"IpAddress":{"aws:SourceIp":"203.0.113.0/24"}}`)), statementsIn(allowing(`"Action":"s3:*","Resource":"*","Condition":{"IpAddress":{"aws:SourceIp":["203.0.113.7","203.0.113.128/25"]}}`)), "PASS"},
		{"all but less", statementsIn(allowing(`"NotAction":"iam:*","Resource":"*"`)), statementsIn(allowing(`"NotAction":"iam:Get*","Resource":"*"`)), "FAIL 0:"},
		{"all but more", statementsIn(allowing(`"NotAction":"iam:Get*","Resource":"*"`)), statementsIn(allowing(`"NotAction":"iam:*","Resource":"*"`)), "PASS"},
		{"a variable filled", statementsIn(allowing(`"Action":"s3:*","Resource":"arn:aws:s3:::b/*"`)), statementsIn(allowing(`"Action":"s3:*","Resource":"arn:aws:s3:::b/${aws:username}"`)), "PASS"},
		{"a variable's place", statementsIn(allowing(`"Action":"s3:*","Resource":"arn:aws:s3:::b/${aws:username}"`)), statementsIn(allowing(`"Action":"s3:*","Resource":"arn:aws:s3:::b/x"`)), "FAIL 0:"},
	} {
		out, err := c.CheckNoNewAccess(t.Context(), &accessanalyzer.CheckNoNewAccessInput{
			ExistingPolicyDocument: &tt.before, NewPolicyDocument: &tt.next, PolicyType: types.AccessCheckPolicyTypeIdentityPolicy,
		})
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		if got := string(out.Result) + because(out.Reasons); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
	_, err := c.CheckNoNewAccess(t.Context(), &accessanalyzer.CheckNoNewAccessInput{
		ExistingPolicyDocument: aws.String("{"), NewPolicyDocument: aws.String("{"), PolicyType: types.AccessCheckPolicyTypeIdentityPolicy,
	})
	if garrisontest.ErrorCode(err) != "InvalidParameterException" {
		t.Errorf("no policy: %v", err)
	}
}

// TestCheckAccessNotGranted looks for critical access.
func TestCheckAccessNotGranted(t *testing.T) {
	t.Parallel()
	_, c := client(t)
	list := statementsIn(
		allowing(`"Sid":"read","Action":"s3:Get*","Resource":"arn:aws:s3:::b/*"`),
		allowing(`"Action":"kms:*","Resource":"*"`), denying(`"Action":"kms:ScheduleKeyDeletion","Resource":"*"`))
	for _, tt := range []struct {
		actions, resources []string
		want               string
	}{
		{[]string{"s3:GetObject"}, nil, "FAIL 0:read"},
		{[]string{"s3:PutObject", "s3:GETobject"}, []string{"arn:aws:s3:::b/x"}, "FAIL 0:read"},
		{[]string{"s3:GetObject"}, []string{"arn:aws:s3:::c/*"}, "PASS"},
		{[]string{"kms:ScheduleKeyDeletion"}, nil, "PASS"},
		{[]string{"kms:Schedule*"}, nil, "FAIL 1:"},
		{nil, []string{"arn:aws:s3:::b/x"}, "FAIL 0:read 1:"},
		{[]string{"iam:PassRole"}, nil, "PASS"},
	} {
		out, err := c.CheckAccessNotGranted(t.Context(), &accessanalyzer.CheckAccessNotGrantedInput{
			PolicyDocument: &list, PolicyType: types.AccessCheckPolicyTypeIdentityPolicy, Access: []types.Access{{Actions: tt.actions, Resources: tt.resources}},
		})
		if err != nil {
			t.Errorf("%v on %v: %v", tt.actions, tt.resources, err)
			continue
		}
		if got := string(out.Result) + because(out.Reasons); got != tt.want {
			t.Errorf("%v on %v: %s, want %s", tt.actions, tt.resources, got, tt.want)
		}
	}
	_, err := c.CheckAccessNotGranted(t.Context(), &accessanalyzer.CheckAccessNotGrantedInput{
		PolicyDocument: &list, PolicyType: types.AccessCheckPolicyTypeIdentityPolicy, Access: []types.Access{{}},
	})
	if code := garrisontest.ErrorCode(err); code != "InvalidParameterException" && code != "ValidationException" {
		t.Errorf("nothing critical: %v", err)
	}
}

// TestCheckNoPublicAccess tells strangers from those who are named.
func TestCheckNoPublicAccess(t *testing.T) {
	t.Parallel()
	_, c := client(t)
	open := func(condition string) string {
		return allowing(`"Principal":"*","Action":"s3:GetObject","Resource":"*","Condition":` + condition)
	}
	for _, tt := range []struct{ name, document, want string }{
		{"everyone", statementsIn(allowing(`"Sid":"p","Principal":"*","Action":"s3:GetObject","Resource":"*"`)), "FAIL 0:p"},
		{"everyone with an account", statementsIn(allowing(`"Principal":{"AWS":"*"},"Action":"s3:GetObject","Resource":"*"`)), "FAIL 0:"},
		{"an account", statementsIn(allowing(`"Principal":{"AWS":"111122223333"},"Action":"s3:GetObject","Resource":"*"`)), "PASS"},
		{"a service", statementsIn(allowing(`"Principal":{"Service":"cloudtrail.amazonaws.com"},"Action":"s3:PutObject","Resource":"*"`)), "PASS"},
		{"an organization", statementsIn(open(`{"StringEquals":{"aws:PrincipalOrgID":"o-abc"}}`)), "PASS"},
		{"any organization", statementsIn(open(`{"StringLike":{"aws:PrincipalOrgID":"o-*"}}`)), "FAIL 0:"},
		{"an organization, if any", statementsIn(open(`{"StringEqualsIfExists":{"aws:PrincipalOrgID":"o-abc"}}`)), "FAIL 0:"},
		{"what a caller chooses", statementsIn(open(`{"StringEquals":{"aws:UserAgent":"secret"}}`)), "FAIL 0:"},
		{"addresses", statementsIn(open(`{"IpAddress":{"aws:SourceIp":"203.0.113.0/24"}}`)), "PASS"},
		{"all addresses", statementsIn(open(`{"IpAddress":{"aws:SourceIp":"0.0.0.0/1"}}`)), "FAIL 0:"},
		{"all of one key", statementsIn(open(`{"ForAllValues:StringEquals":{"aws:PrincipalOrgID":"o-abc"}}`)), "FAIL 0:"},
		{"roles of an account", statementsIn(open(`{"ArnLike":{"aws:PrincipalArn":"arn:aws:iam::111122223333:role/*"}}`)), "PASS"},
		{"denied but to the organization", statementsIn(
			allowing(`"Principal":"*","Action":"s3:GetObject","Resource":"*"`),
			denying(`"Principal":"*","Action":"s3:*","Resource":"*","Condition":{"StringNotEquals":{"aws:PrincipalOrgID":"o-abc"}}`)), "PASS"},
		{"denied elsewhere", statementsIn(
			allowing(`"Principal":"*","Action":"s3:GetObject","Resource":"*"`),
			denying(`"Principal":"*","Action":"s3:Put*","Resource":"*"`)), "FAIL 0:"},
	} {
		out, err := c.CheckNoPublicAccess(t.Context(), &accessanalyzer.CheckNoPublicAccessInput{PolicyDocument: &tt.document, ResourceType: types.AccessCheckResourceTypeS3Bucket})
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		if got := string(out.Result) + because(out.Reasons); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
}

// TestTrustPolicy takes a role's trust policy, which names no resource.
func TestTrustPolicy(t *testing.T) {
	t.Parallel()
	_, c := client(t)
	const issuer = "arn:aws:iam::111122223333:oidc-provider/token.example.com"
	trusting := func(rest string) string {
		return statementsIn(allowing(`"Principal":{"Federated":"` + issuer + `"},"Action":"sts:AssumeRoleWithWebIdentity"` + rest))
	}
	for rest, want := range map[string]types.CheckNoPublicAccessResult{
		"": types.CheckNoPublicAccessResultFail,
		`,"Condition":{"StringEquals":{"token.example.com:aud":"app"}}`: types.CheckNoPublicAccessResultPass,
		`,"Condition":{"StringLike":{"token.example.com:sub":"*"}}`:     types.CheckNoPublicAccessResultFail,
	} {
		out, err := c.CheckNoPublicAccess(t.Context(), &accessanalyzer.CheckNoPublicAccessInput{
			PolicyDocument: aws.String(trusting(rest)), ResourceType: types.AccessCheckResourceTypeRoleTrust,
		})
		if err != nil || out.Result != want {
			t.Errorf("%s: %+v, %v; want %s", rest, out, err, want)
		}
	}
}
