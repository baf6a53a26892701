package accessanalyzer

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// A condition is one key under one operator; all of a statement's must hold.
type condition struct {
	quantifier string // "foranyvalue", "forallvalues" or ""
	operator   string // lower case, without Not, quantifier and IfExists
	negated    bool
	ifExists   bool
	key        string // lower case
	values     []string
	variables  bool
}

// negations are the operators that deny what another asks.
var negations = map[string]string{
	"stringnotequals": "stringequals", "stringnotequalsignorecase": "stringequalsignorecase", "stringnotlike": "stringlike",
	"numericnotequals": "numericequals", "datenotequals": "dateequals", "notipaddress": "ipaddress",
	"arnnotequals": "arnlike", "arnnotlike": "arnlike", "arnequals": "arnlike",
}

func newCondition(operator, key string, values []string, variables bool) condition {
	c := condition{operator: strings.ToLower(operator), key: strings.ToLower(key), values: values, variables: variables}
	if before, after, ok := strings.Cut(c.operator, ":"); ok {
		c.quantifier, c.operator = before, after
	}
	c.operator, c.ifExists = strings.CutSuffix(c.operator, "ifexists")
	if plain, ok := negations[c.operator]; ok {
		c.negated = c.operator != "arnequals"
		c.operator = plain
	}
	return c
}

// implies reports whether all of a list hold wherever those of another do.
func implies(all, wanted []condition) bool {
	for i := range wanted {
		if !slices.ContainsFunc(all, func(c condition) bool { return c.implies(&wanted[i]) }) {
			return false
		}
	}
	return true
}

// implies reports whether it is proved that o holds wherever c does: the same
// question of the same key, with no more values that it takes, or no fewer that
// it refuses.
func (c *condition) implies(o *condition) bool {
	if c.key != o.key || c.quantifier != o.quantifier || c.negated != o.negated || c.ifExists && !o.ifExists {
		return false
	}
	if c.operator == "null" || o.operator == "null" {
		return c.operator == o.operator && len(c.values) == 1 && len(o.values) == 1 && strings.EqualFold(c.values[0], o.values[0])
	}
	if c.negated {
		return o.valuesWithin(c)
	}
	return c.valuesWithin(o)
}

// valuesWithin reports whether whatever equals one of c's values equals one of
// o's.
func (c *condition) valuesWithin(o *condition) bool {
	for _, v := range c.values {
		if !slices.ContainsFunc(o.values, func(w string) bool { return c.valueWithin(o, v, w) }) {
			return false
		}
	}
	return true
}

func (c *condition) valueWithin(o *condition, v, w string) bool {
	opaque := c.variables && variable(v) || o.variables && variable(w)
	switch {
	case opaque:
		return c.operator == o.operator && c.variables == o.variables && v == w
	case c.operator == "stringequals" && o.operator == "stringlike":
		return literal(v).within([]pattern{newPattern(w)})
	case c.operator != o.operator:
		return false
	case v == w:
		return true
	}
	switch c.operator {
	case "stringlike":
		return newPattern(v).within([]pattern{newPattern(w)})
	case "arnlike":
		return arnWithin(v, w)
	case "ipaddress":
		return addressesWithin(v, w)
	case "bool":
		return strings.EqualFold(v, w)
	default:
		return numbersWithin(c.operator, v, w)
	}
}

// literal is a text whose stars are no wildcards.
func literal(s string) pattern { return pattern([]rune(s)) }

// arnWithin compares part by part, as ARNs match.
func arnWithin(v, w string) bool {
	const parts = 6
	a, b := strings.SplitN(v, ":", parts), strings.SplitN(w, ":", parts)
	if len(a) != parts || len(b) != parts {
		return false
	}
	for i := range a {
		if !newPattern(a[i]).within([]pattern{newPattern(b[i])}) {
			return false
		}
	}
	return true
}

func addressesWithin(v, w string) bool {
	a, okA := prefix(v)
	b, okB := prefix(w)
	return okA && okB && a.Bits() >= b.Bits() && b.Contains(a.Addr())
}

// prefix reads a range, or one address. A range of IPv4 in IPv6's clothes is not
// looked into.
func prefix(s string) (netip.Prefix, bool) {
	if p, err := netip.ParsePrefix(s); err == nil {
		return p.Masked(), !p.Addr().Is4In6()
	}
	a, err := netip.ParseAddr(s)
	if err != nil || a.Is4In6() {
		return netip.Prefix{}, false
	}
	return netip.PrefixFrom(a, a.BitLen()), true
}

func numbersWithin(operator, v, w string) bool {
	a, errA := strconv.ParseFloat(v, 64)
	b, errB := strconv.ParseFloat(w, 64)
	if errA != nil || errB != nil {
		return false
	}
	switch operator {
	case "numericlessthan", "numericlessthanequals":
		return a <= b
	case "numericgreaterthan", "numericgreaterthanequals":
		return a >= b
	case "numericequals":
		return a == b
	default:
		return false
	}
}
