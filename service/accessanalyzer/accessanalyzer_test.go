package accessanalyzer_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/accessanalyzer"
	"github.com/aws/aws-sdk-go-v2/service/accessanalyzer/types"

	"github.com/garrison-cloud/garrison/internal/garrisontest"
)

func client(t *testing.T) (*garrisontest.Server, *accessanalyzer.Client) {
	t.Helper()
	s := garrisontest.Start(t)
	return s, accessanalyzer.NewFromConfig(s.Config)
}

func statementsIn(list ...string) string {
	return `{"Version":"2012-10-17","Statement":[` + strings.Join(list, ",") + `]}`
}

func allowing(rest string) string { return `{"Effect":"Allow",` + rest + `}` }

func denying(rest string) string { return `{"Effect":"Deny",` + rest + `}` }

// A validation is a document, and what is found in it: each finding's type, code
// and places.
type validation struct {
	name, document string
	kind           types.PolicyType // an identity policy unless it says otherwise
	want           string
}

func validates(t *testing.T, list []validation) {
	t.Helper()
	_, c := client(t)
	for _, tt := range list {
		if tt.kind == "" {
			tt.kind = types.PolicyTypeIdentityPolicy
		}
		out, err := c.ValidatePolicy(t.Context(), &accessanalyzer.ValidatePolicyInput{PolicyDocument: &tt.document, PolicyType: tt.kind})
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		if got := told(out.Findings); got != tt.want {
			t.Errorf("%s: findings\n%s\nwant\n%s", tt.name, got, tt.want)
		}
	}
}

func condition(s string) string {
	return statementsIn(allowing(`"Action":"s3:GetObject","Resource":"*","Condition":` + s))
}

