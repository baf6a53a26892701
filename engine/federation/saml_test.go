package federation_test

import (
	"strings"
	"testing"
	"time"

	"github.com/beevik/etree"
	"github.com/google/go-cmp/cmp"
	dsig "github.com/russellhaering/goxmldsig"

	"github.com/garrison-cloud/garrison/engine/federation"
)

func TestAssertion(t *testing.T) {
	t.Parallel()
	p := newIDP(t)
	attribute := func(name string, values ...string) string {
		return `<saml:Attribute Name="` + name + `"><saml:AttributeValue>` + strings.Join(values, `</saml:AttributeValue><saml:AttributeValue>`) + `</saml:AttributeValue></saml:Attribute>`
	}
	text := assertionText("_a", "alice", `<saml:AttributeStatement>`, `<saml:AttributeStatement>`+
		attribute(roleAttr, samlIDP+" , arn:aws:iam::111122223333:role/path/two")+
		attribute("https://aws.amazon.com/SAML/Attributes/SourceIdentity", "alice@x")+
		attribute("https://aws.amazon.com/SAML/Attributes/PrincipalTag:Team", "blue")+
		attribute("https://aws.amazon.com/SAML/Attributes/TransitiveTagKeys", "Team")+
		attribute("urn:oid:1.3.6.1.4.1.5923.1.1.1.1", "staff", "member")+
		attribute("urn:oid:2.5.4.3", "Alice"))
	want := &federation.Assertion{
		Issuer: entity, Subject: "alice", Format: "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent", Recipient: endpoint,
		SessionEnds: now.Add(8 * time.Hour),
		Attributes: federation.Attributes{
			Roles:       []federation.RolePair{{Role: "arn:aws:iam::111122223333:role/path/two", Provider: samlIDP}, {Role: samlRole, Provider: samlIDP}},
			SessionName: "session", SourceIdentity: "alice@x", Tags: map[string]string{"Team": "blue"}, Transitive: []string{"Team"},
			Keys: map[string][]string{"saml:edupersonaffiliation": {"staff", "member"}, "saml:cn": {"Alice"}},
		},
	}
	for name, response := range map[string]string{
		"signed assertion":          responseText(p.signedAssertion(t, text)),
		"signed response":           p.signedResponse(t, responseText(text)),
		"both signed":               p.signedResponse(t, responseText(p.signedAssertion(t, text))),
		"white space":               "<?xml version=\"1.0\"?>\n" + responseText(p.signedAssertion(t, text)) + "\n",
		"with a declaration before": `<?xml version="1.0" encoding="UTF-8"?>` + p.signedResponse(t, responseText(text)),
	} {
		got, err := p.metadata(t).Verify(encode(response), now)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		if got.SubjectType() != "persistent" || !got.May(samlRole, samlIDP) || got.May(samlRole, "arn:aws:iam::111122223333:saml-provider/x") {
			t.Errorf("%s: subject type %q, roles %v", name, got.SubjectType(), got.Roles)
		}
	}
}

func TestSAMLAlgorithms(t *testing.T) {
	t.Parallel()
	k := keys()
	for _, tt := range []struct {
		idp  idp
		want bool
	}{
		{idp{k.rsa, certificate(t, k.rsa), dsig.RSASHA256SignatureMethod}, true},
		{idp{k.rsa, certificate(t, k.rsa), dsig.RSASHA512SignatureMethod}, true},
		{idp{k.p256, certificate(t, k.p256), dsig.ECDSASHA256SignatureMethod}, true},
		{idp{k.rsa, certificate(t, k.rsa), dsig.RSASHA1SignatureMethod}, false},
	} {
		response := responseText(tt.idp.signedAssertion(t, assertionText("_a", "alice")))
		if _, err := tt.idp.metadata(t).Verify(encode(response), now); (err == nil) != tt.want {
			t.Errorf("%s: %v, want taken %v", tt.idp.method, err, tt.want)
		}
	}
}

