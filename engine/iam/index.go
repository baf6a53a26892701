package iam

import "bytes"

// An index finds the statements of one effect that can speak to an action
// without a look at the others: by the action's whole name, by its service, and
// those that may match any. Each list is in the statements' order.
type index struct {
	exact   map[string][]int32
	service map[string][]int32
	any     []int32
}

// buildIndexes files every statement under its effect.
func (p *Policy) buildIndexes() {
	for i := range p.statements {
		s := &p.statements[i]
		x := &p.allow
		if s.deny {
			x = &p.deny
		}
		x.add(int32(i), s)
	}
}

func (x *index) add(i int32, s *statement) {
	if s.notAction {
		x.any = append(x.any, i)
		return
	}
	for _, a := range s.actions {
		service, _, _ := bytes.Cut([]byte(a.pattern), []byte{':'})
		switch {
		case !a.wild:
			x.exact = addOnce(x.exact, a.pattern, i)
		case hasMark(service):
			x.any = appendOnce(x.any, i)
		default:
			x.service = addOnce(x.service, string(service), i)
		}
	}
}

func addOnce(m map[string][]int32, key string, i int32) map[string][]int32 {
	if m == nil {
		m = map[string][]int32{}
	}
	m[key] = appendOnce(m[key], i)
	return m
}

func appendOnce(list []int32, i int32) []int32 {
	if n := len(list); n > 0 && list[n-1] == i {
		return list
	}
	return append(list, i)
}

// A candidates walks the statements that may match an action, each once, in the
// order of the document.
type candidates [3][]int32

func (x *index) candidates(action, service []byte) candidates {
	c := candidates{2: x.any}
	if x.exact != nil {
		c[0] = x.exact[string(action)]
	}
	if x.service != nil {
		c[1] = x.service[string(service)]
	}
	return c
}

// next returns the next statement's place in the document; ok is false at the end.
func (c *candidates) next() (i int32, ok bool) {
	for _, list := range c {
		if len(list) > 0 && (!ok || list[0] < i) {
			i, ok = list[0], true
		}
	}
	for k, list := range c {
		if len(list) > 0 && list[0] == i {
			c[k] = list[1:]
		}
	}
	return i, ok
}