// TestValidateGrammar names the checks of a document and its statements.
func TestValidateGrammar(t *testing.T) {
	t.Parallel()
	validates(t, []validation{
		{"sound", statementsIn(allowing(`"Action":"kms:Decrypt","Resource":"*"`)), "", ""},
		{"sound trust policy", statementsIn(allowing(`"Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"`)), "RESOURCE_POLICY", ""},
		{"no JSON", `{"Version":`, "", "ERROR JSON_SYNTAX_ERROR"},
		{"two values", `{} {}`, "", "ERROR JSON_SYNTAX_ERROR"},
		{"not an object", `[]`, "", "ERROR DATA_TYPE_MISMATCH"},
		{"no version", `{"Statement":` + allowing(`"Action":"kms:Decrypt","Resource":"*"`) + `}`, "", "WARNING MISSING_VERSION"},
		{"odd version", `{"Version":"2020-01-01","Statement":` + allowing(`"Action":"kms:Decrypt","Resource":"*"`) + `}`, "", "ERROR INVALID_VERSION Version"},
		{"no statement", `{"Version":"2012-10-17"}`, "", "ERROR MISSING_STATEMENT"},
		{"unknown element", statementsIn(allowing(`"Action":"kms:Decrypt","Resource":"*","Foo":1`)), "", "ERROR INVALID_POLICY_ELEMENT Statement/0/key=Foo"},
		{"number for a string", statementsIn(allowing(`"Action":5,"Resource":"*"`)), "", "ERROR DATA_TYPE_MISMATCH Statement/0/Action"},
		{"nothing in it", statementsIn(`{}`), "", "ERROR MISSING_EFFECT Statement/0; ERROR MISSING_ACTION Statement/0; ERROR MISSING_RESOURCE Statement/0"},
		{"effect", statementsIn(`{"Effect":"allow","Action":"kms:Decrypt","Resource":"*"}`), "", "ERROR INVALID_EFFECT Statement/0/Effect"},
		{"misspelt action", statementsIn(allowing(`"Action":["kms:Decrypt","kms:Decript"],"Resource":"*"`)), "", "ERROR INVALID_ACTION Statement/0/Action/1"},
		{"pattern of no action", statementsIn(allowing(`"Action":"kms:Foo*","Resource":"*"`)), "", "ERROR INVALID_ACTION Statement/0/Action"},
		{"no prefix", statementsIn(allowing(`"Action":"Decrypt","Resource":"*"`)), "", "ERROR INVALID_ACTION Statement/0/Action"},
		{"unknown service", statementsIn(allowing(`"Action":"frobnicate:DoIt","Resource":"*"`)), "", ""},
		{"permission only", statementsIn(allowing(`"Action":["kms:ReEncryptFrom","sts:TagSession"],"Resource":"*"`)), "", ""},
		{"both actions", statementsIn(denying(`"Action":"kms:Decrypt","NotAction":"kms:Encrypt","Resource":"*"`)), "", "ERROR UNSUPPORTED_ELEMENT_COMBINATION Statement/0/Action Statement/0/NotAction"},
		{"redundant action", statementsIn(allowing(`"Action":["iam:Get*","iam:List*","iam:GetCredentialReport"],"Resource":"*"`)), "", "SUGGESTION REDUNDANT_ACTION Statement/0/Action/2"},
		{"redundant resource", statementsIn(allowing(`"Action":"s3:GetObject","Resource":["arn:aws:s3:::b/*","arn:aws:s3:::b/x"]`)), "", "SUGGESTION REDUNDANT_RESOURCE Statement/0/Resource/1"},
		{"twice the same", statementsIn(allowing(`"Sid":"a","Action":"kms:Decrypt","Resource":"*"`), allowing(`"Sid":"b","Action":"kms:Decrypt","Resource":"*"`)), "", "SUGGESTION REDUNDANT_STATEMENT Statement/0 Statement/1"},
		{"empty lists", statementsIn(allowing(`"Action":[],"Resource":[]`)), "", "SUGGESTION EMPTY_ARRAY_ACTION Statement/0/Action; SUGGESTION EMPTY_ARRAY_RESOURCE Statement/0/Resource"},
		{"empty id", statementsIn(allowing(`"Sid":"","Action":"kms:Decrypt","Resource":"*"`)), "", "SUGGESTION EMPTY_SID_VALUE Statement/0/Sid"},
		{"ids", statementsIn(allowing(`"Sid":"a b","Action":"kms:Decrypt","Resource":"*"`)), "", "ERROR UNSUPPORTED_SID Statement/0/Sid"},
	})
}

