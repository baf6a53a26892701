package logpattern

import (
	"regexp"
	"strings"
)

// A lexer walks over a pattern.
type lexer struct {
	s  string
	at int
}

func (l *lexer) end() bool { return l.at >= len(l.s) }

func (l *lexer) peek() byte {
	if l.end() {
		return 0
	}
	return l.s[l.at]
}

func (l *lexer) space() {
	for !l.end() && (l.s[l.at] == ' ' || l.s[l.at] == '\t' || l.s[l.at] == '\n' || l.s[l.at] == '\r') {
		l.at++
	}
}

// take passes over a text if it is next.
func (l *lexer) take(text string) bool {
	if !strings.HasPrefix(l.s[l.at:], text) {
		return false
	}
	l.at += len(text)
	return true
}

// word reads up to a byte of stop, or a space.
func (l *lexer) word(stop string) string {
	from := l.at
	for !l.end() && !strings.ContainsRune(" \t\n\r"+stop, rune(l.s[l.at])) {
		l.at++
	}
	return l.s[from:l.at]
}

// quoted reads a text in double quotes, in which a backslash stands before a quote
// or another backslash.
func (l *lexer) quoted() (string, error) {
	var b strings.Builder
	for l.at++; !l.end(); l.at++ {
		switch c := l.s[l.at]; {
		case c == '"':
			l.at++
			return b.String(), nil
		case c == '\\' && l.at+1 < len(l.s) && (l.s[l.at+1] == '"' || l.s[l.at+1] == '\\'):
			l.at++
			b.WriteByte(l.s[l.at])
		default:
			b.WriteByte(c)
		}
	}
	return "", syntax("a quote is not closed")
}

// regex reads %expression%. Go's expressions take linear time, so that none is a
// danger; what they can't express is refused.
func (l *lexer) regex() (*regexp.Regexp, error) {
	l.at++
	n := strings.IndexByte(l.s[l.at:], '%')
	if n <= 0 {
		return nil, syntax("a regular expression is not closed")
	}
	re, err := regexp.Compile(l.s[l.at : l.at+n])
	if err != nil {
		return nil, syntax("the regular expression %q", l.s[l.at:l.at+n])
	}
	l.at += n + 1
	return re, nil
}

// term reads one word of an unstructured pattern. What is not alphanumeric needs
// quotes at AWS; here it is taken without them too, but for what begins a structure.
func (l *lexer) term() (t term, err error) {
	switch l.peek() {
	case '"':
		t.text, err = l.quoted()
	case '%':
		t.re, err = l.regex()
	default:
		t.text = l.word(`"`)
	}
	if err == nil && t.text == "" && t.re == nil {
		err = syntax("a term is empty")
	}
	return t, err
}
