package alb_test

import (
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"github.com/garrison-cloud/garrison/edge/alb"
	"github.com/garrison-cloud/garrison/edge/http1"
	"github.com/garrison-cloud/garrison/edge/target"
)

func fixed(name string) alb.Action {
	return alb.Action{Fixed: &alb.Fixed{Status: 200, ContentType: "text/plain", Body: name}}
}

// status returns the status line's code and the content of a raw answer.
func split(t *testing.T, answer string) (status, body string) {
	t.Helper()
	if len(answer) < 12 {
		t.Fatalf("answer %q", answer)
	}
	_, body, _ = strings.Cut(answer, "\r\n\r\n")
	return answer[9:12], body
}

func TestConditions(t *testing.T) {
	t.Parallel()
	w := start(t, alb.Deps{})
	rule := func(name string, c ...alb.Condition) alb.Rule {
		return alb.Rule{ARN: name, Priority: len(name), Conditions: c, Action: fixed(name)}
	}
	for _, tt := range []struct {
		name    string
		cond    []alb.Condition
		hit     []string // request lines and fields that match
		missing []string
	}{
		{"host", []alb.Condition{{Field: "host-header", Values: []string{"*.Example.com", "a?.org"}}}, []string{"/|Host: www.EXAMPLE.com", "/|Host: ab.org:81"}, []string{"/|Host: example.com", "/|Host: a.org"}},
		{"host regex", []alb.Condition{{Field: "host-header", Regexes: []string{`^(a|b)\.test$`}}}, []string{"/|Host: A.test"}, []string{"/|Host: c.test"}},
		{"path", []alb.Condition{{Field: "path-pattern", Values: []string{"/img/*", "/a?"}}}, []string{"/img/|Host: h", "/img/x/y?z|Host: h", "/ab|Host: h"}, []string{"/IMG/x|Host: h", "/a|Host: h", "/x?/img/|Host: h"}},
		{"header", []alb.Condition{{Field: "http-header", Name: "User-Agent", Values: []string{"*chrome*"}}}, []string{"/|Host: h|user-agent: x Chrome y"}, []string{"/|Host: h", "/|Host: h|X: chrome"}},
		{"query", []alb.Condition{{Field: "query-string", Queries: []alb.QueryMatch{{Key: "version", Value: "v?"}, {Value: "*exa\\*mple*"}}}}, []string{"/?Version=V1|Host: h", "/?a=b&c=an-exa*mple|Host: h"}, []string{"/?version=v11|Host: h", "/?c=exaXmple|Host: h", "/|Host: h"}},
		{"source", []alb.Condition{{Field: "source-ip", Prefixes: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}}, []string{"/|Host: h|X-Forwarded-For: 10.0.0.1"}, nil},
		{"other source", []alb.Condition{{Field: "source-ip", Prefixes: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}}}, nil, []string{"/|Host: h|X-Forwarded-For: 10.0.0.1"}},
		{"method", []alb.Condition{{Field: "http-request-method", Values: []string{"POST"}}}, nil, []string{"/|Host: h"}},
		{"both", []alb.Condition{{Field: "path-pattern", Values: []string{"/x"}}, {Field: "host-header", Values: []string{"h"}}}, []string{"/x|Host: h"}, []string{"/x|Host: i", "/y|Host: h"}},
	} {
		w.apply(t, alb.Config{}, alb.Listener{}, alb.Rule{Default: true, Action: fixed("default")}, rule(tt.name, tt.cond...))
		check := func(request, want string) {
			target, fields, _ := strings.Cut(request, "|")
			answer := raw(t, w.addr, "GET "+target+" HTTP/1.1\r\n"+strings.ReplaceAll(fields, "|", "\r\n")+"\r\nConnection: close\r\n\r\n")
			if _, body := split(t, answer); body != want {
				t.Errorf("%s: %s answered %q, want %q", tt.name, request, body, want)
			}
		}
		for _, r := range tt.hit {
			check(r, tt.name)
		}
		for _, r := range tt.missing {
			check(r, "default")
		}
	}
}

// TestPriority lets the lower number win, in whatever order the rules come.
func TestPriority(t *testing.T) {
	t.Parallel()
	w := start(t, alb.Deps{})
	all := []alb.Condition{{Field: "path-pattern", Values: []string{"*"}}}
	w.apply(t, alb.Config{}, alb.Listener{},
		alb.Rule{Default: true, Action: fixed("default")},
		alb.Rule{Priority: 20, Conditions: all, Action: fixed("20")},
		alb.Rule{Priority: 3, Conditions: all, Action: fixed("3")})
	if _, body := split(t, raw(t, w.addr, "GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")); body != "3" {
		t.Errorf("answered by %q, want 3", body)
	}
	if r := w.records(); len(r) != 1 || r[0].Priority != 3 || r[0].Actions != "fixed-response" {
		t.Errorf("records %+v", r)
	}
}

