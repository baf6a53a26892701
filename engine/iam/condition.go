package iam

// A Context gives condition keys their values. Keys are lower-case; ok is false
// for a key that the request does not have.
type Context interface {
	Values(key string) (values []string, ok bool)
}

// A quantifier says how a condition reads a key of several values.
type quantifier int

const (
	unquantified quantifier = iota
	forAnyValue             // at least one value of the request fits
	forAllValues            // every value of the request fits
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
// Condition operators" and "Set operators for multivalued context keys").
func (c *condition) holds(ctx Context) bool {
	var have []string
	if ctx != nil {
		have, _ = ctx.Values(c.key)
	}
	switch {
	case c.operator == opNull:
		return c.holdsNull(!void(have))
	case len(have) == 0:
		return c.holdsAbsent()
	case c.quantifier == forAllValues:
		return c.holdsForAll(have, ctx)
	case c.quantifier == forAnyValue:
		return c.holdsForAny(have, ctx)
	}
	for _, h := range have {
		if c.matches(h, ctx) {
			return !c.negated
		}
	}
	return c.negated
}

// void tells what AWS calls a null data set: no value, or only empty strings.
func void(have []string) bool {
	for _, h := range have {
		if h != "" {
			return false
		}
	}
	return true
}

func (c *condition) holdsForAll(have []string, ctx Context) bool {
	if void(have) {
		return true
	}
	for _, h := range have {
		if c.matches(h, ctx) == c.negated {
			return false
		}
	}
	return true
}

func (c *condition) holdsForAny(have []string, ctx Context) bool {
	for _, h := range have {
		if c.matches(h, ctx) != c.negated {
			return true
		}
	}
	return false
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

// holdsNull: "true" asks that the key has no value, "false" that it has one.
func (c *condition) holdsNull(present bool) bool {
	for i := range c.values {
		if c.values[i].truth != present {
			return true
		}
	}
	return false
}

// matches reports whether one value of the request equals, in the operator's
// sense, any of the policy's. A value that is not of the operator's type equals
// none.
func (c *condition) matches(have string, ctx Context) bool {
	h, ok := c.operator.measure(have)
	if !ok {
		return false
	}
	for i := range c.values {
		if c.operator.matches(&c.values[i], &h, ctx) {
			return true
		}
	}
	return false
}
