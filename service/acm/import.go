package acm

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/acm"
	"github.com/aws/aws-sdk-go-v2/service/acm/types"

	"github.com/garrison-cloud/garrison/engine/x509ca"
	"github.com/garrison-cloud/garrison/internal/store"
	"github.com/garrison-cloud/garrison/internal/wire"
)

const (
	// maxChain and maxChainBytes bound a chain, which is part of a row of the store.
	maxChain      = 20
	maxChainBytes = 512 << 10
)

// ImportCertificate keeps a certificate that another authority has issued, or takes it
// in the place of an earlier import.
func (s *Service) ImportCertificate(ctx context.Context, in *acm.ImportCertificateInput) (*acm.ImportCertificateOutput, error) {
	row, key, err := s.newImport(wire.CallFrom(ctx).Account(), in)
	if err != nil {
		return nil, err
	}
	if in.CertificateArn != nil {
		return s.reimport(ctx, *in.CertificateArn, row, key)
	}
	if row.Tags, err = addTags(nil, in.Tags); err != nil {
		return nil, err
	}
	call := wire.CallFrom(ctx)
	call.Made = append(call.Made, wire.Resource{ARN: row.arn(), Type: certificateType})
	if err := s.insert(ctx, row, key); err != nil {
		call.Made = nil
		return nil, err
	}
	s.fleet.Wake()
	return &acm.ImportCertificateOutput{CertificateArn: aws.String(row.arn())}, nil
}

func (s *Service) reimport(ctx context.Context, given string, row *certificate, key *privateKey) (*acm.ImportCertificateOutput, error) {
	err := s.edit(ctx, given, func(tx *store.Tx, old *certificate) error {
		if old.Kind != string(types.CertificateTypeImported) {
			return invalid("The certificate %s was not imported, so that none can be imported in its place.", given)
		}
		old.Domain, old.Names, old.Status, old.KeyAlgorithm, old.Issued = row.Domain, row.Names, row.Status, row.KeyAlgorithm, tx.Now()
		old.DER, old.Chain, old.NotBefore, old.NotAfter, old.Serial, old.Told = row.DER, row.Chain, row.NotBefore, row.NotAfter, row.Serial, time.Time{}
		if err := s.plan(tx, old); err != nil {
			return err
		}
		key.ID = old.ID
		return privateKeys.Put(tx, key)
	})
	if err != nil {
		return nil, err
	}
	s.tellChanged()
	s.fleet.Wake()
	return &acm.ImportCertificateOutput{CertificateArn: &given}, nil
}

// newImport checks all of an import (ACM User Guide, "Prerequisites for importing ACM
// certificates").
func (s *Service) newImport(account string, in *acm.ImportCertificateInput) (*certificate, *privateKey, error) {
	certs, err := x509ca.DecodePEM(in.Certificate, 1)
	if err != nil {
		return nil, nil, validation400("The certificate field contains more than one certificate. You can specify only one certificate in this field, as PEM.")
	}
	c := certs[0]
	signer, err := readKey(in.PrivateKey)
	if err != nil {
		return nil, nil, err
	}
	if !x509ca.SamePublic(c.PublicKey, signer.Public()) {
		return nil, nil, validation400("The private key does not match the certificate.")
	}
	algorithm := x509ca.AlgorithmOf(c.PublicKey)
	if algorithm == "" {
		return nil, nil, validation400("The key algorithm of the certificate is not supported.")
	}
	switch now := s.Clock.Now(); {
	case now.Before(c.NotBefore):
		return nil, nil, validation400("The certificate is not in its validity period: it is not valid yet.")
	case !now.Before(c.NotAfter):
		return nil, nil, validation400("The certificate has expired.")
	case bytes.Equal(c.RawIssuer, []byte{0x30, 0}):
		return nil, nil, validation400("The issuer of the certificate is empty.")
	}
	chain, err := readChain(c, in.CertificateChain)
	if err != nil {
		return nil, nil, err
	}
	row := &certificate{
		Account: account, ID: newID(), Region: s.Region, Kind: string(types.CertificateTypeImported), Status: string(types.CertificateStatusIssued),
		KeyAlgorithm: algorithm, DER: c.Raw, Chain: chain, NotBefore: c.NotBefore, NotAfter: c.NotAfter, Serial: hex.EncodeToString(c.SerialNumber.Bytes()),
		Names: c.DNSNames, Domain: c.Subject.CommonName, Logging: string(types.CertificateTransparencyLoggingPreferenceDisabled),
	}
	if row.Domain == "" && len(row.Names) > 0 {
		row.Domain = row.Names[0]
	}
	der, err := x509ca.MarshalKey(signer)
	return row, &privateKey{Account: account, ID: row.ID, DER: der}, err
}

// readKey reads an unencrypted key in any of its usual forms.
func readKey(text []byte) (crypto.Signer, error) {
	refused := validation400("The private key is not valid PEM of an unencrypted private key.")
	block, rest := pem.Decode(text)
	for block != nil && block.Type == "EC PARAMETERS" {
		block, rest = pem.Decode(rest)
	}
	if block == nil || len(bytes.TrimSpace(rest)) > 0 {
		return nil, refused
	}
	switch block.Type {
	case "RSA PRIVATE KEY":
		if k, err := x509.ParsePKCS1PrivateKey(block.Bytes); err == nil {
			return k, nil
		}
	case "EC PRIVATE KEY":
		var k *ecdsa.PrivateKey
		if k, _ = x509.ParseECPrivateKey(block.Bytes); k != nil {
			return k, nil
		}
	case "PRIVATE KEY":
		if k, err := x509ca.ParseKey(block.Bytes); err == nil {
			return k, nil
		}
	}
	return nil, refused
}

// readChain checks that a chain leads on from a certificate.
func readChain(c *x509.Certificate, given []byte) (string, error) {
	if len(given) == 0 {
		return "", nil
	}
	if len(given) > maxChainBytes {
		return "", validation400("The certificate chain is too long.")
	}
	chain, err := x509ca.DecodePEM(given, maxChain)
	if err != nil {
		return "", validation400("The certificate chain is not valid PEM of certificates.")
	}
	var all [][]byte
	for below := c; len(all) < len(chain); {
		above := chain[len(all)]
		if bytes.Equal(above.Raw, c.Raw) || !bytes.Equal(below.RawIssuer, above.RawSubject) || below.CheckSignatureFrom(above) != nil {
			return "", validation400("Could not validate the certificate with the certificate chain.")
		}
		all, below = append(all, above.Raw), above
	}
	return x509ca.EncodePEM(all...), nil
}
