package accessanalyzer

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// matches is the plainest matcher there is.
func matches(p pattern, s []rune) bool {
	switch {
	case len(p) == 0:
		return len(s) == 0
	case p[0] == many:
		return matches(p[1:], s) || len(s) > 0 && matches(p, s[1:])
	case len(s) == 0:
		return false
	default:
		return (p[0] == one || p[0] == s[0]) && matches(p[1:], s[1:])
	}
}

// words are all texts of up to five of three letters, one of which no pattern has.
func words() [][]rune {
	out := [][]rune{{}}
	for from := 0; len(out[from]) < 5; from++ {
		for _, c := range "abz" {
			out = append(out, append(append([]rune{}, out[from]...), c))
		}
	}
	return out
}

// TestPatternsExactly holds both questions to the enumeration of short texts.
func TestPatternsExactly(t *testing.T) {
	t.Parallel()
	all := words()
	drawn := rapid.Custom(func(t *rapid.T) string {
		return strings.Join(rapid.SliceOfN(rapid.SampledFrom([]string{"a", "b", "*", "?"}), 0, 4).Draw(t, "p"), "")
	})
	rapid.Check(t, func(t *rapid.T) {
		p := newPattern(drawn.Draw(t, "p"))
		var list []pattern
		for _, q := range rapid.SliceOfN(drawn, 1, 3).Draw(t, "list") {
			list = append(list, newPattern(q))
		}
		within, meets := true, false
		for _, s := range all {
			if !matches(p, s) {
				continue
			}
			some := false
			for _, q := range list {
				some = some || matches(q, s)
			}
			within = within && some
			meets = meets || matches(list[0], s)
		}
		got := p.within(list)
		if got && !within {
			t.Fatalf("%v within %v: proved, and false", p, list)
		}
		if !got && within && len(p) < 3 { // longer ones may differ in longer texts only
			t.Fatalf("%v within %v: not proved", p, list)
		}
		if got := p.meets(list[0]); got != meets && (meets || len(p)+len(list[0]) < 5) {
			t.Fatalf("%v meets %v = %t, want %t", p, list[0], got, meets)
		}
	})
}

// TestPatternTable names what is meant.
func TestPatternTable(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		p    string
		list string
		want bool
	}{
		{"s3:get*", "s3:*", true},
		{"s3:*", "s3:get*", false},
		{"s3:getobject", "s3:get* s3:put*", true},
		{"a*b", "a*", true},
		{"*a*", "*a", false},
		{"*", "a* ?*", false},
		{"*", "", false},
		{"?*", "*?", true},
		{"**", "*", true},
	} {
		var list []pattern
		for q := range strings.FieldsSeq(tt.list) {
			list = append(list, newPattern(q))
		}
		if got := newPattern(tt.p).within(list); got != tt.want {
			t.Errorf("%s within %s = %t, want %t", tt.p, tt.list, got, tt.want)
		}
	}
}
