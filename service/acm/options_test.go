package acm_test

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/acm"
	"github.com/aws/aws-sdk-go-v2/service/acm/types"

	"github.com/garrison-cloud/garrison/internal/garrisontest"
)

// TestOptionsAndRevocation lets a certificate be exported late, and revokes it then.
func TestOptionsAndRevocation(t *testing.T) {
	t.Parallel()
	s, c, z := start(t)
	arn := request(t, c, &acm.RequestCertificateInput{DomainName: aws.String("www.example.com"), KeyAlgorithm: types.KeyAlgorithmEcPrime256v1})
	prove(t, c, z, arn)
	await(t, s, c, arn, types.CertificateStatusIssued)
	export := &acm.ExportCertificateInput{CertificateArn: &arn, Passphrase: []byte("1234")}
	_, err := c.ExportCertificate(t.Context(), export)
	garrisontest.Want(t, err, "ValidationException: ")
	revoke := &acm.RevokeCertificateInput{CertificateArn: &arn, RevocationReason: types.RevocationReasonKeyCompromise}
	_, err = c.RevokeCertificate(t.Context(), revoke)
	garrisontest.Want(t, err, "ConflictException: ")
	_, err = c.RenewCertificate(t.Context(), &acm.RenewCertificateInput{CertificateArn: &arn})
	garrisontest.Want(t, err, "ValidationException: ")
	_, err = c.UpdateCertificateOptions(t.Context(), &acm.UpdateCertificateOptionsInput{CertificateArn: &arn, Options: &types.CertificateOptions{Export: types.CertificateExportEnabled}})
	garrisontest.Want(t, err, "")
	_, err = c.ExportCertificate(t.Context(), export)
	garrisontest.Want(t, err, "")
	got, err := c.GetCertificate(t.Context(), &acm.GetCertificateInput{CertificateArn: &arn})
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.RevokeCertificate(t.Context(), revoke)
	garrisontest.Want(t, err, "")
	if d := describe(t, c, arn); d.Status != types.CertificateStatusRevoked || d.RevokedAt == nil || d.RevocationReason != types.RevocationReasonKeyCompromise {
		t.Errorf("revoked = %+v", d)
	}
	root := fetch(t, s.URL+"/CertificateManager-us-east-1.pem")
	said := openssl(t, map[string]string{"root": root, "chain": *got.CertificateChain, "leaf": *got.Certificate},
		"ocsp", "-issuer", "chain", "-cert", "leaf", "-url", s.URL+"/ocsp", "-CAfile", "root", "-verify_other", "chain", "-no_nonce")
	if want := "leaf: revoked"; !strings.Contains(said, want) {
		t.Errorf("OCSP says %s, want %s", said, want)
	}
	_, err = c.RemoveTagsFromCertificate(t.Context(), &acm.RemoveTagsFromCertificateInput{CertificateArn: &arn, Tags: []types.Tag{{Key: aws.String("a")}}})
	garrisontest.Want(t, err, "")
	_, err = c.AddTagsToCertificate(t.Context(), &acm.AddTagsToCertificateInput{CertificateArn: &arn, Tags: []types.Tag{{Key: aws.String("aws:a")}}})
	garrisontest.Want(t, err, "InvalidTagException: ")
}
