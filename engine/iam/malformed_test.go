package iam_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/garrison-cloud/garrison/engine/iam"
)

// one makes a document of one statement's members.
func one(members string) string {
	return `{"Version":"2012-10-17","Statement":{` + members + `}}`
}

// two makes a document of two statements.
func two(first, second string) string {
	return `{"Version":"2012-10-17","Statement":[{` + first + `},{` + second + `}]}`
}

const (
	syntax  = "Syntax errors in policy."
	legacy  = "The policy failed legacy parsing"
	vendor  = "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc."
	colon   = "Actions/Condition can contain only one colon."
	regexes = "Resource vendor must be fully qualified and cannot contain regexes."
	sids    = "Statement IDs (SID) in a single policy must be unique."
	iamPath = `IAM resource path must either be "*" or start with user/, federated-user/, role/, group/, instance-profile/, mfa/, ` +
		"server-certificate/, policy/, sms-mfa/, saml-provider/, oidc-provider/, report/, access-report/."
	fine = `"Effect":"Allow","Action":"s3:Get*","Resource":"*"`
)

type malformed struct{ document, want string }

var identityFaults = []malformed{
	{``, syntax},
	{`no JSON`, syntax},
	{`[]`, syntax},
	{`{}`, syntax},
	{`{"Version":"2012-10-17"}`, syntax},
	{one(fine) + `{}`, syntax},
	{`{"Version":"2012-10-17","Statement":null}`, syntax},
	{`{"Version":"2012-10-17","Statement":"all"}`, syntax},
	{`{"Version":"2012-10-17","Statement":[]}`, syntax},
	{`{"Version":"2012-10-17","Statement":[1]}`, syntax},
	{`{"Version":"2020-01-01","Statement":{` + fine + `}}`, syntax},
	{`{"Version":2012,"Statement":{` + fine + `}}`, syntax},
	{`{"Id":[],"Statement":{` + fine + `}}`, syntax},
	{`{"Extra":"","Statement":{` + fine + `}}`, syntax},
	{`{"Version":"2012-10-17","Version":"2012-10-17","Statement":{` + fine + `}}`, syntax},
	{`{"Statement":{` + fine + `},"Statement":{` + fine + `}}`, syntax},
	{`{"Statement":{` + fine, syntax},
	{`{"Statement":[{` + fine + `}`, syntax},
	{`{"Statement":[[[[[[[[[[[[1]]]]]]]]]]]]}`, syntax},
	{one(fine + `,"Extra":""`), syntax},
	{one(fine + `,"Action":"s3:Put"`), syntax},
	{one(fine + `,"NotAction":"s3:Put"`), syntax},
	{one(fine + `,"NotResource":"*"`), syntax},
	{one(fine + `,"Sid":{}`), syntax},
	{one(`"Action":"s3:Get","Resource":"*"`), syntax},
	{one(`"Effect":"Maybe","Action":"s3:Get","Resource":"*"`), syntax},
	{one(`"Effect":1,"Action":"s3:Get","Resource":"*"`), syntax},
	{one(`"Effect":"Allow","Action":123,"Resource":"*"`), syntax},
	{one(`"Effect":"Allow","Action":[[]],"Resource":"*"`), syntax},
	{one(`"Effect":"Allow","NotAction":{},"Resource":"*"`), syntax},
	{one(`"Effect":"Allow","Action":"s3:Get","Resource":{"a":"b"}`), syntax},
	{one(`"Effect":"Allow","Action":"s3:Get","NotResource":["adfdf",{}]`), syntax},
	{one(fine + `,"Condition":"a"`), syntax},
	{one(fine + `,"Condition":[]`), syntax},
	{one(fine + `,"Condition":{"StringEquals":"b"}`), syntax},
	{one(fine + `,"Condition":{"StringEquals":{"a":{}}}`), syntax},
	{one(fine + `,"Condition":{"StringEquals":{"a":null}}`), syntax},
	{one(fine + `,"Condition":{"Equals":{"a":"1"}}`), syntax},
	{one(fine + `,"Condition":{"ForAnyValue::StringEquals":{"a":"1"}}`), syntax},
	{one(fine + `,"Condition":{"ForSomeValues:StringEquals":{"a":"1"}}`), syntax},
	{one(fine + `,"Condition":{"NullIfExists":{"a":"true"}}`), syntax},
	{one(fine + `,"Condition":{"ForAllValues:Null":{"a":"true"}}`), syntax},
	{one(fine + `,"Condition":{"StringEquals":{"a":"1","a":"2"}}`), syntax},
	{one(`"Effect":"Allow","Action":"s3:Get","Resource":"arn:aws:s3:::b/${aws:username"`), syntax},
	{one(`"Effect":"Allow","Action":"s3:Get","Resource":"arn:aws:s3:::b/${}"`), syntax},
	{one(`"Effect":"Allow","Action":"s3:Get","Resource":"arn:aws:s3:::b/${a, b}"`), syntax},
	{one(`"Effect":"Allow","Action":"s3:Get","Resource":"arn:aws:s3:::b/${a*}"`), syntax},

	{one(`"Effect":"allow","Action":"s3:Get","Resource":"*"`), legacy},
	{one(`"Effect":"denY","Resource":"*"`), legacy},
	{two(`"Sid":"s","Effect":"aLLow","Action":"s3:Get","Resource":"*"`, `"Sid":"s","Effect":"Allow"`), legacy},
	{one(fine + `,"Condition":{"DateGreaterThan":{"a":"sometime"}}`), legacy},
	{one(fine + `,"Condition":{"DateLessThanEquals":{"a":"234-13"}}`), legacy},
	{one(fine + `,"Condition":{"DateLessThanEquals":{"a":"2016-12-13t2:00:00.593194+1"}}`), legacy},
	{one(fine + `,"Condition":{"DateLessThan":{"a":"9223372036854775808"}}`), legacy},
	{one(fine + `,"Condition":{"NumericEquals":{"a":"1e"}}`), legacy},
	{one(fine + `,"Condition":{"NumericEquals":{"a":"NaN"}}`), legacy},
	{one(fine + `,"Condition":{"NumericEquals":{"a":"1e999"}}`), legacy},
	{one(fine + `,"Condition":{"Bool":{"a":"yes"}}`), legacy},
	{one(fine + `,"Condition":{"Null":{"a":"${b}"}}`), legacy},
	{one(fine + `,"Condition":{"IpAddress":{"a":"10.0.0.0/33"}}`), legacy},
	{one(fine + `,"Condition":{"IpAddress":{"a":"fe80::1%eth0"}}`), legacy},
	{one(fine + `,"Condition":{"BinaryEquals":{"a":"***"}}`), legacy},
	{one(fine + `,"Condition":{"StringLike":{"a":"${b"}}`), legacy},
	{one(`"Effect":"Allow","Action":"s3:Get","Resource":"arn:error:s3:::b","Condition":{"DateEquals":{"a":"x"}}`), legacy},
	{one(`"Effect":"Allow","Resource":"arn:aws:s3::b"`), legacy},
	{one(`"Effect":"Allow","Action":"s3:Get","NotResource":"arn:aws:s3::b"`), legacy},
	{one(`"Effect":"Allow","Action":"s3:Get","Resource":"arn:aws::fdsasf"`), legacy},
	{one(`"Effect":"Allow","Action":"s3:Get","Resource":"arn:aws::::b"`), legacy},
	{one(`"Effect":"Allow","Action":"s3:Get","Resource":"arn:aws:glue:*:${aws:PrincipalAccount}:catalog"`), legacy},

	{two(`"Sid":"s",`+fine, `"Sid":"s","Effect":"Allow"`), sids},
	{one(`"Sid":"no spaces",` + fine), "Statement IDs (SID) must be alpha-numeric. Check that your input satisfies the regular expression [0-9A-Za-z]*"},
	{one(fine + `,"Principal":"*"`), "Policy document should not specify a principal."},
	{one(fine + `,"NotPrincipal":{"AWS":"*"}`), "Policy document should not specify a principal."},
	{one(`"Effect":"Allow"`), "Policy statement must contain actions."},
	{one(`"Effect":"Allow","Resource":"*"`), "Policy statement must contain actions."},
	{one(`"Effect":"Allow","Action":[],"Resource":"*"`), "Policy statement must contain actions."},
	{one(`"Effect":"Allow","Action":"invalid"`), "Policy statement must contain resources."},
	{one(`"Effect":"Allow","Action":"s3:Get","Resource":[]`), "Policy statement must contain resources."},
	{one(`"Effect":"Allow","Action":"s:3:Get","Resource":"sdfsadf"`), `Resource sdfsadf must be in ARN format or "*".`},
	{one(`"Effect":"Allow","Action":"s3:Get","Resource":""`), `Resource  must be in ARN format or "*".`},
	{one(`"Effect":"Allow","Action":"s3:Get","Resource":"a:aws:s3:::b"`), `Resource a:aws:s3:::b must be in ARN format or "*".`},
	{one(`"Effect":"Allow","Action":"s3:Get","Resource":"a:bsdf"`), `Partition "bsdf" is not valid for resource "arn:bsdf:*:*:*:*".`},
	{one(`"Effect":"Allow","Action":"s3:Get","Resource":"a:b:c:d:e:f:g:h"`), `Partition "b" is not valid for resource "arn:b:c:d:e:f:g:h".`},
	{one(`"Effect":"Allow","Action":"s3:Get","Resource":"aws:s3:::b"`), `Partition "s3" is not valid for resource "arn:s3:::b:*".`},
	{one(`"Effect":"Allow","Action":"s3:Get","Resource":"arn:aws2:s3:::b/*"`), `Partition "aws2" is not valid for resource "arn:aws2:s3:::b/*".`},
	{one(`"Effect":"Allow","Action":"s3:Get","Resource":"arn:aws"`), regexes},
	{one(`"Effect":"Allow","Action":"s3:Get","Resource":"arn:aws:s*:::b"`), regexes},
	{one(`"Effect":"Allow","Action":"s3:Get","Resource":"arn:aws:s3:us-east-1::b"`), "Resource arn:aws:s3:us-east-1::b can not contain region information."},
	{one(`"Effect":"Allow","Action":"s3:Get","Resource":"arn:aws:iam:us-east-1::b"`), "IAM resource arn:aws:iam:us-east-1::b cannot contain region information."},
	{one(`"Effect":"Allow","Action":"s3:Get","Resource":"arn:aws:iam:::b"`), iamPath},
	{one(`"Effect":"Allow","Action":"s3:Get","Resource":"arn:aws:iam::123456789012:u*"`), iamPath},
	{one(`"Effect":"Allow","Action":"invalid","Resource":"*"`), vendor},
	{one(`"Effect":"Allow","NotAction":"","Resource":"*"`), vendor},
	{one(`"Effect":"Allow","Action":":Get","Resource":"*"`), "Vendor  is not valid"},
	{one(`"Effect":"Allow","Action":"a a:Get","Resource":"*"`), "Vendor a a is not valid"},
	{one(`"Effect":"Allow","Action":"s3*:Get","Resource":"*"`), "Vendor s3* is not valid"},
	{one(`"Effect":"Allow","Action":"s3:List:Bucket","Resource":"*"`), colon},
	{one(`"Effect":"Allow","Action":["s3s:Get","s:3s:Get"],"Resource":"*"`), colon},
}

