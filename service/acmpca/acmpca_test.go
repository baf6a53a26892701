package acmpca_test

import (
	"bytes"
	"context"
	"crypto"
	"encoding/pem"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/acmpca"
	"github.com/aws/aws-sdk-go-v2/service/acmpca/types"

	"github.com/garrison-cloud/garrison/engine/x509ca"
	"github.com/garrison-cloud/garrison/internal/garrisontest"
)

const template = "arn:aws:acm-pca:::template/"

// An authority is one under test, by how it signs.
type authority struct {
	arn string
	alg types.SigningAlgorithm
}

func configuration(key types.KeyAlgorithm, alg types.SigningAlgorithm, name string) *types.CertificateAuthorityConfiguration {
	return &types.CertificateAuthorityConfiguration{KeyAlgorithm: key, SigningAlgorithm: alg, Subject: &types.ASN1Subject{
		Country: aws.String("DE"), Organization: aws.String("Example"), CommonName: &name,
	}}
}

// both has revocation told by a list and by OCSP.
func both() *types.RevocationConfiguration {
	return &types.RevocationConfiguration{
		CrlConfiguration: &types.CrlConfiguration{Enabled: aws.Bool(true), ExpirationInDays: aws.Int32(7)}, OcspConfiguration: &types.OcspConfiguration{Enabled: aws.Bool(true)},
	}
}

func create(t *testing.T, c *acmpca.Client, kind types.CertificateAuthorityType, conf *types.CertificateAuthorityConfiguration) authority {
	t.Helper()
	out, err := c.CreateCertificateAuthority(t.Context(), &acmpca.CreateCertificateAuthorityInput{
		CertificateAuthorityType: kind, CertificateAuthorityConfiguration: conf, RevocationConfiguration: both(),
	})
	if err != nil {
		t.Fatalf("create: %v", err)
	}
	return authority{*out.CertificateAuthorityArn, conf.SigningAlgorithm}
}

func csrOf(t *testing.T, c *acmpca.Client, a authority) []byte {
	t.Helper()
	out, err := c.GetCertificateAuthorityCsr(t.Context(), &acmpca.GetCertificateAuthorityCsrInput{CertificateAuthorityArn: &a.arn})
	if err != nil {
		t.Fatalf("csr: %v", err)
	}
	return []byte(*out.Csr)
}

func issue(t *testing.T, c *acmpca.Client, a authority, csr []byte, name string) *acmpca.GetCertificateOutput {
	t.Helper()
	made, err := c.IssueCertificate(t.Context(), request(a, csr, name, 30))
	if err != nil {
		t.Fatalf("issue %s: %v", name, err)
	}
	got, err := c.GetCertificate(t.Context(), &acmpca.GetCertificateInput{CertificateAuthorityArn: &a.arn, CertificateArn: made.CertificateArn})
	if err != nil {
		t.Fatalf("get: %v", err)
	}
	return got
}

func request(a authority, csr []byte, name string, days int64) *acmpca.IssueCertificateInput {
	return &acmpca.IssueCertificateInput{
		CertificateAuthorityArn: &a.arn, Csr: csr, SigningAlgorithm: a.alg, TemplateArn: aws.String(template + name),
		Validity: &types.Validity{Type: types.ValidityPeriodTypeDays, Value: &days},
	}
}

func install(t *testing.T, c *acmpca.Client, a authority, cert, chain *string) {
	t.Helper()
	in := &acmpca.ImportCertificateAuthorityCertificateInput{CertificateAuthorityArn: &a.arn, Certificate: []byte(*cert)}
	if chain != nil {
		in.CertificateChain = []byte(*chain)
	}
	if _, err := c.ImportCertificateAuthorityCertificate(t.Context(), in); err != nil {
		t.Fatalf("install: %v", err)
	}
}

// root makes an active root.
func root(t *testing.T, c *acmpca.Client, key types.KeyAlgorithm, alg types.SigningAlgorithm) (a authority, cert string) {
	t.Helper()
	a = create(t, c, types.CertificateAuthorityTypeRoot, configuration(key, alg, "root"))
	made, err := c.IssueCertificate(t.Context(), request(a, csrOf(t, c, a), "RootCACertificate/V1", 3650))
	if err != nil {
		t.Fatalf("sign the root: %v", err)
	}
	got, err := c.GetCertificate(t.Context(), &acmpca.GetCertificateInput{CertificateAuthorityArn: &a.arn, CertificateArn: made.CertificateArn})
	if err != nil || got.CertificateChain != nil {
		t.Fatalf("get the root: %v, chain %v", err, got)
	}
	install(t, c, a, got.Certificate, nil)
	return a, *got.Certificate
}

