// Package iam decides by AWS's rules whether policies allow a request. It is
// pure: documents and a request in, a decision with its reason out. It refuses
// documents that AWS refuses, and allows nothing that no statement allows.
//
//	Parse(document) → *Policy → Evaluate(request, policies) → Decision
package iam

// A Kind says where a policy is attached, which decides its grammar.
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

// named reports whether statements of the kind name principals.
func (k Kind) named() bool {
	return k == ResourcePolicy || k == KeyPolicy || k == TrustPolicy || k == ResourceControlPolicy
}

// A Policy is a compiled document. It is immutable and safe for concurrent use.
type Policy struct {
	name       string
	kind       Kind
	statements []statement
	index      index
}

// WithName returns a copy of the policy that reasons refer to as name.
func (p *Policy) WithName(name string) *Policy {
	q := *p
	q.name = name
	return &q
}

// A statement is one rule of a policy.
type statement struct {
	sid         string
	deny        bool
	actions     []action
	notAction   bool
	resources   []template
	notResource bool
	// principals is nil in kinds whose policies name none.
	principals   *principals
	notPrincipal bool
	conditions   []condition
}

// An action is a pattern of an action's name, in lower case.
type action struct {
	pattern string // wildcards are marked, see mark
	wild    bool
}

func (a action) matches(name []byte) bool {
	if !a.wild {
		return string(name) == a.pattern
	}
	return glob(a.pattern, name)
}

// An index finds the statements that can speak to an action without a look at
// the others: by the whole name, by the service, and those that may match any.
// Each list is in the statements' order.
type index struct {
	exact     map[string][]int32
	byService map[string][]int32
	any       []int32
}

func (p *Policy) buildIndex() {
	p.index = index{exact: map[string][]int32{}, byService: map[string][]int32{}}
	for i := range p.statements {
		p.index.add(int32(i), &p.statements[i]) //nolint:gosec // a document has far fewer statements than that
	}
}

func (x *index) add(i int32, s *statement) {
	if s.notAction {
		x.any = append(x.any, i)
		return
	}
	for _, a := range s.actions {
		if a.pattern == anything {
			x.any = append(x.any, i)
			return // it matches all: the other lists would only repeat it
		}
	}
	for _, a := range s.actions {
		if !a.wild {
			addOnce(x.exact, a.pattern, i)
			continue
		}
		service, _ := cutService([]byte(a.pattern))
		if hasMark(service) {
			x.any = appendOnce(x.any, i)
			continue
		}
		addOnce(x.byService, string(service), i)
	}
}

func addOnce(m map[string][]int32, key string, i int32) { m[key] = appendOnce(m[key], i) }

func appendOnce(list []int32, i int32) []int32 {
	if n := len(list); n > 0 && list[n-1] == i {
		return list
	}
	return append(list, i)
}

// cutService splits "kms:decrypt" before the colon.
func cutService(name []byte) (service, rest []byte) {
	for i, c := range name {
		if c == ':' {
			return name[:i], name[i+1:]
		}
	}
	return name, nil
}
