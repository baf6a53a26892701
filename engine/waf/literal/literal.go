// Package literal finds many strings in one pass over a value (Aho and
// Corasick, CACM 18(6), 1975), as a dense automaton over classes of bytes.
//
// The automaton ignores ASCII case; a string that was added with its case is
// compared again where it was found.
//
//	Builder.Add → Builder.Build → Set.Scan(value, hits)
package literal

// Builder collects strings.
type Builder struct {
	words []word
	index map[word]int
}

type word struct {
	text  string
	exact bool
}

// Add adds a string that is not empty and returns its number. With exact its
// case counts.
func (b *Builder) Add(text string, exact bool) int {
	if b.index == nil {
		b.index = map[word]int{}
	}
	w := word{text, exact}
	if n, ok := b.index[w]; ok {
		return n
	}
	n := len(b.words)
	b.words = append(b.words, w)
	b.index[w] = n
	return n
}

// Len is how many strings were added.
func (b *Builder) Len() int { return len(b.words) }

// Hits is a bit for each string of a set.
type Hits []uint64

// Has says whether string n was found.
func (h Hits) Has(n int) bool { return h[n>>6]>>(n&63)&1 != 0 }

// Set is the automaton. It never changes.
type Set struct {
	words []word
	class [256]uint16
	// next holds states times classes; an entry is the first index of the state
	// that follows.
	next    []uint32
	classes uint32
	// outputs[state] are the strings that end there.
	outputs [][]uint16
	// quiet is the first state with outputs, times classes.
	quiet uint32
}

// Words is the length in 64-bit words of the set's Hits.
func (s *Set) Words() int { return (len(s.words) + 63) / 64 }

// Scan sets the bits of the strings that stand in text.
func (s *Set) Scan(text string, hits Hits) {
	var state uint32
	for i := range len(text) {
		state = s.next[state+uint32(s.class[text[i]])]
		if state >= s.quiet {
			s.report(state, text[:i+1], hits)
		}
	}
}

func (s *Set) report(state uint32, read string, hits Hits) {
	for _, n := range s.outputs[state/s.classes] {
		if w := s.words[n]; !w.exact || read[len(read)-len(w.text):] == w.text {
			hits[n>>6] |= 1 << (n & 63)
		}
	}
}

// Any says whether any of the strings stands in text.
func (s *Set) Any(text string) bool {
	var state uint32
	for i := range len(text) {
		state = s.next[state+uint32(s.class[text[i]])]
		if state >= s.quiet {
			for _, n := range s.outputs[state/s.classes] {
				if w := s.words[n]; !w.exact || text[i+1-len(w.text):i+1] == w.text {
					return true
				}
			}
		}
	}
	return false
}