// TestValidateResource names the checks of ARNs and variables.
func TestValidateResource(t *testing.T) {
	t.Parallel()
	validates(t, []validation{
		{"not an ARN", statementsIn(allowing(`"Action":"s3:GetObject","Resource":"b/x"`)), "", "ERROR INVALID_ARN_PREFIX Statement/0/Resource"},
		{"short ARN", statementsIn(allowing(`"Action":"s3:GetObject","Resource":"arn:aws:s3"`)), "", "ERROR MISSING_ARN_FIELD Statement/0/Resource"},
		{"partition", statementsIn(allowing(`"Action":"s3:GetObject","Resource":"arn:azure:s3:::b"`)), "", "ERROR INVALID_PARTITION Statement/0/Resource"},
		{"account", statementsIn(allowing(`"Action":"kms:Decrypt","Resource":"arn:aws:kms:us-east-1:1234:key/x"`)), "", "ERROR INVALID_ARN_ACCOUNT Statement/0/Resource"},
		{"region", statementsIn(allowing(`"Action":"kms:Decrypt","Resource":"arn:aws:kms:mars:111122223333:key/x"`)), "", "ERROR INVALID_ARN_REGION Statement/0/Resource"},
		{"region of IAM", statementsIn(allowing(`"Action":"iam:GetUser","Resource":"arn:aws:iam:us-east-1:111122223333:user/x"`)), "", "ERROR ARN_REGION_NOT_ALLOWED Statement/0/Resource"},
		{"case", statementsIn(allowing(`"Action":"s3:GetObject","Resource":"arn:aws:S3:::b"`)), "", "ERROR INVALID_ARN_SERVICE_CASE Statement/0/Resource"},
		{"any service", statementsIn(allowing(`"Action":"s3:GetObject","Resource":"arn:aws:*:::b"`)), "", "SUGGESTION WILDCARD_IN_SERVICE_NAME Statement/0/Resource"},
		{"open brace", statementsIn(allowing(`"Action":"s3:GetObject","Resource":"arn:aws:s3:::b/${aws:username"`)), "", "ERROR MISSING_BRACE_IN_VARIABLE Statement/0/Resource"},
		{"empty variable", statementsIn(allowing(`"Action":"s3:GetObject","Resource":"arn:aws:s3:::b/${}"`)), "", "ERROR EMPTY_VARIABLE Statement/0/Resource"},
		{"space in variable", statementsIn(allowing(`"Action":"s3:GetObject","Resource":"arn:aws:s3:::b/${aws: username}"`)), "", "ERROR UNSUPPORTED_SPACE_IN_VARIABLE Statement/0/Resource"},
		{"unquoted default", statementsIn(allowing(`"Action":"s3:GetObject","Resource":"arn:aws:s3:::b/${aws:username, x}"`)), "", "ERROR MISSING_QUOTE_IN_VARIABLE Statement/0/Resource"},
		{"variable of old", `{"Version":"2008-10-17","Statement":` + allowing(`"Action":"s3:GetObject","Resource":"arn:aws:s3:::b/${aws:username}"`) + `}`, "", "ERROR VARIABLE_UNSUPPORTED_IN_VERSION Statement/Resource"},
	})
}

// TestValidateRoles names the checks of who hands out roles.
func TestValidateRoles(t *testing.T) {
	t.Parallel()
	validates(t, []validation{
		{"pass role", statementsIn(allowing(`"Action":"iam:passrole","Resource":"*"`)), "", "SECURITY_WARNING PASS_ROLE_WITH_STAR_IN_RESOURCE Statement/0/Action Statement/0/Resource"},
		{"pass named role", statementsIn(allowing(`"Action":"iam:PassRole","Resource":"arn:aws:iam::111122223333:role/x"`)), "", ""},
		{"pass role to one", statementsIn(allowing(`"Action":"iam:PassRole","Resource":"*","Condition":{"StringEquals":{"iam:PassedToService":"ec2.amazonaws.com"}}`)), "", ""},
		{"all of IAM", statementsIn(allowing(`"Action":"iam:*","Resource":"*"`)), "", "SECURITY_WARNING PASS_ROLE_WITH_STAR_IN_ACTION_AND_RESOURCE Statement/0/Action Statement/0/Resource; WARNING CREATE_SLR_WITH_STAR_IN_ACTION_AND_RESOURCE Statement/0/Action Statement/0/Resource"},
		{"all but", statementsIn(allowing(`"NotAction":"s3:*","NotResource":"arn:aws:s3:::b"`)), "", "SECURITY_WARNING PASS_ROLE_WITH_NOT_ACTION_AND_NOT_RESOURCE Statement/0/NotAction Statement/0/NotResource; WARNING CREATE_SLR_WITH_NOT_ACTION_AND_NOT_RESOURCE Statement/0/NotAction Statement/0/NotResource"},
		{"all but IAM", statementsIn(allowing(`"NotAction":"iam:*","Resource":"*"`)), "", ""},
		{"denied role", statementsIn(denying(`"Action":"iam:PassRole","Resource":"*"`)), "", ""},
		{"linked role", statementsIn(allowing(`"Action":"iam:CreateServiceLinkedRole","Resource":"*"`)), "", "WARNING CREATE_SLR_WITH_STAR_IN_RESOURCE Statement/0/Action Statement/0/Resource"},
	})
}

