package logpattern

import (
	"strconv"
	"strings"
)

// A field is one of a space-delimited pattern; conditions may be none.
type field struct {
	any  bool // "...": any number of fields
	test condition
}

// parseFields reads [ip, user, time, request = "GET*", status >= 400 || status = 200, ..., bytes].
func parseFields(s string) (*Pattern, error) {
	if !strings.HasSuffix(s, "]") {
		return nil, syntax("a bracket is not closed")
	}
	l := &lexer{s: s[1 : len(s)-1]}
	var fields []field
	dots := 0
	for {
		f, err := l.field()
		if err != nil {
			return nil, err
		}
		if f.any {
			dots++
		}
		fields = append(fields, f)
		if l.space(); l.end() {
			break
		}
		if !l.take(",") {
			return nil, syntax("%q where a comma was expected", l.s[l.at:])
		}
	}
	if dots > 1 {
		return nil, syntax("there is more than one ellipsis")
	}
	return &Pattern{func(m string) bool { return matchFields(fields, split(m)) }}, nil
}

func (l *lexer) field() (field, error) {
	l.space()
	if l.take("...") {
		return field{any: true}, nil
	}
	name := l.word(",=!<>&|()")
	if l.space(); l.end() || l.peek() == ',' {
		if name == "" {
			return field{}, syntax("a field has no name")
		}
		return field{}, nil
	}
	c, err := l.condition(name)
	return field{test: c}, err
}

// condition reads what follows a field's name: comparisons of it, joined by && or ||.
// && binds closer.
func (l *lexer) condition(name string) (condition, error) {
	left, err := l.operatorAndOperand()
	if err != nil {
		return nil, err
	}
	for {
		l.space()
		or := false
		switch {
		case l.take("&&"):
		case l.take("||"):
			or = true
		default:
			return left, nil
		}
		l.space()
		if again := l.word(",=!<>&|()"); again != name {
			return nil, syntax("a condition of %q speaks of %q", name, again)
		}
		a := left
		if or {
			b, err := l.condition1(name)
			if err != nil {
				return nil, err
			}
			left = func(v value) bool { return a(v) || b(v) }
			continue
		}
		b, err := l.operatorAndOperand()
		if err != nil {
			return nil, err
		}
		left = func(v value) bool { return a(v) && b(v) }
	}
}

// condition1 reads comparisons joined by && only.
func (l *lexer) condition1(name string) (condition, error) {
	left, err := l.operatorAndOperand()
	for err == nil {
		from := l.at
		if l.space(); !l.take("&&") {
			l.at = from
			return left, nil
		}
		l.space()
		if again := l.word(",=!<>&|()"); again != name {
			return nil, syntax("a condition of %q speaks of %q", name, again)
		}
		a := left
		var b condition
		b, err = l.operatorAndOperand()
		left = func(v value) bool { return a(v) && b(v) }
	}
	return nil, err
}

func (l *lexer) operatorAndOperand() (condition, error) {
	op, err := l.operator()
	if err != nil {
		return nil, err
	}
	return l.operand(op, ",&|")
}

// split takes a message apart at spaces; quotes and brackets keep theirs, and are
// not of the field.
func split(m string) (out []string) {
	for i := 0; i < len(m); {
		switch m[i] {
		case ' ', '\t', '\n', '\r':
			i++
			continue
		case '"', '[':
			end := byte('"')
			if m[i] == '[' {
				end = ']'
			}
			if n := strings.IndexByte(m[i+1:], end); n >= 0 {
				out = append(out, m[i+1:i+1+n])
				i += n + 2
				continue
			}
		}
		n := strings.IndexAny(m[i:], " \t\n\r")
		if n < 0 {
			n = len(m) - i
		}
		out = append(out, m[i:i+n])
		i += n
	}
	return out
}

// matchFields wants as many words as there are fields, but for the ellipsis.
func matchFields(fields []field, words []string) bool {
	for i, f := range fields {
		if !f.any {
			continue
		}
		tail := len(fields) - i - 1
		return len(words) >= len(fields)-1 && matchAll(fields[:i], words[:i]) && matchAll(fields[i+1:], words[len(words)-tail:])
	}
	return len(words) == len(fields) && matchAll(fields, words)
}

func matchAll(fields []field, words []string) bool {
	for i, f := range fields {
		if f.test == nil {
			continue
		}
		v := value{text: words[i], kind: 's'}
		if n, err := strconv.ParseFloat(words[i], 64); err == nil {
			v.number, v.kind = n, 'n'
		}
		if !f.test(v) {
			return false
		}
	}
	return true
}
