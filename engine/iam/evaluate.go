package iam

import "bytes"

// maxAction bounds an action's name, in bytes; AWS's longest is far shorter.
const maxAction = 256

// An evaluation is one question on its way through the policies. It lives on
// the stack.
type evaluation struct {
	request  *Request
	policies *Policies
	action   []byte // lower case
	service  []byte
}

// Evaluate decides (IAM User Guide, "Policy evaluation logic"): an explicit deny
// in any policy wins; then resource and service control policies, the
// resource's policy, identity, boundary and session policies must allow, as far
// as the caller's and the resource's accounts make them count.
func Evaluate(r *Request, p *Policies) Decision {
	d := Decision{Reason: ImplicitDeny, Source: Identity}
	if len(r.Action) <= maxAction {
		var buf [maxAction]byte
		e := newEvaluation(r, p, buf[:0])
		d = e.decide()
	}
	d.action = r.Action
	d.trust = p.Resource != nil && p.Resource.kind == TrustPolicy
	return d
}

func newEvaluation(r *Request, p *Policies, buf []byte) evaluation {
	action := lower(buf, r.Action)
	service, _, _ := bytes.Cut(action, []byte{':'})
	return evaluation{request: r, policies: p, action: action, service: service}
}

func (e *evaluation) decide() Decision {
	p := e.policies
	if d, denied := e.explicitDeny(); denied {
		return d
	}
	if !e.levelsAllow(p.RCPs) {
		return implicit(RCP)
	}
	if !e.levelsAllow(p.SCPs) {
		return implicit(SCP)
	}
	reached, by := e.resourceReach()
	switch e.request.Principal.Kind {
	case Anonymous, ServicePrincipal, WebIdentity, SAML: // they have no policies of their own
		return e.byResource(reached, by)
	default:
	}
	switch {
	case e.crossAccount() && reached == notReached:
		return implicit(Resource)
	case e.crossAccount() && p.Granted:
		return e.byGrant(by)
	case e.crossAccount():
		return e.byIdentity()
	case reached == direct, reached == viaRole:
		return e.byResource(reached, by)
	case p.ResourceDecides && reached == notReached:
		return implicit(Resource)
	default:
		return e.byIdentity()
	}
}

func implicit(s Source) Decision { return Decision{Reason: ImplicitDeny, Source: s} }

func allowed(s Source, m matched) Decision {
	return Decision{Allowed: true, Reason: Allowed, Source: s, match: m}
}

func (e *evaluation) crossAccount() bool {
	owner := e.request.ResourceAccount
	return owner != "" && owner != e.request.Principal.Account
}

// byResource needs the resource's policy alone. What it grants to the very
// caller nothing but a denial limits; what it grants to a role, its boundary and
// the session do.
func (e *evaluation) byResource(r reach, by Decision) Decision {
	switch r {
	case direct:
		return by
	case viaRole:
		if d, limited := e.limited(); limited {
			return d
		}
		return by
	default:
		return implicit(Resource)
	}
}

// byGrant lets another account's principal in that a KMS grant names, without a
// policy of that account: so service-linked roles, whose policies know no keys,
// use keys of other accounts (KMS Developer Guide, "Troubleshooting key access":
// "a grant or IAM policy"; EC2 Auto Scaling User Guide, "Required KMS key policy
// for use with encrypted volumes"). What limits the principal limits that too.
func (e *evaluation) byGrant(by Decision) Decision {
	if d, limited := e.limited(); limited {
		return d
	}
	return by
}

// byIdentity needs an identity policy that allows, within boundary and session.
func (e *evaluation) byIdentity() Decision {
	match, ok := e.allowedBy(e.policies.Identity)
	if !ok && !e.unboundRoot() {
		return implicit(Identity)
	}
	if d, limited := e.limited(); limited {
		return d
	}
	return allowed(Identity, match)
}

// unboundRoot tells of an account's root user, who has full access by nature.
func (e *evaluation) unboundRoot() bool {
	return e.request.Principal.Kind == AccountRoot && len(e.policies.Identity) == 0
}

// limited asks boundary and session policies. A federated user without a
// session policy may do nothing of itself (STS API Reference,
// "GetFederationToken").
func (e *evaluation) limited() (Decision, bool) {
	p := e.policies
	if p.HasBoundary {
		if _, ok := e.allowedBy(p.Boundary); !ok {
			return implicit(Boundary), true
		}
	}
	if p.HasSession || e.request.Principal.Kind == FederatedUser {
		if _, ok := e.allowedBy(p.Session); !ok {
			return implicit(Session), true
		}
	}
	return Decision{}, false
}

func (e *evaluation) levelsAllow(levels [][]*Policy) bool {
	for _, level := range levels {
		if _, ok := e.allowedBy(level); !ok {
			return false
		}
	}
	return true
}

// explicitDeny looks for a statement that denies, in any policy that counts.
func (e *evaluation) explicitDeny() (Decision, bool) {
	var d Decision
	allow := e.policies.each(func(p *Policy, s Source) bool {
		i, denied := e.find(p, &p.deny)
		if denied {
			d = Decision{Reason: ExplicitDeny, Source: s, match: matched{p, i}}
		}
		return !denied
	})
	return d, !allow
}

// resourceReach is the closest way in which the resource's policy, or a grant,
// allows.
func (e *evaluation) resourceReach() (reach, Decision) {
	if e.policies.Granted {
		return direct, allowed(Grant, matched{})
	}
	best, match := notReached, matched{}
	for _, p := range [...]*Policy{e.policies.Resource, e.policies.ACL} {
		if p != nil && best < direct {
			best, match = e.reachBy(p, best, match)
		}
	}
	return best, allowed(Resource, match)
}

// reachBy is a closer way than best, by a statement of p, or best.
func (e *evaluation) reachBy(p *Policy, best reach, match matched) (reach, matched) {
	for c := p.allow.candidates(e.action, e.service); best < direct; {
		i, ok := c.next()
		if !ok {
			break
		}
		s := &p.statements[i]
		if r := s.principals.reach(&e.request.Principal); r > best && e.applies(s) {
			best, match = r, matched{p, i}
		}
	}
	return best, match
}

// allowedBy returns the first statement of the policies that allows the request.
func (e *evaluation) allowedBy(list []*Policy) (matched, bool) {
	for _, p := range list {
		if i, ok := e.find(p, &p.allow); ok {
			return matched{p, i}, true
		}
	}
	return matched{}, false
}

// find returns the first statement of one effect that fits the request.
func (e *evaluation) find(p *Policy, x *index) (int32, bool) {
	c := x.candidates(e.action, e.service)
	for i, ok := c.next(); ok; i, ok = c.next() {
		if s := &p.statements[i]; e.speaksTo(s) && e.applies(s) {
			return i, true
		}
	}
	return 0, false
}