// TestCertificates: any of the metadata's certificates counts, whichever the
// response brings along, and whenever they ended.
func TestCertificates(t *testing.T) {
	t.Parallel()
	p, other := newIDP(t), newIDP(t)
	other.key, other.cert = keys().other, certificate(t, keys().other)
	response := encode(responseText(p.signedAssertion(t, assertionText("_a", "alice"))))
	both, err := federation.ParseMetadata([]byte(metadataOf("", other.cert, p.cert)))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := both.Verify(response, now); err != nil {
		t.Errorf("the second certificate: %v", err)
	}
	if _, err := other.metadata(t).Verify(response, now); err == nil {
		t.Error("another provider's certificate was taken")
	}
	ended, err := federation.ParseMetadata([]byte(metadataOf(`validUntil="2026-03-01T11:59:59Z"`, p.cert)))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ended.Verify(response, now); err == nil {
		t.Error("metadata that has ended was taken")
	}
}

func TestBadAssertions(t *testing.T) {
	t.Parallel()
	p := newIDP(t)
	m := p.metadata(t)
	stamp := func(d time.Duration) string { return now.Add(d).Format(time.RFC3339) }
	for _, tt := range []struct {
		name     string
		old, new string
		reason   federation.Reason
		want     string
	}{
		{"another issuer", entity, "https://evil.example", federation.Invalid, "Issuer not present in specified provider"},
		{"another audience", "urn:amazon:webservices", "urn:other", federation.Invalid, "Response does not contain the required audience."},
		{"an audience that begins like ours", "urn:amazon:webservices", endpoint + ".evil.example", federation.Invalid, "Response does not contain the required audience."},
		{"no audience", `<saml:AudienceRestriction><saml:Audience>urn:amazon:webservices</saml:Audience></saml:AudienceRestriction>`, "", federation.Invalid, "Response does not contain the required audience."},
		{"a second restriction", `</saml:Conditions>`, `<saml:AudienceRestriction><saml:Audience>urn:other</saml:Audience></saml:AudienceRestriction></saml:Conditions>`, federation.Invalid, "Response does not contain the required audience."},
		{"another recipient", `Recipient="` + endpoint, `Recipient="https://evil.example/saml`, federation.Invalid, "The Recipient of the SAML assertion is not a sign-in endpoint"},
		{"issued long ago", `IssueInstant="` + stamp(-time.Minute), `IssueInstant="` + stamp(-5*time.Minute), federation.Expired, "Token must be redeemed within 5 minutes of issuance"},
		{"issued in the future", `IssueInstant="` + stamp(-time.Minute), `IssueInstant="` + stamp(6*time.Minute), federation.Invalid, "Token was issued in the future"},
		{"conditions over", `NotOnOrAfter="` + stamp(4*time.Minute), `NotOnOrAfter="` + stamp(0), federation.Expired, "The SAML assertion has expired"},
		{"conditions to come", `NotBefore="` + stamp(-2*time.Minute), `NotBefore="` + stamp(6*time.Minute), federation.Invalid, "The SAML assertion is not yet valid"},
		{"confirmation over", `NotOnOrAfter="` + stamp(3*time.Minute), `NotOnOrAfter="` + stamp(0), federation.Expired, "The SAML assertion has expired"},
		{"confirmation for ever", `NotOnOrAfter="` + stamp(3*time.Minute) + `"`, "", federation.Invalid, "The SAML assertion has no SubjectConfirmationData with NotOnOrAfter and Recipient"},
		{"a time without a meaning", `NotOnOrAfter="` + stamp(4*time.Minute), `NotOnOrAfter="soon`, federation.Invalid, "Invalid SAMLResponse"},
		{"session over", `SessionNotOnOrAfter="` + stamp(8*time.Hour), `SessionNotOnOrAfter="` + stamp(0), federation.Expired, "The SAML session has expired"},
		{"not for its bearer", "cm:bearer", "cm:sender-vouches", federation.Invalid, "The SAML assertion must have one SubjectConfirmation, for its bearer"},
		{"two confirmations", "</saml:Subject>", `<saml:SubjectConfirmation Method="urn:oasis:names:tc:SAML:2.0:cm:bearer"/></saml:Subject>`, federation.Invalid, "The SAML assertion must have one SubjectConfirmation, for its bearer"},
		{"no name", ">alice<", "><", federation.Invalid, "The SAML assertion has no NameID"},
		{"an element in the name", ">alice<", "><x/>alice<", federation.Invalid, "The SAML assertion has no NameID"},
		{"version 1", `Version="2.0"`, `Version="1.1"`, federation.Invalid, "Invalid SAMLResponse"},
		{"no session name", sessionAttr, "urn:other", federation.Invalid, "RoleSessionName is required in AuthnResponse"},
		{"odd session name", ">session<", ">a b<", federation.Invalid, "RoleSessionName in AuthnResponse must match [a-zA-Z_0-9+=,.@-]{2,64}"},
		{"two session names", ">session<", ">session</saml:AttributeValue><saml:AttributeValue>other<", federation.Invalid, "RoleSessionName in AuthnResponse must match [a-zA-Z_0-9+=,.@-]{2,64}"},
		{"no role", roleAttr, "urn:other", federation.Invalid, "Role is required in AuthnResponse"},
		{"half a role", "," + samlIDP, "", federation.Invalid, "The Role attribute must have pairs of a role's and a provider's ARN"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			response := responseText(p.signedAssertion(t, assertionText("_a", "alice", tt.old, tt.new)))
			_, err := m.Verify(encode(response), now)
			if err == nil {
				t.Fatal("the response was taken")
			}
			if reason, got := message(t, err); got != tt.want || reason != tt.reason {
				t.Errorf("refused for %d, %q, want %d, %q", reason, got, tt.reason, tt.want)
			}
		})
	}
}

