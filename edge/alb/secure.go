package alb

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"net"
	"net/url"
	"strings"
	"sync"

	"github.com/garrison-cloud/garrison/edge/tlsfp"
	"github.com/garrison-cloud/garrison/internal/clock"
)

// helloConn is a TLS connection's lower side. It remembers what the handshake chose, and
// tells when the upper side closes it.
type helloConn struct {
	*tlsfp.Conn
	c      *client
	once   sync.Once
	closed chan struct{}
}

// ChoseCertificate implements tlsconf.Chooser.
func (h *helloConn) ChoseCertificate(arn string) { h.c.certificate = arn }

// Close implements net.Conn.
func (h *helloConn) Close() error {
	h.once.Do(func() { close(h.closed) })
	return h.Conn.Close()
}

// handshake peeks the client's hello and completes TLS within the idle timeout.
func (c *client) handshake(ctx context.Context, l *listener) bool {
	ctx, cancel := context.WithTimeout(ctx, c.b.live.Load().idle)
	defer cancel()
	_ = c.nc.SetDeadline(clock.System{}.Now().Add(c.b.live.Load().idle))
	peeked, hello, err := tlsfp.Peek(c.nc)
	if err != nil {
		return false
	}
	c.hello = hello
	tc := tls.Server(&helloConn{Conn: peeked, c: c, closed: make(chan struct{})}, l.secure)
	if err := tc.HandshakeContext(ctx); err != nil {
		return false
	}
	state := tc.ConnectionState()
	c.nc, c.tls = tc, &state
	return true
}

// tlsFields tells the target of the TLS connection and of the client's certificate.
func (ex *exchange) tlsFields(yield func(name, value []byte)) {
	named := func(name, value string) {
		if other := ex.l.RenamedFields[strings.ToLower(name)]; other != "" {
			name = other
		}
		yield([]byte(name), []byte(value))
	}
	if ex.p.cfg.Attributes.TLSFields {
		named("X-Amzn-Tls-Version", openSSLVersion(ex.peer.tls.Version))
		named("X-Amzn-Tls-Cipher-Suite", openSSLCipher(ex.peer.tls.CipherSuite))
	}
	chain := ex.peer.tls.PeerCertificates
	if len(chain) == 0 {
		return
	}
	if ex.l.Passthrough {
		var all strings.Builder
		for _, c := range chain {
			all.Write(pemOf(c))
		}
		named("X-Amzn-Mtls-Clientcert", escapePEM(all.String()))
		return
	}
	leaf := chain[0]
	const stamp = "2006-01-02T15:04:05Z"
	named("X-Amzn-Mtls-Clientcert-Serial-Number", strings.ToUpper(leaf.SerialNumber.Text(16)))
	named("X-Amzn-Mtls-Clientcert-Issuer", leaf.Issuer.String())
	named("X-Amzn-Mtls-Clientcert-Subject", leaf.Subject.String())
	named("X-Amzn-Mtls-Clientcert-Validity", "NotBefore="+leaf.NotBefore.UTC().Format(stamp)+";NotAfter="+leaf.NotAfter.UTC().Format(stamp))
	named("X-Amzn-Mtls-Clientcert-Leaf", escapePEM(string(pemOf(leaf))))
}

func pemOf(c *x509.Certificate) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})
}

// escapePEM percent-encodes a certificate with +, = and / left as they are (Application
// Load Balancer guide, "Mutual TLS headers").
func escapePEM(s string) string {
	return strings.NewReplacer("%2B", "+", "%3D", "=", "%2F", "/", "+", "%20").Replace(url.QueryEscape(s))
}

var _ net.Conn = (*helloConn)(nil)
