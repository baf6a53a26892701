package x509ca_test

import (
	"crypto"
	"crypto/x509"
	"math/big"
	"testing"
	"time"

	zx509 "github.com/zmap/zcrypto/x509"
	"github.com/zmap/zlint/v3"
	"github.com/zmap/zlint/v3/lint"

	"github.com/garrison-cloud/garrison/engine/x509ca"
)

var noon = time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)

func template(t *testing.T, name string) x509ca.Template {
	t.Helper()
	out, err := x509ca.ParseTemplate(name)
	if err != nil {
		t.Fatalf("template %s: %v", name, err)
	}
	return out
}

func TestParseTemplate(t *testing.T) {
	t.Parallel()
	for name, known := range map[string]bool{
		"EndEntityCertificate/V1": true, "EndEntityCertificate_APICSRPassthrough/V1": true, "EndEntityClientAuthCertificate_CSRPassthrough/V1": true,
		"RootCACertificate/V1": true, "RootCACertificate_APIPassthrough/V1": true, "BlankRootCACertificate_PathLen2_APIPassthrough/V1": true,
		"SubordinateCACertificate_PathLen3/V1": true, "BlankSubordinateCACertificate_PathLen0_CSRPassthrough/V1": true,
		"BlankEndEntityCertificate_CriticalBasicConstraints_APIPassthrough/V1": true, "OCSPSigningCertificate/V1": true, "CodeSigningCertificate/V1": true,
		"EndEntityCertificate": false, "EndEntityCertificate/V2": false, "SubordinateCACertificate/V1": false, "SubordinateCACertificate_PathLen4/V1": false,
		"RootCACertificate_PathLen1/V1": false, "RootCACertificate_CSRPassthrough/V1": false, "BlankEndEntityCertificate/V1": false,
		"EndEntityCertificate_PathLen0/V1": false, "EndEntityCertificate_CSRPassthrough_APIPassthrough/V1": false, "SubordinateCACertificate_PathLen+1/V1": false, "/V1": false, "": false,
	} {
		if _, err := x509ca.ParseTemplate(name); (err == nil) != known {
			t.Errorf("template %q: %v, want known = %v", name, err, known)
		}
	}
}

