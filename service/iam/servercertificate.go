package iam

import (
	"bytes"
	"context"
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/garrison-cloud/garrison/internal/store"
	"github.com/garrison-cloud/garrison/internal/wire"
)

const serverCertificateNoun = "server-certificate"

// A serverCertificate is what a load balancer shows to its clients.
type serverCertificate struct {
	entity
	// Body and Chain are in PEM, as they were uploaded.
	Body, Chain string
	// Key is the private key in PEM. It is never answered.
	Key     string
	Expires time.Time
}

var serverCertificates = newKind(kind[serverCertificate]{
	noun: serverCertificateNoun, title: "Server Certificate", prefix: "ASCA",
	of: func(c *serverCertificate) *entity { return &c.entity },
})

func (s *Service) serverCertificateOperations() []wire.Operation {
	return []wire.Operation{
		op(onNew(serverCertificates, func(in *iam.UploadServerCertificateInput) (*string, *string) {
			return in.Path, in.ServerCertificateName
		},
			tagged(func(in *iam.UploadServerCertificateInput) []types.Tag { return in.Tags })), s.UploadServerCertificate),
		op(on(s, serverCertificates, func(in *iam.GetServerCertificateInput) *string { return in.ServerCertificateName }), s.GetServerCertificate),
		op(onAll(serverCertificates, func(in *iam.ListServerCertificatesInput) *string { return in.PathPrefix }), s.ListServerCertificates),
		op(onRename(s, serverCertificates, func(in *iam.UpdateServerCertificateInput) names {
			return names{in.ServerCertificateName, in.NewPath, in.NewServerCertificateName}
		}), s.UpdateServerCertificate),
		op(on(s, serverCertificates, func(in *iam.DeleteServerCertificateInput) *string { return in.ServerCertificateName }), s.DeleteServerCertificate),
		op(on(s, serverCertificates, func(in *iam.TagServerCertificateInput) *string { return in.ServerCertificateName },
			tagged(func(in *iam.TagServerCertificateInput) []types.Tag { return in.Tags })), s.TagServerCertificate),
		op(on(s, serverCertificates, func(in *iam.UntagServerCertificateInput) *string { return in.ServerCertificateName },
			untagged(func(in *iam.UntagServerCertificateInput) []string { return in.TagKeys })), s.UntagServerCertificate),
		op(on(s, serverCertificates, func(in *iam.ListServerCertificateTagsInput) *string { return in.ServerCertificateName }), s.ListServerCertificateTags),
	}
}

// checkServing refuses a certificate that cannot be shown to clients: out of its
// time, with another's key, or with a chain that does not lead on from it (IAM
// User Guide, "Manage server certificates in IAM").
func (s *Service) checkServing(in *iam.UploadServerCertificateInput) (*x509.Certificate, error) {
	c, err := oneCertificate(*in.CertificateBody)
	if err != nil {
		return nil, err
	}
	if now := s.clock.Now(); now.Before(c.NotBefore) || now.After(c.NotAfter) {
		return nil, malformedCertificate("Certificate is not valid at this time.")
	}
	key, err := privateKeyIn(*in.PrivateKey)
	if err != nil {
		return nil, err
	}
	if public, ok := key.Public().(interface{ Equal(x crypto.PublicKey) bool }); !ok || !public.Equal(c.PublicKey) {
		return nil, &types.KeyPairMismatchException{Message: aws.String("Certificate and Private Key do not match.")}
	}
	if in.CertificateChain == nil {
		return c, nil
	}
	chain, err := certificatesIn(*in.CertificateChain)
	if err != nil {
		return nil, err
	}
	return c, leads(c, chain)
}

// leads refuses a chain in which one is not signed by the next.
func leads(c *x509.Certificate, chain []*x509.Certificate) error {
	for _, issuer := range chain {
		if !bytes.Equal(c.RawIssuer, issuer.RawSubject) || c.CheckSignatureFrom(issuer) != nil {
			return malformedCertificate("Unable to validate certificate chain. The certificate chain must start with the immediate signing certificate, followed by any intermediaries in order.")
		}
		c = issuer
	}
	return nil
}

// privateKeyIn reads an unencrypted private key in PEM.
func privateKeyIn(body string) (crypto.Signer, error) {
	unreadable := malformedCertificate("Unable to parse private key. Please ensure that it is unencrypted and in PEM format.")
	block, rest := pem.Decode([]byte(strings.TrimSpace(body)))
	if block != nil && block.Type == "EC PARAMETERS" { // as openssl writes it before the key
		block, rest = pem.Decode(rest)
	}
	if block == nil || len(bytes.TrimSpace(rest)) > 0 {
		return nil, unreadable
	}
	var key any
	var err error
	switch block.Type {
	case "RSA PRIVATE KEY":
		key, err = x509.ParsePKCS1PrivateKey(block.Bytes)
	case "EC PRIVATE KEY":
		key, err = x509.ParseECPrivateKey(block.Bytes)
	default:
		key, err = x509.ParsePKCS8PrivateKey(block.Bytes)
	}
	signer, ok := key.(crypto.Signer)
	if err != nil || !ok {
		return nil, unreadable
	}
	return signer, nil
}

