package xksproxy

import (
	"strings"
	"testing"
)

// FuzzParse holds that what is taken for a request is within the specification's
// bounds, and that the operations survive it.
func FuzzParse(f *testing.F) {
	const metadata = `"requestMetadata":{"awsPrincipalArn":"a","kmsKeyArn":"k","kmsOperation":"o","kmsRequestId":"r"}`
	f.Add(OpHealth, `{"requestMetadata":{"kmsOperation":"o","kmsRequestId":"r"}}`)
	f.Add(OpEncrypt, `{`+metadata+`,"plaintext":"cA==","encryptionAlgorithm":"AES_GCM","ciphertextDataIntegrityValueAlgorithm":"SHA_256"}`)
	f.Add(OpDecrypt, `{`+metadata+`,"ciphertext":"cA==","encryptionAlgorithm":"AES_GCM","initializationVector":"AAAAAAAAAAAAAAAA","authenticationTag":"AAAAAAAAAAAAAAAAAAAAAA=="}`)
	f.Add(OpMetadata, `{`+metadata+`}{}`)
	p := New(Config{})
	p.AddKey("k")
	f.Fuzz(func(t *testing.T, op, body string) {
		r := parse(op, []byte(body))
		if r == nil {
			return
		}
		if r.Metadata.RequestID == "" || op != OpHealth && r.Metadata.PrincipalARN == "" {
			t.Errorf("%s without who asks is taken: %s", op, body)
		}
		k := *p.keys["k"]
		if sealed, name := p.encrypt(k, r); (sealed == nil) == (name == "") || sealed != nil && len(sealed.Ciphertext) > maxPlaintext {
			t.Errorf("encrypt = %+v, %q", sealed, name)
		}
		if opened, name := decrypt(k, r); opened != nil {
			t.Errorf("a key that has sealed nothing opens %s as %+v, %q", body, opened, name)
		}
	})
}

// FuzzParseSignature holds that a header is taken in one form alone.
func FuzzParseSignature(f *testing.F) {
	f.Add("AWS4-HMAC-SHA256 Credential=A/20211009/us-west-2/kms-xks-proxy/aws4_request, SignedHeaders=host;x-amz-date, Signature=11")
	f.Fuzz(func(t *testing.T, header string) {
		s, ok := parseSignature([]string{header})
		if !ok {
			return
		}
		scope := strings.Join([]string{s.keyID, s.day, s.region, service, "aws4_request"}, "/")
		for _, part := range []string{"Credential=" + scope, "SignedHeaders=" + strings.Join(s.headers, ";"), "Signature=" + s.value} {
			if !strings.Contains(header, part) {
				t.Errorf("%q isn't in %q", part, header)
			}
		}
	})
}
