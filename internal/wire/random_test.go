package wire_test

import (
	"bytes"
	"io"
	"reflect"
	"strings"
	"time"
	"unicode"

	"pgregory.net/rapid"

	"github.com/garrison-cloud/garrison/internal/wire"
	"github.com/garrison-cloud/garrison/internal/wire/model"
)

// A maker draws random values of the SDK's types, guided by the model.
type maker struct {
	table  *model.Table
	unions map[reflect.Type][]reflect.Type
	// skip leaves members alone that the SDK sets by itself.
	skip func(member string) bool
}

func newMaker(table *model.Table, unions []wire.UnionType, skip func(string) bool) *maker {
	g := &maker{table: table, unions: map[reflect.Type][]reflect.Type{}, skip: skip}
	for _, u := range unions {
		g.unions[u.Interface()] = u.Variants()
	}
	return g
}

// value is a generator of pointers to struct t, which the model calls shape.
func (g *maker) value(shape string, t reflect.Type) *rapid.Generator[any] {
	return rapid.Custom(func(rt *rapid.T) any {
		p := reflect.New(t)
		rapid.Bool().Draw(rt, "anything") // rapid wants something drawn, if nothing is set
		if s, ok := g.table.Shape(shape); ok {
			g.structure(rt, p.Elem(), s, 0)
		}
		return p.Interface()
	})
}

const deepest = 4

// structure sets one member at least: a form cannot tell an empty structure from
// none.
func (g *maker) structure(rt *rapid.T, v reflect.Value, s *model.Shape, depth int) {
	start := rapid.IntRange(0, max(0, len(s.Members)-1)).Draw(rt, "first")
	set := false
	for k := range s.Members {
		i := (start + k) % len(s.Members)
		m := &s.Members[i]
		f := v.FieldByName(strings.ToUpper(m.Name[:1]) + m.Name[1:])
		if !f.IsValid() || g.skip(m.Name) || m.Location == model.StatusCode {
			continue
		}
		if !set && depth > 0 && v.Type() != f.Type() || m.Required || m.IdempotencyKey || m.HostLabel || m.Name == "ContentType" ||
			depth < deepest && rapid.IntRange(0, 2).Draw(rt, "set") > 0 {
			set = true
			g.member(rt, f, m, depth)
		}
	}
}

func (g *maker) member(rt *rapid.T, v reflect.Value, m *model.Member, depth int) {
	if v.Kind() == reflect.Pointer {
		v.Set(reflect.New(v.Type().Elem()))
		v = v.Elem()
	}
	s, _ := g.table.Shape(m.Shape)
	switch v.Kind() {
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			v.Set(reflect.ValueOf(drawTime(rt, m, s)))
			return
		}
		g.structure(rt, v, s, depth+1)
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			v.SetBytes(rapid.SliceOfN(rapid.Byte(), 1, 40).Draw(rt, "blob"))
			return
		}
		n := rapid.IntRange(1, 2).Draw(rt, "len")
		v.Set(reflect.MakeSlice(v.Type(), n, n))
		for i := range n {
			g.member(rt, v.Index(i), inherit(&s.Members[0], m), depth+1)
		}
	case reflect.Map:
		g.dictionary(rt, v, m, s, depth)
	case reflect.Interface:
		g.open(rt, v, s, depth)
	default:
		drawScalar(rt, v, m, s)
	}
}

// inherit gives an item the location of what it is in.
func inherit(item, m *model.Member) *model.Member {
	out := *item
	out.Location = m.Location
	return &out
}

func (g *maker) dictionary(rt *rapid.T, v reflect.Value, m *model.Member, s *model.Shape, depth int) {
	v.Set(reflect.MakeMap(v.Type()))
	for range rapid.IntRange(1, 2).Draw(rt, "len") {
		key := reflect.New(v.Type().Key()).Elem()
		g.member(rt, key, inherit(&s.Members[0], m), depth+1)
		if m.Location == model.Headers {
			key.SetString(rapid.StringMatching(`[a-z][a-z0-9-]{0,8}`).Draw(rt, "name"))
		}
		item := reflect.New(v.Type().Elem()).Elem()
		g.member(rt, item, inherit(&s.Members[1], m), depth+1)
		v.SetMapIndex(key, item)
	}
}

