package alb

// A pattern is a compiled wildcard: '*' stands for any bytes, '?' for one.
type pattern struct {
	ops  []byte // literal bytes, with any and one out of band in kind
	kind []byte
	fold bool
}

const (
	literal = iota
	one
	any0
)

func patterns(values []string, fold, escapes bool) []pattern {
	out := make([]pattern, len(values))
	for i, v := range values {
		out[i] = compilePattern(v, fold, escapes)
	}
	return out
}

// compilePattern reads a wildcard. With escapes, '\' takes the meaning from what follows,
// as in query-string conditions.
func compilePattern(s string, fold, escapes bool) pattern {
	p := pattern{fold: fold}
	for i := 0; i < len(s); i++ {
		c, k := s[i], byte(literal)
		switch {
		case c == '*':
			k = any0
		case c == '?':
			k = one
		case c == '\\' && escapes && i+1 < len(s):
			i++
			c = s[i]
		}
		if fold {
			c = lower(c)
		}
		p.ops, p.kind = append(p.ops, c), append(p.kind, k)
	}
	return p
}

func lower(c byte) byte {
	if c >= 'A' && c <= 'Z' {
		return c | 0x20
	}
	return c
}

// match runs in time proportional to pattern times text at worst, without recursion.
func (p *pattern) match(text []byte) bool {
	i, t, star, mark := 0, 0, -1, 0
	for t < len(text) {
		switch {
		case i < len(p.ops) && p.kind[i] == any0:
			star, mark = i, t
			i++
		case i < len(p.ops) && p.fits(i, text[t]):
			i, t = i+1, t+1
		case star >= 0:
			mark++
			i, t = star+1, mark
		default:
			return false
		}
	}
	for i < len(p.ops) && p.kind[i] == any0 {
		i++
	}
	return i == len(p.ops)
}

func (p *pattern) fits(i int, c byte) bool {
	if p.kind[i] == one {
		return true
	}
	if p.fold {
		c = lower(c)
	}
	return p.ops[i] == c
}
