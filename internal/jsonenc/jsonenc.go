// Package jsonenc appends JSON to a buffer without allocating: for what is
// written on every call and whose shape is known, so that reflection would be
// waste.
package jsonenc

import "unicode/utf8"

const hex = "0123456789abcdef"

// AppendString appends s as a JSON string (RFC 8259 §7). Bytes that are not
// UTF-8 become U+FFFD.
func AppendString(dst []byte, s string) []byte {
	dst = append(dst, '"')
	start := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c < utf8.RuneSelf {
			if c >= ' ' && c != '"' && c != '\\' {
				i++
				continue
			}
			dst = append(dst, s[start:i]...)
			dst = appendEscape(dst, c)
			i++
			start = i
			continue
		}
		r, size := utf8.DecodeRuneInString(s[i:])
		if r == utf8.RuneError && size == 1 {
			dst = append(dst, s[start:i]...)
			dst = append(dst, `\ufffd`...)
			i++
			start = i
			continue
		}
		i += size
	}
	dst = append(dst, s[start:]...)
	return append(dst, '"')
}

func appendEscape(dst []byte, c byte) []byte {
	switch c {
	case '"', '\\':
		return append(dst, '\\', c)
	case '\n':
		return append(dst, '\\', 'n')
	case '\r':
		return append(dst, '\\', 'r')
	case '\t':
		return append(dst, '\\', 't')
	default:
		return append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&0xf])
	}
}

// An Object appends the members of one JSON object. The zero value with a
// buffer opens it with its first member; Close ends it.
type Object struct {
	// Buf is the buffer; it may be read after Close.
	Buf  []byte
	open bool
}

// Name appends a member's name; its value must be appended to Buf next.
func (o *Object) Name(name string) {
	sep := byte(',')
	if !o.open {
		sep, o.open = '{', true
	}
	o.Buf = append(o.Buf, sep, '"')
	o.Buf = append(o.Buf, name...)
	o.Buf = append(o.Buf, '"', ':')
}

// String appends a string member.
func (o *Object) String(name, value string) {
	o.Name(name)
	o.Buf = AppendString(o.Buf, value)
}

// Present appends a string member unless it is empty.
func (o *Object) Present(name, value string) {
	if value != "" {
		o.String(name, value)
	}
}

// Bool appends a true or a false.
func (o *Object) Bool(name string, value bool) {
	if value {
		o.Raw(name, "true")
	} else {
		o.Raw(name, "false")
	}
}

// Raw appends a member whose value is JSON already.
func (o *Object) Raw(name, value string) {
	o.Name(name)
	o.Buf = append(o.Buf, value...)
}

// Bytes appends a member whose value is JSON already, and null for none.
func (o *Object) Bytes(name string, value []byte) {
	o.Name(name)
	if len(value) == 0 {
		o.Buf = append(o.Buf, "null"...)
		return
	}
	o.Buf = append(o.Buf, value...)
}

// Close ends the object and returns the buffer.
func (o *Object) Close() []byte {
	if !o.open {
		o.Buf = append(o.Buf, '{')
	}
	o.Buf = append(o.Buf, '}')
	o.open = false
	return o.Buf
}
