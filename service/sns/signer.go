package sns

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1" //nolint:gosec // SignatureVersion 1 is SHA-1 by definition
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"strings"
	"sync"
	"time"

	"github.com/garrison-cloud/garrison/internal/store"
)

// signer is the Region's key for messages, made when the first message needs it.
type signer struct {
	mu sync.Mutex
	// key, pem and path are guarded by mu; key is nil until it is loaded.
	key  *rsa.PrivateKey
	pem  []byte
	path string
}

const (
	signingName = "messages"
	keyBits     = 2048
	// certificateFor is how long the certificate says that it holds.
	certificateFor = 10 * 365 * 24 * time.Hour
	// These stand around the hash in the path at which the certificate is served.
	certificatePrefix, certificateSuffix = "/SimpleNotificationService-", ".pem"
)

// load returns the key and where its certificate is.
func (s *Service) load(ctx context.Context) (*rsa.PrivateKey, string, error) {
	s.signer.mu.Lock()
	defer s.signer.mu.Unlock()
	if s.signer.key != nil {
		return s.signer.key, s.signer.path, nil
	}
	row, err := s.stored(ctx)
	if errors.Is(err, store.ErrNotFound) {
		row, err = s.newSigning(ctx)
	}
	if err != nil {
		return nil, "", err
	}
	parsed, err := x509.ParsePKCS8PrivateKey(row.Key)
	if err != nil {
		return nil, "", fmt.Errorf("signing key of SNS: %w", err)
	}
	key, ok := parsed.(*rsa.PrivateKey)
	if !ok {
		return nil, "", errors.New("signing key of SNS: not an RSA key")
	}
	sum := sha256.Sum256(row.Certificate)
	s.signer.path = certificatePrefix + hex.EncodeToString(sum[:16]) + certificateSuffix
	s.signer.key, s.signer.pem = key, row.Certificate
	return key, s.signer.path, nil
}

func (s *Service) stored(ctx context.Context) (row *signing, err error) {
	err = s.DB.View(ctx, func(tx *store.Tx) (err error) {
		row, err = signings.Get(tx, signingName)
		return err
	})
	return row, err
}

// newSigning makes a key and its certificate, unless another process was faster.
func (s *Service) newSigning(ctx context.Context) (*signing, error) {
	key, err := rsa.GenerateKey(rand.Reader, keyBits)
	if err != nil {
		return nil, fmt.Errorf("signing key of SNS: %w", err)
	}
	row := &signing{Name: signingName}
	if row.Key, err = x509.MarshalPKCS8PrivateKey(key); err != nil {
		return nil, fmt.Errorf("signing key of SNS: %w", err)
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return nil, fmt.Errorf("certificate of SNS: %w", err)
	}
	now := s.Clock.Now()
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: "sns.amazonaws.com"}, DNSNames: []string{"sns.amazonaws.com"},
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(certificateFor), KeyUsage: x509.KeyUsageDigitalSignature,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, fmt.Errorf("certificate of SNS: %w", err)
	}
	row.Certificate = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	err = s.DB.Update(ctx, func(tx *store.Tx) error {
		old, err := signings.Get(tx, signingName)
		if errors.Is(err, store.ErrNotFound) {
			return signings.Insert(tx, row)
		}
		row = old
		return err
	})
	return row, err
}

// Certificate returns the certificate that messages are verified by, in PEM, if path
// is where this Region's is. Anybody may have it.
func (s *Service) Certificate(ctx context.Context, path string) ([]byte, bool) {
	if !strings.HasPrefix(path, certificatePrefix) || !strings.HasSuffix(path, certificateSuffix) {
		return nil, false
	}
	if _, err := s.stored(ctx); err != nil { // nothing was signed yet: nobody makes a key by asking
		return nil, false
	}
	_, own, err := s.load(ctx)
	if err != nil || own != path {
		return nil, false
	}
	return s.signer.pem, true
}

// sign returns the signature of a text (SNS Developer Guide, "Verifying the signatures
// of Amazon SNS messages").
func sign(key *rsa.PrivateKey, text string, v2 bool) (string, error) {
	hash, sum := crypto.SHA1, []byte(nil)
	if v2 {
		s := sha256.Sum256([]byte(text))
		hash, sum = crypto.SHA256, s[:]
	} else {
		s := sha1.Sum([]byte(text)) //nolint:gosec // as above
		sum = s[:]
	}
	sig, err := rsa.SignPKCS1v15(rand.Reader, key, hash, sum)
	if err != nil {
		return "", fmt.Errorf("sign a message of SNS: %w", err)
	}
	return base64.StdEncoding.EncodeToString(sig), nil
}
