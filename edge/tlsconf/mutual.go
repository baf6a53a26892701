package tlsconf

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"time"

	"github.com/garrison-cloud/garrison/internal/clock"
)

// Mutual is a listener's mutual authentication.
type Mutual struct {
	Mode         string // off (or empty), passthrough, verify
	Trusted      []*x509.Certificate
	Revoked      []*x509.RevocationList
	IgnoreExpiry bool
	AdvertiseCAs bool
}

// maxChain is the longest chain that is verified (Application Load Balancer guide, "Mutual
// authentication with TLS": certificate chain depth of 4).
const maxChain = 4

var errRevoked = errors.New("client certificate is revoked")

func (m *Mutual) into(out *tls.Config, clk clock.Clock) error {
	switch m.Mode {
	case "", "off":
		return nil
	case "passthrough":
		out.ClientAuth = tls.RequestClientCert
		return nil
	case "verify":
	default:
		return fmt.Errorf("no mutual authentication mode %q", m.Mode)
	}
	if len(m.Trusted) == 0 {
		return errors.New("trust store is empty")
	}
	roots := x509.NewCertPool()
	for _, c := range m.Trusted {
		roots.AddCert(c)
	}
	revoked, err := m.revocations()
	if err != nil {
		return err
	}
	out.ClientAuth = tls.RequireAnyClientCert // verified below, where expiry may be ignored
	if m.AdvertiseCAs {
		out.ClientCAs = roots
	}
	out.VerifyConnection = func(s tls.ConnectionState) error {
		return m.verify(s.PeerCertificates, roots, revoked, clk.Now())
	}
	return nil
}

// revocation names a certificate by its issuer and serial number.
type revocation struct{ issuer, serial string }

// revocations reads the lists. One that no trusted certificate signed is refused.
func (m *Mutual) revocations() (map[revocation]bool, error) {
	out := map[revocation]bool{}
	for _, l := range m.Revoked {
		signed := false
		for _, ca := range m.Trusted {
			signed = signed || l.CheckSignatureFrom(ca) == nil
		}
		if !signed {
			return nil, errors.New("revocation list is not signed by the trust store")
		}
		for _, e := range l.RevokedCertificateEntries {
			out[revocation{string(l.RawIssuer), e.SerialNumber.String()}] = true
		}
	}
	return out, nil
}

func (m *Mutual) verify(chain []*x509.Certificate, roots *x509.CertPool, revoked map[revocation]bool, now time.Time) error {
	if len(chain) == 0 {
		return errors.New("client sent no certificate")
	}
	between := x509.NewCertPool()
	for _, c := range chain[1:] {
		between.AddCert(c)
	}
	leaf := chain[0]
	if m.IgnoreExpiry && now.After(leaf.NotAfter) {
		now = leaf.NotAfter
	}
	chains, err := leaf.Verify(x509.VerifyOptions{
		Roots: roots, Intermediates: between, CurrentTime: now, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	})
	if err != nil {
		return fmt.Errorf("client certificate: %w", err)
	}
	err = errRevoked
	for _, c := range chains {
		if len(c) <= maxChain+1 && !anyRevoked(c, revoked) {
			return nil
		}
	}
	return err
}

func anyRevoked(chain []*x509.Certificate, revoked map[revocation]bool) bool {
	for _, c := range chain {
		if revoked[revocation{string(c.RawIssuer), c.SerialNumber.String()}] {
			return true
		}
	}
	return false
}
