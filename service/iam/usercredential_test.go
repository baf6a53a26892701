package iam_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/csv"
	"encoding/pem"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
	"golang.org/x/crypto/ssh"
)

// inPEM is DER in PEM.
func inPEM(kind string, der []byte) *string {
	return aws.String(string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})))
}

func TestSSHPublicKeys(t *testing.T) {
	s, admin := root(t)
	ctx := t.Context()
	s.User(t, "ann", "")
	ann := aws.String("ann")
	key := must[*rsa.PrivateKey](t)(rsa.GenerateKey(rand.Reader, 2048))
	public := must[ssh.PublicKey](t)(ssh.NewPublicKey(&key.PublicKey))
	line := strings.TrimSpace(string(ssh.MarshalAuthorizedKey(public)))
	inPKIX := inPEM("PUBLIC KEY", must[[]byte](t)(x509.MarshalPKIXPublicKey(&key.PublicKey)))
	upload := func(body string) (*iam.UploadSSHPublicKeyOutput, error) {
		return admin.UploadSSHPublicKey(ctx, &iam.UploadSSHPublicKeyInput{UserName: ann, SSHPublicKeyBody: &body})
	}
	up := must[*iam.UploadSSHPublicKeyOutput](t)(upload(line + " ann@laptop")).SSHPublicKey
	if *up.Fingerprint != ssh.FingerprintLegacyMD5(public) || !strings.HasPrefix(*up.SSHPublicKeyId, "APKA") || up.Status != types.StatusTypeActive || *up.SSHPublicKeyBody != line+" ann@laptop" {
		t.Errorf("uploaded %+v", up)
	}
	for encoding, want := range map[types.EncodingType]string{types.EncodingTypeSsh: line, types.EncodingTypePem: *inPKIX} {
		got := must[*iam.GetSSHPublicKeyOutput](t)(admin.GetSSHPublicKey(ctx, &iam.GetSSHPublicKeyInput{UserName: ann, SSHPublicKeyId: up.SSHPublicKeyId, Encoding: encoding})).SSHPublicKey
		if *got.SSHPublicKeyBody != want {
			t.Errorf("in %s: %q, want %q", encoding, *got.SSHPublicKeyBody, want)
		}
	}
	short := must[*rsa.PrivateKey](t)(rsa.GenerateKey(rand.Reader, 1024))
	of25519, _, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	refused(t, []refusal{
		{"the same in PEM", func() error { return only(upload(*inPKIX)) }, "DuplicateSSHPublicKey", ""},
		{"neither form", func() error { return only(upload("hello")) }, "UnrecognizedPublicKeyEncoding", ""},
		{"broken", func() error { return only(upload("ssh-rsa AAAA")) }, "InvalidPublicKey", ""},
		{"too short", func() error {
			return only(upload(*inPEM("RSA PUBLIC KEY", x509.MarshalPKCS1PublicKey(&short.PublicKey))))
		}, "InvalidPublicKey", ""},
		{"not RSA", func() error {
			return only(upload(*inPEM("PUBLIC KEY", must[[]byte](t)(x509.MarshalPKIXPublicKey(of25519)))))
		}, "InvalidPublicKey", ""},
		{"no user", func() error {
			return only(admin.UploadSSHPublicKey(ctx, &iam.UploadSSHPublicKeyInput{UserName: aws.String("eve"), SSHPublicKeyBody: &line}))
		}, "NoSuchEntity", "The user with name eve cannot be found."},
		{"in the way", func() error { return only(admin.DeleteUser(ctx, &iam.DeleteUserInput{UserName: ann})) }, "DeleteConflict", ""},
	})
	ok[*iam.UpdateSSHPublicKeyOutput](t)(admin.UpdateSSHPublicKey(ctx, &iam.UpdateSSHPublicKeyInput{UserName: ann, SSHPublicKeyId: up.SSHPublicKeyId, Status: types.StatusTypeInactive}))
	list := must[*iam.ListSSHPublicKeysOutput](t)(admin.ListSSHPublicKeys(ctx, &iam.ListSSHPublicKeysInput{UserName: ann})).SSHPublicKeys
	if len(list) != 1 || list[0].Status != types.StatusTypeInactive {
		t.Errorf("list = %+v, want one inactive key", list)
	}
	ok[*iam.DeleteSSHPublicKeyOutput](t)(admin.DeleteSSHPublicKey(ctx, &iam.DeleteSSHPublicKeyInput{UserName: ann, SSHPublicKeyId: up.SSHPublicKeyId}))
	expect(t, "deleted twice", only(admin.DeleteSSHPublicKey(ctx, &iam.DeleteSSHPublicKeyInput{UserName: ann, SSHPublicKeyId: up.SSHPublicKeyId})),
		"NoSuchEntity", "The Public Key with id "+*up.SSHPublicKeyId+" cannot be found.")
}

