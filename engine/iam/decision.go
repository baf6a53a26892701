package iam

// A Reason says how a decision came about.
type Reason int

// The reasons.
const (
	ImplicitDeny Reason = iota // nothing that has to allow did
	ExplicitDeny               // a statement denies
	Allowed
)

// A Source is the type of policy that decided.
type Source int

// The types of policies.
const (
	Identity Source = iota
	Resource
	Boundary
	Session
	SCP
	RCP
	Grant
)

var sourceNames = [...]string{
	Identity: "identity-based policy", Resource: "resource-based policy", Boundary: "permissions boundary",
	Session: "session policy", SCP: "service control policy", RCP: "resource control policy", Grant: "grant",
}

// String returns AWS's word for the type of policy.
func (s Source) String() string { return sourceNames[s] }

// A Decision is the answer to a request. The zero value is a denial.
type Decision struct {
	Allowed bool
	Reason  Reason
	// Source is the type of policy that denied, that should have allowed, or that
	// did.
	Source Source
	match  matched
	action string
	trust  bool // Resource is a role's trust policy, which has a name of its own
}

// Match returns the first statement that decided; ok is false where none did, as
// in an implicit denial. It is a method so that a decision costs no allocation.
func (d Decision) Match() (ref StatementRef, ok bool) {
	if d.match.policy == nil {
		return StatementRef{}, false
	}
	return d.match.ref(d.Source), true
}

// Because returns the end of AWS's sentence for a denial, and nothing for what
// is allowed (IAM User Guide, "Troubleshoot access denied error messages").
func (d Decision) Because() string {
	trust := d.trust && d.Source == Resource
	switch {
	case d.Reason == Allowed:
		return ""
	case d.Reason == ExplicitDeny && trust:
		return "with an explicit deny in the role trust policy"
	case d.Reason == ExplicitDeny && d.Source == Identity:
		return "with an explicit deny in an " + d.Source.String()
	case d.Reason == ExplicitDeny:
		return "with an explicit deny in a " + d.Source.String()
	case trust:
		return "because no role trust policy allows the " + d.action + " action"
	default:
		return "because no " + d.Source.String() + " allows the " + d.action + " action"
	}
}

// A StatementRef names a statement for a person.
type StatementRef struct {
	Source Source
	// Policy is the name given by WithName, Sid the statement's own, Index its
	// place in the document from 0.
	Policy, Sid string
	Index       int
	Deny        bool
}

// matched is a statement without the cost of naming it.
type matched struct {
	policy *Policy
	index  int32
}

func (m matched) ref(s Source) StatementRef {
	st := &m.policy.statements[m.index]
	return StatementRef{Source: s, Policy: m.policy.name, Sid: st.sid, Index: int(m.index), Deny: st.deny}
}
