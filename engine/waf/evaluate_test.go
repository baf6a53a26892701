package waf_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/garrison-cloud/garrison/engine/waf"
	"github.com/garrison-cloud/garrison/engine/waf/token"
)

// on matches requests whose path begins with /NAME.
func on(name string) waf.Statement {
	return bytesAt(waf.StartsWith, "/"+name, inspect(kind(waf.URIPath)))
}

func anything() waf.Statement { return bytesAt(waf.StartsWith, "/", inspect(kind(waf.URIPath))) }

func labelled(r waf.Rule, labels ...string) waf.Rule {
	r.Labels = labels
	return r
}

func hasLabel(scope, key string) waf.Statement {
	return waf.Statement{LabelMatch: &waf.LabelMatch{Scope: scope, Key: key}}
}

func TestOrder(t *testing.T) {
	t.Parallel()
	p := compile(t, aclOf(
		rule("late", 30, waf.Block, anything()),
		rule("count", 5, waf.Count, anything()),
		rule("allow", 20, waf.Allow, on("ok")),
	), waf.Deps{})
	for _, tt := range []struct {
		path, by string
		want     waf.ActionKind
	}{{"/ok", "allow", waf.Allow}, {"/x", "late", waf.Block}} {
		v := p.Evaluate(request("GET", tt.path))
		if v.Action != tt.want || v.Terminating.RuleID != tt.by {
			t.Errorf("%s: %s by %s, want %s by %s", tt.path, v.Action, v.Terminating.RuleID, tt.want, tt.by)
		}
		if len(v.NonTerminating) != 1 || v.NonTerminating[0].RuleID != "count" {
			t.Errorf("%s: counted %v", tt.path, v.NonTerminating)
		}
	}
}

func TestResponses(t *testing.T) {
	t.Parallel()
	block := rule("r", 1, waf.Block, on("no"))
	block.Action.Response = &waf.Response{Code: 429, BodyKey: "slow", Headers: []waf.Header{{Name: "Retry-After", Value: "60"}}}
	count := rule("c", 0, waf.Count, anything())
	count.Action.Insert = []waf.Header{{Name: "Seen", Value: "1"}, {Name: "who", Value: "first"}}
	again := rule("c2", 2, waf.Count, anything())
	again.Action.Insert = []waf.Header{{Name: "WHO", Value: "last"}}
	acl := aclOf(block, count, again)
	acl.Bodies = map[string]waf.ResponseBody{"slow": {ContentType: "APPLICATION_JSON", Content: `{"slow":true}`}}
	acl.Default.Insert = []waf.Header{{Name: "default", Value: "d"}}
	p := compile(t, acl, waf.Deps{})
	v := p.Evaluate(request("GET", "/no"))
	if v.Status != 429 || v.Body != `{"slow":true}` || v.ContentType != "application/json" || fmt.Sprint(v.ResponseHeaders) != "[{Retry-After 60}]" {
		t.Errorf("blocked with %d %q %q %v", v.Status, v.Body, v.ContentType, v.ResponseHeaders)
	}
	v = p.Evaluate(request("GET", "/yes"))
	if want := "[{x-amzn-waf-Seen 1} {x-amzn-waf-WHO last} {x-amzn-waf-default d}]"; fmt.Sprint(v.Insert) != want {
		t.Errorf("inserted %v, want %s", v.Insert, want)
	}
	plain := compile(t, aclOf(rule("r", 1, waf.Block, anything())), waf.Deps{}).Evaluate(request("GET", "/"))
	if plain.Status != 403 || plain.Body != "" {
		t.Errorf("bare block: %d %q", plain.Status, plain.Body)
	}
}

