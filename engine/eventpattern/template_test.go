package eventpattern_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/garrison-cloud/garrison/engine/eventpattern"
)

const sample = `{"id":"1","resources":["r1","r2"],"detail":{"state":"RUN\"NING","n":1.50,"a":[{"b":1},{"b":"x"}],"o":{"k":"v"},"dash-ed":true}}`

func TestPath(t *testing.T) {
	t.Parallel()
	e, err := eventpattern.ParseEvent(sample)
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		"$": sample, "$.id": `"1"`, "$.detail.n": "1.50", "$.resources[1]": `"r2"`, "$.detail.a[*].b": `[1,"x"]`,
		"$.detail.dash-ed": "true", "$['detail']['o']": `{"k":"v"}`, "$.detail.o.*": `["v"]`, "$.nothing": "", "$.resources[2]": "", "$.id.x": "",
	} {
		p, err := eventpattern.ParsePath(path)
		if err != nil {
			t.Errorf("%s: %v", path, err)
			continue
		}
		if got, ok := p.Find(e); got != want || ok != (want != "") {
			t.Errorf("%s = %q, %t; want %q", path, got, ok, want)
		}
	}
	for _, path := range []string{"", "x", "$x", "$.", "$[", "$[x]", "$[-1]", "$['']", "$..a", "$.a[?(@.b)]"} {
		if _, err := eventpattern.ParsePath(path); err == nil {
			t.Errorf("%q is taken for a path", path)
		}
	}
}

func TestTemplate(t *testing.T) {
	t.Parallel()
	e, err := eventpattern.ParseEvent(sample)
	if err != nil {
		t.Fatal(err)
	}
	paths := map[string]string{"s": "$.detail.state", "n": "$.detail.n", "o": "$.detail.o", "gone": "$.gone", "r": "$.resources"}
	for template, want := range map[string]string{
		`{"a":<s>,"b":"is <s>, <n>","c":<o>,"d":"<o>"}`: `{"a":"RUN\"NING","b":"is RUN\"NING, 1.50","c":{"k":"v"},"d":"{\"k\":\"v\"}"}`,
		`"state <s>"`:               `"state RUN\"NING"`,
		`<s>`:                       `"RUN\"NING"`,
		`<s> in "<n>"`:              `RUN"NING in "1.50"`,
		`[<n>,<r>]`:                 `[1.50,["r1","r2"]]`,
		`{"a":<gone>,"b":"<gone>"}`: `{"a":"","b":""}`,
		`{"a":<aws.events.rule-arn>,"b":"1 < 2 > 1"}`: `{"a":"arn","b":"1 < 2 > 1"}`,
		`{"a":"\"<n>"}`: `{"a":"\"1.50"}`,
		`plain`:         `plain`,
	} {
		tm, err := eventpattern.ParseTemplate(template, paths, func(name string) bool { return name == "aws.events.rule-arn" })
		if err != nil {
			t.Errorf("%s: %v", template, err)
			continue
		}
		got, ok := tm.Render(e, func(string) string { return `"arn"` })
		if got != want || !ok {
			t.Errorf("%s = %s, want %s", template, got, want)
		}
		if template[0] == '{' && !json.Valid([]byte(got)) {
			t.Errorf("%s makes no JSON: %s", template, got)
		}
	}
	large, err := eventpattern.ParseTemplate(strings.Repeat("<n>", 100_000), paths, func(string) bool { return false })
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := large.Render(e, func(string) string { return "" }); ok {
		t.Error("400,000 bytes are rendered")
	}
	if _, err := eventpattern.ParseTemplate("<x>", nil, func(string) bool { return false }); err == nil {
		t.Error("an undefined variable is taken")
	}
	if _, err := eventpattern.ParseTemplate("<x>", map[string]string{"x": "y"}, func(string) bool { return false }); err == nil {
		t.Error("a path that is none is taken")
	}
}

func FuzzTemplate(f *testing.F) {
	f.Add(`{"a":<x>,"b":"\"<x>"}`, `{"x":"\u0000"}`)
	f.Fuzz(func(t *testing.T, template, event string) {
		e, err := eventpattern.ParseEvent(event)
		if err != nil {
			return
		}
		tm, err := eventpattern.ParseTemplate(template, map[string]string{"x": "$.x"}, func(string) bool { return false })
		if err != nil {
			return
		}
		got, ok := tm.Render(e, func(string) string { return `""` })
		if ok && json.Valid([]byte(template)) && !json.Valid([]byte(got)) {
			t.Errorf("%q of %q is no JSON: %q", template, event, got)
		}
	})
}
