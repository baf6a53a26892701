package iam_test

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/garrison-cloud/garrison/engine/iam"
)

// TestCompiledEqualsNaive holds the engine to an evaluator that was written
// separately, over random policies of every kind and random requests: the same
// answer, the same reason, the same statement.
func TestCompiledEqualsNaive(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		policies, w := drawWorld(t)
		for range 4 {
			r := drawRequest(t)
			want := w.decide(&r)
			if got := describe(iam.Evaluate(&r, policies)); got != want {
				t.Fatalf("%+v\n got %s\nwant %s", r, got, want)
			}
			w.checkExplained(t, &r, policies)
		}
	})
}

// checkExplained holds Explain to every statement that fits, in order.
func (w *world) checkExplained(t *rapid.T, r *iam.Request, policies *iam.Policies) {
	var got, want []string
	for _, ref := range iam.Explain(r, policies) {
		got = append(got, fmt.Sprintf("%s[%d] %t", ref.Policy, ref.Index, ref.Deny))
	}
	for _, d := range w.all() {
		for i, s := range d.statements {
			if w.fits(r, s) {
				want = append(want, fmt.Sprintf("%s[%d] %t", d.name, i, s["Effect"] == "Deny"))
			}
		}
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Fatalf("Explain(%+v)\n got %v\nwant %v", r, got, want)
	}
}

func describe(d iam.Decision) string {
	text := "denied " + d.Because()
	if d.Allowed {
		text = "allowed by " + d.Source.String()
	}
	if ref, ok := d.Match(); ok {
		text += fmt.Sprintf(" by %s[%d]", ref.Policy, ref.Index)
	}
	return text
}

func drawWorld(t *rapid.T) (*iam.Policies, *world) {
	p, w := &iam.Policies{}, &world{}
	p.Identity, w.identity = drawList(t, iam.IdentityPolicy, iam.Identity, 0)
	if w.hasBoundary = rapid.IntRange(0, 3).Draw(t, "boundary") == 0; w.hasBoundary {
		p.HasBoundary = true
		p.Boundary, w.boundary = drawList(t, iam.BoundaryPolicy, iam.Boundary, 0)
	}
	if w.hasSession = rapid.IntRange(0, 3).Draw(t, "session") == 0; w.hasSession {
		p.HasSession = true
		p.Session, w.session = drawList(t, iam.SessionPolicy, iam.Session, 0)
	}
	if kind := rapid.SampledFrom([]iam.Kind{iam.IdentityPolicy, iam.ResourcePolicy, iam.KeyPolicy, iam.TrustPolicy}).Draw(t, "attached"); kind != iam.IdentityPolicy {
		list, documents := drawList(t, kind, iam.Resource, 1)
		documents[0].trust = kind == iam.TrustPolicy
		p.Resource, w.resource = list[0], documents[:1]
		w.decides = kind != iam.ResourcePolicy
		p.ResourceDecides = w.decides
	}
	if rapid.IntRange(0, 4).Draw(t, "organization") == 0 {
		p.SCPs, w.scps = drawLevels(t, iam.ServiceControlPolicy, iam.SCP)
		p.RCPs, w.rcps = drawLevels(t, iam.ResourceControlPolicy, iam.RCP)
	}
	w.granted = rapid.IntRange(0, 9).Draw(t, "granted") == 0
	p.Granted = w.granted
	return p, w
}

