package wire_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"testing"

	"github.com/fxamacker/cbor/v2"

	"github.com/garrison-cloud/garrison/internal/wire"
)

// decodeAny decodes a body, and tells whether it could be decoded at all.
func decodeAny(s *wire.Service, p wire.Protocol, name string, r *wire.Request) (any, bool) {
	op, _ := s.Operation(name)
	r.Header = http.Header{}
	in, err := s.DecodeOnly(p, op, r)
	return in, err == nil
}

// FuzzJSON holds that nothing is taken that is no JSON, and that what is taken
// can be encoded for CloudTrail as JSON.
func FuzzJSON(f *testing.F) {
	for _, seed := range []string{
		`{"KeyId":"k","Plaintext":"aGk=","EncryptionContext":{"a":"b"},"GrantTokens":["x",null]}`, `{}`, ``, ` {"x":[1,2.5e-3,{"y":null}]} `,
		`{"KeyId":"\ud83d\ude00\n\ud800","DryRun":true}`, `{"KeyId":1}`, `{"Plaintext":"aG\/="}`, `{"KeyId":null,"KeyId":"b"}`,
	} {
		f.Add([]byte(seed))
	}
	s := bind(f, "kms")
	op, _ := s.Operation("Encrypt")
	f.Fuzz(func(t *testing.T, body []byte) {
		in, ok := decodeAny(s, wire.JSON11, "Encrypt", &wire.Request{Body: body})
		if !ok {
			return
		}
		if len(body) > 0 && !json.Valid(body) && !onlySpace(body) {
			t.Errorf("took %q, which is no JSON", body)
		}
		if event := op.AppendAuditInput(nil, in); len(event) > 0 && !json.Valid(event) {
			t.Errorf("the event of %q is %q, which is no JSON", body, event)
		}
	})
}

func onlySpace(b []byte) bool {
	for _, c := range b {
		if c != ' ' && c != '\t' && c != '\n' && c != '\r' {
			return false
		}
	}
	return true
}

// FuzzCBOR holds that nothing is taken that another decoder calls malformed.
func FuzzCBOR(f *testing.F) {
	for _, seed := range []string{
		"\xa0", "\xa1\x69Namespace\x61n", "\xbf\x69Namespace\x61n\x6aMetricData\x9f\xa2\x6aMetricName\x61m\x65Value\xf9\x3c\x00\xff\xff",
		"\xa1\x6aMetricData\x81\xa1\x69Timestamp\xc1\xfb\x41\xd9\x00\x00\x00\x00\x00\x00", "\xa1\x61x\x7f\x61a\x61b\xff",
	} {
		f.Add([]byte(seed))
	}
	s := bind(f, "cloudwatch")
	f.Fuzz(func(t *testing.T, body []byte) {
		if _, ok := decodeAny(s, wire.CBOR, "PutMetricData", &wire.Request{Body: body}); !ok || len(body) == 0 {
			return
		}
		if err := cbor.Wellformed(body); err != nil {
			t.Errorf("took %x: %v", body, err)
		}
	})
}

// FuzzForm holds that both kinds of forms are taken or refused, and no more
// elements come out than parameters went in.
func FuzzForm(f *testing.F) {
	for _, seed := range []string{
		"RoleArn=a&RoleSessionName=b&Tags.member.1.Key=k&Tags.member.1.Value=v&Tags.member.9.Key=x", "Tags=", "Tags.member.01.Key=a",
		"PolicyArns.member.1.arn=a&DurationSeconds=900", "a=b=c&&%41=%42", "Tags.1.Key=z&Tags.member.=q",
	} {
		f.Add(seed)
	}
	s := bind(f, "sts")
	op, _ := s.Operation("AssumeRole")
	f.Fuzz(func(t *testing.T, body string) {
		in, ok := decodeAny(s, wire.Query, "AssumeRole", &wire.Request{Body: []byte(body)})
		if _, err := url.ParseQuery(body); ok && err != nil && body != "" && !semicolons(body) {
			t.Errorf("took %q: %v", body, err)
		}
		if ok {
			op.AppendAuditInput(nil, in)
		}
	})
}

// semicolons are refused by url.ParseQuery, which was once of two minds on them.
func semicolons(s string) bool {
	for i := range len(s) {
		if s[i] == ';' {
			return true
		}
	}
	return false
}

// FuzzXML holds that a body of S3's is taken or refused.
func FuzzXML(f *testing.F) {
	for _, seed := range []string{
		`<Tagging><TagSet><Tag><Key>a</Key><Value>b</Value></Tag></TagSet></Tagging>`, `<a/>`, `<!DOCTYPE a><a/>`, `<a>&lt;</a>`,
		`<Tagging xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><TagSet/></Tagging>`,
	} {
		f.Add([]byte(seed))
	}
	s := bind(f, "s3")
	f.Fuzz(func(t *testing.T, body []byte) {
		for _, op := range []string{"PutBucketTagging", "PutBucketLifecycleConfiguration", "PutBucketMetricsConfiguration", "PutBucketAcl"} {
			decodeAny(s, wire.RestXML, op, &wire.Request{Body: body, RawQuery: "id=x"})
		}
	})
}
