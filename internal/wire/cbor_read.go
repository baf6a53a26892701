package wire

import (
	"encoding/binary"
	"math"
	"reflect"
	"unicode/utf8"

	"github.com/garrison-cloud/garrison/internal/wire/model"
)

// A cborReader reads CBOR (RFC 8949) into Go values, guided by a plan. It
// believes no length that the body is too short for, and allocates nothing by a
// length that a client merely states.
type cborReader struct {
	budget
	b     []byte
	depth int
}

func readCBOR(n *node, v reflect.Value, body []byte) error {
	if len(body) == 0 {
		return nil // a client may leave out the body of an empty structure
	}
	r := &cborReader{b: body}
	head, err := r.head()
	if err != nil {
		return err
	}
	if head.major != cborMap {
		return errUnexpected
	}
	if err := r.structure(n, v, head); err != nil {
		return err
	}
	if len(r.b) > 0 {
		return errUnexpected
	}
	return nil
}

// A cborHead is an item's first bytes: its type and argument.
type cborHead struct {
	first, major byte
	n            uint64
	indefinite   bool
}

func (r *cborReader) head() (cborHead, error) {
	if len(r.b) == 0 {
		return cborHead{}, errUnexpected
	}
	h := cborHead{first: r.b[0], major: r.b[0] & 0xe0}
	r.b = r.b[1:]
	switch info := h.first & 0x1f; {
	case info < 24:
		h.n = uint64(info)
	case info <= 27:
		size := 1 << (info - 24)
		if len(r.b) < size {
			return h, errUnexpected
		}
		var word [8]byte
		copy(word[8-size:], r.b[:size])
		h.n = binary.BigEndian.Uint64(word[:])
		r.b = r.b[size:]
	case info == cborIndefinite && h.major != cborUint && h.major != cborNegint && h.major != cborTag:
		h.indefinite = true
	default:
		return h, errUnexpected
	}
	if h.first == cborSimple|24 && h.n < 32 {
		return h, errUnexpected // RFC 8949 §3.3: these have one byte
	}
	return h, nil
}

// each calls f for each element of an array, or for each pair of a map.
func (r *cborReader) each(h cborHead, f func() error) error {
	if r.depth++; r.depth > maxDepth {
		return errDepth
	}
	defer func() { r.depth-- }()
	for i := uint64(0); h.indefinite || i < h.n; i++ {
		if len(r.b) == 0 {
			return errUnexpected
		}
		if h.indefinite && r.b[0] == cborBreak {
			r.b = r.b[1:]
			return nil
		}
		if err := f(); err != nil {
			return err
		}
	}
	return nil
}

// bytes reads a string's content, in one piece or in many.
func (r *cborReader) bytes(h cborHead) ([]byte, error) {
	if !h.indefinite {
		if h.n > uint64(len(r.b)) {
			return nil, errUnexpected
		}
		out := r.b[:h.n]
		r.b = r.b[h.n:]
		return out, nil
	}
	var out []byte
	err := r.each(h, func() error {
		piece, err := r.head()
		if err != nil {
			return err
		}
		if piece.major != h.major || piece.indefinite {
			return errUnexpected
		}
		b, err := r.bytes(piece)
		out = append(out, b...)
		return err
	})
	return out, err
}

func (r *cborReader) text() ([]byte, error) {
	h, err := r.head()
	if err != nil {
		return nil, err
	}
	if h.major != cborText {
		return nil, errUnexpected
	}
	return r.textAfter(h)
}

func (r *cborReader) textAfter(h cborHead) ([]byte, error) {
	b, err := r.bytes(h)
	if err == nil && !utf8.Valid(b) {
		return nil, errUTF8
	}
	return b, err
}

func (r *cborReader) null() bool {
	if len(r.b) > 0 && (r.b[0] == cborNull || r.b[0] == cborUndef) {
		r.b = r.b[1:]
		return true
	}
	return false
}

func (r *cborReader) structure(n *node, v reflect.Value, h cborHead) error {
	return r.each(h, func() error {
		name, err := r.text()
		if err != nil {
			return err
		}
		m := n.byName[string(name)]
		if m == nil {
			return r.skip()
		}
		if r.null() {
			v.Field(m.field).SetZero()
			return nil
		}
		return r.value(m, m.slot(v.Field(m.field)))
	})
}

func (r *cborReader) union(n *node, v reflect.Value, h cborHead) error {
	set := 0
	err := r.each(h, func() error {
		name, err := r.text()
		if err != nil {
			return err
		}
		m := n.byName[string(name)]
		if m == nil {
			return r.skip()
		}
		if r.null() {
			return nil
		}
		set++
		return r.value(m, m.slot(m.choose(v)))
	})
	if err == nil && set != 1 {
		return errUnion
	}
	return err
}

