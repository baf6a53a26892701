package wire_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"reflect"
	"strings"
	"testing"

	"github.com/garrison-cloud/garrison/internal/wire"
	"github.com/garrison-cloud/garrison/internal/wire/model"
)

// decode decodes a raw request and returns the error, or nil.
func decode(t *testing.T, s *wire.Service, p wire.Protocol, name string, r *wire.Request) *wire.Error {
	t.Helper()
	op, ok := s.Operation(name)
	if !ok {
		t.Fatalf("no operation %s", name)
	}
	if r.Header == nil {
		r.Header = http.Header{}
	}
	_, err := s.Decode(p, op, r)
	if err == nil {
		return nil
	}
	var e *wire.Error
	if !errors.As(err, &e) {
		t.Fatalf("%s: error %v is a %T, want a *wire.Error", name, err, err)
	}
	return e
}

// A constraintCase is a body that breaks the model's constraints, and the answer.
type constraintCase struct {
	name, service, op, body string
	protocol                wire.Protocol
	code, message           string
}

func (tt *constraintCase) run(t *testing.T) {
	t.Parallel()
	e := decode(t, bind(t, tt.service), tt.protocol, tt.op, &wire.Request{Method: "POST", Body: []byte(tt.body)})
	if e == nil {
		t.Fatalf("%s(%s) was taken, want %s: %s", tt.op, tt.body, tt.code, tt.message)
	}
	if e.Code != tt.code || e.Message != tt.message {
		t.Errorf("%s(%s)\n got %s: %s\nwant %s: %s", tt.op, tt.body, e.Code, e.Message, tt.code, tt.message)
	}
}

func TestJSONConstraints(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("k", 2049)
	for _, tt := range []constraintCase{
		{
			"null", "kms", "Encrypt", `{"Plaintext":"eA=="}`, wire.JSON11,
			"ValidationException", "1 validation error detected: Value null at 'keyId' failed to satisfy constraint: Member must not be null",
		},
		{
			"too short", "kms", "DescribeKey", `{"KeyId":""}`, wire.JSON11,
			"ValidationException", "1 validation error detected: Value '' at 'keyId' failed to satisfy constraint: Member must have length greater than or equal to 1",
		},
		{
			"too long", "kms", "DescribeKey", `{"KeyId":"` + long + `"}`, wire.JSON11,
			"ValidationException", "1 validation error detected: Value '" + long + "' at 'keyId' failed to satisfy constraint: Member must have length less than or equal to 2048",
		},
		{
			"a sensitive value is not repeated", "kms", "Encrypt", `{"KeyId":"k","Plaintext":""}`, wire.JSON11,
			"ValidationException", "1 validation error detected: Value at 'plaintext' failed to satisfy constraint: Member must have length greater than or equal to 1",
		},
		{
			"a blob", "kms", "Decrypt", `{"CiphertextBlob":""}`, wire.JSON11,
			"ValidationException", "1 validation error detected: Value 'java.nio.HeapByteBuffer[pos=0 lim=0 cap=0]' at 'ciphertextBlob' failed to satisfy constraint: Member must have length greater than or equal to 1",
		},
		{
			"two of them", "kms", "Encrypt", `{}`, wire.JSON11,
			"ValidationException", "2 validation errors detected: Value null at 'keyId' failed to satisfy constraint: Member must not be null; Value null at 'plaintext' failed to satisfy constraint: Member must not be null",
		},
		{
			"enum", "kms", "CreateKey", `{"KeyUsage":"SMELL"}`, wire.JSON11,
			"ValidationException", "1 validation error detected: Value 'SMELL' at 'keyUsage' failed to satisfy constraint: Member must satisfy enum value set: [SIGN_VERIFY, ENCRYPT_DECRYPT, GENERATE_VERIFY_MAC, KEY_AGREEMENT]",
		},
		{
			"in a list of structures", "kms", "TagResource", `{"KeyId":"k","Tags":[{"TagKey":"a","TagValue":""},{"TagKey":"","TagValue":""}]}`, wire.JSON11,
			"ValidationException", "1 validation error detected: Value '' at 'tags.2.member.tagKey' failed to satisfy constraint: Member must have length greater than or equal to 1",
		},
		{
			"in a list of strings", "kms", "Encrypt", `{"KeyId":"k","Plaintext":"eA==","GrantTokens":[""]}`, wire.JSON11,
			"ValidationException", "1 validation error detected: Value '[]' at 'grantTokens' failed to satisfy constraint: Member must satisfy constraint: [Member must have length greater than or equal to 1]",
		},
		{
			"number", "kms", "ListKeys", `{"Limit":0}`, wire.JSON11,
			"ValidationException", "1 validation error detected: Value '0' at 'limit' failed to satisfy constraint: Member must have value greater than or equal to 1",
		},
	} {
		t.Run(tt.name, tt.run)
	}
}

