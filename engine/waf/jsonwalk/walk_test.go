package jsonwalk_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/garrison-cloud/garrison/engine/waf/jsonwalk"
)

// read lists the tokens, a key as path=, a value as path:text.
func read(text string) (string, jsonwalk.Fault) {
	var w jsonwalk.Walker
	w.Reset(text, true)
	var t jsonwalk.Token
	var out []string
	for w.Next(&t) {
		s := t.Text
		if t.Escaped {
			s = string(jsonwalk.Unescape(nil, s))
		}
		mark := ":"
		if t.Key {
			mark = "="
		}
		out = append(out, string(w.Path())+mark+s)
	}
	return strings.Join(out, " "), w.Fault()
}

func TestWalk(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		in, want string
		fault    jsonwalk.Fault
	}{
		{`{"a":1,"b":["x",{"c":true}]}`, `/a=a /a:1 /b=b /b/0:x /b/1/c=c /b/1/c:true`, jsonwalk.None},
		{`"top"`, `:top`, jsonwalk.None},
		{`-1.5e+3`, `:-1.5e+3`, jsonwalk.None},
		{`[]`, ``, jsonwalk.None},
		{`{"a":1,"a":2}`, `/a=a /a:1 /a=a /a:2`, jsonwalk.None},
		{`{"a":{},"b":2}`, `/a=a /b=b /b:2`, jsonwalk.None},
		{`[[1],[2,3]]`, `/0/0:1 /1/0:2 /1/1:3`, jsonwalk.None},
		{`{"a/b":{"~":null}}`, `/a~1b=a/b /a~1b/~0=~ /a~1b/~0:null`, jsonwalk.None},
		{`{"\u0061\n\ud83d\ude00":"\u003cscript>\q"}`, "/a\n😀=a\n😀 /a\n😀:<script>q", jsonwalk.None},
		{`"\ud83d x"`, ":\ufffd x", jsonwalk.None},
		// AWS WAF's parser forgives these.
		{`{"a":1 "b":2}`, `/a=a /a:1 /b=b /b:2`, jsonwalk.None},
		{`{"a" 1,"b"::2}`, `/a=a /a:1 /b=b /b:2`, jsonwalk.None},
		{`{"a":1,,"b":2,}`, `/a=a /a:1 /b=b /b:2`, jsonwalk.None},
		// And these not.
		{``, ``, jsonwalk.Invalid},
		{`{"a":1`, `/a=a /a:1`, jsonwalk.Cut},
		{`{"a":"x`, `/a=a /a:x`, jsonwalk.Cut},
		{`{"a":"x\`, `/a=a /a:x\`, jsonwalk.Cut},
		{`{"a":1]`, `/a=a /a:1`, jsonwalk.Invalid},
		{`{a:1}`, ``, jsonwalk.Invalid},
		{`{1:2}`, ``, jsonwalk.Invalid},
		{`[1,nope]`, `/0:1`, jsonwalk.Invalid},
		{`[1]]`, `/0:1`, jsonwalk.Invalid},
		{`q=1`, ``, jsonwalk.Invalid},
		{strings.Repeat("[", 65), ``, jsonwalk.Limit},
	} {
		got, fault := read(tt.in)
		if got != tt.want || fault != tt.fault {
			t.Errorf("%s: got %q and fault %d, want %q and %d", tt.in, got, fault, tt.want, tt.fault)
		}
	}
	if _, fault := read("[" + strings.Repeat("1,", 5000) + "1]"); fault != jsonwalk.Limit {
		t.Errorf("5,001 leaves: fault %d", fault)
	}
	if _, fault := read(strings.Repeat("[", 64) + strings.Repeat("]", 64)); fault != jsonwalk.None {
		t.Errorf("64 levels: fault %d", fault)
	}
}

// FuzzWalk compares with encoding/json where the text is JSON: the same leaves
// in the same order.
func FuzzWalk(f *testing.F) {
	for _, s := range []string{`{"a":[1,"b",null]}`, `{"\u00e9":"\ud800"}`, `[{"":""}]`, `{"a":`, `{{`, `"\`, "[1 2]"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var w jsonwalk.Walker
		w.Reset(text, true)
		var tok jsonwalk.Token
		var got []string
		for w.Next(&tok) {
			s := tok.Text
			if tok.Escaped {
				s = string(jsonwalk.Unescape(nil, s))
			}
			got = append(got, string([]rune(s)))
		}
		if w.Fault() == jsonwalk.Limit || !json.Valid([]byte(text)) {
			return
		}
		if want := decoded(text); w.Fault() != jsonwalk.None || fmt.Sprintf("%q", got) != fmt.Sprintf("%q", want) {
			t.Errorf("%q: got %q with fault %d, want %q", text, got, w.Fault(), want)
		}
	})
}

func decoded(text string) []string {
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	var out []string
	for {
		tok, err := d.Token()
		if err != nil {
			return out
		}
		switch v := tok.(type) {
		case json.Delim:
		case nil:
			out = append(out, "null")
		case string:
			out = append(out, v)
		default:
			out = append(out, fmt.Sprint(v))
		}
	}
}
