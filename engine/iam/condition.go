package iam

import "strings"

// A Context gives condition keys their values. Keys are lower-case; ok is false
// for a key that the request does not have.
type Context interface {
	Values(key string) (values []string, ok bool)
}

// A quantifier says how a condition reads a key of several values.
type quantifier int

const (
	single1      quantifier = iota // without a prefix
	forAnyValue                    // at least one value of the request fits
	forAllValues                   // every value of the request fits
)

// A condition is one key of a Condition element under one operator. All
// conditions of a statement must hold.
type condition struct {
	operator   operator
	negated    bool // the operator's name has a Not in it
	ifExists   bool
	quantifier quantifier
	key        string // lower case
	values     []value
}

// holds evaluates the condition (IAM User Guide, "IAM JSON policy elements:
// Condition operators" and "Multivalued context keys").
func (c *condition) holds(ctx Context) bool {
	var have []string
	ok := false
	if ctx != nil {
		have, ok = ctx.Values(c.key)
	}
	if c.operator == opNull {
		return c.holdsNull(ok && len(have) > 0)
	}
	if !ok {
		return c.holdsAbsent()
	}
	switch c.quantifier {
	case forAllValues:
		for _, h := range have {
			if c.matches(h, ctx) == c.negated {
				return false
			}
		}
		return true
	case forAnyValue:
		for _, h := range have {
			if c.matches(h, ctx) != c.negated {
				return true
			}
		}
		return false
	default:
		for _, h := range have {
			if c.matches(h, ctx) {
				return !c.negated
			}
		}
		return c.negated
	}
}

// holdsAbsent is the result for a key that the request does not have.
func (c *condition) holdsAbsent() bool {
	switch {
	case c.ifExists || c.quantifier == forAllValues:
		return true
	case c.quantifier == forAnyValue:
		return false
	default:
		return c.negated
	}
}

// holdsNull: "true" asks that the key is absent, "false" that it is there.
func (c *condition) holdsNull(present bool) bool {
	for i := range c.values {
		if c.values[i].truth != present {
			return true
		}
	}
	return false
}

// matches reports whether one value of the request equals, in the operator's
// sense, any of the policy's.
func (c *condition) matches(have string, ctx Context) bool {
	parsed := parseHave(c.operator, have)
	for i := range c.values {
		if c.operator.matches(&c.values[i], &parsed, ctx) {
			return true
		}
	}
	return false
}

// parseOperator reads "ForAnyValue:StringNotLikeIfExists".
func parseOperator(s string) (c condition, ok bool) {
	name := s
	if prefix, rest, found := strings.Cut(s, ":"); found {
		switch strings.ToLower(prefix) {
		case "foranyvalue":
			c.quantifier = forAnyValue
		case "forallvalues":
			c.quantifier = forAllValues
		default:
			return c, false
		}
		name = rest
	}
	name = strings.ToLower(name)
	if base, found := strings.CutSuffix(name, "ifexists"); found {
		c.ifExists, name = true, base
	}
	known, ok := operators[name]
	if !ok || known.operator == opNull && (c.ifExists || c.quantifier != single1) {
		return c, false
	}
	c.operator, c.negated = known.operator, known.negated
	return c, true
}