// value reads an item that is not null into v.
func (r *cborReader) value(m *member, v reflect.Value) error {
	h, err := r.head()
	if err != nil {
		return err
	}
	n := m.node
	switch {
	case h.major == cborMap && n.kind == model.Structure:
		return r.structure(n, v, h)
	case h.major == cborMap && n.kind == model.Union:
		return r.union(n, v, h)
	case h.major == cborMap && n.kind == model.Map:
		return r.dictionary(n, v, h)
	case h.major == cborArray && n.kind == model.List:
		emptyList(v)
		return r.each(h, func() error {
			if r.null() {
				return nil
			}
			if err := r.spend(n.item); err != nil {
				return err
			}
			return r.value(n.item, n.item.grow(v))
		})
	case h.major == cborText && n.kind == model.String:
		b, err := r.textAfter(h)
		v.SetString(string(b))
		return err
	case h.major == cborBytes && n.kind == model.Blob:
		b, err := r.bytes(h)
		v.SetBytes(append([]byte{}, b...))
		return err
	case n.kind == model.Boolean && (h.first == cborTrue || h.first == cborFalse):
		v.SetBool(h.first == cborTrue)
		return nil
	default:
		return r.number(n, v, h)
	}
}

func (r *cborReader) dictionary(n *node, v reflect.Value, h cborHead) error {
	v.Set(reflect.MakeMap(v.Type()))
	return r.each(h, func() error {
		name, err := r.text()
		if err != nil || r.null() {
			return err
		}
		if err := r.spend(n.item); err != nil {
			return err
		}
		key := reflect.New(n.key.node.typ).Elem()
		key.SetString(string(name))
		item := reflect.New(v.Type().Elem()).Elem()
		if err := r.value(n.item, n.item.slot(item)); err != nil {
			return err
		}
		v.SetMapIndex(key, item)
		return nil
	})
}

func (r *cborReader) number(n *node, v reflect.Value, h cborHead) error {
	switch n.kind {
	case model.Integer, model.Long:
		i, ok := h.integer()
		if !ok || v.OverflowInt(i) {
			return errUnexpected
		}
		v.SetInt(i)
	case model.Float, model.Double:
		f, ok := h.float()
		if !ok {
			return errUnexpected
		}
		v.SetFloat(f)
	case model.Timestamp:
		if h.major == cborTag && h.n == epochTag {
			var err error
			if h, err = r.head(); err != nil {
				return err
			}
		}
		f, ok := h.float()
		if !ok {
			return errUnexpected
		}
		t, err := epochOf(f)
		if err != nil {
			return malformed("Invalid timestamp")
		}
		setTime(v, t)
	default:
		return errUnexpected
	}
	return nil
}

func (h cborHead) integer() (int64, bool) {
	if h.n > math.MaxInt64 {
		return 0, false
	}
	switch h.major {
	case cborUint:
		return int64(h.n), true
	case cborNegint:
		return -1 - int64(h.n), true
	default:
		return 0, false
	}
}

func (h cborHead) float() (float64, bool) {
	switch h.first {
	case cborFloat64:
		return math.Float64frombits(h.n), true
	case cborFloat32:
		return float64(math.Float32frombits(uint32(h.n))), true //nolint:gosec // four bytes were read
	case cborFloat16:
		return float16(uint16(h.n)), true //nolint:gosec // two bytes were read
	}
	i, ok := h.integer()
	return float64(i), ok
}

// float16 widens a half-precision number (RFC 8949, Appendix D).
func float16(h uint16) float64 {
	exp, mant := int(h>>10&0x1f), float64(h&0x3ff)
	var f float64
	switch {
	case exp == 0:
		f = math.Ldexp(mant, -24)
	case exp != 31:
		f = math.Ldexp(mant+1024, exp-25)
	case mant == 0:
		f = math.Inf(1)
	default:
		f = math.NaN()
	}
	if h&0x8000 != 0 {
		return -f
	}
	return f
}

// skip reads over an item that nobody wants.
func (r *cborReader) skip() error {
	h, err := r.head()
	if err != nil {
		return err
	}
	switch h.major {
	case cborBytes, cborText:
		_, err := r.bytes(h)
		return err
	case cborArray:
		return r.each(h, r.skip)
	case cborMap:
		return r.each(h, func() error {
			if err := r.skip(); err != nil {
				return err
			}
			return r.skip()
		})
	case cborTag:
		return r.each(cborHead{n: 1}, r.skip)
	default:
		if h.indefinite {
			return errUnexpected // a break with nothing to end
		}
		return nil
	}
}
