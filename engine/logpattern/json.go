package logpattern

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// maxDepth bounds parentheses, and how deep a message is looked into.
const maxDepth = 32

// A test is a part of a JSON pattern: it judges a whole message.
type test func(root json.RawMessage) bool

// parseJSON reads { $.a = "x" && ( $.b > 3 || $.c IS NULL ) }.
func parseJSON(s string) (*Pattern, error) {
	if !strings.HasSuffix(s, "}") {
		return nil, syntax("a brace is not closed")
	}
	l := &lexer{s: s[1 : len(s)-1]}
	t, err := l.either(0)
	if err != nil {
		return nil, err
	}
	if l.space(); !l.end() {
		return nil, syntax("%q is left over", l.s[l.at:])
	}
	return &Pattern{func(m string) bool {
		// A message may have text before its JSON only as a whole line of it: AWS looks
		// at messages that are JSON.
		root := json.RawMessage(strings.TrimSpace(m))
		return len(root) > 0 && (root[0] == '{' || root[0] == '[') && json.Valid(root) && t(root)
	}}, nil
}

func (l *lexer) either(depth int) (test, error) {
	left, err := l.both(depth)
	for err == nil {
		if l.space(); !l.take("||") {
			return left, nil
		}
		a := left
		var b test
		b, err = l.both(depth)
		left = func(r json.RawMessage) bool { return a(r) || b(r) }
	}
	return nil, err
}

func (l *lexer) both(depth int) (test, error) {
	left, err := l.one(depth)
	for err == nil {
		if l.space(); !l.take("&&") {
			return left, nil
		}
		a := left
		var b test
		b, err = l.one(depth)
		left = func(r json.RawMessage) bool { return a(r) && b(r) }
	}
	return nil, err
}

func (l *lexer) one(depth int) (test, error) {
	l.space()
	if !l.take("(") {
		return l.comparison()
	}
	if depth == maxDepth {
		return nil, syntax("parentheses are too deep")
	}
	t, err := l.either(depth + 1)
	if err != nil {
		return nil, err
	}
	if l.space(); !l.take(")") {
		return nil, syntax("a parenthesis is not closed")
	}
	return t, nil
}

// comparison reads $.path op value, or $.path IS …, or $.path NOT EXISTS.
func (l *lexer) comparison() (test, error) {
	path, err := l.selector()
	if err != nil {
		return nil, err
	}
	c, err := l.predicate()
	if err != nil {
		return nil, err
	}
	return func(root json.RawMessage) bool { return find(root, path, c) }, nil
}

func (l *lexer) predicate() (condition, error) {
	l.space()
	from := l.at
	switch strings.ToUpper(l.word("=!<>()&|")) {
	case "IS":
		l.space()
		switch strings.ToUpper(l.word(")&|")) {
		case "TRUE":
			return func(v value) bool { return v.kind == 'b' && v.text == "true" }, nil
		case "FALSE":
			return func(v value) bool { return v.kind == 'b' && v.text == "false" }, nil
		case "NULL":
			return func(v value) bool { return v.kind == '0' }, nil
		}
		return nil, syntax("IS takes TRUE, FALSE or NULL")
	case "NOT":
		l.space()
		if strings.ToUpper(l.word(")&|")) != "EXISTS" {
			return nil, syntax("NOT takes EXISTS")
		}
		return func(v value) bool { return v.kind == 0 }, nil
	}
	l.at = from
	op, err := l.operator()
	if err != nil {
		return nil, err
	}
	return l.operand(op, ")&|")
}

// A step leads from one JSON value into another: a member by its name, an element
// by its number, or all elements.
type step struct {
	name    string
	index   int
	element bool
	all     bool
}

// selector reads $.a.b[0]['c d'][*].
func (l *lexer) selector() (path []step, err error) {
	l.space()
	if !l.take("$") {
		return nil, syntax("a selector begins with $")
	}
	for {
		switch {
		case l.take("."):
			name := l.word(".[=!<>()&|")
			if name == "" {
				return nil, syntax("a selector's name is empty")
			}
			path = append(path, step{name: name, all: name == "*"})
		case l.take("["):
			n := strings.IndexByte(l.s[l.at:], ']')
			if n < 0 {
				return nil, syntax("a bracket is not closed")
			}
			in := strings.TrimSpace(l.s[l.at : l.at+n])
			l.at += n + 1
			st, err := bracket(in)
			if err != nil {
				return nil, err
			}
			path = append(path, st)
		default:
			if len(path) == 0 || len(path) > maxDepth {
				return nil, syntax("a selector has 1 to %d steps", maxDepth)
			}
			return path, nil
		}
	}
}

func bracket(in string) (step, error) {
	if in == "*" {
		return step{element: true, all: true}, nil
	}
	if len(in) >= 2 && (in[0] == '\'' || in[0] == '"') && in[len(in)-1] == in[0] {
		return step{name: in[1 : len(in)-1]}, nil
	}
	n, err := strconv.Atoi(in)
	if err != nil || n < 0 {
		return step{}, syntax("%q is no index", in)
	}
	return step{element: true, index: n}, nil
}

// find tells whether a value at the path meets the condition. Of several values
// that a * leads to, one is enough.
func find(raw json.RawMessage, path []step, c condition) bool {
	if len(path) == 0 {
		return c(read(raw))
	}
	next := path[0].into(bytes.TrimSpace(raw))
	if path[0].all {
		return slices.ContainsFunc(next, func(e json.RawMessage) bool { return find(e, path[1:], c) })
	}
	if len(next) == 0 {
		return c(value{})
	}
	return find(next[0], path[1:], c)
}

// into are the values that a step leads to.
func (st step) into(raw json.RawMessage) (out []json.RawMessage) {
	if st.element {
		var list []json.RawMessage
		if len(raw) == 0 || raw[0] != '[' || json.Unmarshal(raw, &list) != nil {
			return nil
		}
		if st.all {
			return list
		}
		return list[min(st.index, len(list)):]
	}
	var members map[string]json.RawMessage
	if len(raw) == 0 || raw[0] != '{' || json.Unmarshal(raw, &members) != nil {
		return nil
	}
	if e, ok := members[st.name]; ok && !st.all {
		return []json.RawMessage{e}
	}
	if st.all {
		out = slices.Collect(maps.Values(members))
	}
	return out
}

// read turns a JSON value into what conditions look at.
func read(raw json.RawMessage) value {
	raw = bytes.TrimSpace(raw)
	if len(raw) == 0 {
		return value{}
	}
	switch raw[0] {
	case '"':
		var s string
		if json.Unmarshal(raw, &s) != nil {
			return value{}
		}
		return value{text: s, kind: 's'}
	case 't', 'f':
		return value{text: string(raw), kind: 'b'}
	case 'n':
		return value{text: "null", kind: '0'}
	case '{', '[':
		return value{kind: 'o'}
	default:
		n, err := strconv.ParseFloat(string(raw), 64)
		if err != nil {
			return value{text: string(raw), kind: 's'}
		}
		return value{text: string(raw), number: n, kind: 'n'}
	}
}
