package eventpattern

import (
	"math"
	"strconv"
)

const (
	// numberLimit bounds the numbers that are compared, and micro is how exactly
	// (EventBridge User Guide, "Numeric matching": -5.0e9 to 5.0e9 inclusive, with six
	// digits to the right of the decimal point).
	numberLimit = 5e9
	micro       = 1e6
)

// micros is a number in millionths; false if it is none, or too large to compare.
func micros(text string) (int64, bool) {
	v, err := strconv.ParseFloat(text, 64)
	if err != nil || v < -numberLimit || v > numberLimit {
		return 0, false
	}
	return int64(math.Round(v * micro)), true
}

// numeric reads ["=", 1], [">", 1] or [">", 1, "<=", 2].
func (p *parser) numeric(l *leaf, n *node) *Error {
	if n.kind != '[' {
		return p.fail(n.end, "Value of numeric must be an array.")
	}
	low, high := int64(math.MinInt64), int64(math.MaxInt64)
	before := byte(0)
	for i := 0; i < len(n.items); i += 2 {
		op := &n.items[i]
		side, open, ok := rangeOperator(op)
		if !ok {
			return p.fail(op.end, "Unrecognized numeric range operator: %s", op.text)
		}
		if i > 0 && (i > 2 || before != '>' || side != '<') {
			return p.fail(op.end, "Too many elements in numeric expression")
		}
		bound, err := p.bound(n, i+1)
		if err != nil {
			return err
		}
		if side != '<' {
			low = bound + open
		}
		if side != '>' {
			high = bound - open
		}
		before = side
	}
	switch {
	case len(n.items) == 0:
		return p.fail(n.end+1, "Invalid member in numeric match: ]")
	case low > high:
		return p.fail(n.end, "Bottom must be less than top")
	}
	l.tests = append(l.tests, func(n *node) bool {
		if n.kind != '0' {
			return false
		}
		v, ok := micros(n.text)
		return ok && v >= low && v <= high
	})
	return nil
}

// rangeOperator is which side of a range an operator is for, and 1 if its bound is
// not of the range.
func rangeOperator(n *node) (side byte, open int64, ok bool) {
	if n.kind != '"' {
		return 0, 0, false
	}
	switch n.text {
	case "=":
		return '=', 0, true
	case "<":
		return '<', 1, true
	case "<=":
		return '<', 0, true
	case ">":
		return '>', 1, true
	case ">=":
		return '>', 0, true
	}
	return 0, 0, false
}

func (p *parser) bound(n *node, i int) (int64, *Error) {
	op := n.items[i-1].text
	if i >= len(n.items) || n.items[i].kind != '0' {
		return 0, p.fail(n.items[i-1].end, "Value of %s must be numeric", op)
	}
	v, ok := micros(n.items[i].text)
	if !ok {
		return 0, p.fail(n.items[i].end, "Value must be between -5.0E9 and 5.0E9, inclusive")
	}
	return v, nil
}
