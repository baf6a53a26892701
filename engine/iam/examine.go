package iam

import (
	"encoding/json"
	"strings"
)

// A StatementReport says of one statement how far it fits a request: what a
// person needs to see why a policy said nothing.
type StatementReport struct {
	// Index is the statement's place in the document from 0, Sid its own name.
	Index int
	Sid   string
	Deny  bool
	// Text is the statement's JSON as it stands in the document.
	Text string
	// Principal, Action and Resource tell which elements fit. Policies whose
	// statements name no principal, or no resource, fit in it.
	Principal, Action, Resource bool
	// Delegates tells that the statement names the caller's account only, so that
	// the account's own policies must allow as well.
	Delegates bool
	// Unmet are the conditions that do not hold.
	Unmet []UnmetCondition
}

// Fits reports whether the statement speaks to the request.
func (r *StatementReport) Fits() bool {
	return r.Principal && r.Action && r.Resource && len(r.Unmet) == 0
}

// An UnmetCondition is a condition that does not hold, with the policy's values
// and the request's. Got is nil for a key that the request does not have.
type UnmetCondition struct {
	Operator, Key string
	Want, Got     []string
}

// Examine compares every statement of a document with a request, element by
// element. bounded tells that the caller has a permissions boundary, which a
// NotPrincipal does not exempt. The error is Parse's. It is for people: it
// compiles the document anew, and Evaluate alone decides.
func Examine(document string, kind Kind, r *Request, bounded bool) ([]StatementReport, error) {
	p, err := Parse(document, kind)
	if err != nil {
		return nil, err
	}
	root, err := parseJSON(document)
	if err != nil {
		return nil, err
	}
	nodes, texts := statementNodes(&root), statementTexts(document)
	e := newEvaluation(r, &Policies{HasBoundary: bounded}, nil)
	out := make([]StatementReport, len(p.statements))
	for i := range p.statements {
		out[i] = e.report(&p.statements[i], &nodes[i])
		out[i].Index, out[i].Text = i, texts[i]
	}
	return out, nil
}

func (e *evaluation) report(s *statement, n *node) StatementReport {
	out := StatementReport{
		Sid: s.sid, Deny: s.deny, Principal: e.speaksTo(s), Action: len(e.request.Action) <= maxAction && e.fitsAction(s),
		Resource:  e.fitsResource(s),
		Delegates: !s.deny && s.principals != nil && s.principals.reach(&e.request.Principal) == viaAccount,
	}
	next := 0 // the conditions are compiled in the document's order
	for _, block := range n.member("Condition").members {
		for i := range block.value.members {
			m := &block.value.members[i]
			if !s.conditions[next].holds(e.request.Context) {
				out.Unmet = append(out.Unmet, e.unmet(block.name, m))
			}
			next++
		}
	}
	return out
}

func (e *evaluation) unmet(operator string, m *member) UnmetCondition {
	u := UnmetCondition{Operator: operator, Key: m.name}
	u.Want, _ = m.value.strings(true)
	if e.request.Context != nil {
		u.Got, _ = e.request.Context.Values(strings.ToLower(m.name))
	}
	return u
}

// member returns an object's member, or an empty node.
func (n *node) member(name string) *node {
	for i := range n.members {
		if n.members[i].name == name {
			return &n.members[i].value
		}
	}
	return &node{}
}

// statementNodes are the statements of a document that Parse has taken.
func statementNodes(root *node) []node {
	list := root.member("Statement")
	if list.kind == 'o' {
		return []node{*list}
	}
	return list.items
}

// statementTexts are the statements of such a document as they were written.
func statementTexts(document string) []string {
	var d struct{ Statement json.RawMessage }
	if json.Unmarshal([]byte(document), &d) != nil {
		return nil // Parse has read the same
	}
	var list []json.RawMessage
	if json.Unmarshal(d.Statement, &list) != nil {
		return []string{string(d.Statement)}
	}
	out := make([]string, len(list))
	for i := range list {
		out[i] = string(list[i])
	}
	return out
}
