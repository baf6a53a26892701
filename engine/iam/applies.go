package iam

// speaksTo asks whether a statement that names principals names this one. A
// NotPrincipal exempts nobody who has a permissions boundary (IAM User Guide,
// "IAM JSON policy elements: NotPrincipal").
func (e *evaluation) speaksTo(s *statement) bool {
	p := &e.request.Principal
	switch {
	case s.principals == nil:
		return true
	case s.notPrincipal:
		return e.policies.HasBoundary || !s.principals.exempts(p)
	default:
		return s.principals.reach(p) != notReached
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

// fitsResource: where it cannot be told what a NotResource leaves out, because a
// variable has no value, the statement allows nothing and denies everything.
func (e *evaluation) fitsResource(s *statement) bool {
	if s.resources == nil {
		return true
	}
	unknown := false
	for i := range s.resources {
		match, resolved := s.resources[i].matches(e.request.Resource, e.request.Context)
		if match {
			return !s.notResource
		}
		unknown = unknown || !resolved
	}
	return s.notResource && (s.deny || !unknown)
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
	if len(r.Action) > maxAction {
		return nil
	}
	e := newEvaluation(r, p, nil)
	var out []StatementRef
	p.each(func(policy *Policy, source Source) bool {
		for i := range policy.statements {
			if s := &policy.statements[i]; e.speaksTo(s) && e.applies(s) {
				m := matched{policy, int32(i)}
				out = append(out, m.ref(source))
			}
		}
		return true
	})
	return out
}