func TestFormConstraints(t *testing.T) {
	t.Parallel()
	for _, tt := range []constraintCase{
		{
			"pattern", "sts", "AssumeRole", "RoleArn=arn:aws:iam::111122223333:role/r&RoleSessionName=a+b", wire.Query,
			"ValidationError", `1 validation error detected: Value 'a b' at 'roleSessionName' failed to satisfy constraint: Member must satisfy regular expression pattern: [\w+=,.@-]*`,
		},
		{
			"IAM's own words", "iam", "CreateUser", "UserName=a+b", wire.Query,
			"ValidationError", "The specified value for userName is invalid. It must contain only alphanumeric characters and/or the following: +=,.@_-",
		},
		{
			"IAM's own words for paths", "iam", "CreateUser", "UserName=ab&Path=x", wire.Query,
			"ValidationError", "The specified value for path is invalid. It must begin and end with / and contain only alphanumeric characters and/or / characters.",
		},
		{
			"look-ahead said otherwise", "iam", "CreateAccountAlias", "AccountAlias=a--b", wire.Query,
			"ValidationError", "1 validation error detected: Value 'a--b' at 'accountAlias' failed to satisfy constraint: Member must satisfy regular expression pattern: ^[a-z0-9]([a-z0-9]|-(?!-)){1,61}[a-z0-9]$",
		},
		{
			"EC2's missing parameter", "ec2", "CreateImage", "Name=x", wire.EC2,
			"MissingParameter", "The request must contain the parameter InstanceId",
		},
		{
			"EC2's enum", "ec2", "CreateVolume", "AvailabilityZone=a&VolumeType=gold", wire.EC2,
			"InvalidParameterValue", "Value (gold) for parameter VolumeType is invalid. Member must satisfy enum value set: [standard, io1, io2, gp2, sc1, st1, gp3]",
		},
	} {
		t.Run(tt.name, tt.run)
	}
}

// TestRequiredMembers sends every operation of the JSON and query services an
// empty request: whatever is required must be asked for.
func TestRequiredMembers(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		service  string
		protocol wire.Protocol
		body     string
	}{
		{"kms", wire.JSON11, "{}"},
		{"cloudtrail", wire.JSON11, "{}"},
		{"cloudwatch", wire.JSON10, "{}"},
		{"cloudwatch", wire.CBOR, "\xa0"},
		{"cloudwatch", wire.Query, "Version=2010-08-01"},
		{"sts", wire.Query, "Version=2011-06-15"},
		{"iam", wire.Query, "Version=2010-05-08"},
	} {
		s := bind(t, tt.service)
		table, _ := model.Lookup(tt.service)
		for op := range s.Operations() {
			m, _ := table.Operation(op.Name)
			e := decode(t, s, tt.protocol, op.Name, &wire.Request{Method: "POST", Body: []byte(tt.body)})
			want := requiredOf(table, m.Input.Shape)
			if len(want) == 0 {
				if e != nil {
					t.Errorf("%s.%s requires nothing, but says %v", tt.service, op.Name, e)
				}
				continue
			}
			if e == nil {
				t.Errorf("%s.%s takes an empty request, but requires %v", tt.service, op.Name, want)
				continue
			}
			for _, name := range want {
				if !strings.Contains(e.Message, fmt.Sprintf("Value null at '%s' failed", strings.ToLower(name[:1])+name[1:])) {
					t.Errorf("%s.%s does not ask for %s: %v", tt.service, op.Name, name, e)
				}
			}
		}
	}
}

