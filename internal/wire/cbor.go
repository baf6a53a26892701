package wire

import (
	"encoding/binary"
	"math"
	"reflect"

	"github.com/garrison-cloud/garrison/internal/wire/model"
)

// The major types of CBOR (RFC 8949 §3.1), in their place in the first byte.
const (
	cborUint   = 0 << 5
	cborNegint = 1 << 5
	cborBytes  = 2 << 5
	cborText   = 3 << 5
	cborArray  = 4 << 5
	cborMap    = 5 << 5
	cborTag    = 6 << 5
	cborSimple = 7 << 5

	cborFalse   = 0xf4
	cborTrue    = 0xf5
	cborNull    = 0xf6
	cborUndef   = 0xf7
	cborFloat16 = 0xf9
	cborFloat32 = 0xfa
	cborFloat64 = 0xfb
	cborBreak   = 0xff

	cborIndefinite = 31
	epochTag       = 1
)

// appendCBORHead appends a major type and its argument, in the shortest form.
func appendCBORHead(dst []byte, major byte, n uint64) []byte {
	switch {
	case n < 24:
		return append(dst, major|byte(n))
	case n <= math.MaxUint8:
		return append(dst, major|24, byte(n))
	case n <= math.MaxUint16:
		return binary.BigEndian.AppendUint16(append(dst, major|25), uint16(n))
	case n <= math.MaxUint32:
		return binary.BigEndian.AppendUint32(append(dst, major|26), uint32(n))
	default:
		return binary.BigEndian.AppendUint64(append(dst, major|27), n)
	}
}

func appendCBORText(dst []byte, s string) []byte {
	return append(appendCBORHead(dst, cborText, uint64(len(s))), s...)
}

// appendCBORStructure appends a structure as a map of indefinite length: how
// many members are set is known only at the end.
func appendCBORStructure(dst []byte, n *node, v reflect.Value) []byte {
	dst = appendCBORMembers(append(dst, cborMap|cborIndefinite), n, v)
	return append(dst, cborBreak)
}

func appendCBORMembers(dst []byte, n *node, v reflect.Value) []byte {
	for i := range n.members {
		m := &n.members[i]
		if m.Location != model.Body {
			continue
		}
		if value, ok := m.present(v); ok {
			dst = appendCBORValue(appendCBORText(dst, m.Name), m, value)
		}
	}
	return dst
}

func appendCBORValue(dst []byte, m *member, v reflect.Value) []byte {
	n := m.node
	switch n.kind {
	case model.Structure:
		return appendCBORStructure(dst, n, v)
	case model.Union:
		chosen, value, ok := n.chosen(v)
		if !ok {
			return append(dst, cborMap)
		}
		value, _ = chosen.element(value)
		return appendCBORValue(appendCBORText(append(dst, cborMap|1), chosen.Name), chosen, value)
	case model.List:
		dst = appendCBORHead(dst, cborArray, uint64(v.Len())) //nolint:gosec // a length
		for i := range v.Len() {
			dst = appendCBORElement(dst, n.item, v.Index(i))
		}
		return dst
	case model.Map:
		dst = appendCBORHead(dst, cborMap, uint64(v.Len())) //nolint:gosec // a length
		for _, key := range sortedKeys(v) {
			dst = appendCBORElement(appendCBORText(dst, key.String()), n.item, v.MapIndex(key))
		}
		return dst
	default:
		return appendCBORScalar(dst, n.kind, v)
	}
}

func appendCBORElement(dst []byte, m *member, v reflect.Value) []byte {
	value, ok := m.element(v)
	if !ok {
		return append(dst, cborNull)
	}
	return appendCBORValue(dst, m, value)
}

func appendCBORScalar(dst []byte, k model.Kind, v reflect.Value) []byte {
	switch k {
	case model.String:
		return appendCBORText(dst, v.String())
	case model.Blob:
		return append(appendCBORHead(dst, cborBytes, uint64(v.Len())), v.Bytes()...) //nolint:gosec // a length
	case model.Boolean:
		if v.Bool() {
			return append(dst, cborTrue)
		}
		return append(dst, cborFalse)
	case model.Integer, model.Long:
		if i := v.Int(); i < 0 {
			return appendCBORHead(dst, cborNegint, uint64(-(i + 1))) //nolint:gosec // not negative
		}
		return appendCBORHead(dst, cborUint, uint64(v.Int())) //nolint:gosec // not negative
	case model.Timestamp:
		dst = append(dst, cborTag|epochTag)
		return appendCBORFloat(dst, float64(timeOf(v).UnixMilli())/1000)
	default:
		return appendCBORFloat(dst, v.Float())
	}
}

func appendCBORFloat(dst []byte, f float64) []byte {
	return binary.BigEndian.AppendUint64(append(dst, cborFloat64), math.Float64bits(f))
}

// appendCBORError appends an error: its name, its message and its own members.
func appendCBORError(kind, message string, n *node, v reflect.Value) []byte {
	dst := appendCBORText(appendCBORText([]byte{cborMap | cborIndefinite}, "__type"), kind)
	name := "message"
	if n != nil {
		for i := range n.members {
			m := &n.members[i]
			if isMessage(m) {
				name = m.Name
				continue
			}
			if value, ok := m.present(v); ok {
				dst = appendCBORValue(appendCBORText(dst, m.Name), m, value)
			}
		}
	}
	return append(appendCBORText(appendCBORText(dst, name), message), cborBreak)
}
