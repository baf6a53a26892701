package iam_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/garrison-cloud/garrison/engine/iam"
)

// FuzzParse holds Parse to an answer for every document, the same each time, and
// what it takes to an evaluation that does not fail.
func FuzzParse(f *testing.F) {
	for kind, table := range [][]malformed{identityFaults, resourceFaults, trustFaults, keyFaults, scpFaults, rcpFaults} {
		for _, tt := range table {
			f.Add(tt.document, uint8(kind))
		}
	}
	f.Add(one(fine+`,"Condition":{"ForAllValues:StringNotLikeIfExists":{"k":"${a:b, 'c'}*${*}"},"IpAddress":{"k":"::/0"}}`), uint8(0))
	f.Add(one(principal1+fine+`,"Condition":{"Bool":{"k":"${x}"},"ArnLike":{"k":"arn:*"},"DateLessThan":{"k":"2024-01"}}`), uint8(1))
	f.Fuzz(func(t *testing.T, document string, k uint8) {
		kind := iam.Kind(k % 8)
		p, err := iam.Parse(document, kind)
		q, again := iam.Parse(document, kind)
		if (err == nil) != (again == nil) || err != nil && err.Error() != again.Error() {
			t.Fatalf("Parse = %v, then %v", err, again)
		}
		if bad := (*iam.SyntaxError)(nil); err != nil && (!errors.As(err, &bad) || bad.Message == "") {
			t.Fatalf("Parse = %v, want a SyntaxError with words", err)
		}
		if err != nil {
			return
		}
		for _, caller := range callers {
			r := iam.Request{Action: "s3:GetObject", Resource: "arn:aws:s3:::b/k", Principal: principal(caller), Context: keys{"k": {"v", "1"}}}
			if diff := cmp.Diff(decisions(&r, p), decisions(&r, q)); diff != "" {
				t.Fatalf("%s: decisions differ: %s", caller, diff)
			}
		}
	})
}

// decisions asks p in every place that a policy can have.
func decisions(r *iam.Request, p *iam.Policy) (out []string) {
	list := []*iam.Policy{p}
	for _, policies := range []iam.Policies{
		{Identity: list},
		{Resource: p},
		{Resource: p, ResourceDecides: true},
		{SCPs: [][]*iam.Policy{list}},
		{RCPs: [][]*iam.Policy{list}},
		{Identity: list, Boundary: list, HasBoundary: true, Session: list, HasSession: true},
	} {
		out = append(out, describe(iam.Evaluate(r, &policies)))
		for _, ref := range iam.Explain(r, &policies) {
			out = append(out, ref.Sid)
		}
	}
	return out
}

// FuzzMatch compares resources with patterns by a table of all prefixes, which
// has no cleverness to be wrong in.
func FuzzMatch(f *testing.F) {
	f.Add("b/*/test/*", "b/1///test///object.jpg")
	f.Add("*a*b?c*", "xaxbbxc")
	f.Add(strings.Repeat("a*", 40)+"b", strings.Repeat("a", 80))
	f.Add("é?*", "éè")
	f.Fuzz(func(t *testing.T, pattern, text string) {
		pattern, text = strings.ToValidUTF8(pattern, ""), strings.ToValidUTF8(text, "")
		if strings.ContainsAny(pattern, "\"\\${") || strings.ContainsFunc(pattern, func(r rune) bool { return r < ' ' }) || len(pattern)+len(text) > 2000 {
			return
		}
		p, err := iam.Parse(one(`"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:::`+pattern+`"`), iam.IdentityPolicy)
		if err != nil {
			t.Fatal(err)
		}
		r := iam.Request{Action: "s3:GetObject", Resource: "arn:aws:s3:::" + text, Principal: principal("user a")}
		want := matchTable([]rune(pattern), []rune(text))
		if got := iam.Evaluate(&r, &iam.Policies{Identity: []*iam.Policy{p}}).Allowed; got != want {
			t.Fatalf("%q matches %q = %t, want %t", pattern, text, got, want)
		}
	})
}

func matchTable(pattern, text []rune) bool {
	row := make([]bool, len(text)+1)
	row[0] = true
	for _, p := range pattern {
		next := make([]bool, len(text)+1)
		next[0] = row[0] && p == '*'
		for i, c := range text {
			switch p {
			case '*':
				next[i+1] = row[i+1] || next[i]
			case '?', c:
				next[i+1] = row[i]
			}
		}
		row = next
	}
	return row[len(text)]
}

// TestMisplaced gives policies to places that are not theirs: nothing fails, and
// nothing is allowed that has to name a principal.
func TestMisplaced(t *testing.T) {
	t.Parallel()
	p := parse(t, one(fine), iam.IdentityPolicy, "all")
	r := iam.Request{Action: "s3:GetObject", Resource: "*", Principal: principal("user a")}
	for name, policies := range map[string]iam.Policies{
		"an identity policy as a resource's": {Resource: p},
		"no policies":                        {},
		"a boundary that is not there":       {Identity: []*iam.Policy{p}, HasBoundary: true},
		"a session policy that is not there": {Identity: []*iam.Policy{p}, HasSession: true},
	} {
		if d := iam.Evaluate(&r, &policies); d.Allowed {
			t.Errorf("%s: allowed", name)
		}
	}
	r.Action = "s3:" + strings.Repeat("x", 300)
	if d := iam.Evaluate(&r, &iam.Policies{Identity: []*iam.Policy{p}}); d.Allowed || iam.Explain(&r, &iam.Policies{Identity: []*iam.Policy{p}}) != nil {
		t.Errorf("an action without end: allowed = %t", d.Allowed)
	}
	r.Action = "s3:Get"
	d := iam.Evaluate(&r, &iam.Policies{Identity: []*iam.Policy{p}})
	if d.Because() != "" {
		t.Errorf("Because of what is allowed = %q", d.Because())
	}
	want := iam.StatementRef{Source: iam.Identity, Policy: "all"}
	if ref, ok := d.Match(); !ok || ref != want {
		t.Errorf("Match = %+v, %t, want %+v", ref, ok, want)
	}
}

// TestRawBytes gives a variable the bytes that stand for wildcards in a compiled
// pattern: they are only characters.
func TestRawBytes(t *testing.T) {
	t.Parallel()
	p := parse(t, one(`"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:::home/${aws:username}"`), iam.IdentityPolicy, "")
	policies := &iam.Policies{Identity: []*iam.Policy{p}}
	for _, name := range []string{"\xff", "\xfe\xfe\xfe", "b\xff", "\xff*"} {
		r := iam.Request{Action: "s3:Get", Resource: "arn:aws:s3:::home/bob", Principal: principal("user a"), Context: keys{"aws:username": {name}}}
		if iam.Evaluate(&r, policies).Allowed {
			t.Errorf("user name %q matches bob", name)
		}
	}
	r := iam.Request{Action: "s3:Get", Resource: "arn:aws:s3:::home/bob", Principal: principal("user a")}
	if iam.Evaluate(&r, policies).Allowed {
		t.Error("a variable has a value without a context")
	}
}