// wrapping are the ways to have a response's signature hold, and another assertion
// read (Somorovsky et al., "On Breaking SAML: Be Whoever You Want to Be").
func wrapping(t *testing.T, p *idp) map[string]string {
	t.Helper()
	evil := assertionText("_evil", "mallory")
	good := p.signedAssertion(t, assertionText("_a", "alice"))
	whole := document(t, p.signedResponse(t, responseText(assertionText("_a", "alice"))))
	signature := func(text string) *etree.Element {
		return document(t, text).Root().SelectElement("Signature")
	}
	without := func(text string) string {
		root := document(t, text).Root()
		root.RemoveChild(root.SelectElement("Signature"))
		return write(t, root)
	}
	into := func(text, tag string, child *etree.Element) string {
		root := document(t, text).Root()
		root.FindElement("//" + tag).AddChild(child.Copy())
		return write(t, root)
	}
	evilResponse := func(parts ...*etree.Element) string {
		root := document(t, strings.Replace(responseText(evil), `"_r"`, `"_evil-r"`, 1)).Root()
		for _, part := range parts {
			root.AddChild(part.Copy())
		}
		return write(t, root)
	}
	wholeSignature := whole.Root().SelectElement("Signature")
	bare := document(t, without(write(t, whole.Root()))).Root()
	inSignature := wholeSignature.Copy()
	inSignature.AddChild(bare.Copy())
	inObject := wholeSignature.Copy()
	inObject.CreateElement("ds:Object").AddChild(bare.Copy())
	goodSignature := signature(good)
	goodInSignature := goodSignature.Copy()
	goodInSignature.AddChild(document(t, without(good)).Root().Copy())
	goodInObject := goodSignature.Copy()
	goodInObject.CreateElement("ds:Object").AddChild(document(t, without(good)).Root().Copy())
	sameID := strings.Replace(evil, "_evil", "_a", 1)
	return map[string]string{
		"the signed response in the signature of another": evilResponse(inSignature),
		"the signed response beside another's signature":  evilResponse(bare, wholeSignature),
		"the signed response in an object":                evilResponse(inObject),
		"the whole signed response in another":            evilResponse(whole.Root()),
		"another assertion before":                        responseText(evil, good),
		"another assertion behind":                        responseText(good, evil),
		"another of the same id before":                   responseText(sameID, good),
		"the signed assertion in another":                 responseText(into(evil, "Assertion", document(t, good).Root())),
		"the signed one in another, signature outside":    responseText(into(into(evil, "Assertion", document(t, without(good)).Root()), "Assertion", goodSignature)),
		"the signature moved to another":                  responseText(into(evil, "Assertion", goodSignature), without(good)),
		"the signed assertion in another's signature":     responseText(into(evil, "Assertion", goodInSignature)),
		"the signed assertion in an object":               responseText(into(evil, "Assertion", goodInObject)),
		"another assertion in extensions":                 responseText(`<samlp:Extensions>`+evil+`</samlp:Extensions>`, good),
		"the signed assertion in extensions":              responseText(`<samlp:Extensions>`+good+`</samlp:Extensions>`, evil),
		"the signed assertion in advice":                  responseText(strings.Replace(evil, "<saml:Conditions", "<saml:Advice>"+good+"</saml:Advice><saml:Conditions", 1)),
		"the signature alone at the response":             responseText(without(good), write(t, goodSignature)),
		"another in no namespace":                         responseText(`<Assertion ID="_e"/>`, good),
		"two signatures":                                  responseText(strings.Replace(good, "</saml:Assertion>", write(t, goodSignature)+"</saml:Assertion>", 1)),
	}
}

