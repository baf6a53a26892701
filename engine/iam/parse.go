package iam

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// A SyntaxError is what is wrong with a document, in AWS's words: the message of
// MalformedPolicyDocument.
type SyntaxError struct{ Message string }

// Error returns the message.
func (e *SyntaxError) Error() string { return e.Message }

func malformed(format string, args ...any) error {
	return &SyntaxError{Message: fmt.Sprintf(format, args...)}
}

// errGrammar is what AWS says of every document that is no policy at all.
var errGrammar = &SyntaxError{Message: "Syntax errors in policy."}

// Versions of the policy language.
const (
	oldVersion = "2008-10-17"
	newVersion = "2012-10-17" // adds variables
)

// A parser compiles one document.
type parser struct {
	kind      Kind
	variables bool
	sids      map[string]bool
}

// Parse checks a document of the kind and compiles it (IAM User Guide, "Grammar
// of the IAM JSON policy language"). The error is a *SyntaxError.
func Parse(document string, kind Kind) (*Policy, error) {
	if len(document) > maxDocument {
		return nil, malformed("The policy is larger than %d bytes.", maxDocument)
	}
	root, err := parseJSON(document)
	if errors.Is(err, errDuplicate) {
		return nil, malformed("Duplicate fields are not allowed in a policy document.")
	}
	if err != nil || root.kind != 'o' {
		return nil, errGrammar
	}
	x := parser{kind: kind, sids: map[string]bool{}}
	p := &Policy{kind: kind}
	if p.statements, err = x.document(&root); err != nil {
		return nil, err
	}
	p.buildIndex()
	return p, nil
}

func (x *parser) document(root *node) ([]statement, error) {
	var list *node
	version := oldVersion
	for i := range root.members {
		m := &root.members[i]
		switch m.name {
		case "Version":
			version = m.value.text
		case "Id":
			if m.value.kind != 's' {
				return nil, errGrammar
			}
		case "Statement":
			list = &m.value
		default:
			return nil, errGrammar
		}
	}
	if version != oldVersion && version != newVersion {
		return nil, malformed("The policy must contain a valid version string.")
	}
	x.variables = version == newVersion
	if list == nil {
		return nil, malformed("Missing required field Statement")
	}
	return x.statements(list)
}

func (x *parser) statements(list *node) ([]statement, error) {
	items := list.items
	if list.kind == 'o' {
		items = []node{*list}
	} else if list.kind != 'a' {
		return nil, errGrammar
	}
	if len(items) == 0 {
		return nil, malformed("Missing required field Statement")
	}
	if len(items) > maxStatements {
		return nil, malformed("The policy has more than %d statements.", maxStatements)
	}
	out := make([]statement, 0, len(items))
	for i := range items {
		s, err := x.statement(&items[i])
		if err != nil {
			return nil, err
		}
		out = append(out, s)
	}
	return out, nil
}

// fields are a statement's elements before they are compiled.
type fields struct {
	effect, action, notAction, resource, notResource, principal, notPrincipal, condition *node
}

func (x *parser) statement(n *node) (s statement, err error) {
	if n.kind != 'o' {
		return s, errGrammar
	}
	var f fields
	for i := range n.members {
		if err := x.field(&n.members[i], &f, &s); err != nil {
			return s, err
		}
	}
	if f.effect == nil {
		return s, malformed("Missing required field Effect")
	}
	switch f.effect.text {
	case "Allow":
	case "Deny":
		s.deny = true
	default:
		return s, errGrammar
	}
	for _, step := range []func(*fields, *statement) error{x.principals, x.actions, x.resources, x.conditions} {
		if err := step(&f, &s); err != nil {
			return s, err
		}
	}
	return s, nil
}

func (x *parser) field(m *member, f *fields, s *statement) error {
	slots := map[string]**node{
		"Effect": &f.effect, "Action": &f.action, "NotAction": &f.notAction, "Resource": &f.resource,
		"NotResource": &f.notResource, "Principal": &f.principal, "NotPrincipal": &f.notPrincipal, "Condition": &f.condition,
	}
	if slot := slots[m.name]; slot != nil {
		*slot = &m.value
		return nil
	}
	if m.name != "Sid" || m.value.kind != 's' {
		return errGrammar
	}
	s.sid = m.value.text
	return x.sid(s.sid)
}

var sidForm = regexp.MustCompile(`^[0-9A-Za-z]*$`)

// sid holds statement ids to their form, which resource policies do not have,
// and to being unique.
func (x *parser) sid(sid string) error {
	if !x.kind.named() && !sidForm.MatchString(sid) {
		return malformed("Statement IDs (SID) must be alpha-numeric. Check that your input satisfies the regular expression [0-9A-Za-z]*")
	}
	if sid != "" && x.sids[sid] {
		return malformed("Statement IDs (SID) in a single policy must be unique.")
	}
	x.sids[sid] = true
	return nil
}