// issue makes a root and a certificate below it.
func issue(t *testing.T, name string, passed x509ca.Passed) *x509.Certificate {
	t.Helper()
	key, err := x509ca.Generate(x509ca.P256)
	if err != nil {
		t.Fatal(err)
	}
	subject, err := x509ca.Name([]x509ca.Attribute{{OID: x509ca.Country, Value: "DE"}, {OID: x509ca.Organization, Value: "Example"}, {OID: x509ca.CommonName, Value: "root"}})
	if err != nil {
		t.Fatal(err)
	}
	root := &x509ca.Issuer{Key: key, Signature: x509.ECDSAWithSHA256}
	der, err := root.Issue(&x509ca.Request{
		Template: template(t, "RootCACertificate/V1"), CSR: request(t, key, subject), NotBefore: noon.AddDate(-1, 0, 0), NotAfter: noon.AddDate(9, 0, 0),
	})
	if err != nil {
		t.Fatal(err)
	}
	if root.Certificate, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	leafKey, err := x509ca.Generate(x509ca.P256)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509ca.Name([]x509ca.Attribute{{OID: x509ca.CommonName, Value: "www.example.com"}})
	if err != nil {
		t.Fatal(err)
	}
	der, err = root.Issue(&x509ca.Request{
		Template: template(t, name), CSR: request(t, leafKey, leaf, "www.example.com"), NotBefore: noon, NotAfter: noon.AddDate(0, 0, 198).Add(-time.Second),
		Passed: passed, CRL: "http://crl.example.com/crl/1.crl", OCSP: "http://ocsp.example.com/ocsp",
	})
	if err != nil {
		t.Fatal(err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.CheckSignatureFrom(root.Certificate); err != nil {
		t.Errorf("signature: %v", err)
	}
	return c
}

func request(t *testing.T, key crypto.Signer, subject []byte, names ...string) *x509.CertificateRequest {
	t.Helper()
	der, err := x509ca.CSR(key, &x509ca.Signing{Subject: subject, Names: names})
	if err != nil {
		t.Fatal(err)
	}
	csr, err := x509ca.ParseCSR(der)
	if err != nil {
		t.Fatal(err)
	}
	return csr
}

// TestLint holds a server's certificate to RFC 5280 and to its community's further
// rules, but for those about public trust that a private root cannot meet.
func TestLint(t *testing.T) {
	t.Parallel()
	c := issue(t, "EndEntityServerAuthCertificate/V1", x509ca.Passed{})
	z, err := zx509.ParseCertificate(c.Raw)
	if err != nil {
		t.Fatal(err)
	}
	rules, err := lint.GlobalRegistry().Filter(lint.FilterOptions{IncludeSources: lint.SourceList{lint.RFC5280, lint.RFC5480, lint.RFC6960, lint.Community}})
	if err != nil {
		t.Fatal(err)
	}
	checked := 0
	for name, r := range zlint.LintCertificateEx(z, rules).Results {
		if r.Status >= lint.Pass {
			checked++
		}
		if r.Status >= lint.Error {
			t.Errorf("%s: %s %s", name, r.Status, r.Details)
		}
	}
	if checked < 50 {
		t.Errorf("only %d rules were checked", checked)
	}
}

// TestPassthrough sees the template before the caller, and the caller before the
// request.
func TestPassthrough(t *testing.T) {
	t.Parallel()
	name, err := x509ca.DNS("passed.example.com")
	if err != nil {
		t.Fatal(err)
	}
	passed := x509ca.Passed{Names: []x509ca.GeneralName{name}, Usage: x509.KeyUsageDataEncipherment}
	for _, tt := range []struct {
		template, host string
		usage          x509.KeyUsage
	}{
		{"EndEntityCertificate/V1", "www.example.com", x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment},
		{"EndEntityCertificate_APIPassthrough/V1", "passed.example.com", x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment},
		{"BlankEndEntityCertificate_APIPassthrough/V1", "passed.example.com", x509.KeyUsageDataEncipherment},
		{"BlankEndEntityCertificate_CSRPassthrough/V1", "www.example.com", 0},
	} {
		c := issue(t, tt.template, passed)
		if len(c.DNSNames) != 1 || c.DNSNames[0] != tt.host || c.KeyUsage != tt.usage || c.IsCA {
			t.Errorf("%s: names %v, usage %b, CA %v; want %s, %b", tt.template, c.DNSNames, c.KeyUsage, c.IsCA, tt.host, tt.usage)
		}
	}
}

func TestNames(t *testing.T) {
	t.Parallel()
	for oid, ok := range map[string]bool{"2.5.4.3": true, "1.40": false, "3.1": false, "1": false, "": false, "1.2.-3": false, "2.999.4294967296": false} {
		if _, err := x509ca.ParseOID(oid); (err == nil) != ok {
			t.Errorf("OID %q: %v, want ok = %v", oid, err, ok)
		}
	}
	if _, err := x509ca.IP("192.0.2.256"); err == nil {
		t.Error("192.0.2.256 was taken for an address")
	}
	if n := x509ca.NewSerial(); n.Sign() <= 0 || n.BitLen() > 127 || n.Cmp(big.NewInt(1<<62)) < 0 {
		t.Errorf("serial %v", n)
	}
}

func FuzzParseOCSP(f *testing.F) {
	f.Add([]byte{0x30, 0})
	f.Fuzz(func(t *testing.T, der []byte) {
		if a, err := x509ca.ParseOCSP(der); err == nil && a.Serial == nil {
			t.Error("a request for nothing was taken")
		}
	})
}
