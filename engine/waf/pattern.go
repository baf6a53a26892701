package waf

import (
	"regexp"
	"regexp/syntax"
	"unicode/utf8"

	"github.com/garrison-cloud/garrison/engine/waf/literal"
)

// maxPattern is the longest pattern AWS takes, in characters.
const maxPattern = 512

// pattern is a compiled regular expression with strings one of which every
// match must contain, in any ASCII case. need is empty where none are known.
type pattern struct {
	re   *regexp.Regexp
	need []string
	any  *literal.Set
}

// compilePattern takes what AWS takes: RE2's language has no back-reference, no
// look-around and no recursion, and AWS refuses those of PCRE as well.
func compilePattern(text string) (*pattern, error) {
	if text == "" || utf8.RuneCountInString(text) > maxPattern {
		return nil, invalid("REGEX_PATTERN_REFERENCE_STATEMENT", text, "The parameter must have between 1 and 512 characters.")
	}
	re, err := regexp.Compile(text)
	if err != nil {
		return nil, invalid("REGEX_PATTERN_REFERENCE_STATEMENT", text, "The parameter contains formatting that is not valid.")
	}
	p := &pattern{re: re}
	if tree, err := syntax.Parse(text, syntax.Perl); err == nil {
		p.need = required(tree.Simplify())
	}
	if len(p.need) > 0 {
		var b literal.Builder
		for _, s := range p.need {
			b.Add(s, false)
		}
		p.any = b.Build()
	}
	return p, nil
}

// match is for a pattern outside of a slot's own scan.
func (p *pattern) match(s string) bool {
	return (p.any == nil || p.any.Any(s)) && p.re.MatchString(s)
}

const (
	minNeed = 2
	maxNeed = 48
)

// required returns strings of which every match contains at least one, or nil.
// Unicode's folding of k and s to non-ASCII letters is left aside: AWS's
// patterns match bytes.
func required(re *syntax.Regexp) []string {
	switch re.Op {
	case syntax.OpLiteral:
		return requiredLiteral(re.Rune)
	case syntax.OpCapture, syntax.OpPlus:
		return required(re.Sub[0])
	case syntax.OpRepeat:
		if re.Min > 0 {
			return required(re.Sub[0])
		}
	case syntax.OpConcat:
		var best []string
		for _, sub := range re.Sub {
			if set := required(sub); shortest(set) > shortest(best) {
				best = set
			}
		}
		return best
	case syntax.OpAlternate:
		return requiredOfAll(re.Sub)
	default:
	}
	return nil
}

func requiredLiteral(runes []rune) []string {
	for _, r := range runes {
		if r >= utf8.RuneSelf {
			return nil
		}
	}
	if len(runes) < minNeed {
		return nil
	}
	return []string{string(runes)}
}

func requiredOfAll(subs []*syntax.Regexp) []string {
	var all []string
	for _, sub := range subs {
		set := required(sub)
		if set == nil {
			return nil
		}
		all = append(all, set...)
	}
	if len(all) > maxNeed {
		return nil
	}
	return all
}

// shortest is the length of the set's shortest string: the longer it is, the
// more rarely is the pattern run.
func shortest(set []string) int {
	if len(set) == 0 {
		return 0
	}
	n := len(set[0])
	for _, s := range set {
		n = min(n, len(s))
	}
	return n
}
