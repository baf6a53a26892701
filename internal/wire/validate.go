package wire

import (
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/garrison-cloud/garrison/internal/wire/model"
)

// maxViolations bounds how many violations one answer tells of.
const maxViolations = 100

// A violation is one constraint that a value breaks.
type violation struct {
	path  string
	value string
	// null tells that there is no value, hidden that it must not be repeated.
	null, hidden bool
	words        string
	// at is the member that is bound to a part of the HTTP message, or the first
	// on the way to it; last is the member that was wrong.
	at, last *member
}

// A checker walks an input and collects what is wrong with it.
type checker struct {
	path  []byte
	top   *member
	found []violation
	// secrets counts the sensitive values that the walk is inside of.
	secrets int
}

// validate holds an input to the constraints of the model.
func (s *Service) validate(p Protocol, op *Operation, in reflect.Value) error {
	var c checker
	c.structure(op.plan.in, in)
	if len(c.found) == 0 {
		return nil
	}
	return s.violated(p, c.found)
}

func (c *checker) structure(n *node, v reflect.Value) {
	for i := range n.members {
		m := &n.members[i]
		if m.field < 0 {
			continue
		}
		value, ok := m.present(v)
		if !ok && (!m.Required || m.node.kind == model.Blob && m.node.typ != bytesType) {
			continue // a required stream is there, if only empty
		}
		c.at(m, m.audit, func() {
			if !ok {
				c.fail(m, violation{null: true, words: "Member must not be null"})
				return
			}
			c.value(m, value)
		})
	}
}

// at runs f one step further down the path.
func (c *checker) at(m *member, step string, f func()) {
	size := len(c.path)
	if size > 0 {
		c.path = append(c.path, '.')
	} else {
		c.top = m
	}
	c.path = append(c.path, step...)
	f()
	c.path = c.path[:size]
}

func (c *checker) fail(m *member, v violation) {
	if len(c.found) < maxViolations {
		v.path, v.at, v.last = string(c.path), c.top, m
		c.found = append(c.found, v)
	}
}

func (c *checker) value(m *member, v reflect.Value) {
	n := m.node
	if n.sensitive {
		c.secrets++
		defer func() { c.secrets-- }()
	}
	if size, ok := measureOf(n.kind, v); ok && n.limits != nil {
		c.own(m, v, size)
	}
	switch n.kind {
	case model.Structure:
		c.structure(n, v)
	case model.Union:
		if chosen, value, ok := n.chosen(v); ok {
			if value, ok = chosen.element(value); ok {
				c.at(m, chosen.audit, func() { c.value(chosen, value) })
			}
		}
	case model.List:
		c.list(m, v)
	case model.Map:
		c.dictionary(m, v)
	default: // scalars are done
	}
}

// own checks a value against its own shape.
func (c *checker) own(m *member, v reflect.Value, size float64) {
	n := m.node
	fail := func(words string) {
		c.fail(m, violation{words: words, hidden: c.secrets > 0, value: valueText(m, v)})
	}
	if n.kind == model.String {
		n.limits.text(v.String(), int(size), fail)
		return
	}
	n.limits.measure(size, fail)
}

// measureOf is what min and max bound: a length, a size or the number itself.
func measureOf(k model.Kind, v reflect.Value) (float64, bool) {
	switch k {
	case model.String:
		return float64(utf8.RuneCountInString(v.String())), true
	case model.List, model.Map:
		return float64(v.Len()), true
	case model.Blob:
		if v.Kind() != reflect.Slice {
			return 0, false
		}
		return float64(v.Len()), true
	case model.Integer, model.Long:
		return float64(v.Int()), true
	case model.Float, model.Double:
		return v.Float(), true
	default:
		return 0, false
	}
}

func isScalar(k model.Kind) bool {
	return k != model.Structure && k != model.Union && k != model.List && k != model.Map
}

// list checks a list's items. AWS reports items that are scalars as the list's
// own failure, and others by their place.
func (c *checker) list(m *member, v reflect.Value) {
	item := m.node.item
	if isScalar(item.node.kind) {
		c.scalars(m, v, item, "Member", func(yield func(reflect.Value)) {
			for i := range v.Len() {
				yield(v.Index(i))
			}
		})
		return
	}
	for i := range v.Len() {
		value, ok := item.element(v.Index(i))
		if !ok {
			continue
		}
		c.at(m, strconv.Itoa(i+1)+".member", func() { c.value(item, value) })
	}
}

func (c *checker) dictionary(m *member, v reflect.Value) {
	n := m.node
	c.scalars(m, v, n.key, "Map keys", func(yield func(reflect.Value)) {
		for _, key := range v.MapKeys() {
			yield(key)
		}
	})
	if isScalar(n.item.node.kind) {
		c.scalars(m, v, n.item, "Map value", func(yield func(reflect.Value)) {
			for _, key := range v.MapKeys() {
				yield(v.MapIndex(key))
			}
		})
		return
	}
	for _, key := range sortedKeys(v) {
		if value, ok := n.item.element(v.MapIndex(key)); ok {
			step := key.String() + ".member"
			if c.secrets > 0 || n.key.node.sensitive {
				step = "member"
			}
			c.at(m, step, func() { c.value(n.item, value) })
		}
	}
}

// scalars checks what is in a list or a map, and lists the constraints that any
// of it breaks.
func (c *checker) scalars(m *member, v reflect.Value, item *member, noun string, each func(func(reflect.Value))) {
	l := item.node.limits
	if l == nil {
		return
	}
	var broken []string
	each(func(e reflect.Value) {
		value, ok := item.element(e)
		if !ok {
			return
		}
		size, ok := measureOf(item.node.kind, value)
		if !ok {
			return
		}
		fail := func(words string) {
			if !slices.Contains(broken, words) {
				broken = append(broken, words)
			}
		}
		if item.node.kind == model.String {
			l.text(value.String(), int(size), fail)
		} else {
			l.measure(size, fail)
		}
	})
	if len(broken) == 0 {
		return
	}
	words := noun + " must satisfy constraint: [" + strings.Join(broken, ", ") + "]"
	c.fail(m, violation{words: words, hidden: c.secrets > 0 || item.node.sensitive, value: valueText(m, v)})
}
