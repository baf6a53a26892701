package xksproxy

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

// The credential that Start's proxy knows: the specification's example. It takes
// signatures of every region.
const (
	AccessKeyID = "AKIAI2SFODNN7EXAMPLE"                        //nolint:gosec // the example that anyone may know
	SecretKey   = "FYtE5EFA5FT0mCc3DrGUe2sti527BitkQ0Zr9MO9fvE" //nolint:gosec // the example that anyone may know
)

// A Server is a proxy that listens on loopback.
type Server struct {
	*Proxy

	// Endpoint is https://127.0.0.1:port.
	Endpoint string
	// Roots certify the server, unless it was given a certificate: for 127.0.0.1,
	// localhost, example.com and every host right below it.
	Roots *x509.CertPool
	// HTTP trusts Roots and takes every host to this server, so that an endpoint
	// without a port, such as https://xks.example.com, can be called.
	HTTP *http.Client

	hangup func()
}

// Hangup ends every connection, as a restart of the proxy would.
func (s *Server) Hangup() { s.hangup() }

// Start runs a proxy over TLS 1.2 and later until the test ends. It answers at
// Path, knows AccessKeyID with SecretKey, has no keys, and tells the time by now.
func Start(t testing.TB, now func() time.Time) *Server {
	t.Helper()
	return StartTLS(t, now, &tls.Config{MinVersion: tls.VersionTLS12})
}

// StartTLS is Start with a TLS configuration, which may be a bad one. Without a
// certificate it gets one that HTTP trusts.
func StartTLS(t testing.TB, now func() time.Time, cfg *tls.Config) *Server {
	t.Helper()
	if len(cfg.Certificates) == 0 {
		cfg.Certificates = []tls.Certificate{Certificate(t, 2100)}
	}
	p := New(Config{Credentials: map[string]string{AccessKeyID: SecretKey}, Now: now})
	srv := httptest.NewUnstartedServer(p)
	srv.TLS = cfg
	srv.Config.ErrorLog = log.New(io.Discard, "", 0) // failed handshakes are what many tests want
	srv.StartTLS()
	t.Cleanup(func() {
		srv.CloseClientConnections() // a delayed answer must not delay the test
		srv.Close()
	})
	roots := x509.NewCertPool()
	roots.AddCert(cfg.Certificates[0].Leaf)
	dial := func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, srv.Listener.Addr().String())
	}
	transport := &http.Transport{DialContext: dial, TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}}
	t.Cleanup(transport.CloseIdleConnections)
	return &Server{Proxy: p, Endpoint: srv.URL, Roots: roots, HTTP: &http.Client{Transport: transport}, hangup: srv.CloseClientConnections}
}

// Certificate makes a certificate that signs itself, for the hosts that Server
// names. It is valid from the year 2000 to the start of the year until.
func Certificate(t testing.TB, until int) tls.Certificate {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	form := &x509.Certificate{
		SerialNumber: big.NewInt(1), IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		NotBefore: time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC), NotAfter: time.Date(until, 1, 1, 0, 0, 0, 0, time.UTC),
		DNSNames: []string{"localhost", "example.com", "*.example.com"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, form, form, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: private, Leaf: leaf}
}
