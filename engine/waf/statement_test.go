package waf_test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/garrison-cloud/garrison/engine/waf"
)

func TestByteMatch(t *testing.T) {
	t.Parallel()
	path := inspect(kind(waf.URIPath))
	tests := []struct {
		position     waf.Position
		search, path string
		want         bool
	}{
		{waf.Exactly, "/admin", "/admin", true},
		{waf.Exactly, "/admin", "/admin/", false},
		{waf.Exactly, "/admin", "/Admin", false},
		{waf.StartsWith, "/adm", "/admin", true},
		{waf.StartsWith, "adm", "/admin", false},
		{waf.EndsWith, ".php", "/a.php", true},
		{waf.EndsWith, ".php", "/a.php/x", false},
		{waf.Contains, "dmi", "/admin", true},
		{waf.Contains, "DMI", "/admin", false},
		{waf.Contains, "/admin/long", "/admin", false},
		{waf.ContainsWord, "admin", "/admin/x", true},
		{waf.ContainsWord, "admin", "/xadmin-admin", true},
		{waf.ContainsWord, "admin", "/admin_x", false},
		{waf.ContainsWord, "admin", "admin", true},
		{waf.ContainsWord, "admin", "/administrator", false},
	}
	for _, tt := range tests {
		got := matches(t, bytesAt(tt.position, tt.search, path), request("GET", tt.path), waf.Deps{})
		if got != tt.want {
			t.Errorf("%s %q of %q: got %v, want %v", tt.position, tt.search, tt.path, got, tt.want)
		}
	}
}

func TestFields(t *testing.T) {
	t.Parallel()
	req := func() *waf.Request {
		r := request("PUT", "/p?name=val&Q=needle&u%73er=bob&empty",
			"Host: h", "User-Agent: needle-agent", "X-Two: one", "x-two: needle", "Cookie: a=needle; b=2", "Cookie: C=3")
		r.Body = []byte(`{"k":"needle"}`)
		r.JA3, r.JA4, r.Fragment = strings.Repeat("a", 32), strings.Repeat("b", 36), "frag"
		return r
	}
	all := func(k waf.FieldKind, s waf.MatchScope) waf.FieldToMatch {
		return waf.FieldToMatch{Kind: k, Scope: s, Oversize: waf.OversizeContinue}
	}
	picked := func(f waf.FieldToMatch, in, out []string) waf.FieldToMatch {
		f.Included, f.Excluded = in, out
		return f
	}
	tests := []struct {
		name   string
		field  waf.FieldToMatch
		search string
		want   bool
	}{
		{"method", kind(waf.Method), "PUT", true},
		{"path", kind(waf.URIPath), "/p", true},
		{"path has no query", kind(waf.URIPath), "name", false},
		{"query", kind(waf.QueryString), "name=val&Q", true},
		{"argument", waf.FieldToMatch{Kind: waf.SingleQueryArgument, Name: "q"}, "needle", true},
		{"encoded argument name", waf.FieldToMatch{Kind: waf.SingleQueryArgument, Name: "USER"}, "bob", true},
		{"other argument", waf.FieldToMatch{Kind: waf.SingleQueryArgument, Name: "name"}, "needle", false},
		{"all arguments", kind(waf.AllQueryArguments), "needle", true},
		{"second header of a name", header("X-TWO"), "needle", true},
		{"missing header", header("x-three"), "e", false},
		{"header values", all(waf.Headers, waf.ScopeValue), "needle-agent", true},
		{"header keys", all(waf.Headers, waf.ScopeKey), "User-Agent", true},
		{"header keys have no values", all(waf.Headers, waf.ScopeKey), "needle", false},
		{"included header", picked(all(waf.Headers, waf.ScopeAll), []string{"USER-agent"}, nil), "needle", true},
		{"not included header", picked(all(waf.Headers, waf.ScopeAll), []string{"host"}, nil), "needle", false},
		{"excluded headers", picked(all(waf.Headers, waf.ScopeAll), nil, []string{"user-agent", "x-two", "cookie"}), "needle", false},
		{"cookies", all(waf.Cookies, waf.ScopeValue), "needle", true},
		{"cookie of a second header", all(waf.Cookies, waf.ScopeKey), "C", true},
		{"cookie names have a case", picked(all(waf.Cookies, waf.ScopeValue), []string{"A"}, nil), "needle", false},
		{"included cookie", picked(all(waf.Cookies, waf.ScopeValue), []string{"a"}, nil), "needle", true},
		{"body", kind(waf.Body), `"needle"`, true},
		{"json value", all(waf.JSONBody, waf.ScopeValue), "needle", true},
		{"json key", all(waf.JSONBody, waf.ScopeKey), "needle", false},
		{"header order", waf.FieldToMatch{Kind: waf.HeaderOrder, Oversize: waf.OversizeContinue}, "host:user-agent:x-two:x-two:cookie", true},
		{"fragment", kind(waf.URIFragment), "frag", true},
	}
	for _, tt := range tests {
		got := matches(t, bytesAt(waf.Contains, tt.search, inspect(tt.field)), req(), waf.Deps{})
		if got != tt.want {
			t.Errorf("%s: %q found is %v, want %v", tt.name, tt.search, got, tt.want)
		}
	}
	for k, value := range map[waf.FieldKind]string{waf.JA3Fingerprint: req().JA3, waf.JA4Fingerprint: req().JA4} {
		f := waf.FieldToMatch{Kind: k, Fallback: waf.FallbackNoMatch}
		if !matches(t, bytesAt(waf.Exactly, value, inspect(f)), req(), waf.Deps{}) {
			t.Errorf("%s: no match of %q", k, value)
		}
	}
}