func TestLabels(t *testing.T) {
	t.Parallel()
	const own = "awswaf:111122223333:webacl:acl:"
	for _, tt := range []struct {
		scope, key string
		want       bool
	}{
		{"LABEL", "name", true},
		{"LABEL", "ns2:name", true},
		{"LABEL", "ns1:ns2:name", true},
		{"LABEL", "ns1:name", false},
		{"LABEL", "ame", false},
		{"LABEL", "ns2", false},
		{"LABEL", own + "ns1:ns2:name", true},
		{"LABEL", own + "name", false},
		{"LABEL", "awswaf:111122223333:webacl:other:ns1:ns2:name", false},
		{"NAMESPACE", "ns1", true},
		{"NAMESPACE", "ns1:", true},
		{"NAMESPACE", "ns2", true},
		{"NAMESPACE", "ns1:ns2:", true},
		{"NAMESPACE", "ns", false},
		{"NAMESPACE", "name", false},
		{"NAMESPACE", own, true},
		{"NAMESPACE", own + "ns1:", true},
		{"NAMESPACE", own + "ns2:", false},
		{"NAMESPACE", "awswaf:111122223333:", true},
	} {
		p := compile(t, aclOf(
			rule("early", 0, waf.Block, hasLabel(tt.scope, tt.key)),
			labelled(rule("labels", 1, waf.Count, anything()), "ns1:ns2:name"),
			rule("late", 2, waf.Block, hasLabel(tt.scope, tt.key)),
		), waf.Deps{})
		v := p.Evaluate(request("GET", "/"))
		if got := v.Terminating.RuleID == "late"; got != tt.want {
			t.Errorf("%s %s: decided by %s, want a match: %v", tt.scope, tt.key, v.Terminating.RuleID, tt.want)
		}
		if !slices.Equal(v.Labels, []string{own + "ns1:ns2:name"}) {
			t.Errorf("labels %q", v.Labels)
		}
	}
}

func TestGeoLabels(t *testing.T) {
	t.Parallel()
	geo := waf.Statement{GeoMatch: &waf.GeoMatch{Countries: []string{"FR"}}}
	p := compile(t, aclOf(
		rule("geo", 0, waf.Block, geo),
		rule("label", 1, waf.Block, hasLabel("LABEL", "awswaf:clientip:geo:region:DE-BE")),
	), waf.Deps{Geo: world{}})
	v := p.Evaluate(request("GET", "/"))
	if want := []string{"awswaf:clientip:geo:country:DE", "awswaf:clientip:geo:region:DE-BE"}; !slices.Equal(v.Labels, want) || v.Terminating.RuleID != "label" {
		t.Errorf("labels %q by %s, want %q", v.Labels, v.Terminating.RuleID, want)
	}
}

// groupOf makes a customer's rule group of three rules.
func groupOf() *waf.RuleGroup {
	return &waf.RuleGroup{ARN: "arn:group", AccountID: "111122223333", Name: "grp", Capacity: 50, Rules: []waf.Rule{
		labelled(rule("count", 1, waf.Count, anything()), "seen"),
		rule("own", 2, waf.Block, waf.Statement{And: []waf.Statement{on("own"), hasLabel("LABEL", "seen")}}),
		labelled(rule("bad", 3, waf.Block, on("bad")), "bad"),
	}}
}

func refer(name string, priority int32, override waf.OverrideAction, ref waf.RuleGroupReference) waf.Rule {
	ref.ARN, ref.Group = "arn:group", groupOf()
	return waf.Rule{Name: name, Priority: priority, Override: override, Statement: waf.Statement{RuleGroup: &ref}}
}

func TestRuleGroups(t *testing.T) {
	t.Parallel()
	count, allow := waf.Action{Kind: waf.Count}, waf.Action{Kind: waf.Allow}
	for _, tt := range []struct {
		name, path string
		override   waf.OverrideAction
		ref        waf.RuleGroupReference
		want       waf.ActionKind
		by         string
		group      string
	}{
		{"blocks", "/bad", waf.OverrideNone, waf.RuleGroupReference{}, waf.Block, "g", "arn:group grp#bad BLOCK  [count]"},
		{"passes", "/ok", waf.OverrideNone, waf.RuleGroupReference{}, waf.Allow, "Default_Action", "arn:group    [count]"},
		{"own label", "/own", waf.OverrideNone, waf.RuleGroupReference{}, waf.Block, "g", "arn:group grp#own BLOCK  [count]"},
		{"counted whole", "/bad", waf.OverrideCount, waf.RuleGroupReference{}, waf.Allow, "Default_Action", "arn:group grp#bad BLOCK  [count]"},
		{"excluded", "/bad", waf.OverrideNone, waf.RuleGroupReference{Excluded: []string{"bad"}}, waf.Allow, "Default_Action", "arn:group    [count] bad"},
		{"overridden", "/bad", waf.OverrideNone, waf.RuleGroupReference{Overrides: []waf.ActionOverride{{Name: "bad", Action: count}}}, waf.Allow, "Default_Action", "arn:group    [count bad<BLOCK]"},
		{"override beats exclusion", "/bad", waf.OverrideNone, waf.RuleGroupReference{Excluded: []string{"bad"}, Overrides: []waf.ActionOverride{{Name: "bad", Action: allow}}}, waf.Allow, "g", "arn:group grp#bad ALLOW BLOCK [count]"},
	} {
		v := compile(t, aclOf(refer("g", 1, tt.override, tt.ref)), waf.Deps{}).Evaluate(request("GET", tt.path))
		if v.Action != tt.want || v.Terminating.RuleID != tt.by {
			t.Errorf("%s: %s by %s, want %s by %s", tt.name, v.Action, v.Terminating.RuleID, tt.want, tt.by)
		}
		if got := tell(&v); got != tt.group {
			t.Errorf("%s: group %q, want %q", tt.name, got, tt.group)
		}
		if !slices.Contains(v.Labels, "awswaf:111122223333:rulegroup:grp:seen") {
			t.Errorf("%s: labels %q", tt.name, v.Labels)
		}
		if counted := tt.override == waf.OverrideCount; counted != (len(v.NonTerminating) == 1) {
			t.Errorf("%s: counted %v", tt.name, v.NonTerminating)
		}
	}
}

