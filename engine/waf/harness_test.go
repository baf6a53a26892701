package waf_test

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/garrison-cloud/garrison/engine/waf"
)

// noon is when the tests' requests arrive.
func noon() time.Time { return time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC) }

// inspect names a component and transformations in order of priority.
func inspect(f waf.FieldToMatch, kinds ...string) waf.Inspect {
	if len(kinds) == 0 {
		kinds = []string{"NONE"}
	}
	in := waf.Inspect{Field: f}
	for i, k := range kinds {
		in.Transformations = append(in.Transformations, waf.Transformation{Priority: int32(i), Kind: k})
	}
	return in
}

func kind(k waf.FieldKind) waf.FieldToMatch { return waf.FieldToMatch{Kind: k} }

func header(name string) waf.FieldToMatch {
	return waf.FieldToMatch{Kind: waf.SingleHeader, Name: name}
}

func bytesAt(position waf.Position, search string, in waf.Inspect) waf.Statement {
	return waf.Statement{ByteMatch: &waf.ByteMatch{Inspect: in, Search: []byte(search), Position: position}}
}

func rule(name string, priority int32, action waf.ActionKind, s waf.Statement) waf.Rule {
	return waf.Rule{Name: name, Priority: priority, Statement: s, Action: &waf.Action{Kind: action}, MetricName: name}
}

func aclOf(rules ...waf.Rule) *waf.ACL {
	return &waf.ACL{ARN: "arn:acl", AccountID: "111122223333", Name: "acl", Default: waf.Action{Kind: waf.Allow}, Rules: rules}
}

func compile(t testing.TB, acl *waf.ACL, deps waf.Deps) *waf.Program {
	t.Helper()
	p, err := waf.Compile(acl, deps)
	if err != nil {
		t.Fatalf("Compile: %v", err)
	}
	return p
}

// request makes a request of a target and "Name: value" lines.
func request(method, target string, lines ...string) *waf.Request {
	path, query, _ := strings.Cut(target, "?")
	r := &waf.Request{
		Method: method, Path: path, RawQuery: query, Proto: "HTTP/1.1", Host: "shop.example.com",
		ClientIP: netip.MustParseAddr("192.0.2.44"), Time: noon(),
	}
	for _, l := range lines {
		name, value, _ := strings.Cut(l, ": ")
		r.Headers = append(r.Headers, waf.Header{Name: name, Value: value})
	}
	return r
}

func body(content string) *waf.Request {
	r := request("POST", "/")
	r.Body = []byte(content)
	return r
}

// matches says whether a statement blocks a request.
func matches(t *testing.T, s waf.Statement, r *waf.Request, deps waf.Deps) bool {
	t.Helper()
	v := compile(t, aclOf(rule("r", 1, waf.Block, s)), deps).Evaluate(r)
	return v.Action == waf.Block
}
