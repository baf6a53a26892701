package wire

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"reflect"
	"strings"

	"github.com/garrison-cloud/garrison/internal/wire/model"
)

// An xmlReader reads an XML body into Go values. Document types are refused,
// and with them every entity but XML's own five.
type xmlReader struct {
	budget
	d     *xml.Decoder
	depth int
}

// readXML reads a whole body, whose root may have any name, as AWS takes it.
func readXML(n *node, v reflect.Value, body []byte) error {
	r := &xmlReader{d: xml.NewDecoder(bytes.NewReader(body))}
	start, err := r.next()
	if err != nil {
		return err
	}
	if start == nil {
		return errUnexpected
	}
	if err := r.body(n, v, start); err != nil {
		return err
	}
	for {
		switch t, err := r.token(); {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		default:
			if text, ok := t.(xml.CharData); !ok || len(bytes.TrimSpace(text)) > 0 {
				return errUnexpected
			}
		}
	}
}

// token returns the next token that means something.
func (r *xmlReader) token() (xml.Token, error) {
	for {
		t, err := r.d.Token()
		if err != nil {
			if errors.Is(err, io.EOF) {
				return nil, err
			}
			return nil, errUnexpected
		}
		switch t.(type) {
		case xml.Directive:
			return nil, malformed("Document types are not allowed")
		case xml.ProcInst, xml.Comment:
		default:
			return t, nil
		}
	}
}

// next returns the next child element, or nil at the end of its parent.
func (r *xmlReader) next() (*xml.StartElement, error) {
	for {
		t, err := r.token()
		if err != nil {
			return nil, errUnexpected
		}
		switch t := t.(type) {
		case xml.StartElement:
			return &t, nil
		case xml.EndElement:
			return nil, nil
		}
	}
}

// body reads a payload's root: a structure, a union, or a list or map alone.
func (r *xmlReader) body(n *node, v reflect.Value, start *xml.StartElement) error {
	m := &member{Member: &model.Member{}, node: n}
	return r.value(m, v, start)
}

// each calls f for each child of the element that was begun.
func (r *xmlReader) each(f func(*xml.StartElement) error) error {
	if r.depth++; r.depth > maxDepth {
		return errDepth
	}
	defer func() { r.depth-- }()
	for {
		start, err := r.next()
		if err != nil || start == nil {
			return err
		}
		if err := f(start); err != nil {
			return err
		}
	}
}

func (r *xmlReader) value(m *member, v reflect.Value, start *xml.StartElement) error {
	n := m.node
	switch n.kind {
	case model.Structure:
		return r.structure(n, v, start)
	case model.Union:
		return r.union(n, v)
	case model.List:
		emptyList(v)
		name := n.item.WireName
		if name == "" {
			name = "member"
		}
		return r.each(func(s *xml.StartElement) error {
			if s.Name.Local != name {
				return r.skip()
			}
			if err := r.spend(n.item); err != nil {
				return err
			}
			return r.value(n.item, n.item.grow(v), s)
		})
	case model.Map:
		return r.each(func(s *xml.StartElement) error {
			if s.Name.Local != "entry" {
				return r.skip()
			}
			return r.entry(n, v)
		})
	default:
		text, err := r.text()
		if err != nil {
			return err
		}
		if n.kind != model.String {
			text = strings.TrimSpace(text)
		}
		return setText(m, v, text, isoTime)
	}
}

func (r *xmlReader) structure(n *node, v reflect.Value, start *xml.StartElement) error {
	for i := range n.members {
		m := &n.members[i]
		if !m.Attribute {
			continue
		}
		_, local, ok := strings.Cut(m.xml, ":")
		if !ok {
			local = m.xml
		}
		for _, a := range start.Attr {
			if a.Name.Local == local {
				if err := setText(m, m.slot(v.Field(m.field)), a.Value, isoTime); err != nil {
					return err
				}
			}
		}
	}
	return r.each(func(s *xml.StartElement) error {
		m := n.byXML[s.Name.Local]
		if m == nil || m.Attribute {
			return r.skip()
		}
		return r.member(m, v.Field(m.field), s)
	})
}

// member reads one element of a structure's member: the whole of it, or one
// item where it is flattened.
func (r *xmlReader) member(m *member, v reflect.Value, start *xml.StartElement) error {
	n := m.node
	if m.flat && n.kind == model.List {
		if err := r.spend(n.item); err != nil {
			return err
		}
		return r.value(n.item, n.item.grow(v), start)
	}
	if m.flat && n.kind == model.Map {
		return r.entry(n, v)
	}
	return r.value(m, m.slot(v), start)
}

func (r *xmlReader) union(n *node, v reflect.Value) error {
	set := 0
	err := r.each(func(s *xml.StartElement) error {
		m := n.byXML[s.Name.Local]
		if m == nil {
			return r.skip()
		}
		if m.flat && set > 0 && !v.IsNil() && v.Elem().Elem().Type() == m.variant {
			return r.member(m, v.Elem().Elem().Field(0), s) // one more item
		}
		set++
		return r.member(m, m.choose(v), s)
	})
	if err == nil && set != 1 {
		return errUnion
	}
	return err
}

func (r *xmlReader) entry(n *node, v reflect.Value) error {
	if v.IsNil() {
		v.Set(reflect.MakeMap(v.Type()))
	}
	key := reflect.New(n.key.node.typ).Elem()
	item := reflect.New(v.Type().Elem()).Elem()
	err := r.each(func(s *xml.StartElement) error {
		switch s.Name.Local {
		case wireName(n.key.Member):
			return r.value(n.key, key, s)
		case wireName(n.item.Member):
			return r.value(n.item, n.item.slot(item), s)
		default:
			return r.skip()
		}
	})
	if err == nil {
		v.SetMapIndex(key, item)
	}
	return err
}

// text reads an element's text up to its end; a child element has no place in it.
func (r *xmlReader) text() (string, error) {
	var b strings.Builder
	for {
		t, err := r.token()
		if err != nil {
			return "", errUnexpected
		}
		switch t := t.(type) {
		case xml.CharData:
			b.Write(t)
		case xml.EndElement:
			return b.String(), nil
		default:
			return "", errUnexpected
		}
	}
}

// skip reads over the element that was begun. It does not recurse: encoding/xml
// does, as deep as a client likes.
func (r *xmlReader) skip() error {
	for depth := 1; depth > 0; {
		t, err := r.token()
		if err != nil {
			return errUnexpected
		}
		switch t.(type) {
		case xml.StartElement:
			depth++
		case xml.EndElement:
			depth--
		}
	}
	return nil
}
