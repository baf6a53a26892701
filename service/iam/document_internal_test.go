package iam

import (
	"net/url"
	"strings"
	"testing"

	engine "github.com/garrison-cloud/garrison/engine/iam"
)

// FuzzEncodeDocument shows that any text comes back from its encoded form, which
// has none but RFC 3986's unreserved characters and escapes.
func FuzzEncodeDocument(f *testing.F) {
	f.Add(`{"Version":"2012-10-17"}`)
	f.Add("~é\x00%+ ")
	f.Fuzz(func(t *testing.T, document string) {
		encoded := encodeDocument(document)
		if got, err := url.PathUnescape(encoded); err != nil || got != document {
			t.Errorf("%q came back as %q, %v", document, got, err)
		}
		for i := range len(encoded) {
			if c := encoded[i]; c != '%' && !unreserved(c) {
				t.Errorf("%q has %q", encoded, c)
			}
		}
	})
}

// FuzzRewritePrincipals shows that every trust policy that the engine accepts can
// be rewritten, that this changes principals only, and all of them.
func FuzzRewritePrincipals(f *testing.F) {
	for _, d := range []string{
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":["111122223333","AIDAAAAAAAAAAAAAAAAAA"],"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}]}`,
		`{"Statement":{"Effect":"Deny","NotPrincipal":{"AWS":"arn:aws:iam::111122223333:user/a"},"Action":"*","Condition":{"Null":{"aws:x":"true"}}}}`,
		`{"Statement":{"Effect":"Allow","Principal":"*","Action":"sts:*"}}`,
		`{"Statement":{"Effect":"Allow","Principal":{"AWS":[]},"Action":"sts:*"}}`,
	} {
		f.Add(d)
	}
	f.Fuzz(func(t *testing.T, document string) {
		if _, err := engine.Parse(document, engine.TrustPolicy); err != nil {
			return
		}
		var before []string
		same, err := rewritePrincipals(document, func(name string) string {
			before = append(before, name)
			return name
		})
		if err != nil {
			t.Fatalf("rewrite %s: %v", document, err)
		}
		if _, err := engine.Parse(same, engine.TrustPolicy); err != nil {
			t.Errorf("%s became %s: %v", document, same, err)
		}
		changed, err := rewritePrincipals(same, func(string) string { return "999900001111" })
		if err != nil {
			t.Fatalf("rewrite %s: %v", same, err)
		}
		if got := strings.Count(changed, `"999900001111"`); got < len(before) {
			t.Errorf("%d of %d principals of %s were replaced: %s", got, len(before), document, changed)
		}
	})
}