const principal1 = `"Principal":{"AWS":"111122223333"},`

var resourceFaults = []malformed{
	{`no JSON`, "This policy contains invalid Json"},
	{`{"Version":"2012-10-17","Statement":{},"Statement":{}}`, "This policy contains invalid Json"},
	{`"text"`, syntax},
	{`{"Version":"1999"}`, "The policy must contain a valid version string"},
	{`{}`, "Missing required field Statement"},
	{`{"Statement":[]}`, "Could not parse the policy: Statement is empty!"},
	{`{"Extra":"","Statement":[]}`, "Unknown field Extra"},
	{one(fine + `,"Extra":""`), "Unknown field Extra"},
	{one(principal1 + `"Action":"s3:Get","Resource":"*"`), "Missing required field Effect"},
	{one(`"Effect":"allow"`), "Invalid effect: allow"},
	{one(`"Effect":"Maybe"`), "Invalid effect: Maybe"},
	{one(fine), "Missing required field Principal"},
	{one(fine + `,"Principal":{}`), "Missing required field Principal cannot be empty!"},
	{one(fine + `,"Principal":{"AWS":[]}`), "Missing required field Principal cannot be empty!"},
	{one(fine + `,"Principal":{"AWS":[{}]}`), syntax},
	{one(fine + `,"Principal":"*","NotPrincipal":"*"`), syntax},
	{one(fine + `,"Principal":"111122223333"`), "Invalid principal in policy"},
	{one(fine + `,"Principal":["*"]`), "Invalid principal in policy"},
	{one(fine + `,"Principal":{"Robot":"r"}`), "Invalid principal in policy"},
	{one(fine + `,"Principal":{"AWS":"1111"}`), "Invalid principal in policy"},
	{one(fine + `,"Principal":{"AWS":"arn:aws:iam::111122223333:user/*"}`), "Invalid principal in policy"},
	{one(fine + `,"Principal":{"AWS":"arn:aws:iam::111122223333:user"}`), "Invalid principal in policy"},
	{one(fine + `,"Principal":{"AWS":"arn:aws:iam::111122223333:root/x"}`), "Invalid principal in policy"},
	{one(fine + `,"Principal":{"AWS":"arn:aws:iam::111122223333:group/g"}`), "Invalid principal in policy"},
	{one(fine + `,"Principal":{"Service":"*"}`), "Invalid principal in policy"},
	{one(fine + `,"Principal":{"Service":"example.com"}`), "Invalid principal in policy"},
	{one(fine + `,"Principal":{"Federated":"*"}`), "Invalid principal in policy"},
	{one(fine + `,"Principal":{"CanonicalUser":""}`), "Invalid principal in policy"},
	{one(fine + `,"NotPrincipal":{"AWS":"111122223333"}`), "Allow with NotPrincipal is not allowed."},
	{one(principal1 + `"Effect":"Allow","Resource":"*"`), "Missing required field Action"},
	{one(principal1 + `"Effect":"Allow","Action":"s3:Get"`), "Missing required field Resource"},
	{one(principal1 + `"Effect":"Allow","Action":"s3:Get","Resource":"b"`), "Policy has invalid resource"},
	{one(principal1 + `"Effect":"Allow","Action":"s3:Get","Resource":"arn:aws:s3:b"`), "Policy has invalid resource"},
	{one(principal1 + `"Effect":"Allow","Action":"s3:Get","Resource":"arn:aws:s3::b"`), "Policy has invalid resource"},
	{one(principal1 + `"Effect":"Allow","Action":"s3:Get","Resource":"x:aws:s3:::b"`), "Policy has invalid resource"},
	{one(principal1 + `"Effect":"Allow","Action":"Get","Resource":"*"`), "Policy has invalid action"},
	{one(principal1 + fine + `,"Condition":{"Equals":{"a":"1"}}`), "Invalid Condition type : Equals"},
	{two(`"Sid":"a b",`+principal1+fine, `"Sid":"a b",`+principal1+fine), "The Statement Ids in the policy are not unique"},
}

