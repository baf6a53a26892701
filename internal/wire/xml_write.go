package wire

import (
	"encoding/base64"
	"math"
	"reflect"
	"strconv"
	"unicode/utf8"

	"github.com/garrison-cloud/garrison/internal/wire/model"
)

// appendXMLStructure appends a structure's members as elements, without an
// element around them.
func appendXMLStructure(dst []byte, n *node, v reflect.Value) []byte {
	for i := range n.members {
		m := &n.members[i]
		if m.Location != model.Body || m.Attribute {
			continue
		}
		if value, ok := m.present(v); ok {
			dst = appendXMLMember(dst, m, value)
		}
	}
	return dst
}

// appendXMLMember appends a member with its element, or with one for each item
// where it is flattened.
func appendXMLMember(dst []byte, m *member, v reflect.Value) []byte {
	n := m.node
	switch {
	case n.kind == model.List && m.flat:
		return appendXMLItems(dst, m.xml, n, v)
	case n.kind == model.Map && m.flat:
		return appendXMLEntries(dst, m.xml, n, v)
	default:
		return appendXMLElement(dst, m, m.xml, v)
	}
}

func appendXMLElement(dst []byte, m *member, name string, v reflect.Value) []byte {
	dst = append(dst, '<')
	dst = append(dst, name...)
	dst = appendNamespace(dst, m)
	if m.node.kind == model.Structure {
		dst = appendXMLAttributes(dst, m.node, v)
	}
	dst = append(dst, '>')
	dst = appendXMLValue(dst, m, v)
	return appendEnd(dst, name)
}

func appendEnd(dst []byte, name string) []byte {
	dst = append(dst, '<', '/')
	dst = append(dst, name...)
	return append(dst, '>')
}

func appendXMLValue(dst []byte, m *member, v reflect.Value) []byte {
	n := m.node
	switch n.kind {
	case model.Structure:
		return appendXMLStructure(dst, n, v)
	case model.Union:
		if chosen, value, ok := n.chosen(v); ok {
			value, _ = chosen.element(value)
			return appendXMLMember(dst, chosen, value)
		}
		return dst
	case model.List:
		name := n.item.WireName
		if name == "" {
			name = "member"
		}
		return appendXMLItems(dst, name, n, v)
	case model.Map:
		return appendXMLEntries(dst, "entry", n, v)
	case model.String:
		return appendXMLText(dst, v.String())
	default:
		return appendText(dst, m, v, isoTime)
	}
}

func appendXMLItems(dst []byte, name string, n *node, v reflect.Value) []byte {
	for i := range v.Len() {
		if value, ok := n.item.element(v.Index(i)); ok {
			dst = appendXMLElement(dst, n.item, name, value)
		}
	}
	return dst
}

func appendXMLEntries(dst []byte, name string, n *node, v reflect.Value) []byte {
	for _, key := range sortedKeys(v) {
		value, ok := n.item.element(v.MapIndex(key))
		if !ok {
			continue
		}
		dst = append(append(append(dst, '<'), name...), '>')
		dst = appendXMLElement(dst, n.key, wireName(n.key.Member), key)
		dst = appendXMLElement(dst, n.item, wireName(n.item.Member), value)
		dst = appendEnd(dst, name)
	}
	return dst
}

// appendNamespace declares the namespace of a member's element, or of its shape.
func appendNamespace(dst []byte, m *member) []byte {
	uri, prefix := m.Namespace, m.Prefix
	if uri == "" {
		uri, prefix = m.node.shape.Namespace, m.node.shape.Prefix
	}
	return appendXMLNS(dst, uri, prefix)
}

func appendXMLNS(dst []byte, uri, prefix string) []byte {
	if uri == "" {
		return dst
	}
	dst = append(dst, ` xmlns`...)
	if prefix != "" {
		dst = append(append(dst, ':'), prefix...)
	}
	dst = append(append(dst, `="`...), uri...)
	return append(dst, '"')
}

func appendXMLAttributes(dst []byte, n *node, v reflect.Value) []byte {
	for i := range n.members {
		m := &n.members[i]
		if !m.Attribute {
			continue
		}
		if value, ok := m.present(v); ok {
			dst = append(append(append(dst, ' '), m.xml...), `="`...)
			dst = append(appendXMLText(dst, value.String()), '"')
		}
	}
	return dst
}

// appendXMLText escapes text for an element or an attribute. Characters that
// XML 1.0 cannot carry become U+FFFD.
func appendXMLText(dst []byte, s string) []byte {
	for _, r := range s {
		switch {
		case r == '&':
			dst = append(dst, "&amp;"...)
		case r == '<':
			dst = append(dst, "&lt;"...)
		case r == '>':
			dst = append(dst, "&gt;"...)
		case r == '"':
			dst = append(dst, "&quot;"...)
		case r == '\r':
			dst = append(dst, "&#xD;"...)
		case r < ' ' && r != '\t' && r != '\n', r == 0xFFFE, r == 0xFFFF:
			dst = utf8.AppendRune(dst, utf8.RuneError)
		default:
			dst = utf8.AppendRune(dst, r)
		}
	}
	return dst
}

func appendXMLFloat(dst []byte, f float64, bits int) []byte {
	switch {
	case math.IsInf(f, 1):
		return append(dst, "Infinity"...)
	case math.IsInf(f, -1):
		return append(dst, "-Infinity"...)
	default:
		return strconv.AppendFloat(dst, f, 'g', -1, bits)
	}
}

func appendBase64(dst, b []byte) []byte { return base64.StdEncoding.AppendEncode(dst, b) }
