package accessanalyzer

import "strings"

// actions are those of the services whose every action is known: by prefix, then
// by the name in lower case.
type actions map[string]map[string]bool

func newActions(known map[string][]string) actions {
	out := actions{}
	for prefix, names := range known {
		out[prefix] = map[string]bool{}
		for _, name := range names {
			out[prefix][lower(name)] = true
		}
	}
	return out
}

// exists reports whether some action matches a pattern. An action of a service
// that is not known is taken to exist.
func (a actions) exists(text string) bool {
	prefix, name, ok := strings.Cut(lower(text), ":")
	names, known := a[prefix]
	if !ok || !known || names[name] {
		return true
	}
	if !strings.ContainsAny(name, "*?") {
		return false
	}
	p := newPattern(name)
	for n := range names {
		if p.meets(literal(n)) {
			return true
		}
	}
	return false
}