// leafCSR is a signing request for a host's name.
func leafCSR(t *testing.T, algorithm, host string) []byte {
	t.Helper()
	key, err := x509ca.Generate(algorithm)
	if err != nil {
		t.Fatal(err)
	}
	return csrBy(t, key, host)
}

func csrBy(t *testing.T, key crypto.Signer, host string) []byte {
	t.Helper()
	name, err := x509ca.Name([]x509ca.Attribute{{OID: x509ca.CommonName, Value: host}})
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509ca.CSR(key, &x509ca.Signing{Subject: name, Names: []string{host}})
	if err != nil {
		t.Fatal(err)
	}
	return []byte(x509ca.EncodeCSR(der))
}

// openssl runs it over files, which are in a folder of the test, and returns what it
// says.
func openssl(t *testing.T, files map[string]string, args ...string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command("openssl", args...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("openssl %v: %v\n%s", args, err, out)
	}
	return string(out)
}

// TestChains makes a root, a subordinate and a leaf of each kind of key, and has
// openssl verify them.
func TestChains(t *testing.T) {
	t.Parallel()
	s := garrisontest.Start(t)
	c := acmpca.NewFromConfig(s.Config)
	top, topPEM := root(t, c, types.KeyAlgorithmEcPrime256v1, types.SigningAlgorithmSha256withecdsa)
	for _, tt := range []struct {
		key types.KeyAlgorithm
		alg types.SigningAlgorithm
	}{
		{types.KeyAlgorithmRsa2048, types.SigningAlgorithmSha256withrsa},
		{types.KeyAlgorithmRsa3072, types.SigningAlgorithmSha384withrsa},
		{types.KeyAlgorithmRsa4096, types.SigningAlgorithmSha512withrsa},
		{types.KeyAlgorithmEcPrime256v1, types.SigningAlgorithmSha256withecdsa},
		{types.KeyAlgorithmEcSecp384r1, types.SigningAlgorithmSha384withecdsa},
		{types.KeyAlgorithmEcSecp521r1, types.SigningAlgorithmSha512withecdsa},
	} {
		sub := create(t, c, types.CertificateAuthorityTypeSubordinate, configuration(tt.key, tt.alg, "sub "+string(tt.key)))
		made, err := c.IssueCertificate(t.Context(), request(top, csrOf(t, c, sub), "SubordinateCACertificate_PathLen0/V1", 365))
		if err != nil {
			t.Fatal(err)
		}
		got, err := c.GetCertificate(t.Context(), &acmpca.GetCertificateInput{CertificateAuthorityArn: &top.arn, CertificateArn: made.CertificateArn})
		if err != nil {
			t.Fatal(err)
		}
		install(t, c, sub, got.Certificate, got.CertificateChain)
		leaf := issue(t, c, sub, leafCSR(t, x509ca.P256, "www.example.com"), "EndEntityServerAuthCertificate/V1")
		said := openssl(t, map[string]string{"root": topPEM, "sub": *got.Certificate, "leaf": *leaf.Certificate},
			"verify", "-x509_strict", "-purpose", "sslserver", "-verify_hostname", "www.example.com", "-CAfile", "root", "-untrusted", "sub", "leaf")
		if !strings.Contains(said, "leaf: OK") {
			t.Errorf("%s: %s", tt.key, said)
		}
		_, err = c.IssueCertificate(t.Context(), request(sub, csrOf(t, c, sub), "SubordinateCACertificate_PathLen0/V1", 30))
		garrisontest.Want(t, err, "InvalidArgsException: The path length")
		_, err = c.IssueCertificate(t.Context(), request(sub, leafCSR(t, x509ca.P256, "a.example.com"), "EndEntityCertificate/V1", 366))
		garrisontest.Want(t, err, "ValidationException: The certificate validity specified exceeds")
	}
}

