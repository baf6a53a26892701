package iam

import "strings"

// A Request is what a caller asks for.
type Request struct {
	// Action is "kms:Decrypt"; its case does not matter.
	Action string
	// Resource is the ARN, or "*" where the action has none.
	Resource  string
	Principal Principal
	// ResourceAccount owns the resource; empty is the principal's own account.
	ResourceAccount string
	Context         Context
}

// Policies are all that count for one request.
type Policies struct {
	Identity []*Policy
	// Boundary and Session limit Identity where HasBoundary and HasSession say
	// that there are such policies: an empty list then allows nothing.
	Boundary    []*Policy
	HasBoundary bool
	Session     []*Policy
	HasSession  bool
	// Resource is the resource's own policy; nil is none.
	Resource *Policy
	// ResourceDecides tells that identity policies count only where the resource's
	// policy lets the account in, as a KMS key's and a role's do.
	ResourceDecides bool
	// Granted tells that a KMS grant names the caller.
	Granted bool
	// SCPs and RCPs have one slice a level of the organization; each level must
	// allow. None is no organization.
	SCPs, RCPs [][]*Policy
}

// maxAction bounds an action's name; AWS's longest is far shorter.
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
// in any policy wins; then service and resource control policies, the
// resource's policy, boundary, session and identity policies must allow, as far
// as the caller's and the resource's accounts make them count.
func Evaluate(r *Request, p *Policies) Decision {
	var buf [maxAction]byte
	if len(r.Action) > maxAction {
		return Decision{Reason: ImplicitDeny, Source: Identity, action: r.Action}
	}
	e := evaluation{request: r, policies: p, action: lower(buf[:0], r.Action)}
	e.service, _ = cutService(e.action)
	d := e.decide()
	d.action = r.Action
	return d
}

func lower(buf []byte, s string) []byte {
	for i := range len(s) {
		c := s[i]
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		buf = append(buf, c)
	}
	return buf
}

func (e *evaluation) decide() Decision {
	p := e.policies
	if d, denied := e.explicitDeny(); denied {
		return d
	}
	if !e.levelsAllow(p.SCPs) {
		return Decision{Reason: ImplicitDeny, Source: SCP}
	}
	if !e.levelsAllow(p.RCPs) {
		return Decision{Reason: ImplicitDeny, Source: RCP}
	}
	reached, by := e.resourceReach()
	switch e.request.Principal.Kind {
	case Anonymous, ServicePrincipal, WebIdentity, SAML:
		return e.byResourceAlone(reached, by)
	default:
	}
	if e.crossAccount() {
		if reached == notReached {
			return Decision{Reason: ImplicitDeny, Source: Resource}
		}
		return e.byIdentity()
	}
	switch {
	case reached == direct:
		return e.byResourceAlone(reached, by)
	case reached == viaRole:
		if d, limited := e.limited(); limited {
			return d
		}
		return by
	case p.ResourceDecides && reached == notReached:
		return Decision{Reason: ImplicitDeny, Source: Resource}
	default:
		return e.byIdentity()
	}
}

func (e *evaluation) crossAccount() bool {
	owner := e.request.ResourceAccount
	return owner != "" && owner != e.request.Principal.Account
}

func (e *evaluation) byResourceAlone(r reach, by Decision) Decision {
	if r == direct {
		return by
	}
	return Decision{Reason: ImplicitDeny, Source: Resource}
}

// byIdentity needs an identity policy that allows, within boundary and session.
func (e *evaluation) byIdentity() Decision {
	match, ok := e.first(e.policies.Identity, false)
	if !ok {
		return Decision{Reason: ImplicitDeny, Source: Identity}
	}
	if d, limited := e.limited(); limited {
		return d
	}
	return Decision{Allowed: true, Reason: Allowed, Source: Identity, match: match}
}

// limited asks boundary and session policies.
func (e *evaluation) limited() (Decision, bool) {
	p := e.policies
	if p.HasBoundary {
		if _, ok := e.first(p.Boundary, false); !ok {
			return Decision{Reason: ImplicitDeny, Source: Boundary}, true
		}
	}
	if p.HasSession {
		if _, ok := e.first(p.Session, false); !ok {
			return Decision{Reason: ImplicitDeny, Source: Session}, true
		}
	}
	return Decision{}, false
}

func (e *evaluation) levelsAllow(levels [][]*Policy) bool {
	for _, level := range levels {
		if _, ok := e.first(level, false); !ok {
			return false
		}
	}
	return true
}

// explicitDeny looks for a statement that denies, in any policy that counts.
func (e *evaluation) explicitDeny() (Decision, bool) {
	p := e.policies
	for _, level := range p.SCPs {
		if d, ok := e.denyIn(level, SCP); ok {
			return d, true
		}
	}
	for _, level := range p.RCPs {
		if d, ok := e.denyIn(level, RCP); ok {
			return d, true
		}
	}
	if p.Resource != nil {
		if m, ok := e.firstOf(p.Resource, true); ok {
			return Decision{Reason: ExplicitDeny, Source: Resource, match: m}, true
		}
	}
	if d, ok := e.denyIn(p.Identity, Identity); ok {
		return d, true
	}
	if p.HasBoundary {
		if d, ok := e.denyIn(p.Boundary, Boundary); ok {
			return d, true
		}
	}
	if p.HasSession {
		return e.denyIn(p.Session, Session)
	}
	return Decision{}, false
}

