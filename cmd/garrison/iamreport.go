package main

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	engine "github.com/garrison-cloud/garrison/engine/iam"
	"github.com/garrison-cloud/garrison/internal/authz"
)

// An explanation is the answer: the decision, and what each policy said.
type explanation struct {
	Decision    string // allowed, explicitDeny or implicitDeny
	Sentence    string
	Principal   string
	Action      string
	Resource    string
	DecidedBy   string
	PolicyTypes []typeReport
	Grants      []grantReport `json:",omitempty"`
	Notes       []string      `json:",omitempty"`

	decision engine.Decision
}

// A typeReport is what the policies of one type said together.
type typeReport struct {
	Type string
	// Verdict is "allow", "lets the account in", "deny", "no statement applies", or
	// "none": there is no such policy, or "none given" to this command.
	Verdict  string
	Decides  bool
	Policies []policyReport `json:",omitempty"`
}

// A policyReport is what one policy said, and nearly said.
type policyReport struct {
	Name       string
	ARN        string `json:",omitempty"`
	Statements int
	Matched    []matchReport `json:",omitempty"`
	NearMisses []matchReport `json:",omitempty"`
}

// A matchReport is a statement that applies or, with what failed, nearly does.
type matchReport struct {
	Index     int
	Sid       string `json:",omitempty"`
	Effect    string
	Delegates bool `json:",omitempty"`
	Statement json.RawMessage
	Failed    []failure `json:",omitempty"`
}

// A failure is one element of a statement that does not fit.
type failure struct {
	Element string // Principal, Resource, or "Condition StringEquals aws:SourceIp"
	Want    []string
	Got     []string
}

// The verdicts of a type of policies.
const (
	saidAllow   = "allow"
	saidDeny    = "deny"
	saidNothing = "no statement applies"
	saidNone    = "none"
	// saidNotGiven is said of types that no API tells of: there may be some.
	saidNotGiven = "none given"
	// saidDelegate is an Allow to the caller's account, whose policies must allow too.
	saidDelegate = "lets the account in"
)

// papersOf lets the authorizer of real calls read the policies found.
type papersOf struct{ list []paper }

// Permissions implements authz.Directory.
func (d papersOf) Permissions(context.Context, *authz.Principal) (authz.Permissions, error) {
	var out authz.Permissions
	for i := range d.list {
		p := &d.list[i]
		compiled, err := engine.Parse(p.document, p.kind)
		if err != nil {
			return out, fmt.Errorf("%s: %w", p.name, err)
		}
		switch p.source {
		case engine.Boundary:
			out.Boundary = compiled
		case engine.SCP:
			out.SCPs = append(out.SCPs, []*engine.Policy{compiled})
		case engine.RCP:
			out.RCPs = append(out.RCPs, []*engine.Policy{compiled})
		case engine.Identity:
			out.Identity = append(out.Identity, compiled)
		case engine.Resource, engine.Session, engine.Grant: // these come another way
		}
	}
	return out, nil
}

// compilerSize is how many documents one question may keep compiled.
const compilerSize = 16

func newExplanation(ctx context.Context, f *authz.Facts, s *subject, o *object, q *query) (*explanation, error) {
	authorizer := authz.New(papersOf{s.papers}, authz.NewCompiler(compilerSize))
	d, _, err := authorizer.Explain(ctx, f, q.action, o.Target)
	if err != nil {
		return nil, err
	}
	e := &explanation{
		Principal: s.ARN, Action: q.action, Resource: o.Resource, Grants: o.grants, Notes: o.notes,
		DecidedBy: d.Source.String(), decision: d,
	}
	e.say(s, o)
	request := &engine.Request{
		Action: q.action, Resource: o.Resource, Principal: s.Principal.Principal, ResourceAccount: o.Account,
		Context: authz.ContextOf(f, &o.Target),
	}
	papers := s.papers
	if o.paper != nil {
		papers = append(slices.Clone(papers), *o.paper)
	}
	return e, e.examine(papers, request, s.bounded)
}

// say is the decision, as AWS words it.
func (e *explanation) say(s *subject, o *object) {
	if e.decision.Allowed {
		name := s.ARN
		if s.Kind == engine.Anonymous {
			name = "anonymous"
		}
		e.Decision = "allowed"
		e.Sentence = fmt.Sprintf("User: %s is authorized to perform: %s", name, e.Action)
		if o.Resource != "*" {
			e.Sentence += " on resource: " + o.Resource
		}
		e.Sentence += fmt.Sprintf(" because %s %s allows the %s action", article(e.DecidedBy), e.DecidedBy, e.Action)
		return
	}
	e.Decision = "implicitDeny"
	if e.decision.Reason == engine.ExplicitDeny {
		e.Decision = "explicitDeny"
	}
	e.Sentence = (&authz.Denied{Principal: &s.Principal, Action: e.Action, Resource: o.Resource, Decision: e.decision}).Error()
}

