package literal

// node is a state of the trie while it is built.
type node struct {
	next map[byte]int
	fail int
	out  []uint16
}

// Build makes the automaton of all that was added.
func (b *Builder) Build() *Set {
	s := &Set{words: b.words}
	s.classify()
	nodes := s.trie()
	order := s.link(nodes)
	s.lay(nodes, order)
	return s
}

func fold(c byte) byte {
	if c-'A' < 26 {
		return c + 'a' - 'A'
	}
	return c
}

// classify gives each folded byte of a string a class; all others share 0.
func (s *Set) classify() {
	s.classes = 1
	for _, w := range s.words {
		for i := range len(w.text) {
			if c := fold(w.text[i]); s.class[c] == 0 {
				s.class[c] = uint16(s.classes) //nolint:gosec // at most 256
				s.classes++
			}
		}
	}
	for c := 'A'; c <= 'Z'; c++ {
		s.class[c] = s.class[c+'a'-'A']
	}
}

func (s *Set) trie() []node {
	nodes := []node{{next: map[byte]int{}}}
	for n, w := range s.words {
		at := 0
		for i := range len(w.text) {
			c := fold(w.text[i])
			to, ok := nodes[at].next[c]
			if !ok {
				to = len(nodes)
				nodes = append(nodes, node{next: map[byte]int{}})
				nodes[at].next[c] = to
			}
			at = to
		}
		nodes[at].out = append(nodes[at].out, uint16(n))
	}
	return nodes
}

// link sets the failure links and returns the states breadth first.
func (s *Set) link(nodes []node) []int {
	order := []int{0}
	for at := 0; at < len(order); at++ {
		from := order[at]
		for c, to := range nodes[from].next {
			order = append(order, to)
			if from == 0 {
				continue
			}
			f := nodes[from].fail
			for f != 0 && !has(nodes[f], c) {
				f = nodes[f].fail
			}
			nodes[to].fail = nodes[f].next[c]
			nodes[to].out = append(nodes[to].out, nodes[nodes[to].fail].out...)
		}
	}
	return order
}

func has(n node, c byte) bool { _, ok := n.next[c]; return ok }

// lay writes the dense table, the states with outputs last.
func (s *Set) lay(nodes []node, order []int) {
	place := make([]uint32, len(nodes))
	var at uint32
	for _, loud := range []bool{false, true} {
		if loud {
			s.quiet = at
		}
		for _, n := range order {
			if len(nodes[n].out) > 0 == loud {
				place[n] = at
				at += s.classes
			}
		}
	}
	s.next = make([]uint32, at)
	s.outputs = make([][]uint16, len(nodes))
	for _, n := range order {
		row := s.next[place[n] : place[n]+s.classes]
		copy(row, s.next[place[nodes[n].fail]:])
		for c, to := range nodes[n].next {
			row[s.class[c]] = place[to]
		}
		s.outputs[place[n]/s.classes] = nodes[n].out
	}
}
