package iam_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/garrison-cloud/garrison/internal/garrisontest"
)

// samlMetadata describes a provider with a key of its own.
func samlMetadata(t *testing.T, attributes string) *string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(1)}
	raw, err := x509.CreateCertificate(rand.Reader, c, c, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return aws.String(`<EntityDescriptor xmlns="urn:oasis:names:tc:SAML:2.0:metadata" entityID="https://idp.example.com" ` + attributes + `>
<!--` + strings.Repeat(" padding", 100) + `--><IDPSSODescriptor protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol"><KeyDescriptor>
<KeyInfo xmlns="http://www.w3.org/2000/09/xmldsig#"><X509Data><X509Certificate>` + base64.StdEncoding.EncodeToString(raw) + `</X509Certificate></X509Data></KeyInfo></KeyDescriptor></IDPSSODescriptor></EntityDescriptor>`)
}

func TestSAMLProvider(t *testing.T) {
	_, c := root(t)
	ctx := t.Context()
	made := must[*iam.CreateSAMLProviderOutput](t)(c.CreateSAMLProvider(ctx, &iam.CreateSAMLProviderInput{
		Name: aws.String("corp"), SAMLMetadataDocument: samlMetadata(t, `validUntil="2099-05-01T00:00:00Z"`),
		Tags: []types.Tag{{Key: aws.String("team"), Value: aws.String("blue")}},
	}))
	provider := made.SAMLProviderArn
	if want := "arn:aws:iam::" + account + ":saml-provider/corp"; *provider != want {
		t.Errorf("ARN %s, want %s", *provider, want)
	}
	get := func() *iam.GetSAMLProviderOutput {
		return must[*iam.GetSAMLProviderOutput](t)(c.GetSAMLProvider(ctx, &iam.GetSAMLProviderInput{SAMLProviderArn: provider}))
	}
	if got := get(); !got.ValidUntil.Equal(time.Date(2099, 5, 1, 0, 0, 0, 0, time.UTC)) || len(*got.SAMLProviderUUID) < 22 || len(got.Tags) != 1 {
		t.Errorf("provider until %s, UUID %s, tags %v", got.ValidUntil, *got.SAMLProviderUUID, got.Tags)
	}
	document := samlMetadata(t, "")
	must[*iam.UpdateSAMLProviderOutput](t)(c.UpdateSAMLProvider(ctx, &iam.UpdateSAMLProviderInput{SAMLProviderArn: provider, SAMLMetadataDocument: document}))
	must[*iam.TagSAMLProviderOutput](t)(c.TagSAMLProvider(ctx, &iam.TagSAMLProviderInput{SAMLProviderArn: provider, Tags: []types.Tag{{Key: aws.String("stage"), Value: aws.String("prod")}}}))
	must[*iam.UntagSAMLProviderOutput](t)(c.UntagSAMLProvider(ctx, &iam.UntagSAMLProviderInput{SAMLProviderArn: provider, TagKeys: []string{"team"}}))
	if got := get(); *got.SAMLMetadataDocument != *document || got.ValidUntil.Year() < 2100 || len(got.Tags) != 1 || *got.Tags[0].Key != "stage" {
		t.Errorf("after the update: until %s, tags %v", got.ValidUntil, got.Tags)
	}
	tags := must[*iam.ListSAMLProviderTagsOutput](t)(c.ListSAMLProviderTags(ctx, &iam.ListSAMLProviderTagsInput{SAMLProviderArn: provider}))
	list := must[*iam.ListSAMLProvidersOutput](t)(c.ListSAMLProviders(ctx, &iam.ListSAMLProvidersInput{}))
	if len(tags.Tags) != 1 || len(list.SAMLProviderList) != 1 || *list.SAMLProviderList[0].Arn != *provider {
		t.Errorf("tags %v, list %v", tags.Tags, list.SAMLProviderList)
	}
	must[*iam.DeleteSAMLProviderOutput](t)(c.DeleteSAMLProvider(ctx, &iam.DeleteSAMLProviderInput{SAMLProviderArn: provider}))
	_, err := c.DeleteSAMLProvider(ctx, &iam.DeleteSAMLProviderInput{SAMLProviderArn: provider})
	if garrisontest.ErrorCode(err) != "NoSuchEntity" {
		t.Errorf("deleted twice: %v", err)
	}
}

func TestSAMLProviderRefusals(t *testing.T) {
	_, c := root(t)
	ctx := t.Context()
	good := samlMetadata(t, "")
	must[*iam.CreateSAMLProviderOutput](t)(c.CreateSAMLProvider(ctx, &iam.CreateSAMLProviderInput{Name: aws.String("taken"), SAMLMetadataDocument: good}))
	for _, tt := range []struct {
		name string
		in   iam.CreateSAMLProviderInput
		want string
	}{
		{"taken", iam.CreateSAMLProviderInput{Name: aws.String("taken"), SAMLMetadataDocument: good}, "EntityAlreadyExists"},
		{"no metadata", iam.CreateSAMLProviderInput{Name: aws.String("x"), SAMLMetadataDocument: aws.String(strings.Repeat("x", 1000))}, "InvalidInput"},
		{"a document type", iam.CreateSAMLProviderInput{Name: aws.String("x"), SAMLMetadataDocument: aws.String("<!DOCTYPE x>" + *good)}, "InvalidInput"},
		{"too short", iam.CreateSAMLProviderInput{Name: aws.String("x"), SAMLMetadataDocument: aws.String("<x/>")}, "ValidationError"},
		{"odd name", iam.CreateSAMLProviderInput{Name: aws.String("a b"), SAMLMetadataDocument: good}, "ValidationError"},
		{"encryption", iam.CreateSAMLProviderInput{Name: aws.String("x"), SAMLMetadataDocument: good, AssertionEncryptionMode: types.AssertionEncryptionModeTypeRequired}, "NotImplemented"},
		{"a private key", iam.CreateSAMLProviderInput{Name: aws.String("x"), SAMLMetadataDocument: good, AddPrivateKey: aws.String("key")}, "NotImplemented"},
	} {
		if _, err := c.CreateSAMLProvider(ctx, &tt.in); garrisontest.ErrorCode(err) != tt.want {
			t.Errorf("%s: %v, want %s", tt.name, err, tt.want)
		}
	}
	_, err := c.UpdateSAMLProvider(ctx, &iam.UpdateSAMLProviderInput{SAMLProviderArn: aws.String("arn:aws:iam::" + account + ":saml-provider/taken")})
	if garrisontest.ErrorCode(err) != "InvalidInput" {
		t.Errorf("an update of nothing: %v", err)
	}
}
