package wire

import (
	"bytes"
	"encoding/base64"
	"math"
	"reflect"
	"strconv"
	"unicode/utf8"

	"github.com/garrison-cloud/garrison/internal/wire/model"
)

// maxDepth bounds the nesting of a body. AWS's deepest shapes nest some thirty
// levels, and a decoder must not recurse as deep as a client likes.
const maxDepth = 64

// malformed is what a decoder found wrong with a body; the protocol gives it
// its code.
type malformed string

func (m malformed) Error() string { return string(m) }

const (
	errUnexpected malformed = "Unexpected token received from parser"
	errDepth      malformed = "Nesting is too deep"
	errUTF8       malformed = "Invalid UTF-8"
	errBase64     malformed = "Invalid base64 data"
	errLarge      malformed = "Too many elements"
	errUnion      malformed = "Exactly one member of a union must be set"
)

// A jsonReader reads a JSON text (RFC 8259) into Go values, guided by a plan.
// Nothing is built in between; members that the model lacks are skipped.
type jsonReader struct {
	budget
	b     []byte
	i     int
	depth int
	// scratch holds the last string that had escapes.
	scratch []byte
}

// document reads the whole text as the structure n into v.
func (r *jsonReader) document(n *node, v reflect.Value) error {
	if r.space(); r.i == len(r.b) {
		return nil // AWS takes no body for an empty structure
	}
	if r.b[r.i] != '{' {
		return r.mismatch(n)
	}
	if err := r.structure(n, v); err != nil {
		return err
	}
	if r.space(); r.i != len(r.b) {
		return errUnexpected
	}
	return nil
}

func (r *jsonReader) space() {
	for r.i < len(r.b) {
		switch r.b[r.i] {
		case ' ', '\t', '\n', '\r':
			r.i++
		default:
			return
		}
	}
}

// peek returns the next byte that is no space, or 0 at the end.
func (r *jsonReader) peek() byte {
	if r.space(); r.i < len(r.b) {
		return r.b[r.i]
	}
	return 0
}

// each reads an object or an array after its opening bracket, calling f before
// each element.
func (r *jsonReader) each(closing byte, f func() error) error {
	if r.depth++; r.depth > maxDepth {
		return errDepth
	}
	defer func() { r.depth-- }()
	r.i++
	if r.peek() == closing {
		r.i++
		return nil
	}
	for {
		if err := f(); err != nil {
			return err
		}
		switch r.peek() {
		case ',':
			r.i++
		case closing:
			r.i++
			return nil
		default:
			return errUnexpected
		}
	}
}

// name reads a member's name and the colon.
func (r *jsonReader) name() ([]byte, error) {
	if r.peek() != '"' {
		return nil, errUnexpected
	}
	name, err := r.text()
	if err != nil {
		return nil, err
	}
	if r.peek() != ':' {
		return nil, errUnexpected
	}
	r.i++
	return name, nil
}

