// Package eventpattern judges events by EventBridge's event patterns. A pattern is
// compiled once; a Set of many finds those that an event matches without trying
// each. It refuses what EventBridge refuses when a rule is made, in its words.
//
//	Parse → Pattern → NewSet → ParseEvent → Set.Match → the patterns that match
package eventpattern

import "slices"

// A Pattern is a compiled event pattern. It never changes, and is safe for
// concurrent use.
type Pattern struct{ root object }

// An object is what a pattern asks of an object: all fields, and one alternative of
// each $or.
type object struct {
	fields []fieldPattern
	ors    [][]*object
	// absent tells that an event without the object fits, and absentOnly that no
	// other does.
	absent, absentOnly bool
}

// A fieldPattern is what is asked of a field: one of the values, or an object.
type fieldPattern struct {
	name string
	leaf *leaf
	obj  *object
}

// A leaf is a list of values, one of which is asked for.
type leaf struct {
	exact map[token]struct{}
	tests []test
	// present and absent tell that any value, or none, will do.
	present, absent bool
	// anchor are the exact values if nothing else will do.
	anchor []token
}

// A token is a scalar as it is spelled.
type token struct {
	kind byte
	text string
}

// A test judges a scalar.
type test func(*node) bool

// Match reports whether an event matches the pattern.
func (p *Pattern) Match(e *Event) bool { return p.root.match(&e.root) }

// match judges a value where an object is asked for. Of an array one element must
// match by itself, so that fields of different elements are never taken together.
func (o *object) match(n *node) bool {
	switch n.kind {
	case '{':
		return o.matchFields(n)
	case '[':
		if len(n.items) == 0 {
			return o.absent
		}
		if o.absentOnly { // none of the elements may have it
			return !slices.ContainsFunc(n.items, func(e node) bool { return !o.match(&e) })
		}
		for i := range n.items {
			if o.match(&n.items[i]) {
				return true
			}
		}
		return false
	}
	return o.absent
}

func (o *object) matchFields(n *node) bool {
	for i := range o.fields {
		if !o.fields[i].match(n.get(o.fields[i].name)) {
			return false
		}
	}
	for _, alternatives := range o.ors {
		if !slices.ContainsFunc(alternatives, func(a *object) bool { return a.matchFields(n) }) {
			return false
		}
	}
	return true
}

// match judges a field's value, nil if there is none.
func (f *fieldPattern) match(n *node) bool {
	switch {
	case f.obj != nil && n == nil:
		return f.obj.absent
	case f.obj != nil:
		return f.obj.match(n)
	case n == nil:
		return f.leaf.absent
	}
	some, ok := f.leaf.match(n)
	return ok || !some && f.leaf.absent
}

// match judges a value, or the elements of an array. some tells that there was a
// scalar at all: objects have leaves of their own.
func (l *leaf) match(n *node) (some, ok bool) {
	switch n.kind {
	case '{':
		return false, false
	case '[':
		for i := range n.items {
			s, ok := l.match(&n.items[i])
			if ok {
				return true, true
			}
			some = some || s
		}
		return some, false
	}
	if l.present {
		return true, true
	}
	if _, ok := l.exact[token{n.kind, n.text}]; ok {
		return true, true
	}
	for _, t := range l.tests {
		if t(n) {
			return true, true
		}
	}
	return true, false
}

// settle notes which events without the object fit.
func (o *object) settle() {
	o.absent, o.absentOnly = true, true
	for _, f := range o.fields {
		absent, only := false, false
		if f.obj != nil {
			absent, only = f.obj.absent, f.obj.absentOnly
		} else {
			absent = f.leaf.absent
			only = absent && !f.leaf.present && len(f.leaf.exact) == 0 && len(f.leaf.tests) == 0
		}
		o.absent, o.absentOnly = o.absent && absent, o.absentOnly && only
	}
	for _, alternatives := range o.ors {
		o.absent = o.absent && slices.ContainsFunc(alternatives, func(a *object) bool { return a.absent })
		o.absentOnly = o.absentOnly && !slices.ContainsFunc(alternatives, func(a *object) bool { return !a.absentOnly })
	}
}
