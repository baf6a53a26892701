package iam

import (
	"regexp"
	"strings"
)

func (x *parser) principals(r *raw, s *statement) error {
	if !x.kind.attached() && x.kind != ResourceControlPolicy {
		if r.principal != nil || r.notPrincipal != nil {
			return x.refusef("Policy document should not specify a principal.")
		}
		return nil
	}
	n := r.principal
	if r.notPrincipal != nil {
		if err := x.notPrincipal(s); err != nil {
			return err
		}
		n, s.notPrincipal = r.notPrincipal, true
	}
	if n == nil {
		return x.refusef("Missing required field Principal")
	}
	var err error
	s.principals, err = x.principal(n)
	return err
}

// notPrincipal may only deny, and only where AWS takes it at all.
func (x *parser) notPrincipal(s *statement) error {
	switch {
	case !s.deny:
		return x.refusef("Allow with NotPrincipal is not allowed.")
	case x.kind == TrustPolicy:
		return x.refusef("AssumeRole policy must not contain NotPrincipal field.")
	case x.kind == ResourceControlPolicy:
		return x.badSyntax()
	default:
		return nil
	}
}

func (x *parser) principal(n *node) (*principals, error) {
	e := &principals{}
	switch {
	case n.kind == 's' && n.text == "*":
		e.everyone = true
		return e, nil
	case n.kind != 'o' || x.kind == ResourceControlPolicy:
		return nil, x.badPrincipal("AWS", n.text)
	case len(n.members) == 0:
		return nil, x.refusef("Missing required field Principal cannot be empty!")
	}
	for i := range n.members {
		m := &n.members[i]
		names, ok := m.value.strings(false)
		switch {
		case !ok:
			return nil, x.badSyntax()
		case len(names) == 0:
			return nil, x.refusef("Missing required field Principal cannot be empty!")
		}
		for _, name := range names {
			if !e.add(m.name, name) {
				return nil, x.badPrincipal(strings.ToUpper(m.name), name)
			}
		}
	}
	return e, nil
}

var (
	accountForm = regexp.MustCompile(`^\d{12}$`)
	uniqueForm  = regexp.MustCompile(`^A[A-Z]{2}A[A-Z0-9]{12,124}$`)
	nameForm    = regexp.MustCompile(`^arn:aws(?:-[a-z]+)*:(?:iam|sts)::(\d{12}):(user|role|assumed-role|federated-user|root)(/[\x21-\x7e]+)?$`)
	serviceForm = regexp.MustCompile(`^[a-z0-9.-]+\.(amazonaws\.com(\.cn)?|internal|amazon\.com)$`)
)

// add takes one principal. A wildcard is only allowed as the whole name (IAM
// User Guide, "IAM JSON policy elements: Principal").
func (e *principals) add(kind, name string) bool {
	switch kind {
	case "AWS":
		return e.addAWS(name)
	case "Service":
		e.services = append(e.services, name)
		return serviceForm.MatchString(name)
	case "Federated":
		e.federated = append(e.federated, name)
		return name != "" && !wildcards(name)
	case "CanonicalUser":
		e.canonical = append(e.canonical, name)
		return name != "" && !wildcards(name)
	default:
		return false
	}
}

func (e *principals) addAWS(name string) bool {
	m := nameForm.FindStringSubmatch(name)
	switch {
	case name == "*":
		e.everyone = true
	case accountForm.MatchString(name):
		e.accounts = append(e.accounts, name)
	case uniqueForm.MatchString(name):
		e.names = append(e.names, name)
	case m == nil || wildcards(name):
		return false
	case m[2] == "root":
		e.accounts = append(e.accounts, m[1])
		return m[3] == ""
	default:
		e.names = append(e.names, name)
		return m[3] != ""
	}
	return true
}
