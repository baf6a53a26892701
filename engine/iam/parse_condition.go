package iam

import "strings"

// conditionTypes reports whether a Condition is an object of operators, each an
// object of keys with scalars.
func (x *parser) conditionTypes(n *node) bool {
	if n.kind != 'o' {
		return false
	}
	for i := range n.members {
		block := &n.members[i].value
		if block.kind != 'o' {
			return false
		}
		for j := range block.members {
			if _, ok := block.members[j].value.strings(true); !ok {
				return false
			}
		}
	}
	return true
}

func (x *parser) conditions(r *raw, s *statement) error {
	if r.condition == nil {
		return nil
	}
	for i := range r.condition.members {
		block := &r.condition.members[i]
		if len(block.value.members) == 0 {
			continue // without a key, IAM does not look at the operator
		}
		c, ok := parseOperator(block.name)
		if !ok {
			return x.refuse(syntaxErrors, "Invalid Condition type : "+block.name)
		}
		for j := range block.value.members {
			m := &block.value.members[j]
			if c.values, ok = x.values(c.operator, &m.value); !ok {
				return x.refuse(legacyParsing, legacyParsing)
			}
			c.key = strings.ToLower(m.name)
			s.conditions = append(s.conditions, c)
		}
	}
	return nil
}

// values compiles the policy's side of a condition. A value that is not of the
// operator's type is refused: a denial that rests on it would never come.
func (x *parser) values(op operator, n *node) ([]value, bool) {
	texts, _ := n.strings(true)
	out := make([]value, 0, len(texts))
	for _, text := range texts {
		v, ok := newValue(op, text, x.variables)
		if !ok {
			return nil, false
		}
		out = append(out, v)
	}
	return out, true
}