// TestValidatePrincipal names the checks of principals.
func TestValidatePrincipal(t *testing.T) {
	t.Parallel()
	validates(t, []validation{
		{"principal in identity policy", statementsIn(allowing(`"Principal":"*","Action":"kms:Decrypt","Resource":"*"`)), "", "ERROR UNSUPPORTED_PRINCIPAL Statement/0/Principal"},
		{"principal in SCP", statementsIn(denying(`"Principal":"*","Action":"kms:Decrypt","Resource":"*"`)), "SERVICE_CONTROL_POLICY", "ERROR SCP_SYNTAX_ERROR_PRINCIPAL Statement/0/Principal"},
		{"no principal", statementsIn(allowing(`"Action":"kms:Decrypt","Resource":"*"`)), "RESOURCE_POLICY", "ERROR MISSING_PRINCIPAL Statement/0"},
		{"all but one", statementsIn(allowing(`"NotPrincipal":{"AWS":"111122223333"},"Action":"kms:Decrypt","Resource":"*"`)), "RESOURCE_POLICY", "SECURITY_WARNING ALLOW_WITH_NOT_PRINCIPAL Statement/0/NotPrincipal"},
		{"principal key", statementsIn(allowing(`"Principal":{"Aws":"*"},"Action":"kms:Decrypt","Resource":"*"`)), "RESOURCE_POLICY", "ERROR INVALID_PRINCIPAL_KEY Statement/0/Principal/key=Aws"},
		{"principal text", statementsIn(allowing(`"Principal":"me","Action":"kms:Decrypt","Resource":"*"`)), "RESOURCE_POLICY", "ERROR INVALID_PRINCIPAL_FORMAT Statement/0/Principal"},
		{"wildcard principal", statementsIn(allowing(`"Principal":{"AWS":"arn:aws:iam::111122223333:user/*"},"Action":"kms:Decrypt","Resource":"*"`)), "RESOURCE_POLICY", "ERROR UNSUPPORTED_WILDCARD_IN_PRINCIPAL Statement/0/Principal/AWS"},
	})
}

