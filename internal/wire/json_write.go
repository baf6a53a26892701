package wire

import (
	"encoding/base64"
	"math"
	"reflect"
	"slices"
	"strconv"

	"github.com/garrison-cloud/garrison/internal/jsonenc"
	"github.com/garrison-cloud/garrison/internal/wire/model"
)

// appendStructure appends the members of a structure that belong into a body.
func appendStructure(dst []byte, n *node, v reflect.Value) []byte {
	dst = append(dst, '{')
	first := true
	for i := range n.members {
		m := &n.members[i]
		if m.Location != model.Body {
			continue
		}
		value, ok := m.present(v)
		if !ok {
			continue
		}
		dst = appendName(dst, m.json, first)
		first = false
		dst = appendValue(dst, m, value)
	}
	return append(dst, '}')
}

// appendName appends a name that needs no escapes.
func appendName(dst []byte, name string, first bool) []byte {
	if !first {
		dst = append(dst, ',')
	}
	dst = append(dst, '"')
	dst = append(dst, name...)
	return append(dst, '"', ':')
}

func appendValue(dst []byte, m *member, v reflect.Value) []byte {
	n := m.node
	switch n.kind {
	case model.Structure:
		return appendStructure(dst, n, v)
	case model.Union:
		chosen, value, ok := n.chosen(v)
		if !ok {
			return append(dst, "{}"...)
		}
		dst = appendName(append(dst, '{'), chosen.json, true)
		value, _ = chosen.element(value)
		return append(appendValue(dst, chosen, value), '}')
	case model.List:
		return appendList(dst, n, v)
	case model.Map:
		return appendMap(dst, n, v)
	case model.String:
		return jsonenc.AppendString(dst, v.String())
	case model.Blob:
		dst = append(dst, '"')
		dst = base64.StdEncoding.AppendEncode(dst, v.Bytes())
		return append(dst, '"')
	case model.Timestamp:
		return appendJSONTime(dst, m, v)
	default:
		return appendScalar(dst, n.kind, v)
	}
}

func appendJSONTime(dst []byte, m *member, v reflect.Value) []byte {
	f := m.time.or(epochTime)
	if f == epochTime {
		return appendTime(dst, f, timeOf(v))
	}
	return append(appendTime(append(dst, '"'), f, timeOf(v)), '"')
}

func appendScalar(dst []byte, k model.Kind, v reflect.Value) []byte {
	switch k {
	case model.Boolean:
		return strconv.AppendBool(dst, v.Bool())
	case model.Integer, model.Long:
		return strconv.AppendInt(dst, v.Int(), 10)
	default:
		return appendFloat(dst, v.Float(), v.Type().Bits())
	}
}

// appendFloat writes what JSON has no number for as a string (Smithy 2.0, AWS
// JSON 1.1, "Shape serialization").
func appendFloat(dst []byte, f float64, bits int) []byte {
	switch {
	case math.IsNaN(f):
		return append(dst, `"NaN"`...)
	case math.IsInf(f, 1):
		return append(dst, `"Infinity"`...)
	case math.IsInf(f, -1):
		return append(dst, `"-Infinity"`...)
	default:
		return strconv.AppendFloat(dst, f, 'g', -1, bits)
	}
}

func appendList(dst []byte, n *node, v reflect.Value) []byte {
	dst = append(dst, '[')
	for i := range v.Len() {
		if i > 0 {
			dst = append(dst, ',')
		}
		value, ok := n.item.element(v.Index(i))
		if !ok {
			dst = append(dst, "null"...)
			continue
		}
		dst = appendValue(dst, n.item, value)
	}
	return append(dst, ']')
}

func appendMap(dst []byte, n *node, v reflect.Value) []byte {
	dst = append(dst, '{')
	for i, key := range sortedKeys(v) {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(jsonenc.AppendString(dst, key.String()), ':')
		value, ok := n.item.element(v.MapIndex(key))
		if !ok {
			dst = append(dst, "null"...)
			continue
		}
		dst = appendValue(dst, n.item, value)
	}
	return append(dst, '}')
}

// sortedKeys makes answers the same every time.
func sortedKeys(v reflect.Value) []reflect.Value {
	keys := v.MapKeys()
	slices.SortFunc(keys, func(a, b reflect.Value) int {
		if a.String() < b.String() {
			return -1
		}
		return 1
	})
	return keys
}