func article(word string) string {
	if word == engine.Identity.String() {
		return "an"
	}
	return "a"
}

// examine says what each policy says, by type in the order of evaluation.
func (e *explanation) examine(papers []paper, r *engine.Request, bounded bool) error {
	for _, source := range []engine.Source{engine.RCP, engine.SCP, engine.Resource, engine.Identity, engine.Boundary, engine.Session} {
		t := typeReport{Type: source.String(), Verdict: saidNone, Decides: source == e.decision.Source}
		if source == engine.SCP || source == engine.RCP || source == engine.Session {
			t.Verdict = saidNotGiven
		}
		for i := range papers {
			p := &papers[i]
			if p.source != source {
				continue
			}
			reports, err := engine.Examine(p.document, p.kind, r, bounded)
			if err != nil {
				return fmt.Errorf("%s: %w", p.name, err)
			}
			t.add(p, reports, r, !e.decision.Allowed)
		}
		e.PolicyTypes = append(e.PolicyTypes, t)
	}
	return nil
}

// add takes in one policy. Each level of an organization must allow, so one that
// says nothing silences the type.
func (t *typeReport) add(p *paper, reports []engine.StatementReport, r *engine.Request, misses bool) {
	out := policyReport{Name: p.name, ARN: p.arn, Statements: len(reports)}
	verdict := saidNothing
	for i := range reports {
		s := &reports[i]
		m := newMatch(s, r)
		switch {
		case s.Fits():
			out.Matched = append(out.Matched, m)
			verdict = together(verdict, said(s), false)
		case misses && !s.Deny && s.Action:
			out.NearMisses = append(out.NearMisses, m)
		}
	}
	slices.SortStableFunc(out.NearMisses, func(a, b matchReport) int { return len(a.Failed) - len(b.Failed) })
	t.Policies = append(t.Policies, out)
	every := p.source == engine.SCP || p.source == engine.RCP
	t.Verdict = together(t.Verdict, verdict, every && len(t.Policies) > 1)
}

// said is what a statement that fits says.
func said(s *engine.StatementReport) string {
	switch {
	case s.Deny:
		return saidDeny
	case s.Delegates:
		return saidDelegate
	default:
		return saidAllow
	}
}

func together(before, now string, every bool) string {
	switch {
	case before == saidDeny || now == saidDeny:
		return saidDeny
	case every && (before == saidNothing || now == saidNothing):
		return saidNothing
	case before == saidAllow || now == saidAllow:
		return saidAllow
	case before == saidDelegate || now == saidDelegate:
		return saidDelegate
	default:
		return saidNothing
	}
}

func newMatch(s *engine.StatementReport, r *engine.Request) matchReport {
	m := matchReport{Index: s.Index, Sid: s.Sid, Effect: "Allow", Delegates: s.Delegates && s.Fits(), Statement: json.RawMessage(s.Text)}
	if s.Deny {
		m.Effect = "Deny"
	}
	var elements map[string]json.RawMessage
	if json.Unmarshal([]byte(s.Text), &elements) != nil {
		return m // the engine has read the same
	}
	if !s.Principal {
		m.fail("Principal", elements, r.Principal.ARN)
	}
	if !s.Resource {
		m.fail("Resource", elements, r.Resource)
	}
	for _, c := range s.Unmet {
		m.Failed = append(m.Failed, failure{Element: "Condition " + c.Operator + " " + c.Key, Want: c.Want, Got: c.Got})
	}
	return m
}

// fail notes an element, or its Not form where the statement has that.
func (m *matchReport) fail(element string, elements map[string]json.RawMessage, got string) {
	text, ok := elements[element]
	if !ok {
		element = "Not" + element
		text = elements[element]
	}
	f := failure{Element: element, Got: []string{got}}
	var one string
	switch {
	case json.Unmarshal(text, &one) == nil:
		f.Want = []string{one}
	case json.Unmarshal(text, &f.Want) == nil:
	default:
		f.Want = []string{compact(text)}
	}
	m.Failed = append(m.Failed, f)
}