// TestValidateCondition names the checks of conditions.
func TestValidateCondition(t *testing.T) {
	t.Parallel()
	validates(t, []validation{
		{"operator", condition(`{"StringIs":{"aws:UserAgent":"x"}}`), "", "ERROR INVALID_CONDITION_OPERATOR Statement/0/Condition/key=StringIs"},
		{"null", condition(`{"NullIfExists":{"aws:UserAgent":"true"}}`), "", "ERROR NULL_WITH_IF_EXISTS Statement/0/Condition/key=NullIfExists"},
		{"key", condition(`{"StringEquals":{"agent":"x"}}`), "", "ERROR INVALID_CONDITION_KEY_FORMAT Statement/0/Condition/StringEquals/key=agent"},
		{"key twice", condition(`{"StringEquals":{"aws:UserAgent":"x","aws:userAgent":"y"}}`), "", "ERROR DUPLICATE_KEYS_WITH_DIFFERENT_CASE Statement/0/Condition/StringEquals/key=aws:userAgent"},
		{"type", condition(`{"StringEquals":{"aws:SecureTransport":"true"}}`), "", "WARNING TYPE_MISMATCH Statement/0/Condition/StringEquals/key=aws:SecureTransport"},
		{"number", condition(`{"NumericEquals":{"s3:max-keys":"ten"}}`), "", "WARNING TYPE_MISMATCH_NUMBER Statement/0/Condition/NumericEquals/s3:max-keys"},
		{"boolean", condition(`{"Bool":{"aws:SecureTransport":"yes"}}`), "", "WARNING TYPE_MISMATCH_BOOLEAN Statement/0/Condition/Bool/aws:SecureTransport"},
		{"two booleans", condition(`{"Bool":{"aws:SecureTransport":["true","false"]}}`), "", "ERROR INVALID_CONDITION_MULTIPLE_BOOLEAN Statement/0/Condition/Bool/aws:SecureTransport"},
		{"date", condition(`{"DateLessThan":{"aws:CurrentTime":"soon"}}`), "", "WARNING TYPE_MISMATCH_DATE Statement/0/Condition/DateLessThan/aws:CurrentTime"},
		{"epoch", condition(`{"DateLessThan":{"aws:CurrentTime":"2021"}}`), "", "WARNING INVALID_DATE_VALUE Statement/0/Condition/DateLessThan/aws:CurrentTime"},
		{"range", condition(`{"IpAddress":{"aws:SourceIp":["203.0.113.9/24","x"]}}`), "", "SUGGESTION IMPROVE_IP_RANGE Statement/0/Condition/IpAddress/aws:SourceIp/0; WARNING TYPE_MISMATCH_IP_RANGE Statement/0/Condition/IpAddress/aws:SourceIp/1"},
		{"private", condition(`{"IpAddress":{"aws:SourceIp":"10.0.0.0/8"}}`), "", "ERROR PRIVATE_IP_ADDRESS Statement/0/Condition/IpAddress/aws:SourceIp"},
		{"star", condition(`{"StringEquals":{"aws:UserAgent":"x*"}}`), "", "WARNING WILDCARD_WITHOUT_LIKE_OPERATOR Statement/0/Condition/StringEquals/aws:UserAgent"},
		{"mixed", condition(`{"StringEquals":{"aws:UserAgent":["x",5]}}`), "", "ERROR INVALID_CONDITION_DATA_TYPE Statement/0/Condition/StringEquals/aws:UserAgent/1"},
		{"all of one", condition(`{"ForAllValues:StringEquals":{"aws:PrincipalOrgID":"o-x"}}`), "", "SECURITY_WARNING FORALLVALUES_WITH_SINGLE_VALUED_KEY Statement/0/Condition/ForAllValues:StringEquals/key=aws:PrincipalOrgID"},
		{"tags", condition(`{"StringEquals":{"aws:TagKeys":"x"}}`), "", "ERROR MISSING_QUALIFIER Statement/0/Condition/StringEquals/key=aws:TagKeys"},
		{"empty", condition(`{}`), "", "SUGGESTION EMPTY_OBJECT_CONDITION Statement/0/Condition"},
		{"no values", condition(`{"StringEquals":{"aws:UserAgent":[]}}`), "", "SUGGESTION EMPTY_ARRAY_CONDITION Statement/0/Condition/StringEquals/aws:UserAgent"},
		{"variable in a number", condition(`{"NumericEquals":{"s3:max-keys":"${aws:username}"}}`), "", "ERROR INVALID_VARIABLE_FOR_OPERATOR Statement/0/Condition/NumericEquals/s3:max-keys"},
	})
}

// told is findings in one line.
func told(list []types.ValidatePolicyFinding) string {
	out := make([]string, len(list))
	for i, f := range list {
		out[i] = string(f.FindingType) + " " + *f.IssueCode
		for _, l := range f.Locations {
			out[i] = strings.TrimSuffix(out[i]+" "+pathOf(l.Path), " ")
		}
	}
	return strings.Join(out, "; ")
}

func pathOf(path []types.PathElement) string {
	var out []string
	for _, e := range path {
		switch e := e.(type) {
		case *types.PathElementMemberIndex:
			out = append(out, fmt.Sprint(e.Value))
		case *types.PathElementMemberKey:
			out = append(out, "key="+e.Value)
		case *types.PathElementMemberValue:
			out = append(out, e.Value)
		}
	}
	return strings.Join(out, "/")
}