// An authority signs certificates for tests.
type authority struct {
	certificate *x509.Certificate
	key         crypto.Signer
}

// newAuthority makes an authority below another, or by itself.
func newAuthority(t *testing.T, name string, by *authority, from time.Time) *authority {
	t.Helper()
	a := &authority{key: must[*ecdsa.PrivateKey](t)(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(from.UnixNano()), Subject: pkix.Name{CommonName: name}, NotBefore: from, NotAfter: from.AddDate(1, 0, 0),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	if by == nil {
		by = &authority{certificate: template, key: a.key}
	}
	der := must[[]byte](t)(x509.CreateCertificate(rand.Reader, template, by.certificate, a.key.Public(), by.key))
	a.certificate = must[*x509.Certificate](t)(x509.ParseCertificate(der))
	return a
}

func (a *authority) body() *string { return inPEM("CERTIFICATE", a.certificate.Raw) }

func (a *authority) private(t *testing.T) *string {
	t.Helper()
	return inPEM("PRIVATE KEY", must[[]byte](t)(x509.MarshalPKCS8PrivateKey(a.key)))
}

func TestSigningCertificates(t *testing.T) {
	s, admin := root(t)
	ctx := t.Context()
	ann := iam.NewFromConfig(s.User(t, "ann", allow("iam:*")))
	now := s.Clock.Now()
	c := newAuthority(t, "ann", nil, now.Add(-time.Hour))
	up := must[*iam.UploadSigningCertificateOutput](t)(ann.UploadSigningCertificate(ctx, &iam.UploadSigningCertificateInput{CertificateBody: c.body()})).Certificate
	if *up.UserName != "ann" || len(*up.CertificateId) < 24 || up.Status != types.StatusTypeActive {
		t.Errorf("uploaded %+v", up)
	}
	s.User(t, "bob", "")
	upload := func(body string) func() error {
		return func() error {
			return only(admin.UploadSigningCertificate(ctx, &iam.UploadSigningCertificateInput{UserName: aws.String("bob"), CertificateBody: &body}))
		}
	}
	refused(t, []refusal{
		{"another's", upload(*c.body()), "DuplicateCertificate", ""},
		{"none", upload("certificate"), "MalformedCertificate", ""},
		{"not yet", upload(*newAuthority(t, "bob", nil, now.Add(time.Hour)).body()), "InvalidCertificate", ""},
		{"an expired status", func() error {
			return only(ann.UpdateSigningCertificate(ctx, &iam.UpdateSigningCertificateInput{CertificateId: up.CertificateId, Status: types.StatusTypeExpired}))
		}, "ValidationError", ""},
		{"in the way", func() error {
			return only(admin.DeleteUser(ctx, &iam.DeleteUserInput{UserName: aws.String("ann")}))
		}, "DeleteConflict", ""},
	})
	ok[*iam.UpdateSigningCertificateOutput](t)(ann.UpdateSigningCertificate(ctx, &iam.UpdateSigningCertificateInput{CertificateId: up.CertificateId, Status: types.StatusTypeInactive}))
	list := must[*iam.ListSigningCertificatesOutput](t)(ann.ListSigningCertificates(ctx, &iam.ListSigningCertificatesInput{})).Certificates
	if len(list) != 1 || list[0].Status != types.StatusTypeInactive || *list[0].CertificateBody != *c.body() {
		t.Errorf("list = %+v", list)
	}
	ok[*iam.GenerateCredentialReportOutput](t)(admin.GenerateCredentialReport(ctx, &iam.GenerateCredentialReportInput{}))
	out := must[*iam.GetCredentialReportOutput](t)(admin.GetCredentialReport(ctx, &iam.GetCredentialReportInput{}))
	rows := must[[][]string](t)(csv.NewReader(strings.NewReader(string(out.Content))).ReadAll())
	if got, want := strings.Join(rows[2][18:], " "), "false "+now.Format("2006-01-02T15:04:05+00:00")+" false N/A"; got != want {
		t.Errorf("ann's certificates in the report = %s, want %s", got, want)
	}
	ok[*iam.DeleteSigningCertificateOutput](t)(ann.DeleteSigningCertificate(ctx, &iam.DeleteSigningCertificateInput{CertificateId: up.CertificateId}))
	expect(t, "free again", upload(*c.body())(), "", "")
}

func TestServerCertificates(t *testing.T) {
	s, admin := root(t)
	ctx := t.Context()
	at := s.Clock.Now().Add(-time.Hour)
	top := newAuthority(t, "top", nil, at)
	middle := newAuthority(t, "middle", top, at)
	leaf := newAuthority(t, "leaf", middle, at)
	chain := aws.String(*middle.body() + *top.body())
	in := iam.UploadServerCertificateInput{
		ServerCertificateName: aws.String("web"), Path: aws.String("/cloudfront/"), CertificateBody: leaf.body(), PrivateKey: leaf.private(t), CertificateChain: chain,
		Tags: []types.Tag{{Key: aws.String("team"), Value: aws.String("edge")}},
	}
	up := must[*iam.UploadServerCertificateOutput](t)(admin.UploadServerCertificate(ctx, &in)).ServerCertificateMetadata
	if *up.Arn != "arn:aws:iam::"+account+":server-certificate/cloudfront/web" || !strings.HasPrefix(*up.ServerCertificateId, "ASCA") || !up.Expiration.Equal(leaf.certificate.NotAfter) {
		t.Errorf("uploaded %+v", up)
	}
	with := func(change func(*iam.UploadServerCertificateInput)) func() error {
		return func() error {
			other := in
			other.ServerCertificateName = aws.String("other")
			change(&other)
			return only(admin.UploadServerCertificate(context.Background(), &other))
		}
	}
	refused(t, []refusal{
		{"the name", with(func(in *iam.UploadServerCertificateInput) { in.ServerCertificateName = aws.String("Web") }), "EntityAlreadyExists", "The Server Certificate with name Web already exists."},
		{"another's key", with(func(in *iam.UploadServerCertificateInput) { in.PrivateKey = top.private(t) }), "KeyPairMismatch", ""},
		{"no key", with(func(in *iam.UploadServerCertificateInput) { in.PrivateKey = leaf.body() }), "MalformedCertificate", ""},
		{"the wrong order", with(func(in *iam.UploadServerCertificateInput) {
			in.CertificateChain = aws.String(*top.body() + *middle.body())
		}), "MalformedCertificate", ""},
		{"two bodies", with(func(in *iam.UploadServerCertificateInput) {
			in.CertificateBody = aws.String(*leaf.body() + *middle.body())
		}), "MalformedCertificate", ""},
		{"after its end", with(func(in *iam.UploadServerCertificateInput) {
			old := newAuthority(t, "old", nil, at.AddDate(-2, 0, 0))
			in.CertificateBody, in.PrivateKey, in.CertificateChain = old.body(), old.private(t), nil
		}), "MalformedCertificate", ""},
		{"none of that name", func() error {
			return only(admin.GetServerCertificate(ctx, &iam.GetServerCertificateInput{ServerCertificateName: aws.String("none")}))
		}, "NoSuchEntity", "The Server Certificate with name none cannot be found."},
	})
	got := must[*iam.GetServerCertificateOutput](t)(admin.GetServerCertificate(ctx, &iam.GetServerCertificateInput{ServerCertificateName: aws.String("web")})).ServerCertificate
	if *got.CertificateBody != *leaf.body() || *got.CertificateChain != *chain || len(got.Tags) != 1 {
		t.Errorf("get = %+v", got)
	}
	ok[*iam.UpdateServerCertificateOutput](t)(admin.UpdateServerCertificate(ctx, &iam.UpdateServerCertificateInput{ServerCertificateName: aws.String("web"), NewServerCertificateName: aws.String("edge"), NewPath: aws.String("/")}))
	ok[*iam.TagServerCertificateOutput](t)(admin.TagServerCertificate(ctx, &iam.TagServerCertificateInput{ServerCertificateName: aws.String("edge"), Tags: []types.Tag{{Key: aws.String("a"), Value: aws.String("b")}}}))
	ok[*iam.UntagServerCertificateOutput](t)(admin.UntagServerCertificate(ctx, &iam.UntagServerCertificateInput{ServerCertificateName: aws.String("edge"), TagKeys: []string{"team"}}))
	tags := must[*iam.ListServerCertificateTagsOutput](t)(admin.ListServerCertificateTags(ctx, &iam.ListServerCertificateTagsInput{ServerCertificateName: aws.String("edge")})).Tags
	list := must[*iam.ListServerCertificatesOutput](t)(admin.ListServerCertificates(ctx, &iam.ListServerCertificatesInput{})).ServerCertificateMetadataList
	if len(tags) != 1 || *tags[0].Key != "a" || len(list) != 1 || *list[0].Arn != "arn:aws:iam::"+account+":server-certificate/edge" {
		t.Errorf("tags %+v, list %+v", tags, list)
	}
	summary := must[*iam.GetAccountSummaryOutput](t)(admin.GetAccountSummary(ctx, &iam.GetAccountSummaryInput{})).SummaryMap
	if summary["ServerCertificates"] != 1 || summary["ServerCertificatesQuota"] != 20 {
		t.Errorf("summary: %d of %d", summary["ServerCertificates"], summary["ServerCertificatesQuota"])
	}
	ok[*iam.DeleteServerCertificateOutput](t)(admin.DeleteServerCertificate(ctx, &iam.DeleteServerCertificateInput{ServerCertificateName: aws.String("edge")}))
}

func TestServiceSpecificCredentials(t *testing.T) {
	s, admin := root(t)
	ctx := t.Context()
	for _, name := range []string{"bob", "bob-x"} {
		s.User(t, name, "")
	}
	create := func(user, service string, days *int32) (*iam.CreateServiceSpecificCredentialOutput, error) {
		return admin.CreateServiceSpecificCredential(ctx, &iam.CreateServiceSpecificCredentialInput{UserName: &user, ServiceName: &service, CredentialAgeDays: days})
	}
	const git, bedrock = "codecommit.amazonaws.com", "bedrock.amazonaws.com"
	first := must[*iam.CreateServiceSpecificCredentialOutput](t)(create("bob", git, nil)).ServiceSpecificCredential
	second := must[*iam.CreateServiceSpecificCredentialOutput](t)(create("bob", git, nil)).ServiceSpecificCredential
	if *first.ServiceUserName != "bob-at-"+account || *second.ServiceUserName != "bob+1-at-"+account || *first.ServicePassword == *second.ServicePassword || len(*first.ServicePassword) < 40 {
		t.Errorf("created %s and %s", *first.ServiceUserName, *second.ServiceUserName)
	}
	key := must[*iam.CreateServiceSpecificCredentialOutput](t)(create("bob-x", bedrock, aws.Int32(30))).ServiceSpecificCredential
	if key.ServicePassword != nil || *key.ServiceCredentialSecret == "" || !key.ExpirationDate.Equal(key.CreateDate.AddDate(0, 0, 30)) {
		t.Errorf("an API key has password %v and ends %v", key.ServicePassword != nil, key.ExpirationDate)
	}
	refused(t, []refusal{
		{"a third", func() error { return only(create("bob", git, nil)) }, "LimitExceeded", "Cannot exceed quota for ServiceSpecificCredentialsPerUser: 2"},
		{"another service", func() error { return only(create("bob", "kms.amazonaws.com", nil)) }, "NotSupportedService", ""},
		{"a password's age", func() error { return only(create("bob-x", git, aws.Int32(3))) }, "InvalidInput", ""},
		{"another user's", func() error {
			return only(admin.ResetServiceSpecificCredential(ctx, &iam.ResetServiceSpecificCredentialInput{UserName: aws.String("bob-x"), ServiceSpecificCredentialId: first.ServiceSpecificCredentialId}))
		}, "NoSuchEntity", ""},
		{"in the way", func() error {
			return only(admin.DeleteUser(ctx, &iam.DeleteUserInput{UserName: aws.String("bob-x")}))
		}, "DeleteConflict", ""},
	})
	reset := must[*iam.ResetServiceSpecificCredentialOutput](t)(admin.ResetServiceSpecificCredential(ctx, &iam.ResetServiceSpecificCredentialInput{UserName: aws.String("bob"), ServiceSpecificCredentialId: first.ServiceSpecificCredentialId})).ServiceSpecificCredential
	if *reset.ServiceUserName != *first.ServiceUserName || *reset.ServicePassword == *first.ServicePassword {
		t.Errorf("reset: %s, the same password %v", *reset.ServiceUserName, *reset.ServicePassword == *first.ServicePassword)
	}
	ok[*iam.UpdateServiceSpecificCredentialOutput](t)(admin.UpdateServiceSpecificCredential(ctx, &iam.UpdateServiceSpecificCredentialInput{UserName: aws.String("bob"), ServiceSpecificCredentialId: first.ServiceSpecificCredentialId, Status: types.StatusTypeInactive}))
	s.Clock.Advance(31 * 24 * time.Hour)
	got := map[string]types.StatusType{}
	var marker *string
	for {
		page := must[*iam.ListServiceSpecificCredentialsOutput](t)(admin.ListServiceSpecificCredentials(ctx, &iam.ListServiceSpecificCredentialsInput{AllUsers: aws.Bool(true), MaxItems: aws.Int32(1), Marker: marker}))
		for _, c := range page.ServiceSpecificCredentials {
			got[*c.ServiceSpecificCredentialId] = c.Status
		}
		if marker = page.Marker; !page.IsTruncated {
			break
		}
	}
	for id, want := range map[string]types.StatusType{
		*first.ServiceSpecificCredentialId: types.StatusTypeInactive, *second.ServiceSpecificCredentialId: types.StatusTypeActive, *key.ServiceSpecificCredentialId: types.StatusTypeExpired,
	} {
		if got[id] != want {
			t.Errorf("%s is %q, want %q", id, got[id], want)
		}
	}
	ok[*iam.DeleteServiceSpecificCredentialOutput](t)(admin.DeleteServiceSpecificCredential(ctx, &iam.DeleteServiceSpecificCredentialInput{UserName: aws.String("bob-x"), ServiceSpecificCredentialId: key.ServiceSpecificCredentialId}))
	expect(t, "free again", only(admin.DeleteAccessKey(ctx, &iam.DeleteAccessKeyInput{UserName: aws.String("bob-x"), AccessKeyId: aws.String(keyID(t, admin, "bob-x"))})), "", "")
	expect(t, "deleted", only(admin.DeleteUser(ctx, &iam.DeleteUserInput{UserName: aws.String("bob-x")})), "", "")
}

// keyID is the id of a user's only access key.
func keyID(t *testing.T, c *iam.Client, user string) string {
	t.Helper()
	return *must[*iam.ListAccessKeysOutput](t)(c.ListAccessKeys(t.Context(), &iam.ListAccessKeysInput{UserName: &user})).AccessKeyMetadata[0].AccessKeyId
}