func TestRedirect(t *testing.T) {
	t.Parallel()
	w := start(t, alb.Deps{})
	for _, tt := range []struct {
		redirect alb.Redirect
		want     string
	}{
		{alb.Redirect{Protocol: "HTTPS", Port: "443", Status: 301}, "https://h.test/p/q?a=b"},
		{alb.Redirect{Host: "www.#{host}", Path: "/new/#{path}", Query: "x=#{query}", Port: "80", Status: 302}, "http://www.h.test/new/p/q?x=a=b"},
		{alb.Redirect{Path: "/only", Status: 302}, fmt.Sprintf("http://h.test:%d/only?a=b", w.port)},
	} {
		w.apply(t, alb.Config{}, alb.Listener{}, alb.Rule{Default: true, Action: alb.Action{Redirect: &tt.redirect}})
		answer := raw(t, w.addr, "GET /p/q?a=b HTTP/1.1\r\nHost: h.test:9\r\nConnection: close\r\n\r\n")
		if status, _ := split(t, answer); status != fmt.Sprint(tt.redirect.Status) || !strings.Contains(answer, "Location: "+tt.want+"\r\n") {
			t.Errorf("%+v: %q, want Location %s", tt.redirect, answer, tt.want)
		}
	}
}

// echo answers with the request as the target saw it.
func echo(rw http.ResponseWriter, r *http.Request) {
	fmt.Fprintf(rw, "%s %s host=%s", r.Method, r.RequestURI, r.Host)
	for name, values := range r.Header {
		fmt.Fprintf(rw, " %s=%s", name, strings.Join(values, "|"))
	}
}

func TestAttributesAreObeyed(t *testing.T) {
	t.Parallel()
	w := start(t, alb.Deps{})
	arn := w.group(t, target.Config{}, backend(t, echo))
	send := "GET /x HTTP/1.1\r\nHost: h\r\nX-Forwarded-For: 192.0.2.1\r\nX_Odd: 1\r\nX-Amzn-Mtls-Clientcert-Subject: forged\r\nX-Amzn-Trace-Id: Root=1-2-3;Self=x\r\nConnection: close\r\n\r\n"
	for _, tt := range []struct {
		name       string
		attributes alb.Attributes
		want, not  []string
	}{
		{"defaults", alb.Attributes{}, []string{"X-Forwarded-For=192.0.2.1, 127.0.0.1 ", fmt.Sprintf("host=h:%d", w.port), "X_odd=1", "X-Amzn-Trace-Id=Self=1-", ";Root=1-2-3"}, []string{"forged", "Self=x"}},
		{"preserve", alb.Attributes{Forwarded: alb.PreserveForwarded, PreserveHost: true}, []string{"X-Forwarded-For=192.0.2.1", "host=h "}, []string{"192.0.2.1, 127"}},
		{"remove", alb.Attributes{Forwarded: alb.RemoveForwarded, DropInvalidFields: true}, []string{"host=h"}, []string{"X-Forwarded-For", "X_odd"}},
		{"port", alb.Attributes{ForwardedPort: true}, []string{"192.0.2.1, 127.0.0.1:"}, nil},
	} {
		w.apply(t, alb.Config{Attributes: tt.attributes}, alb.Listener{}, forwardTo(arn))
		_, body := split(t, raw(t, w.addr, send))
		body += " "
		for _, s := range tt.want {
			if !strings.Contains(body, s) {
				t.Errorf("%s: no %q in %q", tt.name, s, body)
			}
		}
		for _, s := range tt.not {
			if strings.Contains(body, s) {
				t.Errorf("%s: %q in %q", tt.name, s, body)
			}
		}
	}
}

func TestTransformsAndResponseFields(t *testing.T) {
	t.Parallel()
	w := start(t, alb.Deps{})
	arn := w.group(t, target.Config{}, backend(t, func(rw http.ResponseWriter, r *http.Request) {
		rw.Header().Set("Server", "secret/1")
		rw.Header().Set("X-Frame-Options", "ALLOW")
		echo(rw, r)
	}))
	rule := forwardTo(arn)
	rule.Host = []alb.Rewrite{{Regex: `^mywebsite-(.+)\.com$`, Replace: "internal.dev.$1.myweb.com"}}
	rule.URL = []alb.Rewrite{{Regex: `^/dp/([A-Za-z0-9]+)/?$`, Replace: "/product.php?id=$1"}}
	l := alb.Listener{Response: alb.ResponseFields{HideServer: true, Set: []http1.Field{{Name: []byte("X-Frame-Options"), Value: []byte("DENY")}}}}
	w.apply(t, alb.Config{Attributes: alb.Attributes{PreserveHost: true}}, l, rule)
	answer := raw(t, w.addr, "GET /dp/B09G3HRMW HTTP/1.1\r\nHost: mywebsite-example.com\r\nConnection: close\r\n\r\n")
	for _, want := range []string{"GET /product.php?id=B09G3HRMW host=internal.dev.example.myweb.com", "X-Frame-Options: DENY"} {
		if !strings.Contains(answer, want) {
			t.Errorf("no %q in %q", want, answer)
		}
	}
	for _, not := range []string{"secret", "ALLOW"} {
		if strings.Contains(answer, not) {
			t.Errorf("%q in %q", not, answer)
		}
	}
}

