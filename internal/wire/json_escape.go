package wire

import (
	"strconv"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/garrison-cloud/garrison/internal/wire/model"
)

// escaped reads on in a string whose first escape is at i.
func (r *jsonReader) escaped(start, i int) ([]byte, error) {
	out := append(r.scratch[:0], r.b[start:i]...)
	for i < len(r.b) {
		switch c := r.b[i]; {
		case c == '"':
			r.i, r.scratch = i+1, out
			if !utf8.Valid(out) {
				return nil, errUTF8
			}
			return out, nil
		case c == '\\':
			var n int
			if out, n = unescape(out, r.b[i:]); n == 0 {
				return nil, errUnexpected
			}
			i += n
		case c < ' ':
			return nil, errUnexpected
		default:
			out = append(out, c)
			i++
		}
	}
	return nil, errUnexpected
}

// unescape appends what the escape at the head of b stands for, and tells how
// long it is: 0 if it is none.
func unescape(out, b []byte) ([]byte, int) {
	if len(b) < 2 {
		return out, 0
	}
	switch c := b[1]; c {
	case '"', '\\', '/':
		return append(out, c), 2
	case 'b':
		return append(out, '\b'), 2
	case 'f':
		return append(out, '\f'), 2
	case 'n':
		return append(out, '\n'), 2
	case 'r':
		return append(out, '\r'), 2
	case 't':
		return append(out, '\t'), 2
	case 'u':
		return unescapeRune(out, b)
	default:
		return out, 0
	}
}

// unescapeRune reads \uXXXX, and the second half of a surrogate pair. A half
// without the other becomes U+FFFD.
func unescapeRune(out, b []byte) ([]byte, int) {
	const size = len(`\uXXXX`)
	r, ok := hexRune(b)
	if !ok {
		return out, 0
	}
	if !utf16.IsSurrogate(r) {
		return utf8.AppendRune(out, r), size
	}
	if low, ok := hexRune(b[size:]); ok {
		if both := utf16.DecodeRune(r, low); both != utf8.RuneError {
			return utf8.AppendRune(out, both), 2 * size
		}
	}
	return utf8.AppendRune(out, utf8.RuneError), size
}

func hexRune(b []byte) (rune, bool) {
	if len(b) < 6 || b[0] != '\\' || b[1] != 'u' {
		return 0, false
	}
	u, err := strconv.ParseUint(string(b[2:6]), 16, 16)
	return rune(u), err == nil
}

// skip reads over a value that nobody wants, but holds it to the grammar.
func (r *jsonReader) skip() error {
	switch c := r.peek(); {
	case c == '{':
		return r.each('}', func() error {
			if _, err := r.name(); err != nil {
				return err
			}
			return r.skip()
		})
	case c == '[':
		return r.each(']', r.skip)
	case c == '"':
		_, err := r.text()
		return err
	case c == '-' || c >= '0' && c <= '9':
		if r.numeral() == nil {
			return errUnexpected
		}
		return nil
	case r.literal("true") || r.literal("false") || r.literal("null"):
		return nil
	default:
		return errUnexpected
	}
}

// mismatch says what was found in place of what the model wants.
func (r *jsonReader) mismatch(n *node) error {
	switch r.peek() {
	case '{':
		return malformed("Start of structure or map found where not expected.")
	case '[':
		return malformed("Start of list found where not expected")
	case '"':
		return malformed("STRING_VALUE can not be converted to " + jsonNoun(n))
	case 't':
		return malformed("TRUE_VALUE can not be converted to " + jsonNoun(n))
	case 'f':
		return malformed("FALSE_VALUE can not be converted to " + jsonNoun(n))
	default:
		return errUnexpected
	}
}

func jsonNoun(n *node) string {
	switch n.kind {
	case model.String:
		return "a String"
	case model.Boolean:
		return "a Boolean"
	case model.Integer:
		return "an Integer"
	case model.Long:
		return "a Long"
	case model.Float:
		return "a Float"
	case model.Double:
		return "a Double"
	case model.Timestamp:
		return "milliseconds since epoch"
	case model.Blob:
		return "a Blob"
	case model.List:
		return "a List"
	case model.Map:
		return "a Map"
	default:
		return "a Structure"
	}
}