func TestWrapping(t *testing.T) {
	t.Parallel()
	p := newIDP(t)
	m := p.metadata(t)
	for name, response := range wrapping(t, p) {
		if a, err := m.Verify(encode(response), now); err == nil {
			t.Errorf("%s: taken as %q", name, a.Subject)
		} else {
			message(t, err)
		}
	}
}

func TestForgedResponses(t *testing.T) {
	t.Parallel()
	p, other := newIDP(t), newIDP(t)
	other.key, other.cert = keys().other, certificate(t, keys().other)
	m := p.metadata(t)
	good := p.signedAssertion(t, assertionText("_a", "alice"))
	const broken = "Response signature invalid"
	for _, tt := range []struct{ name, response, want string }{
		{"unsigned", responseText(assertionText("_a", "alice")), broken},
		{"changed", responseText(strings.Replace(good, ">alice<", ">mallory<", 1)), broken},
		{"changed id", responseText(strings.Replace(good, `ID="_a"`, `ID="_b"`, 1)), broken},
		{"reference to everything", responseText(strings.Replace(good, `URI="#_a"`, `URI=""`, 1)), broken},
		{"signed by another", responseText(other.signedAssertion(t, assertionText("_a", "alice"))), broken},
		{"no assertion", responseText(), broken},
		{"two signed assertions", responseText(good, p.signedAssertion(t, assertionText("_b", "alice"))), broken},
		{"the response's signature broken, the assertion's good", strings.Replace(p.signedResponse(t, responseText(good)), `Version="2.0"><samlp`, `Version="2.1"><samlp`, 1), broken},
		{"encrypted", responseText(`<saml:EncryptedAssertion xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion"/>`), "Encrypted assertions are not supported"},
		{"a document type", `<!DOCTYPE x [<!ENTITY e "v">]>` + responseText(good), "Invalid SAMLResponse"},
		{"a processing instruction", responseText(good, `<?x y?>`), "Invalid SAMLResponse"},
		{"a prefix from nowhere", responseText(good, `<zz:x/>`), "Invalid SAMLResponse"},
		{"an odd prefix", responseText(good, `<a:b:c xmlns:a="urn:a"/>`), "Invalid SAMLResponse"},
		{"an id twice", responseText(good, `<samlp:Extensions Id="_a"/>`), "Invalid SAMLResponse"},
		{"two roots", responseText(good) + `<x/>`, "Invalid SAMLResponse"},
		{"deep", strings.Repeat("<x>", 100) + strings.Repeat("</x>", 100), "Invalid SAMLResponse"},
		{"not XML", "hello", "Invalid SAMLResponse"},
		{"an assertion alone", good, "Invalid SAMLResponse"},
		{"the provider says no", strings.Replace(responseText(good), "status:Success", "status:Responder", 1), "The identity provider reported that authentication failed"},
		{"a status missing", `<samlp:Response xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol" ID="_r">` + good + `</samlp:Response>`, "Invalid SAMLResponse"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := m.Verify(encode(tt.response), now)
			if err == nil {
				t.Fatal("the response was taken")
			}
			if _, got := message(t, err); got != tt.want {
				t.Errorf("refused as %q, want %q", got, tt.want)
			}
		})
	}
	for _, text := range []string{"%%%", strings.Repeat("A", 100_001)} {
		if _, err := m.Verify(text, now); err == nil || err.Error() != "Invalid base64 SAMLResponse" {
			t.Errorf("no base64: %v", err)
		}
	}
}

