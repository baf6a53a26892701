package waf

import (
	"github.com/garrison-cloud/garrison/engine/waf/jsonwalk"
)

// extractJSON reads the body's keys and values. A body beyond the walker's
// limits is read on as one string from there, so that depth hides nothing.
func extractJSON(c *run, f *field, st *fieldState) {
	if c.cut && c.oversizeOutcome(f, st, "REQUEST_JSON_BODY") {
		return
	}
	if c.body == "" {
		return
	}
	c.spend(len(c.body))
	w := &c.walker
	w.Reset(c.body, len(f.spec.Included) > 0)
	var t jsonwalk.Token
	for w.Next(&t) {
		if f.reads(&t, w) {
			st.parts = append(st.parts, c.text(&t))
		}
	}
	c.jsonFault(f, st, w)
}

// jsonFault applies InvalidFallbackBehavior. The end of an inspected prefix is
// not the fault of the body.
func (c *run) jsonFault(f *field, st *fieldState, w *jsonwalk.Walker) {
	switch w.Fault() {
	case jsonwalk.None:
		return
	case jsonwalk.Cut:
		if c.cut {
			return
		}
	case jsonwalk.Limit:
		if f.spec.InvalidFallback == "" {
			st.parts = append(st.parts, c.body[w.Pos():])
			return
		}
	case jsonwalk.Invalid:
	}
	switch f.spec.InvalidFallback {
	case "MATCH":
		st.outcome = taken
	case "NO_MATCH":
		st.outcome = absent
	case "EVALUATE_AS_STRING":
		st.parts = append(st.parts[:0], c.body)
	}
}

func (f *field) reads(t *jsonwalk.Token, w *jsonwalk.Walker) bool {
	if t.Key && f.spec.Scope == ScopeValue || !t.Key && f.spec.Scope == ScopeKey {
		return false
	}
	if len(f.spec.Included) == 0 {
		return true
	}
	for _, want := range f.spec.Included {
		if below(w.Path(), want) {
			return true
		}
	}
	return false
}

// below says whether path is the pointer or lies below it; "/" is all.
func below(path []byte, pointer string) bool {
	if pointer == "/" {
		return true
	}
	n := len(pointer)
	return len(path) >= n && string(path[:n]) == pointer && (len(path) == n || path[n] == '/')
}

func (c *run) text(t *jsonwalk.Token) string {
	if !t.Escaped {
		return t.Text
	}
	c.room(len(t.Text) + 16)
	start := len(c.arena)
	c.arena = jsonwalk.Unescape(c.arena, t.Text)
	return view(c.arena[start:])
}
