package iam

import "slices"

// Versions of the policy language.
const (
	oldVersion = "2008-10-17"
	newVersion = "2012-10-17" // adds variables
)

// A parser compiles one document.
type parser struct {
	kind      Kind
	version   string
	variables bool
	sids      map[string]bool
}

// Parse checks a document of the kind and compiles it (IAM User Guide, "Grammar
// of the IAM JSON policy language"). The error is a *SyntaxError. A document
// that is larger, deeper or longer than any of AWS's is refused.
func Parse(document string, kind Kind) (*Policy, error) {
	x := parser{kind: kind, sids: map[string]bool{}}
	if len(document) > maxDocument {
		return nil, x.refusef("The policy is larger than %d bytes.", maxDocument)
	}
	root, err := parseJSON(document)
	if err != nil {
		return nil, x.refuse(syntaxErrors, invalidJSON)
	}
	list, err := x.document(&root)
	if err != nil {
		return nil, err
	}
	p := &Policy{kind: kind, version: x.version}
	if p.statements, err = x.compile(list); err != nil {
		return nil, err
	}
	p.buildIndexes()
	return p, nil
}

// document reads the outermost elements and returns the statements.
func (x *parser) document(root *node) ([]raw, error) {
	if root.kind != 'o' {
		return nil, x.badSyntax()
	}
	var list *node
	for i := range root.members {
		m := &root.members[i]
		switch {
		case m.name == "Statement":
			list = &m.value
		case m.name == "Version" && m.value.kind == 's':
			x.version = m.value.text
			if x.version != oldVersion && x.version != newVersion {
				return nil, x.refuse(syntaxErrors, "The policy must contain a valid version string")
			}
		case m.name == "Id" && m.value.kind == 's':
		case m.name == "Version", m.name == "Id":
			return nil, x.badSyntax()
		default:
			return nil, x.refuse(syntaxErrors, "Unknown field "+m.name)
		}
	}
	x.variables = x.version == newVersion
	if list == nil {
		return nil, x.refuse(syntaxErrors, "Missing required field Statement")
	}
	return x.list(list)
}

// list reads one statement, or several.
func (x *parser) list(n *node) ([]raw, error) {
	items := n.items
	switch {
	case n.kind == 'o':
		items = []node{*n}
	case n.kind != 'a':
		return nil, x.badSyntax()
	case len(items) == 0:
		return nil, x.refuse(syntaxErrors, "Could not parse the policy: Statement is empty!")
	case len(items) > maxStatements:
		return nil, x.refusef("The policy has more than %d statements.", maxStatements)
	}
	out := make([]raw, len(items))
	for i := range items {
		if err := x.read(&items[i], &out[i]); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// compile takes each step over all statements before the next, as AWS does: of
// several faults it names the one of the earliest step.
func (x *parser) compile(list []raw) ([]statement, error) {
	out := make([]statement, len(list))
	for _, step := range []func(*raw, *statement) error{
		x.effect, x.conditions, x.legacy, x.sid, x.principals,
		x.actionElement, x.resourceElement, x.resources, x.actions, x.control,
	} {
		for i := range list {
			if err := step(&list[i], &out[i]); err != nil {
				return nil, err
			}
		}
	}
	return out, nil
}

// control holds policies of an organization to what they may say (AWS
// Organizations User Guide, "RCP syntax"). Only the AWS managed RCP allows, and
// it allows everything.
func (x *parser) control(r *raw, s *statement) error {
	if x.kind != ResourceControlPolicy {
		return nil
	}
	all := slices.Contains(r.actions, "*")
	full := all && slices.Contains(r.resources, "*") && r.condition == nil
	if s.notAction || s.deny && all || !s.deny && (!full || s.notResource) {
		return x.badSyntax()
	}
	return nil
}