// open fills an interface: a stream, or a union.
func (g *maker) open(rt *rapid.T, v reflect.Value, s *model.Shape, depth int) {
	switch v.Type() {
	case reflect.TypeFor[io.Reader]():
		v.Set(reflect.ValueOf(bytes.NewReader(rapid.SliceOfN(rapid.Byte(), 1, 99).Draw(rt, "stream"))))
	case reflect.TypeFor[io.ReadCloser]():
		v.Set(reflect.ValueOf(io.NopCloser(bytes.NewReader(rapid.SliceOfN(rapid.Byte(), 1, 99).Draw(rt, "stream")))))
	default:
		variants := g.unions[v.Type()]
		t := variants[rapid.IntRange(0, len(variants)-1).Draw(rt, "variant")]
		p := reflect.New(t)
		name := strings.TrimPrefix(t.Name(), v.Type().Name()+"Member")
		for i := range s.Members {
			if strings.EqualFold(s.Members[i].Name, name) {
				g.member(rt, p.Elem().Field(0), &s.Members[i], depth)
			}
		}
		v.Set(p)
	}
}

// drawTime keeps to what the format can write.
func drawTime(rt *rapid.T, m *model.Member, s *model.Shape) time.Time {
	sec := rapid.Int64Range(1, 4102444800).Draw(rt, "seconds")
	format := m.TimestampFormat + s.TimestampFormat
	if m.Location == model.Header && format == "" || format == "rfc822" {
		return time.Unix(sec, 0).UTC()
	}
	// The SDK takes JSON's seconds for a float and cuts what is below a millisecond:
	// quarters come through whole.
	return time.UnixMilli(sec*1000 + 250*rapid.Int64Range(0, 3).Draw(rt, "quarters")).UTC()
}

// text has all that a protocol must escape, and nothing that XML cannot say.
var text = rapid.StringOf(rapid.OneOf(
	rapid.SampledFrom([]rune("<>&\"'\\/=+% ;,.ab{}[]\t\né☃𝄞")),
	rapid.RuneFrom(nil, unicode.L, unicode.N, unicode.P),
))

var headerText = rapid.StringMatching(`[A-Za-z0-9][A-Za-z0-9 ._:/=-]{0,12}[A-Za-z0-9]`)

func drawScalar(rt *rapid.T, v reflect.Value, m *model.Member, s *model.Shape) {
	switch v.Kind() {
	case reflect.String:
		switch {
		case m.Name == "Bucket":
			v.SetString("bucket-1")
		case len(s.Enum) > 0:
			v.SetString(rapid.SampledFrom(s.Enum).Draw(rt, "enum"))
		case m.Location == model.Header, m.Location == model.Headers, m.HostLabel:
			v.SetString(headerText.Draw(rt, "header"))
		case m.Location == model.URI, m.Location == model.QueryString, m.Name == "key", m.Name == "Policy", v.Type().Name() != "string":
			v.SetString("x" + text.Draw(rt, "label"))
		default:
			v.SetString(text.Draw(rt, "text"))
		}
	case reflect.Bool:
		v.SetBool(rapid.Bool().Draw(rt, "bool"))
	case reflect.Int32:
		v.SetInt(int64(rapid.Int32().Draw(rt, "int")))
	case reflect.Int64:
		v.SetInt(rapid.Int64().Draw(rt, "long"))
	case reflect.Float32:
		v.SetFloat(float64(rapid.Float32().Draw(rt, "float")))
	case reflect.Float64:
		v.SetFloat(rapid.Float64().Draw(rt, "double"))
	default:
		rt.Fatalf("no value for %s (%s)", m.Name, v.Type())
	}
}
