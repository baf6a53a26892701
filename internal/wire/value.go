package wire

import (
	"reflect"
	"time"

	"github.com/garrison-cloud/garrison/internal/wire/model"
)

// slot returns where a member's value goes: v itself, or what a new pointer in v
// points to.
func (m *member) slot(v reflect.Value) reflect.Value {
	if !m.pointer {
		return v
	}
	p := reflect.New(m.node.typ)
	v.Set(p)
	return p.Elem()
}

// present returns a structure's member, and whether it is set. What Go cannot
// leave unset is set always: AWS gives such members a default. An empty string
// is unset, since the SDK has enums as plain strings.
func (m *member) present(v reflect.Value) (reflect.Value, bool) {
	if m.field < 0 {
		return v, false
	}
	v = v.Field(m.field)
	if m.pointer {
		return v.Elem(), !v.IsNil()
	}
	switch v.Kind() {
	case reflect.Slice, reflect.Map, reflect.Interface:
		return v, !v.IsNil()
	case reflect.String:
		return v, v.Len() > 0
	default:
		return v, true
	}
}

// item returns a list's or a map's element, and whether there is one.
func (m *member) element(v reflect.Value) (reflect.Value, bool) {
	if !m.pointer {
		return v, v.Kind() != reflect.Interface || !v.IsNil()
	}
	return v.Elem(), !v.IsNil()
}

// grow adds one element to a list and returns its slot.
func (m *member) grow(list reflect.Value) reflect.Value {
	n := list.Len()
	list.Grow(1)
	list.SetLen(n + 1)
	return m.slot(list.Index(n))
}

// A budget bounds what the elements of a body's lists and maps take up once they
// are decoded: "{}" is two bytes, and the structure that it becomes hundreds.
type budget struct{ spent uintptr }

const maxDecoded = 32 << 20

func (b *budget) spend(m *member) error {
	if b.spent += m.node.typ.Size(); b.spent > maxDecoded {
		return errLarge
	}
	return nil
}

// emptyList makes v an empty list, which AWS tells from none at all.
func emptyList(v reflect.Value) { v.Set(reflect.MakeSlice(v.Type(), 0, 0)) }

func timeOf(v reflect.Value) time.Time {
	if v.CanAddr() {
		return *v.Addr().Interface().(*time.Time)
	}
	return v.Interface().(time.Time)
}

func setTime(v reflect.Value, t time.Time) { *v.Addr().Interface().(*time.Time) = t }

// secret tells that a member's value must appear in no event.
func (m *member) secret() bool {
	return m.node.sensitive || m.node.kind == model.Blob || unmarked[m.Shape]
}

// unmarked are shapes that are secret although AWS's models do not say so:
// session tokens, grant tokens and what is logged.
var unmarked = map[string]bool{"tokenType": true, "SessionToken": true, "GrantTokenType": true, "InputLogEvents": true}
