package logpattern_test

import (
	"errors"
	"testing"

	"github.com/garrison-cloud/garrison/engine/logpattern"
)

const (
	trail  = `{"eventType":"UpdateTrail","sourceIPAddress":"111.111.111.111","n":5,"f":1.5,"ok":true,"nothing":null,"list":["a","b"],"objects":[{"id":1},{"id":2}],"a b":"c","in":{"er":"x y"}}`
	access = `127.0.0.1 Prod frank [10/Oct/2000:13:25:15 -0700] "GET /index.html HTTP/1.0" 404 1534`
)

// TestMatch holds patterns to the user guide's examples and their opposites.
func TestMatch(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		pattern, message string
		want             bool
	}{
		{"", "anything", true},
		{"ERROR", "[ERROR 400] BAD REQUEST", true},
		{"ERROR", "error", false},
		{"ERROR ARGUMENTS", "ERROR MISSING ARGUMENTS", true},
		{"ERROR ARGUMENTS", "ERROR 401", false},
		{`"INTERNAL SERVER ERROR"`, "x INTERNAL SERVER ERROR y", true},
		{`"INTERNAL SERVER ERROR"`, "INTERNAL ERROR SERVER", false},
		{"?ERROR ?WARN", "WARN x", true},
		{"?ERROR ?WARN", "INFO x", false},
		{"ERROR -EXITING", "ERROR x", true},
		{"ERROR -EXITING", "ERROR EXITING", false},
		{"ERROR ?WARN", "ERROR alone", true},
		{"ERROR ?WARN", "WARN alone", false},
		{`"a \"quoted\" word"`, `a "quoted" word`, true},
		{"%AUTHORIZED%", "UNAUTHORIZED", true},
		{"%^x[0-9]+$%", "x12", true},
		{"%^x[0-9]+$%", "x12y", false},

		{`{ $.eventType = "UpdateTrail" }`, trail, true},
		{`{$.eventType="UpdateTrail"}`, trail, true},
		{`{ $.eventType = UpdateTrail }`, trail, true},
		{`{ $.eventType != "UpdateTrail" }`, trail, false},
		{`{ $.eventType = "Update*" }`, trail, true},
		{`{ $.eventType = "*Trai" }`, trail, false},
		{`{ $.sourceIPAddress != 123.123.* }`, trail, true},
		{`{ $.sourceIPAddress = 111.111.* }`, trail, true},
		{`{ $.sourceIPAddress = 111.0.0.0/8 }`, trail, true},
		{`{ $.n > 4 && $.n <= 5 }`, trail, true},
		{`{ $.n > 5 }`, trail, false},
		{`{ $.n = 5 }`, trail, true},
		{`{ $.f < 1.6 }`, trail, true},
		{`{ $.n >= 6 || $.f = 1.5 }`, trail, true},
		{`{ ($.n = 5 || $.n = 6) && $.ok IS TRUE }`, trail, true},
		{`{ $.n = 5 || $.n = 6 && $.ok IS FALSE }`, trail, true},
		{`{ $.ok IS FALSE }`, trail, false},
		{`{ $.nothing IS NULL }`, trail, true},
		{`{ $.missing IS NULL }`, trail, false},
		{`{ $.missing NOT EXISTS }`, trail, true},
		{`{ $.n NOT EXISTS }`, trail, false},
		{`{ $.missing = "x" }`, trail, false},
		{`{ $.missing != "x" }`, trail, true},
		{`{ $.list[1] = "b" }`, trail, true},
		{`{ $.list[2] = "b" }`, trail, false},
		{`{ $.objects[*].id = 2 }`, trail, true},
		{`{ $.objects[0].id = 2 }`, trail, false},
		{`{ $['a b'] = "c" }`, trail, true},
		{`{ $.in.er = "x y" }`, trail, true},
		{`{ $.eventType = %^Up.*l$% }`, trail, true},
		{`{ $.n = 5 }`, "no JSON", false},
		{`{ $.n = 5 }`, `{"n":`, false},

		{`[ip, server, username, timestamp, request, status_code, bytes]`, access, true},
		{`[ip, server, username, timestamp, request, status_code = 4*, bytes > 1000]`, access, true},
		{`[ip, server, username, timestamp, request, status_code = 5*, bytes]`, access, false},
		{`[ip, server, username, timestamp, request = "GET*", status_code, bytes]`, access, true},
		{`[ip, ..., status_code = 404, bytes]`, access, true},
		{`[..., bytes < 1000]`, access, false},
		{`[..., status_code = 404 || status_code = 410, bytes]`, access, true},
		{`[..., status_code >= 400 && status_code < 404, bytes]`, access, false},
		{`[ip, server]`, access, false},
		{`[ip = 127.0.0.0/8, ...]`, access, true},
	} {
		p, err := logpattern.Parse(tt.pattern)
		if err != nil {
			t.Errorf("Parse(%q) = %v", tt.pattern, err)
			continue
		}
		if got := p.Match(tt.message); got != tt.want {
			t.Errorf("%q on %q = %v, want %v", tt.pattern, tt.message, got, tt.want)
		}
	}
}

// TestRefusals holds what is no pattern to be refused.
func TestRefusals(t *testing.T) {
	t.Parallel()
	for _, s := range []string{
		`"open`, "%open", "%%", "-", "?", `""`, "%(%", `{ $.a = "x"`, "{ }", "{ a = 1 }", "{ $ = 1 }", "{ $.a }", "{ $.a = }", "{ $.a IS MAYBE }",
		"{ $.a NOT THERE }", "{ ($.a = 1 }", "{ $.a = 1 ) }", "{ $.a[x] = 1 }", "{ $.a[0 = 1 }", `{ $.a > "x" }`, "{ $.a = 1 && }", "[a, b", "[]", "[a,]",
		"[..., ...]", "[a b]", "[a = 1 && b = 2]",
	} {
		if _, err := logpattern.Parse(s); !errors.Is(err, logpattern.ErrSyntax) {
			t.Errorf("Parse(%q) = %v, want %v", s, err, logpattern.ErrSyntax)
		}
	}
}

// FuzzParse holds parsing and matching to never panic.
func FuzzParse(f *testing.F) {
	for _, s := range []string{"a -b ?c", `"x y"`, "%a.b%", `{ ($.a = "x" || $.b[0].c > 3) && $.d IS NULL }`, `[a, b = 4*, ..., c > 1 || c < 0]`} {
		f.Add(s, trail)
		f.Add(s, access)
	}
	f.Fuzz(func(t *testing.T, pattern, message string) {
		p, err := logpattern.Parse(pattern)
		if err != nil {
			if !errors.Is(err, logpattern.ErrSyntax) {
				t.Errorf("error = %v, want %v", err, logpattern.ErrSyntax)
			}
			return
		}
		if first, second := p.Match(message), p.Match(message); first != second {
			t.Errorf("%q does not judge %q alike twice", pattern, message)
		}
	})
}