func (x *parser) actions(f *fields, s *statement) error {
	n := f.action
	if n == nil {
		n, s.notAction = f.notAction, true
	}
	if n == nil || f.action != nil && f.notAction != nil {
		return malformed("Policy statement must contain actions.")
	}
	names, ok := n.strings(false)
	if !ok {
		return errGrammar
	}
	if len(names) == 0 {
		return malformed("Policy statement must contain actions.")
	}
	for _, name := range names {
		if err := x.action(name, s); err != nil {
			return err
		}
	}
	return nil
}

var (
	vendorForm = regexp.MustCompile(`^[a-zA-Z0-9*?-]+$`)
	actionForm = regexp.MustCompile(`^[a-zA-Z0-9*?_.-]+$`)
)

func (x *parser) action(name string, s *statement) error {
	if name != "*" {
		vendor, rest, found := strings.Cut(name, ":")
		switch {
		case !found || vendor == "":
			return malformed("Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.")
		case !vendorForm.MatchString(vendor):
			return malformed("Vendor %s is not valid", vendor)
		case !actionForm.MatchString(rest):
			return malformed("Actions/Condition can contain only one colon.")
		}
		if x.kind == TrustPolicy && !strings.EqualFold(vendor, "sts") {
			return malformed("AssumeRole policy may only specify STS AssumeRole actions.")
		}
	}
	pattern := mark(strings.ToLower(name))
	s.actions = append(s.actions, action{pattern: pattern, wild: hasMark(pattern)})
	return nil
}

func (x *parser) resources(f *fields, s *statement) error {
	n := f.resource
	if n == nil {
		n, s.notResource = f.notResource, true
	}
	if x.kind == TrustPolicy {
		s.notResource = false
		if n != nil {
			return malformed("Has prohibited field Resource")
		}
		return nil
	}
	if n == nil || f.resource != nil && f.notResource != nil {
		return malformed("Policy statement must contain resources.")
	}
	names, ok := n.strings(false)
	if !ok {
		return errGrammar
	}
	if len(names) == 0 {
		return malformed("Policy statement must contain resources.")
	}
	for _, name := range names {
		t, err := x.resource(name)
		if err != nil {
			return err
		}
		s.resources = append(s.resources, t)
	}
	return nil
}

var partitions = map[string]bool{"aws": true, "aws-cn": true, "aws-us-gov": true, "aws-iso": true, "aws-iso-b": true, "*": true}

func (x *parser) resource(name string) (template, error) {
	if name != "*" {
		parts := strings.SplitN(name, ":", 6)
		if parts[0] != "arn" && !strings.HasPrefix(name, "*") {
			return template{}, malformed("Resource %s must be in ARN format or \"*\".", name)
		}
		if len(parts) < 6 && !strings.Contains(name, "*") {
			return template{}, malformed("Resource %s must be in ARN format or \"*\".", name)
		}
		if len(parts) > 1 && !partitions[parts[1]] && !strings.ContainsAny(parts[1], "*?$") && parts[0] == "arn" {
			return template{}, malformed("Partition \"%s\" is not valid for resource \"%s\".", parts[1], name)
		}
	}
	t, ok := newTemplate(name, true, x.variables)
	if !ok {
		return t, errGrammar
	}
	return t, nil
}

func (x *parser) conditions(f *fields, s *statement) error {
	if f.condition == nil {
		return nil
	}
	if f.condition.kind != 'o' {
		return errGrammar
	}
	for i := range f.condition.members {
		block := &f.condition.members[i]
		c, ok := parseOperator(block.name)
		if !ok {
			return malformed("Invalid Condition type : %s.", block.name)
		}
		if block.value.kind != 'o' {
			return errGrammar
		}
		for j := range block.value.members {
			if err := x.condition(c, &block.value.members[j], s); err != nil {
				return err
			}
		}
	}
	return nil
}

func (x *parser) condition(c condition, m *member, s *statement) error {
	if vendor, _, found := strings.Cut(m.name, ":"); !found || vendor == "" {
		return malformed("Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.")
	}
	c.key = strings.ToLower(m.name)
	texts, ok := m.value.strings(true)
	if !ok {
		return errGrammar
	}
	c.values = make([]value, 0, len(texts))
	for _, text := range texts {
		v, ok := newValue(c.operator, text, x.variables)
		if !ok {
			return malformed("Invalid value %q for the condition key %s.", text, m.name)
		}
		c.values = append(c.values, v)
	}
	s.conditions = append(s.conditions, c)
	return nil
}