func tell(v *waf.Verdict) string {
	if len(v.Groups) != 1 {
		return fmt.Sprint(len(v.Groups), " groups")
	}
	g := v.Groups[0]
	m := waf.Match{}
	if g.Terminating != nil {
		m = *g.Terminating
	}
	var names []string
	for _, n := range g.NonTerminating {
		name := strings.TrimPrefix(n.RuleID, "grp#")
		if n.OverriddenAction != "" {
			name += "<" + string(n.OverriddenAction)
		}
		names = append(names, name)
	}
	line := fmt.Sprintf("%s %s %s %s %v", g.RuleGroupID, m.RuleID, m.Action, m.OverriddenAction, names)
	return strings.TrimSpace(line + " " + strings.Join(g.Excluded, ","))
}

// TestManagedGroup shows the scope-down, the label namespace and FMS's order.
func TestManagedGroup(t *testing.T) {
	t.Parallel()
	g := &waf.RuleGroup{Name: "AWSManagedRulesTest", Vendor: "AWS", LabelName: "test-set", Capacity: 10, Rules: []waf.Rule{
		labelled(rule("Bad", 1, waf.Block, bytesAt(waf.Contains, "bad", inspect(kind(waf.URIPath)))), "Bad_Path"),
	}}
	scope := on("api")
	managed := waf.Rule{Name: "m", Priority: 1, Override: waf.OverrideNone, Statement: waf.Statement{
		ManagedGroup: &waf.ManagedGroup{Vendor: "AWS", Name: g.Name, Group: g, ScopeDown: &scope},
	}}
	acl := aclOf(rule("own", 0, waf.Block, on("own")))
	acl.PostProcess = []waf.Rule{managed}
	acl.PreProcess = []waf.Rule{refer("pre", 1, waf.OverrideNone, waf.RuleGroupReference{})}
	p := compile(t, acl, waf.Deps{})
	for path, want := range map[string]string{"/api/bad": "m", "/bad": "pre", "/own/bad": "pre", "/x/bad": "Default_Action"} {
		v := p.Evaluate(request("GET", path))
		if v.Terminating.RuleID != want {
			t.Errorf("%s: by %s, want %s", path, v.Terminating.RuleID, want)
		}
		if want == "m" {
			last := v.Groups[len(v.Groups)-1]
			if last.RuleGroupID != "AWS#AWSManagedRulesTest" || last.Terminating.RuleID != "AWS#AWSManagedRulesTest#Bad" ||
				!slices.Contains(v.Labels, "awswaf:managed:aws:test-set:Bad_Path") {
				t.Errorf("%s: group %+v, labels %q", path, last, v.Labels)
			}
		}
	}
}

// answers is a verifier that knows one token of each sort.
type answers struct{}

func (answers) Verify(q token.Query) token.Result {
	switch q.Token {
	case "good":
		return token.Result{Solved: q.Now.Add(-time.Minute)}
	case "old":
		return token.Result{Reason: token.Expired, Solved: q.Now.Add(-q.Immunity)}
	case "unsolved":
		return token.Result{Reason: token.NotSolved}
	}
	return token.Result{Reason: token.Invalid}
}