const assume = `"Effect":"Allow","Action":"sts:AssumeRole"`

var trustFaults = []malformed{
	{one(assume), "Missing required field Principal"},
	{one(assume + `,"Principal":{"AWS":"arn:aws:iam::1:user/x"}`), `Invalid principal in policy: "AWS":"arn:aws:iam::1:user/x"`},
	{one(assume + `,"Principal":{"Service":"nobody"}`), `Invalid principal in policy: "SERVICE":"nobody"`},
	{one(`"Effect":"Deny","Action":"sts:AssumeRole","NotPrincipal":{"AWS":"*"}`), "AssumeRole policy must not contain NotPrincipal field."},
	{one(principal1 + assume + `,"Resource":"*"`), "Has prohibited field Resource"},
	{one(principal1 + assume + `,"NotResource":"*"`), "AssumeRole policy must not contain resources."},
	{one(principal1 + `"Effect":"Allow","Action":"s3:GetObject"`), "AssumeRole policy may only specify STS AssumeRole actions."},
	{one(principal1 + `"Effect":"Allow","Action":"*"`), "AssumeRole policy may only specify STS AssumeRole actions."},
}

var keyFaults = []malformed{
	{one(fine + `,"Principal":{"AWS":"nobody"}`), "Policy contains a statement with one or more invalid principals."},
}

