package waf_test

import (
	"net/netip"
	"testing"
	"time"

	"github.com/garrison-cloud/garrison/engine/waf"
	"github.com/garrison-cloud/garrison/engine/waf/rate"
)

func limit(r waf.RateBased) waf.Rule {
	if r.Limit == 0 {
		r.Limit = 10
	}
	if r.Aggregate == "" {
		r.Aggregate = waf.AggregateIP
	}
	r.Window = 60
	return rule("limit", 5, waf.Block, waf.Statement{RateBased: &r})
}

// admitted sends n copies of a request and counts those let through.
func admitted(p *waf.Program, n int, r *waf.Request) int {
	through := 0
	for range n {
		if p.Evaluate(r).Action == waf.Allow {
			through++
		}
	}
	return through
}

// TestRateAccuracy floods for an hour at 20 times the limit, and then at
// 0.95 times it.
func TestRateAccuracy(t *testing.T) {
	t.Parallel()
	p := compile(t, aclOf(limit(waf.RateBased{Limit: 100})), waf.Deps{})
	flood := func(perMinute int, minutes int, from time.Time) int {
		through := 0
		step := time.Minute / time.Duration(perMinute)
		for i := range perMinute * minutes {
			r := request("GET", "/")
			r.Time = from.Add(time.Duration(i) * step)
			if p.Evaluate(r).Action == waf.Allow {
				through++
			}
		}
		return through
	}
	if got := flood(2000, 60, noon()); got != 100 {
		t.Errorf("of a flood %d were admitted, want 100", got)
	}
	if got := flood(95, 60, noon().Add(3*time.Hour)); got != 95*60 {
		t.Errorf("below the limit %d were admitted, want %d", got, 95*60)
	}
}

func TestRateKeys(t *testing.T) {
	t.Parallel()
	none := []waf.Transformation{{Kind: "NONE"}}
	lower := []waf.Transformation{{Kind: "LOWERCASE"}}
	custom := func(keys ...waf.RateKey) waf.RateBased {
		return waf.RateBased{Aggregate: waf.AggregateCustom, Keys: keys, Forwarded: &waf.ForwardedIP{Header: "X-Forwarded-For", Fallback: waf.FallbackNoMatch}}
	}
	get := func(target string, lines ...string) *waf.Request { return request("GET", target, lines...) }
	other := get("/")
	other.ClientIP = netip.MustParseAddr("198.51.100.7")
	for _, tt := range []struct {
		name        string
		r           waf.RateBased
		first, then *waf.Request
		want        int
	}{
		{"same address", waf.RateBased{}, get("/a"), get("/b"), 0},
		{"other address", waf.RateBased{}, get("/"), other, 10},
		{"header", custom(waf.RateKey{Kind: waf.KeyHeader, Name: "X-Key", Transformations: none}), get("/", "x-key: 1"), get("/", "x-key: 2"), 10},
		{"header lowered", custom(waf.RateKey{Kind: waf.KeyHeader, Name: "X-Key", Transformations: lower}), get("/", "x-key: A"), get("/", "x-key: a"), 0},
		{"header absent", custom(waf.RateKey{Kind: waf.KeyHeader, Name: "X-Key", Transformations: none}), get("/"), get("/"), 20},
		{"cookie", custom(waf.RateKey{Kind: waf.KeyCookie, Name: "s", Transformations: none}), get("/", "Cookie: s=1"), get("/", "Cookie: s=1; t=2"), 0},
		{"argument", custom(waf.RateKey{Kind: waf.KeyQueryArgument, Name: "q", Transformations: none}), get("/?q=1"), get("/?Q=1&x=2"), 0},
		{"query", custom(waf.RateKey{Kind: waf.KeyQueryString, Transformations: none}), get("/?q=1"), get("/?q=1&x=2"), 10},
		{"path", custom(waf.RateKey{Kind: waf.KeyURIPath, Transformations: none}), get("/a"), get("/b"), 10},
		{"method and path", custom(waf.RateKey{Kind: waf.KeyHTTPMethod}, waf.RateKey{Kind: waf.KeyURIPath, Transformations: none}), get("/a"), request("POST", "/a"), 10},
		{"address and method", custom(waf.RateKey{Kind: waf.KeyIP}, waf.RateKey{Kind: waf.KeyHTTPMethod}), get("/"), other, 10},
		{"forwarded", custom(waf.RateKey{Kind: waf.KeyForwardedIP}, waf.RateKey{Kind: waf.KeyHTTPMethod}), get("/", "X-Forwarded-For: 1.1.1.1"), get("/", "X-Forwarded-For: 1.1.1.2"), 10},
		{"asn", waf.RateBased{Aggregate: waf.AggregateCustom, Keys: []waf.RateKey{{Kind: waf.KeyASN}}}, get("/a"), get("/b"), 0},
		{"asn unknown", waf.RateBased{Aggregate: waf.AggregateCustom, Keys: []waf.RateKey{{Kind: waf.KeyASN}}}, get("/a"), other, 10},
		{"ja4 absent", custom(waf.RateKey{Kind: waf.KeyJA4, Fallback: waf.FallbackMatch}), get("/"), get("/"), 0},
		{"label", custom(waf.RateKey{Kind: waf.KeyLabelNamespace, Name: "awswaf:111122223333:webacl:acl:who:"}), get("/alice"), get("/bob"), 10},
		{"forwarded address", waf.RateBased{Aggregate: waf.AggregateForwardedIP, Forwarded: &waf.ForwardedIP{Header: "xff", Fallback: waf.FallbackNoMatch}}, get("/", "XFF: 1.1.1.1"), get("/", "XFF: 1.1.1.1, 2.2.2.2"), 0},
		{"constant", waf.RateBased{Aggregate: waf.AggregateConstant, ScopeDown: scoped("a")}, get("/a"), get("/b"), 10},
		{"constant, all", waf.RateBased{Aggregate: waf.AggregateConstant, ScopeDown: scoped("")}, get("/a"), other, 0},
	} {
		p := compile(t, aclOf(
			limit(tt.r),
			labelled(rule("alice", 0, waf.Count, on("alice")), "who:alice"),
			labelled(rule("bob", 2, waf.Count, on("bob")), "who:bob"),
		), waf.Deps{Geo: world{}})
		got := admitted(p, 15, tt.first)
		if want := 10; tt.want == 20 {
			want = 15
			if got != want {
				t.Errorf("%s: %d of the first were admitted, want all", tt.name, got)
			}
			continue
		} else if got != want && tt.name != "ja4 absent" {
			t.Errorf("%s: %d of the first were admitted, want %d", tt.name, got, want)
		}
		if got := admitted(p, 10, tt.then); got != tt.want {
			t.Errorf("%s: %d of the second were admitted, want %d", tt.name, got, tt.want)
		}
	}
}

