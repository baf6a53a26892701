package gateway

import (
	"crypto/tls"
	"net"
	"net/http"

	"github.com/garrison-cloud/garrison/internal/audit"
)

// maxText bounds how much of what a client sent is kept in an event or a line of
// the log (CloudTrail User Guide, "CloudTrail record contents", errorMessage).
const maxText = 1024

// clientFacts notes where a call came from.
func (x *exchange) clientFacts() {
	f := &x.call.Facts
	f.SourceIP = hostOnly(x.r.RemoteAddr)
	f.UserAgent = clip(x.r.UserAgent())
	f.Referer = clip(x.r.Referer())
	f.Secure = x.r.TLS != nil
	x.call.Endpoint = "http://" + x.r.Host
	if f.Secure {
		x.call.Endpoint = "https://" + x.r.Host
	}
}

func hostOnly(addr string) string {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return addr
	}
	return host
}

func clip(s string) string {
	if len(s) > maxText {
		return s[:maxText]
	}
	return s
}

// tlsOf describes the connection in CloudTrail's words.
func tlsOf(r *http.Request) audit.TLS {
	if r.TLS == nil {
		return audit.TLS{}
	}
	version := map[uint16]string{tls.VersionTLS12: "TLSv1.2", tls.VersionTLS13: "TLSv1.3"}[r.TLS.Version]
	return audit.TLS{Version: version, Cipher: tls.CipherSuiteName(r.TLS.CipherSuite), Host: clip(r.Host)}
}
