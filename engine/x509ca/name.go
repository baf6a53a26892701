package x509ca

import (
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// An Attribute is one attribute of a distinguished name.
type Attribute struct{ OID, Value string }

// The attributes of names (RFC 5280 Appendix A.1, RFC 4519).
const (
	Country            = "2.5.4.6"
	Organization       = "2.5.4.10"
	OrganizationalUnit = "2.5.4.11"
	Qualifier          = "2.5.4.46"
	State              = "2.5.4.8"
	CommonName         = "2.5.4.3"
	SerialNumber       = "2.5.4.5"
	Locality           = "2.5.4.7"
	Title              = "2.5.4.12"
	Surname            = "2.5.4.4"
	GivenName          = "2.5.4.42"
	Initials           = "2.5.4.43"
	Pseudonym          = "2.5.4.65"
	Generation         = "2.5.4.44"
	DomainComponent    = "0.9.2342.19200300.100.1.25"
)

// ErrOID says: a text is no object identifier.
var ErrOID = errors.New("not an object identifier")

// ParseOID reads an identifier such as "2.5.4.3".
func ParseOID(text string) (asn1.ObjectIdentifier, error) {
	parts := strings.Split(text, ".")
	oid := make(asn1.ObjectIdentifier, len(parts))
	for i, p := range parts {
		n, err := strconv.ParseUint(p, 10, 31)
		if err != nil {
			return nil, fmt.Errorf("%q: %w", text, ErrOID)
		}
		oid[i] = int(n)
	}
	if len(oid) < 2 || oid[0] > 2 || oid[0] < 2 && oid[1] > 39 {
		return nil, fmt.Errorf("%q: %w", text, ErrOID)
	}
	return oid, nil
}

// Name encodes a distinguished name, in the given order; attributes without a value
// are left out.
func Name(attributes []Attribute) ([]byte, error) {
	seq := pkix.RDNSequence{}
	for _, a := range attributes {
		if a.Value == "" {
			continue
		}
		oid, err := ParseOID(a.OID)
		if err != nil {
			return nil, err
		}
		seq = append(seq, []pkix.AttributeTypeAndValue{{Type: oid, Value: a.Value}})
	}
	der, err := asn1.Marshal(seq)
	if err != nil {
		return nil, fmt.Errorf("encode a name: %w", err)
	}
	return der, nil
}

// A GeneralName is one name of the kinds of RFC 5280 §4.2.1.6, encoded.
type GeneralName = asn1.RawValue

// The tags of general names.
const (
	tagOther      = 0
	tagEmail      = 1
	tagDNS        = 2
	tagDirectory  = 4
	tagEDIParty   = 5
	tagURI        = 6
	tagIP         = 7
	tagRegistered = 8
)

func tagged(tag int, compound bool, bytes []byte) GeneralName {
	return GeneralName{Class: asn1.ClassContextSpecific, Tag: tag, IsCompound: compound, Bytes: bytes}
}

// ErrName says: a value is no name of its kind.
var ErrName = errors.New("not a valid name")

func ascii(tag int, value string) (GeneralName, error) {
	for i := range len(value) {
		if value[i] < 0x20 || value[i] > 0x7e {
			return GeneralName{}, fmt.Errorf("%q: %w", value, ErrName)
		}
	}
	return tagged(tag, false, []byte(value)), nil
}

// DNS is a host's name.
func DNS(name string) (GeneralName, error) { return ascii(tagDNS, name) }

// Email is a mailbox.
func Email(address string) (GeneralName, error) { return ascii(tagEmail, address) }

// URI is a uniform resource identifier.
func URI(uri string) (GeneralName, error) { return ascii(tagURI, uri) }

// IP is an address, of either version.
func IP(address string) (GeneralName, error) {
	a, err := netip.ParseAddr(address)
	if err != nil || a.Zone() != "" {
		return GeneralName{}, fmt.Errorf("%q: %w", address, ErrName)
	}
	return tagged(tagIP, false, a.Unmap().AsSlice()), nil
}

// Directory is a distinguished name that Name has encoded.
func Directory(name []byte) GeneralName { return tagged(tagDirectory, true, name) }

// Registered is an object identifier.
func Registered(text string) (GeneralName, error) {
	oid, err := ParseOID(text)
	if err != nil {
		return GeneralName{}, err
	}
	der, err := asn1.Marshal(oid)
	if err != nil {
		return GeneralName{}, fmt.Errorf("%q: %w", text, ErrOID)
	}
	return asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: tagRegistered, Bytes: body(der)}, nil
}

// body is the contents of a short DER value.
func body(der []byte) []byte {
	var v asn1.RawValue
	if _, err := asn1.Unmarshal(der, &v); err != nil {
		return nil
	}
	return v.Bytes
}

// Other is a name of a kind of the caller's own: a UTF-8 text.
func Other(kind, value string) (GeneralName, error) {
	oid, err := ParseOID(kind)
	if err != nil {
		return GeneralName{}, err
	}
	der, err := asn1.Marshal(struct {
		Kind  asn1.ObjectIdentifier
		Value string `asn1:"explicit,tag:0,utf8"`
	}{oid, value})
	if err != nil {
		return GeneralName{}, fmt.Errorf("encode a name: %w", err)
	}
	return tagged(tagOther, true, body(der)), nil
}

// EDIParty is a name by which parties of an electronic exchange know each other.
func EDIParty(assigner, party string) (GeneralName, error) {
	type named struct {
		Assigner string `asn1:"optional,explicit,tag:0,utf8"`
		Party    string `asn1:"explicit,tag:1,utf8"`
	}
	der, err := asn1.Marshal(named{assigner, party})
	if err != nil {
		return GeneralName{}, fmt.Errorf("encode a name: %w", err)
	}
	return tagged(tagEDIParty, true, body(der)), nil
}

// DNSOf returns the host names of a general name's kind, and whether it is one.
func DNSOf(n GeneralName) (string, bool) { return string(n.Bytes), n.Tag == tagDNS }
