// Package waf evaluates HTTP requests under the rule language of AWS WAF v2:
// its sixteen statements, fourteen request components, twenty-one text
// transformations and five actions, with labels, rule groups and their
// overrides, rate-based rules, and CAPTCHA and challenge tokens.
//
// A web ACL is compiled once, by Compile, into a Program that never changes and
// that any number of goroutines may ask at once. What moves while traffic flows
// lives outside of it and is swapped under it: IP sets, regex pattern sets,
// geography, rate counters, token keys.
//
//	ACL → Compile → Program; Request → Program.Evaluate → Verdict
//
// The package is pure: time is a member of the request, and it neither listens,
// stores nor logs. It refuses to compile what it would not obey: a statement it
// does not understand is an error, never one that quietly does not match.
package waf

import (
	"net/netip"
	"time"
)

// Header is one line of a request's header, or one to be set. Names are as they
// came on the wire; they are compared without case.
type Header struct{ Name, Value string }

// Request is what the engine may know of a request. The strings and the body
// are read during Evaluate only, never kept and never written to.
type Request struct {
	// Method is the request method as sent.
	Method string
	// Path is the raw path of the target as on the wire: not decoded, no query.
	Path string
	// RawQuery is what follows the first '?', without it.
	RawQuery string
	// Fragment is what followed a '#' in the target, rarely anything.
	Fragment string
	// Proto is the protocol's version, such as HTTP/1.1.
	Proto string
	// Host is the authority asked for; it is the token's domain.
	Host string
	// Headers are in wire order.
	Headers []Header
	// Body is the inspected prefix, at most Program.BodyLimit bytes.
	Body []byte
	// BodyTruncated says that the request's body is longer than Body.
	BodyTruncated bool
	// ClientIP is the peer's address, of the connection and not of a header.
	ClientIP netip.Addr
	// JA3 (32 hex digits) and JA4 (36 characters) are the TLS client hello's
	// fingerprints, empty where there was none.
	JA3, JA4 string
	// Time is when the request arrived. Rates and tokens are judged by it.
	Time time.Time
}
