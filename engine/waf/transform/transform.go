// Package transform is AWS WAF's text transformations, which undo the odd
// spellings that attackers hide behind before a rule looks at a value.
//
// Their meaning is that of the AWS WAF developer guide, and where it is silent
// that of the ModSecurity transformations it describes. Each is total: whatever
// cannot be decoded stays as it is, or ends the output where the guide says so.
// None fails, and none yields more than six bytes for one.
//
//	Parse(name) → Kind; Kind.Append(dst, value)
package transform

import (
	"crypto/md5" //nolint:gosec // AWS WAF's MD5 transformation is this, and protects nothing
	"strings"
)

// Kind is one transformation.
type Kind uint8

// The transformations of AWS WAF v2.
const (
	None Kind = iota
	CompressWhiteSpace
	HTMLEntityDecode
	Lowercase
	CmdLine
	URLDecode
	Base64Decode
	HexDecode
	MD5
	ReplaceComments
	EscapeSeqDecode
	SQLHexDecode
	CSSDecode
	JSDecode
	NormalizePath
	NormalizePathWin
	RemoveNulls
	ReplaceNulls
	Base64DecodeExt
	URLDecodeUni
	UTF8ToUnicode
)

// Parse returns the transformation that AWS calls name.
func Parse(name string) (Kind, bool) {
	for k, n := range names() {
		if n == name {
			return Kind(k), true
		}
	}
	return None, false
}

func names() [21]string {
	return [...]string{
		"NONE", "COMPRESS_WHITE_SPACE", "HTML_ENTITY_DECODE", "LOWERCASE", "CMD_LINE", "URL_DECODE", "BASE64_DECODE",
		"HEX_DECODE", "MD5", "REPLACE_COMMENTS", "ESCAPE_SEQ_DECODE", "SQL_HEX_DECODE", "CSS_DECODE", "JS_DECODE",
		"NORMALIZE_PATH", "NORMALIZE_PATH_WIN", "REMOVE_NULLS", "REPLACE_NULLS", "BASE64_DECODE_EXT", "URL_DECODE_UNI",
		"UTF8_TO_UNICODE",
	}
}

// String returns AWS's name.
func (k Kind) String() string { return names()[k] }

// Append appends the transformed s to dst and returns true, or returns dst as
// it is and false where the transformation leaves s unchanged.
func (k Kind) Append(dst []byte, s string) ([]byte, bool) {
	switch k {
	case None:
		return dst, false
	case CompressWhiteSpace:
		return compressWhiteSpace(dst, s)
	case Lowercase:
		return lowercase(dst, s)
	case CmdLine:
		return cmdLine(dst, s)
	case MD5:
		sum := md5.Sum([]byte(s)) //nolint:gosec // see the import
		return append(dst, sum[:]...), true
	case ReplaceComments:
		return replaceComments(dst, s)
	case NormalizePath:
		return normalizePath(dst, s, false)
	case NormalizePathWin:
		return normalizePath(dst, s, true)
	case RemoveNulls:
		return nulls(dst, s, "")
	case ReplaceNulls:
		return nulls(dst, s, " ")
	default:
		return k.decode(dst, s)
	}
}

func (k Kind) decode(dst []byte, s string) ([]byte, bool) {
	switch k {
	case URLDecode:
		return urlDecode(dst, s, false)
	case URLDecodeUni:
		return urlDecode(dst, s, true)
	case HTMLEntityDecode:
		return htmlEntityDecode(dst, s)
	case Base64Decode:
		return base64Decode(dst, s, false)
	case Base64DecodeExt:
		return base64Decode(dst, s, true)
	case HexDecode:
		return hexDecode(dst, s)
	case EscapeSeqDecode:
		return escapeSeqDecode(dst, s)
	case SQLHexDecode:
		return sqlHexDecode(dst, s)
	case CSSDecode:
		return cssDecode(dst, s)
	case JSDecode:
		return jsDecode(dst, s)
	default:
		return utf8ToUnicode(dst, s)
	}
}

func lowercase(dst []byte, s string) ([]byte, bool) {
	i := 0
	for i < len(s) && !upper(s[i]) {
		i++
	}
	if i == len(s) {
		return dst, false
	}
	dst = append(dst, s[:i]...)
	for ; i < len(s); i++ {
		dst = append(dst, lower(s[i]))
	}
	return dst, true
}

func upper(c byte) bool { return c-'A' < 26 }

func lower(c byte) byte {
	if upper(c) {
		return c + 'a' - 'A'
	}
	return c
}

// white is the whitespace of COMPRESS_WHITE_SPACE: the five controls, the space
// and the non-breaking space, decimal 160.
func white(c byte) bool { return c == ' ' || c-'\t' < 5 || c == 160 }

func compressWhiteSpace(dst []byte, s string) ([]byte, bool) {
	start, changed := len(dst), false
	space := false
	for i := range len(s) {
		c := s[i]
		if !white(c) {
			dst, space = append(dst, c), false
			continue
		}
		changed = changed || space || c != ' '
		if !space {
			dst = append(dst, ' ')
		}
		space = true
	}
	if !changed {
		return dst[:start], false
	}
	return dst, true
}

// cmdLine deletes \ " ' ^, deletes spaces before / and (, turns , and ; into
// spaces, runs of spaces into one, and lowers letters.
func cmdLine(dst []byte, s string) ([]byte, bool) {
	start := len(dst)
	space := false
	for i := range len(s) {
		switch c := s[i]; c {
		case '\\', '"', '\'', '^':
		case ' ', '\t', '\n', '\r', ',', ';':
			if !space {
				dst = append(dst, ' ')
			}
			space = true
		case '/', '(':
			if space {
				dst = dst[:len(dst)-1]
			}
			dst, space = append(dst, c), false
		default:
			dst, space = append(dst, lower(c)), false
		}
	}
	if string(dst[start:]) == s {
		return dst[:start], false
	}
	return dst, true
}

// replaceComments makes each C comment one space, also one that is never
// closed; a comment's end that stands alone stays.
func replaceComments(dst []byte, s string) ([]byte, bool) {
	i := strings.Index(s, "/*")
	if i < 0 {
		return dst, false
	}
	for i >= 0 {
		dst = append(append(dst, s[:i]...), ' ')
		end := strings.Index(s[i+2:], "*/")
		if end < 0 {
			return dst, true
		}
		s = s[i+2+end+2:]
		i = strings.Index(s, "/*")
	}
	return append(dst, s...), true
}

func nulls(dst []byte, s, with string) ([]byte, bool) {
	i := strings.IndexByte(s, 0)
	if i < 0 {
		return dst, false
	}
	for ; i >= 0; i = strings.IndexByte(s, 0) {
		dst = append(append(dst, s[:i]...), with...)
		s = s[i+1:]
	}
	return append(dst, s...), true
}