// TestWeightsAndStickiness spreads over two groups, then keeps a client by its cookies.
func TestWeightsAndStickiness(t *testing.T) {
	t.Parallel()
	w := start(t, alb.Deps{Key: [32]byte{1}})
	name := func(n string) http.HandlerFunc {
		return func(rw http.ResponseWriter, _ *http.Request) { fmt.Fprint(rw, n) }
	}
	sticky := target.Sticky{Type: "lb_cookie", Duration: 1e12}
	a := w.group(t, target.Config{Sticky: sticky}, backend(t, name("a1")), backend(t, name("a2")))
	b := w.group(t, target.Config{Sticky: sticky}, backend(t, name("b1")), backend(t, name("b2")))
	forward := &alb.Forward{Groups: []alb.WeightedGroup{{a, 3}, {b, 1}}, Sticky: 1e12}
	w.apply(t, alb.Config{}, alb.Listener{}, alb.Rule{Default: true, Action: alb.Action{Forward: forward}})
	counts := map[string]int{}
	var cookies string
	for range 200 {
		answer := raw(t, w.addr, "GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
		_, body := split(t, answer)
		counts[body]++
		cookies = ""
		for line := range strings.SplitSeq(answer, "\r\n") {
			if v, ok := strings.CutPrefix(line, "Set-Cookie: "); ok {
				v, _, _ = strings.Cut(v, ";")
				cookies += v + "; "
			}
		}
	}
	if n := counts["a1"] + counts["a2"]; n < 120 || n > 180 || len(counts) != 4 {
		t.Errorf("spread %v, want 3 to 1 over all four", counts)
	}
	for _, want := range []string{"AWSALB=", "AWSALBCORS=", "AWSALBTG=", "AWSALBTGCORS="} {
		if !strings.Contains(cookies, want) {
			t.Errorf("no %s in %q", want, cookies)
		}
	}
	stuck := map[string]int{}
	for range 20 {
		_, body := split(t, raw(t, w.addr, "GET / HTTP/1.1\r\nHost: h\r\nCookie: "+cookies+"\r\nConnection: close\r\n\r\n"))
		stuck[body]++
	}
	if len(stuck) != 1 {
		t.Errorf("with cookies: %v, want one target", stuck)
	}
	forged := strings.ReplaceAll(cookies, "AWSALB=", "AWSALB=x")
	if status, _ := split(t, raw(t, w.addr, "GET / HTTP/1.1\r\nHost: h\r\nCookie: "+forged+"\r\nConnection: close\r\n\r\n")); status != "200" {
		t.Errorf("forged cookie: status %s", status)
	}
}

func TestBrokenConfigKeepsTheOld(t *testing.T) {
	t.Parallel()
	w := start(t, alb.Deps{})
	w.apply(t, alb.Config{}, alb.Listener{}, alb.Rule{Default: true, Action: fixed("old")})
	for name, rules := range map[string][]alb.Rule{
		"no default":    {{Priority: 1, Action: fixed("x")}},
		"no group":      {forwardTo("arn:none")},
		"no action":     {{Default: true}},
		"bad regex":     {{Default: true, Action: fixed("x"), URL: []alb.Rewrite{{Regex: "("}}}},
		"bad condition": {{Default: true, Action: fixed("x"), Conditions: []alb.Condition{{Field: "cookie"}}}},
	} {
		cfg := &alb.Config{Listeners: []alb.Listener{{ARN: "l", Port: w.port, Rules: rules}}}
		if err := w.Apply(cfg, w.groups); err == nil {
			t.Errorf("%s: applied", name)
		}
	}
	if _, body := split(t, raw(t, w.addr, "GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")); body != "old" {
		t.Errorf("answered by %q, want old", body)
	}
}

// TestAppCookie binds a client once the target sets the application's cookie.
func TestAppCookie(t *testing.T) {
	t.Parallel()
	w := start(t, alb.Deps{})
	name := func(n string) http.HandlerFunc {
		return func(rw http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/login" {
				rw.Header().Set("Set-Cookie", "SESSION=1")
			}
			fmt.Fprint(rw, n)
		}
	}
	arn := w.group(t, target.Config{Sticky: target.Sticky{Type: "app_cookie", Cookie: "SESSION", Duration: 1e12}}, backend(t, name("1")), backend(t, name("2")))
	w.apply(t, alb.Config{}, alb.Listener{}, forwardTo(arn))
	if answer := raw(t, w.addr, "GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"); strings.Contains(answer, "AWSALBAPP") {
		t.Errorf("bound without the application's cookie: %q", answer)
	}
	answer := raw(t, w.addr, "GET /login HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
	_, cookie, ok := strings.Cut(answer, "Set-Cookie: AWSALBAPP-0=")
	if !ok {
		t.Fatalf("no cookie in %q", answer)
	}
	cookie, _, _ = strings.Cut(cookie, ";")
	_, first := split(t, answer)
	for range 6 {
		if _, body := split(t, raw(t, w.addr, "GET / HTTP/1.1\r\nHost: h\r\nCookie: AWSALBAPP-0="+cookie+"\r\nConnection: close\r\n\r\n")); body != first {
			t.Errorf("answered by %s, want %s", body, first)
		}
	}
}