func scoped(name string) *waf.Statement {
	s := on(name)
	return &s
}

// TestRateSurvives shows that an update keeps the counts of a rule that it does
// not change, and resets those of one that it does.
func TestRateSurvives(t *testing.T) {
	t.Parallel()
	deps := waf.Deps{Rates: rate.NewStore()}
	r := request("GET", "/")
	if got := admitted(compile(t, aclOf(limit(waf.RateBased{})), deps), 20, r); got != 10 {
		t.Fatalf("%d were admitted, want 10", got)
	}
	same := compile(t, aclOf(rule("new", 0, waf.Block, on("new")), limit(waf.RateBased{})), deps)
	if got := admitted(same, 5, r); got != 0 {
		t.Errorf("after an unrelated update %d were admitted, want 0", got)
	}
	keys := deps.Rates.Find("arn:acl", "limit").Limited(noon())
	if len(keys) != 1 || keys[0].Value != "192.0.2.44" || keys[0].Count != 25 {
		t.Errorf("limited keys %v", keys)
	}
	v := same.Evaluate(r)
	if len(v.Rates) != 1 || v.Rates[0].LimitKey != "IP" || v.Rates[0].LimitValue != "192.0.2.44" || v.Terminating.RuleType != "RATE_BASED" {
		t.Errorf("rates %+v, type %s", v.Rates, v.Terminating.RuleType)
	}
	changed := compile(t, aclOf(limit(waf.RateBased{Limit: 12})), deps)
	if got := admitted(changed, 20, r); got != 12 {
		t.Errorf("after a change %d were admitted, want 12", got)
	}
	compile(t, aclOf(), deps)
	if deps.Rates.Find("arn:acl", "limit") != nil {
		t.Error("the counter of a removed rule is kept")
	}
}
