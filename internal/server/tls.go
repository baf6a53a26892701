package server

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/garrison-cloud/garrison/internal/clock"
)

// Lives of the server's own certificates.
const (
	caLife   = 10 * 365 * 24 * time.Hour
	certLife = 397 * 24 * time.Hour // the longest that browsers accept
	backdate = time.Hour            // clients' clocks may be behind
)

// CAPath is where the server's own CA is written for clients (AWS_CA_BUNDLE).
func CAPath(data string) string { return filepath.Clean(data) + ".ca.pem" }

func caKeyPath(data string) string { return filepath.Clean(data) + ".ca.key" }

// tlsConfig returns how to serve HTTPS, or nil for HTTP.
func tlsConfig(c *Config) (*tls.Config, error) {
	if !c.TLS && c.TLSCert == "" {
		return nil, nil
	}
	cert, err := certificate(c)
	if err != nil {
		return nil, err
	}
	return &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{cert}}, nil
}

func certificate(c *Config) (tls.Certificate, error) {
	if c.TLSCert != "" {
		cert, err := tls.LoadX509KeyPair(c.TLSCert, c.TLSKey)
		if err != nil {
			return cert, fmt.Errorf("--tls-cert, --tls-key: %w", err)
		}
		return cert, nil
	}
	if c.Data == "" {
		return tls.Certificate{}, errors.New("--tls needs --data, where its CA is kept for clients to trust")
	}
	ca, err := loadOrMakeCA(c)
	if err != nil {
		return tls.Certificate{}, err
	}
	return issue(ca, c)
}

// loadOrMakeCA returns the CA of the data directory. It is made once: clients
// trust it by its file.
func loadOrMakeCA(c *Config) (tls.Certificate, error) {
	ca, err := tls.LoadX509KeyPair(CAPath(c.Data), caKeyPath(c.Data))
	if err == nil || !errors.Is(err, os.ErrNotExist) {
		return ca, err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return ca, err
	}
	now := clock.System{}.Now()
	template := &x509.Certificate{
		SerialNumber: serial(), Subject: pkix.Name{CommonName: "Garrison API CA"},
		NotBefore: now.Add(-backdate), NotAfter: now.Add(caLife),
		IsCA: true, BasicConstraintsValid: true, MaxPathLenZero: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return ca, err
	}
	if err := writeKey(caKeyPath(c.Data), key); err != nil {
		return ca, err
	}
	pemCert := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	if err := os.WriteFile(CAPath(c.Data), pemCert, 0o644); err != nil { //nolint:gosec // a CA's certificate is for everyone to read
		return ca, err
	}
	return tls.LoadX509KeyPair(CAPath(c.Data), caKeyPath(c.Data))
}

func writeKey(path string, key *ecdsa.PrivateKey) error {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	return os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), 0o600)
}

// issue makes this start's certificate for the address that the server listens
// on and the names by which clients reach it.
func issue(ca tls.Certificate, c *Config) (tls.Certificate, error) {
	parent, err := x509.ParseCertificate(ca.Certificate[0])
	if err != nil {
		return tls.Certificate{}, err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	now := clock.System{}.Now()
	template := &x509.Certificate{
		SerialNumber: serial(), Subject: pkix.Name{CommonName: "garrison"},
		NotBefore: now.Add(-backdate), NotAfter: now.Add(certLife),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		DNSNames:    []string{"localhost", "*.localhost", "*.s3.localhost"},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback},
	}
	host, _, err := net.SplitHostPort(c.Listen)
	if err != nil {
		return tls.Certificate{}, err
	}
	if ip := net.ParseIP(host); ip != nil {
		template.IPAddresses = append(template.IPAddresses, ip)
	} else if host != "" {
		template.DNSNames = append(template.DNSNames, host)
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), ca.PrivateKey)
	if err != nil {
		return tls.Certificate{}, err
	}
	return tls.Certificate{Certificate: [][]byte{der, ca.Certificate[0]}, PrivateKey: key}, nil
}

// serial is 127 random bits, as the CA/Browser Forum's Baseline Requirements §7.1 ask for at least 64.
func serial() *big.Int {
	b := make([]byte, 16)
	rand.Read(b)
	b[0] &= 0x7f
	return new(big.Int).SetBytes(b)
}