// TestAbsent shows that a component that is not there matches nothing, so that
// its negation matches, and that fallbacks decide where AWS has them.
func TestAbsent(t *testing.T) {
	t.Parallel()
	missing := bytesAt(waf.Contains, "x", inspect(header("nope")))
	tests := []struct {
		name string
		s    waf.Statement
		want bool
	}{
		{"header", missing, false},
		{"not header", waf.Statement{Not: &missing}, true},
		{"not size of header", waf.Statement{Not: &waf.Statement{SizeConstraint: &waf.SizeConstraint{Inspect: inspect(header("nope")), Comparison: "GE"}}}, true},
		{"empty body", waf.Statement{RegexMatch: &waf.RegexMatch{Inspect: inspect(kind(waf.Body)), Pattern: "^$"}}, false},
		{"ja3 match", bytesAt(waf.Exactly, "x", inspect(waf.FieldToMatch{Kind: waf.JA3Fingerprint, Fallback: waf.FallbackMatch})), true},
		{"ja4 no match", bytesAt(waf.Exactly, "x", inspect(waf.FieldToMatch{Kind: waf.JA4Fingerprint, Fallback: waf.FallbackNoMatch})), false},
		{"fragment match", bytesAt(waf.Exactly, "x", inspect(waf.FieldToMatch{Kind: waf.URIFragment, Fallback: waf.FallbackMatch})), true},
		{"fragment without fallback", bytesAt(waf.Exactly, "x", inspect(kind(waf.URIFragment))), false},
	}
	for _, tt := range tests {
		if got := matches(t, tt.s, request("GET", "/"), waf.Deps{}); got != tt.want {
			t.Errorf("%s: got %v, want %v", tt.name, got, tt.want)
		}
	}
}

func TestOversize(t *testing.T) {
	t.Parallel()
	big := body(strings.Repeat("a", 8192) + "needle")
	many := request("GET", "/")
	for i := range 300 {
		many.Headers = append(many.Headers, waf.Header{Name: fmt.Sprint("h", i), Value: "v"})
	}
	cookies := request("GET", "/", "Cookie: "+strings.Repeat("a=b; ", 250)+"z=needle")
	for _, tt := range []struct {
		name  string
		kind  waf.FieldKind
		r     *waf.Request
		noted string
	}{
		{"body", waf.Body, big, "REQUEST_BODY"},
		{"json", waf.JSONBody, big, "REQUEST_JSON_BODY"},
		{"headers", waf.Headers, many, "REQUEST_HEADERS"},
		{"cookies", waf.Cookies, cookies, "REQUEST_COOKIES"},
		{"order", waf.HeaderOrder, many, "REQUEST_HEADER_ORDER"},
	} {
		for handling, want := range map[waf.Oversize]bool{waf.OversizeContinue: false, waf.OversizeMatch: true, waf.OversizeNoMatch: false} {
			f := waf.FieldToMatch{Kind: tt.kind, Oversize: handling, Scope: waf.ScopeAll}
			v := compile(t, aclOf(rule("r", 1, waf.Block, bytesAt(waf.Contains, "needle", inspect(f)))), waf.Deps{}).Evaluate(tt.r)
			if got := v.Action == waf.Block; got != want {
				t.Errorf("%s %s: blocked %v, want %v", tt.name, handling, got, want)
			}
			if len(v.OversizeFields) != 1 || v.OversizeFields[0] != tt.noted {
				t.Errorf("%s %s: oversize fields %q, want %s", tt.name, handling, v.OversizeFields, tt.noted)
			}
		}
	}
}

