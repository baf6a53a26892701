package eventpattern

import (
	"net/netip"
	"slices"
	"strings"
	"unicode/utf8"
)

// An operator adds to a leaf what a match expression asks for.
type operator func(*parser, *leaf, *node) *Error

// operatorNamed is the operator of a match expression, nil if there is none of the
// name (EventBridge User Guide, "Comparison operators for use in event patterns").
func operatorNamed(name string) operator {
	switch name {
	case "anything-but":
		return (*parser).anythingBut
	case "cidr":
		return (*parser).cidr
	case "equals-ignore-case":
		return textOperator(name, sameFold)
	case "exists":
		return (*parser).exists
	case "numeric":
		return (*parser).numeric
	case "prefix":
		return (*parser).prefix
	case "suffix":
		return (*parser).suffix
	case "wildcard":
		return (*parser).wildcard
	}
	return nil
}

// A textTest judges a string.
type textTest func(string) bool

// of makes it judge any scalar: what is no string does not match.
func (t textTest) of(n *node) bool { return n.kind == '"' && t(n.text) }

func sameFold(want string) textTest {
	return func(s string) bool { return strings.EqualFold(s, want) }
}

func hasPrefix(want string) textTest {
	return func(s string) bool { return strings.HasPrefix(s, want) }
}

func hasSuffix(want string) textTest {
	return func(s string) bool { return strings.HasSuffix(s, want) }
}

func hasPrefixFold(want string) textTest {
	runes := utf8.RuneCountInString(want)
	return func(s string) bool {
		i := 0
		for range runes {
			if i >= len(s) {
				return false
			}
			_, n := utf8.DecodeRuneInString(s[i:])
			i += n
		}
		return strings.EqualFold(s[:i], want)
	}
}

func hasSuffixFold(want string) textTest {
	runes := utf8.RuneCountInString(want)
	return func(s string) bool {
		i := len(s)
		for range runes {
			if i == 0 {
				return false
			}
			_, n := utf8.DecodeLastRuneInString(s[:i])
			i -= n
		}
		return strings.EqualFold(s[i:], want)
	}
}

// textOperator is an operator whose value is a string.
func textOperator(name string, make func(string) textTest) operator {
	return func(p *parser, l *leaf, n *node) *Error {
		if n.kind != '"' {
			return p.fail(n.end, "%s match pattern must be a string", name)
		}
		l.tests = append(l.tests, make(n.text).of)
		return nil
	}
}

func (p *parser) prefix(l *leaf, n *node) *Error { return p.edge(l, n, "prefix") }

func (p *parser) suffix(l *leaf, n *node) *Error { return p.edge(l, n, "suffix") }

// edge is a prefix or a suffix, maybe of any case.
func (p *parser) edge(l *leaf, n *node, name string) *Error {
	plain, fold := hasPrefix, hasPrefixFold
	if name == "suffix" {
		plain, fold = hasSuffix, hasSuffixFold
	}
	if n.kind != '{' {
		return textOperator(name, plain)(p, l, n)
	}
	if len(n.fields) != 1 {
		return p.fail(n.end, "Only one key allowed in match expression")
	}
	if f := &n.fields[0]; f.name != "equals-ignore-case" {
		return p.fail(f.end, "Unsupported %s pattern: %s", name, f.name)
	}
	return textOperator("equals-ignore-case", fold)(p, l, &n.fields[0].value)
}

func (p *parser) exists(l *leaf, n *node) *Error {
	switch n.kind {
	case 't':
		l.present = true
	case 'f':
		l.absent = true
	default:
		return p.fail(n.end, "exists match pattern must be either true or false.")
	}
	return nil
}

func (p *parser) cidr(l *leaf, n *node) *Error {
	if n.kind != '"' {
		return p.fail(n.end, "prefix match pattern must be a string")
	}
	if strings.Count(n.text, "/") != 1 {
		return p.fail(n.end, "Malformed CIDR, one '/' required")
	}
	block, err := netip.ParsePrefix(n.text)
	if err != nil {
		return p.fail(n.end, "Malformed CIDR, bad address or mask: %s", n.text)
	}
	block = block.Masked()
	l.tests = append(l.tests, textTest(func(s string) bool {
		a, err := netip.ParseAddr(s)
		return err == nil && a.Zone() == "" && block.Contains(a)
	}).of)
	return nil
}

func (p *parser) wildcard(l *leaf, n *node) *Error {
	if n.kind != '"' {
		return p.fail(n.end, "wildcard match pattern must be a string")
	}
	t, err := p.glob(n)
	if err == nil {
		l.tests = append(l.tests, t.of)
	}
	return err
}

