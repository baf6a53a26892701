package wire

import "reflect"

// DecodeOnly is Decode without the constraints: random inputs break them.
func (s *Service) DecodeOnly(p Protocol, op *Operation, r *Request) (any, error) {
	in, err := s.decode(p, op, r)
	if err != nil {
		return nil, err
	}
	return in.Addr().Interface(), nil
}

// Interface is the union's type and Variants are its members'.
func (u UnionType) Interface() reflect.Type  { return u.iface }
func (u UnionType) Variants() []reflect.Type { return u.members }

// Translate is the translation of patterns.
var Translate = translate

// Forget empties the cache of bindings.
func Forget() { binders.Clear() }
