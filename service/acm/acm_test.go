package acm_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"errors"
	"io"
	"math/big"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/acm"
	"github.com/aws/aws-sdk-go-v2/service/acm/types"
	"github.com/aws/aws-sdk-go-v2/service/acmpca"
	pcatypes "github.com/aws/aws-sdk-go-v2/service/acmpca/types"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	trail "github.com/aws/aws-sdk-go-v2/service/cloudtrail/types"

	"github.com/garrison-cloud/garrison/internal/garrisontest"
	"github.com/garrison-cloud/garrison/internal/server"
)

const day = 24 * time.Hour

// A zone answers look-ups from what tests have put into it.
type zone struct {
	mu      sync.Mutex // guards records
	records map[string]string
}

// LookupCNAME implements acm.Resolver.
func (z *zone) LookupCNAME(_ context.Context, name string) (string, error) {
	z.mu.Lock()
	defer z.mu.Unlock()
	if v, ok := z.records[name]; ok {
		return v, nil
	}
	return "", errors.New("no such name")
}

func (z *zone) put(name, value string) {
	z.mu.Lock()
	defer z.mu.Unlock()
	z.records[name] = value
}

func (z *zone) clear() {
	z.mu.Lock()
	defer z.mu.Unlock()
	clear(z.records)
}

func start(t *testing.T) (*garrisontest.Server, *acm.Client, *zone) {
	t.Helper()
	z := &zone{records: map[string]string{}}
	s := garrisontest.Start(t, func(c *server.Config) { c.Resolver = z })
	return s, acm.NewFromConfig(s.Config), z
}

func describe(t *testing.T, c *acm.Client, arn string) *types.CertificateDetail {
	t.Helper()
	out, err := c.DescribeCertificate(t.Context(), &acm.DescribeCertificateInput{CertificateArn: &arn})
	if err != nil {
		t.Fatalf("describe: %v", err)
	}
	return out.Certificate
}

// await moves the clock until a certificate has a status.
func await(t *testing.T, s *garrisontest.Server, c *acm.Client, arn string, status types.CertificateStatus) *types.CertificateDetail {
	t.Helper()
	var d *types.CertificateDetail
	if !garrisontest.Eventually(func() bool {
		if d = describe(t, c, arn); d.Status == status {
			return true
		}
		s.Clock.Advance(time.Second)
		return false
	}) {
		t.Fatalf("status = %s, want %s", d.Status, status)
	}
	return d
}

// request asks for a certificate by DNS, and returns its ARN.
func request(t *testing.T, c *acm.Client, in *acm.RequestCertificateInput) string {
	t.Helper()
	if in.ValidationMethod == "" && in.CertificateAuthorityArn == nil {
		in.ValidationMethod = types.ValidationMethodDns
	}
	out, err := c.RequestCertificate(t.Context(), in)
	if err != nil {
		t.Fatalf("request: %v", err)
	}
	return *out.CertificateArn
}

// prove puts a certificate's records into the zone.
func prove(t *testing.T, c *acm.Client, z *zone, arn string) {
	t.Helper()
	for _, v := range describe(t, c, arn).DomainValidationOptions {
		if v.ValidationStatus != types.DomainStatusPendingValidation || v.ResourceRecord.Type != types.RecordTypeCname {
			t.Errorf("validation = %+v", v)
		}
		z.put(*v.ResourceRecord.Name, *v.ResourceRecord.Value)
	}
}

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

func fetch(t *testing.T, url string) string {
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
	return string(b)
}

