// Package iam decides by AWS's rules whether policies allow a request. It is
// pure: documents and a request in, a decision with its reason out. It refuses
// documents that AWS refuses, in AWS's words, and allows nothing that no
// statement allows.
//
//	Parse(document) → *Policy → Evaluate(request, policies) → Decision
package iam

// A Kind says where a policy is attached, which decides its grammar and the
// words in which a malformed document is refused.
type Kind int

// The kinds of policies (IAM User Guide, "Policies and permissions in IAM").
const (
	IdentityPolicy Kind = iota
	ResourcePolicy
	KeyPolicy
	TrustPolicy
	SessionPolicy
	BoundaryPolicy
	ServiceControlPolicy
	ResourceControlPolicy
)

// attached reports whether policies of the kind belong to a resource. Their
// statements name principals, and their services refuse in other words than IAM.
func (k Kind) attached() bool { return k == ResourcePolicy || k == KeyPolicy || k == TrustPolicy }

// organizational reports whether policies of the kind belong to an organization.
func (k Kind) organizational() bool { return k == ServiceControlPolicy || k == ResourceControlPolicy }

// A Policy is a compiled document. It is immutable and safe for concurrent use.
type Policy struct {
	name        string
	version     string
	kind        Kind
	statements  []statement
	allow, deny index
}

// WithName returns a copy of the policy that reasons refer to as name, such as a
// managed policy's ARN or an inline policy's name.
func (p *Policy) WithName(name string) *Policy {
	q := *p
	q.name = name
	return &q
}

// Version is the policy language's version that the document names, or "" where
// it names none, which reads as 2008-10-17 (IAM User Guide, "IAM JSON policy
// elements: Version"). Managed policies must name 2012-10-17.
func (p *Policy) Version() string { return p.version }

// A statement is one rule of a policy.
type statement struct {
	sid         string
	deny        bool
	actions     []action
	notAction   bool
	resources   []template // nil in kinds whose statements name no resource
	notResource bool
	// principals is nil in kinds whose statements name none.
	principals   *principals
	notPrincipal bool
	conditions   []condition
}

// An action is a pattern of an action's name, in lower case.
type action struct {
	pattern string // wildcards are marks
	wild    bool
	ends    ends
}

func newAction(name string) action {
	pattern := mark(string(lower(nil, name)))
	return action{pattern: pattern, wild: hasMark(pattern), ends: endsOf(pattern)}
}

func (a action) matches(name []byte) bool {
	if !a.wild {
		return string(name) == a.pattern
	}
	return fits(a.ends, name) && glob(a.pattern, name)
}

// lower appends s to buf with ASCII letters in lower case: names of actions have
// no others, and a fold of all of Unicode would make different names equal.
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
