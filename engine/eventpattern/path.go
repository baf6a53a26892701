package eventpattern

import (
	"errors"
	"strconv"
	"strings"
)

// ErrPath says that a text is no JSON path of EventBridge's.
var ErrPath = errors.New("not a JSON path")

// A Path is a compiled JSON path: names, places in arrays, and * for all of them
// (EventBridge User Guide, "Input transformation": the supported syntax). It never
// changes, and is safe for concurrent use.
type Path struct {
	steps []step
	many  bool // there is a * in it
}

// A step is a field's name, or a place in an array; all of either with any.
type step struct {
	name  string
	index int // -1 where the step is a name
	any   bool
}

// ParsePath compiles a path such as $.detail.items[0].name. The error is ErrPath.
func ParsePath(text string) (*Path, error) {
	rest, ok := strings.CutPrefix(text, "$")
	if !ok {
		return nil, ErrPath
	}
	p := &Path{}
	for rest != "" {
		var s step
		if s, rest, ok = nextStep(rest); !ok {
			return nil, ErrPath
		}
		p.steps = append(p.steps, s)
		p.many = p.many || s.any
	}
	return p, nil
}

func nextStep(text string) (s step, rest string, ok bool) {
	if text[0] == '.' {
		text = text[1:]
		end := strings.IndexAny(text, ".[")
		if end < 0 {
			end = len(text)
		}
		name := text[:end]
		return step{name: name, index: -1, any: name == "*"}, text[end:], name != "" && !strings.ContainsAny(name, " \t\r\n\"'()?@,:]$")
	}
	inner, closed := strings.CutPrefix(text, "[")
	if !closed {
		return s, "", false
	}
	for _, quote := range []string{"'", `"`} {
		if name, ok := strings.CutPrefix(inner, quote); ok {
			name, rest, ok = strings.Cut(name, quote+"]")
			return step{name: name, index: -1}, rest, ok && name != ""
		}
	}
	place, rest, ok := strings.Cut(inner, "]")
	if place == "*" {
		return step{index: 0, any: true}, rest, ok
	}
	n, err := strconv.ParseUint(place, 10, 31)
	return step{index: int(n)}, rest, ok && err == nil
}

// Find returns what of an event is at the path, as JSON; an array of all that is
// where the path has a *. ok is false where there is nothing.
func (p *Path) Find(e *Event) (value string, ok bool) {
	if p == nil {
		return "", false
	}
	found := find(&e.root, p.steps, nil)
	switch {
	case len(found) == 0:
		return "", false
	case !p.many:
		return found[0].raw, true
	}
	all := make([]string, len(found))
	for i, n := range found {
		all[i] = n.raw
	}
	return "[" + strings.Join(all, ",") + "]", true
}

func find(n *node, steps []step, out []*node) []*node {
	if len(steps) == 0 {
		return append(out, n)
	}
	s, rest := steps[0], steps[1:]
	switch {
	case s.any:
		for i := range n.items {
			out = find(&n.items[i], rest, out)
		}
		for i := range n.fields {
			out = find(&n.fields[i].value, rest, out)
		}
	case s.index < 0:
		if v := n.get(s.name); v != nil {
			out = find(v, rest, out)
		}
	case s.index < len(n.items):
		out = find(&n.items[s.index], rest, out)
	}
	return out
}
