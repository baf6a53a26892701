package acmpca

import (
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/acmpca/types"

	"github.com/garrison-cloud/garrison/engine/x509ca"
)

// fields are the parts of a subject in the order of the certificate, and where the
// API has them.
func fields(s *types.ASN1Subject) []struct {
	oid string
	at  **string
} {
	type field = struct {
		oid string
		at  **string
	}
	return []field{
		{x509ca.Country, &s.Country},
		{x509ca.Organization, &s.Organization},
		{x509ca.OrganizationalUnit, &s.OrganizationalUnit},
		{x509ca.Qualifier, &s.DistinguishedNameQualifier},
		{x509ca.State, &s.State},
		{x509ca.CommonName, &s.CommonName},
		{x509ca.SerialNumber, &s.SerialNumber},
		{x509ca.Locality, &s.Locality},
		{x509ca.Title, &s.Title},
		{x509ca.Surname, &s.Surname},
		{x509ca.GivenName, &s.GivenName},
		{x509ca.Initials, &s.Initials},
		{x509ca.Pseudonym, &s.Pseudonym},
		{x509ca.Generation, &s.GenerationQualifier},
	}
}

// attributesOf reads a subject. Custom attributes stand alone, as at AWS.
func attributesOf(s *types.ASN1Subject) ([]x509ca.Attribute, error) {
	var out []x509ca.Attribute
	for _, f := range fields(s) {
		if v := aws.ToString(*f.at); v != "" {
			out = append(out, x509ca.Attribute{OID: f.oid, Value: v})
		}
	}
	if len(s.CustomAttributes) == 0 {
		return out, nil
	}
	if len(out) > 0 {
		return nil, invalidArgs("A subject cannot contain both standard attributes and custom attributes.")
	}
	for _, c := range s.CustomAttributes {
		if _, err := x509ca.ParseOID(*c.ObjectIdentifier); err != nil {
			return nil, invalidArgs("%s is not an object identifier.", *c.ObjectIdentifier)
		}
		out = append(out, x509ca.Attribute{OID: *c.ObjectIdentifier, Value: *c.Value})
	}
	return out, nil
}

// subjectOf is the API's form of attributes; those that it has no field for are
// custom, and then all are.
func subjectOf(attributes []x509ca.Attribute) *types.ASN1Subject {
	s := &types.ASN1Subject{}
	at := map[string]**string{}
	for _, f := range fields(s) {
		at[f.oid] = f.at
	}
	custom := false
	for _, a := range attributes {
		place := at[a.OID]
		if custom = custom || place == nil || *place != nil; !custom {
			*place = aws.String(a.Value)
		}
	}
	if !custom {
		return s
	}
	s = &types.ASN1Subject{}
	for _, a := range attributes {
		s.CustomAttributes = append(s.CustomAttributes, types.CustomAttribute{ObjectIdentifier: aws.String(a.OID), Value: aws.String(a.Value)})
	}
	return s
}

// An access says where an authority offers something about itself.
type access struct {
	Method string `cbor:"1,keyasint"` // the API's name, or an object identifier
	Custom bool   `cbor:"2,keyasint,omitempty"`
	Where  name   `cbor:"3,keyasint"`
}

// A name is a general name.
type name struct {
	Kind  string             `cbor:"1,keyasint"`
	Value string             `cbor:"2,keyasint,omitempty"`
	Of    string             `cbor:"3,keyasint,omitempty"` // the other name's kind, or the assigner
	Path  []x509ca.Attribute `cbor:"4,keyasint,omitempty"`
}

// nameOf reads a general name, of which exactly one field is given.
func nameOf(g *types.GeneralName) (name, error) {
	var out []name
	for _, f := range []struct {
		kind  string
		value *string
	}{
		{"dns", g.DnsName},
		{"email", g.Rfc822Name},
		{"uri", g.UniformResourceIdentifier},
		{"ip", g.IpAddress},
		{"oid", g.RegisteredId},
	} {
		if f.value != nil {
			out = append(out, name{Kind: f.kind, Value: *f.value})
		}
	}
	if g.OtherName != nil {
		out = append(out, name{Kind: "other", Of: *g.OtherName.TypeId, Value: *g.OtherName.Value})
	}
	if g.EdiPartyName != nil {
		out = append(out, name{Kind: "edi", Of: aws.ToString(g.EdiPartyName.NameAssigner), Value: *g.EdiPartyName.PartyName})
	}
	if g.DirectoryName != nil {
		path, err := attributesOf(g.DirectoryName)
		if err != nil {
			return name{}, err
		}
		out = append(out, name{Kind: "directory", Path: path})
	}
	if len(out) != 1 {
		return name{}, invalidArgs("A general name must have exactly one value.")
	}
	if _, err := out[0].encode(); err != nil {
		return name{}, invalidArgs("A general name is not valid: %s.", out[0].Value)
	}
	return out[0], nil
}

func (n *name) encode() (x509ca.GeneralName, error) {
	switch n.Kind {
	case "dns":
		return x509ca.DNS(n.Value)
	case "email":
		return x509ca.Email(n.Value)
	case "uri":
		return x509ca.URI(n.Value)
	case "ip":
		return x509ca.IP(n.Value)
	case "oid":
		return x509ca.Registered(n.Value)
	case "other":
		return x509ca.Other(n.Of, n.Value)
	case "edi":
		return x509ca.EDIParty(n.Of, n.Value)
	}
	der, err := x509ca.Name(n.Path)
	return x509ca.Directory(der), err
}

func (n *name) api() *types.GeneralName {
	v := aws.String(n.Value)
	switch n.Kind {
	case "dns":
		return &types.GeneralName{DnsName: v}
	case "email":
		return &types.GeneralName{Rfc822Name: v}
	case "uri":
		return &types.GeneralName{UniformResourceIdentifier: v}
	case "ip":
		return &types.GeneralName{IpAddress: v}
	case "oid":
		return &types.GeneralName{RegisteredId: v}
	case "other":
		return &types.GeneralName{OtherName: &types.OtherName{TypeId: aws.String(n.Of), Value: v}}
	case "edi":
		return &types.GeneralName{EdiPartyName: &types.EdiPartyName{NameAssigner: text(n.Of), PartyName: v}}
	}
	return &types.GeneralName{DirectoryName: subjectOf(n.Path)}
}

// text is nil for what is not there.
func text(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
