package federation

import (
	"encoding/base64"
	"regexp"
	"strings"
	"time"

	"github.com/beevik/etree"
)

// An Assertion is what a SAML identity provider has signed of a user.
type Assertion struct {
	// Issuer is the provider's entity id.
	Issuer string
	// Subject and Format are the NameID's value and format.
	Subject, Format string
	// Recipient is the sign-in endpoint that the assertion is for.
	Recipient string
	// SessionEnds is when the provider's own session is over, zero if it doesn't say.
	SessionEnds time.Time
	Attributes
}

// maxResponse is AssumeRoleWithSAML's own limit of SAMLAssertion, in base64.
const maxResponse = 100_000

// redeemed is how long after it was issued an assertion can be used (IAM User
// Guide, "Configure SAML assertions for the authentication response").
const redeemed = 5 * time.Minute

// Values of SAML 2.0 core and profiles.
const (
	statusSuccess = "urn:oasis:names:tc:SAML:2.0:status:Success"
	bearer        = "urn:oasis:names:tc:SAML:2.0:cm:bearer"
)

// endpoint is the form of AWS's sign-in endpoints, for all Regions and one; with
// the unique id of a provider behind it for those that encrypt (IAM User Guide,
// "Configure SAML assertions for the authentication response").
var endpoint = regexp.MustCompile(`^https://(?:[a-z]{2}(?:-[a-z]+)+-\d+\.)?signin\.aws\.amazon\.com/saml(?:/acs/[A-Z0-9]+)?$`)

// audience is AWS's own entity id.
const audience = "urn:amazon:webservices"

// Verify verifies a response of the provider as it comes by HTTP POST, in base64
// (SAML 2.0 bindings §3.5.4). Of the response only that one assertion is read
// which a signature covers. The error is an *Error.
func (m *Metadata) Verify(response string, now time.Time) (*Assertion, error) {
	raw, err := decode(response)
	if err != nil {
		return nil, err
	}
	root, err := parseXML(raw)
	if err != nil {
		return nil, invalid("Invalid SAMLResponse")
	}
	if err := checkResponse(root); err != nil {
		return nil, err
	}
	if !m.ValidUntil.IsZero() && !now.Before(m.ValidUntil) {
		return nil, invalid("The metadata of the specified provider has expired")
	}
	signed, err := m.signedAssertion(raw, root)
	if err != nil {
		return nil, err
	}
	return m.read(signed, now)
}

func decode(response string) ([]byte, error) {
	if len(response) > maxResponse {
		return nil, invalid("Invalid base64 SAMLResponse")
	}
	raw, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(response), ""))
	if err != nil {
		return nil, invalid("Invalid base64 SAMLResponse")
	}
	return raw, nil
}

// checkResponse holds the whole document to one form, before any signature is
// looked at: a Response with one Assertion as its child, and signatures only as
// children of these two, one each. Whatever wraps, moves or doubles an assertion
// needs another form.
func checkResponse(root *node) error {
	if !root.is(nsProtocol, "Response") {
		return invalid("Invalid SAMLResponse")
	}
	var assertions, encrypted, misplaced int
	root.walk(nil, func(n, above *node) {
		switch {
		case n.name == "EncryptedAssertion":
			encrypted++
		case n.name == "Assertion":
			assertions++
			if above != root || n.space != nsAssertion {
				misplaced++
			}
		case n.name == "Response" && above != nil:
			misplaced++
		case n.name == "Signature":
			if above == nil || n.space != nsSignature || !above.is(nsProtocol, "Response") && !above.is(nsAssertion, "Assertion") || len(above.all(nsSignature, "Signature")) != 1 {
				misplaced++
			}
		}
	})
	switch {
	case encrypted > 0:
		return invalid("Encrypted assertions are not supported")
	case assertions != 1 || misplaced > 0:
		return wrong()
	default:
		return checkStatus(root)
	}
}

// checkStatus: a response that says no is one whoever has written it.
func checkStatus(root *node) error {
	status := root.one(nsProtocol, "Status")
	if status == nil {
		return invalid("Invalid SAMLResponse")
	}
	if code := status.one(nsProtocol, "StatusCode"); code == nil || code.attr("Value") != statusSuccess {
		return &Error{Rejected, "The identity provider reported that authentication failed"}
	}
	return nil
}

// signedAssertion returns the assertion as it was signed: by a signature of its
// own, of the response around it, or both. Each signature that is there must hold.
func (m *Metadata) signedAssertion(raw []byte, root *node) (*node, error) {
	doc := etree.NewDocument()
	if err := doc.ReadFromBytes(raw); err != nil || doc.Root() == nil {
		return nil, invalid("Invalid SAMLResponse")
	}
	var signed *node
	if s := root.one(nsSignature, "Signature"); s != nil {
		whole, err := m.signedNode(doc.Root(), s, root)
		if err != nil {
			return nil, err
		}
		signed = whole.one(nsAssertion, "Assertion")
	}
	assertion := root.one(nsAssertion, "Assertion")
	if s := assertion.one(nsSignature, "Signature"); s != nil {
		element := childElement(doc.Root(), "Assertion")
		if element == nil {
			return nil, wrong()
		}
		own, err := m.signedNode(element, s, assertion)
		if err != nil {
			return nil, err
		}
		signed = own
	}
	if signed == nil || !signed.is(nsAssertion, "Assertion") {
		return nil, wrong()
	}
	return signed, nil
}

// signedNode verifies the signature of an element, and reads anew what was signed.
func (m *Metadata) signedNode(element *etree.Element, signature, owner *node) (*node, error) {
	if err := checkShape(signature, owner); err != nil {
		return nil, err
	}
	text, err := signedBytes(element, m.certificates)
	if err != nil {
		return nil, err
	}
	n, err := parseXML(text)
	if err != nil || !n.is(owner.space, owner.name) || n.attr("ID") != owner.attr("ID") {
		return nil, wrong()
	}
	return n, nil
}

// childElement returns the only child of that name.
func childElement(e *etree.Element, name string) *etree.Element {
	var found *etree.Element
	for _, c := range e.ChildElements() {
		if c.Tag == name {
			if found != nil {
				return nil
			}
			found = c
		}
	}
	return found
}
