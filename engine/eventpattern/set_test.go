package eventpattern_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/garrison-cloud/garrison/engine/eventpattern"
)

// scalars are few, so that patterns and events meet.
func scalars() *rapid.Generator[string] {
	return rapid.SampledFrom([]string{`"a"`, `"b"`, `"ab"`, `""`, `null`, `true`, `1`, `2`, `1.0`})
}

func keys() *rapid.Generator[string] { return rapid.SampledFrom([]string{"x", "y", "z"}) }

func eventValue(t *rapid.T, depth int) string {
	switch k := rapid.IntRange(0, 5).Draw(t, "kind"); {
	case k == 0 && depth > 0:
		return eventObject(t, depth-1)
	case k == 1 && depth > 0:
		out := "["
		for i := range rapid.IntRange(0, 3).Draw(t, "items") {
			if i > 0 {
				out += ","
			}
			out += eventValue(t, depth-1)
		}
		return out + "]"
	}
	return scalars().Draw(t, "scalar")
}

func eventObject(t *rapid.T, depth int) string {
	out := "{"
	for i, k := range rapid.SliceOfNDistinct(keys(), 0, 3, rapid.ID[string]).Draw(t, "keys") {
		if i > 0 {
			out += ","
		}
		out += fmt.Sprintf("%q:%s", k, eventValue(t, depth))
	}
	return out + "}"
}

func patternObject(t *rapid.T, depth int) string {
	out := "{"
	for i, k := range rapid.SliceOfNDistinct(keys(), 1, 3, rapid.ID[string]).Draw(t, "keys") {
		if i > 0 {
			out += ","
		}
		value := ""
		if depth > 0 && rapid.Bool().Draw(t, "nested") {
			value = patternObject(t, depth-1)
		} else {
			value = patternLeaf(t)
		}
		out += fmt.Sprintf("%q:%s", k, value)
	}
	if depth > 0 && rapid.IntRange(0, 3).Draw(t, "or") == 0 {
		out += `,"$or":[` + patternObject(t, depth-1) + "," + patternObject(t, depth-1) + "]"
	}
	return out + "}"
}

func patternLeaf(t *rapid.T) string {
	tests := rapid.SampledFrom([]string{
		`{"prefix":"a"}`, `{"suffix":"b"}`, `{"exists":true}`, `{"exists":false}`, `{"anything-but":["a","b"]}`,
		`{"anything-but":1}`, `{"numeric":[">",0,"<",2]}`, `{"numeric":["=",1]}`, `{"wildcard":"a*"}`, `{"equals-ignore-case":"AB"}`,
	})
	out := "["
	for i := range rapid.IntRange(1, 2).Draw(t, "values") {
		if i > 0 {
			out += ","
		}
		if rapid.IntRange(0, 2).Draw(t, "exact") > 0 {
			out += scalars().Draw(t, "value")
		} else {
			out += tests.Draw(t, "test")
		}
	}
	return out + "]"
}

// TestSetAgrees holds the set to the patterns by themselves, and these to a plain
// evaluator of the guide's rules.
func TestSetAgrees(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var texts []string
		var patterns []*eventpattern.Pattern
		for range rapid.IntRange(1, 8).Draw(t, "patterns") {
			text := patternObject(t, 2)
			p, err := eventpattern.Parse(text)
			if err != nil {
				t.Fatalf("parse %s: %v", text, err)
			}
			texts, patterns = append(texts, text), append(patterns, p)
		}
		event := eventObject(t, 3)
		e, err := eventpattern.ParseEvent(event)
		if err != nil {
			t.Fatalf("parse %s: %v", event, err)
		}
		var want []int
		for i, text := range texts {
			if plainMatch(text, event) {
				want = append(want, i)
			}
			if got := patterns[i].Match(e); got != plainMatch(text, event) {
				t.Errorf("%s on %s = %t", text, event, got)
			}
		}
		if got := eventpattern.NewSet(patterns).Match(e); !slices.Equal(got, want) {
			t.Errorf("%v on %s = %v, want %v", texts, event, got, want)
		}
	})
}

func FuzzParse(f *testing.F) {
	f.Add(`{"x":[{"prefix":"a"},"b",1,null],"$or":[{"y":[{"numeric":[">",0,"<",5]}]},{"z":{"a":[{"exists":false}]}}]}`, `{"x":"ab"}`)
	f.Add(`{"x":[{"wildcard":"a*b\\*"},{"cidr":"10.0.0.0/8"}]}`, `{"x":["a","\ud800"]}`)
	f.Fuzz(func(t *testing.T, pattern, event string) {
		e, err := eventpattern.ParseEvent(event)
		if (err == nil) != json.Valid([]byte(event)) && err == nil {
			t.Errorf("%q is taken for an event", event)
		}
		p, fault := eventpattern.Parse(pattern)
		if fault != nil {
			_ = fault.Error()
			return
		}
		if e == nil {
			return
		}
		got := len(eventpattern.NewSet([]*eventpattern.Pattern{p}).Match(e)) == 1
		if want := p.Match(e); got != want {
			t.Errorf("the set says %t of %q on %q, the pattern %t", got, pattern, event, want)
		}
	})
}

func BenchmarkSetOf300(b *testing.B) {
	var patterns []*eventpattern.Pattern
	for i := range 300 {
		p, err := eventpattern.Parse(fmt.Sprintf(`{"source":["app.orders"],"detail-type":["t%d"],"detail":{"amount":[{"numeric":[">",%d]}]}}`, i%100, i))
		if err != nil {
			b.Fatal(err)
		}
		patterns = append(patterns, p)
	}
	set := eventpattern.NewSet(patterns)
	text := `{"version":"0","id":"1","detail-type":"t7","source":"app.orders","account":"111122223333","detail":{"amount":1000,"items":[1,2,3]}}`
	b.ReportAllocs()
	for b.Loop() {
		e, err := eventpattern.ParseEvent(text)
		if err != nil || len(set.Match(e)) != 3 {
			b.Fatal("not three")
		}
	}
}