func (r *jsonReader) structure(n *node, v reflect.Value) error {
	return r.each('}', func() error {
		name, err := r.name()
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

func (r *jsonReader) union(n *node, v reflect.Value) error {
	set := 0
	err := r.each('}', func() error {
		name, err := r.name()
		if err != nil {
			return err
		}
		m := n.byName[string(name)]
		if m == nil || r.null() {
			return r.skip()
		}
		set++
		return r.value(m, m.slot(m.choose(v)))
	})
	if err == nil && set != 1 {
		return errUnion
	}
	return err
}

func (r *jsonReader) list(n *node, v reflect.Value) error {
	emptyList(v)
	return r.each(']', func() error {
		if r.null() {
			return nil
		}
		if err := r.spend(n.item); err != nil {
			return err
		}
		return r.value(n.item, n.item.grow(v))
	})
}

func (r *jsonReader) dictionary(n *node, v reflect.Value) error {
	v.Set(reflect.MakeMap(v.Type()))
	plain, isPlain := reflect.TypeAssert[*map[string]string](v.Addr())
	return r.each('}', func() error {
		name, err := r.name()
		if err != nil || r.null() {
			return err
		}
		if err := r.spend(n.item); err != nil {
			return err
		}
		if isPlain && r.peek() == '"' {
			key := string(name) // before the next string takes its place
			value, err := r.text()
			(*plain)[key] = string(value)
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

// value reads a value that is not null into v.
func (r *jsonReader) value(m *member, v reflect.Value) error {
	n, c := m.node, r.peek()
	switch {
	case c == '{' && n.kind == model.Structure:
		return r.structure(n, v)
	case c == '{' && n.kind == model.Union:
		return r.union(n, v)
	case c == '{' && n.kind == model.Map:
		return r.dictionary(n, v)
	case c == '[' && n.kind == model.List:
		return r.list(n, v)
	case c == '"':
		return r.scalarText(m, v)
	case c == '-' || c >= '0' && c <= '9':
		return r.number(m, v)
	case (c == 't' || c == 'f') && n.kind == model.Boolean:
		yes := r.literal("true")
		if !yes && !r.literal("false") {
			return errUnexpected
		}
		v.SetBool(yes)
		return nil
	default:
		return r.mismatch(n)
	}
}

func (r *jsonReader) scalarText(m *member, v reflect.Value) error {
	switch m.node.kind {
	case model.String:
		text, err := r.text()
		v.SetString(string(text))
		return err
	case model.Blob:
		return r.blob(v)
	case model.Float, model.Double:
		return r.notFinite(v)
	case model.Timestamp:
		if m.time == protocolTime || m.time == epochTime {
			return r.mismatch(m.node)
		}
		text, err := r.text()
		if err != nil {
			return err
		}
		t, err := parseTime(m.time, string(text))
		if err != nil {
			return malformed("Invalid timestamp")
		}
		setTime(v, t)
		return nil
	default:
		return r.mismatch(m.node)
	}
}

// notFinite reads the numbers that JSON cannot write.
func (r *jsonReader) notFinite(v reflect.Value) error {
	text, err := r.text()
	if err != nil {
		return err
	}
	switch string(text) {
	case "NaN":
		v.SetFloat(math.NaN())
	case "Infinity":
		v.SetFloat(math.Inf(1))
	case "-Infinity":
		v.SetFloat(math.Inf(-1))
	default:
		return malformed("STRING_VALUE can not be converted to a Double")
	}
	return nil
}

// blob reads base64. Its alphabet needs no escapes, so the text is taken as it
// is up to the next quote; only if that is no base64 can there be a "\/" in it.
func (r *jsonReader) blob(v reflect.Value) error {
	end := bytes.IndexByte(r.b[r.i+1:], '"')
	if end < 0 {
		return errUnexpected
	}
	out, err := decodeBase64(r.b[r.i+1 : r.i+1+end])
	if err == nil {
		r.i += end + 2
		v.SetBytes(out)
		return nil
	}
	text, err := r.text()
	if err != nil {
		return err
	}
	out, err = decodeBase64(text)
	v.SetBytes(out)
	return err
}

// decodeBase64 takes no line breaks, which Go's decoder passes over: then it
// decodes less than the length says.
func decodeBase64(text []byte) ([]byte, error) {
	if len(text)%4 != 0 {
		return nil, errBase64
	}
	out := make([]byte, base64.StdEncoding.DecodedLen(len(text)))
	n, err := base64.StdEncoding.Decode(out, text)
	if err != nil || n != len(out)-padding(text) {
		return nil, errBase64
	}
	return out[:n], nil
}

func padding(text []byte) int {
	return min(2, len(text)-len(bytes.TrimRight(text, "=")))
}

func (r *jsonReader) number(m *member, v reflect.Value) error {
	text := r.numeral()
	if text == nil {
		return errUnexpected
	}
	switch m.node.kind {
	case model.Integer, model.Long:
		i, ok := parseInteger(text)
		if !ok || v.OverflowInt(i) {
			return malformed("NUMBER_VALUE can not be converted to " + jsonNoun(m.node))
		}
		v.SetInt(i)
	case model.Float, model.Double:
		f, err := strconv.ParseFloat(string(text), 64)
		if err != nil || v.OverflowFloat(f) {
			return malformed("NUMBER_VALUE can not be converted to " + jsonNoun(m.node))
		}
		v.SetFloat(f)
	case model.Timestamp:
		t, err := parseEpoch(string(text))
		if err != nil {
			return malformed("NUMBER_VALUE can not be converted to " + jsonNoun(m.node))
		}
		setTime(v, t)
	default:
		return malformed("NUMBER_VALUE can not be converted to " + jsonNoun(m.node))
	}
	return nil
}

// parseInteger takes 1.0 and 1e3 for the integers that they are.
func parseInteger(text []byte) (int64, bool) {
	if i, err := strconv.ParseInt(string(text), 10, 64); err == nil {
		return i, true
	}
	f, err := strconv.ParseFloat(string(text), 64)
	const exact = 1 << 53
	if err != nil || f != math.Trunc(f) || math.Abs(f) > exact {
		return 0, false
	}
	return int64(f), true
}

// numeral reads a number's text, or nil if it is none.
func (r *jsonReader) numeral() []byte {
	start := r.i
	if r.b[r.i] == '-' {
		r.i++
	}
	whole := r.digits()
	if whole == 0 || whole > 1 && r.b[r.i-whole] == '0' {
		return nil
	}
	if r.i < len(r.b) && r.b[r.i] == '.' {
		r.i++
		if r.digits() == 0 {
			return nil
		}
	}
	if r.i < len(r.b) && (r.b[r.i] == 'e' || r.b[r.i] == 'E') {
		r.i++
		if r.i < len(r.b) && (r.b[r.i] == '+' || r.b[r.i] == '-') {
			r.i++
		}
		if r.digits() == 0 {
			return nil
		}
	}
	return r.b[start:r.i]
}

func (r *jsonReader) digits() int {
	start := r.i
	for r.i < len(r.b) && r.b[r.i] >= '0' && r.b[r.i] <= '9' {
		r.i++
	}
	return r.i - start
}

func (r *jsonReader) literal(word string) bool {
	if !bytes.HasPrefix(r.b[r.i:], []byte(word)) {
		return false
	}
	r.i += len(word)
	return true
}

func (r *jsonReader) null() bool { return r.peek() == 'n' && r.literal("null") }

// text reads a string. The bytes are good until the next call.
func (r *jsonReader) text() ([]byte, error) {
	r.i++
	start := r.i
	for i := start; i < len(r.b); i++ {
		switch c := r.b[i]; {
		case c == '"':
			r.i = i + 1
			if text := r.b[start:i]; utf8.Valid(text) {
				return text, nil
			}
			return nil, errUTF8
		case c == '\\':
			return r.escaped(start, i)
		case c < ' ':
			return nil, errUnexpected
		}
	}
	return nil, errUnexpected
}
