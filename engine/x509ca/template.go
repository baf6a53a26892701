package x509ca

import (
	"crypto/x509"
	"errors"
	"strconv"
	"strings"
)

// ErrTemplate says: AWS Private CA has no template of this name.
var ErrTemplate = errors.New("no such template")

// A Template says what a certificate is good for, and what of it the request and the
// caller decide (AWS Private CA User Guide, "AWS Private CA template definitions").
type Template struct {
	// CA and Root tell a certificate of an authority, and one that signs itself.
	CA, Root bool
	// Blank leaves key usages to what is passed through.
	Blank bool
	// CriticalBasic marks the basic constraints critical.
	CriticalBasic bool
	// PathLen bounds the authorities below one; -1 is no bound.
	PathLen int
	// CSR and API tell that extensions come from the request, and subject and
	// extensions from the caller.
	CSR, API bool

	usage    x509.KeyUsage
	extended []x509.ExtKeyUsage
}

const caUsage = x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign | x509.KeyUsageCRLSign

// bases are templates less their variants.
var bases = map[string]Template{
	"EndEntityCertificate": {
		usage: x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment, extended: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	},
	"EndEntityClientAuthCertificate": {
		usage: x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment, extended: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	},
	"EndEntityServerAuthCertificate": {
		usage: x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment, extended: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	},
	"CodeSigningCertificate":        {usage: x509.KeyUsageDigitalSignature, extended: []x509.ExtKeyUsage{x509.ExtKeyUsageCodeSigning}},
	"OCSPSigningCertificate":        {usage: x509.KeyUsageDigitalSignature, extended: []x509.ExtKeyUsage{x509.ExtKeyUsageOCSPSigning}},
	"BlankEndEntityCertificate":     {Blank: true},
	"RootCACertificate":             {CA: true, Root: true, usage: caUsage},
	"BlankRootCACertificate":        {CA: true, Root: true, Blank: true, usage: caUsage},
	"SubordinateCACertificate":      {CA: true, usage: caUsage},
	"BlankSubordinateCACertificate": {CA: true, Blank: true, usage: caUsage},
}

// ParseTemplate reads a template's name, such as "EndEntityCertificate/V1" or
// "SubordinateCACertificate_PathLen0/V1": what stands behind "template/" in its ARN.
func ParseTemplate(name string) (Template, error) {
	body, ok := strings.CutSuffix(name, "/V1")
	parts := strings.Split(body, "_")
	t, known := bases[parts[0]]
	if !ok || !known {
		return Template{}, ErrTemplate
	}
	t.PathLen = -1
	rest := parts[1:]
	if len(rest) > 0 && rest[0] == "CriticalBasicConstraints" && !t.CA && t.Blank {
		t.CriticalBasic, rest = true, rest[1:]
	}
	if len(rest) > 0 && strings.HasPrefix(rest[0], "PathLen") {
		n, err := strconv.Atoi(rest[0][len("PathLen"):])
		if err != nil || n < 0 || n > 3 || len(rest[0]) != len("PathLen0") {
			return Template{}, ErrTemplate
		}
		t.PathLen, rest = n, rest[1:]
	}
	if len(rest) > 0 && t.passes(rest[0]) {
		rest = rest[1:]
	}
	if len(rest) > 0 || !t.exists(parts[0]) {
		return Template{}, ErrTemplate
	}
	return t, nil
}

func (t *Template) passes(variant string) bool {
	switch variant {
	case "APIPassthrough":
		t.API = true
	case "CSRPassthrough":
		t.CSR = true
	case "APICSRPassthrough":
		t.API, t.CSR = true, true
	default:
		return false
	}
	return true
}

// exists tells whether the combination is one of AWS's.
func (t *Template) exists(base string) bool {
	switch {
	case t.Root:
		return !t.CSR && (t.Blank && t.API || !t.Blank && t.PathLen < 0)
	case t.CA:
		return t.PathLen >= 0 && (!t.Blank || t.API || t.CSR)
	case t.PathLen >= 0:
		return false
	case t.Blank:
		return t.API || t.CSR
	}
	return base != ""
}
