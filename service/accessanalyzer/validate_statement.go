package accessanalyzer

import (
	"regexp"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/accessanalyzer/types"
)

func (v *validation) statements(list []*node) {
	sids, bodies := map[string]bool{}, map[string]*node{}
	for _, n := range list {
		if n.kind != 'o' {
			v.typed(n, "Object")
			continue
		}
		v.sid(n.get("Sid"), sids)
		v.statement(n)
		body := bodyOf(n)
		if first := bodies[body]; first != nil {
			v.suggest("REDUNDANT_STATEMENT", "The statements are redundant because they provide identical permissions. Update the policy to remove the redundant statement.", first, n)
			continue
		}
		bodies[body] = n
	}
}

// bodyOf is a statement without its id, to compare.
func bodyOf(n *node) string {
	var b strings.Builder
	for i := range n.members {
		if n.members[i].name != "Sid" {
			b.WriteString(n.members[i].name + "\x00" + n.members[i].value.flat() + "\x00")
		}
	}
	return b.String()
}

// flat is a value's content on one line.
func (n *node) flat() string {
	var b strings.Builder
	b.WriteByte(n.kind)
	b.WriteString(n.text)
	for i := range n.items {
		b.WriteString("\x01" + n.items[i].flat())
	}
	for i := range n.members {
		b.WriteString("\x02" + n.members[i].name + "\x03" + n.members[i].value.flat())
	}
	return b.String()
}

var sidForm = regexp.MustCompile(`^[0-9A-Za-z]*$`)

func (v *validation) sid(n *node, seen map[string]bool) {
	if n == nil || n.kind != 's' {
		return
	}
	switch {
	case n.text == "":
		v.suggest("EMPTY_SID_VALUE", "Add a value to the empty string in the Sid element.", n)
	case seen[n.text] && v.kind != types.PolicyTypeResourcePolicy:
		v.fault("UNIQUE_SIDS_REQUIRED", "Duplicate statement IDs are not supported for this policy type. Update the Sid value.", n)
	case seen[n.text]:
		v.warn("UNIQUE_SIDS_RECOMMENDED", "We recommend that you use statement IDs that are unique to your policy. Update the Sid value.", n)
	case v.kind == types.PolicyTypeIdentityPolicy && !sidForm.MatchString(n.text):
		v.fault("UNSUPPORTED_SID", "Update the characters in the Sid element to use one of the following character types: [a-z, A-Z, 0-9]", n)
	}
	seen[n.text] = true
}

func (v *validation) statement(n *node) {
	v.elements(n)
	v.effect(n)
	v.pairs(n)
	v.principalElement(n)
	if n.get("Action") == nil && n.get("NotAction") == nil {
		v.fault("MISSING_ACTION", "Add an Action or NotAction element to the policy statement.", n)
	}
	if n.get("Resource") == nil && n.get("NotResource") == nil && v.needsResource() {
		v.fault("MISSING_RESOURCE", "Add a Resource or NotResource element to the policy statement.", n)
	}
	for _, name := range []string{"Action", "NotAction"} {
		if e := n.get(name); e != nil {
			v.actionElement(e)
		}
	}
	for _, name := range []string{"Resource", "NotResource"} {
		if e := n.get(name); e != nil {
			v.resourceElement(e)
		}
	}
	if c := n.get("Condition"); c != nil {
		v.conditionElement(c)
	}
	v.roles(n)
}

// needsResource: a resource policy may be a role's trust policy, which names none.
func (v *validation) needsResource() bool {
	return v.kind != types.PolicyTypeResourcePolicy ||
		v.resource != "" && v.resource != types.ValidatePolicyResourceTypeRoleTrust
}

// stringLists are elements that are a string or a list of strings.
var stringLists = map[string]bool{"Action": true, "NotAction": true, "Resource": true, "NotResource": true}

func (v *validation) elements(n *node) {
	for i := range n.members {
		m := &n.members[i]
		switch {
		case m.name == "Sid" || m.name == "Effect":
			if m.value.kind != 's' {
				v.typed(&m.value, "String")
			}
		case stringLists[m.name]:
			v.stringList(&m.value)
		case m.name == "Condition":
			if m.value.kind != 'o' {
				v.typed(&m.value, "Object")
			}
		case m.name != "Principal" && m.name != "NotPrincipal":
			v.element(n, m)
		}
	}
}

func (v *validation) stringList(n *node) {
	if n.kind != 's' && n.kind != 'a' {
		v.typed(n, "String")
		return
	}
	for i := range n.items {
		if n.items[i].kind != 's' {
			v.typed(&n.items[i], "String")
		}
	}
}

