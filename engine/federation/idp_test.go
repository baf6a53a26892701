package federation_test

import (
	"crypto"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/beevik/etree"
	dsig "github.com/russellhaering/goxmldsig"

	"github.com/garrison-cloud/garrison/engine/federation"
)

const (
	entity      = "https://idp.example.com/saml"
	endpoint    = "https://signin.aws.amazon.com/saml"
	samlRole    = "arn:aws:iam::111122223333:role/app"
	samlIDP     = "arn:aws:iam::111122223333:saml-provider/idp"
	roleAttr    = "https://aws.amazon.com/SAML/Attributes/Role"
	sessionAttr = "https://aws.amazon.com/SAML/Attributes/RoleSessionName"
)

// An idp is an identity provider that signs as a test says.
type idp struct {
	key    crypto.Signer
	cert   *x509.Certificate
	method string
}

func newIDP(t testing.TB) *idp {
	return &idp{key: keys().rsa, cert: certificate(t, keys().rsa), method: dsig.RSASHA256SignatureMethod}
}

// metadata describes the provider.
func (p *idp) metadata(t testing.TB) *federation.Metadata {
	t.Helper()
	m, err := federation.ParseMetadata([]byte(metadataOf("", p.cert)))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func metadataOf(attrs string, certs ...*x509.Certificate) string {
	var b strings.Builder
	fmt.Fprintf(&b, `<md:EntityDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata" xmlns:ds="http://www.w3.org/2000/09/xmldsig#" entityID="%s" %s>`, entity, attrs)
	b.WriteString(`<md:IDPSSODescriptor protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol">`)
	for _, c := range certs {
		fmt.Fprintf(&b, `<md:KeyDescriptor use="signing"><ds:KeyInfo><ds:X509Data><ds:X509Certificate>%s</ds:X509Certificate></ds:X509Data></ds:KeyInfo></md:KeyDescriptor>`, base64.StdEncoding.EncodeToString(c.Raw))
	}
	b.WriteString(`</md:IDPSSODescriptor></md:EntityDescriptor>`)
	return b.String()
}

// assertionText is a good assertion, with parts of it replaced: pairs of old and new.
func assertionText(id, subject string, replace ...string) string {
	stamp := func(d time.Duration) string { return now.Add(d).Format(time.RFC3339) }
	text := `<saml:Assertion xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion" ID="` + id + `" Version="2.0" IssueInstant="` + stamp(-time.Minute) + `">` +
		`<saml:Issuer>` + entity + `</saml:Issuer>` +
		`<saml:Subject><saml:NameID Format="urn:oasis:names:tc:SAML:2.0:nameid-format:persistent">` + subject + `</saml:NameID>` +
		`<saml:SubjectConfirmation Method="urn:oasis:names:tc:SAML:2.0:cm:bearer"><saml:SubjectConfirmationData NotOnOrAfter="` + stamp(3*time.Minute) + `" Recipient="` + endpoint + `"/></saml:SubjectConfirmation></saml:Subject>` +
		`<saml:Conditions NotBefore="` + stamp(-2*time.Minute) + `" NotOnOrAfter="` + stamp(4*time.Minute) + `"><saml:AudienceRestriction><saml:Audience>urn:amazon:webservices</saml:Audience></saml:AudienceRestriction></saml:Conditions>` +
		`<saml:AuthnStatement AuthnInstant="` + stamp(-time.Minute) + `" SessionNotOnOrAfter="` + stamp(8*time.Hour) + `"/>` +
		`<saml:AttributeStatement>` +
		`<saml:Attribute Name="` + roleAttr + `"><saml:AttributeValue>` + samlRole + `,` + samlIDP + `</saml:AttributeValue></saml:Attribute>` +
		`<saml:Attribute Name="` + sessionAttr + `"><saml:AttributeValue>` + "session" + `</saml:AttributeValue></saml:Attribute>` +
		`</saml:AttributeStatement></saml:Assertion>`
	out := strings.NewReplacer(replace...).Replace(text)
	if len(replace) > 0 && out == text {
		panic("nothing replaced: " + replace[0])
	}
	return out
}

// responseText wraps assertions.
func responseText(assertions ...string) string {
	return `<samlp:Response xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol" ID="_r" Version="2.0"><samlp:Status><samlp:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:Success"/></samlp:Status>` +
		strings.Join(assertions, "") + `</samlp:Response>`
}

func document(t testing.TB, text string) *etree.Document {
	t.Helper()
	doc := etree.NewDocument()
	if err := doc.ReadFromString(text); err != nil {
		t.Fatal(err)
	}
	return doc
}

// signed returns an element with its signature in it.
func (p *idp) signed(t testing.TB, e *etree.Element) *etree.Element {
	t.Helper()
	ctx, err := dsig.NewSigningContext(p.key, [][]byte{p.cert.Raw})
	if err != nil {
		t.Fatal(err)
	}
	ctx.Canonicalizer = dsig.MakeC14N10ExclusiveCanonicalizerWithPrefixList("")
	if err := ctx.SetSignatureMethod(p.method); err != nil {
		t.Fatal(err)
	}
	out, err := ctx.SignEnveloped(e)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// signedAssertion is the text of an assertion that the provider has signed.
func (p *idp) signedAssertion(t testing.TB, text string) string {
	t.Helper()
	return write(t, p.signed(t, document(t, text).Root()))
}

// signedResponse is a response signed as a whole.
func (p *idp) signedResponse(t testing.TB, text string) string {
	t.Helper()
	return write(t, p.signed(t, document(t, text).Root()))
}

func write(t testing.TB, e *etree.Element) string {
	t.Helper()
	doc := etree.NewDocument()
	doc.SetRoot(e.Copy())
	out, err := doc.WriteToString()
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func encode(text string) string { return base64.StdEncoding.EncodeToString([]byte(text)) }
