package transform

import "unicode/utf8"

// nibble returns the value of a hexadecimal digit, or 255.
func nibble(c byte) byte {
	switch {
	case c-'0' < 10:
		return c - '0'
	case (c|0x20)-'a' < 6:
		return (c | 0x20) - 'a' + 10
	}
	return 255
}

// hexAt reads n hexadecimal digits at i.
func hexAt(s string, i, n int) (int, bool) {
	if i+n > len(s) {
		return 0, false
	}
	v := 0
	for _, c := range []byte(s[i : i+n]) {
		d := nibble(c)
		if d > 15 {
			return 0, false
		}
		v = v<<4 | int(d)
	}
	return v, true
}

// hexDigits counts the hexadecimal digits at i, at most limit.
func hexDigits(s string, i, limit int) int {
	n := 0
	for n < limit && i+n < len(s) && nibble(s[i+n]) < 16 {
		n++
	}
	return n
}

// narrow is the byte that a wide character passes for: the full-width forms of
// ASCII are their plain forms, others their low byte, as IIS takes %u.
func narrow(code int) byte {
	if code >= 0xff01 && code <= 0xff5e {
		return byte(code - 0xfee0)
	}
	return byte(code) //nolint:gosec // the low byte is what is asked for
}

func urlDecode(dst []byte, s string, wide bool) ([]byte, bool) {
	i := 0
	for i < len(s) && s[i] != '%' && s[i] != '+' {
		i++
	}
	if i == len(s) {
		return dst, false
	}
	start, changed := len(dst), false
	dst = append(dst, s[:i]...)
	for i < len(s) {
		c, size := s[i], 1
		switch c {
		case '+':
			c, changed = ' ', true
		case '%':
			c, size = percent(s, i, wide)
			changed = changed || size > 1
		}
		dst = append(dst, c)
		i += size
	}
	if !changed {
		return dst[:start], false
	}
	return dst, true
}

// percent decodes the escape at i; one that is none is a percent sign.
func percent(s string, i int, wide bool) (c byte, size int) {
	if v, ok := hexAt(s, i+1, 2); ok {
		return byte(v), 3 //nolint:gosec // two digits
	}
	if wide && i+1 < len(s) && s[i+1]|0x20 == 'u' {
		if v, ok := hexAt(s, i+2, 4); ok {
			return narrow(v), 6
		}
	}
	return '%', 1
}

func base64Value(c byte, forgiving bool) byte {
	switch {
	case upper(c):
		return c - 'A'
	case c-'a' < 26:
		return c - 'a' + 26
	case c-'0' < 10:
		return c - '0' + 52
	case c == '+' || forgiving && c == '-':
		return 62
	case c == '/' || forgiving && c == '_':
		return 63
	}
	return 255
}

// base64Decode decodes up to padding. What is no digit ends the strict form,
// but for line ends, and is skipped by the forgiving one.
func base64Decode(dst []byte, s string, forgiving bool) ([]byte, bool) {
	if s == "" {
		return dst, false
	}
	var bits uint32
	n := 0
	for i := range len(s) {
		v := base64Value(s[i], forgiving)
		if v == 255 {
			if s[i] != '=' && (forgiving || s[i] == '\r' || s[i] == '\n') {
				continue
			}
			break
		}
		bits = bits<<6 | uint32(v)
		if n++; n == 4 {
			dst = append(dst, byte(bits>>16), byte(bits>>8), byte(bits)) //nolint:gosec // three octets
			bits, n = 0, 0
		}
	}
	switch n {
	case 2:
		dst = append(dst, byte(bits>>4))
	case 3:
		dst = append(dst, byte(bits>>10), byte(bits>>2))
	}
	return dst, true
}

// hexDecode decodes pairs of digits. A pair that is none stays, so that what is
// not wholly hexadecimal hides nothing.
func hexDecode(dst []byte, s string) ([]byte, bool) {
	if s == "" {
		return dst, false
	}
	for i := 0; i < len(s); {
		if v, ok := hexAt(s, i, 2); ok {
			dst = append(dst, byte(v)) //nolint:gosec // two digits
			i += 2
			continue
		}
		dst = append(dst, s[i])
		i++
	}
	return dst, true
}

// sqlHexDecode decodes SQL's 0x414243 wherever it stands.
func sqlHexDecode(dst []byte, s string) ([]byte, bool) {
	start, changed := len(dst), false
	for i := 0; i < len(s); {
		n := 0
		if s[i] == '0' && i+3 < len(s) && s[i+1]|0x20 == 'x' {
			n = hexDigits(s, i+2, len(s)) &^ 1
		}
		if n == 0 {
			dst = append(dst, s[i])
			i++
			continue
		}
		for j := i + 2; j < i+2+n; j += 2 {
			dst = append(dst, nibble(s[j])<<4|nibble(s[j+1]))
		}
		changed = true
		i += 2 + n
	}
	if !changed {
		return dst[:start], false
	}
	return dst, true
}

const lowerHex = "0123456789abcdef"

// utf8ToUnicode writes every multi-byte character as %uHHHH.
func utf8ToUnicode(dst []byte, s string) ([]byte, bool) {
	start, changed := len(dst), false
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		if size == 1 {
			dst = append(dst, s[i])
			i++
			continue
		}
		changed = true
		dst = append(dst, '%', 'u')
		if r > 0xffff {
			dst = append(dst, lowerHex[r>>20&15], lowerHex[r>>16&15])
		}
		dst = append(dst, lowerHex[r>>12&15], lowerHex[r>>8&15], lowerHex[r>>4&15], lowerHex[r&15])
		i += size
	}
	if !changed {
		return dst[:start], false
	}
	return dst, true
}