func drawLevels(t *rapid.T, kind iam.Kind, s iam.Source) (levels [][]*iam.Policy, documents [][]document) {
	for range rapid.IntRange(0, 2).Draw(t, "levels") {
		list, d := drawList(t, kind, s, 0)
		if rapid.IntRange(0, 3).Draw(t, "full") > 0 {
			text := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`
			if kind == iam.ResourceControlPolicy {
				text = strings.Replace(text, `"Action"`, `"Principal":"*","Action"`, 1)
			}
			list, d = append(list, parse(t, text, kind, "full")), append(d, newDocument("full", s, text))
		}
		levels, documents = append(levels, list), append(documents, d)
	}
	return levels, documents
}

func drawList(t *rapid.T, kind iam.Kind, s iam.Source, least int) (list []*iam.Policy, documents []document) {
	for i := range rapid.IntRange(least, 2).Draw(t, "policies") {
		text, name := drawDocument(t, kind), fmt.Sprintf("%s%d", s, i)
		list = append(list, parse(t, text, kind, name))
		documents = append(documents, newDocument(name, s, text))
	}
	return list, documents
}

func parse(t fataler, text string, kind iam.Kind, name string) *iam.Policy {
	p, err := iam.Parse(text, kind)
	if err != nil {
		t.Fatalf("Parse(%s): %v", text, err)
	}
	return p.WithName(name)
}

func drawDocument(t *rapid.T, kind iam.Kind) string {
	statements := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) map[string]any { return drawStatement(t, kind) }), 1, 4).Draw(t, "statements")
	text, err := json.Marshal(map[string]any{"Version": "2012-10-17", "Statement": statements})
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func drawStatement(t *rapid.T, kind iam.Kind) map[string]any {
	s := map[string]any{"Effect": rapid.SampledFrom([]string{"Allow", "Allow", "Allow", "Deny"}).Draw(t, "effect")}
	not := func(label string) string {
		if kind != iam.ResourceControlPolicy && rapid.IntRange(0, 5).Draw(t, label) == 0 {
			return "Not" + label
		}
		return label
	}
	actions := actionPatterns
	switch kind {
	case iam.TrustPolicy:
		actions = []string{"sts:AssumeRole", "sts:*", "STS:assume*"}
	case iam.ResourceControlPolicy:
		s["Effect"], actions = "Deny", []string{"s3:GetObject", "s3:Put*"}
	default:
	}
	s[not("Action")] = drawTexts(t, actions)
	if kind != iam.TrustPolicy {
		s[not("Resource")] = drawTexts(t, resourcePatterns)
	}
	switch kind {
	case iam.ResourceControlPolicy:
		s["Principal"] = "*"
	case iam.ResourcePolicy, iam.KeyPolicy, iam.TrustPolicy:
		name := "Principal"
		if s["Effect"] == "Deny" && kind != iam.TrustPolicy {
			name = not("Principal")
		}
		s[name] = drawPrincipals(t, name == "NotPrincipal")
	default:
	}
	if rapid.Bool().Draw(t, "conditional") {
		s["Condition"] = drawConditions(t)
	}
	return s
}

// drawTexts draws one text or a list.
func drawTexts(t *rapid.T, from []string) any {
	list := rapid.SliceOfN(rapid.SampledFrom(from), 1, 3).Draw(t, "texts")
	if len(list) == 1 && rapid.Bool().Draw(t, "alone") {
		return list[0]
	}
	return list
}

// drawPrincipals draws few names, or most: a NotPrincipal spares nobody of whom
// one step is missing.
func drawPrincipals(t *rapid.T, most bool) any {
	if rapid.IntRange(0, 5).Draw(t, "everyone") == 0 {
		return "*"
	}
	e := map[string]any{"AWS": drawTexts(t, principalNames)}
	if most {
		missing := rapid.SliceOfN(rapid.SampledFrom(principalNames), 1, 3).Draw(t, "missing")
		e["AWS"] = slices.DeleteFunc(slices.Clone(principalNames), func(n string) bool { return n == "*" || slices.Contains(missing, n) })
	}
	for kind, names := range map[string][]string{
		"Service": {"s3.amazonaws.com", "sns.amazonaws.com"}, "Federated": {"accounts.google.com"}, "CanonicalUser": {"canonical" + home},
	} {
		if rapid.IntRange(0, 3).Draw(t, kind) == 0 {
			e[kind] = drawTexts(t, names)
		}
	}
	return e
}

func drawConditions(t *rapid.T) map[string]any {
	out := map[string]any{}
	for range rapid.IntRange(1, 2).Draw(t, "conditions") {
		family := rapid.SampledFrom(families).Draw(t, "family")
		name := rapid.SampledFrom(family.operators).Draw(t, "operator")
		if name != "Null" {
			name = rapid.SampledFrom([]string{"", "", "ForAllValues:", "ForAnyValue:"}).Draw(t, "set") + name +
				rapid.SampledFrom([]string{"", "", "IfExists"}).Draw(t, "ifExists")
		}
		out[name] = map[string]any{rapid.SampledFrom(family.keys).Draw(t, "key"): drawTexts(t, family.values)}
	}
	return out
}

func drawRequest(t *rapid.T) iam.Request {
	r := iam.Request{
		Action:          rapid.SampledFrom(actionNames).Draw(t, "action"),
		Resource:        rapid.SampledFrom(resourceNames).Draw(t, "resource"),
		Principal:       principal(rapid.SampledFrom(callers).Draw(t, "caller")),
		ResourceAccount: rapid.SampledFrom([]string{"", home, "444455556666"}).Draw(t, "owner"),
	}
	ctx := keys{}
	for _, family := range families {
		for _, key := range family.keys {
			if rapid.Bool().Draw(t, key) {
				ctx[strings.ToLower(key)] = rapid.SliceOfN(rapid.SampledFrom(append(family.have, "", "odd")), 0, 2).Draw(t, "have")
			}
		}
	}
	r.Context = ctx
	return r
}

// TestGlobEqualsRegexp compares patterns with regular expressions, through
// StringLike.
func TestGlobEqualsRegexp(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		pattern := rapid.StringOfN(rapid.SampledFrom([]rune("ab*?é/")), 0, 12, -1).Draw(t, "pattern")
		text := rapid.StringOfN(rapid.SampledFrom([]rune("abé/*")), 1, 16, -1).Draw(t, "text")
		quoted, err := json.Marshal(pattern)
		if err != nil {
			t.Fatal(err)
		}
		p := parse(t, one(fine+`,"Condition":{"StringLike":{"k":`+string(quoted)+`}}`), iam.IdentityPolicy, "")
		r := iam.Request{Action: "s3:GetObject", Resource: "*", Principal: principal("user a"), Context: keys{"k": {text}}}
		expression := strings.NewReplacer(`\*`, ".*", `\?`, ".").Replace(regexp.QuoteMeta(pattern))
		want := regexp.MustCompile(`(?s)^` + expression + `$`).MatchString(text)
		if got := iam.Evaluate(&r, &iam.Policies{Identity: []*iam.Policy{p}}).Allowed; got != want {
			t.Fatalf("%q matches %q = %t, want %t", pattern, text, got, want)
		}
	})
}

// A fataler is a test of testing or of rapid.
type fataler interface {
	Fatalf(format string, args ...any)
}
