package sts

import (
	"context"
	"crypto/sha1" //nolint:gosec // AWS's thumbprints are such sums
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"net"
	"slices"
)

// errThumbprint is a server that nothing vouches for.
var errThumbprint = errors.New("the server's certificate is not vouched for")

// dialer returns a function that connects to servers which are vouched for.
func (i *issuers) dialer(thumbprints []string) func(ctx context.Context, network, address string) (net.Conn, error) {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		host, _, err := net.SplitHostPort(address)
		if err != nil {
			return nil, err
		}
		d := tls.Dialer{Config: i.trust(host, thumbprints)}
		return d.DialContext(ctx, network, address)
	}
}

// trust takes servers of a host whose certificates the machine's own authorities vouch for;
// where they don't, those whose chain ends in a certificate with one of the
// thumbprints (IAM API Reference, UpdateOpenIDConnectProviderThumbprint).
func (i *issuers) trust(host string, thumbprints []string) *tls.Config {
	return &tls.Config{
		ServerName: host,
		MinVersion: tls.VersionTLS12,
		// The standard verification knows authorities only; VerifyConnection does the
		// same for each connection, resumed ones too, with thumbprints beside them.
		InsecureSkipVerify: true, //nolint:gosec // VerifyConnection verifies
		VerifyConnection: func(c tls.ConnectionState) error {
			return i.vouched(c.PeerCertificates, host, thumbprints)
		},
	}
}

func (i *issuers) vouched(chain []*x509.Certificate, host string, thumbprints []string) error {
	if len(chain) == 0 {
		return errThumbprint
	}
	o := x509.VerifyOptions{DNSName: host, CurrentTime: i.clock.Now(), Intermediates: x509.NewCertPool()}
	for _, between := range chain[1:] {
		o.Intermediates.AddCert(between)
	}
	if _, err := chain[0].Verify(o); err == nil {
		return nil
	}
	top := chain[len(chain)-1]
	sum := sha1.Sum(top.Raw) //nolint:gosec // as AWS defines it
	if !slices.Contains(thumbprints, hex.EncodeToString(sum[:])) {
		return errThumbprint
	}
	o.Roots = x509.NewCertPool()
	o.Roots.AddCert(top)
	if _, err := chain[0].Verify(o); err != nil {
		return errThumbprint
	}
	return nil
}
