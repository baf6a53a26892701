package federation

import (
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"strings"
	"time"
)

// Namespaces (SAML 2.0 core, metadata; XML Signature).
const (
	nsAssertion = "urn:oasis:names:tc:SAML:2.0:assertion"
	nsProtocol  = "urn:oasis:names:tc:SAML:2.0:protocol"
	nsMetadata  = "urn:oasis:names:tc:SAML:2.0:metadata"
	nsSignature = "http://www.w3.org/2000/09/xmldsig#"
)

// maxCertificates is how many signing certificates metadata may have.
const maxCertificates = 20

// Metadata is what a SAML identity provider says of itself. It never changes.
type Metadata struct {
	// EntityID is the issuer of its assertions.
	EntityID string
	// ValidUntil is when the metadata ends, zero if it doesn't say.
	ValidUntil time.Time
	// certificates hold the keys that it signs with. When they were made for matters
	// to nobody: metadata is trusted because an administrator has uploaded it, and
	// AWS does not look at their dates either (IAM User Guide, "Create a SAML identity
	// provider in IAM").
	certificates []*x509.Certificate
}

var errMetadata = errors.New("could not parse metadata")

// ParseMetadata reads a metadata document: an EntityDescriptor with an
// IDPSSODescriptor for SAML 2.0 that has certificates to sign with (SAML 2.0
// metadata §2.3, §2.4).
func ParseMetadata(document []byte) (*Metadata, error) {
	root, err := parseXML(document)
	if err != nil {
		return nil, err
	}
	m := &Metadata{EntityID: strings.TrimSpace(root.attr("entityID"))}
	idp := root.one(nsMetadata, "IDPSSODescriptor")
	if !root.is(nsMetadata, "EntityDescriptor") || m.EntityID == "" || len(m.EntityID) > 1024 || idp == nil ||
		!strings.Contains(" "+idp.attr("protocolSupportEnumeration")+" ", " "+nsProtocol+" ") {
		return nil, errMetadata
	}
	if v := root.attr("validUntil"); v != "" {
		if m.ValidUntil, err = parseTime(v); err != nil {
			return nil, errMetadata
		}
	}
	for _, k := range idp.all(nsMetadata, "KeyDescriptor") {
		if use := k.attr("use"); use != "" && use != "signing" {
			continue
		}
		if err := m.addKeys(k); err != nil {
			return nil, err
		}
	}
	if len(m.certificates) == 0 || len(m.certificates) > maxCertificates {
		return nil, errMetadata
	}
	return m, nil
}

// addKeys takes the certificates of a KeyDescriptor.
func (m *Metadata) addKeys(k *node) error {
	for _, info := range k.all(nsSignature, "KeyInfo") {
		for _, data := range info.all(nsSignature, "X509Data") {
			for _, c := range data.all(nsSignature, "X509Certificate") {
				if err := m.addCertificate(c); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func (m *Metadata) addCertificate(c *node) error {
	v, _ := c.value()
	raw, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(v), ""))
	if err != nil {
		return errMetadata
	}
	parsed, err := x509.ParseCertificate(raw)
	if err != nil || !strong(parsed) {
		return errMetadata
	}
	m.certificates = append(m.certificates, parsed)
	return nil
}

// strong refuses keys that sign nothing worth believing, and those that take
// minutes to compute with.
func strong(c *x509.Certificate) bool {
	switch key := c.PublicKey.(type) {
	case *rsa.PublicKey:
		return key.N.BitLen() >= 1024 && key.N.BitLen() <= maxModulus
	case *ecdsa.PublicKey:
		return curves[key.Curve.Params().Name] != ""
	default:
		return false
	}
}

// parseTime reads an xs:dateTime, which is UTC in SAML (SAML 2.0 core §1.3.3).
func parseTime(v string) (time.Time, error) {
	return time.Parse(time.RFC3339Nano, strings.TrimSpace(v))
}
