package iam

import (
	"bytes"
	"strings"
)

// In a compiled pattern a wildcard is a byte that UTF-8 text cannot contain, so
// that a literal * of a variable's value or of an escape is only a character.
const (
	manyMark = '\xff' // any run of characters
	oneMark  = '\xfe' // any one character
	anything = "\xff"
)

// mark compiles the wildcards of a pattern.
func mark(s string) string {
	b := []byte(literal(s))
	for i, c := range b {
		switch c {
		case '*':
			b[i] = manyMark
		case '?':
			b[i] = oneMark
		}
	}
	return string(b)
}

// literal keeps bytes that would read as marks out of text.
func literal(s string) string {
	if !hasMark(s) {
		return s
	}
	return strings.ToValidUTF8(s, "\ufffd")
}

func hasMark[T string | []byte](s T) bool {
	for i := range len(s) {
		if s[i] >= oneMark {
			return true
		}
	}
	return false
}

// glob matches text against a compiled pattern. It goes back to the latest star
// only, so its time is bounded by the product of the lengths, whatever the
// pattern.
func glob[P, T string | []byte](pattern P, text T) bool {
	p, t := 0, 0
	star, mark := -1, 0
	for t < len(text) {
		switch {
		case p < len(pattern) && pattern[p] == manyMark:
			if p+1 == len(pattern) { // nothing follows that could differ
				return true
			}
			star, mark = p, t
			p++
		case p < len(pattern) && pattern[p] == oneMark:
			p++
			t += runeLen(text, t)
		case p < len(pattern) && pattern[p] == text[t]:
			p++
			t++
		case star >= 0:
			mark += runeLen(text, mark)
			p, t = star+1, mark
		default:
			return false
		}
	}
	for p < len(pattern) && pattern[p] == manyMark {
		p++
	}
	return p == len(pattern)
}

// runeLen is the length of the UTF-8 sequence at i, as far as it is whole.
func runeLen[T string | []byte](s T, i int) int {
	n := 1
	if s[i] < 0xc0 {
		return n
	}
	for n < 4 && i+n < len(s) && s[i+n]&0xc0 == 0x80 {
		n++
	}
	return n
}

// matchARN compares each of the six parts of an ARN by itself, so that a
// wildcard does not reach over a colon before the resource. A star that ends a
// shorter pattern stands for all the parts that are left.
func matchARN(pattern []byte, text string) bool {
	for range 5 {
		p, t := bytes.IndexByte(pattern, ':'), strings.IndexByte(text, ':')
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