var sessionFaults = []malformed{
	{one(`"Effect":"Allow","Action":"sqs:*","Resource":"arn:aws:sqs"`), legacy},
}

const unfit = "The provided policy document does not meet the requirements of the specified policy type."

var scpFaults = []malformed{
	{`no JSON`, unfit},
	{one(fine + `,"Principal":"*"`), unfit},
	{one(`"Effect":"Deny"`), unfit},
	{one(`"Effect":"Deny","Action":"x","Resource":"*"`), unfit},
}

var rcpFaults = []malformed{
	{one(`"Effect":"Deny","Action":"s3:*","Resource":"*"`), unfit},
	{one(`"Effect":"Deny","Action":"s3:*","Resource":"*","Principal":{"AWS":"*"}`), unfit},
	{one(`"Effect":"Deny","Action":"s3:*","Resource":"*","NotPrincipal":"*"`), unfit},
	{one(`"Effect":"Deny","NotAction":"s3:*","Resource":"*","Principal":"*"`), unfit},
	{one(`"Effect":"Deny","Action":"*","Resource":"*","Principal":"*"`), unfit},
	{one(`"Effect":"Deny","Action":["s3:*","*"],"Resource":"*","Principal":"*"`), unfit},
	{one(`"Effect":"Allow","Action":"s3:*","Resource":"*","Principal":"*"`), unfit},
	{one(`"Effect":"Allow","Action":"*","NotResource":"*","Principal":"*"`), unfit},
}

