package waf

import (
	"slices"
	"strings"
	"testing"

	"github.com/corazawaf/libinjection-go"
)

// FuzzInjection shows that what spares libinjection a value hides no finding.
func FuzzInjection(f *testing.F) {
	for _, s := range []string{
		"1 or 1", "select a from b", "1 union select 2", "group by x having 1", "order by 1", "a", "is not null", "sleep 5",
		"1' or '1'='1", "<script>", "x onerror=alert(1)", "1or 1", "0x31 and 1", "exec xp_cmdshell", "not in", "a  b", "1e5 or 1",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if is, print := libinjection.IsSQLi(s); is && unsuspicious(s) {
			t.Errorf("%q (%s) passes as unsuspicious", s, print)
		}
		if libinjection.IsXSS(s) && !isXSS(s) {
			t.Errorf("%q passes as no script", s)
		}
	})
}

// TestSpared draws every sentence of up to five words from the kinds of words
// that libinjection tells apart.
func TestSpared(t *testing.T) {
	t.Parallel()
	words := []string{"zebra", "7", "by", "null", "sleep", "user", "int", "collate", "from", "table", "true", "where", "as"}
	var say func(sentence []string)
	say = func(sentence []string) {
		s := strings.Join(sentence, " ")
		if is, print := libinjection.IsSQLi(s); is && unsuspicious(s) {
			t.Errorf("%q (%s) passes as unsuspicious", s, print)
		}
		if len(sentence) == 4 {
			return
		}
		for _, w := range words {
			say(append(slices.Clip(sentence), w))
		}
	}
	say(nil)
}
