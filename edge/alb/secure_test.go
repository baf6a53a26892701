package alb_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/garrison-cloud/garrison/edge/alb"
	"github.com/garrison-cloud/garrison/edge/target"
	"github.com/garrison-cloud/garrison/edge/tlsconf"
	"github.com/garrison-cloud/garrison/engine/waf"
	"github.com/garrison-cloud/garrison/internal/clock"
)

// authority signs certificates.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "root"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign, SubjectKeyId: []byte{1},
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &authority{cert, key}
}

func (a *authority) issue(t *testing.T, serial int64, rsaKey bool, end time.Duration, names ...string) tls.Certificate {
	t.Helper()
	tmpl := &x509.Certificate{
		SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: names[0]}, DNSNames: names, NotBefore: time.Now().Add(-2 * time.Hour),
		NotAfter: time.Now().Add(end), ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth},
	}
	var key any
	var public any
	if rsaKey {
		k, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			t.Fatal(err)
		}
		key, public = k, &k.PublicKey
	} else {
		k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		key, public = k, &k.PublicKey
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, a.cert, public, a.key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

func secure(t *testing.T, c *tlsconf.Config) *tls.Config {
	t.Helper()
	if c.Policy == "" {
		c.Policy = "ELBSecurityPolicy-TLS13-1-2-2021-06"
	}
	c.Clock = clock.System{}
	out, err := tlsconf.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func run(t *testing.T, name string, args ...string) string {
	t.Helper()
	if _, err := exec.LookPath(name); err != nil {
		t.Skipf("%s is not installed", name)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	out, err := exec.CommandContext(ctx, name, args...).CombinedOutput()
	if err != nil {
		t.Logf("%s: %v", name, err)
	}
	return string(out)
}

// TestCurl asks by curl over HTTP/1.1 and HTTP/2, with content both ways.
func TestCurl(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t)
	w := start(t, alb.Deps{})
	arn := w.group(t, target.Config{}, backend(t, func(rw http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		fmt.Fprintf(rw, "%s %s %d %s %s", r.Proto, r.Host, len(b), r.Header.Get("X-Forwarded-Proto"), r.Header.Get("X-Amzn-Tls-Version"))
	}))
	conf := &tlsconf.Config{Certificates: []tlsconf.Certificate{{ARN: "arn:cert", Pair: ca.issue(t, 2, false, time.Hour, "web.test")}}}
	w.apply(t, alb.Config{Attributes: alb.Attributes{TLSFields: true, PreserveHost: true}}, alb.Listener{TLS: secure(t, conf)}, forwardTo(arn))
	big := filepath.Join(t.TempDir(), "big")
	if err := os.WriteFile(big, bytes.Repeat([]byte("x"), 500<<10), 0o600); err != nil {
		t.Fatal(err)
	}
	for version, kind := range map[string]string{"--http1.1": "https", "--http2": "h2"} {
		out := run(t, "curl", "-sk", version, "-w", " %{http_version} %{http_code}", "--data-binary", "@"+big, "https://"+w.addr+"/", "-H", "Host: web.test")
		want := "HTTP/1.1 web.test 512000 https TLSv1.3 " + map[string]string{"https": "1.1", "h2": "2"}[kind] + " 200"
		if out != want {
			t.Errorf("curl %s: %q, want %q", version, out, want)
		}
	}
	out := run(t, "curl", "-sk", "--http2", "-o", os.DevNull, "-w", "%{http_code}", "--data-binary", "x", "-H", "Content-Type: application/grpc", "https://"+w.addr+"/")
	if out != "464" {
		t.Errorf("gRPC to a group of HTTP/1: %q, want 464", out)
	}
	var kinds []string
	for _, r := range w.records() {
		if r.Status == 464 {
			continue
		}
		kinds = append(kinds, r.Type)
		if r.Certificate != "arn:cert" || r.TLS != "TLSv1.3" || !strings.HasPrefix(r.Cipher, "TLS_") {
			t.Errorf("record %s", r)
		}
	}
	if got := strings.Join(kinds, ","); got != "https,h2" && got != "h2,https" {
		t.Errorf("logged as %s", got)
	}
}

// TestOpenSSL checks the policy's versions and the choice of certificates with another
// implementation of TLS.
func TestOpenSSL(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t)
	w := start(t, alb.Deps{})
	conf := &tlsconf.Config{Policy: "ELBSecurityPolicy-TLS13-1-2-Ext2-2021-06", Certificates: []tlsconf.Certificate{
		{ARN: "default", Pair: ca.issue(t, 10, false, time.Hour, "default.test")},
		{ARN: "wild", Pair: ca.issue(t, 11, false, time.Hour, "*.wild.test")},
		{ARN: "exact", Pair: ca.issue(t, 12, false, time.Hour, "a.wild.test")},
		{ARN: "rsa", Pair: ca.issue(t, 13, true, 2*time.Hour, "both.test")},
		{ARN: "ecdsa", Pair: ca.issue(t, 14, false, time.Hour, "both.test")},
	}}
	w.apply(t, alb.Config{}, alb.Listener{TLS: secure(t, conf)}, alb.Rule{Default: true, Action: fixed("x")})
	for _, tt := range []struct {
		args []string
		want string
	}{
		{[]string{"-servername", "a.wild.test"}, "CN = a.wild.test"},
		{[]string{"-servername", "B.wild.test"}, "CN = *.wild.test"},
		{[]string{"-servername", "x.b.wild.test"}, "CN = default.test"},
		{[]string{"-servername", "both.test"}, "ECDSA"},
		{[]string{"-servername", "both.test", "-tls1_2", "-sigalgs", "RSA-PSS+SHA256:RSA+SHA256"}, "RSA"},
		{[]string{"-servername", "both.test", "-tls1_2", "-cipher", "ECDHE-RSA-AES128-GCM-SHA256"}, "ECDHE-RSA-AES128-GCM-SHA256"},
		{[]string{"-noservername"}, "CN = default.test"},
		{[]string{"-tls1_2", "-cipher", "AES128-SHA", "-servername", "both.test"}, "AES128-SHA"},
		{[]string{"-tls1_1", "-cipher", "ALL:@SECLEVEL=0"}, "alert protocol version"},
		{[]string{"-alpn", "h2"}, "ALPN protocol: h2"},
	} {
		out := run(t, "openssl", append([]string{"s_client", "-connect", w.addr}, tt.args...)...)
		flat := strings.ReplaceAll(strings.ReplaceAll(out, "CN=", "CN = "), "Peer signature type: rsa_pss", "RSA")
		if !strings.Contains(flat, tt.want) {
			t.Errorf("openssl s_client %v: no %q in %.1500s", tt.args, tt.want, out)
		}
	}
}

func TestMutualTLS(t *testing.T) {
	t.Parallel()
	ca, other := newAuthority(t), newAuthority(t)
	w := start(t, alb.Deps{})
	var seen http.Header
	arn := w.group(t, target.Config{}, backend(t, func(_ http.ResponseWriter, r *http.Request) { seen = r.Header.Clone() }))
	server := []tlsconf.Certificate{{ARN: "s", Pair: ca.issue(t, 2, false, time.Hour, "s.test")}}
	der, err := x509.CreateRevocationList(rand.Reader, &x509.RevocationList{
		Number: big.NewInt(1), ThisUpdate: time.Now(), NextUpdate: time.Now().Add(time.Hour),
		RevokedCertificateEntries: []x509.RevocationListEntry{{SerialNumber: big.NewInt(0xbad), RevocationTime: time.Now()}},
	}, ca.cert, ca.key)
	if err != nil {
		t.Fatal(err)
	}
	crl, err := x509.ParseRevocationList(der)
	if err != nil {
		t.Fatal(err)
	}
	verify := tlsconf.Mutual{Mode: "verify", Trusted: []*x509.Certificate{ca.cert}, Revoked: []*x509.RevocationList{crl}}
	lax := verify
	lax.IgnoreExpiry = true
	good, expired := ca.issue(t, 0xabc, false, time.Hour, "client"), ca.issue(t, 5, false, -time.Hour, "old")
	for _, tt := range []struct {
		name   string
		mutual tlsconf.Mutual
		client *tls.Certificate
		ok     bool
		header string // of which a value is expected
		value  string
	}{
		{"off", tlsconf.Mutual{}, &good, true, "X-Amzn-Mtls-Clientcert-Subject", ""},
		{"verified", verify, &good, true, "X-Amzn-Mtls-Clientcert-Serial-Number", "ABC"},
		{"subject", verify, &good, true, "X-Amzn-Mtls-Clientcert-Subject", "CN=client"},
		{"issuer", verify, &good, true, "X-Amzn-Mtls-Clientcert-Issuer", "CN=root"},
		{"none", verify, nil, false, "", ""},
		{"stranger", verify, new(other.issue(t, 3, false, time.Hour, "client")), false, "", ""},
		{"revoked", verify, new(ca.issue(t, 0xbad, false, time.Hour, "client")), false, "", ""},
		{"expired", verify, &expired, false, "", ""},
		{"expired and ignored", lax, &expired, true, "X-Amzn-Mtls-Clientcert-Serial-Number", "5"},
		{"passthrough", tlsconf.Mutual{Mode: "passthrough"}, new(other.issue(t, 3, false, time.Hour, "client")), true, "X-Amzn-Mtls-Clientcert", "-----BEGIN%20CERTIFICATE-----%0A"},
		{"passthrough of none", tlsconf.Mutual{Mode: "passthrough"}, nil, true, "X-Amzn-Mtls-Clientcert", ""},
	} {
		l := alb.Listener{TLS: secure(t, &tlsconf.Config{Certificates: server, Mutual: tt.mutual}), Passthrough: tt.mutual.Mode == "passthrough"}
		w.apply(t, alb.Config{}, l, forwardTo(arn))
		conf := &tls.Config{InsecureSkipVerify: true}
		if tt.client != nil {
			conf.Certificates = []tls.Certificate{*tt.client}
		}
		seen = nil
		client := &http.Client{Transport: &http.Transport{TLSClientConfig: conf, DisableKeepAlives: true}, Timeout: 5 * time.Second}
		req, _ := http.NewRequest(http.MethodGet, "https://"+w.addr, nil)
		req.Header.Set("X-Amzn-Mtls-Clientcert-Subject", "forged")
		resp, err := client.Do(req)
		if err == nil {
			_ = resp.Body.Close()
		}
		if (err == nil) != tt.ok {
			t.Errorf("%s: error %v, want ok %v", tt.name, err, tt.ok)
		}
		if got := seen.Get(tt.header); tt.value == "" && got != "" || !strings.HasPrefix(got, tt.value) {
			t.Errorf("%s: %s = %q, want %q", tt.name, tt.header, got, tt.value)
		}
	}
}

// TestGRPC streams both ways over HTTP/2 to a target that speaks it, and brings its
// trailers back.
func TestGRPC(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t)
	w := start(t, alb.Deps{})
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		rw.Header().Set("Content-Type", "application/grpc")
		rw.Header().Set("Trailer", "Grpc-Status, Grpc-Message")
		buf := make([]byte, 64)
		for {
			n, err := r.Body.Read(buf)
			_, _ = rw.Write(bytes.ToUpper(buf[:n]))
			_ = http.NewResponseController(rw).Flush()
			if err != nil {
				break
			}
		}
		rw.Header().Set("Grpc-Status", "7")
		rw.Header().Set("Grpc-Message", r.Proto)
	}))
	srv.Config.Protocols = new(http.Protocols)
	srv.Config.Protocols.SetUnencryptedHTTP2(true)
	srv.Start()
	t.Cleanup(srv.Close)
	arn := w.group(t, target.Config{Version: "GRPC", Protocol: "HTTP"}, srv.URL)
	conf := &tlsconf.Config{Certificates: []tlsconf.Certificate{{Pair: ca.issue(t, 2, false, time.Hour, "s.test")}}}
	w.apply(t, alb.Config{}, alb.Listener{TLS: secure(t, conf)}, forwardTo(arn))
	tr := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, ForceAttemptHTTP2: true}
	defer tr.CloseIdleConnections()
	in, out := io.Pipe()
	req, _ := http.NewRequest(http.MethodPost, "https://"+w.addr+"/pkg.Service/Call", in)
	req.Header.Set("Content-Type", "application/grpc")
	req.Header.Set("Te", "trailers")
	go func() { _, _ = io.WriteString(out, "one ") }()
	resp, err := (&http.Client{Transport: tr, Timeout: 5 * time.Second}).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	buf := make([]byte, 64)
	n, err := resp.Body.Read(buf)
	if got := string(buf[:n]); got != "ONE " {
		t.Fatalf("first message %q, %v", got, err)
	}
	_, _ = io.WriteString(out, "two")
	_ = out.Close()
	rest, err := io.ReadAll(resp.Body)
	if string(rest) != "TWO" || err != nil {
		t.Errorf("rest %q, %v", rest, err)
	}
	if resp.Trailer.Get("Grpc-Status") != "7" || resp.Trailer.Get("Grpc-Message") != "HTTP/2.0" {
		t.Errorf("trailers %v", resp.Trailer)
	}
}