func (c *serverCertificate) api() *types.ServerCertificateMetadata {
	return &types.ServerCertificateMetadata{
		Arn: aws.String(serverCertificates.arn(&c.entity)), Path: &c.Path, ServerCertificateName: &c.Name,
		ServerCertificateId: &c.ID, UploadDate: &c.Created, Expiration: &c.Expires,
	}
}

// UploadServerCertificate keeps a certificate with its private key.
func (s *Service) UploadServerCertificate(ctx context.Context, in *iam.UploadServerCertificateInput) (*iam.UploadServerCertificateOutput, error) {
	account := wire.CallFrom(ctx).Account()
	tags, err := newTags(nil, in.Tags)
	if err != nil {
		return nil, err
	}
	c, err := s.checkServing(in)
	if err != nil {
		return nil, err
	}
	row := &serverCertificate{
		entity: entity{
			Account: account, Name: *in.ServerCertificateName, ID: newID(serverCertificates.prefix, account),
			Path: pathOf(in.Path), Created: s.now(), Tags: tags,
		},
		Body: *in.CertificateBody, Chain: aws.ToString(in.CertificateChain), Key: *in.PrivateKey, Expires: c.NotAfter,
	}
	if err := serverCertificates.insert(ctx, s, row); err != nil {
		return nil, err
	}
	return &iam.UploadServerCertificateOutput{ServerCertificateMetadata: row.api(), Tags: apiTags(tags)}, nil
}

// GetServerCertificate returns a certificate without its key.
func (s *Service) GetServerCertificate(ctx context.Context, in *iam.GetServerCertificateInput) (*iam.GetServerCertificateOutput, error) {
	row, err := serverCertificates.view(ctx, s, *in.ServerCertificateName)
	if err != nil {
		return nil, err
	}
	out := &types.ServerCertificate{ServerCertificateMetadata: row.api(), CertificateBody: &row.Body, Tags: apiTags(row.Tags)}
	if row.Chain != "" {
		out.CertificateChain = &row.Chain
	}
	return &iam.GetServerCertificateOutput{ServerCertificate: out}, nil
}

// ListServerCertificates lists certificates by name.
func (s *Service) ListServerCertificates(ctx context.Context, in *iam.ListServerCertificatesInput) (*iam.ListServerCertificatesOutput, error) {
	p, err := newPager("iam.ListServerCertificates", in.Marker, in.MaxItems)
	if err != nil {
		return nil, err
	}
	out := &iam.ListServerCertificatesOutput{ServerCertificateMetadataList: []types.ServerCertificateMetadata{}}
	err = serverCertificates.list(ctx, s, p, in.PathPrefix, func(c *serverCertificate) {
		out.ServerCertificateMetadataList = append(out.ServerCertificateMetadataList, *c.api())
	})
	out.IsTruncated, out.Marker = p.more, p.marker()
	return out, err
}

// UpdateServerCertificate renames or moves a certificate.
func (s *Service) UpdateServerCertificate(ctx context.Context, in *iam.UpdateServerCertificateInput) (*iam.UpdateServerCertificateOutput, error) {
	if err := serverCertificates.rename(ctx, s, *in.ServerCertificateName, in.NewServerCertificateName, in.NewPath); err != nil {
		return nil, err
	}
	return &iam.UpdateServerCertificateOutput{}, nil
}

// DeleteServerCertificate deletes a certificate and its key.
func (s *Service) DeleteServerCertificate(ctx context.Context, in *iam.DeleteServerCertificateInput) (*iam.DeleteServerCertificateOutput, error) {
	err := serverCertificates.remove(ctx, s, *in.ServerCertificateName, func(*store.Tx, *serverCertificate) error { return nil })
	if err != nil {
		return nil, err
	}
	return &iam.DeleteServerCertificateOutput{}, nil
}

// TagServerCertificate adds tags to a certificate, or changes their values.
func (s *Service) TagServerCertificate(ctx context.Context, in *iam.TagServerCertificateInput) (*iam.TagServerCertificateOutput, error) {
	if err := serverCertificates.tag(ctx, s, *in.ServerCertificateName, in.Tags); err != nil {
		return nil, err
	}
	return &iam.TagServerCertificateOutput{}, nil
}

// UntagServerCertificate takes tags from a certificate.
func (s *Service) UntagServerCertificate(ctx context.Context, in *iam.UntagServerCertificateInput) (*iam.UntagServerCertificateOutput, error) {
	if err := serverCertificates.untag(ctx, s, *in.ServerCertificateName, in.TagKeys); err != nil {
		return nil, err
	}
	return &iam.UntagServerCertificateOutput{}, nil
}

// ListServerCertificateTags lists a certificate's tags by key.
func (s *Service) ListServerCertificateTags(ctx context.Context, in *iam.ListServerCertificateTagsInput) (*iam.ListServerCertificateTagsOutput, error) {
	row, err := serverCertificates.view(ctx, s, *in.ServerCertificateName)
	if err != nil {
		return nil, err
	}
	tags, p, err := pageTags("iam.ListServerCertificateTags", row.Tags, in.Marker, in.MaxItems)
	if err != nil {
		return nil, err
	}
	return &iam.ListServerCertificateTagsOutput{Tags: tags, IsTruncated: p.more, Marker: p.marker()}, nil
}