func TestBodyLimit(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		resource string
		want     int
	}{
		{"", 8192},
		{"APPLICATION_LOAD_BALANCER", 8192},
		{"CLOUDFRONT", 65536},
		{"API_GATEWAY", 16384},
	} {
		acl := aclOf()
		acl.ResourceType, acl.BodyLimits = tt.resource, map[string]int{"CLOUDFRONT": 65536, "APPLICATION_LOAD_BALANCER": 65536}
		if got := compile(t, acl, waf.Deps{}).BodyLimit(); got != tt.want {
			t.Errorf("%s: limit %d, want %d", tt.resource, got, tt.want)
		}
	}
}

func TestSizeConstraint(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		compare string
		size    int64
		want    bool
	}{
		{"EQ", 3, true},
		{"EQ", 4, false},
		{"NE", 3, false},
		{"NE", 4, true},
		{"LE", 3, true},
		{"LE", 2, false},
		{"LT", 4, true},
		{"LT", 3, false},
		{"GE", 3, true},
		{"GE", 4, false},
		{"GT", 2, true},
		{"GT", 3, false},
	} {
		s := waf.Statement{SizeConstraint: &waf.SizeConstraint{Inspect: inspect(kind(waf.QueryString), "URL_DECODE"), Comparison: tt.compare, Size: tt.size}}
		if got := matches(t, s, request("GET", "/?a%20c"), waf.Deps{}); got != tt.want {
			t.Errorf("3 %s %d: got %v, want %v", tt.compare, tt.size, got, tt.want)
		}
	}
}

func TestInjection(t *testing.T) {
	t.Parallel()
	args := inspect(kind(waf.AllQueryArguments), "URL_DECODE")
	low := waf.Statement{SqliMatch: &waf.SqliMatch{Inspect: args}}
	high := waf.Statement{SqliMatch: &waf.SqliMatch{Inspect: args, Sensitivity: "HIGH"}}
	xss := waf.Statement{XssMatch: &waf.XssMatch{Inspect: args}}
	for _, tt := range []struct {
		s     waf.Statement
		query string
		want  bool
	}{
		{low, "id=1'+OR+'1'='1", true},
		{low, "id=1+UNION+SELECT+password+FROM+users", true},
		{low, "id=hello+world", false},
		{low, "q=don't+look+back", false},
		{low, "q=select+a+plan+from+the+list", false},
		{high, "q=select+a+plan+from+the+list", false},
		{high, "q=It's+fine+--+really", false},
		{high, "q=a'+having+1=1", true},
		{high, "q=x;exec+xp_cmdshell", true},
		{xss, "q=<script>alert(1)</script>", true},
		{xss, `q="><img+src=x+onerror=alert(1)>`, true},
		{xss, "q=1+<+2", false},
	} {
		if got := matches(t, tt.s, request("GET", "/?"+tt.query), waf.Deps{}); got != tt.want {
			t.Errorf("%s: got %v, want %v", tt.query, got, tt.want)
		}
	}
}

func TestMatchDetails(t *testing.T) {
	t.Parallel()
	s := waf.Statement{SqliMatch: &waf.SqliMatch{Inspect: inspect(kind(waf.AllQueryArguments), "URL_DECODE"), Sensitivity: "HIGH"}}
	v := compile(t, aclOf(rule("sql", 1, waf.Block, s)), waf.Deps{}).Evaluate(request("GET", "/?id=10+AND+1=1"))
	want := "[{SQL_INJECTION HIGH ALL_QUERY_ARGS [10 AND 1 = 1]}]"
	if got := fmt.Sprint(v.Terminating.Details); got != want {
		t.Errorf("details %s, want %s", got, want)
	}
}

// world locates addresses of the documentation ranges.
type world struct{}

func (world) Country(a netip.Addr) (country, region string) {
	switch {
	case netip.MustParsePrefix("192.0.2.0/24").Contains(a):
		return "DE", "BE"
	case netip.MustParsePrefix("198.51.100.0/24").Contains(a):
		return "FR", ""
	}
	return "", ""
}

func (world) ASN(a netip.Addr) uint32 {
	if netip.MustParsePrefix("192.0.2.0/24").Contains(a) {
		return 64500
	}
	return 0
}

