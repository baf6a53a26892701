package accessanalyzer

import "slices"

// same tells of sets that are written alike, so that they are equal whatever
// their variables stand for.
func (s *set) same(o *set) bool {
	return s.not == o.not && s.opaque == o.opaque && slices.Equal(s.texts, o.texts)
}

// within reports whether it is proved that s lies in o.
func (s *set) within(o *set) bool {
	switch {
	case s.same(o):
		return true
	case !s.not && !o.not:
		return s.textsWithin(o)
	case !s.not: // o is all but its patterns
		return !o.opaque && !anyMeets(s.atMost, o.atMost)
	case !o.not: // s is all but its patterns: with o's they must be everything
		return newPattern("*").within(append(slices.Clone(s.exactly), o.exactly...))
	default:
		return !o.opaque && allWithin(o.atMost, s.exactly)
	}
}

// textsWithin takes a text with variables for one that o has word for word, or
// else for all that it may stand for.
func (s *set) textsWithin(o *set) bool {
	for i, t := range s.texts {
		alike := slices.Contains(o.texts, t) && (!variable(t) || s.opaque == o.opaque)
		if !alike && !s.atMost[i].within(o.exactly) {
			return false
		}
	}
	return true
}

// apart reports whether it is proved that nothing is in both.
func (s *set) apart(o *set) bool {
	switch {
	case !s.not && !o.not:
		return !anyMeets(s.atMost, o.atMost)
	case !s.not:
		return allWithin(s.atMost, o.exactly)
	case !o.not:
		return allWithin(o.atMost, s.exactly)
	default:
		return newPattern("*").within(append(slices.Clone(s.exactly), o.exactly...))
	}
}

func anyMeets(a, b []pattern) bool {
	for _, p := range a {
		if slices.ContainsFunc(b, p.meets) {
			return true
		}
	}
	return false
}

func allWithin(a, b []pattern) bool {
	for _, p := range a {
		if !p.within(b) {
			return false
		}
	}
	return true
}

// pieces takes a set of patterns apart, so that each may be covered by another
// statement.
func (s *set) pieces() []set {
	if s.not || len(s.texts) < 2 {
		return []set{*s}
	}
	out := make([]set, len(s.texts))
	for i, t := range s.texts {
		out[i] = set{texts: s.texts[i : i+1], atMost: s.atMost[i : i+1], opaque: s.opaque && variable(t)}
		if !out[i].opaque {
			out[i].exactly = out[i].atMost
		}
	}
	return out
}
