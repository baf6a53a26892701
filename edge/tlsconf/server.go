package tlsconf

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"strings"

	"github.com/garrison-cloud/garrison/internal/clock"
)

// A Config is what a listener says of TLS.
type Config struct {
	Policy       string
	Certificates []Certificate // the first is the default certificate
	// ALPN lists protocols by preference; empty negotiates none.
	ALPN   []string
	Mutual Mutual
	Clock  clock.Clock
}

// A Certificate is one of a listener's certificates with its key.
type Certificate struct {
	ARN  string
	Pair tls.Certificate
}

// A Chooser is told which certificate a handshake chose. The connection given to
// tls.Server may implement it.
type Chooser interface {
	ChoseCertificate(arn string)
}

// ALPN lists the protocols of a network load balancer's ALPN policy (Elastic Load
// Balancing API, AlpnPolicyName). "" and None negotiate none.
func ALPN(policy string) ([]string, error) {
	switch policy {
	case "", "None":
		return nil, nil
	case "HTTP1Only":
		return []string{"http/1.1", "http/1.0"}, nil
	case "HTTP2Only":
		return []string{"h2"}, nil
	case "HTTP2Optional":
		return []string{"http/1.1", "http/1.0", "h2"}, nil
	case "HTTP2Preferred":
		return []string{"h2", "http/1.1", "http/1.0"}, nil
	}
	return nil, fmt.Errorf("no ALPN policy %q", policy)
}

// New compiles c. The result is immutable: a changed listener gets a new one, and
// handshakes under way end with the old.
func New(c *Config) (*tls.Config, error) {
	p, err := Named(c.Policy)
	if err != nil {
		return nil, err
	}
	if len(c.Certificates) == 0 {
		return nil, errors.New("TLS listener has no certificate")
	}
	chosen, err := index(c.Certificates)
	if err != nil {
		return nil, err
	}
	out := &tls.Config{
		MinVersion: p.Min, MaxVersion: p.Max, CipherSuites: p.Suites, NextProtos: c.ALPN,
		Time: c.Clock.Now,
		GetCertificate: func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
			e := chosen.choose(hello)
			if to, ok := hello.Conn.(Chooser); ok {
				to.ChoseCertificate(e.ARN)
			}
			return &e.Pair, nil
		},
	}
	if err := c.Mutual.into(out, c.Clock); err != nil {
		return nil, err
	}
	return out, nil
}

// certificates finds one by server name.
type certificates struct {
	exact, wild map[string][]*Certificate // wild's keys lack the "*"
	first       *Certificate
}

func index(in []Certificate) (*certificates, error) {
	s := &certificates{exact: map[string][]*Certificate{}, wild: map[string][]*Certificate{}, first: &in[0]}
	for i := range in {
		c := &in[i]
		leaf, err := x509.ParseCertificate(c.Pair.Certificate[0])
		if err != nil {
			return nil, fmt.Errorf("certificate %s: %w", c.ARN, err)
		}
		c.Pair.Leaf = leaf
		names := leaf.DNSNames
		if len(names) == 0 {
			names = []string{leaf.Subject.CommonName}
		}
		for _, n := range names {
			n = strings.ToLower(n)
			if rest, ok := strings.CutPrefix(n, "*"); ok {
				s.wild[rest] = append(s.wild[rest], c)
			} else {
				s.exact[n] = append(s.exact[n], c)
			}
		}
	}
	return s, nil
}

// choose takes the exact name before the wildcard before the default, and among equals
// the one that the client can use, ECDSA first (Application Load Balancer guide, "SNI").
func (s *certificates) choose(hello *tls.ClientHelloInfo) *Certificate {
	name := strings.ToLower(strings.TrimSuffix(hello.ServerName, "."))
	if c := usable(s.exact[name], hello); c != nil {
		return c
	}
	if dot := strings.IndexByte(name, '.'); dot >= 0 {
		if c := usable(s.wild[name[dot:]], hello); c != nil {
			return c
		}
	}
	return s.first
}

func usable(in []*Certificate, hello *tls.ClientHelloInfo) *Certificate {
	var best *Certificate
	for _, c := range in {
		if hello.SupportsCertificate(&c.Pair) != nil {
			continue
		}
		if best == nil || rank(c) > rank(best) {
			best = c
		}
	}
	return best
}

// rank prefers elliptic curves to RSA, and later ends to earlier ones.
func rank(c *Certificate) int64 {
	r := c.Pair.Leaf.NotAfter.Unix()
	if c.Pair.Leaf.PublicKeyAlgorithm == x509.ECDSA {
		r += 1 << 40
	}
	return r
}
