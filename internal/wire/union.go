package wire

import (
	"fmt"
	"reflect"
	"strings"
)

// A UnionType tells which structs are the members of one of the SDK's unions:
// Go's reflection cannot list what implements an interface.
type UnionType struct {
	iface   reflect.Type
	members []reflect.Type
}

// Union names all members of a union, by a nil pointer to each:
//
//	wire.Union[types.MetricsFilter]((*types.MetricsFilterMemberPrefix)(nil), …)
func Union[I any](members ...I) UnionType {
	u := UnionType{iface: reflect.TypeFor[I]()}
	for _, m := range members {
		u.members = append(u.members, reflect.TypeOf(m).Elem())
	}
	return u
}

func (b *binder) register(unions []UnionType) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, u := range unions {
		byName := map[string]reflect.Type{}
		for _, t := range u.members {
			byName[strings.TrimPrefix(t.Name(), u.iface.Name()+"Member")] = t
		}
		b.variants[u.iface] = byName
	}
}

func (b *binder) union(n *node) error {
	variants, ok := b.variants[n.typ]
	if !ok {
		return fmt.Errorf("shape %s: name the members of the union %s with wire.Union", n.shape.Name, n.typ)
	}
	for i := range n.shape.Members {
		mm := &n.shape.Members[i]
		t, ok := variants[goName(mm.Name)]
		if !ok {
			return fmt.Errorf("shape %s: union %s was given no member %s", n.shape.Name, n.typ, mm.Name)
		}
		m, err := b.member(mm, t.Field(0).Type)
		if err != nil {
			return fmt.Errorf("%s.%s: %w", n.shape.Name, mm.Name, err)
		}
		m.variant = t
		n.members = append(n.members, m)
	}
	n.index()
	return nil
}

// choose makes the union's member m in v and returns where its value goes.
func (m *member) choose(v reflect.Value) reflect.Value {
	p := reflect.New(m.variant)
	v.Set(p)
	return p.Elem().Field(0)
}

// chosen returns the member that a union holds, and its value.
func (n *node) chosen(v reflect.Value) (*member, reflect.Value, bool) {
	if v.IsNil() {
		return nil, v, false
	}
	p := v.Elem()
	if p.Kind() != reflect.Pointer || p.IsNil() {
		return nil, v, false
	}
	for i := range n.members {
		if n.members[i].variant == p.Elem().Type() {
			return &n.members[i], p.Elem().Field(0), true
		}
	}
	return nil, v, false
}