func (e *evaluation) denyIn(list []*Policy, s Source) (Decision, bool) {
	m, ok := e.first(list, true)
	return Decision{Reason: ExplicitDeny, Source: s, match: m}, ok
}

// resourceReach is the closest way in which the resource's policy, or a grant,
// allows.
func (e *evaluation) resourceReach() (reach, Decision) {
	if e.policies.Granted {
		return direct, Decision{Allowed: true, Reason: Allowed, Source: Grant}
	}
	best, by := notReached, Decision{Allowed: true, Reason: Allowed, Source: Resource}
	p := e.policies.Resource
	if p == nil {
		return best, by
	}
	for list := range e.candidates(p) {
		for _, i := range list {
			s := &p.statements[i]
			if s.deny || !e.applies(s) {
				continue
			}
			if r := s.reach(&e.request.Principal); r > best {
				best, by.match = r, matched{p, i}
			}
		}
	}
	return best, by
}

func (s *statement) reach(p *Principal) reach {
	switch {
	case s.principals == nil:
		return notReached
	case s.notPrincipal:
		return directIf(!s.principals.covers(p))
	default:
		return s.principals.reach(p)
	}
}

// first returns the first statement of the policies that has the effect and
// fits the request.
func (e *evaluation) first(list []*Policy, deny bool) (matched, bool) {
	for _, p := range list {
		if m, ok := e.firstOf(p, deny); ok {
			return m, true
		}
	}
	return matched{}, false
}

func (e *evaluation) firstOf(p *Policy, deny bool) (matched, bool) {
	for list := range e.candidates(p) {
		for _, i := range list {
			s := &p.statements[i]
			if s.deny == deny && e.applies(s) && e.speaksTo(s) {
				return matched{p, i}, true
			}
		}
	}
	return matched{}, false
}

// speaksTo asks whether a statement that names principals names this one.
func (e *evaluation) speaksTo(s *statement) bool {
	switch {
	case s.principals == nil:
		return true
	case s.notPrincipal:
		// Only who is named as such is left out: a session is not left out by its
		// role's name, nor a user by its account's.
		return s.principals.reach(&e.request.Principal) != direct
	default:
		return s.principals.covers(&e.request.Principal)
	}
}

// candidates yields the lists of statements that may fit the action.
func (e *evaluation) candidates(p *Policy) func(func([]int32) bool) {
	return func(yield func([]int32) bool) {
		_ = yield(p.index.exact[string(e.action)]) &&
			yield(p.index.byService[string(e.service)]) &&
			yield(p.index.any)
	}
}

// applies reports whether action, resource and conditions fit.
func (e *evaluation) applies(s *statement) bool {
	return e.fitsAction(s) && e.fitsResource(s) && e.fitsConditions(s)
}

func (e *evaluation) fitsAction(s *statement) bool {
	for i := range s.actions {
		if s.actions[i].matches(e.action) {
			return !s.notAction
		}
	}
	return s.notAction
}

func (e *evaluation) fitsResource(s *statement) bool {
	if s.resources == nil {
		return true // kinds whose statements name no resource
	}
	for i := range s.resources {
		match, decided := s.resources[i].matches(e.request.Resource, e.request.Context)
		if !decided && s.notResource {
			// What is left out cannot be told: allow nothing, deny everything.
			return s.deny
		}
		if match {
			return !s.notResource
		}
	}
	return s.notResource
}

func (e *evaluation) fitsConditions(s *statement) bool {
	for i := range s.conditions {
		if !s.conditions[i].holds(e.request.Context) {
			return false
		}
	}
	return true
}

// Explain returns every statement that fits the request, whatever its effect:
// what a person needs to understand the decision.
func Explain(r *Request, p *Policies) []StatementRef {
	e := evaluation{request: r, policies: p, action: []byte(strings.ToLower(r.Action))}
	e.service, _ = cutService(e.action)
	var out []StatementRef
	add := func(list []*Policy, s Source) {
		for _, pol := range list {
			for i := range pol.statements {
				st := &pol.statements[i]
				if e.applies(st) && e.speaksTo(st) {
					out = append(out, matched{pol, int32(i)}.ref(s)) //nolint:gosec // a document has far fewer statements
				}
			}
		}
	}
	for _, level := range p.SCPs {
		add(level, SCP)
	}
	for _, level := range p.RCPs {
		add(level, RCP)
	}
	if p.Resource != nil {
		add([]*Policy{p.Resource}, Resource)
	}
	add(p.Identity, Identity)
	add(p.Boundary, Boundary)
	add(p.Session, Session)
	return out
}
