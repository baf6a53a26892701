package wire_test

import (
	"maps"
	"slices"
	"testing"

	"github.com/garrison-cloud/garrison/internal/wire"
	"github.com/garrison-cloud/garrison/internal/wire/model"
)

// TestPatterns names every pattern of every model that RE2 cannot express, and
// that is therefore not checked.
func TestPatterns(t *testing.T) {
	t.Parallel()
	want := []string{"ec2.SecretArn", "lambda.CollectionName", "ssm.StringDateTime"}
	var got []string
	for name := range model.Names() {
		table, _ := model.Lookup(name)
		for s := range table.Shapes() {
			if s.Pattern == "" {
				continue
			}
			if _, err := wire.Translate(s.Pattern); err != nil {
				got = append(got, name+"."+s.Name)
			}
		}
	}
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("patterns that are not checked: %v, want %v", got, want)
	}
}

func TestTranslate(t *testing.T) {
	t.Parallel()
	for java, cases := range map[string]map[string]bool{
		`[\w+=,.@-]+`:                   {"a.b": true, "a b": false, "a\n": false, "é": false},
		`[\u0020-\uD7FF\uE000-\uFFFD]*`: {"aé☃": true, "\n": false, "𝄞": false},
		`[\uD800\uDC00-\uDBFF\uDFFF]+`:  {"𝄞": true, "a": false},
		`a|b`:                           {"a": true, "b": true, "ab": false, "xa": false},
		`^a$`:                           {"a": true, "ba": false},
		`[a-z]{1,2048}`:                 {"abc": true, "": false, "A": false},
		`\p{Alnum}+`:                    {"aZ9": true, "_": false},
		`[\p{Alnum}_]+`:                 {"aZ9_": true, "-": false},
		`\"x\"`:                         {`"x"`: true},
		`(?!^[0-9]+$)([a-zA-Z0-9-_]+)`:  {"v1": true, "1": false, "": false, "-": true},
		`[0-9A-Za-z\.\-_]*(?<!\.)`:      {"a.b": true, "a.": false},
		`^(?!\s*$).+`:                   {"a": true, " a b ": true, "": false, "  ": false, "a\n": false},
		`[\p{L}\p{Z}\p{N}_.:/=+\-@]*`:   {"Größe 1": true, "a;b": false},
	} {
		re, err := wire.Translate(java)
		if err != nil {
			t.Errorf("%s: %v", java, err)
			continue
		}
		for _, s := range slices.Sorted(maps.Keys(cases)) {
			if got := re.MatchString(s); got != cases[s] {
				t.Errorf("%s matches %q: %t, want %t", java, s, got, cases[s])
			}
		}
	}
	for _, java := range []string{`(?!a)b`, `\uZZZZ`, `\uD800x`, `a**`} {
		if re, err := wire.Translate(java); err == nil {
			t.Errorf("%s became %s, want an error", java, re)
		}
	}
}
