package tlsconf_test

import (
	"crypto/tls"
	"slices"
	"testing"

	"github.com/garrison-cloud/garrison/edge/tlsconf"
	"github.com/garrison-cloud/garrison/internal/clock"
)

// TestPolicies holds a sample of AWS's table.
func TestPolicies(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name     string
		min, max uint16
		has, not uint16
	}{
		{"ELBSecurityPolicy-TLS13-1-3-2021-06", tls.VersionTLS13, tls.VersionTLS13, 0, tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256},
		{"ELBSecurityPolicy-TLS13-1-2-Res-2021-06", tls.VersionTLS12, tls.VersionTLS13, tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256},
		{"ELBSecurityPolicy-TLS13-1-2-2021-06", tls.VersionTLS12, tls.VersionTLS13, tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256, tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA},
		{"ELBSecurityPolicy-TLS13-1-2-Ext1-2021-06", tls.VersionTLS12, tls.VersionTLS13, tls.TLS_RSA_WITH_AES_128_GCM_SHA256, tls.TLS_RSA_WITH_AES_128_CBC_SHA},
		{"ELBSecurityPolicy-2016-08", tls.VersionTLS10, tls.VersionTLS12, tls.TLS_RSA_WITH_AES_128_CBC_SHA, tls.TLS_RSA_WITH_3DES_EDE_CBC_SHA},
		{"ELBSecurityPolicy-FS-1-2-Res-2020-10", tls.VersionTLS12, tls.VersionTLS12, tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256},
		{"ELBSecurityPolicy-TLS-1-0-2015-04", tls.VersionTLS10, tls.VersionTLS12, tls.TLS_RSA_WITH_3DES_EDE_CBC_SHA, tls.TLS_RSA_WITH_RC4_128_SHA},
	} {
		p, err := tlsconf.Named(tt.name)
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		if p.Min != tt.min || p.Max != tt.max {
			t.Errorf("%s: versions %x to %x, want %x to %x", tt.name, p.Min, p.Max, tt.min, tt.max)
		}
		if tt.has != 0 && !slices.Contains(p.Suites, tt.has) || slices.Contains(p.Suites, tt.not) {
			t.Errorf("%s: suites %x, want %x and not %x", tt.name, p.Suites, tt.has, tt.not)
		}
	}
	if _, err := tlsconf.Named("ELBSecurityPolicy-Best"); err == nil {
		t.Error("an unknown policy was found")
	}
	known := map[uint16]bool{}
	for _, s := range slices.Concat(tls.CipherSuites(), tls.InsecureCipherSuites()) {
		known[s.ID] = true
	}
	for _, name := range tlsconf.Names() {
		p, err := tlsconf.Named(name)
		if err != nil || p.Min < tls.VersionTLS13 && len(p.Suites) == 0 {
			t.Errorf("%s: %+v, %v", name, p, err)
		}
		for _, s := range p.Suites {
			if !known[s] {
				t.Errorf("%s: suite %x is not Go's", name, s)
			}
		}
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]tlsconf.Config{
		"no policy":      {},
		"no certificate": {Policy: "ELBSecurityPolicy-2016-08"},
		"no DER":         {Policy: "ELBSecurityPolicy-2016-08", Certificates: []tlsconf.Certificate{{Pair: tls.Certificate{Certificate: [][]byte{{1}}}}}},
	} {
		c.Clock = clock.System{}
		if _, err := tlsconf.New(&c); err == nil {
			t.Errorf("%s: compiled", name)
		}
	}
	for policy, want := range map[string]int{"": 0, "None": 0, "HTTP1Only": 2, "HTTP2Only": 1, "HTTP2Optional": 3, "HTTP2Preferred": 3} {
		if got, err := tlsconf.ALPN(policy); err != nil || len(got) != want {
			t.Errorf("ALPN(%q) = %v, %v", policy, got, err)
		}
	}
	if _, err := tlsconf.ALPN("SPDY"); err == nil {
		t.Error("an unknown ALPN policy was found")
	}
}
