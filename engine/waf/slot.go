package waf

import (
	"unsafe"

	"github.com/garrison-cloud/garrison/engine/waf/literal"
	"github.com/garrison-cloud/garrison/engine/waf/transform"
)

// slot is a component after a chain of transformations. Chains share their
// beginnings: parent is the slot before the last transformation, -1 for none.
type slot struct {
	field, parent int
	kind          transform.Kind
	// words are all strings that statements look for in the slot.
	words *literal.Set
}

// slot returns the transformed component, made the first time it is asked for.
func (c *run) slot(i int) ([]string, outcome) {
	st := &c.slots[i]
	s := &c.p.slots[i]
	f := c.field(s.field)
	if st.done || f.outcome != present {
		return st.parts(st.shared), f.outcome
	}
	st.done = true
	if s.parent < 0 {
		st.shared = f.parts
		return st.shared, present
	}
	parts, _ := c.slot(s.parent)
	for i, part := range parts {
		out := c.transformed(s.kind, part)
		if len(st.own) == 0 && !sameText(out, part) {
			st.own = append(st.own, parts[:i]...)
		} else if len(st.own) == 0 {
			continue
		}
		st.own = append(st.own, out)
	}
	return st.parts(parts), present
}

// parts are the slot's own, or those of the slot before it where the
// transformation changed none.
func (st *slotState) parts(before []string) []string {
	if len(st.own) == 0 {
		st.shared = before
		return before
	}
	return st.own
}

// sameText says whether a is b itself, not only equal to it.
func sameText(a, b string) bool {
	return len(a) == len(b) && unsafe.StringData(a) == unsafe.StringData(b) //nolint:gosec // addresses are compared, not read
}

func (c *run) transformed(kind transform.Kind, part string) string {
	if !c.spend(len(part)) {
		return part
	}
	n := len(part) + 16
	if kind == transform.UTF8ToUnicode {
		n *= 3
	}
	c.room(n)
	start := len(c.arena)
	out, changed := kind.Append(c.arena, part)
	if !changed {
		return part
	}
	c.arena = out
	return view(out[start:])
}

// hits returns which of the slot's strings stand in any part.
func (c *run) hits(i int, parts []string) literal.Hits {
	st := &c.slots[i]
	if !st.scanned {
		st.scanned = true
		for _, part := range parts {
			if c.spend(len(part)) {
				c.p.slots[i].words.Scan(part, st.hits)
			}
		}
	}
	return st.hits
}