// TestPublic requests a certificate of each kind of key, proves its names, and has
// openssl verify it against the root that the server shows.
func TestPublic(t *testing.T) {
	t.Parallel()
	s, c, z := start(t)
	root := fetch(t, s.URL+"/CertificateManager-us-east-1.pem")
	for _, key := range []types.KeyAlgorithm{
		types.KeyAlgorithmRsa2048, types.KeyAlgorithmRsa3072, types.KeyAlgorithmRsa4096,
		types.KeyAlgorithmEcPrime256v1, types.KeyAlgorithmEcSecp384r1, types.KeyAlgorithmEcSecp521r1,
	} {
		arn := request(t, c, &acm.RequestCertificateInput{
			DomainName: aws.String("www.Example.com"), SubjectAlternativeNames: []string{"*.example.com", "example.org"}, KeyAlgorithm: key,
		})
		_, err := c.GetCertificate(t.Context(), &acm.GetCertificateInput{CertificateArn: &arn})
		if key == types.KeyAlgorithmRsa2048 {
			garrisontest.Want(t, err, "RequestInProgressException: ")
			prove(t, c, z, arn)
		}
		d := await(t, s, c, arn, types.CertificateStatusIssued)
		if d.KeyAlgorithm != key || d.IssuedAt == nil || d.RenewalEligibility != types.RenewalEligibilityIneligible || d.DomainValidationOptions[0].ValidationStatus != types.DomainStatusSuccess {
			t.Errorf("%s: %+v", key, d)
		}
		got, err := c.GetCertificate(t.Context(), &acm.GetCertificateInput{CertificateArn: &arn})
		if err != nil {
			t.Fatal(err)
		}
		said := openssl(t, map[string]string{"root": root, "chain": *got.CertificateChain, "leaf": *got.Certificate},
			"verify", "-x509_strict", "-purpose", "sslserver", "-verify_hostname", "a.example.com", "-CAfile", "root", "-untrusted", "chain", "leaf")
		if !strings.Contains(said, "leaf: OK") {
			t.Errorf("%s: %s", key, said)
		}
	}
}

// TestTimedOut proves nothing for three days.
func TestTimedOut(t *testing.T) {
	t.Parallel()
	s, c, _ := start(t)
	arn := request(t, c, &acm.RequestCertificateInput{DomainName: aws.String("www.example.com")})
	s.Clock.Advance(73 * time.Hour)
	await(t, s, c, arn, types.CertificateStatusValidationTimedOut)
}

// TestExportRenewExpire exports a certificate, sees it renewed under its ARN sixty days
// before its end, and ended once its names can no longer be proved.
func TestExportRenewExpire(t *testing.T) {
	t.Parallel()
	s, c, z := start(t)
	arn := request(t, c, &acm.RequestCertificateInput{
		DomainName: aws.String("www.example.com"), KeyAlgorithm: types.KeyAlgorithmEcPrime256v1, Options: &types.CertificateOptions{Export: types.CertificateExportEnabled},
	})
	prove(t, c, z, arn)
	first := await(t, s, c, arn, types.CertificateStatusIssued)
	out, err := c.ExportCertificate(t.Context(), &acm.ExportCertificateInput{CertificateArn: &arn, Passphrase: []byte("correct horse")})
	if err != nil {
		t.Fatal(err)
	}
	plain := openssl(t, map[string]string{"key": *out.PrivateKey}, "pkcs8", "-in", "key", "-passin", "pass:correct horse")
	public := openssl(t, map[string]string{"key": plain}, "pkey", "-in", "key", "-pubout")
	if of := openssl(t, map[string]string{"leaf": *out.Certificate}, "x509", "-in", "leaf", "-pubkey", "-noout"); of != public {
		t.Errorf("the exported key is of\n%s, the certificate of\n%s", public, of)
	}
	if d := describe(t, c, arn); d.RenewalEligibility != types.RenewalEligibilityEligible {
		t.Errorf("eligibility = %s after the export", d.RenewalEligibility)
	}
	s.Clock.Advance(139 * day)
	var d *types.CertificateDetail
	if !garrisontest.Eventually(func() bool { d = describe(t, c, arn); return *d.Serial != *first.Serial }) {
		t.Fatal("it was not renewed")
	}
	if d.RenewalSummary.RenewalStatus != types.RenewalStatusSuccess || !d.NotAfter.After(*first.NotAfter) {
		t.Errorf("renewal = %+v", d.RenewalSummary)
	}
	z.clear()
	s.Clock.Advance(199 * day)
	await(t, s, c, arn, types.CertificateStatusExpired)
}

