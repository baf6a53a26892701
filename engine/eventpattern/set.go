package eventpattern

import (
	"slices"
	"strings"
)

// A Set is many patterns compiled into one: an event is looked up by the values of
// few fields, and only the patterns that ask for these are tried. It never changes,
// and is safe for concurrent use.
type Set struct {
	patterns []*Pattern
	// open are the patterns that ask for no value that could be looked up.
	open []int
	// paths are the fields by which events are looked up.
	paths []path
}

// A path is a field, and the patterns by the value that they ask of it.
type path struct {
	names []string
	by    map[token][]int
}

// An anchor is a field of which a pattern asks for one of few values.
type anchor struct {
	names []string
	key   string
	want  []token
}

// NewSet compiles patterns, which Match then names by their places.
func NewSet(patterns []*Pattern) *Set {
	s := &Set{patterns: patterns}
	all := make([][]anchor, len(patterns))
	asked := map[string]map[token]int{} // how many patterns ask for a value
	for i, p := range patterns {
		all[i] = p.root.anchors(nil, nil)
		for _, a := range all[i] {
			if asked[a.key] == nil {
				asked[a.key] = map[token]int{}
			}
			for _, t := range a.want {
				asked[a.key][t]++
			}
		}
	}
	index := map[string]int{}
	for i := range patterns {
		a := best(all[i], asked)
		if a == nil {
			s.open = append(s.open, i)
			continue
		}
		at, known := index[a.key]
		if !known {
			at = len(s.paths)
			index[a.key] = at
			s.paths = append(s.paths, path{names: a.names, by: map[token][]int{}})
		}
		for _, t := range a.want {
			s.paths[at].by[t] = append(s.paths[at].by[t], i)
		}
	}
	return s
}

// best is the anchor whose values the fewest patterns ask for.
func best(anchors []anchor, asked map[string]map[token]int) *anchor {
	var found *anchor
	least := 0
	for i := range anchors {
		sum := 0
		for _, t := range anchors[i].want {
			sum += asked[anchors[i].key][t]
		}
		if found == nil || sum < least {
			found, least = &anchors[i], sum
		}
	}
	return found
}

// anchors are the fields that must have one of a pattern's exact values. What is
// within $or need not.
func (o *object) anchors(names []string, out []anchor) []anchor {
	for _, f := range o.fields {
		here := append(slices.Clone(names), f.name)
		switch {
		case f.obj != nil:
			out = f.obj.anchors(here, out)
		case len(f.leaf.anchor) > 0:
			out = append(out, anchor{here, strings.Join(here, "\x00"), f.leaf.anchor})
		}
	}
	return out
}

// Match returns the places of the patterns that an event matches, in their order.
func (s *Set) Match(e *Event) []int {
	var found []int
	for _, i := range s.open {
		if s.patterns[i].Match(e) {
			found = append(found, i)
		}
	}
	for i := range s.paths {
		found = s.paths[i].find(s, e, &e.root, 0, found)
	}
	slices.Sort(found)
	return slices.Compact(found)
}

// find tries the patterns that ask for a value which the event has at the path.
func (p *path) find(s *Set, e *Event, n *node, depth int, found []int) []int {
	if n.kind == '[' {
		for i := range n.items {
			found = p.find(s, e, &n.items[i], depth, found)
		}
		return found
	}
	if depth < len(p.names) {
		if n = n.get(p.names[depth]); n == nil {
			return found
		}
		return p.find(s, e, n, depth+1, found)
	}
	for _, i := range p.by[token{n.kind, n.text}] {
		if s.patterns[i].Match(e) {
			found = append(found, i)
		}
	}
	return found
}