// TestComments: a comment in a name, which canonical XML drops, ends no name.
func TestComments(t *testing.T) {
	t.Parallel()
	p := newIDP(t)
	signed := responseText(p.signedAssertion(t, assertionText("_a", "admin@example.com.evil.example")))
	cut := strings.Replace(signed, ">admin@example.com.evil", ">admin@example.com<!---->.evil", 1)
	if cut == signed {
		t.Fatal("there is no comment in the name")
	}
	a, err := p.metadata(t).Verify(encode(cut), now)
	if err != nil || a.Subject != "admin@example.com.evil.example" {
		t.Errorf("%+v, %v: want the whole name", a, err)
	}
}

func TestMetadata(t *testing.T) {
	t.Parallel()
	p := newIDP(t)
	good := metadataOf(`validUntil="2030-01-01T00:00:00Z"`, p.cert)
	m, err := federation.ParseMetadata([]byte(good))
	if err != nil || m.EntityID != entity || !m.ValidUntil.Equal(time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)) {
		t.Errorf("%+v, %v", m, err)
	}
	for name, document := range map[string]string{
		"no certificate":     metadataOf(""),
		"no entity":          strings.Replace(good, "entityID", "entity", 1),
		"a service provider": strings.ReplaceAll(good, "IDPSSO", "SPSSO"),
		"SAML 1":             strings.Replace(good, "SAML:2.0:protocol", "SAML:1.1:protocol", 1),
		"encryption only":    strings.Replace(good, `use="signing"`, `use="encryption"`, 1),
		"a document type":    "<!DOCTYPE x>" + good,
		"a broken key":       strings.Replace(good, "<ds:X509Certificate>MII", "<ds:X509Certificate>NII", 1),
		"an odd time":        strings.Replace(good, "2030-01-01T00:00:00Z", "later", 1),
		"nothing":            "",
		"a 512-bit like key": metadataOf("", certificate(t, keys().p521)) + "x",
	} {
		if _, err := federation.ParseMetadata([]byte(document)); err == nil {
			t.Errorf("metadata with %s was taken", name)
		}
	}
}

func FuzzResponse(f *testing.F) {
	p := newIDP(f)
	m := p.metadata(f)
	f.Add(responseText(p.signedAssertion(f, assertionText("_a", "alice"))))
	f.Add(p.signedResponse(f, responseText(assertionText("_a", "alice"))))
	f.Add(responseText(assertionText("_a", "mallory")))
	f.Fuzz(func(t *testing.T, response string) {
		a, err := m.Verify(encode(response), now)
		if err != nil {
			message(t, err)
			return
		}
		if a.Subject != "alice" { // all that has ever been signed
			t.Errorf("taken as %q: %s", a.Subject, response)
		}
	})
}

func FuzzMetadata(f *testing.F) {
	f.Add(metadataOf(`validUntil="2030-01-01T00:00:00Z"`, newIDP(f).cert))
	f.Fuzz(func(t *testing.T, document string) {
		m, err := federation.ParseMetadata([]byte(document))
		if err == nil && m.EntityID == "" {
			t.Error("a provider without a name")
		}
	})
}
