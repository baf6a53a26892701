package sts_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha1"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/beevik/etree"
	dsig "github.com/russellhaering/goxmldsig"

	"github.com/garrison-cloud/garrison/internal/garrisontest"
)

const (
	entityID   = "https://idp.example.com/saml"
	withSAML   = `"sts:AssumeRoleWithSAML"`
	samlSignIn = "https://signin.aws.amazon.com/saml"
)

// An idp is a SAML identity provider.
type idp struct {
	t    testing.TB
	key  *ecdsa.PrivateKey
	cert []byte
	now  func() time.Time
}

func newIDP(t testing.TB, srv *garrisontest.Server) *idp {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "idp"}, NotBefore: srv.Clock.Now(), NotAfter: srv.Clock.Now().AddDate(1, 0, 0)}
	cert, err := x509.CreateCertificate(rand.Reader, c, c, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return &idp{t: t, key: key, cert: cert, now: srv.Clock.Now}
}

func (p *idp) metadata() *string {
	return aws.String(`<?xml version="1.0"?><md:EntityDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata" xmlns:ds="http://www.w3.org/2000/09/xmldsig#" entityID="` + entityID + `">
<!--` + strings.Repeat(" padding", 100) + `-->
<md:IDPSSODescriptor protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol"><md:KeyDescriptor use="signing"><ds:KeyInfo><ds:X509Data><ds:X509Certificate>` +
		base64.StdEncoding.EncodeToString(p.cert) + `</ds:X509Certificate></ds:X509Data></ds:KeyInfo></md:KeyDescriptor></md:IDPSSODescriptor></md:EntityDescriptor>`)
}

// register makes the provider one of the account of c.
func (p *idp) register(c aws.Config) string {
	p.t.Helper()
	out, err := iam.NewFromConfig(c).CreateSAMLProvider(p.t.Context(), &iam.CreateSAMLProviderInput{Name: aws.String("corp"), SAMLMetadataDocument: p.metadata()})
	if err != nil {
		p.t.Fatal(err)
	}
	return *out.SAMLProviderArn
}

// A login is what a test wants a response to say.
type login struct {
	role, provider, subject string
	attributes              string
	audience                string
	session                 time.Duration
	change                  func(signed string) string
}

func attribute(name, value string) string {
	return `<saml:Attribute Name="` + name + `"><saml:AttributeValue>` + value + `</saml:AttributeValue></saml:Attribute>`
}

const awsAttribute = "https://aws.amazon.com/SAML/Attributes/"

// response is a signed response.
func (p *idp) response(l login) *string {
	p.t.Helper()
	stamp := func(d time.Duration) string { return p.now().Add(d).UTC().Format(time.RFC3339) }
	if l.audience == "" {
		l.audience = samlSignIn
	}
	if l.session == 0 {
		l.session = 8 * time.Hour
	}
	doc := etree.NewDocument()
	err := doc.ReadFromString(`<saml:Assertion xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion" ID="_1" Version="2.0" IssueInstant="` + stamp(-time.Second) + `"><saml:Issuer>` + entityID + `</saml:Issuer>
<saml:Subject><saml:NameID Format="urn:oasis:names:tc:SAML:2.0:nameid-format:persistent">` + l.subject + `</saml:NameID><saml:SubjectConfirmation Method="urn:oasis:names:tc:SAML:2.0:cm:bearer">
<saml:SubjectConfirmationData NotOnOrAfter="` + stamp(4*time.Minute) + `" Recipient="` + samlSignIn + `"/></saml:SubjectConfirmation></saml:Subject>
<saml:Conditions NotBefore="` + stamp(-time.Minute) + `" NotOnOrAfter="` + stamp(4*time.Minute) + `"><saml:AudienceRestriction><saml:Audience>` + l.audience + `</saml:Audience></saml:AudienceRestriction></saml:Conditions>
<saml:AuthnStatement SessionNotOnOrAfter="` + stamp(l.session) + `"/><saml:AttributeStatement>` +
		attribute(awsAttribute+"Role", l.role+","+l.provider) + attribute(awsAttribute+"RoleSessionName", "alice@corp") + l.attributes + `</saml:AttributeStatement></saml:Assertion>`)
	if err != nil {
		p.t.Fatal(err)
	}
	ctx, err := dsig.NewSigningContext(p.key, [][]byte{p.cert})
	if err != nil {
		p.t.Fatal(err)
	}
	ctx.Canonicalizer = dsig.MakeC14N10ExclusiveCanonicalizerWithPrefixList("")
	if err := ctx.SetSignatureMethod(dsig.ECDSASHA256SignatureMethod); err != nil {
		p.t.Fatal(err)
	}
	signed, err := ctx.SignEnveloped(doc.Root())
	if err != nil {
		p.t.Fatal(err)
	}
	doc.SetRoot(signed)
	text, err := doc.WriteToString()
	if err != nil {
		p.t.Fatal(err)
	}
	if l.change != nil {
		text = l.change(text)
	}
	return aws.String(base64.StdEncoding.EncodeToString([]byte(`<samlp:Response xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol" ID="_r" Version="2.0"><samlp:Status><samlp:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:Success"/></samlp:Status>` + text + `</samlp:Response>`)))
}

