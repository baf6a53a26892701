// Package xks speaks to an external key store: a proxy that a customer runs in
// front of a key manager, by the AWS KMS External Key Store Proxy API
// Specification v1 (github.com/aws/aws-kms-xksproxy-api-spec). KMS hands it a
// plaintext and gets back what goes into a ciphertext blob; the key itself never
// comes here.
//
// It refuses what the specification doesn't allow, from either side: it sends no
// request out of bounds, and takes no answer that is malformed, too long, sent
// elsewhere or not proven intact. It speaks TLS 1.2 and later alone, follows no
// redirect and uses no HTTP proxy.
//
// The flow of a call: check → sign (SigV4, kms-xks-proxy) → POST → read, bounded
// → check the answer.
package xks

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/garrison-cloud/garrison/internal/clock"
)

// DefaultTimeout bounds a call when Config says nothing. AWS allows 250 ms; a
// site's own network and key manager get more.
const DefaultTimeout = time.Second

// connectTimeout ends a dial whose call has long gone.
const connectTimeout = 10 * time.Second

// apiPath ends every XksProxyUriPath of version 1.
const apiPath = "/kms/xks/v1"

// Bounds of the specification and of the KMS model's XksProxy… shapes, in bytes.
const (
	maxURI    = 256
	maxPath   = 128
	idleConns = 64
)

// Config says where the proxy is and how to be known to it.
type Config struct {
	// Endpoint is XksProxyUriEndpoint: https://host or https://host:port.
	Endpoint string
	// PathPrefix is the whole XksProxyUriPath, and so ends in /kms/xks/v1. The
	// empty string means /kms/xks/v1 alone.
	PathPrefix string
	// AccessKeyID names the credential: 20 to 30 of A-Z and 2-7.
	AccessKeyID string
	// SecretKey is RawSecretAccessKey: 43 to 64 of a-z, A-Z, 0-9, /, + and =.
	SecretKey []byte
	// Region goes into the signature's scope: the one that KMS calls from.
	Region string
	// Timeout bounds each call as a whole; zero means DefaultTimeout.
	Timeout time.Duration
	// Roots are the authorities trusted to certify the proxy; nil means the
	// machine's. It is not looked at when Client has a transport.
	Roots *x509.CertPool
	// Client carries the calls; nil means one of its own. It is copied: the copy
	// follows no redirect, and a *http.Transport in it is held to TLS 1.2. A
	// client certificate for mutual TLS comes in by this way.
	Client *http.Client
	// Clock dates the signatures; nil means the machine's.
	Clock clock.Clock
}

// Format keeps the secret out of every printed form of c.
func (c Config) Format(f fmt.State, _ rune) {
	_, _ = fmt.Fprintf(f, "xks.Config{%s%s}", c.Endpoint, c.PathPrefix)
}

// LogValue keeps the secret out of logs.
func (c Config) LogValue() slog.Value { return slog.StringValue(c.Endpoint + c.PathPrefix) }

// A Client calls one proxy. It is safe for concurrent use, and keeps idle
// connections between calls.
type Client struct {
	base        string
	region      string
	timeout     time.Duration
	http        *http.Client
	clock       clock.Clock
	signer      *v4.Signer
	credentials aws.Credentials
}

// New returns a client of the proxy that cfg describes. It connects to nothing.
// Its error wraps ErrInvalidConfig, and says which field is wrong but never its
// value.
func New(cfg Config) (*Client, error) {
	if cfg.PathPrefix == "" {
		cfg.PathPrefix = apiPath
	}
	if err := cfg.check(); err != nil {
		return nil, err
	}
	c := &Client{
		base: cfg.Endpoint + cfg.PathPrefix, region: cfg.Region, timeout: cfg.Timeout,
		http: cfg.carrier(), clock: cfg.Clock, signer: v4.NewSigner(),
		credentials: aws.Credentials{AccessKeyID: cfg.AccessKeyID, SecretAccessKey: string(cfg.SecretKey)},
	}
	if c.timeout == 0 {
		c.timeout = DefaultTimeout
	}
	if c.clock == nil {
		c.clock = clock.System{}
	}
	return c, nil
}