// TestRevocation revokes a certificate, and sees it in the list and by OCSP, over HTTP
// as openssl asks.
func TestRevocation(t *testing.T) {
	t.Parallel()
	s := garrisontest.Start(t)
	c := acmpca.NewFromConfig(s.Config)
	top, topPEM := root(t, c, types.KeyAlgorithmEcPrime256v1, types.SigningAlgorithmSha256withecdsa)
	leaf := issue(t, c, top, leafCSR(t, x509ca.P256, "www.example.com"), "EndEntityCertificate/V1")
	files := map[string]string{"root": topPEM, "leaf": *leaf.Certificate}
	ask := []string{"ocsp", "-issuer", "root", "-cert", "leaf", "-url", s.URL + "/ocsp", "-CAfile", "root", "-no_nonce"}
	if said := openssl(t, files, ask...); !strings.Contains(said, "leaf: good") || !strings.Contains(said, "Response verify OK") {
		t.Errorf("before: %s", said)
	}
	certs, err := x509ca.DecodePEM([]byte(*leaf.Certificate), 1)
	if err != nil {
		t.Fatal(err)
	}
	if certs[0].OCSPServer[0] != s.URL+"/ocsp" {
		t.Errorf("OCSP at %v", certs[0].OCSPServer)
	}
	revoke := &acmpca.RevokeCertificateInput{
		CertificateAuthorityArn: &top.arn, CertificateSerial: aws.String(certs[0].SerialNumber.Text(16)), RevocationReason: types.RevocationReasonKeyCompromise,
	}
	if _, err := c.RevokeCertificate(t.Context(), revoke); err != nil {
		t.Fatal(err)
	}
	_, err = c.RevokeCertificate(t.Context(), revoke)
	garrisontest.Want(t, err, "RequestAlreadyProcessedException: ")
	if said := openssl(t, files, ask...); !strings.Contains(said, "leaf: revoked") || !strings.Contains(said, "keyCompromise") {
		t.Errorf("after: %s", said)
	}
	var list []byte
	serial := strings.ToUpper(certs[0].SerialNumber.Text(16))
	if !garrisontest.Eventually(func() bool {
		list = get(t, certs[0].CRLDistributionPoints[0])
		return bytes.Contains([]byte(openssl(t, map[string]string{"list": string(list)}, "crl", "-inform", "DER", "-in", "list", "-text", "-noout")), []byte(serial))
	}) {
		t.Errorf("the list does not name %s", serial)
	}
	files["list"] = string(pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: list}))
	if said := openssl(t, files, "crl", "-in", "list", "-CAfile", "root", "-noout"); !strings.Contains(said, "verify OK") {
		t.Errorf("the list: %s", said)
	}
}

func get(t *testing.T, url string) []byte {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	out, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer out.Body.Close()
	b, err := io.ReadAll(out.Body)
	if err != nil || out.StatusCode != http.StatusOK {
		t.Fatalf("get %s: %s, %v", url, out.Status, err)
	}
	return b
}

// TestStates takes an authority through its life.
func TestStates(t *testing.T) {
	t.Parallel()
	s := garrisontest.Start(t)
	c := acmpca.NewFromConfig(s.Config)
	top, _ := root(t, c, types.KeyAlgorithmEcPrime256v1, types.SigningAlgorithmSha256withecdsa)
	want := func(status types.CertificateAuthorityStatus) {
		t.Helper()
		out, err := c.DescribeCertificateAuthority(t.Context(), &acmpca.DescribeCertificateAuthorityInput{CertificateAuthorityArn: &top.arn})
		if err != nil || out.CertificateAuthority.Status != status {
			t.Errorf("status = %v, %v; want %s", out, err, status)
		}
	}
	remove := func(ctx context.Context) error {
		_, err := c.DeleteCertificateAuthority(ctx, &acmpca.DeleteCertificateAuthorityInput{CertificateAuthorityArn: &top.arn, PermanentDeletionTimeInDays: aws.Int32(7)})
		return err
	}
	want(types.CertificateAuthorityStatusActive)
	garrisontest.Want(t, remove(t.Context()), "InvalidStateException: ")
	_, err := c.UpdateCertificateAuthority(t.Context(), &acmpca.UpdateCertificateAuthorityInput{CertificateAuthorityArn: &top.arn, Status: types.CertificateAuthorityStatusDisabled})
	garrisontest.Want(t, err, "")
	want(types.CertificateAuthorityStatusDisabled)
	_, err = c.IssueCertificate(t.Context(), request(top, leafCSR(t, x509ca.P256, "a.example.com"), "EndEntityCertificate/V1", 1))
	garrisontest.Want(t, err, "InvalidStateException: ")
	garrisontest.Want(t, remove(t.Context()), "")
	want(types.CertificateAuthorityStatusDeleted)
	_, err = c.RestoreCertificateAuthority(t.Context(), &acmpca.RestoreCertificateAuthorityInput{CertificateAuthorityArn: &top.arn})
	garrisontest.Want(t, err, "")
	want(types.CertificateAuthorityStatusDisabled)
	garrisontest.Want(t, remove(t.Context()), "")
	s.Clock.Advance(8 * 24 * time.Hour)
	_, err = c.DescribeCertificateAuthority(t.Context(), &acmpca.DescribeCertificateAuthorityInput{CertificateAuthorityArn: &top.arn})
	garrisontest.Want(t, err, "ResourceNotFoundException: ")
}