// TestRapidReset opens and resets streams as fast as it can: the balancer ends the
// connection rather than work for it.
func TestRapidReset(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t)
	w := start(t, alb.Deps{})
	block := make(chan struct{})
	defer close(block)
	arn := w.group(t, target.Config{}, backend(t, func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-block:
		case <-r.Context().Done():
		}
	}))
	conf := &tlsconf.Config{Certificates: []tlsconf.Certificate{{Pair: ca.issue(t, 2, false, time.Hour, "s.test")}}}
	w.apply(t, alb.Config{}, alb.Listener{TLS: secure(t, conf)}, forwardTo(arn))
	c, err := tls.Dial("tcp", w.addr, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h2"}})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(10 * time.Second))
	// :method GET, :scheme https, :path /, and :authority x, by HPACK's static table.
	block1 := []byte{0x82, 0x87, 0x84, 0x41, 0x01, 'x'}
	frame := func(kind, flags byte, stream uint32, payload []byte) []byte {
		n := len(payload)
		return append([]byte{byte(n >> 16), byte(n >> 8), byte(n), kind, flags, byte(stream >> 24), byte(stream >> 16), byte(stream >> 8), byte(stream)}, payload...)
	}
	_, _ = io.WriteString(c, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
	_, _ = c.Write(frame(4, 0, 0, nil))
	go func() {
		for stream := uint32(1); stream < 40000; stream += 2 {
			b := append(frame(1, 5, stream, block1), frame(3, 0, stream, []byte{0, 0, 0, 8})...)
			if _, err := c.Write(b); err != nil {
				return
			}
		}
	}()
	got, _ := io.ReadAll(c)
	if !bytes.Contains(got, []byte{7, 0, 0, 0, 0, 0}) {
		t.Errorf("no GOAWAY in %d bytes", len(got))
	}
}

// TestFirewallSeesFingerprints shows the firewall what a TLS client's hello was like, over
// HTTP/1.1 and HTTP/2.
func TestFirewallSeesFingerprints(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t)
	w := start(t, alb.Deps{})
	conf := &tlsconf.Config{Certificates: []tlsconf.Certificate{{Pair: ca.issue(t, 2, false, time.Hour, "s.test")}}}
	tell := wall(func(r *waf.Request) waf.Verdict {
		return waf.Verdict{Action: waf.Block, Status: 200, ContentType: "text/plain", Body: r.Proto + " " + r.JA4 + " " + r.JA3 + " " + r.Host}
	})
	w.apply(t, alb.Config{Firewall: tell}, alb.Listener{TLS: secure(t, conf)}, alb.Rule{Default: true, Action: fixed("x")})
	for _, h2 := range []bool{false, true} {
		tr := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, ForceAttemptHTTP2: h2}
		resp, err := (&http.Client{Transport: tr, Timeout: 5 * time.Second}).Get("https://" + w.addr)
		if err != nil {
			t.Fatal(err)
		}
		b, _ := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		tr.CloseIdleConnections()
		want := "HTTP/1.1 t13i"
		if h2 {
			want = "HTTP/2.0 t13i"
		}
		if parts := strings.Fields(string(b)); !strings.HasPrefix(string(b), want) || len(parts) != 4 || len(parts[1]) != 36 || len(parts[2]) != 32 || parts[3] != "127.0.0.1" {
			t.Errorf("HTTP/2 %v: the firewall saw %q, want %s…", h2, b, want)
		}
	}
}