// Close drops the idle connections. Calls under way go on.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Format keeps the secret out of every printed form of c.
func (c *Client) Format(f fmt.State, _ rune) { _, _ = fmt.Fprintf(f, "xks.Client{%s}", c.base) }

// check holds cfg to the patterns of the KMS model.
func (c Config) check() error {
	for _, f := range []struct {
		name string
		ok   bool
	}{
		{"Endpoint", validEndpoint(c.Endpoint)},
		{"PathPrefix", validPath(c.PathPrefix)},
		{"AccessKeyID", regexp.MustCompile(`^[A-Z2-7]{20,30}$`).MatchString(c.AccessKeyID)},
		{"SecretKey", regexp.MustCompile(`^[a-zA-Z0-9/+=]{43,64}$`).Match(c.SecretKey)},
		{"Region", regexp.MustCompile(`^[a-z0-9-]{1,64}$`).MatchString(c.Region)},
		{"Timeout", c.Timeout >= 0},
	} {
		if !f.ok {
			return fmt.Errorf("%w: %s", ErrInvalidConfig, f.name)
		}
	}
	return nil
}

// validEndpoint takes a port, which AWS doesn't: there the proxy is on 443, here
// it may be on a test's loopback.
func validEndpoint(s string) bool {
	u, err := url.Parse(s)
	return err == nil && len(s) <= maxPath && u.Port() != "0" &&
		regexp.MustCompile(`^https://[a-zA-Z0-9.-]+(:[0-9]{1,5})?$`).MatchString(s)
}

// validPath refuses an empty segment, though the model's pattern allows one: a
// server on the way may fold it, and the signature would no longer hold.
func validPath(s string) bool {
	return len(s) <= maxPath && !strings.Contains(s, "//") &&
		regexp.MustCompile(`^(/[a-zA-Z0-9/_-]+)?`+apiPath+`$`).MatchString(s)
}

// carrier returns the HTTP client for the calls. It speaks HTTP/1.1, which every
// proxy must, and for which the specification fixes the signed headers.
func (c Config) carrier() *http.Client {
	var carrier http.Client
	if c.Client != nil {
		carrier = *c.Client
	}
	if carrier.Transport == nil {
		carrier.Transport = &http.Transport{
			DialContext:         (&net.Dialer{Timeout: connectTimeout}).DialContext,
			TLSClientConfig:     &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: c.Roots},
			TLSHandshakeTimeout: connectTimeout,
			MaxIdleConns:        idleConns,
			MaxIdleConnsPerHost: idleConns,
			IdleConnTimeout:     90 * time.Second,
		}
	}
	if t, ok := carrier.Transport.(*http.Transport); ok {
		carrier.Transport = hold(t.Clone())
	}
	carrier.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	carrier.Jar = nil
	return &carrier
}

// hold gives t the TLS versions and cipher suites of the specification (API
// content type), HTTP/1.1, and a bound on headers. TLS 1.3 has no suites to
// choose.
func hold(t *http.Transport) *http.Transport {
	if t.TLSClientConfig == nil {
		t.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	t.TLSClientConfig.MinVersion = max(t.TLSClientConfig.MinVersion, tls.VersionTLS12)
	t.TLSClientConfig.CipherSuites = []uint16{
		tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
		tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
	}
	t.TLSClientConfig.NextProtos = nil // a clone offers HTTP/2 if its original did
	t.MaxResponseHeaderBytes = maxResponse
	t.DisableCompression = true
	t.Protocols, t.ForceAttemptHTTP2, t.TLSNextProto = new(http.Protocols), false, nil
	t.Protocols.SetHTTP1(true)
	return t
}
