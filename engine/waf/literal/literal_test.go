package literal_test

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/garrison-cloud/garrison/engine/waf/literal"
)

// TestScan compares with strings.Contains over drawn sets and texts of a small
// alphabet, where strings overlap and are parts of each other.
func TestScan(t *testing.T) {
	t.Parallel()
	word := rapid.StringOfN(rapid.SampledFrom([]rune("abAB/.")), 1, 5, -1)
	rapid.Check(t, func(t *rapid.T) {
		var b literal.Builder
		type want struct {
			text  string
			exact bool
		}
		var wants []want
		for range rapid.IntRange(1, 80).Draw(t, "words") {
			w := want{word.Draw(t, "word"), rapid.Bool().Draw(t, "exact")}
			if n := b.Add(w.text, w.exact); n == len(wants) {
				wants = append(wants, w)
			} else if wants[n] != w {
				t.Fatalf("%v has the number of %v", w, wants[n])
			}
		}
		set := b.Build()
		text := rapid.StringOfN(rapid.SampledFrom([]rune("abAB/.x")), 0, 40, -1).Draw(t, "text")
		hits := make(literal.Hits, set.Words())
		set.Scan(text, hits)
		anyFound := false
		for n, w := range wants {
			found := strings.Contains(text, w.text)
			if !w.exact {
				found = strings.Contains(strings.ToLower(text), strings.ToLower(w.text))
			}
			anyFound = anyFound || found
			if hits.Has(n) != found {
				t.Fatalf("%q exact %v in %q: got %v, want %v", w.text, w.exact, text, hits.Has(n), found)
			}
		}
		if set.Any(text) != anyFound {
			t.Fatalf("any in %q: got %v, want %v", text, !anyFound, anyFound)
		}
	})
}