func (v *validation) effect(n *node) {
	e := n.get("Effect")
	switch {
	case e == nil:
		v.fault("MISSING_EFFECT", "Add an Effect element to the policy statement with a value of Allow or Deny.", n)
	case e.kind == 's' && e.text != "Allow" && e.text != "Deny":
		v.fault("INVALID_EFFECT", "The effect "+e.text+" is not valid. Use Allow or Deny.", e)
	}
}

// pairs tells of elements that exclude each other.
func (v *validation) pairs(n *node) {
	for _, name := range []string{"Action", "Resource", "Principal"} {
		if n.get(name) != nil && n.get("Not"+name) != nil {
			v.fault("UNSUPPORTED_ELEMENT_COMBINATION", "The policy elements "+name+" and Not"+name+" can not be used in the same statement. Remove one of these elements.",
				n.get(name), n.get("Not"+name))
		}
	}
}

func (v *validation) principalElement(n *node) {
	p, not := n.get("Principal"), n.get("NotPrincipal")
	switch {
	case v.kind == types.PolicyTypeServiceControlPolicy && (p != nil || not != nil):
		v.fault("SCP_SYNTAX_ERROR_PRINCIPAL", "SCPs do not support specifying principals. Remove the Principal or NotPrincipal element.", present(p, not))
		return
	case v.kind == types.PolicyTypeIdentityPolicy && (p != nil || not != nil):
		v.fault("UNSUPPORTED_PRINCIPAL", "The policy type "+string(v.kind)+" does not support the Principal element. Remove the Principal element.", present(p, not))
		return
	case p == nil && not == nil && (v.kind == types.PolicyTypeResourcePolicy || v.kind == types.PolicyTypeResourceControlPolicy):
		v.fault("MISSING_PRINCIPAL", "Add a Principal element to the policy statement.", n)
		return
	}
	if e := n.get("Effect"); e != nil && e.text == "Allow" && not != nil {
		v.caution("ALLOW_WITH_NOT_PRINCIPAL", "Using Allow with NotPrincipal can be overly permissive. We recommend that you use Principal instead.", not)
	}
	for _, e := range []*node{p, not} {
		if e != nil {
			v.principal(e)
		}
	}
}

func present(list ...*node) *node {
	for _, n := range list {
		if n != nil {
			return n
		}
	}
	return nil
}

var uniqueID = regexp.MustCompile(`^(AIDA|AROA)[A-Z0-9]{12,124}$`)

func (v *validation) principal(n *node) {
	switch {
	case n.kind == 's' && n.text == "*":
		return
	case n.kind != 'o':
		v.fault("INVALID_PRINCIPAL_FORMAT", "The Principal element contents are not valid. Specify a key-value pair in the Principal element.", n)
		return
	case len(n.members) == 0:
		v.suggest("EMPTY_OBJECT_PRINCIPAL", "This statement includes no principals and does not affect the policy. Specify principals.", n)
	}
	for i := range n.members {
		m := &n.members[i]
		switch m.name {
		case "AWS", "Service", "Federated", "CanonicalUser":
			v.principals(m)
		default:
			at := &node{start: m.nameStart, end: m.nameAfter, path: below(n.path, &types.PathElementMemberKey{Value: m.name})}
			v.fault("INVALID_PRINCIPAL_KEY", "The principal key "+m.name+" is not valid.", at)
		}
	}
}

func (v *validation) principals(m *member) {
	v.stringList(&m.value)
	if m.value.kind == 'a' && len(m.value.items) == 0 {
		v.suggest("EMPTY_ARRAY_PRINCIPAL", "This statement includes no principals and does not affect the policy. Specify principals.", &m.value)
	}
	for _, s := range m.value.strings() {
		switch {
		case strings.ContainsAny(s.text, "*?") && (m.name != "AWS" || s.text != "*"):
			v.fault("UNSUPPORTED_WILDCARD_IN_PRINCIPAL", "Wildcards (*, ?) are not supported with the principal key "+m.name+". Replace the wildcard with a valid principal value.", s)
		case m.name == "AWS" && uniqueID.MatchString(s.text) && strings.HasPrefix(s.text, "AROA"):
			v.warn("INVALID_ROLE_REFERENCE", "The Principal element includes the IAM role ID "+s.text+". We recommend that you use a role ARN instead.", s)
		case m.name == "AWS" && uniqueID.MatchString(s.text):
			v.warn("INVALID_USER_REFERENCE", "The Principal element includes the IAM user ID "+s.text+". We recommend that you use a user ARN instead.", s)
		}
	}
}
