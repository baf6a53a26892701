package waf_test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/garrison-cloud/garrison/engine/waf"
)

func TestJSONBody(t *testing.T) {
	t.Parallel()
	deep := strings.Repeat("[", 70) + `"needle"` + strings.Repeat("]", 70)
	for _, tt := range []struct {
		name, body string
		paths      []string
		scope      waf.MatchScope
		fallback   string
		want       bool
	}{
		{"value", `{"a":"needle"}`, nil, waf.ScopeValue, "", true},
		{"key", `{"needle":1}`, nil, waf.ScopeKey, "", true},
		{"key only", `{"a":"needle"}`, nil, waf.ScopeKey, "", false},
		{"escaped", `{"a":"n\u0065edle"}`, nil, waf.ScopeAll, "", true},
		{"second of a key", `{"a":"x","a":"needle"}`, nil, waf.ScopeAll, "", true},
		{"path", `{"a":{"b":["x","needle"]}}`, []string{"/a/b/1"}, waf.ScopeAll, "", true},
		{"other path", `{"a":{"b":["x","needle"]}}`, []string{"/a/b/0"}, waf.ScopeAll, "", false},
		{"below a path", `{"a":{"b":["x","needle"]}}`, []string{"/a"}, waf.ScopeAll, "", true},
		{"no path but its beginning", `{"ab":"needle"}`, []string{"/a"}, waf.ScopeAll, "", false},
		{"escaped key in a path", `{"\u0061":"needle"}`, []string{"/a"}, waf.ScopeAll, "", true},
		{"invalid, before", `{"a":"needle",]`, nil, waf.ScopeAll, "", true},
		{"invalid, after", `{]"a":"needle"`, nil, waf.ScopeAll, "", false},
		{"invalid, match", `{]`, nil, waf.ScopeAll, "MATCH", true},
		{"invalid, no match", `{"a":"needle",]`, nil, waf.ScopeAll, "NO_MATCH", false},
		{"invalid, as string", `{]"a":"needle"`, nil, waf.ScopeAll, "EVALUATE_AS_STRING", true},
		{"too deep", deep, nil, waf.ScopeAll, "", true},
		{"too deep, match", deep, nil, waf.ScopeAll, "MATCH", true},
		{"no body", ``, nil, waf.ScopeAll, "MATCH", false},
	} {
		f := waf.FieldToMatch{Kind: waf.JSONBody, Included: tt.paths, Scope: tt.scope, InvalidFallback: tt.fallback}
		if got := matches(t, bytesAt(waf.Contains, "needle", inspect(f)), body(tt.body), waf.Deps{}); got != tt.want {
			t.Errorf("%s: %s: got %v, want %v", tt.name, tt.body, got, tt.want)
		}
	}
	// The end of the inspected prefix is no fault of the text.
	cut := body(`{"a":"x","b":"yyy`)
	cut.BodyTruncated = true
	f := waf.FieldToMatch{Kind: waf.JSONBody, Scope: waf.ScopeAll, InvalidFallback: "MATCH"}
	if matches(t, bytesAt(waf.Contains, "needle", inspect(f)), cut, waf.Deps{}) {
		t.Error("a body that was cut counts as invalid")
	}
}

// FuzzEvaluate shows that no request stops the engine, and that a program that
// has judged others judges as a new one does.
func FuzzEvaluate(f *testing.F) {
	p := twenty(f)
	f.Add("GET", "/a", "x=1", "Cookie", "a=b", []byte(`{"a":1}`))
	f.Add("POST", "/%2e%2e/", "id=1'+or+1=1", "User-Agent", "sqlmap", []byte(`[[[`))
	f.Add("", "", "&&=&", "", "", []byte{0})
	json := inspect(waf.FieldToMatch{Kind: waf.JSONBody, Scope: waf.ScopeAll, Included: []string{"/a"}}, "BASE64_DECODE_EXT", "HTML_ENTITY_DECODE", "LOWERCASE")
	all := compile(f, aclOf(
		rule("cookies", 1, waf.Count, waf.Statement{XssMatch: &waf.XssMatch{Inspect: inspect(waf.FieldToMatch{Kind: waf.Cookies, Scope: waf.ScopeAll, Oversize: waf.OversizeContinue}, "JS_DECODE", "CSS_DECODE")}}),
		rule("json", 2, waf.Count, waf.Statement{SqliMatch: &waf.SqliMatch{Inspect: json, Sensitivity: "HIGH"}}),
		rule("order", 3, waf.Count, waf.Statement{RegexMatch: &waf.RegexMatch{Inspect: inspect(waf.FieldToMatch{Kind: waf.HeaderOrder, Oversize: waf.OversizeMatch}), Pattern: "host:.*cookie"}}),
		rule("xff", 4, waf.Count, waf.Statement{GeoMatch: &waf.GeoMatch{Countries: []string{"DE"}, Forwarded: &waf.ForwardedIP{Header: "Cookie", Fallback: waf.FallbackMatch}}}),
		rule("path", 5, waf.Count, waf.Statement{SizeConstraint: &waf.SizeConstraint{Inspect: inspect(kind(waf.URIPath), "URL_DECODE_UNI", "NORMALIZE_PATH_WIN", "UTF8_TO_UNICODE"), Comparison: "GT", Size: 5}}),
	), waf.Deps{Geo: world{}})
	f.Fuzz(func(t *testing.T, method, path, query, name, value string, content []byte) {
		r := &waf.Request{
			Method: method, Path: path, RawQuery: query, Headers: []waf.Header{{Name: "Host", Value: "h"}, {Name: name, Value: value}},
			Body: content, ClientIP: netip.MustParseAddr("192.0.2.1"), Time: noon(),
		}
		p.Evaluate(r)
		first := all.Evaluate(r)
		all.Evaluate(request("GET", "/other?a=b", "Cookie: x=y"))
		if again := all.Evaluate(r); fmt.Sprint(first) != fmt.Sprint(again) {
			t.Errorf("judged %v, then %v", first, again)
		}
	})
}
