// Package alb is the data plane of an application load balancer: it takes accepted
// connections, reads requests, asks the firewall, finds the rule, and forwards, redirects
// or answers. It keeps no configuration of its own: a Config is published whole, a
// request sees one from its first byte to its last, and a broken one is refused before
// it counts. It owns no listening socket; package edge does.
//
// Flow: Serve → read head → classify → firewall → rule → action → access log.
package alb

import (
	"context"
	"crypto/tls"
	"net/netip"
	"time"

	"github.com/garrison-cloud/garrison/edge/http1"
	"github.com/garrison-cloud/garrison/engine/waf"
)

// A Config is one load balancer. It is immutable once applied.
type Config struct {
	ARN        string
	ID         string // app/name/hash, as access logs name it
	Attributes Attributes
	Listeners  []Listener
	Firewall   Firewall // nil lets everything pass
}

// Attributes are the load balancer's, with their zero values AWS's defaults where the
// comment does not say otherwise.
type Attributes struct {
	IdleTimeout       time.Duration // 0 is 60 s
	ClientKeepAlive   time.Duration // 0 is 3600 s
	Desync            http1.Mode
	DropInvalidFields bool
	PreserveHost      bool
	TLSFields         bool // x_amzn_tls_version_and_cipher_suite
	ForwardedPort     bool // xff_client_port
	Forwarded         ForwardedMode
	DisableHTTP2      bool
	FirewallFailOpen  bool
}

// A ForwardedMode is routing.http.xff_header_processing.mode.
type ForwardedMode uint8

// The modes.
const (
	AppendForwarded ForwardedMode = iota
	PreserveForwarded
	RemoveForwarded
)

// A Listener is one port.
type Listener struct {
	ARN      string
	Port     uint16
	TLS      *tls.Config // nil is HTTP
	Rules    []Rule      // in any order; the default rule has Default set
	Response ResponseFields
	// RenamedFields maps lower-case names of X-Amzn-Mtls-* and X-Amzn-Tls-* fields to
	// those that the listener's attributes give them.
	RenamedFields map[string]string
	// Passthrough sends the client's whole certificate chain (mutual TLS mode passthrough)
	// instead of what verify mode tells.
	Passthrough bool
}

// ResponseFields are a listener's routing.http.response.* attributes.
type ResponseFields struct {
	HideServer bool
	Set        []http1.Field // replaced or added, by name
}

// A Rule is a listener's rule.
type Rule struct {
	ARN        string
	Priority   int
	Default    bool
	Conditions []Condition
	Action     Action
	Host, URL  []Rewrite // host-header-rewrite and url-rewrite transforms
}

// A Condition holds when any of its values matches. Which members count depends on Field.
type Condition struct {
	Field    string // host-header, path-pattern, http-header, http-request-method, query-string, source-ip
	Name     string // of http-header
	Values   []string
	Regexes  []string
	Queries  []QueryMatch
	Prefixes []netip.Prefix
}

// A QueryMatch is one pattern of a query-string condition; an empty key matches any.
type QueryMatch struct{ Key, Value string }

// A Rewrite replaces what a regular expression matches; $1 names a group.
type Rewrite struct{ Regex, Replace string }

// An Action is what a rule does. Exactly one member is set.
type Action struct {
	Forward  *Forward
	Redirect *Redirect
	Fixed    *Fixed
}

// A Forward spreads requests over target groups by weight.
type Forward struct {
	Groups []WeightedGroup
	Sticky time.Duration // target group stickiness; 0 is off
}

// A WeightedGroup names a target group of the edge.
type WeightedGroup struct {
	ARN    string
	Weight int
}

// A Redirect answers with a Location. Empty members keep the request's, as #{…} do.
type Redirect struct {
	Protocol, Host, Port, Path, Query string
	Status                            int
}

// A Fixed answers by itself.
type Fixed struct {
	Status            int
	ContentType, Body string
}

// A Firewall judges requests. Implementations are safe for concurrent use and keep
// nothing of the request; a panic counts as a failure to judge.
type Firewall interface {
	// BodyLimit is how many bytes of a request's content are inspected.
	BodyLimit() int
	// Evaluate returns the verdict on one request.
	Evaluate(r *waf.Request) waf.Verdict
}

// Pages renders the CAPTCHA and challenge pages and serves what they fetch.
type Pages interface {
	// Page returns the page for a request that was not let through.
	Page(r *waf.Request, v *waf.Verdict) (contentType string, body []byte)
	// Serve answers requests of the pages themselves, such as a solved puzzle's token.
	// ok is false for any other request.
	Serve(r *waf.Request) (answer Answer, ok bool)
}

// An Answer is a small whole response.
type Answer struct {
	Status int
	Fields []http1.Field
	Body   []byte
}

// An Invoker runs functions that are targets.
type Invoker interface {
	// Invoke calls the function of that ARN and returns its payload.
	Invoke(ctx context.Context, function string, payload []byte) ([]byte, error)
}