func TestPuzzles(t *testing.T) {
	t.Parallel()
	for _, action := range []waf.ActionKind{waf.Captcha, waf.Challenge} {
		r := labelled(rule("puzzle", 1, action, anything()), "asked")
		r.Action.Insert = []waf.Header{{Name: "passed", Value: "yes"}}
		p := compile(t, aclOf(r, rule("rest", 2, waf.Block, hasLabel("LABEL", "asked"))), waf.Deps{Tokens: answers{}})
		status := map[waf.ActionKind]int{waf.Captcha: 405, waf.Challenge: 202}[action]
		for cookie, want := range map[string]string{
			"": "TOKEN_MISSING", "aws-waf-token=bad": "TOKEN_INVALID", "aws-waf-token=old": "TOKEN_EXPIRED",
			"a=b; aws-waf-token=unsolved": "TOKEN_MISSING",
		} {
			v := p.Evaluate(request("GET", "/", "Cookie: "+cookie))
			if v.Action != action || v.Status != status || v.FailureReason != want || v.Terminating.FailureReason != want {
				t.Errorf("%s %q: %s %d %s, want %d %s", action, cookie, v.Action, v.Status, v.FailureReason, status, want)
			}
		}
		v := p.Evaluate(request("GET", "/", "X-Aws-Waf-Token: good"))
		if v.Terminating.RuleID != "rest" || v.SolveTime != noon().Unix()-60 || fmt.Sprint(v.Insert) != "[{x-amzn-waf-passed yes}]" {
			t.Errorf("%s with a token: by %s, solved %d, insert %v", action, v.Terminating.RuleID, v.SolveTime, v.Insert)
		}
	}
	none := compile(t, aclOf(rule("puzzle", 1, waf.Challenge, anything())), waf.Deps{}).Evaluate(request("GET", "/", "Cookie: aws-waf-token=good"))
	if none.Action != waf.Challenge || none.FailureReason != "TOKEN_INVALID" {
		t.Errorf("without a verifier: %s %s", none.Action, none.FailureReason)
	}
}

func TestTokenLabels(t *testing.T) {
	t.Parallel()
	p := compile(t, aclOf(rule("r", 1, waf.Count, hasLabel("LABEL", "awswaf:managed:token:accepted"))), waf.Deps{Tokens: answers{}})
	for cookie, want := range map[string][]string{
		"":                   {"awswaf:managed:token:absent", "awswaf:managed:captcha:absent"},
		"aws-waf-token=old":  {"awswaf:managed:token:rejected", "awswaf:managed:token:rejected:expired", "awswaf:managed:captcha:rejected", "awswaf:managed:captcha:rejected:expired"},
		"aws-waf-token=good": {"awswaf:managed:token:accepted", "awswaf:managed:captcha:accepted"},
	} {
		if v := p.Evaluate(request("GET", "/", "Cookie: "+cookie)); !slices.Equal(v.Labels, want) {
			t.Errorf("%q: labels %q, want %q", cookie, v.Labels, want)
		}
	}
}

// TestRegex shows that the prefilter hides no match.
func TestRegex(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		pattern, path string
		want          bool
	}{
		{`(?i)(union|select|sleep)\s*\(`, "/x?SELECT (", true},
		{`(?i)(union|select|sleep)\s*\(`, "/x?selec (", false},
		{`^/api/v[0-9]+/`, "/api/v12/x", true},
		{`a+b`, "/caab", true},
		{`(abc)?d`, "/d", true},
		{`(abc){2,}`, "/abcabc", true},
		{`foo|b.r`, "/bxr", true},
		{`x*`, "/", true},
	} {
		s := waf.Statement{RegexMatch: &waf.RegexMatch{Inspect: inspect(kind(waf.URIPath)), Pattern: tt.pattern}}
		r := request("GET", "/")
		r.Path = tt.path
		if got := matches(t, s, r, waf.Deps{}); got != tt.want {
			t.Errorf("%s on %s: got %v, want %v", tt.pattern, tt.path, got, tt.want)
		}
	}
}

func TestOverBudget(t *testing.T) {
	t.Parallel()
	var parts []waf.Statement
	for i := range 400 {
		parts = append(parts, waf.Statement{RegexMatch: &waf.RegexMatch{Inspect: inspect(kind(waf.Body)), Pattern: fmt.Sprintf("(a|b)*c{%d}$", i+1)}})
	}
	acl := aclOf(rule("r", 1, waf.Count, waf.Statement{Or: parts}))
	acl.ResourceType, acl.BodyLimits = "CLOUDFRONT", map[string]int{"CLOUDFRONT": 65536}
	v := compile(t, acl, waf.Deps{}).Evaluate(body(strings.Repeat("ab", 32768)))
	if !v.OverBudget || v.Action != waf.Block || v.Status != 403 {
		t.Errorf("got %s, over budget %v", v.Action, v.OverBudget)
	}
}
