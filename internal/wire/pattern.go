package wire

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf16"
)

// equivalents say without look-around what AWS says with it, given the length
// constraint beside it.
var equivalents = map[string]string{
	`^[a-z0-9]([a-z0-9]|-(?!-)){1,61}[a-z0-9]$`: `[a-z0-9]+(-[a-z0-9]+)*`,
	`^(?!\s*$).+`:                  `.*\S.*`,
	`(?!^[0-9]+$)([a-zA-Z0-9-_]+)`: `[a-zA-Z0-9_-]*[a-zA-Z_-][a-zA-Z0-9_-]*`,
	`((?!^\d+$)^[0-9a-zA-Z-_]+$)`:  `[a-zA-Z0-9_-]*[a-zA-Z_-][a-zA-Z0-9_-]*`,
	`(\*\.)?(((?!-)[A-Za-z0-9-]{0,62}[A-Za-z0-9])\.)+((?!-)[A-Za-z0-9-]{1,62}[A-Za-z0-9])`: `(\*\.)?([A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z0-9][A-Za-z0-9-]{0,61}[A-Za-z0-9]`,
	`[0-9A-Za-z\.\-_]*(?<!\.)`: `[0-9A-Za-z.\-_]*[0-9A-Za-z\-_]`,
}

// translate turns a Java regular expression into one of RE2's that matches the
// whole value, as AWS matches. What RE2 has no word for (look-around) is an error.
func translate(java string) (*regexp.Regexp, error) {
	if same, ok := equivalents[java]; ok {
		java = same
	}
	var b strings.Builder
	b.WriteString(`\A(?:`)
	for i := 0; i < len(java); {
		switch rest := java[i:]; {
		case strings.HasPrefix(rest, `\u`):
			n, err := translateRune(&b, rest)
			if err != nil {
				return nil, err
			}
			i += n
		case strings.HasPrefix(rest, `\p{`), strings.HasPrefix(rest, `\P{`):
			i += translateClass(&b, rest)
		case rest[0] == '\\' && len(rest) > 1:
			i += translateEscape(&b, rest)
		case rest[0] == '{':
			i += translateRepeat(&b, rest)
		default:
			b.WriteByte(rest[0])
			i++
		}
	}
	b.WriteString(`)\z`)
	return regexp.Compile(b.String())
}

// translateRune writes \uXXXX, or a surrogate pair of two.
func translateRune(b *strings.Builder, s string) (int, error) {
	const size = len(`\uXXXX`)
	r, ok := hexRune([]byte(s))
	if !ok {
		return 0, fmt.Errorf("escape %.6q", s)
	}
	n := size
	if utf16.IsSurrogate(r) {
		low, ok := hexRune([]byte(s[size:]))
		if !ok {
			return 0, fmt.Errorf("half a surrogate pair %.6q", s)
		}
		r, n = utf16.DecodeRune(r, low), 2*size
	}
	fmt.Fprintf(b, `\x{%04X}`, r)
	return n, nil
}

// javaClasses are Java's names of POSIX and Unicode classes that RE2 calls otherwise.
var javaClasses = strings.NewReplacer(
	`\p{Alnum}`, `0-9A-Za-z`, `\p{Alpha}`, `A-Za-z`, `\p{Digit}`, `0-9`, `\p{Upper}`, `A-Z`, `\p{Lower}`, `a-z`,
	`\p{ASCII}`, `\x00-\x7F`, `\p{Graph}`, `\x21-\x7E`, `\p{Print}`, `\x20-\x7E`, `\p{Punct}`, "!-/:-@\\[-`{-~",
	`\p{Space}`, `\s\x0B`, `\p{IsAlphabetic}`, `\p{L}\p{Nl}`, `\p{IsDigit}`, `\p{Nd}`, `\p{IsL}`, `\p{L}`,
)

func translateClass(b *strings.Builder, s string) int {
	end := strings.IndexByte(s, '}') + 1
	if end == 0 {
		end = len(s)
	}
	class := s[:end]
	name := javaClasses.Replace(class)
	if name != class && strings.LastIndexByte(b.String(), '[') <= strings.LastIndexByte(b.String(), ']') {
		name = "[" + name + "]" // it stands outside brackets
	}
	b.WriteString(name)
	return end
}

// translateEscape copies an escape, less the backslash where RE2 wants none:
// Java lets any character that is no letter be escaped.
func translateEscape(b *strings.Builder, s string) int {
	c := s[1]
	switch {
	case c == 'h':
		b.WriteString(` \t`)
	case c == 'Z':
		b.WriteString(`\z`)
	case c >= 0x80, c == ' ', c == '\'', c == '"':
		b.WriteByte(c)
	default:
		b.WriteString(s[:2])
	}
	return 2
}

// maxRepeat is RE2's own.
const maxRepeat = 1000

// translateRepeat copies a counted repetition. One above RE2's limit loses its
// upper bound, which the length constraint beside it keeps.
func translateRepeat(b *strings.Builder, s string) int {
	end := strings.IndexByte(s, '}')
	if end < 0 {
		b.WriteByte(s[0])
		return 1
	}
	low, high, ranged := strings.Cut(s[1:end], ",")
	from, err := strconv.Atoi(low)
	if err != nil {
		b.WriteByte(s[0])
		return 1
	}
	to := from
	if ranged && high != "" {
		if to, err = strconv.Atoi(high); err != nil {
			b.WriteByte(s[0])
			return 1
		}
	}
	if max(from, to) <= maxRepeat {
		b.WriteString(s[:end+1])
	} else {
		fmt.Fprintf(b, "{%d,}", min(from, maxRepeat))
	}
	return end + 1
}
