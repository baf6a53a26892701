package acmpca

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/acmpca/types"

	"github.com/garrison-cloud/garrison/engine/x509ca"
)

// usages are the bits of a key usage in the order of RFC 5280 §4.2.1.3.
func usages(u *types.KeyUsage) []struct {
	on  *bool
	bit x509.KeyUsage
} {
	return []struct {
		on  *bool
		bit x509.KeyUsage
	}{
		{&u.DigitalSignature, x509.KeyUsageDigitalSignature},
		{&u.NonRepudiation, x509.KeyUsageContentCommitment},
		{&u.KeyEncipherment, x509.KeyUsageKeyEncipherment},
		{&u.DataEncipherment, x509.KeyUsageDataEncipherment},
		{&u.KeyAgreement, x509.KeyUsageKeyAgreement},
		{&u.KeyCertSign, x509.KeyUsageCertSign},
		{&u.CRLSign, x509.KeyUsageCRLSign},
		{&u.EncipherOnly, x509.KeyUsageEncipherOnly},
		{&u.DecipherOnly, x509.KeyUsageDecipherOnly},
	}
}

func usageOf(u *types.KeyUsage) (out x509.KeyUsage) {
	for _, b := range usages(u) {
		if *b.on {
			out |= b.bit
		}
	}
	return out
}

func keyUsage(stored int) x509.KeyUsage { return x509.KeyUsage(stored) }

func usageAPI(u x509.KeyUsage) *types.KeyUsage {
	out := &types.KeyUsage{}
	for _, b := range usages(out) {
		*b.on = u&b.bit != 0
	}
	return out
}

// purposes are extended key usages by the API's names.
var purposes = map[types.ExtendedKeyUsageType]asn1.ObjectIdentifier{
	types.ExtendedKeyUsageTypeServerAuth:              {1, 3, 6, 1, 5, 5, 7, 3, 1},
	types.ExtendedKeyUsageTypeClientAuth:              {1, 3, 6, 1, 5, 5, 7, 3, 2},
	types.ExtendedKeyUsageTypeCodeSigning:             {1, 3, 6, 1, 5, 5, 7, 3, 3},
	types.ExtendedKeyUsageTypeEmailProtection:         {1, 3, 6, 1, 5, 5, 7, 3, 4},
	types.ExtendedKeyUsageTypeTimeStamping:            {1, 3, 6, 1, 5, 5, 7, 3, 8},
	types.ExtendedKeyUsageTypeOcspSigning:             {1, 3, 6, 1, 5, 5, 7, 3, 9},
	types.ExtendedKeyUsageTypeSmartCardLogin:          {1, 3, 6, 1, 4, 1, 311, 20, 2, 2},
	types.ExtendedKeyUsageTypeDocumentSigning:         {1, 3, 6, 1, 4, 1, 311, 10, 3, 12},
	types.ExtendedKeyUsageTypeCertificateTransparency: {1, 3, 6, 1, 4, 1, 11129, 2, 4, 4},
}

// passedBy reads what a caller passes through.
func passedBy(p *types.ApiPassthrough) (out x509ca.Passed, err error) {
	if p.Subject != nil {
		attributes, err := attributesOf(p.Subject)
		if err != nil {
			return out, err
		}
		if len(attributes) > 0 {
			if out.Subject, err = x509ca.Name(attributes); err != nil {
				return out, invalidArgs("The subject is not valid.")
			}
		}
	}
	e := p.Extensions
	if e == nil {
		return out, nil
	}
	if e.KeyUsage != nil {
		out.Usage = usageOf(e.KeyUsage)
	}
	for _, u := range e.ExtendedKeyUsage {
		oid, err := purposeOf(u)
		if err != nil {
			return out, err
		}
		out.Extended = append(out.Extended, oid)
	}
	for i := range e.SubjectAlternativeNames {
		n, err := nameOf(&e.SubjectAlternativeNames[i])
		if err != nil {
			return out, err
		}
		g, err := n.encode()
		if err != nil {
			return out, invalidArgs("A subject alternative name is not valid: %s.", n.Value)
		}
		out.Names = append(out.Names, g)
	}
	if out.Policies, err = policiesOf(e.CertificatePolicies); err != nil {
		return out, err
	}
	out.Custom, err = customOf(e.CustomExtensions)
	return out, err
}

func purposeOf(u types.ExtendedKeyUsage) (asn1.ObjectIdentifier, error) {
	custom := aws.ToString(u.ExtendedKeyUsageObjectIdentifier)
	if (u.ExtendedKeyUsageType == "") == (custom == "") {
		return nil, invalidArgs("An extended key usage is either a type or an object identifier.")
	}
	if custom == "" {
		return purposes[u.ExtendedKeyUsageType], nil
	}
	oid, err := x509ca.ParseOID(custom)
	if err != nil {
		return nil, invalidArgs("%s is not an object identifier.", custom)
	}
	return oid, nil
}

func policiesOf(list []types.PolicyInformation) (*pkix.Extension, error) {
	if len(list) == 0 {
		return nil, nil
	}
	var all []x509ca.Policy
	for _, p := range list {
		oid, err := x509ca.ParseOID(*p.CertPolicyId)
		if err != nil {
			return nil, invalidArgs("%s is not an object identifier.", *p.CertPolicyId)
		}
		one := x509ca.Policy{ID: oid}
		for _, q := range p.PolicyQualifiers {
			one.CPS = append(one.CPS, *q.Qualifier.CpsUri)
		}
		all = append(all, one)
	}
	e, err := x509ca.Policies(all)
	if err != nil {
		return nil, invalidArgs("A certificate policy is not valid.")
	}
	return &e, nil
}

func customOf(list []types.CustomExtension) (out []pkix.Extension, err error) {
	for _, c := range list {
		oid, err := x509ca.ParseOID(*c.ObjectIdentifier)
		if err != nil {
			return nil, invalidArgs("%s is not an object identifier.", *c.ObjectIdentifier)
		}
		value, err := base64.StdEncoding.DecodeString(*c.Value)
		if err != nil {
			return nil, invalidArgs("The value of the custom extension %s is not base64.", *c.ObjectIdentifier)
		}
		out = append(out, pkix.Extension{Id: oid, Value: value, Critical: aws.ToBool(c.Critical)})
	}
	return out, nil
}
