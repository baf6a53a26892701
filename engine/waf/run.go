package waf

import (
	"net/netip"
	"slices"
	"unsafe"

	"github.com/garrison-cloud/garrison/engine/waf/jsonwalk"
	"github.com/garrison-cloud/garrison/engine/waf/literal"
)

// outcome is what a component is to a statement: something to look at, or
// already decided by its absence, its size or a fallback.
type outcome uint8

const (
	present outcome = iota
	absent
	taken // matches, whatever the statement
)

// budget is how many units of work a request may cost: about a byte each for
// transformations and scans, eight a byte for a regular expression.
const budget = 64 << 20

const arenaSize = 64 << 10

type pair struct{ name, value string }

type fieldState struct {
	done    bool
	outcome outcome
	parts   []string
}

type slotState struct {
	done, scanned bool
	// own are parts that the slot made, shared another slot's or field's.
	own, shared []string
	hits        literal.Hits
	injection   [2]answer
	script      answer
}

// answer is remembered by a slot: -1 no, 1 the first part that matched is at
// index at, 0 not asked.
type answer struct {
	is int8
	at int
}

// run is the state of one evaluation. It is pooled with its program.
type run struct {
	p       *Program
	r       *Request
	v       Verdict
	body    string
	cut     bool
	fields  []fieldState
	slots   []slotState
	arena   []byte
	left    int
	labels  []string
	details []detail
	args    []pair
	cookies []pair
	// parsed are the bits of what was parsed: args and cookies.
	parsedArgs, parsedCookies, cookiesOver bool
	walker                                 jsonwalk.Walker
	oversize                               []string
	key                                    []byte
	value                                  []byte
	ring                                   []netip.Addr
	tokenRead                              bool
	inserts                                []Header
}

// detail is a match worth telling of, with text that lives in the arena.
type detail struct {
	kind, sensitivity, location string
	text                        string
}

func newRun(p *Program) *run {
	c := &run{p: p, fields: make([]fieldState, len(p.fields)), slots: make([]slotState, len(p.slots)), arena: make([]byte, 0, arenaSize)}
	for i, s := range p.slots {
		if s.words != nil {
			c.slots[i].hits = make(literal.Hits, s.words.Words())
		}
	}
	return c
}

func (c *run) begin(r *Request) {
	c.r, c.left = r, budget
	c.cut = r.BodyTruncated || len(r.Body) > c.p.BodyLimit()
	c.body = view(r.Body[:min(len(r.Body), c.p.BodyLimit())])
}

// end forgets the request, so that a pooled run holds none of its memory.
func (c *run) end() {
	for i := range c.fields {
		if st := &c.fields[i]; st.done {
			clear(st.parts)
			*st = fieldState{parts: st.parts[:0]}
		}
	}
	for i := range c.slots {
		if st := &c.slots[i]; st.done {
			st.forget()
		}
	}
	clear(c.labels)
	clear(c.details)
	clear(c.args)
	clear(c.cookies)
	clear(c.oversize)
	clear(c.inserts)
	c.labels, c.details, c.args, c.cookies = c.labels[:0], c.details[:0], c.args[:0], c.cookies[:0]
	c.oversize, c.inserts, c.arena = c.oversize[:0], c.inserts[:0], c.arena[:0]
	c.parsedArgs, c.parsedCookies, c.cookiesOver, c.tokenRead = false, false, false, false
	c.body, c.r, c.v = "", nil, Verdict{}
	c.walker.Reset("", false)
}

// forget empties a slot.
func (st *slotState) forget() {
	if st.scanned {
		clear(st.hits)
	}
	clear(st.own)
	*st = slotState{own: st.own[:0], hits: st.hits}
}

// spend takes n units of the budget. Once it is gone the rules stop, and the
// request is refused: see Verdict.OverBudget.
func (c *run) spend(n int) bool {
	c.left -= n
	return c.left >= 0
}

// room makes sure that n bytes fit the arena without moving what is in it.
func (c *run) room(n int) {
	if cap(c.arena)-len(c.arena) < n {
		// Strings still point into the old arena; it lives as long as they do.
		c.arena = make([]byte, 0, max(arenaSize, n))
	}
}

// view reads bytes as a string without a copy. The bytes must stay as they are
// while the string is in use: the arena only grows during an evaluation, and
// the caller lends the body for as long.
func view(b []byte) string {
	return unsafe.String(unsafe.SliceData(b), len(b)) //nolint:gosec // the bytes outlive the string, see above
}

func (c *run) oversized(field string) {
	if !slices.Contains(c.oversize, field) {
		c.oversize = append(c.oversize, field)
	}
}