// authority makes an active private root.
func authority(t *testing.T, s *garrisontest.Server) string {
	t.Helper()
	c := acmpca.NewFromConfig(s.Config)
	made, err := c.CreateCertificateAuthority(t.Context(), &acmpca.CreateCertificateAuthorityInput{
		CertificateAuthorityType: pcatypes.CertificateAuthorityTypeRoot,
		CertificateAuthorityConfiguration: &pcatypes.CertificateAuthorityConfiguration{
			KeyAlgorithm: pcatypes.KeyAlgorithmEcPrime256v1, SigningAlgorithm: pcatypes.SigningAlgorithmSha256withecdsa, Subject: &pcatypes.ASN1Subject{CommonName: aws.String("root")},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	arn := made.CertificateAuthorityArn
	csr, err := c.GetCertificateAuthorityCsr(t.Context(), &acmpca.GetCertificateAuthorityCsrInput{CertificateAuthorityArn: arn})
	if err != nil {
		t.Fatal(err)
	}
	signed, err := c.IssueCertificate(t.Context(), &acmpca.IssueCertificateInput{
		CertificateAuthorityArn: arn, Csr: []byte(*csr.Csr), SigningAlgorithm: pcatypes.SigningAlgorithmSha256withecdsa,
		TemplateArn: aws.String("arn:aws:acm-pca:::template/RootCACertificate/V1"), Validity: &pcatypes.Validity{Type: pcatypes.ValidityPeriodTypeYears, Value: aws.Int64(10)},
	})
	if err != nil {
		t.Fatal(err)
	}
	cert, err := c.GetCertificate(t.Context(), &acmpca.GetCertificateInput{CertificateAuthorityArn: arn, CertificateArn: signed.CertificateArn})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.ImportCertificateAuthorityCertificate(t.Context(), &acmpca.ImportCertificateAuthorityCertificateInput{CertificateAuthorityArn: arn, Certificate: []byte(*cert.Certificate)}); err != nil {
		t.Fatal(err)
	}
	return *arn
}

// TestPrivate has a private CA issue for the caller, and renew only where ACM was let
// in.
func TestPrivate(t *testing.T) {
	t.Parallel()
	s, c, _ := start(t)
	ca := authority(t, s)
	arn := request(t, c, &acm.RequestCertificateInput{DomainName: aws.String("db.internal.example"), CertificateAuthorityArn: &ca})
	d := describe(t, c, arn)
	if d.Status != types.CertificateStatusIssued || d.Type != types.CertificateTypePrivate {
		t.Fatalf("status = %s, %s, %s", d.Status, d.Type, d.FailureReason)
	}
	if _, err := c.ExportCertificate(t.Context(), &acm.ExportCertificateInput{CertificateArn: &arn, Passphrase: []byte("1234")}); err != nil {
		t.Fatal(err)
	}
	renew := func() *types.CertificateDetail {
		_, err := c.RenewCertificate(t.Context(), &acm.RenewCertificateInput{CertificateArn: &arn})
		garrisontest.Want(t, err, "")
		return describe(t, c, arn)
	}
	if r := renew().RenewalSummary; r.RenewalStatus != types.RenewalStatusFailed || r.RenewalStatusReason != types.FailureReasonPcaAccessDenied {
		t.Errorf("renewal without a permission = %+v", r)
	}
	_, err := acmpca.NewFromConfig(s.Config).CreatePermission(t.Context(), &acmpca.CreatePermissionInput{
		CertificateAuthorityArn: &ca, Principal: aws.String("acm.amazonaws.com"), SourceAccount: aws.String(garrisontest.Account),
		Actions: []pcatypes.ActionType{pcatypes.ActionTypeIssueCertificate, pcatypes.ActionTypeGetCertificate, pcatypes.ActionTypeListPermissions},
	})
	garrisontest.Want(t, err, "")
	if after := renew(); after.RenewalSummary.RenewalStatus != types.RenewalStatusSuccess || *after.Serial == *d.Serial {
		t.Errorf("renewal with a permission = %+v", after.RenewalSummary)
	}
	ann := acm.NewFromConfig(s.User(t, "ann", `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"acm:*","Resource":"*"}}`))
	refused := request(t, ann, &acm.RequestCertificateInput{DomainName: aws.String("x.example.com"), CertificateAuthorityArn: &ca})
	if d := describe(t, c, refused); d.Status != types.CertificateStatusFailed || d.FailureReason != types.FailureReasonPcaAccessDenied {
		t.Errorf("for one who may not use the CA: %s, %s", d.Status, d.FailureReason)
	}
}

// selfSigned makes a certificate and its key, in PEM.
func selfSigned(t *testing.T, s *garrisontest.Server, name string, life time.Duration) (cert, key []byte) {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(4711), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name}, KeyUsage: x509.KeyUsageDigitalSignature,
		NotBefore: s.Clock.Now().Add(-2 * time.Hour), NotAfter: s.Clock.Now().Add(life),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, k.Public(), k)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})
}

