package iam

import "strings"

// A template is a string of a policy in which variables are filled in from the
// request (IAM User Guide, "IAM policy elements: Variables and tags").
type template struct {
	parts []part // literal text and variables in turn
	// whole is the text when there are no variables, which is the common case.
	whole string
	// wild tells that the text has wildcards.
	wild bool
	ends ends
}

// A part is text, or a variable and what stands for it when the request has none.
type part struct {
	text       string
	key        string // lower case; empty for text
	otherwise  string
	hasDefault bool
}

// newTemplate compiles s. Wildcards count only if wild; variables only if
// variables, as in policies of version 2012-10-17.
func newTemplate(s string, wild, variables bool) (template, bool) {
	compile := literal
	if wild {
		compile = mark
	}
	if !variables || !strings.Contains(s, "${") {
		whole := compile(s)
		return template{whole: whole, wild: hasMark(whole), ends: endsOf(whole)}, true
	}
	var t template
	for s != "" {
		before, rest, found := strings.Cut(s, "${")
		if before != "" {
			t.parts = append(t.parts, part{text: compile(before)})
		}
		if !found {
			break
		}
		name, after, closed := strings.Cut(rest, "}")
		if !closed {
			return t, false
		}
		v, ok := variable(name)
		if !ok {
			return t, false
		}
		t.parts = append(t.parts, v)
		s = after
	}
	t.join()
	return t, true
}

// variable reads what stands between ${ and }: a key, a key with a default in
// single quotes, or one of the escapes for characters with a meaning.
func variable(s string) (part, bool) {
	switch s {
	case "*", "?", "$":
		return part{text: s}, true
	}
	key, otherwise, hasDefault := strings.Cut(s, ",")
	p := part{key: strings.ToLower(strings.TrimSpace(key)), hasDefault: hasDefault}
	if p.key == "" || strings.ContainsAny(p.key, "${*?") {
		return p, false
	}
	if hasDefault {
		otherwise = strings.TrimSpace(otherwise)
		if len(otherwise) < 2 || otherwise[0] != '\'' || otherwise[len(otherwise)-1] != '\'' {
			return p, false
		}
		p.otherwise = literal(otherwise[1 : len(otherwise)-1])
	}
	return p, true
}

// join makes a template whose variables were all escapes a plain one.
func (t *template) join() {
	var b strings.Builder
	for _, p := range t.parts {
		if p.key != "" {
			return
		}
		b.WriteString(p.text)
	}
	t.whole, t.parts = b.String(), nil
	t.wild, t.ends = hasMark(t.whole), endsOf(t.whole)
}

// expand appends the text with the request's values. ok is false where a
// variable has neither a value nor a default: nothing equals such a text.
func (t *template) expand(buf []byte, c Context) (_ []byte, ok bool) {
	if t.parts == nil {
		return append(buf, t.whole...), true
	}
	for _, p := range t.parts {
		if p.key == "" {
			buf = append(buf, p.text...)
			continue
		}
		value, ok := single(c, p.key)
		switch {
		case ok:
			buf = append(buf, literal(value)...)
		case p.hasDefault:
			buf = append(buf, p.otherwise...)
		default:
			return buf, false
		}
	}
	return buf, true
}

// single is the value of a key that has exactly one: variables stand for no more.
func single(c Context, key string) (string, bool) {
	if c == nil {
		return "", false
	}
	values, ok := c.Values(key)
	if !ok || len(values) != 1 {
		return "", false
	}
	return values[0], true
}

// matches reports whether text is what the template describes. resolved is false
// where a variable has no value: such a template describes nothing.
func (t *template) matches(text string, c Context) (match, resolved bool) {
	if t.parts == nil {
		if !t.wild {
			return t.whole == text, true
		}
		return fits(t.ends, text) && glob(t.whole, text), true
	}
	var buf [256]byte
	pattern, ok := t.expand(buf[:0], c)
	return ok && glob(pattern, text), ok
}

// ends are the text before a pattern's first wildcard and that after its last.
type ends struct{ before, after string }

func endsOf(pattern string) ends {
	first, last := -1, -1
	for i := range len(pattern) {
		if pattern[i] >= oneMark {
			if first < 0 {
				first = i
			}
			last = i
		}
	}
	if first < 0 {
		return ends{}
	}
	return ends{pattern[:first], pattern[last+1:]}
}

// fits tells by the ends whether it is worth while to match at all.
func fits[T string | []byte](e ends, text T) bool {
	return len(text) >= len(e.before)+len(e.after) &&
		string(text[:len(e.before)]) == e.before && string(text[len(text)-len(e.after):]) == e.after
}