func TestSAMLAtWork(t *testing.T) {
	t.Parallel()
	srv := garrisontest.Start(t)
	p := newIDP(t, srv)
	provider := p.register(srv.Config)
	all := `["sts:AssumeRoleWithSAML","sts:TagSession","sts:SetSourceIdentity"]`
	sum := sha1.Sum([]byte(entityID + garrisontest.Account + "/corp"))
	qualifier := base64.StdEncoding.EncodeToString(sum[:])
	role := newRole(t, srv, "app", federates(all, provider, `{"StringEquals":{"SAML:aud":"`+samlSignIn+`","saml:iss":"`+entityID+`","saml:sub":"alice","saml:sub_type":"persistent",
		"saml:doc":"`+garrisontest.Account+`/corp","saml:namequalifier":"`+qualifier+`","aws:RequestTag/team":"blue"},"ForAllValues:StringLike":{"saml:edupersonaffiliation":["staff"]}}`))
	out, err := unsigned(srv).AssumeRoleWithSAML(t.Context(), &sts.AssumeRoleWithSAMLInput{RoleArn: &role, PrincipalArn: &provider, DurationSeconds: aws.Int32(1800), SAMLAssertion: p.response(login{
		role: role, provider: provider, subject: "alice", session: 20 * time.Minute,
		attributes: attribute("urn:oid:1.3.6.1.4.1.5923.1.1.1.1", "staff") + attribute(awsAttribute+"PrincipalTag:team", "blue") + attribute(awsAttribute+"SourceIdentity", "alice"),
	})})
	if err != nil {
		t.Fatal(err)
	}
	if *out.Subject != "alice" || *out.SubjectType != "persistent" || *out.Issuer != entityID || *out.Audience != samlSignIn || *out.NameQualifier != qualifier ||
		*out.SourceIdentity != "alice" || *out.AssumedRoleUser.Arn != "arn:aws:sts::"+garrisontest.Account+":assumed-role/app/alice@corp" {
		t.Errorf("answer: %s %s %s %s %s %s %s", *out.Subject, *out.SubjectType, *out.Issuer, *out.Audience, *out.NameQualifier, *out.SourceIdentity, *out.AssumedRoleUser.Arn)
	}
	if got := out.Credentials.Expiration.Sub(srv.Clock.Now()); got > 20*time.Minute || got < 19*time.Minute {
		t.Errorf("lasts %s, want as long as the provider's session", got)
	}
	if got := list(t, with(srv, out.Credentials)); got != "" {
		t.Errorf("what the role may: code %q", got)
	}
}

func TestSAMLRefusals(t *testing.T) {
	t.Parallel()
	srv := garrisontest.Start(t)
	p := newIDP(t, srv)
	provider := p.register(srv.Config)
	role := newRole(t, srv, "app", federates(withSAML, provider, ""))
	closed := newRole(t, srv, "closed", federates(withSAML, provider+"x", ""))
	const bad = "InvalidIdentityToken"
	good := login{role: role, provider: provider, subject: "alice"}
	change := func(fn func(*login)) *string {
		l := good
		fn(&l)
		return p.response(l)
	}
	foreign := "arn:aws:iam::" + garrisontest.OtherAccount + ":saml-provider/corp"
	for _, tt := range []struct {
		name, role, provider string
		response             *string
		code, want           string
	}{
		{"good", role, provider, p.response(good), "", ""},
		{"changed", role, provider, change(func(l *login) {
			l.change = func(s string) string { return strings.Replace(s, ">alice<", ">root<", 1) }
		}), bad, "Response signature invalid"},
		{"unsigned", role, provider, change(func(l *login) {
			l.change = func(s string) string {
				return s[:strings.Index(s, "<ds:Signature")] + s[strings.Index(s, "</ds:Signature>")+len("</ds:Signature>"):]
			}
		}), bad, "Response signature invalid"},
		{"two assertions", role, provider, change(func(l *login) {
			l.change = func(s string) string { return strings.ReplaceAll(s, "_1", "_2") + s }
		}), bad, "Response signature invalid"},
		{"wrong audience", role, provider, change(func(l *login) { l.audience = "https://other" }), bad, "Response does not contain the required audience."},
		{"another provider's key", role, provider, newIDP(t, srv).response(good), bad, "Response signature invalid"},
		{"no such provider", role, provider + "x", p.response(good), bad, "Specified provider doesn't exist"},
		{"another account's provider", role, foreign, p.response(good), bad, "Specified provider doesn't exist"},
		{"a role that is not the user's", closed, provider, p.response(good), "AccessDenied", "Not authorized to perform sts:AssumeRoleWithSAML"},
		{"a role that trusts another", closed, provider, change(func(l *login) { l.role = closed }), "AccessDenied", "Not authorized to perform sts:AssumeRoleWithSAML"},
		{"tags without leave", role, provider, change(func(l *login) { l.attributes = attribute(awsAttribute+"PrincipalTag:a", "b") }), "AccessDenied", "Not authorized to perform sts:TagSession"},
		{"no base64", role, provider, aws.String("%%%%"), bad, "Invalid base64 SAMLResponse"},
	} {
		_, err := unsigned(srv).AssumeRoleWithSAML(t.Context(), &sts.AssumeRoleWithSAMLInput{RoleArn: &tt.role, PrincipalArn: &tt.provider, SAMLAssertion: tt.response})
		if got := garrisontest.ErrorCode(err); got != tt.code || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %s with %q", tt.name, err, tt.code, tt.want)
		}
	}
	late := p.response(good)
	srv.Clock.Advance(5 * time.Minute)
	_, err := unsigned(srv).AssumeRoleWithSAML(t.Context(), &sts.AssumeRoleWithSAMLInput{RoleArn: &role, PrincipalArn: &provider, SAMLAssertion: late})
	if garrisontest.ErrorCode(err) != "ExpiredTokenException" || !strings.Contains(err.Error(), "Token must be redeemed within 5 minutes of issuance") {
		t.Errorf("five minutes late: %v", err)
	}
}
