package logpattern

import (
	"math"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
)

// A value is what a selector or a field finds in a message.
type value struct {
	text   string
	number float64
	// kind is one of 's' string, 'n' number, 'b' boolean, '0' null, 'o' structure
	// and 0 for nothing there.
	kind byte
}

// A condition holds a value to a comparison.
type condition func(value) bool

// operand reads the right side of a comparison and makes its condition.
func (l *lexer) operand(op, stop string) (condition, error) {
	l.space()
	switch {
	case l.peek() == '"':
		s, err := l.quoted()
		if err != nil {
			return nil, err
		}
		return textual(op, s)
	case l.peek() == '%':
		re, err := l.regex()
		if err != nil {
			return nil, err
		}
		return negated(op, func(v value) bool { return v.kind != 0 && re.MatchString(v.text) })
	}
	w := l.word(stop)
	if w == "" {
		return nil, syntax("%s lacks a value", op)
	}
	if n, err := strconv.ParseFloat(strings.TrimSuffix(w, "*"), 64); err == nil && !strings.Contains(w, "*") && !math.IsNaN(n) {
		return numeric(op, n)
	}
	return textual(op, w)
}

// operator reads a comparison.
func (l *lexer) operator() (string, error) {
	l.space()
	for _, op := range []string{"!=", "<=", ">=", "=", "<", ">"} {
		if l.take(op) {
			return op, nil
		}
	}
	return "", syntax("no comparison at %d", l.at)
}

// negated makes = and != of a test; a value that is not there is unequal to all.
func negated(op string, test condition) (condition, error) {
	switch op {
	case "=":
		return test, nil
	case "!=":
		return func(v value) bool { return !test(v) }, nil
	default:
		return nil, syntax("%s compares numbers", op)
	}
}

// textual compares strings, with * for any characters, and addresses with a prefix.
func textual(op, want string) (condition, error) {
	if p, err := netip.ParsePrefix(want); err == nil {
		return negated(op, func(v value) bool {
			a, err := netip.ParseAddr(v.text)
			return err == nil && p.Contains(a)
		})
	}
	if !strings.Contains(want, "*") {
		return negated(op, func(v value) bool { return v.kind != 0 && v.kind != 'o' && v.text == want })
	}
	parts := strings.Split(want, "*")
	for i := range parts {
		parts[i] = regexp.QuoteMeta(parts[i])
	}
	re, err := regexp.Compile("(?s)^" + strings.Join(parts, ".*") + "$")
	if err != nil {
		return nil, syntax("the value %q", want)
	}
	return negated(op, func(v value) bool { return v.kind != 0 && v.kind != 'o' && re.MatchString(v.text) })
}

// numeric compares numbers; what is none is unequal, and neither less nor more.
func numeric(op string, want float64) (condition, error) {
	is := func(cmp func(float64) bool) condition {
		return func(v value) bool { return v.kind == 'n' && cmp(v.number) }
	}
	switch op {
	case "=":
		return is(func(n float64) bool { return n == want }), nil
	case "!=":
		return func(v value) bool { return v.kind != 'n' || v.number != want }, nil
	case "<":
		return is(func(n float64) bool { return n < want }), nil
	case "<=":
		return is(func(n float64) bool { return n <= want }), nil
	case ">":
		return is(func(n float64) bool { return n > want }), nil
	default:
		return is(func(n float64) bool { return n >= want }), nil
	}
}
