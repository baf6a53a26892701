package sns

import (
	"encoding/json"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// Bounds of a filter policy (SNS Developer Guide, "Filter policy constraints").
const (
	maxFilter       = 256 << 10 // bytes
	maxFilterKeys   = 5
	maxCombinations = 150
	maxFilterDepth  = 32
)

// A filter is a compiled filter policy: every field must match, and one alternative of
// each $or.
type filter struct {
	fields  map[string][]condition
	nested  map[string]*filter
	choices [][]*filter
}

// A condition tells whether one value passes. absent is its word on a field that is
// not there.
type condition struct {
	matches func(v value) bool
	absent  bool
}

// A value is one scalar of a message: a JSON string, number, true, false or null.
type value struct {
	kind   byte // 's', 'n', 'b' or '0'
	text   string
	number float64
}

func badFilter(reason string) error { return invalid("FilterPolicy: " + reason) }

// parseFilter compiles a filter policy. Only one for bodies may be nested.
func parseFilter(document string, body bool) (*filter, error) {
	if document == "" || document == "{}" {
		return nil, nil
	}
	if len(document) > maxFilter {
		return nil, badFilter("Filter policy is too large")
	}
	c := compiler{body: body, combinations: 1}
	f, err := c.object(json.RawMessage(document), 0)
	if err != nil {
		return nil, err
	}
	if c.keys > maxFilterKeys {
		return nil, badFilter("Filter policy can not have more than 5 keys")
	}
	if c.combinations > maxCombinations {
		return nil, badFilter("Filter policy is too complex")
	}
	return f, nil
}

// A compiler counts what the bounds are about.
type compiler struct {
	body               bool
	keys, combinations int
}

func (c *compiler) object(raw json.RawMessage, depth int) (*filter, error) {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(raw, &members); err != nil || members == nil {
		return nil, badFilter("failed to parse JSON.")
	}
	if depth > maxFilterDepth {
		return nil, badFilter("Filter policy is nested too deeply")
	}
	f := &filter{fields: map[string][]condition{}, nested: map[string]*filter{}}
	for name, raw := range members {
		if err := c.member(f, name, raw, depth); err != nil {
			return nil, err
		}
	}
	return f, nil
}

func (c *compiler) member(f *filter, name string, raw json.RawMessage, depth int) error {
	switch first := raw[0]; {
	case name == "$or" && first == '[' && c.alternatives(f, raw, depth):
		return nil
	case first == '{':
		if !c.body {
			return badFilter("Filter policy scope MessageAttributes does not support nested filter policy")
		}
		sub, err := c.object(raw, depth+1)
		f.nested[name] = sub
		return err
	case first != '[':
		return badFilter("\"" + name + "\" must be an object or an array")
	}
	var items []json.RawMessage
	if err := json.Unmarshal(raw, &items); err != nil || len(items) == 0 {
		return badFilter("\"" + name + "\" must be a non-empty array")
	}
	c.keys++
	c.combinations *= len(items) * (depth + 1)
	for _, item := range items {
		one, err := parseCondition(item)
		if err != nil {
			return err
		}
		f.fields[name] = append(f.fields[name], one)
	}
	return nil
}

// alternatives reads an $or, and reports whether it is one: an array of two or more
// objects. Anything else is a field of that name.
func (c *compiler) alternatives(f *filter, raw json.RawMessage, depth int) bool {
	var items []json.RawMessage
	if json.Unmarshal(raw, &items) != nil || len(items) < 2 {
		return false
	}
	var choice []*filter
	for _, item := range items {
		if item[0] != '{' {
			return false
		}
		sub, err := c.object(item, depth)
		if err != nil {
			return false
		}
		choice = append(choice, sub)
	}
	f.choices = append(f.choices, choice)
	return true
}

func parseCondition(raw json.RawMessage) (condition, error) {
	if raw[0] != '{' {
		want, ok := scalar(raw)
		if !ok {
			return condition{}, badFilter("Match value must be String, number, true, false, or null")
		}
		return condition{matches: want.equals}, nil
	}
	var rule map[string]json.RawMessage
	if json.Unmarshal(raw, &rule) != nil || len(rule) != 1 {
		return condition{}, badFilter("Only one key allowed in match expression")
	}
	for name, operand := range rule {
		return parseRule(name, operand)
	}
	return condition{}, badFilter("Match expression is empty")
}

func parseRule(name string, operand json.RawMessage) (condition, error) {
	switch name {
	case "exists":
		var exists bool
		if json.Unmarshal(operand, &exists) != nil {
			return condition{}, badFilter("exists match pattern must be either true or false.")
		}
		return condition{matches: func(value) bool { return exists }, absent: !exists}, nil
	case "numeric":
		return parseNumeric(operand)
	case "anything-but":
		return parseAnythingBut(operand)
	}
	return parseText(name, operand)
}

// parseText reads the operators on strings.
func parseText(name string, operand json.RawMessage) (condition, error) {
	var want string
	if json.Unmarshal(operand, &want) != nil || operand[0] != '"' {
		return condition{}, badFilter(name + " match pattern must be a string")
	}
	onText := func(f func(s string) bool) (condition, error) {
		return condition{matches: func(v value) bool { return v.kind == 's' && f(v.text) }}, nil
	}
	switch name {
	case "prefix":
		return onText(func(s string) bool { return strings.HasPrefix(s, want) })
	case "suffix":
		return onText(func(s string) bool { return strings.HasSuffix(s, want) })
	case "equals-ignore-case":
		return onText(func(s string) bool { return strings.EqualFold(s, want) })
	case "cidr":
		network, err := netip.ParsePrefix(want)
		if err != nil {
			return condition{}, badFilter("Malformed CIDR")
		}
		return onText(func(s string) bool {
			a, err := netip.ParseAddr(s)
			return err == nil && network.Masked().Contains(a)
		})
	default:
		return condition{}, badFilter("Unrecognized match type " + name)
	}
}

// parseAnythingBut negates a value, a list of them, or a prefix or suffix.
func parseAnythingBut(operand json.RawMessage) (condition, error) {
	items := []json.RawMessage{operand}
	if operand[0] == '[' {
		if json.Unmarshal(operand, &items) != nil || len(items) == 0 {
			return condition{}, badFilter("anything-but list must not be empty")
		}
	}
	var not []condition
	for _, item := range items {
		if item[0] == '{' && (operand[0] == '[' || !negatable(item)) {
			return condition{}, badFilter("anything-but must have one value, one list or one prefix or suffix")
		}
		one, err := parseCondition(item)
		if err != nil {
			return condition{}, err
		}
		not = append(not, one)
	}
	return condition{matches: func(v value) bool {
		return !slices.ContainsFunc(not, func(c condition) bool { return c.matches(v) })
	}}, nil
}

// negatable tells whether a rule is one that anything-but takes.
func negatable(item json.RawMessage) bool {
	var rule map[string]json.RawMessage
	if json.Unmarshal(item, &rule) != nil || len(rule) != 1 {
		return false
	}
	for name := range rule {
		if name == "prefix" || name == "suffix" || name == "equals-ignore-case" {
			return true
		}
	}
	return false
}

// A bound is one comparison of a numeric condition.
type bound struct {
	op string
	n  float64
}

// maxNumber bounds numbers in filter policies.
const maxNumber = 1e9

func parseNumeric(operand json.RawMessage) (condition, error) {
	var items []json.RawMessage
	if json.Unmarshal(operand, &items) != nil || len(items) != 2 && len(items) != 4 {
		return condition{}, badFilter("numeric match pattern must have one or two comparisons")
	}
	var bounds []bound
	for i := 0; i < len(items); i += 2 {
		var b bound
		if json.Unmarshal(items[i], &b.op) != nil || json.Unmarshal(items[i+1], &b.n) != nil || items[i+1][0] == 'n' {
			return condition{}, badFilter("numeric match pattern must be operators and numbers")
		}
		if b.n > maxNumber || b.n < -maxNumber || !slices.Contains([]string{"=", "<", "<=", ">", ">="}, b.op) {
			return condition{}, badFilter("Unrecognized numeric range operator or value")
		}
		bounds = append(bounds, b)
	}
	if len(bounds) == 2 && (bounds[0].op[0] != '>' || bounds[1].op[0] != '<' || bounds[0].n >= bounds[1].n) {
		return condition{}, badFilter("Bottom must be less than top")
	}
	return condition{matches: func(v value) bool {
		return v.kind == 'n' && !slices.ContainsFunc(bounds, func(b bound) bool { return !b.holds(v.number) })
	}}, nil
}

func (b bound) holds(n float64) bool {
	switch b.op {
	case "=":
		return n == b.n
	case "<":
		return n < b.n
	case "<=":
		return n <= b.n
	case ">":
		return n > b.n
	default:
		return n >= b.n
	}
}

// scalar reads one JSON value that is no list and no object.
func scalar(raw json.RawMessage) (value, bool) {
	switch raw[0] {
	case '"':
		v := value{kind: 's'}
		return v, json.Unmarshal(raw, &v.text) == nil
	case 't', 'f', 'n':
		kind := byte('b')
		if raw[0] == 'n' {
			kind = '0'
		}
		return value{kind: kind, text: string(raw)}, true
	case '[', '{':
		return value{}, false
	default:
		n, err := strconv.ParseFloat(string(raw), 64)
		return value{kind: 'n', number: n}, err == nil
	}
}

func (v value) equals(o value) bool {
	if v.kind != o.kind {
		return false
	}
	if v.kind == 'n' {
		return v.number == o.number
	}
	return v.text == o.text
}
