package iam

import (
	"regexp"
	"strings"
)

func (x *parser) principals(f *fields, s *statement) error {
	n := f.principal
	if n == nil {
		n, s.notPrincipal = f.notPrincipal, f.notPrincipal != nil
	}
	if !x.kind.named() {
		if n != nil {
			return malformed("Policy document should not specify a principal.")
		}
		return nil
	}
	if n == nil || f.principal != nil && f.notPrincipal != nil {
		return malformed("Missing required field Principal")
	}
	e, err := x.element(n)
	s.principals = e
	return err
}

func (x *parser) element(n *node) (*principals, error) {
	if n.kind == 's' && n.text == "*" {
		return &principals{everyone: true}, nil
	}
	if n.kind != 'o' || len(n.members) == 0 {
		return nil, malformed("Invalid principal in policy.")
	}
	e := &principals{}
	for i := range n.members {
		m := &n.members[i]
		names, ok := m.value.strings(false)
		if !ok {
			return nil, errGrammar
		}
		for _, name := range names {
			if !e.add(m.name, name) {
				return nil, malformed("Invalid principal in policy: \"%s\":\"%s\"", m.name, name)
			}
		}
	}
	return e, nil
}

var (
	accountForm = regexp.MustCompile(`^\d{12}$`)
	uniqueForm  = regexp.MustCompile(`^A[A-Z]{2}A[A-Z0-9]{12,}$`)
	nameForm    = regexp.MustCompile(`^arn:aws(-[a-z]+)*:(iam|sts)::(\d{12}):(user|role|assumed-role|federated-user|root)(/[\x21-\x7e]+)?$`)
	serviceForm = regexp.MustCompile(`^[a-z0-9.-]+\.(amazonaws\.com(\.cn)?|internal|amazon\.com)$`)
)

// add takes one principal. Wildcards are only allowed as the whole name.
func (e *principals) add(kind, name string) bool {
	switch kind {
	case "AWS":
		return e.addAWS(name)
	case "Service":
		e.services = append(e.services, name)
		return serviceForm.MatchString(name)
	case "Federated":
		e.federated = append(e.federated, name)
		return name != "" && !strings.ContainsAny(name, "*?")
	case "CanonicalUser":
		e.names = append(e.names, name)
		return name != "" && !strings.ContainsAny(name, "*?")
	default:
		return false
	}
}

func (e *principals) addAWS(name string) bool {
	if name == "*" {
		e.everyone = true
		return true
	}
	if accountForm.MatchString(name) {
		e.accounts = append(e.accounts, name)
		return true
	}
	if uniqueForm.MatchString(name) {
		e.names = append(e.names, name)
		return true
	}
	m := nameForm.FindStringSubmatch(name)
	if m == nil || strings.ContainsAny(name, "*?") {
		return false
	}
	if m[4] == "root" {
		e.accounts = append(e.accounts, m[3])
		return m[5] == ""
	}
	e.names = append(e.names, name)
	return m[5] != ""
}
