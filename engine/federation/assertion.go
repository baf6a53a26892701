package federation

import (
	"strings"
	"time"
)

// read reads a signed assertion, and checks that it is the provider's, for us, and
// for now.
func (m *Metadata) read(n *node, now time.Time) (*Assertion, error) {
	a := &Assertion{}
	issuer, _ := n.one(nsAssertion, "Issuer").value()
	if issuer == "" || issuer != m.EntityID {
		return nil, invalid("Issuer not present in specified provider")
	}
	a.Issuer = issuer
	if n.attr("Version") != "2.0" {
		return nil, invalid("Invalid SAMLResponse")
	}
	for _, check := range []func(*node, time.Time) error{fresh, checkConditions, a.readSubject, a.readSession} {
		if err := check(n, now); err != nil {
			return nil, err
		}
	}
	return a, a.parse(n)
}

// fresh refuses what was issued too long ago, or is yet to be.
func fresh(n *node, now time.Time) error {
	issued, err := parseTime(n.attr("IssueInstant"))
	if err != nil {
		return invalid("Invalid SAMLResponse")
	}
	if now.Add(drift).Before(issued) {
		return invalid("Token was issued in the future")
	}
	if !now.Before(issued.Add(redeemed)) {
		return expired("Token must be redeemed within 5 minutes of issuance")
	}
	return nil
}

// within checks NotBefore and NotOnOrAfter of an element. Their absence is the
// caller's to judge.
func within(n *node, now time.Time) error {
	if v := n.attr("NotBefore"); v != "" {
		begins, err := parseTime(v)
		if err != nil {
			return invalid("Invalid SAMLResponse")
		}
		if now.Add(drift).Before(begins) {
			return invalid("The SAML assertion is not yet valid")
		}
	}
	if v := n.attr("NotOnOrAfter"); v != "" {
		ends, err := parseTime(v)
		if err != nil {
			return invalid("Invalid SAMLResponse")
		}
		if !now.Before(ends) {
			return expired("The SAML assertion has expired")
		}
	}
	return nil
}

// checkConditions: every audience restriction must name us (SAML 2.0 core
// §2.5.1.4), and there must be one.
func checkConditions(n *node, now time.Time) error {
	conditions := n.one(nsAssertion, "Conditions")
	if conditions == nil {
		return invalid("Response does not contain the required audience.")
	}
	if err := within(conditions, now); err != nil {
		return err
	}
	restrictions := conditions.all(nsAssertion, "AudienceRestriction")
	named := len(restrictions) > 0
	for _, r := range restrictions {
		named = named && namesUs(r)
	}
	if !named {
		return invalid("Response does not contain the required audience.")
	}
	return nil
}

func namesUs(restriction *node) bool {
	for _, a := range restriction.all(nsAssertion, "Audience") {
		if v, ok := a.value(); ok && (v == audience || endpoint.MatchString(v)) {
			return true
		}
	}
	return false
}

// readSubject reads the NameID and its one confirmation: whoever bears the
// assertion is the subject, at our endpoint, for a while (SAML 2.0 profiles
// §4.1.4.2).
func (a *Assertion) readSubject(n *node, now time.Time) error {
	subject := n.one(nsAssertion, "Subject")
	if subject == nil {
		return invalid("The SAML assertion has no Subject")
	}
	id := subject.one(nsAssertion, "NameID")
	name, ok := id.value()
	if !ok || name == "" || len(name) > 255 {
		return invalid("The SAML assertion has no NameID")
	}
	a.Subject, a.Format = name, id.attr("Format")
	confirmation := subject.one(nsAssertion, "SubjectConfirmation")
	if confirmation == nil || confirmation.attr("Method") != bearer {
		return invalid("The SAML assertion must have one SubjectConfirmation, for its bearer")
	}
	data := confirmation.one(nsAssertion, "SubjectConfirmationData")
	if data == nil || data.attr("NotOnOrAfter") == "" {
		return invalid("The SAML assertion has no SubjectConfirmationData with NotOnOrAfter and Recipient")
	}
	if a.Recipient = data.attr("Recipient"); !endpoint.MatchString(a.Recipient) {
		return invalid("The Recipient of the SAML assertion is not a sign-in endpoint")
	}
	return within(data, now)
}

// readSession reads when the provider's session ends: ours lasts no longer (STS API
// Reference, AssumeRoleWithSAML).
func (a *Assertion) readSession(n *node, now time.Time) error {
	for _, s := range n.all(nsAssertion, "AuthnStatement") {
		v := s.attr("SessionNotOnOrAfter")
		if v == "" {
			continue
		}
		ends, err := parseTime(v)
		if err != nil {
			return invalid("Invalid SAMLResponse")
		}
		if !now.Before(ends) {
			return expired("The SAML session has expired")
		}
		if a.SessionEnds.IsZero() || ends.Before(a.SessionEnds) {
			a.SessionEnds = ends
		}
	}
	return nil
}

// SubjectType is the format of the NameID as condition keys and answers have it:
// without the prefix of SAML's own formats (STS API Reference, AssumeRoleWithSAML,
// SubjectType).
func (a *Assertion) SubjectType() string {
	return strings.TrimPrefix(a.Format, "urn:oasis:names:tc:SAML:2.0:nameid-format:")
}
