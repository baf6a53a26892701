package wire

import (
	"math"
	"reflect"
	"strconv"
	"strings"

	"github.com/garrison-cloud/garrison/internal/wire/model"
)

// A formReader reads the parameters of awsQuery or ec2Query into Go values.
type formReader struct {
	budget
	ec2   bool
	depth int
}

func (r *formReader) name(m *member) string {
	if r.ec2 {
		return m.ec2
	}
	return m.query
}

func joined(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

// structure reads the members below path. f holds nothing else.
func (r *formReader) structure(n *node, v reflect.Value, f form, path string) error {
	if r.depth++; r.depth > maxDepth {
		return errDepth
	}
	defer func() { r.depth-- }()
	for i := range n.members {
		m := &n.members[i]
		if m.field < 0 {
			continue
		}
		if err := r.member(m, v.Field(m.field), f, joined(path, r.name(m))); err != nil {
			return err
		}
	}
	return nil
}

// member reads what is at or below path into a structure's field, which stays
// unset if there is nothing.
func (r *formReader) member(m *member, v reflect.Value, f form, path string) error {
	text, ok := f.value(path)
	switch m.node.kind {
	case model.List:
		return r.list(m, v, f.below(path), path, ok)
	case model.Map:
		return r.dictionary(m, v, f.below(path), path)
	case model.Structure, model.Union:
		below := f.below(path)
		if len(below) == 0 {
			return nil
		}
		return r.aggregate(m, v, below, path)
	default:
		if !ok {
			return nil
		}
		return setText(m, m.slot(v), text, isoTime)
	}
}

func (r *formReader) aggregate(m *member, v reflect.Value, f form, path string) error {
	if m.node.kind == model.Structure {
		return r.structure(m.node, m.slot(v), f, path)
	}
	for i := range m.node.members {
		c := &m.node.members[i]
		at := joined(path, r.name(c))
		if _, ok := f.value(at); ok || len(f.below(at)) > 0 {
			return r.member(c, c.choose(v), f, at)
		}
	}
	return nil
}

func (r *formReader) list(m *member, v reflect.Value, f form, path string, empty bool) error {
	item := m.node.item
	if !r.ec2 && !m.flat {
		name := item.WireName
		if name == "" {
			name = "member"
		}
		if below := f.below(path + "." + name); len(below) > 0 {
			f, path = below, path+"."+name
		}
	}
	indexes := f.indexes(path)
	if len(indexes) == 0 {
		if empty {
			emptyList(v)
		}
		return nil
	}
	for _, i := range indexes {
		if err := r.spend(item); err != nil {
			return err
		}
		if err := r.element(item, item.grow(v), f, path+"."+strconv.Itoa(i)); err != nil {
			return err
		}
	}
	return nil
}

// element reads a list's element, or a map's key or value, into its slot.
func (r *formReader) element(m *member, v reflect.Value, f form, path string) error {
	if m.node.kind == model.Structure {
		return r.structure(m.node, v, f.below(path), path)
	}
	whole := *m
	whole.pointer = false // v is the slot already
	return r.member(&whole, v, f, path)
}

func (r *formReader) dictionary(m *member, v reflect.Value, f form, path string) error {
	n := m.node
	if !m.flat {
		path += ".entry"
		f = f.below(path)
	}
	for _, i := range f.indexes(path) {
		at := path + "." + strconv.Itoa(i)
		key := reflect.New(n.key.node.typ).Elem()
		name, ok := f.value(at + "." + wireName(n.key.Member))
		if !ok {
			return malformed("Map entry without a key")
		}
		key.SetString(name)
		item := reflect.New(v.Type().Elem()).Elem()
		if err := r.element(n.item, n.item.slot(item), f, at+"."+wireName(n.item.Member)); err != nil {
			return err
		}
		if v.IsNil() {
			v.Set(reflect.MakeMap(v.Type()))
		}
		v.SetMapIndex(key, item)
	}
	return nil
}

func wireName(m *model.Member) string {
	if m.WireName != "" {
		return m.WireName
	}
	return m.Name
}

// setText reads a scalar that came as text: in a form, a header, a path, or
// between XML tags. own is the timestamp format where the model leaves it open.
func setText(m *member, v reflect.Value, text string, own timeFormat) error {
	switch m.node.kind {
	case model.String:
		v.SetString(text)
	case model.Boolean:
		if text != "true" && text != "false" {
			return malformed("Invalid boolean")
		}
		v.SetBool(text == "true")
	case model.Integer, model.Long:
		i, err := strconv.ParseInt(text, 10, 64)
		if err != nil || v.OverflowInt(i) {
			return malformed("Invalid integer")
		}
		v.SetInt(i)
	case model.Float, model.Double:
		f, err := parseDecimal(text)
		if err != nil || v.OverflowFloat(f) && !math.IsInf(f, 0) {
			return malformed("Invalid number")
		}
		v.SetFloat(f)
	case model.Timestamp:
		t, err := parseTime(m.time.or(own), text)
		if err != nil {
			return malformed("Invalid timestamp")
		}
		setTime(v, t)
	case model.Blob:
		b, err := decodeBase64([]byte(text))
		v.SetBytes(b)
		return err
	default:
		return malformed("Unexpected value")
	}
	return nil
}

// parseDecimal takes a decimal number or AWS's names of those that have no digits,
// and not Go's other spellings.
func parseDecimal(text string) (float64, error) {
	switch text {
	case "NaN", "Infinity", "-Infinity":
	default:
		if strings.Trim(text, "0123456789+-.eE") != "" {
			return 0, malformed("Invalid number")
		}
	}
	return strconv.ParseFloat(text, 64)
}

// appendText is setText's inverse.
func appendText(dst []byte, m *member, v reflect.Value, own timeFormat) []byte {
	switch m.node.kind {
	case model.String:
		return append(dst, v.String()...)
	case model.Boolean:
		return strconv.AppendBool(dst, v.Bool())
	case model.Integer, model.Long:
		return strconv.AppendInt(dst, v.Int(), 10)
	case model.Float, model.Double:
		return appendXMLFloat(dst, v.Float(), v.Type().Bits())
	case model.Timestamp:
		return appendTime(dst, m.time.or(own), timeOf(v))
	case model.Blob:
		return appendBase64(dst, v.Bytes())
	default:
		return dst
	}
}
