package acmpca_test

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/acmpca"
	"github.com/aws/aws-sdk-go-v2/service/acmpca/types"

	"github.com/garrison-cloud/garrison/internal/garrisontest"
)

// TestTagsAndList tags authorities, and lists them and their tags by pages.
func TestTagsAndList(t *testing.T) {
	t.Parallel()
	c := acmpca.NewFromConfig(garrisontest.Start(t).Config)
	one := create(t, c, types.CertificateAuthorityTypeRoot, configuration(types.KeyAlgorithmEcPrime256v1, types.SigningAlgorithmSha256withecdsa, "one"))
	create(t, c, types.CertificateAuthorityTypeSubordinate, configuration(types.KeyAlgorithmEcPrime256v1, types.SigningAlgorithmSha256withecdsa, "two"))
	_, err := c.TagCertificateAuthority(t.Context(), &acmpca.TagCertificateAuthorityInput{CertificateAuthorityArn: &one.arn, Tags: []types.Tag{
		{Key: aws.String("a"), Value: aws.String("1")}, {Key: aws.String("b"), Value: aws.String("2")}, {Key: aws.String("c")},
	}})
	garrisontest.Want(t, err, "")
	_, err = c.UntagCertificateAuthority(t.Context(), &acmpca.UntagCertificateAuthorityInput{CertificateAuthorityArn: &one.arn, Tags: []types.Tag{
		{Key: aws.String("a"), Value: aws.String("other")}, {Key: aws.String("c")},
	}})
	garrisontest.Want(t, err, "")
	page, err := c.ListTags(t.Context(), &acmpca.ListTagsInput{CertificateAuthorityArn: &one.arn, MaxResults: aws.Int32(1)})
	if err != nil || len(page.Tags) != 1 || *page.Tags[0].Key != "a" || page.NextToken == nil {
		t.Fatalf("first tags = %v, %v", page, err)
	}
	page, err = c.ListTags(t.Context(), &acmpca.ListTagsInput{CertificateAuthorityArn: &one.arn, NextToken: page.NextToken})
	if err != nil || len(page.Tags) != 1 || *page.Tags[0].Key != "b" {
		t.Errorf("second tags = %v, %v", page, err)
	}
	var all []types.CertificateAuthority
	for p := acmpca.NewListCertificateAuthoritiesPaginator(c, &acmpca.ListCertificateAuthoritiesInput{MaxResults: aws.Int32(1)}); p.HasMorePages(); {
		out, err := p.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, out.CertificateAuthorities...)
	}
	if len(all) != 2 || *all[0].Arn == *all[1].Arn || *all[0].CertificateAuthorityConfiguration.Subject.Organization != "Example" {
		t.Errorf("authorities = %v", all)
	}
	_, err = c.GetPolicy(t.Context(), &acmpca.GetPolicyInput{ResourceArn: &one.arn})
	garrisontest.Want(t, err, "ResourceNotFoundException: ")
	_, err = c.PutPolicy(t.Context(), &acmpca.PutPolicyInput{ResourceArn: &one.arn, Policy: aws.String("{")})
	garrisontest.Want(t, err, "InvalidPolicyException: ")
	_, err = c.DeletePolicy(t.Context(), &acmpca.DeletePolicyInput{ResourceArn: &one.arn})
	garrisontest.Want(t, err, "")
}