// glob compiles a wildcard: * is any number of characters; \* and \\ are plain ones.
func (p *parser) glob(n *node) (textTest, *Error) {
	parts := []string{""}
	star := -2
	for i := 0; i < len(n.text); i++ {
		c := n.text[i]
		switch {
		case c == '*' && star == i-1:
			return nil, p.fail(n.end, "Consecutive wildcard characters at pos %d", i-1)
		case c == '*':
			star = i
			parts = append(parts, "")
			continue
		case c == '\\':
			if i++; i == len(n.text) || n.text[i] != '*' && n.text[i] != '\\' {
				return nil, p.fail(n.end, "Invalid escape character at pos %d", i-1)
			}
			c = n.text[i]
		}
		parts[len(parts)-1] += string([]byte{c})
	}
	return func(s string) bool { return globMatch(parts, s) }, nil
}

// globMatch looks for the parts in their order: the first at the beginning, the last
// at the end, the others at their first places.
func globMatch(parts []string, s string) bool {
	if len(parts) == 1 {
		return s == parts[0]
	}
	last := len(parts) - 1
	if !strings.HasPrefix(s, parts[0]) || len(s) < len(parts[0])+len(parts[last]) || !strings.HasSuffix(s, parts[last]) {
		return false
	}
	s = s[len(parts[0]) : len(s)-len(parts[last])]
	for _, part := range parts[1:last] {
		i := strings.Index(s, part)
		if i < 0 {
			return false
		}
		s = s[i+len(part):]
	}
	return true
}

// anythingBut takes any value but those named: whatever there is of another kind, too.
func (p *parser) anythingBut(l *leaf, n *node) *Error {
	if n.kind == '{' {
		return p.anythingButText(l, n)
	}
	items := n.items
	switch n.kind {
	case '"', '0':
		items = []node{*n}
	case '[':
	default:
		return p.fail(n.end, "Value of anything-but must be an array or single string/number value.")
	}
	if len(items) == 0 {
		return p.fail(n.end+1, "Empty arrays are not allowed")
	}
	for i := range items {
		if items[i].kind != '"' && items[i].kind != '0' {
			return p.fail(items[i].end, "Inside anything but list, start|null|boolean is not supported.")
		}
		if items[i].kind != items[0].kind {
			return p.fail(items[i].end, "Inside anything but list, either all values are number or string, mixed type is not supported")
		}
	}
	if items[0].kind == '0' {
		return p.anythingButNumbers(l, items)
	}
	refused := make(map[string]struct{}, len(items))
	for _, item := range items {
		refused[item.text] = struct{}{}
	}
	l.tests = append(l.tests, func(n *node) bool {
		_, found := refused[n.text]
		return !found || n.kind != '"'
	})
	return nil
}

func (p *parser) anythingButNumbers(l *leaf, items []node) *Error {
	refused := map[int64]struct{}{}
	for _, item := range items {
		v, ok := micros(item.text)
		if !ok {
			return p.fail(item.end, "Value must be between -5.0E9 and 5.0E9, inclusive")
		}
		refused[v] = struct{}{}
	}
	l.tests = append(l.tests, func(n *node) bool {
		v, ok := micros(n.text)
		_, found := refused[v]
		return !found || !ok || n.kind != '0'
	})
	return nil
}

// anythingButText takes what another operator on strings would not.
func (p *parser) anythingButText(l *leaf, n *node) *Error {
	if len(n.fields) == 0 {
		return p.fail(n.end+1, "Anything-But expression name not found")
	}
	if len(n.fields) > 1 {
		return p.fail(n.fields[1].end, "Only one key allowed in match expression")
	}
	f := &n.fields[0]
	items := f.value.items
	if f.value.kind != '[' {
		items = []node{f.value}
	} else if len(items) == 0 {
		return p.fail(f.value.end+1, "Empty arrays are not allowed")
	}
	inner := &leaf{}
	for i := range items {
		var err *Error
		switch f.name {
		case "prefix", "suffix":
			err = p.edge(inner, &items[i], f.name)
		case "equals-ignore-case", "wildcard":
			err = operatorNamed(f.name)(p, inner, &items[i])
		default:
			err = p.fail(f.end, "Unsupported anything-but pattern: %s", f.name)
		}
		if err != nil {
			return err
		}
	}
	l.tests = append(l.tests, func(n *node) bool {
		return !slices.ContainsFunc(inner.tests, func(t test) bool { return t(n) })
	})
	return nil
}
