// Package logpattern reads and applies the filter patterns of CloudWatch Logs
// (CloudWatch Logs User Guide, "Filter pattern syntax"): terms, JSON selectors and
// space-delimited fields. It refuses what it cannot read, and bounds what it
// compiles, so that no pattern makes a match slow.
//
//	Parse(text) → *Pattern → Match(message)
package logpattern

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// maxPattern is the longest pattern in bytes (CloudWatch Logs API Reference,
// FilterPattern).
const maxPattern = 1024

// ErrSyntax is what every refusal wraps.
var ErrSyntax = errors.New("invalid filter pattern")

func syntax(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrSyntax, fmt.Sprintf(format, args...))
}

// A Pattern is a filter, ready for use. It is immutable.
type Pattern struct {
	match func(message string) bool
}

// Match tells whether a message passes the filter.
func (p *Pattern) Match(message string) bool { return p.match(message) }

// Parse reads a pattern. An empty one matches everything.
func Parse(s string) (*Pattern, error) {
	if len(s) > maxPattern {
		return nil, syntax("longer than %d bytes", maxPattern)
	}
	s = strings.TrimSpace(s)
	switch {
	case s == "":
		return &Pattern{func(string) bool { return true }}, nil
	case strings.HasPrefix(s, "{"):
		return parseJSON(s)
	case strings.HasPrefix(s, "["):
		return parseFields(s)
	default:
		return parseTerms(s)
	}
}

// A term is one word of an unstructured pattern.
type term struct {
	text string
	re   *regexp.Regexp
}

func (t *term) in(message string) bool {
	if t.re != nil {
		return t.re.MatchString(message)
	}
	return contains(message, t.text)
}

// contains finds a term anywhere in a message; case counts.
func contains(message, text string) bool { return strings.Contains(message, text) }

// parseTerms reads words that must all be there, -words that must not, and ?words
// of which one must. Where there are others, ?words do not count (User Guide, "Match
// terms using conditional").
func parseTerms(s string) (*Pattern, error) {
	var all, none, anyOf []term
	for l := (&lexer{s: s}); ; {
		l.space()
		if l.end() {
			break
		}
		list := &all
		switch l.peek() {
		case '-':
			list, l.at = &none, l.at+1
		case '?':
			list, l.at = &anyOf, l.at+1
		}
		t, err := l.term()
		if err != nil {
			return nil, err
		}
		*list = append(*list, t)
	}
	if len(all)+len(none) > 0 {
		anyOf = nil
	}
	return &Pattern{func(m string) bool {
		in := func(t term) bool { return t.in(m) }
		return !slices.ContainsFunc(none, in) && !slices.ContainsFunc(all, func(t term) bool { return !t.in(m) }) &&
			(len(anyOf) == 0 || slices.ContainsFunc(anyOf, in))
	}}, nil
}