// TestMalformed has what each kind of policy is refused for, in AWS's words.
func TestMalformed(t *testing.T) {
	t.Parallel()
	for kind, table := range map[iam.Kind][]malformed{
		iam.IdentityPolicy: identityFaults, iam.BoundaryPolicy: identityFaults, iam.ResourcePolicy: resourceFaults,
		iam.TrustPolicy: trustFaults, iam.KeyPolicy: keyFaults, iam.SessionPolicy: sessionFaults,
		iam.ServiceControlPolicy: scpFaults, iam.ResourceControlPolicy: rcpFaults,
	} {
		for _, tt := range table {
			_, err := iam.Parse(tt.document, kind)
			if bad, ok := errors.AsType[*iam.SyntaxError](err); !ok {
				t.Errorf("kind %d: Parse(%s) = %v, want %q", kind, tt.document, err, tt.want)
			} else if bad.Message != tt.want {
				t.Errorf("kind %d: Parse(%s)\n got %q\nwant %q", kind, tt.document, bad.Message, tt.want)
			}
		}
	}
}

// TestBounds refuses what is larger than any policy of AWS's.
func TestBounds(t *testing.T) {
	t.Parallel()
	many := strings.Repeat("{"+fine+"},", 2000)
	for _, tt := range []struct{ name, document, want string }{
		{"size", `"` + strings.Repeat("x", 128<<10) + `"`, "larger than 131072 bytes"},
		{"statements", `{"Statement":[` + strings.Repeat("{},", 2000) + `{}]}`, "more than 2000 statements"},
		{"both fit", `{"Statement":[` + strings.TrimSuffix(many, ",") + `]}`, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := iam.Parse(tt.document, iam.IdentityPolicy)
			if got := fmt.Sprint(err); tt.want == "" && err != nil || !strings.Contains(got, tt.want) {
				t.Errorf("error = %.80v, want %q", err, tt.want)
			}
		})
	}
}

