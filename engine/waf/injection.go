package waf

import (
	"strings"

	"github.com/corazawaf/libinjection-go"
)

// sqli finds the first part that is SQL injection; high is HIGH sensitivity.
func (c *run) sqli(i int, parts []string, high bool) (string, bool) {
	level, is := 0, isSQLi
	if high {
		level, is = 1, isSQLiHigh
	}
	return c.injection(&c.slots[i].injection[level], parts, is)
}

// xss finds the first part that is cross-site scripting.
func (c *run) xss(i int, parts []string) (string, bool) {
	return c.injection(&c.slots[i].script, parts, isXSS)
}

// injection asks once for a slot, and remembers.
func (c *run) injection(known *answer, parts []string, is func(string) bool) (string, bool) {
	if known.is == 0 {
		known.is = -1
		for at, part := range parts {
			if c.spend(8*len(part)) && is(part) {
				*known = answer{1, at}
				break
			}
		}
	}
	if known.is < 0 {
		return "", false
	}
	return parts[known.at], true
}

// isXSS spares libinjection values without the marks that each of its findings
// has: a tag begins with one, an attribute's value follows the other.
func isXSS(s string) bool { return strings.ContainsAny(s, "<=") && libinjection.IsXSS(s) }

func isSQLi(s string) bool {
	if unsuspicious(s) {
		return false
	}
	is, _ := libinjection.IsSQLi(s)
	return is
}

func isSQLiHigh(s string) bool { return isSQLi(s) || sqlTokens(s) }

// plain says that s is letters, digits and underscores alone.
func plain(s string) bool { return wordLen(s) == len(s) }

// wordLen is how many letters, digits and underscores s begins with.
func wordLen(s string) int {
	n := 0
	for n < len(s) && wordByte(s[n]) {
		n++
	}
	return n
}

func wordByte(c byte) bool { return c-'0' < 10 || (c|0x20)-'a' < 26 || c == '_' }

// unsuspicious says that s is words and numbers between single spaces, none of
// them a word that begins a clause or joins conditions: libinjection finds
// nothing without one of them or a mark. Most values are such, and are spared
// the tokenizer.
func unsuspicious(s string) bool {
	for s != "" {
		n := wordLen(s)
		if n == 0 || sqlClause(s[:n]) || s[0] <= '9' && !digits(s[:n]) {
			return false
		}
		if s = s[n:]; s == "" {
			return true
		}
		if s[0] != ' ' {
			return false
		}
		s = s[1:]
	}
	return true
}

func digits(s string) bool {
	for i := range len(s) {
		if s[i]-'0' > 9 {
			return false
		}
	}
	return true
}

// maxClause is the longest of sqlClause's words.
const maxClause = 10

// sqlClause says whether w is one of the words of SQL, in any case, that a
// finding of libinjection needs where there are no marks.
func sqlClause(w string) bool {
	if len(w) > maxClause {
		return false
	}
	var folded [maxClause]byte
	for i := range len(w) {
		folded[i] = w[i] | 0x20
		if w[i] == '_' {
			folded[i] = '_'
		}
	}
	switch string(folded[:len(w)]) {
	case "and", "or", "xor", "not", "is", "in", "like", "rlike", "regexp", "between", "div", "mod", "eqv", "similar", "sounds",
		"union", "uni_on", "intersect", "except", "select", "insert", "update", "create", "set", "case", "raiseerror",
		"having", "limit", "group", "order", "partition", "begin", "call", "declare", "delete", "drop", "exec", "execute",
		"go", "goto", "handler", "load", "print", "shutdown", "try", "use", "waitfor", "while", "own3d", "uescape":
		return true
	}
	return false
}