// TestImport imports, imports anew under the same ARN, and is refused what does not
// hold together.
func TestImport(t *testing.T) {
	t.Parallel()
	s, c, _ := start(t)
	cert, key := selfSigned(t, s, "one.example.com", 30*day)
	made, err := c.ImportCertificate(t.Context(), &acm.ImportCertificateInput{Certificate: cert, PrivateKey: key, Tags: []types.Tag{{Key: aws.String("a"), Value: aws.String("b")}}})
	if err != nil {
		t.Fatal(err)
	}
	arn := *made.CertificateArn
	two, twoKey := selfSigned(t, s, "two.example.com", 60*day)
	stale, staleKey := selfSigned(t, s, "old.example.com", -time.Hour)
	for _, tt := range []struct {
		cert, key, chain []byte
		want             string
	}{
		{cert, twoKey, nil, "ValidationException: The private key does not match"},
		{stale, staleKey, nil, "ValidationException: The certificate has expired"},
		{cert, key, two, "ValidationException: Could not validate the certificate"},
		{append(slices.Clone(cert), two...), key, nil, "ValidationException: The certificate field contains more than one"},
		{cert, []byte("x"), nil, "ValidationException: The private key is not valid"},
	} {
		_, err := c.ImportCertificate(t.Context(), &acm.ImportCertificateInput{Certificate: tt.cert, PrivateKey: tt.key, CertificateChain: tt.chain})
		garrisontest.Want(t, err, tt.want)
	}
	again, err := c.ImportCertificate(t.Context(), &acm.ImportCertificateInput{Certificate: two, PrivateKey: twoKey, CertificateArn: &arn})
	if err != nil || *again.CertificateArn != arn {
		t.Fatalf("import anew: %v, %v", again, err)
	}
	if d := describe(t, c, arn); *d.DomainName != "two.example.com" || d.ImportedAt == nil || *d.Serial != "12:67" {
		t.Errorf("imported = %+v", d)
	}
	_, err = c.ExportCertificate(t.Context(), &acm.ExportCertificateInput{CertificateArn: &arn, Passphrase: []byte("1234")})
	garrisontest.Want(t, err, "ValidationException: ")
	tags, err := c.ListTagsForCertificate(t.Context(), &acm.ListTagsForCertificateInput{CertificateArn: &arn})
	if err != nil || len(tags.Tags) != 1 || *tags.Tags[0].Value != "b" {
		t.Errorf("tags = %v, %v", tags, err)
	}
	list, err := c.ListCertificates(t.Context(), &acm.ListCertificatesInput{Includes: &types.Filters{KeyTypes: []types.KeyAlgorithm{types.KeyAlgorithmEcPrime256v1}}})
	if err != nil || len(list.CertificateSummaryList) != 1 {
		t.Errorf("list = %v, %v", list, err)
	}
	named := &types.CertificateFilterStatementMemberFilter{Value: &types.CertificateFilterMemberX509AttributeFilter{Value: &types.X509AttributeFilterMemberSubject{
		Value: &types.SubjectFilterMemberCommonName{Value: types.CommonNameFilter{ComparisonOperator: types.ComparisonOperatorContains, Value: aws.String("two.")}},
	}}}
	for want, st := range []types.CertificateFilterStatement{&types.CertificateFilterStatementMemberNot{Value: named}, named} {
		got, err := c.SearchCertificates(t.Context(), &acm.SearchCertificatesInput{FilterStatement: st})
		if err != nil || len(got.Results) != want {
			t.Errorf("search = %v, %v; want %d", got, err, want)
		}
	}
	if list, err = c.ListCertificates(t.Context(), &acm.ListCertificatesInput{}); err != nil || len(list.CertificateSummaryList) != 0 {
		t.Errorf("list without a filter = %v, %v; want RSA only", list, err)
	}
	_, err = c.DeleteCertificate(t.Context(), &acm.DeleteCertificateInput{CertificateArn: &arn})
	garrisontest.Want(t, err, "")
	_, err = c.GetCertificate(t.Context(), &acm.GetCertificateInput{CertificateArn: &arn})
	garrisontest.Want(t, err, "ResourceNotFoundException: Could not find certificate "+arn)
}