// TestAccepted has what AWS takes although it looks odd.
func TestAccepted(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		kind     iam.Kind
		document string
	}{
		{iam.IdentityPolicy, `{"Statement":{` + fine + `}}`},
		{iam.IdentityPolicy, `{"Version":"2008-10-17","Id":"x","Statement":[{` + fine + `}]}`},
		{iam.IdentityPolicy, one(fine + `,"Condition":{}`)},
		{iam.IdentityPolicy, one(fine + `,"Condition":{"Unknown":{}}`)},
		{iam.IdentityPolicy, one(fine + `,"Condition":{"DateGreaterThan":{"a":[]}}`)},
		{iam.IdentityPolicy, one(fine + `,"Condition":{"DateLessThan":{"a":"-292275054"}}`)},
		{iam.IdentityPolicy, one(fine + `,"Condition":{"DateLessThanEquals":{"a":"2016-12-13t2:00:00.593194+23"}}`)},
		{iam.IdentityPolicy, one(fine + `,"Condition":{"ForAnyValue:StringEqualsIfExists":{"a":"asf"}}`)},
		{iam.IdentityPolicy, one(`"Effect":"Allow","Action":"iam: asdf safdsf af ","Resource":"arn:aws:s33:::b"`)},
		{iam.IdentityPolicy, one(`"Effect":"Allow","Action":"s3.s-x:Get","Resource":"arn:aws:ec2:region:account-id:instance/*"`)},
		{iam.IdentityPolicy, one(`"Effect":"Allow","Action":"*:*","Resource":["arn:aws:iam:::user/b","arn:aws:iam::*:*","arn:aws:fdsasf"]`)},
		{iam.IdentityPolicy, one(`"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:us-west-2:111122223333:accesspoint/p/object/*"`)},
		{iam.IdentityPolicy, two(`"Sid":"",`+fine, `"Sid":"",`+fine)},
		{iam.ResourcePolicy, one(`"Sid":"a b-c",` + fine + `,"Principal":{"Service":["sns.amazonaws.com","s3.amazonaws.com.cn"]}`)},
		{iam.ResourcePolicy, one(fine + `,"Principal":{"Federated":"arn:aws:iam::111122223333:saml-provider/p"}`)},
		{iam.KeyPolicy, one(fine + `,"Principal":{"AWS":["arn:aws-us-gov:iam::111122223333:role/a/b","AROAEXAMPLEEXAMPLE12"]}`)},
		{iam.TrustPolicy, one(principal1 + `"Effect":"Deny","NotAction":"sts:TagSession"`)},
		{iam.ServiceControlPolicy, one(`"Effect":"Allow","NotAction":"iam:*","NotResource":"arn:aws:s3:::x*"`)},
		{iam.ResourceControlPolicy, one(`"Effect":"Allow","Action":"*","Resource":"*","Principal":"*"`)},
	} {
		if _, err := iam.Parse(tt.document, tt.kind); err != nil {
			t.Errorf("kind %d: Parse(%s) = %v", tt.kind, tt.document, err)
		}
	}
}

func TestVersion(t *testing.T) {
	t.Parallel()
	for document, want := range map[string]string{
		one(fine):                      "2012-10-17",
		`{"Statement":{` + fine + `}}`: "",
		`{"Statement":{` + fine + `},"Version":"2008-10-17"}`: "2008-10-17",
	} {
		p, err := iam.Parse(document, iam.IdentityPolicy)
		if err != nil {
			t.Fatal(err)
		}
		if got := p.Version(); got != want {
			t.Errorf("Version of %s = %q, want %q", document, got, want)
		}
	}
}
