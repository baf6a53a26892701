package waf_test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/garrison-cloud/garrison/engine/waf"
)

// twenty is an ACL of twenty rules: a set of 10,000 prefixes, geography, ten
// byte matches, two sizes, two patterns, injection in arguments and in JSON,
// scripts, and a rate limit.
func twenty(tb testing.TB) *waf.Program {
	tb.Helper()
	var prefixes []netip.Prefix
	for i := range 10000 {
		prefixes = append(prefixes, netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(i >> 8), byte(i), 0}), 24))
	}
	set := waf.NewIPSet(prefixes)
	decoded := func(k waf.FieldKind) waf.Inspect { return inspect(kind(k), "URL_DECODE", "LOWERCASE") }
	json := inspect(waf.FieldToMatch{Kind: waf.JSONBody, Scope: waf.ScopeAll, Oversize: waf.OversizeContinue}, "URL_DECODE", "LOWERCASE")
	statements := []waf.Statement{
		{IPSet: &waf.IPSetReference{ARN: "set"}},
		{GeoMatch: &waf.GeoMatch{Countries: []string{"KP"}}},
		{SizeConstraint: &waf.SizeConstraint{Inspect: inspect(kind(waf.QueryString)), Comparison: "GT", Size: 2048}},
		{SizeConstraint: &waf.SizeConstraint{Inspect: inspect(kind(waf.Body)), Comparison: "GT", Size: 8192}},
		{RegexMatch: &waf.RegexMatch{Inspect: decoded(waf.URIPath), Pattern: `(?i)\.(?:bak|sql|old|env)$`}},
		{RegexMatch: &waf.RegexMatch{Inspect: decoded(waf.QueryString), Pattern: `(?i)(?:\$\{jndi:|/etc/passwd|cmd\.exe)`}},
		{SqliMatch: &waf.SqliMatch{Inspect: decoded(waf.AllQueryArguments), Sensitivity: "LOW"}},
		{XssMatch: &waf.XssMatch{Inspect: decoded(waf.AllQueryArguments)}},
		{SqliMatch: &waf.SqliMatch{Inspect: json}},
		{RateBased: &waf.RateBased{Limit: 2_000_000_000, Window: 300, Aggregate: waf.AggregateIP}},
	}
	for _, word := range []string{"/wp-admin", "/.git", "../", "phpmyadmin", "/cgi-bin/"} {
		statements = append(statements, bytesAt(waf.Contains, word, decoded(waf.URIPath)))
	}
	for _, word := range []string{"<script", "union select", "base64_decode"} {
		statements = append(statements, bytesAt(waf.Contains, word, decoded(waf.QueryString)))
	}
	statements = append(statements,
		bytesAt(waf.Contains, "sqlmap", inspect(header("user-agent"), "LOWERCASE")),
		bytesAt(waf.Exactly, "TRACE", inspect(kind(waf.Method))))
	var rules []waf.Rule
	for i, s := range statements {
		rules = append(rules, rule(fmt.Sprint("r", i), int32(i), waf.Block, s))
	}
	if len(rules) != 20 {
		tb.Fatalf("%d rules", len(rules))
	}
	return compile(tb, aclOf(rules...), waf.Deps{Geo: world{}, IPSet: func(string) *waf.IPSet { return set }})
}

func plainGet() *waf.Request {
	r := request("GET", "/products/catalog/view?category=garden+tools&page=3&sort=price",
		"Host: shop.example.com", "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/126.0 Safari/537.36",
		"Accept: text/html,application/xhtml+xml", "Accept-Language: en-GB,en;q=0.9", "Accept-Encoding: gzip, br",
		"Cookie: session=3b1c9e7a; theme=dark", "Connection: keep-alive")
	r.ClientIP = netip.MustParseAddr("203.0.113.9")
	return r
}

// jsonPost is 1 KB of 28 objects.
func jsonPost() *waf.Request {
	var b strings.Builder
	b.WriteString("[")
	for i := range 28 {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `{"id":%d,"name":"item %d","q":%d}`, 1000+i, i, i)
	}
	b.WriteString("]")
	r := plainGet()
	r.Method, r.Path, r.Body = "POST", "/api/items", []byte(b.String())
	return r
}

func sqliGet() *waf.Request {
	r := plainGet()
	r.RawQuery = "category=garden&id=1%27%20OR%20%271%27%3D%271&page=2"
	return r
}

func benchmark(b *testing.B, r *waf.Request, want waf.ActionKind) {
	p := twenty(b)
	if v := p.Evaluate(r); v.Action != want {
		b.Fatalf("%s by %s", v.Action, v.Terminating.RuleID)
	}
	b.ReportAllocs()
	for b.Loop() {
		p.Evaluate(r)
	}
}

func BenchmarkGET(b *testing.B)  { benchmark(b, plainGet(), waf.Allow) }
func BenchmarkJSON(b *testing.B) { benchmark(b, jsonPost(), waf.Allow) }
func BenchmarkSQLi(b *testing.B) { benchmark(b, sqliGet(), waf.Block) }

func BenchmarkParallelGET(b *testing.B) {
	p, r := twenty(b), plainGet()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			p.Evaluate(r)
		}
	})
}

func BenchmarkCompile(b *testing.B) {
	for b.Loop() {
		twenty(b)
	}
}
