package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	engine "github.com/garrison-cloud/garrison/engine/iam"
)

// text is the explanation for a person: the sentence, what each type of policy
// said with the statements themselves, and what to change.
func (e *explanation) text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s\n", strings.ToUpper(spaced(e.Decision)), e.Sentence)
	for i := range e.PolicyTypes {
		e.PolicyTypes[i].write(&b)
		if e.PolicyTypes[i].Type == engine.Resource.String() {
			e.writeGrants(&b)
		}
	}
	for _, n := range e.Notes {
		fmt.Fprintf(&b, "\nnote: %s\n", n)
	}
	if advice := e.advice(); advice != "" {
		fmt.Fprintf(&b, "\nTo allow it: %s\n", advice)
	}
	return b.String()
}

// spaced writes explicitDeny as two words.
func spaced(s string) string {
	return strings.Replace(s, "Deny", " deny", 1)
}

func (t *typeReport) write(b *strings.Builder) {
	if len(t.Policies) == 0 && !t.Decides {
		fmt.Fprintf(b, "\n  %-24s %s\n", t.Type, t.Verdict)
		return
	}
	mark := " "
	if t.Decides {
		mark = ">"
	}
	fmt.Fprintf(b, "\n%s %-24s %s\n", mark, t.Type, t.Verdict)
	for i := range t.Policies {
		t.Policies[i].write(b)
	}
}

func (p *policyReport) write(b *strings.Builder) {
	fmt.Fprintf(b, "    %s", p.Name)
	if p.ARN != "" {
		fmt.Fprintf(b, "  %s", p.ARN)
	}
	b.WriteString("\n")
	for i := range p.Matched {
		p.Matched[i].write(b, "")
	}
	for i := range p.NearMisses {
		p.NearMisses[i].write(b, "near miss: ")
	}
	if len(p.Matched)+len(p.NearMisses) == 0 {
		fmt.Fprintf(b, "      none of its %d statement(s) names the action for this caller\n", p.Statements)
	}
}

func (m *matchReport) write(b *strings.Builder, how string) {
	fmt.Fprintf(b, "      %sstatement %d", how, m.Index)
	if m.Sid != "" {
		fmt.Fprintf(b, " %q", m.Sid)
	}
	b.WriteString(": ")
	b.WriteString(compact(m.Statement))
	b.WriteString("\n")
	if m.Delegates {
		b.WriteString("        it lets the account in; the account's own policies must allow too\n")
	}
	for _, f := range m.Failed {
		fmt.Fprintf(b, "        ✗ %s\n            wants %s\n            got   %s\n", f.Element, either(f.Want), given(f.Got))
	}
}

func (e *explanation) writeGrants(b *strings.Builder) {
	for _, g := range e.Grants {
		verdict := saidAllow
		if !g.Covers {
			verdict = "does not cover the request"
		}
		fmt.Fprintf(b, "\n  %-24s %s\n    grant %s to %s for %s\n", engine.Grant.String(), verdict, g.ID, g.Grantee, strings.Join(g.Operations, ", "))
		for _, l := range g.Lacks {
			fmt.Fprintf(b, "        ✗ lacks %s\n", l)
		}
	}
}

// advice is what would have to change.
func (e *explanation) advice() string {
	if e.decision.Allowed {
		return ""
	}
	t := e.deciding()
	if e.decision.Reason == engine.ExplicitDeny {
		return "change the statement that denies, or make the request so that it does not apply; no Allow overrides it."
	}
	near := ""
	if t != nil {
		for i := range t.Policies {
			for j := range t.Policies[i].NearMisses {
				m := &t.Policies[i].NearMisses[j]
				if near == "" && len(m.Failed) == 1 {
					near = fmt.Sprintf("; statement %d of %s fails in its %s alone", m.Index, t.Policies[i].Name, m.Failed[0].Element)
				}
			}
		}
	}
	return fmt.Sprintf("%s %s has to allow %s on %s%s.", article(e.DecidedBy), e.DecidedBy, e.Action, e.Resource, near)
}

func (e *explanation) deciding() *typeReport {
	for i := range e.PolicyTypes {
		if e.PolicyTypes[i].Decides {
			return &e.PolicyTypes[i]
		}
	}
	return nil
}

// compact is JSON on one line.
func compact(text json.RawMessage) string {
	var b bytes.Buffer
	if json.Compact(&b, text) != nil {
		return string(text)
	}
	return b.String()
}

func either(values []string) string { return strings.Join(values, "  or  ") }

func given(values []string) string {
	if len(values) == 0 {
		return "nothing: the request has no such key"
	}
	return strings.Join(values, ", ")
}
