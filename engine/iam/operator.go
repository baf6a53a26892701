package iam

import (
	"bytes"
	"encoding/base64"
	"net/netip"
	"strings"
	"time"
)

// An operator compares one value of a request with one of a policy.
type operator int

const (
	opString operator = iota
	opStringFold
	opStringLike
	opARN
	opBool
	opNull
	opBinary
	opIP
	opNumeric
	opNumericLess
	opNumericLessOrEqual
	opNumericGreater
	opNumericGreaterOrEqual
	opDate
	opDateLess
	opDateLessOrEqual
	opDateGreater
	opDateGreaterOrEqual
)

func (op operator) numeric() bool { return op >= opNumeric && op <= opNumericGreaterOrEqual }

func (op operator) date() bool { return op >= opDate }

// operators are by their names in lower case.
var operators = map[string]struct {
	operator operator
	negated  bool
}{
	"stringequals":              {opString, false},
	"stringnotequals":           {opString, true},
	"stringequalsignorecase":    {opStringFold, false},
	"stringnotequalsignorecase": {opStringFold, true},
	"stringlike":                {opStringLike, false},
	"stringnotlike":             {opStringLike, true},
	"numericequals":             {opNumeric, false},
	"numericnotequals":          {opNumeric, true},
	"numericlessthan":           {opNumericLess, false},
	"numericlessthanequals":     {opNumericLessOrEqual, false},
	"numericgreaterthan":        {opNumericGreater, false},
	"numericgreaterthanequals":  {opNumericGreaterOrEqual, false},
	"dateequals":                {opDate, false},
	"datenotequals":             {opDate, true},
	"datelessthan":              {opDateLess, false},
	"datelessthanequals":        {opDateLessOrEqual, false},
	"dategreaterthan":           {opDateGreater, false},
	"dategreaterthanequals":     {opDateGreaterOrEqual, false},
	"bool":                      {opBool, false},
	"binaryequals":              {opBinary, false},
	"ipaddress":                 {opIP, false},
	"notipaddress":              {opIP, true},
	"arnequals":                 {opARN, false},
	"arnlike":                   {opARN, false},
	"arnnotequals":              {opARN, true},
	"arnnotlike":                {opARN, true},
	"null":                      {opNull, false},
}

// parseOperator reads "ForAnyValue:StringNotLikeIfExists".
func parseOperator(name string) (c condition, ok bool) {
	name = strings.ToLower(name)
	if rest, found := strings.CutPrefix(name, "foranyvalue:"); found {
		c.quantifier, name = forAnyValue, rest
	} else if rest, found := strings.CutPrefix(name, "forallvalues:"); found {
		c.quantifier, name = forAllValues, rest
	}
	name, c.ifExists = strings.CutSuffix(name, "ifexists")
	known, ok := operators[name]
	if known.operator == opNull && (c.ifExists || c.quantifier != unquantified) {
		return c, false
	}
	c.operator, c.negated = known.operator, known.negated
	return c, ok
}

// A measure is a text as its operator reads it.
type measure struct {
	text   string
	number float64
	time   time.Time
	truth  bool
	binary []byte
	addr   netip.Addr
}

// measure reads a value of the request.
func (op operator) measure(s string) (m measure, ok bool) {
	m.text = s
	switch {
	case op.numeric():
		m.number, ok = parseNumber(s)
	case op.date():
		m.time, ok = parseTime(s)
	case op == opBool:
		m.truth, ok = parseBool(s)
	case op == opBinary:
		m.binary, ok = parseBinary(s)
	case op == opIP:
		var err error
		m.addr, err = netip.ParseAddr(s)
		m.addr, ok = m.addr.Unmap(), err == nil
	default:
		ok = true
	}
	return m, ok
}

// A value is a policy's, compiled for its operator.
type value struct {
	text template // of operators that take variables
	measure
	prefix netip.Prefix
}

// newValue compiles a policy's value for op.
func newValue(op operator, s string, variables bool) (v value, ok bool) {
	switch op {
	case opString, opStringFold:
		v.text, ok = newTemplate(s, false, variables)
	case opStringLike, opARN:
		v.text, ok = newTemplate(s, true, variables)
	case opBool:
		if v.text, ok = newTemplate(s, false, variables); ok && v.text.parts == nil {
			v.truth, ok = parseBool(s)
		}
	case opNull:
		v.truth, ok = parseBool(s)
	case opIP:
		v.prefix, ok = parsePrefix(s)
	default:
		v.measure, ok = op.measure(s)
	}
	return v, ok
}

// matches compares.
func (op operator) matches(v *value, h *measure, ctx Context) bool {
	switch op {
	case opString, opStringFold, opStringLike, opARN:
		return op.matchesText(&v.text, h.text, ctx)
	case opBool:
		return h.truth == v.truth && v.text.parts == nil || v.text.parts != nil && v.text.isBool(h.truth, ctx)
	case opNumeric:
		return h.number == v.number
	case opNumericLess:
		return h.number < v.number
	case opNumericLessOrEqual:
		return h.number <= v.number
	case opNumericGreater:
		return h.number > v.number
	case opNumericGreaterOrEqual:
		return h.number >= v.number
	case opDate:
		return h.time.Equal(v.time)
	case opDateLess:
		return h.time.Before(v.time)
	case opDateLessOrEqual:
		return !h.time.After(v.time)
	case opDateGreater:
		return h.time.After(v.time)
	case opDateGreaterOrEqual:
		return !h.time.Before(v.time)
	case opBinary:
		return bytes.Equal(h.binary, v.binary)
	case opIP:
		return v.prefix.Contains(h.addr)
	default: // opNull looks at no value of the request
		return false
	}
}

func (op operator) matchesText(t *template, text string, ctx Context) bool {
	if t.parts == nil && op == opString {
		return t.whole == text
	}
	var buf [256]byte
	pattern, ok := t.expand(buf[:0], ctx)
	if !ok {
		return false
	}
	switch op {
	case opString:
		return string(pattern) == text
	case opStringFold:
		return strings.EqualFold(string(pattern), text)
	case opARN:
		return matchARN(pattern, text)
	default:
		return glob(pattern, text)
	}
}

// isBool reports whether the text, with the request's values, says truth.
func (t *template) isBool(truth bool, ctx Context) bool {
	var buf [256]byte
	text, resolved := t.expand(buf[:0], ctx)
	says, ok := parseBool(string(text))
	return resolved && ok && says == truth
}

// parseBinary reads base 64, as both policies and requests write bytes.
func parseBinary(s string) ([]byte, bool) {
	b, err := base64.StdEncoding.DecodeString(s)
	return b, err == nil
}