// TestRefusals asks for what may not be, and by whom may not.
func TestRefusals(t *testing.T) {
	t.Parallel()
	s, c, _ := start(t)
	many := make([]string, 11)
	for i := range many {
		many[i] = string(rune('a'+i)) + ".example.com"
	}
	for _, tt := range []struct {
		in   acm.RequestCertificateInput
		want string
	}{
		{acm.RequestCertificateInput{DomainName: aws.String("-x.example.com")}, "ValidationException: "},
		{acm.RequestCertificateInput{DomainName: aws.String("x.example.com"), KeyAlgorithm: types.KeyAlgorithmRsa1024}, "InvalidParameterException: "},
		{acm.RequestCertificateInput{DomainName: aws.String("x.example.com"), SubjectAlternativeNames: many}, "LimitExceededException: "},
		{acm.RequestCertificateInput{DomainName: aws.String(strings.Repeat("x", 60) + ".example.com")}, "InvalidParameterException: The first domain name"},
	} {
		tt.in.ValidationMethod = types.ValidationMethodDns
		_, err := c.RequestCertificate(t.Context(), &tt.in)
		garrisontest.Want(t, err, tt.want)
	}
	nobody := acm.NewFromConfig(s.User(t, "nobody", ""))
	_, err := nobody.RequestCertificate(t.Context(), &acm.RequestCertificateInput{DomainName: aws.String("x.example.com"), ValidationMethod: types.ValidationMethodDns})
	garrisontest.Want(t, err, "AccessDeniedException: ")
	one := request(t, c, &acm.RequestCertificateInput{DomainName: aws.String("x.example.com"), IdempotencyToken: aws.String("t1")})
	if two := request(t, c, &acm.RequestCertificateInput{DomainName: aws.String("x.example.com"), IdempotencyToken: aws.String("t1")}); one != two {
		t.Errorf("the same token has made %s and %s", one, two)
	}
	wantEvent(t, s, "RequestCertificate", one)
}

// wantEvent looks for the CloudTrail event that names what was made.
func wantEvent(t *testing.T, s *garrisontest.Server, name, arn string) {
	t.Helper()
	c := cloudtrail.NewFromConfig(s.Config)
	if !garrisontest.Eventually(func() bool {
		list, err := c.LookupEvents(t.Context(), &cloudtrail.LookupEventsInput{LookupAttributes: []trail.LookupAttribute{
			{AttributeKey: trail.LookupAttributeKeyEventName, AttributeValue: &name},
		}})
		if err != nil {
			t.Fatal(err)
		}
		return slices.ContainsFunc(list.Events, func(e trail.Event) bool {
			var x struct {
				ResponseElements struct{ CertificateArn string }
			}
			return json.Unmarshal([]byte(*e.CloudTrailEvent), &x) == nil && x.ResponseElements.CertificateArn == arn
		})
	}) {
		t.Errorf("no event %s names %s", name, arn)
	}
}