func requiredOf(t *model.Table, shape string) (names []string) {
	s, ok := t.Shape(shape)
	if !ok {
		return nil
	}
	for _, m := range s.Members {
		if m.Required {
			names = append(names, m.Name)
		}
	}
	return names
}

// TestRequiredMembersAreSeen holds that nothing required is a Go number or bool
// without a pointer, whose absence could not be seen, but in what is not served or seen otherwise.
func TestRequiredMembersAreSeen(t *testing.T) {
	t.Parallel()
	for name := range clients() {
		s := bind(t, name)
		table, _ := model.Lookup(name)
		for op := range s.Operations() {
			switch name + "." + op.Name {
			case "ssm.CreateMaintenanceWindow":
				continue
			case "sqs.ChangeMessageVisibility": // SQS itself looks into the request for it
				continue
			}
			m, _ := table.Operation(op.Name)
			for _, member := range requiredOf(table, m.Input.Shape) {
				f, ok := op.In.FieldByName(strings.ToUpper(member[:1]) + member[1:])
				if ok && (f.Type.Kind() == reflect.Bool || f.Type.Kind() == reflect.Int32 || f.Type.Kind() == reflect.Int64) {
					t.Errorf("%s.%s: %s is required, but a %s", name, op.Name, member, f.Type)
				}
			}
		}
	}
}

func TestS3Constraints(t *testing.T) {
	t.Parallel()
	s := bind(t, "s3")
	bucket := map[string]string{"Bucket": "b", "Key": "k"}
	for _, tt := range []struct {
		name, op string
		req      wire.Request
		code     string
	}{
		{"no body", "PutBucketTagging", wire.Request{}, "MissingRequestBodyError"},
		{"not XML", "PutBucketTagging", wire.Request{Body: []byte("<Tagging")}, "MalformedXML"},
		{"a document type", "PutBucketTagging", wire.Request{Body: []byte(`<!DOCTYPE x [<!ENTITY a "b">]><Tagging><TagSet></TagSet></Tagging>`)}, "MalformedXML"},
		{"something after the end", "PutBucketTagging", wire.Request{Body: []byte(`<Tagging><TagSet></TagSet></Tagging><x/>`)}, "MalformedXML"},
		{"a required element is missing", "PutBucketTagging", wire.Request{Body: []byte(`<Tagging><TagSet><Tag><Key>a</Key></Tag></TagSet></Tagging>`)}, "MalformedXML"},
		{"good", "PutBucketTagging", wire.Request{Body: []byte(`<Tagging><TagSet><Tag><Key>a</Key><Value/></Tag></TagSet></Tagging>`)}, ""},
		{"storage class", "PutObject", wire.Request{Header: http.Header{"X-Amz-Storage-Class": {"ATTIC"}}}, "InvalidStorageClass"},
		{"acl", "PutObject", wire.Request{Header: http.Header{"X-Amz-Acl": {"everybody"}}}, "InvalidArgument"},
		{"a number in the query", "ListObjectsV2", wire.Request{RawQuery: "list-type=2&max-keys=many"}, "InvalidArgument"},
		{"location", "CreateBucket", wire.Request{Body: []byte(`<CreateBucketConfiguration><LocationConstraint>atlantis</LocationConstraint></CreateBucketConfiguration>`)}, "InvalidLocationConstraint"},
		{"a missing header", "CopyObject", wire.Request{}, "InvalidRequest"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			tt.req.Labels = bucket
			code := ""
			if e := decode(t, s, wire.RestXML, tt.op, &tt.req); e != nil {
				code = e.Code
			}
			if code != tt.code {
				t.Errorf("%s: code %q, want %q", tt.op, code, tt.code)
			}
		})
	}
}