// TestPolicies lets nobody in who is not, and lets policies and permissions in.
func TestPolicies(t *testing.T) {
	t.Parallel()
	s := garrisontest.Start(t)
	c := acmpca.NewFromConfig(s.Config)
	top, _ := root(t, c, types.KeyAlgorithmEcPrime256v1, types.SigningAlgorithmSha256withecdsa)
	csr := leafCSR(t, x509ca.P256, "a.example.com")
	ann := acmpca.NewFromConfig(s.User(t, "ann", `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"acm-pca:*","Resource":"*","Condition":{"StringNotLike":{"acm-pca:TemplateArn":"*CACertificate*"}}}}`))
	_, err := ann.IssueCertificate(t.Context(), request(top, csr, "SubordinateCACertificate_PathLen0/V1", 1))
	garrisontest.Want(t, err, "AccessDeniedException: ")
	_, err = ann.IssueCertificate(t.Context(), request(top, csr, "EndEntityCertificate/V1", 1))
	garrisontest.Want(t, err, "")

	other := acmpca.NewFromConfig(s.ConfigFor(garrisontest.OtherAccount, garrisontest.Region))
	_, err = other.IssueCertificate(t.Context(), request(top, csr, "EndEntityCertificate/V1", 1))
	garrisontest.Want(t, err, "AccessDeniedException: ")
	_, err = c.CreatePermission(t.Context(), &acmpca.CreatePermissionInput{CertificateAuthorityArn: &top.arn, Principal: aws.String("acm.amazonaws.com"), Actions: []types.ActionType{types.ActionTypeIssueCertificate}})
	garrisontest.Want(t, err, "")
	_, err = c.PutPolicy(t.Context(), &acmpca.PutPolicyInput{ResourceArn: &top.arn, Policy: aws.String(
		`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":"` + garrisontest.OtherAccount + `"},"Action":"acm-pca:IssueCertificate","Resource":"` + top.arn + `"}}`)})
	garrisontest.Want(t, err, "")
	_, err = other.IssueCertificate(t.Context(), request(top, csr, "EndEntityCertificate/V1", 1))
	garrisontest.Want(t, err, "")
	list, err := c.ListPermissions(t.Context(), &acmpca.ListPermissionsInput{CertificateAuthorityArn: &top.arn})
	if err != nil || len(list.Permissions) != 1 || !strings.Contains(*list.Permissions[0].Policy, "acm-pca:IssueCertificate") {
		t.Errorf("permissions = %v, %v", list, err)
	}
}

// TestRefusals sends what does not hold together.
func TestRefusals(t *testing.T) {
	t.Parallel()
	s := garrisontest.Start(t)
	c := acmpca.NewFromConfig(s.Config)
	_, err := c.CreateCertificateAuthority(t.Context(), &acmpca.CreateCertificateAuthorityInput{
		CertificateAuthorityType: types.CertificateAuthorityTypeRoot, CertificateAuthorityConfiguration: configuration(types.KeyAlgorithmRsa2048, types.SigningAlgorithmSha256withecdsa, "x"),
	})
	garrisontest.Want(t, err, "InvalidArgsException: ")
	top := create(t, c, types.CertificateAuthorityTypeRoot, configuration(types.KeyAlgorithmEcPrime256v1, types.SigningAlgorithmSha256withecdsa, "x"))
	good := leafCSR(t, x509ca.P256, "a.example.com")
	for _, tt := range []struct {
		csr            []byte
		template, want string
	}{
		{good, "EndEntityCertificate/V1", "InvalidStateException: "},
		{good, "RootCACertificate/V1", "InvalidArgsException: "},
		{good, "NoCertificate/V1", "InvalidArgsException: "},
		{[]byte("x"), "EndEntityCertificate/V1", "MalformedCSRException: "},
	} {
		_, err := c.IssueCertificate(t.Context(), request(top, tt.csr, tt.template, 1))
		garrisontest.Want(t, err, tt.want)
	}
	_, err = c.DescribeCertificateAuthority(t.Context(), &acmpca.DescribeCertificateAuthorityInput{CertificateAuthorityArn: aws.String("arn:aws:acm-pca:us-east-1:111122223333:certificate-authority/none")})
	garrisontest.Want(t, err, "ResourceNotFoundException: ")
}
