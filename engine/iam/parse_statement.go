package iam

import (
	"regexp"
	"strings"
)

// A raw is a statement whose elements have been found to be of their types, but
// not yet looked into.
type raw struct {
	sid, effect             string
	hasEffect               bool
	action, notAction       *node
	resource, notResource   *node
	principal, notPrincipal *node
	condition               *node

	actions, resources []string
}

// read takes a statement apart.
func (x *parser) read(n *node, r *raw) error {
	if n.kind != 'o' {
		return x.badSyntax()
	}
	for i := range n.members {
		if err := x.element(&n.members[i], r); err != nil {
			return err
		}
	}
	if r.action != nil && r.notAction != nil || r.resource != nil && r.notResource != nil ||
		r.principal != nil && r.notPrincipal != nil || r.condition != nil && !x.conditionTypes(r.condition) {
		return x.badSyntax()
	}
	if !r.hasEffect {
		return x.refuse(syntaxErrors, "Missing required field Effect")
	}
	if !strings.EqualFold(r.effect, "Allow") && !strings.EqualFold(r.effect, "Deny") {
		return x.refuse(syntaxErrors, "Invalid effect: "+r.effect)
	}
	return nil
}

func (x *parser) element(m *member, r *raw) error {
	ok := true
	switch m.name {
	case "Sid":
		r.sid, ok = m.value.scalar(false)
	case "Effect":
		r.hasEffect = true
		r.effect, ok = m.value.scalar(false)
	case "Action":
		r.action = &m.value
		r.actions, ok = m.value.strings(false)
	case "NotAction":
		r.notAction = &m.value
		r.actions, ok = m.value.strings(false)
	case "Resource":
		r.resource = &m.value
		r.resources, ok = m.value.strings(false)
	case "NotResource":
		r.notResource = &m.value
		r.resources, ok = m.value.strings(false)
	case "Principal":
		r.principal = &m.value
	case "NotPrincipal":
		r.notPrincipal = &m.value
	case "Condition":
		r.condition = &m.value
	default:
		return x.refuse(syntaxErrors, "Unknown field "+m.name)
	}
	if !ok {
		return x.badSyntax()
	}
	return nil
}

// effect is case sensitive, but IAM says so late.
func (x *parser) effect(r *raw, s *statement) error {
	s.deny = r.effect == "Deny"
	if !s.deny && r.effect != "Allow" {
		return x.refuse(legacyParsing, "Invalid effect: "+r.effect)
	}
	return nil
}

var sidForm = regexp.MustCompile(`^[0-9A-Za-z]*$`)

// sid holds statement ids to their form, which policies of resources do not
// have, and to being unique.
func (x *parser) sid(r *raw, s *statement) error {
	s.sid = r.sid
	if !x.kind.attached() && !sidForm.MatchString(r.sid) {
		return x.refusef("Statement IDs (SID) must be alpha-numeric. Check that your input satisfies the regular expression [0-9A-Za-z]*")
	}
	if r.sid != "" && x.sids[r.sid] {
		return x.refuse("Statement IDs (SID) in a single policy must be unique.", "The Statement Ids in the policy are not unique")
	}
	x.sids[r.sid] = true
	return nil
}
