package waf

import (
	"time"

	"github.com/garrison-cloud/garrison/engine/waf/token"
)

// Names that AWS gives the token's cookie and the header that scripts use
// across domains.
const (
	TokenCookie = "aws-waf-token"
	TokenHeader = "x-aws-waf-token"
)

const (
	tokenPrefix   = "awswaf:managed:token:"
	captchaPrefix = "awswaf:managed:captcha:"
)

const defaultImmunity = 300

// verify judges the request's token for a kind of puzzle, with an immunity time
// in seconds. Without a verifier nothing is good.
func (c *run) verify(kind token.Kind, immunity int64) token.Result {
	text := c.presented()
	if text == "" {
		return token.Result{Reason: token.Missing}
	}
	if c.p.deps.Tokens == nil {
		return token.Result{Reason: token.Invalid}
	}
	return c.p.deps.Tokens.Verify(token.Query{
		Token: text, Kind: kind, Host: c.r.Host, Domains: c.p.tokenDomains,
		Client: c.r.ClientIP, Now: c.r.Time, Immunity: time.Duration(immunity) * time.Second,
	})
}

func (c *run) presented() string {
	for _, k := range c.cookieList() {
		if k.name == TokenCookie {
			return k.value
		}
	}
	for i := range c.r.Headers {
		if h := &c.r.Headers[i]; sameName(h.Name, TokenHeader) {
			return h.Value
		}
	}
	return ""
}

// tokenLabels adds the labels by which AWS's token management tells of the
// token's state, once a request.
func (c *run) tokenLabels() {
	if c.tokenRead {
		return
	}
	c.tokenRead = true
	c.tokenLabel(tokenPrefix, c.verify(token.Challenge, c.p.challengeImmunity))
	c.tokenLabel(captchaPrefix, c.verify(token.Captcha, c.p.captchaImmunity))
}

func (c *run) tokenLabel(prefix string, r token.Result) {
	switch r.Reason {
	case token.OK:
		c.label(c.p.places.label(prefix, "accepted", "", ""))
	case token.Missing:
		c.label(c.p.places.label(prefix, "absent", "", ""))
	default:
		c.label(c.p.places.label(prefix, "rejected", "", ""))
		c.label(c.p.places.label(prefix, "rejected:", rejection(r.Reason), ""))
	}
}

func rejection(r token.Reason) string {
	switch r {
	case token.Expired:
		return "expired"
	case token.DomainMismatch:
		return "domain_mismatch"
	case token.NotSolved:
		return "not_solved"
	default:
		return "invalid"
	}
}
