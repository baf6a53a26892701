package eventpattern

import (
	"fmt"
	"strings"
)

const (
	// MaxLength is how many characters a pattern has at most (EventBridge User Guide,
	// "Quotas": 2048 by default).
	MaxLength = 2048
	// maxCombinations bounds what the alternatives of $or multiply to.
	maxCombinations = 1000
	// shownSource is how much of a pattern an error shows.
	shownSource = 500
)

// An Error is why a text is no pattern. Its text is what follows "Event pattern is
// not valid. Reason: " in EventBridge's answer.
type Error struct {
	Reason string
	source string
	offset int
}

// Error tells the reason and where in the pattern it was found.
func (e *Error) Error() string {
	before := e.source[:min(max(e.offset, 0), len(e.source))]
	line := strings.Count(before, "\n") + 1
	column := len(before) - strings.LastIndexByte(before, '\n')
	source := e.source
	if len(source) > shownSource {
		source = source[:shownSource] + "\"[truncated " + fmt.Sprint(len(e.source)-shownSource) + " chars]"
	} else {
		source += "\""
	}
	return fmt.Sprintf("%s\n at [Source: (String)\"%s; line: %d, column: %d]", e.Reason, source, line, column)
}

// A parser turns a JSON tree into a pattern.
type parser struct{ source string }

func (p *parser) fail(at int, format string, args ...any) *Error {
	return &Error{Reason: fmt.Sprintf(format, args...), source: p.source, offset: at}
}

// Parse compiles a pattern. The error is an *Error.
func Parse(text string) (*Pattern, error) {
	p := &parser{source: text}
	root, err := parse(text)
	switch {
	case err != nil:
		return nil, p.fail(len(text), "Unexpected character or end of input: the filter is not valid JSON")
	case root.kind != '{':
		return nil, p.fail(root.end, "Filter is not an object")
	}
	o, fault := p.object(&root)
	if fault != nil {
		return nil, fault
	}
	if o.combinations() > maxCombinations {
		return nil, p.fail(len(text), "The number of rule combinations by $or is over %d", maxCombinations)
	}
	return &Pattern{*o}, nil
}

func (p *parser) object(n *node) (*object, *Error) {
	if len(n.fields) == 0 {
		return nil, p.fail(n.end+1, "Empty objects are not allowed")
	}
	o := &object{}
	seen := make(map[string]bool, len(n.fields))
	for i := range n.fields {
		f := &n.fields[i]
		if seen[f.name] {
			return nil, p.fail(f.end, "Path `%s` cannot be allowed multiple times", f.name)
		}
		seen[f.name] = true
		if err := p.field(o, f); err != nil {
			return nil, err
		}
	}
	o.settle()
	return o, nil
}

func (p *parser) field(o *object, f *field) *Error {
	switch {
	case f.name == "$or" && isOr(&f.value):
		alternatives, err := p.or(&f.value)
		o.ors = append(o.ors, alternatives)
		return err
	case f.value.kind == '{':
		obj, err := p.object(&f.value)
		o.fields = append(o.fields, fieldPattern{name: f.name, obj: obj})
		return err
	case f.value.kind == '[':
		l, err := p.leaf(&f.value)
		o.fields = append(o.fields, fieldPattern{name: f.name, leaf: l})
		return err
	}
	return p.fail(f.value.end, "%q must be an object or an array", f.name)
}

// isOr tells the operator from a field that is called $or: it has two alternatives
// or more, all of them objects with fields that are no operators (EventBridge User
// Guide, "Or matching").
func isOr(n *node) bool {
	if n.kind != '[' || len(n.items) < 2 {
		return false
	}
	for i := range n.items {
		if n.items[i].kind != '{' {
			return false
		}
		for _, f := range n.items[i].fields {
			if operatorNamed(f.name) != nil {
				return false
			}
		}
	}
	return true
}

func (p *parser) or(n *node) (alternatives []*object, err *Error) {
	for i := range n.items {
		o, err := p.object(&n.items[i])
		if err != nil {
			return nil, err
		}
		alternatives = append(alternatives, o)
	}
	return alternatives, nil
}

// combinations is how many patterns without $or the object stands for, or some
// number over the limit.
func (o *object) combinations() int {
	product := 1
	for _, f := range o.fields {
		if f.obj != nil {
			product *= f.obj.combinations()
		}
		product = min(product, maxCombinations+1)
	}
	for _, alternatives := range o.ors {
		sum := 0
		for _, a := range alternatives {
			sum = min(sum+a.combinations(), maxCombinations+1)
		}
		product = min(product*sum, maxCombinations+1)
	}
	return product
}

func (p *parser) leaf(n *node) (*leaf, *Error) {
	if len(n.items) == 0 {
		return nil, p.fail(n.end+1, "Empty arrays are not allowed")
	}
	l := &leaf{}
	for i := range n.items {
		if err := p.value(l, &n.items[i]); err != nil {
			return nil, err
		}
	}
	if len(l.tests) == 0 && !l.present && !l.absent {
		for t := range l.exact {
			l.anchor = append(l.anchor, t)
		}
	}
	return l, nil
}

func (p *parser) value(l *leaf, n *node) *Error {
	switch n.kind {
	case '[':
		return p.fail(n.end, "Match value must be String, number, true, false, or null")
	case '{':
		return p.operator(l, n)
	}
	if l.exact == nil {
		l.exact = map[token]struct{}{}
	}
	l.exact[token{n.kind, n.text}] = struct{}{}
	return nil
}

func (p *parser) operator(l *leaf, n *node) *Error {
	if len(n.fields) == 0 {
		return p.fail(n.end+1, "Match expression name not found")
	}
	f := &n.fields[0]
	op := operatorNamed(f.name)
	if op == nil {
		return p.fail(f.end, "Unrecognized match type %s", f.name)
	}
	if err := op(p, l, &f.value); err != nil {
		return err
	}
	if len(n.fields) > 1 {
		return p.fail(n.fields[1].end, "Only one key allowed in match expression")
	}
	return nil
}
