package iam

import (
	"bytes"
	"encoding/base64"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// An operator compares one value of a request with one of a policy.
type operator int

const (
	opString operator = iota
	opStringFold
	opStringLike
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
	opBool
	opBinary
	opIP
	opARN
	opNull
)

// operators are by their names in lower case: AWS does not distinguish it.
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

// A value is a policy's, compiled for its operator.
type value struct {
	text   template
	number float64
	time   time.Time
	truth  bool
	binary []byte
	prefix netip.Prefix
	// invalid values match nothing: AWS takes them when the policy is stored.
	invalid bool
}

// newValue compiles a policy's value for op.
func newValue(op operator, s string, variables bool) (v value, ok bool) {
	switch op {
	case opNumeric, opNumericLess, opNumericLessOrEqual, opNumericGreater, opNumericGreaterOrEqual:
		v.number, ok = parseNumber(s)
	case opDate, opDateLess, opDateLessOrEqual, opDateGreater, opDateGreaterOrEqual:
		v.time, ok = parseTime(s)
	case opBool, opNull:
		v.truth, ok = parseBool(s)
	case opBinary:
		var err error
		v.binary, err = base64.StdEncoding.DecodeString(s)
		ok = err == nil
	case opIP:
		v.prefix, ok = parsePrefix(s)
	default:
		v.text, ok = newTemplate(s, op == opStringLike || op == opARN, variables)
		return v, ok
	}
	if !ok && variables && strings.Contains(s, "${") { // a variable cannot stand here
		ok, v.invalid = true, true
	}
	return v, ok
}

// have is a request's value, parsed once for all values of a policy.
type have struct {
	text   string
	number float64
	time   time.Time
	truth  bool
	binary []byte
	addr   netip.Addr
	ok     bool
}

func parseHave(op operator, s string) have {
	h := have{text: s, ok: true}
	switch op {
	case opNumeric, opNumericLess, opNumericLessOrEqual, opNumericGreater, opNumericGreaterOrEqual:
		h.number, h.ok = parseNumber(s)
	case opDate, opDateLess, opDateLessOrEqual, opDateGreater, opDateGreaterOrEqual:
		h.time, h.ok = parseTime(s)
	case opBool:
		h.truth, h.ok = parseBool(s)
	case opBinary:
		var err error
		h.binary, err = base64.StdEncoding.DecodeString(s)
		h.ok = err == nil
	case opIP:
		var err error
		h.addr, err = netip.ParseAddr(s)
		h.addr, h.ok = h.addr.Unmap(), err == nil
	default: // text is compared as it is
	}
	return h
}

// matches compares. A value that is not of the operator's type matches nothing.
func (op operator) matches(v *value, h *have, ctx Context) bool {
	if v.invalid || !h.ok {
		return false
	}
	switch op {
	case opString, opStringFold, opStringLike, opARN:
		return op.matchesText(v, h, ctx)
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
	case opBool:
		return h.truth == v.truth
	case opBinary:
		return bytes.Equal(h.binary, v.binary)
	case opIP:
		return v.prefix.Contains(h.addr)
	default:
		return false
	}
}

func (op operator) matchesText(v *value, h *have, ctx Context) bool {
	var buf [256]byte
	pattern, ok := v.text.expand(buf[:0], ctx)
	if !ok {
		return false
	}
	switch op {
	case opString:
		return string(pattern) == h.text
	case opStringFold:
		return strings.EqualFold(string(pattern), h.text)
	case opARN:
		return matchARN(pattern, h.text)
	default:
		return glob(pattern, h.text)
	}
}

// matchARN compares each of the six parts of an ARN by itself, so that a
// wildcard does not reach over a colon before the resource.
func matchARN(pattern []byte, text string) bool {
	for range 5 {
		p := bytes.IndexByte(pattern, ':')
		t := strings.IndexByte(text, ':')
		if p < 0 {
			return string(pattern) == anything
		}
		if t < 0 || !glob(pattern[:p], text[:t]) {
			return false
		}
		pattern, text = pattern[p+1:], text[t+1:]
	}
	return glob(pattern, text)
}

func parseNumber(s string) (float64, bool) {
	n, err := strconv.ParseFloat(s, 64)
	return n, err == nil && n == n
}

func parseBool(s string) (truth, ok bool) {
	switch {
	case strings.EqualFold(s, "true"):
		return true, true
	case strings.EqualFold(s, "false"):
		return false, true
	default:
		return false, false
	}
}

// timeForms are the W3C's profiles of ISO 8601, from the finest to the coarsest.
var timeForms = []string{
	time.RFC3339Nano, "2006-01-02T15:04Z07:00", "2006-01-02T15:04:05", "2006-01-02", "2006-01", "2006",
}

// parseTime reads an ISO 8601 date or a number of seconds since 1970.
func parseTime(s string) (time.Time, bool) {
	for _, form := range timeForms {
		if t, err := time.Parse(form, s); err == nil {
			return t, true
		}
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < 0 || n > 1<<40 {
		return time.Time{}, false
	}
	return time.Unix(n, 0), true
}

// parsePrefix reads an address, or a network in CIDR notation.
func parsePrefix(s string) (netip.Prefix, bool) {
	if p, err := netip.ParsePrefix(s); err == nil {
		return p.Masked(), true
	}
	a, err := netip.ParseAddr(s)
	if err != nil || a.Zone() != "" {
		return netip.Prefix{}, false
	}
	return netip.PrefixFrom(a, a.BitLen()), true
}
