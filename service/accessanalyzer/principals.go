package accessanalyzer

import (
	"encoding/json"
	"strings"

	engine "github.com/garrison-cloud/garrison/engine/iam"
	"github.com/garrison-cloud/garrison/internal/arn"
)

// A principals is a Principal element. Identity policies, which have none, speak
// to whoever holds them.
type principals struct {
	// holder tells that the policy has no such element.
	holder bool
	// not tells of a NotPrincipal, which only denies.
	not    bool
	tokens []token
}

// A token is one principal: everyone is {"AWS", "*"}.
type token struct{ kind, name string }

var everyone = token{"AWS", "*"}

func newPrincipals(r *raw, kind engine.Kind) principals {
	text := r.Principal
	p := principals{not: r.NotPrincipal != nil}
	if p.not {
		text = r.NotPrincipal
	}
	if kind == engine.IdentityPolicy || text == nil {
		return principals{holder: true}
	}
	var star string
	if json.Unmarshal(text, &star) == nil {
		p.tokens = []token{everyone}
		return p
	}
	var kinds map[string]oneOrMany
	if json.Unmarshal(text, &kinds) != nil {
		return p // the engine has refused it
	}
	for kind, names := range kinds {
		for _, name := range names {
			p.tokens = append(p.tokens, newToken(kind, name))
		}
	}
	return p
}

// newToken writes an account as its root's ARN.
func newToken(kind, name string) token {
	if kind == "AWS" && arn.IsAccount(name) {
		name = arn.Root(name)
	}
	return token{kind, name}
}

// account is the account of a token that names one, or one in it.
func (t token) account() string {
	a, err := arn.Parse(t.name)
	if t.kind != "AWS" || err != nil {
		return ""
	}
	return a.AccountID
}

// isAccount tells of a whole account, isUser of an IAM user.
func (t token) isAccount() bool { return t.resource() == "root" }

func (t token) isUser() bool { return strings.HasPrefix(t.resource(), "user/") }

// resource is the last part of an AWS principal's ARN.
func (t token) resource() string {
	a, err := arn.Parse(t.name)
	if t.kind != "AWS" || err != nil {
		return ""
	}
	return a.Resource
}

// grants reports whether an Allow to t lets in, and as closely, all that one to
// other does.
func (t token) grants(other token) bool { return t == everyone || t == other }

// denies reports whether a Deny to t reaches all that other stands for.
func (t token) denies(other token) bool {
	return t.grants(other) || t.isAccount() && other.account() == t.account()
}

// apart reports whether nobody is both.
func (t token) apart(other token) bool {
	switch {
	case t == everyone || other == everyone || t.kind == "CanonicalUser" || other.kind == "CanonicalUser":
		return false
	case t.kind != other.kind:
		// a service is no IAM principal; a federated caller is one only once it has a role
		return true
	case t.kind == "Service" || t.kind == "Federated":
		return t.name != other.name
	}
	a, b := t.account(), other.account()
	if a == "" || b == "" { // a unique id may be anyone's
		return false
	}
	return a != b || t.isUser() && other.isUser() && t.name != other.name
}

// within reports whether an Allow to o lets in all that one to p does.
func (p *principals) within(o *principals) bool { return p.reached(o, token.grants) }

// deniedBy reports whether a Deny to o reaches all that p stands for. Whom a
// NotPrincipal leaves out is not looked into.
func (p *principals) deniedBy(o *principals) bool { return p.reached(o, token.denies) }

func (p *principals) reached(o *principals, by func(token, token) bool) bool {
	if p.holder || o.holder {
		return p.holder == o.holder
	}
	if p.not || o.not {
		return p.not == o.not && p.same(o)
	}
	for _, t := range p.tokens {
		if !o.has(t, by) {
			return false
		}
	}
	return true
}

func (p *principals) has(t token, by func(token, token) bool) bool {
	for _, mine := range p.tokens {
		if by(mine, t) {
			return true
		}
	}
	return false
}

// same compares as sets.
func (p *principals) same(o *principals) bool {
	equal := func(a, b token) bool { return a == b }
	for _, t := range p.tokens {
		if !o.has(t, equal) {
			return false
		}
	}
	for _, t := range o.tokens {
		if !p.has(t, equal) {
			return false
		}
	}
	return true
}

// apart reports whether nobody is in both.
func (p *principals) apart(o *principals) bool {
	if p.holder || o.holder || p.not || o.not {
		return false
	}
	for _, t := range p.tokens {
		for _, other := range o.tokens {
			if !t.apart(other) {
				return false
			}
		}
	}
	return true
}

// pieces takes the element apart, principal by principal.
func (p *principals) pieces() []principals {
	if p.holder || p.not {
		return []principals{*p}
	}
	out := make([]principals, len(p.tokens))
	for i := range p.tokens {
		out[i] = principals{tokens: p.tokens[i : i+1]}
	}
	return out
}