func TestAddresses(t *testing.T) {
	t.Parallel()
	set := waf.NewIPSet([]netip.Prefix{netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("2001:db8::/32")})
	deps := waf.Deps{Geo: world{}, IPSet: func(arn string) *waf.IPSet {
		if arn == "arn:set" {
			return set
		}
		return nil
	}}
	ips := func(position string, fallback waf.Fallback) waf.Statement {
		f := &waf.ForwardedIP{Header: "X-Forwarded-For", Fallback: fallback, Position: position}
		if position == "" {
			f = nil
		}
		return waf.Statement{IPSet: &waf.IPSetReference{ARN: "arn:set", Forwarded: f}}
	}
	xff := &waf.ForwardedIP{Header: "x-forwarded-for", Fallback: waf.FallbackMatch}
	geo := func(f *waf.ForwardedIP) waf.Statement {
		return waf.Statement{GeoMatch: &waf.GeoMatch{Countries: []string{"FR"}, Forwarded: f}}
	}
	many := strings.Repeat("198.51.100.1, ", 10)
	for _, tt := range []struct {
		name, forwarded string
		s               waf.Statement
		want            bool
	}{
		{"client", "-", ips("", ""), true},
		{"no header", "-", ips("FIRST", waf.FallbackMatch), false},
		{"first", "192.0.2.1, 198.51.100.1", ips("FIRST", waf.FallbackNoMatch), true},
		{"first only", "198.51.100.1, 192.0.2.1", ips("FIRST", waf.FallbackNoMatch), false},
		{"last", "198.51.100.1, 192.0.2.1", ips("LAST", waf.FallbackNoMatch), true},
		{"any", "1.1.1.1, 192.0.2.1, 2.2.2.2", ips("ANY", waf.FallbackNoMatch), true},
		{"any sees the last ten", "192.0.2.1, " + many[:len(many)-2], ips("ANY", waf.FallbackNoMatch), false},
		{"mapped", "::ffff:192.0.2.1", ips("FIRST", waf.FallbackNoMatch), true},
		{"v6", "2001:db8::5", ips("FIRST", waf.FallbackNoMatch), true},
		{"invalid, match", "unknown", ips("FIRST", waf.FallbackMatch), true},
		{"invalid, no match", "unknown", ips("FIRST", waf.FallbackNoMatch), false},
		{"geo of client", "-", geo(nil), false},
		{"geo of header", "198.51.100.9", geo(xff), true},
		{"geo, invalid header", "x", geo(xff), true},
		{"asn", "-", waf.Statement{AsnMatch: &waf.AsnMatch{ASNs: []uint32{1, 64500}}}, true},
		{"other asn", "-", waf.Statement{AsnMatch: &waf.AsnMatch{ASNs: []uint32{1}}}, false},
	} {
		r := request("GET", "/")
		if tt.forwarded != "-" {
			r.Headers = []waf.Header{{Name: "X-Forwarded-For", Value: tt.forwarded}}
		}
		if got := matches(t, tt.s, r, deps); got != tt.want {
			t.Errorf("%s: got %v, want %v", tt.name, got, tt.want)
		}
	}
	if _, err := waf.Compile(aclOf(rule("r", 1, waf.Block, waf.Statement{IPSet: &waf.IPSetReference{ARN: "arn:other"}})), deps); err == nil {
		t.Error("an unknown set compiled")
	}
}

// TestSetsSwap shows that a compiled program sees the new content of its sets.
func TestSetsSwap(t *testing.T) {
	t.Parallel()
	ips := waf.NewIPSet(nil)
	regexes, err := waf.NewRegexSet([]string{"^/a"})
	if err != nil {
		t.Fatal(err)
	}
	p := compile(t, aclOf(
		rule("ip", 1, waf.Block, waf.Statement{IPSet: &waf.IPSetReference{ARN: "i"}}),
		rule("re", 2, waf.Block, waf.Statement{RegexPatternSet: &waf.RegexSetReference{Inspect: inspect(kind(waf.URIPath)), ARN: "r"}}),
	), waf.Deps{IPSet: func(string) *waf.IPSet { return ips }, RegexSet: func(string) *waf.RegexSet { return regexes }})
	blocked := func(want string) {
		t.Helper()
		if v := p.Evaluate(request("GET", "/b/evil")); v.Terminating.RuleID != want {
			t.Errorf("decided by %s, want %s", v.Terminating.RuleID, want)
		}
	}
	blocked("Default_Action")
	if err := regexes.Store([]string{"x{1001}"}); err == nil {
		t.Error("a bad pattern was stored")
	}
	if err := regexes.Store([]string{"^/z", `(?i)EVIL`}); err != nil {
		t.Fatal(err)
	}
	blocked("re")
	ips.Store([]netip.Prefix{netip.MustParsePrefix("192.0.2.44/32")})
	blocked("ip")
}
