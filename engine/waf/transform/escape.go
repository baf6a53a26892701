package transform

import (
	"strings"
	"unicode/utf8"
)

// escaped runs one of the backslash decoders from the first backslash on. The
// decoder is given the text at a backslash and returns how much of it it read.
func escaped(dst []byte, s string, decode func(dst []byte, s string) ([]byte, int)) ([]byte, bool) {
	i := strings.IndexByte(s, '\\')
	if i < 0 {
		return dst, false
	}
	for i >= 0 {
		dst = append(dst, s[:i]...)
		var n int
		dst, n = decode(dst, s[i:])
		s = s[i+n:]
		i = strings.IndexByte(s, '\\')
	}
	return append(dst, s...), true
}

// simple is C's one-letter escapes; any other letter is itself.
func simple(c byte) byte {
	if i := strings.IndexByte("abfnrtv", c); i >= 0 {
		return "\a\b\f\n\r\t\v"[i]
	}
	return c
}

// octal reads up to three octal digits at i.
func octal(s string, i int) (v, n int) {
	for n < 3 && i+n < len(s) && s[i+n]-'0' < 8 {
		v = v<<3 | int(s[i+n]-'0')
		n++
	}
	return v, n
}

// escapeSeqDecode decodes ANSI C escapes: \a … \v, \\ \? \' \", \xHH, \OOO. Of
// any other the backslash goes.
func escapeSeqDecode(dst []byte, s string) ([]byte, bool) {
	return escaped(dst, s, func(dst []byte, s string) ([]byte, int) {
		if len(s) == 1 {
			return append(dst, '\\'), 1
		}
		if s[1]|0x20 == 'x' {
			if v, ok := hexAt(s, 2, 2); ok {
				return append(dst, byte(v)), 4 //nolint:gosec // two digits
			}
		}
		if v, n := octal(s, 1); n > 0 {
			return append(dst, byte(v)), 1 + n //nolint:gosec // C keeps the low byte
		}
		return append(dst, simple(s[1])), 2
	})
}

// jsDecode decodes JavaScript escapes: \uHHHH and \u{H…} (to one byte),
// \xHH, \OOO and C's; of any other the backslash goes.
func jsDecode(dst []byte, s string) ([]byte, bool) {
	return escaped(dst, s, func(dst []byte, s string) ([]byte, int) {
		if len(s) == 1 {
			return append(dst, '\\'), 1
		}
		if v, n := jsUnicode(s); n > 0 {
			return append(dst, narrow(v)), n
		}
		if s[1] == 'x' {
			if v, ok := hexAt(s, 2, 2); ok {
				return append(dst, byte(v)), 4 //nolint:gosec // two digits
			}
		}
		if v, n := octal(s, 1); n > 0 {
			if v > 255 {
				v, n = v>>3, n-1
			}
			return append(dst, byte(v)), 1 + n //nolint:gosec // at most 255
		}
		return append(dst, simple(s[1])), 2
	})
}

func jsUnicode(s string) (code, size int) {
	if s[1] != 'u' {
		return 0, 0
	}
	if v, ok := hexAt(s, 2, 4); ok {
		return v, 6
	}
	if len(s) < 5 || s[2] != '{' {
		return 0, 0
	}
	n := hexDigits(s, 3, 6)
	if n == 0 || 3+n >= len(s) || s[3+n] != '}' {
		return 0, 0
	}
	v, _ := hexAt(s, 3, n)
	return v, 4 + n
}

// cssDecode decodes CSS 2 escapes of one to six digits and the blank that ends
// them, taking two bytes of a character at most; a backslash before anything
// else goes, together with a line end.
func cssDecode(dst []byte, s string) ([]byte, bool) {
	return escaped(dst, s, func(dst []byte, s string) ([]byte, int) {
		if len(s) == 1 {
			return dst, 1
		}
		n := hexDigits(s, 1, 6)
		if n == 0 {
			if s[1] == '\n' {
				return dst, 2
			}
			return append(dst, s[1]), 2
		}
		v, _ := hexAt(s, 1, n)
		size := 1 + n
		if size < len(s) && (s[size] == ' ' || s[size]-'\t' < 5) {
			size++
		}
		return append(dst, narrow(v&0xffff)), size
	})
}

// entity returns the character of a named entity that attacks are spelled with.
func entity(name string) (rune, bool) {
	switch name {
	case "quot":
		return '"', true
	case "amp":
		return '&', true
	case "apos":
		return '\'', true
	case "lt":
		return '<', true
	case "gt":
		return '>', true
	case "nbsp":
		return 160, true
	}
	return html5(name)
}

func html5(name string) (rune, bool) {
	const known = "colon:\x00lpar(\x00rpar)\x00sol/\x00semi;\x00equals=\x00grave`\x00bsol\\\x00Tab\t\x00NewLine\n\x00lbrace{\x00rbrace}\x00comma,\x00period.\x00num#\x00excl!\x00quest?\x00plus+\x00lowbar_\x00dollar$\x00"
	at := strings.Index(known, name)
	if name == "" || at < 0 || at > 0 && known[at-1] != 0 || known[at+len(name)+1] != 0 {
		return 0, false
	}
	return rune(known[at+len(name)]), true
}

// htmlEntityDecode decodes named and numeric entities. Characters below 256 are
// one byte, as AWS's non-breaking space, decimal 160, is.
func htmlEntityDecode(dst []byte, s string) ([]byte, bool) {
	start, changed := len(dst), false
	i := strings.IndexByte(s, '&')
	if i < 0 {
		return dst, false
	}
	for i >= 0 {
		dst = append(dst, s[:i]...)
		r, n := entityAt(s[i:])
		changed = changed || n > 1
		if r < 256 {
			dst = append(dst, byte(r)) //nolint:gosec // below 256
		} else {
			dst = utf8.AppendRune(dst, r)
		}
		s = s[i+n:]
		i = strings.IndexByte(s, '&')
	}
	dst = append(dst, s...)
	if !changed {
		return dst[:start], false
	}
	return dst, true
}

// entityAt reads the entity that s begins with; the semicolon may be missing,
// as browsers let it be.
func entityAt(s string) (r rune, size int) {
	end := 1
	if end < len(s) && s[end] == '#' {
		return numericEntity(s)
	}
	for end < len(s) && end < 10 && (s[end]|0x20)-'a' < 26 {
		end++
	}
	r, ok := entity(s[1:end])
	if !ok {
		return '&', 1
	}
	if end < len(s) && s[end] == ';' {
		end++
	}
	return r, end
}

func numericEntity(s string) (r rune, size int) {
	i, base := 2, 10
	if i < len(s) && s[i]|0x20 == 'x' {
		i, base = 3, 16
	}
	first, v := i, 0
	for i < len(s) && i-first < 32 && int(nibble(s[i])) < base {
		v = min(v*base+int(nibble(s[i])), utf8.MaxRune+1)
		i++
	}
	if i == first {
		return '&', 1
	}
	if i < len(s) && s[i] == ';' {
		i++
	}
	return rune(v), i
}
