package secretsmanager

import (
	"strings"
	"unicode"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
)

// matches reports whether a secret passes every filter.
func (s *secret) matches(filters []types.Filter) bool {
	for i := range filters {
		if !s.passes(&filters[i]) {
			return false
		}
	}
	return true
}

// passes reports whether one of a filter's values fits, if it has any that is not
// a negation, and none of its negations does.
func (s *secret) passes(f *types.Filter) bool {
	wanted, found := false, false
	for _, v := range f.Values {
		if unwanted, negated := strings.CutPrefix(v, "!"); negated {
			if s.fits(f.Key, unwanted) {
				return false
			}
			continue
		}
		wanted, found = true, found || s.fits(f.Key, v)
	}
	return found || !wanted
}

// fits compares one value (Secrets Manager API Reference, Filter; User Guide,
// "Find secrets").
func (s *secret) fits(key types.FilterNameStringType, v string) bool {
	switch key {
	case types.FilterNameStringTypeName:
		return strings.HasPrefix(s.Name, v)
	case types.FilterNameStringTypeDescription:
		return everyWord(v, words(s.Description))
	case types.FilterNameStringTypeTagKey:
		return s.anyTag(func(key, _ string) bool { return strings.HasPrefix(key, v) })
	case types.FilterNameStringTypeTagValue:
		return s.anyTag(func(_, value string) bool { return strings.HasPrefix(value, v) })
	case types.FilterNameStringTypePrimaryRegion:
		return strings.HasPrefix(s.primary(), v)
	case types.FilterNameStringTypeOwningService:
		return false // no service owns secrets here
	default: // all
		return anyWord(v, s.allWords())
	}
}

func (s *secret) anyTag(fits func(key, value string) bool) bool {
	for k, v := range s.Tags {
		if fits(k, v) {
			return true
		}
	}
	return false
}

func (s *secret) allWords() []string {
	out := append(words(s.Name), words(s.Description)...)
	for k, v := range s.Tags {
		out = append(append(out, words(k)...), words(v)...)
	}
	return out
}

// words takes text apart in lower case: at what is neither letter nor digit, where
// a capital follows a small letter, and between letters and digits.
func words(text string) []string {
	var out []string
	var word []rune
	var before rune
	end := func() {
		if len(word) > 0 {
			out = append(out, string(word))
		}
		word = word[:0]
	}
	for _, c := range text {
		letter, digit := unicode.IsLetter(c), unicode.IsDigit(c)
		if !letter && !digit || unicode.IsUpper(c) && unicode.IsLower(before) || letter && unicode.IsDigit(before) || digit && unicode.IsLetter(before) {
			end()
		}
		if letter || digit {
			word = append(word, unicode.ToLower(c))
		}
		before = c
	}
	end()
	return out
}

// everyWord reports whether each word of what is looked for begins one of those.
func everyWord(sought string, in []string) bool {
	for _, w := range words(sought) {
		if !begins(w, in) {
			return false
		}
	}
	return true
}

// anyWord reports whether some word of what is looked for begins one of those.
func anyWord(sought string, in []string) bool {
	for _, w := range words(sought) {
		if begins(w, in) {
			return true
		}
	}
	return false
}

func begins(prefix string, words []string) bool {
	for _, w := range words {
		if strings.HasPrefix(w, prefix) {
			return true
		}
	}
	return false
}
