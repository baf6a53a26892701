package accessanalyzer

import "strings"

// roles looks at Allow statements of identity policies for the two actions that
// hand out roles: with a wildcard they hand out any.
func (v *validation) roles(n *node) {
	effect := n.get("Effect")
	if v.kind != "IDENTITY_POLICY" || effect == nil || effect.text != "Allow" {
		return
	}
	if !passesTo(n.get("Condition")) {
		v.handing(n, "iam:PassRole", "PASS_ROLE", v.caution, passRole)
	}
	v.handing(n, "iam:CreateServiceLinkedRole", "CREATE_SLR", v.warn, createSLR)
}

// passesTo reports whether the statement says to which service roles may be passed.
func passesTo(c *node) bool {
	if c == nil {
		return false
	}
	for i := range c.members {
		for j := range c.members[i].value.members {
			if strings.EqualFold(c.members[i].value.members[j].name, "iam:PassedToService") {
				return true
			}
		}
	}
	return false
}

// passRole and createSLR are the reference's words, by the end of the code.
var (
	passRole = map[string]string{
		"WITH_STAR_IN_RESOURCE":                "Using the iam:PassRole action with wildcards (*) in the resource can be overly permissive because it allows iam:PassRole permissions on multiple resources. We recommend that you specify resource ARNs or add the iam:PassedToService condition key to your statement.",
		"WITH_STAR_IN_ACTION_AND_RESOURCE":     "Using wildcards (*) in the action and the resource can be overly permissive because it allows iam:PassRole permissions on all resources. We recommend that you specify resource ARNs or add the iam:PassedToService condition key to your statement.",
		"WITH_STAR_IN_RESOURCE_AND_NOT_ACTION": "Using a resource with wildcards (*) and NotAction can be overly permissive because it allows iam:PassRole permissions on all resources. We recommend that you specify resource ARNs or add the iam:PassedToService condition key to your statement.",
		"WITH_NOT_RESOURCE":                    "Using the iam:PassRole action with NotResource can be overly permissive because it can allow iam:PassRole permissions on multiple resources. We recommend that you specify resource ARNs instead.",
		"WITH_STAR_IN_ACTION_AND_NOT_RESOURCE": "Using an action with a wildcard (*) and NotResource can be overly permissive because it can allow iam:PassRole permissions on multiple resources. We recommend that you specify resource ARNs instead.",
		"WITH_NOT_ACTION_AND_NOT_RESOURCE":     "Using NotAction with NotResource can be overly permissive because it can allow iam:PassRole permissions on multiple resources.. We recommend that you specify resource ARNs instead.",
	}
	createSLR = map[string]string{
		"WITH_STAR_IN_RESOURCE":                "Using the iam:CreateServiceLinkedRole action with wildcards (*) in the resource can allow creation of unintended service-linked roles. We recommend that you specify resource ARNs instead.",
		"WITH_STAR_IN_ACTION_AND_RESOURCE":     "Using wildcards (*) in the action and the resource can allow creation of unintended service-linked roles because it allows iam:CreateServiceLinkedRole permissions on all resources. We recommend that you specify resource ARNs instead.",
		"WITH_STAR_IN_RESOURCE_AND_NOT_ACTION": "Using a resource with wildcards (*) and NotAction can allow creation of unintended service-linked roles because it allows iam:CreateServiceLinkedRole permissions on all resources. We recommend that you specify resource ARNs instead.",
		"WITH_NOT_RESOURCE":                    "Using the iam:CreateServiceLinkedRole action with NotResource can allow creation of unintended service-linked roles for multiple resources. We recommend that you specify resource ARNs instead.",
		"WITH_STAR_IN_ACTION_AND_NOT_RESOURCE": "Using an action with a wildcard(*) and NotResource can allow creation of unintended service-linked roles because it can allow iam:CreateServiceLinkedRole permissions on multiple resources. We recommend that you specify resource ARNs instead.",
		"WITH_NOT_ACTION_AND_NOT_RESOURCE":     "Using NotAction with NotResource can allow creation of unintended service-linked roles because it allows iam:CreateServiceLinkedRole permissions on multiple resources. We recommend that you specify resource ARNs instead.",
	}
)

// handing tells of a statement that allows the action on more than named roles.
func (v *validation) handing(n *node, action, code string, tell func(string, string, ...*node), words map[string]string) {
	by, how := allowing(n, action)
	if by == nil {
		return
	}
	on, suffix := n.get("NotResource"), ""
	switch {
	case on != nil:
		suffix = map[string]string{"": "WITH_NOT_RESOURCE", "star": "WITH_STAR_IN_ACTION_AND_NOT_RESOURCE", "not": "WITH_NOT_ACTION_AND_NOT_RESOURCE"}[how]
	default:
		on = anyRole(n.get("Resource"))
		suffix = map[string]string{"": "WITH_STAR_IN_RESOURCE", "star": "WITH_STAR_IN_ACTION_AND_RESOURCE", "not": "WITH_STAR_IN_RESOURCE_AND_NOT_ACTION"}[how]
	}
	if on != nil {
		tell(code+"_"+suffix, words[suffix], by, on)
	}
}

// allowing finds what in the statement allows the action: its name, a pattern
// ("star"), or a NotAction that does not name it ("not").
func allowing(n *node, action string) (by *node, how string) {
	if not := n.get("NotAction"); not != nil {
		for _, s := range not.strings() {
			if newPattern(lower(s.text)).meets(literal(lower(action))) {
				return nil, ""
			}
		}
		return not, "not"
	}
	list := n.get("Action")
	if list == nil {
		return nil, ""
	}
	for _, s := range list.strings() {
		switch {
		case lower(s.text) == lower(action):
			return s, ""
		case by == nil && newPattern(lower(s.text)).meets(literal(lower(action))):
			by, how = s, "star"
		}
	}
	return by, how
}

// anyRole finds a resource whose role is a wildcard. One with a name before the
// star is taken to follow a service's convention.
func anyRole(n *node) *node {
	if n == nil {
		return nil
	}
	for _, s := range n.strings() {
		const fields = 6
		parts := strings.SplitN(s.text, ":", fields)
		last := parts[len(parts)-1]
		if s.text == "*" || len(parts) == fields && parts[2] == "iam" && (last == "*" || last == "role/*" || last == "role*") {
			return s
		}
	}
	return nil
}
