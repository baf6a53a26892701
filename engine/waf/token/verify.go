// Package token issues and verifies the tokens by which a client shows that it
// has passed a challenge or a CAPTCHA, and makes the puzzles it passes.
//
// A token is HMAC-SHA256 signed, names the domain it was won on, when each kind
// of puzzle was solved, and the network of the client (/24 or /48). It proves
// that somebody there did the work: a proof of work in JavaScript for a
// challenge, reading distorted letters for a CAPTCHA. It proves less than AWS's
// telemetry does, and does not pretend to more.
//
//	Issuer.Puzzle → page → answer → Issuer.Redeem → token; Keys.Verify(token)
//
// The package keeps no state but keys: it refuses a puzzle or a token once it is
// too old, and it cannot know that one was used before.
package token

import (
	"net/netip"
	"time"
)

// Kind is which puzzle a token must show.
type Kind uint8

// Challenge is the silent proof of work, Captcha the puzzle for a person.
const (
	Challenge Kind = iota
	Captcha
)

// Reason is AWS's FailureReason, empty where a token is good.
type Reason string

// The failure reasons of AWS WAF.
const (
	OK             Reason = ""
	Missing        Reason = "TOKEN_MISSING"
	Expired        Reason = "TOKEN_EXPIRED"
	Invalid        Reason = "TOKEN_INVALID"
	DomainMismatch Reason = "TOKEN_DOMAIN_MISMATCH"
	// NotSolved is a genuine token without this kind of puzzle. AWS's failure
	// reasons call it missing; its labels tell it apart.
	NotSolved Reason = "TOKEN_NOT_SOLVED"
)

// Query asks whether a token shows a puzzle of Kind solved within Immunity
// before Now, by Client's network, on Host or one of Domains (or below them).
type Query struct {
	Token    string
	Kind     Kind
	Host     string
	Domains  []string
	Client   netip.Addr
	Now      time.Time
	Immunity time.Duration
}

// Result is the answer. Solved is when the puzzle was solved, where the token
// is genuine, even if expired.
type Result struct {
	Reason Reason
	Solved time.Time
}

// Verifier judges tokens. It must be safe for concurrent use.
type Verifier interface {
	Verify(q Query) Result
}