// TestFindingPlace holds spans, links and pages to the example in AWS's own
// documentation of the command.
func TestFindingPlace(t *testing.T) {
	t.Parallel()
	_, c := client(t)
	document := "{\n    \"Version\": \"2012-10-17\",\n    \"Statement\": [\n        {\n            \"Sid\": \"\",\n            \"Effect\": \"Allow\",\n" +
		"            \"Action\": [\"kms:Decrypt\", \"kms:ü\"],\n            \"Resource\": \"*\"\n        }\n    ]\n}\n"
	out, err := c.ValidatePolicy(t.Context(), &accessanalyzer.ValidatePolicyInput{PolicyDocument: &document, PolicyType: types.PolicyTypeIdentityPolicy, MaxResults: aws.Int32(1)})
	if err != nil {
		t.Fatal(err)
	}
	f := out.Findings[0]
	if got, want := *f.LearnMoreLink, "https://docs.aws.amazon.com/IAM/latest/UserGuide/access-analyzer-reference-policy-checks.html#access-analyzer-reference-policy-checks-suggestion-empty-sid-value"; got != want {
		t.Errorf("link %s, want %s", got, want)
	}
	span := f.Locations[0].Span
	if got, want := fmt.Sprint(*span.Start.Line, *span.Start.Column, *span.Start.Offset, *span.End.Line, *span.End.Column, *span.End.Offset), "5 19 79 5 21 81"; got != want {
		t.Errorf("span %s, want %s", got, want)
	}
	var codes []string
	for p := accessanalyzer.NewValidatePolicyPaginator(c, &accessanalyzer.ValidatePolicyInput{PolicyDocument: &document, PolicyType: types.PolicyTypeIdentityPolicy, MaxResults: aws.Int32(1)}); p.HasMorePages(); {
		page, err := p.NextPage(t.Context())
		if err != nil || len(page.Findings) > 1 {
			t.Fatalf("page %+v, %v", page, err)
		}
		codes = append(codes, told(page.Findings))
	}
	if want := []string{"SUGGESTION EMPTY_SID_VALUE Statement/0/Sid", "ERROR INVALID_ACTION Statement/0/Action/1"}; !slices.Equal(codes, want) {
		t.Errorf("pages %q, want %q", codes, want)
	}
	for name, in := range map[string]*accessanalyzer.ValidatePolicyInput{
		"token":    {PolicyDocument: &document, PolicyType: types.PolicyTypeIdentityPolicy, NextToken: aws.String("x")},
		"size":     {PolicyDocument: &document, PolicyType: types.PolicyTypeIdentityPolicy, MaxResults: aws.Int32(0)},
		"resource": {PolicyDocument: &document, PolicyType: types.PolicyTypeIdentityPolicy, ValidatePolicyResourceType: types.ValidatePolicyResourceTypeS3Bucket},
		"large":    {PolicyDocument: aws.String(strings.Repeat(" ", 200<<10)), PolicyType: types.PolicyTypeIdentityPolicy},
	} {
		if _, err := c.ValidatePolicy(t.Context(), in); garrisontest.ErrorCode(err) != "ValidationException" {
			t.Errorf("%s: %v, want ValidationException", name, err)
		}
	}
}

// TestPermission asks for the operation's own action, and refuses what is not there.
func TestPermission(t *testing.T) {
	t.Parallel()
	s, c := client(t)
	document := statementsIn(allowing(`"Action":"kms:Decrypt","Resource":"*"`))
	in := &accessanalyzer.ValidatePolicyInput{PolicyDocument: &document, PolicyType: types.PolicyTypeIdentityPolicy}
	may := accessanalyzer.NewFromConfig(s.User(t, "ann", statementsIn(allowing(`"Action":"access-analyzer:ValidatePolicy","Resource":"*"`))))
	if _, err := may.ValidatePolicy(t.Context(), in); err != nil {
		t.Errorf("a user who may: %v", err)
	}
	none := accessanalyzer.NewFromConfig(s.User(t, "eve", ""))
	if _, err := none.ValidatePolicy(t.Context(), in); garrisontest.ErrorCode(err) != "AccessDeniedException" {
		t.Errorf("a user who may not: %v", err)
	}
	if _, err := c.ListAnalyzers(t.Context(), &accessanalyzer.ListAnalyzersInput{}); garrisontest.ErrorCode(err) != "NotImplemented" {
		t.Errorf("ListAnalyzers = %v, want NotImplemented", err)
	}
}
