package accessanalyzer

import (
	"encoding/binary"
	"slices"
	"strings"
)

// A pattern is a text with wildcards, as symbols. Proofs about patterns walk
// automata: each position in a pattern is a state.
type pattern []rune

// The wildcards, which no text contains.
const (
	many rune = -1 // any run of characters
	one  rune = -2 // any one character
	rest rune = -3 // stands, in an alphabet, for every character that no pattern names
)

// newPattern reads * and ? as wildcards.
func newPattern(s string) pattern {
	p := make(pattern, 0, len(s))
	for _, c := range s {
		switch {
		case c == '*' && len(p) > 0 && p[len(p)-1] == many:
		case c == '*':
			p = append(p, many)
		case c == '?':
			p = append(p, one)
		default:
			p = append(p, c)
		}
	}
	return p
}

// variable tells that a text has a policy variable, whose value no proof knows.
func variable(s string) bool { return strings.Contains(s, "${") }

// over is a pattern for all that a text with variables may stand for.
func over(s string) pattern {
	var b strings.Builder
	for {
		before, after, found := strings.Cut(s, "${")
		b.WriteString(before)
		if !found {
			break
		}
		b.WriteByte('*')
		_, s, _ = strings.Cut(after, "}")
	}
	return newPattern(b.String())
}

// step adds to next where a pattern may stand after character c, from state i.
func (p pattern) step(next []int, i int, c rune) []int {
	switch {
	case i == len(p):
		return next
	case p[i] == many:
		return add(next, i)
	case p[i] == one || p[i] == c:
		return add(next, i+1)
	default:
		return next
	}
}

func add(list []int, i int) []int {
	if slices.Contains(list, i) {
		return list
	}
	return append(list, i)
}

// spread adds the states reached without a character: a star may stand for none.
func (p pattern) spread(states []int) []int {
	for k := 0; k < len(states); k++ {
		if i := states[k]; i < len(p) && p[i] == many {
			states = add(states, i+1)
		}
	}
	return states
}

// alphabet is every character that a pattern names, and one for all others.
func alphabet(list ...pattern) []rune {
	out := []rune{rest}
	for _, p := range list {
		for _, c := range p {
			if c >= 0 && !slices.Contains(out, c) {
				out = append(out, c)
			}
		}
	}
	return out
}

// meets reports whether some text matches both patterns. It walks pairs of
// states.
func (p pattern) meets(q pattern) bool {
	type pair struct{ i, j int }
	seen := map[pair]bool{{}: true}
	queue := []pair{{}}
	push := func(n pair) {
		if !seen[n] {
			seen[n] = true
			queue = append(queue, n)
		}
	}
	for len(queue) > 0 {
		n := queue[len(queue)-1]
		queue = queue[:len(queue)-1]
		if n.i == len(p) && n.j == len(q) {
			return true
		}
		pi, qj := at(p, n.i), at(q, n.j)
		if pi == many {
			push(pair{n.i + 1, n.j})
		}
		if qj == many {
			push(pair{n.i, n.j + 1})
		}
		if pi == end || qj == end || pi >= 0 && qj >= 0 && pi != qj {
			continue
		}
		push(pair{n.i + advance(pi), n.j + advance(qj)})
	}
	return false
}

const end rune = -4

func at(p pattern, i int) rune {
	if i == len(p) {
		return end
	}
	return p[i]
}

// advance is how far a character moves: a star keeps its place.
func advance(c rune) int {
	if c == many {
		return 0
	}
	return 1
}

// maxSets bounds a proof of containment: the sets of states that it may look at.
// A proof that would need more is not made.
const maxSets = 1024

// within reports whether every text that p matches is matched by one of list. It
// walks the states of p beside the set of states in which the others may be.
func (p pattern) within(list []pattern) bool {
	for _, q := range list {
		if len(q) == 1 && q[0] == many || slices.Equal(p, q) {
			return true
		}
	}
	w := walk{p: p, list: list, seen: map[string]bool{}}
	w.letters = alphabet(append([]pattern{p}, list...)...)
	start := make([][]int, len(list))
	for k, q := range list {
		start[k] = q.spread([]int{0})
	}
	for _, i := range p.spread([]int{0}) {
		w.push(i, start)
	}
	return w.run()
}

// A walk is one proof of containment under way.
type walk struct {
	p       pattern
	list    []pattern
	letters []rune
	seen    map[string]bool
	queue   []place
}

type place struct {
	i    int
	sets [][]int
}

// push adds a place that was not seen.
func (w *walk) push(i int, sets [][]int) {
	key := make([]byte, 0, 64)
	number := func(n int) { key = binary.AppendUvarint(key, uint64(n)) } //nolint:gosec // places in a pattern are not negative
	number(i)
	for _, s := range sets {
		sorted := slices.Sorted(slices.Values(s))
		number(len(sorted))
		for _, n := range sorted {
			number(n)
		}
	}
	if !w.seen[string(key)] {
		w.seen[string(key)] = true
		w.queue = append(w.queue, place{i, sets})
	}
}

func (w *walk) run() bool {
	for len(w.queue) > 0 {
		if len(w.seen) > maxSets {
			return false
		}
		n := w.queue[len(w.queue)-1]
		w.queue = w.queue[:len(w.queue)-1]
		if n.i == len(w.p) && !w.ends(n.sets) {
			return false
		}
		for _, c := range w.letters {
			next := w.p.spread(w.p.step(nil, n.i, c))
			if len(next) == 0 {
				continue
			}
			sets := w.after(n.sets, c)
			for _, i := range next {
				w.push(i, sets)
			}
		}
	}
	return true
}

func (w *walk) after(sets [][]int, c rune) [][]int {
	out := make([][]int, len(sets))
	for k, q := range w.list {
		for _, j := range sets[k] {
			out[k] = q.step(out[k], j, c)
		}
		out[k] = q.spread(out[k])
	}
	return out
}

// ends reports whether one of the others may end here.
func (w *walk) ends(sets [][]int) bool {
	for k, q := range w.list {
		if slices.Contains(sets[k], len(q)) {
			return true
		}
	}
	return false
}