func TestMalformedBodies(t *testing.T) {
	t.Parallel()
	deep := strings.Repeat(`{"x":`, 10_000) + "1" + strings.Repeat("}", 10_000)
	for _, tt := range []struct{ name, op, body, message string }{
		{"not JSON", "Encrypt", `KeyId=1`, "Unexpected token received from parser"},
		{"cut short", "Encrypt", `{"KeyId":"a`, "Unexpected token received from parser"},
		{"more behind it", "Encrypt", `{} {}`, "Unexpected token received from parser"},
		{"a list", "Encrypt", `[]`, "Start of list found where not expected"},
		{"a number for a string", "Encrypt", `{"KeyId":1}`, "NUMBER_VALUE can not be converted to a String"},
		{"true for a string", "Encrypt", `{"KeyId":true}`, "TRUE_VALUE can not be converted to a String"},
		{"an object for a string", "Encrypt", `{"KeyId":{}}`, "Start of structure or map found where not expected."},
		{"a list for a map", "Encrypt", `{"EncryptionContext":[]}`, "Start of list found where not expected"},
		{"a string for a list", "Encrypt", `{"GrantTokens":"x"}`, "STRING_VALUE can not be converted to a List"},
		{"a string for a number", "ListKeys", `{"Limit":"1"}`, "STRING_VALUE can not be converted to an Integer"},
		{"a fraction for an integer", "ListKeys", `{"Limit":1.5}`, "NUMBER_VALUE can not be converted to an Integer"},
		{"more than an int32", "ListKeys", `{"Limit":2147483648}`, "NUMBER_VALUE can not be converted to an Integer"},
		{"a string for a bool", "CreateKey", `{"MultiRegion":"true"}`, "STRING_VALUE can not be converted to a Boolean"},
		{"a leading zero", "ListKeys", `{"Limit":01}`, "Unexpected token received from parser"},
		{"a raw control character", "Encrypt", "{\"KeyId\":\"a\nb\"}", "Unexpected token received from parser"},
		{"not UTF-8", "Encrypt", "{\"KeyId\":\"\xff\"}", "Invalid UTF-8"},
		{"not base64", "Encrypt", `{"Plaintext":"***"}`, "Invalid base64 data"},
		{"base64 with a line break", "Encrypt", `{"Plaintext":"aGVs\nbG8="}`, "Invalid base64 data"},
		{"too deep", "Encrypt", deep, "Nesting is too deep"},
		{"a time as a string", "ImportKeyMaterial", `{"ValidTo":"2026-01-01"}`, "STRING_VALUE can not be converted to milliseconds since epoch"},
		{"a time out of range", "ImportKeyMaterial", `{"ValidTo":1e300}`, "NUMBER_VALUE can not be converted to milliseconds since epoch"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			e := decode(t, bind(t, "kms"), wire.JSON11, tt.op, &wire.Request{Body: []byte(tt.body)})
			if e == nil || e.Code != "SerializationException" || e.Message != tt.message {
				t.Errorf("%s(%.60s) = %v, want SerializationException: %s", tt.op, tt.body, e, tt.message)
			}
		})
	}
}

func TestMalformedForms(t *testing.T) {
	t.Parallel()
	for _, body := range []string{
		"DurationSeconds=x", "DurationSeconds=9999999999", "RoleArn=%zz",
		url.QueryEscape("Tags.member.1" + strings.Repeat(".x", 100)),
	} {
		e := decode(t, bind(t, "sts"), wire.Query, "AssumeRole", &wire.Request{Body: []byte(body)})
		if e == nil || e.Code != "MalformedInput" && e.Code != "ValidationError" {
			t.Errorf("AssumeRole(%.40s) = %v, want it refused", body, e)
		}
	}
}

// TestAmplification sends bodies whose elements take far more memory than bytes.
func TestAmplification(t *testing.T) {
	t.Parallel()
	const n = 1 << 20
	s := bind(t, "cloudwatch")
	json := `{"Namespace":"n","MetricData":[` + strings.Repeat("{},", n) + "{}]}"
	if e := decode(t, s, wire.JSON10, "PutMetricData", &wire.Request{Body: []byte(json)}); e == nil || e.Message != "Too many elements" {
		t.Errorf("%d empty structures in JSON: %.80v, want them refused", n, e)
	}
	cbor := "\xa1\x6aMetricData\x9f" + strings.Repeat("\xa0", n) + "\xff"
	if e := decode(t, s, wire.CBOR, "PutMetricData", &wire.Request{Body: []byte(cbor)}); e == nil || e.Message != "Too many elements" {
		t.Errorf("%d empty structures in CBOR: %.80v, want them refused", n, e)
	}
}
