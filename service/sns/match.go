package sns

import (
	"bytes"
	"encoding/json"
	"slices"
	"strconv"
)

// An object is what a filter looks into: a field's scalars, or what is nested in it.
type object interface {
	// scalars returns a field's values; more than one of a list, none if it is not there.
	scalars(name string) []value
	// objects returns what is nested in a field.
	objects(name string) []object
}

// accepts tells whether a filter lets a message through. No filter lets all.
func (f *filter) accepts(o object) bool {
	if f == nil {
		return true
	}
	for name, conditions := range f.fields {
		if !anyHolds(conditions, o.scalars(name), len(o.objects(name)) > 0) {
			return false
		}
	}
	for name, sub := range f.nested {
		inner := o.objects(name)
		if len(inner) == 0 {
			inner = []object{jsonObject(nil)} // only what must not exist matches nothing
		}
		if !slices.ContainsFunc(inner, sub.accepts) {
			return false
		}
	}
	for _, choice := range f.choices {
		if !slices.ContainsFunc(choice, func(sub *filter) bool { return sub.accepts(o) }) {
			return false
		}
	}
	return true
}

// anyHolds tells whether a condition holds of one of the values, or of there being none.
func anyHolds(conditions []condition, values []value, nested bool) bool {
	for _, c := range conditions {
		if len(values) == 0 && !nested && c.absent || slices.ContainsFunc(values, c.matches) {
			return true
		}
	}
	return false
}

// attributesObject are message attributes as a filter sees them. Binary ones are not
// seen.
type attributesObject map[string]attribute

func (a attributesObject) objects(string) []object { return nil }

func (a attributesObject) scalars(name string) []value {
	one, ok := a[name]
	if !ok {
		return nil
	}
	switch one.Type {
	case "Number":
		n, err := strconv.ParseFloat(one.Text, 64)
		if err != nil {
			return nil
		}
		return []value{{kind: 'n', number: n}}
	case "String.Array":
		var items []json.RawMessage
		if json.Unmarshal([]byte(one.Text), &items) != nil {
			return nil
		}
		return scalarsOf(items)
	case "Binary":
		return nil
	default:
		return []value{{kind: 's', text: one.Text}}
	}
}

func scalarsOf(items []json.RawMessage) (out []value) {
	for _, item := range items {
		if v, ok := scalar(item); ok {
			out = append(out, v)
		}
	}
	return out
}

// A jsonObject is a JSON object in a message's body.
type jsonObject map[string]json.RawMessage

// bodyObject reads a body; one that is no JSON object has no fields to match.
func bodyObject(body string) (jsonObject, bool) {
	var o jsonObject
	err := json.Unmarshal([]byte(body), &o)
	return o, err == nil && o != nil
}

func (o jsonObject) items(name string) []json.RawMessage {
	raw, ok := o[name]
	if !ok {
		return nil
	}
	if raw = bytes.TrimSpace(raw); raw[0] != '[' {
		return []json.RawMessage{raw}
	}
	var items []json.RawMessage
	if json.Unmarshal(raw, &items) != nil {
		return nil
	}
	return items
}

func (o jsonObject) scalars(name string) []value { return scalarsOf(o.items(name)) }

func (o jsonObject) objects(name string) (out []object) {
	for _, item := range o.items(name) {
		var inner jsonObject
		if item[0] == '{' && json.Unmarshal(item, &inner) == nil {
			out = append(out, inner)
		}
	}
	return out
}

// wants tells whether a subscription's filter policy lets a publication through. One
// that cannot be read, which was checked when it was set, lets nothing through.
func (s *subscription) wants(p *publication) bool {
	f, err := parseFilter(s.FilterPolicy, s.FilterBody)
	switch {
	case err != nil:
		return false
	case f == nil:
		return true
	case s.FilterBody:
		o, ok := bodyObject(p.body(s.Protocol))
		return ok && f.accepts(o)
	default:
		return f.accepts(attributesObject(p.Attributes))
	}
}
