package sigv4

import (
	"net/url"
	"strings"
)

const upperHex = "0123456789ABCDEF"

// unreserved reports whether c stands for itself in a canonical request (RFC
// 3986 §2.3).
func unreserved(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' ||
		c == '-' || c == '_' || c == '.' || c == '~'
}

func appendEscapedByte(dst []byte, c byte) []byte {
	return append(dst, '%', upperHex[c>>4], upperHex[c&15])
}

// appendEscaped escapes a path as it stands, its percent signs too.
func appendEscaped(dst []byte, path string) []byte {
	for i := range len(path) {
		if c := path[i]; unreserved(c) || c == '/' {
			dst = append(dst, c)
		} else {
			dst = appendEscapedByte(dst, c)
		}
	}
	return dst
}

// appendReescaped unescapes s and escapes it as AWS does; keep is a reserved
// byte that stands for itself unless it was escaped, plus what a plus sign
// stands for. It returns false for an escape that is none.
func appendReescaped(dst []byte, s string, keep, plus byte) ([]byte, bool) {
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c == keep {
			dst = append(dst, c)
			continue
		}
		switch c {
		case '%':
			if i+2 >= len(s) || !isHex(s[i+1]) || !isHex(s[i+2]) {
				return dst, false
			}
			c = unhex(s[i+1])<<4 | unhex(s[i+2])
			i += 2
		case '+':
			c = plus
		}
		if unreserved(c) {
			dst = append(dst, c)
		} else {
			dst = appendEscapedByte(dst, c)
		}
	}
	return dst, true
}

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}

func unhex(c byte) byte {
	if c <= '9' {
		return c - '0'
	}
	return c&^0x20 - 'A' + 10
}

// wirePath is the path as the client sent it.
func wirePath(u *url.URL) string {
	if u.RawPath != "" {
		// RawPath may hold bytes that EscapedPath would escape; it counts only where
		// it means the path that handlers see.
		if p, err := url.PathUnescape(u.RawPath); err == nil && p == u.Path {
			return u.RawPath
		}
	}
	return u.EscapedPath()
}

// appendPath appends the canonical URI. S3 escapes once and keeps the path's
// form, for a key may be anything; all others remove dot segments and escape
// what is escaped again (Signature Version 4, "Create a canonical request").
func (s *Signature) appendPath(dst []byte, u *url.URL) ([]byte, bool) {
	path := wirePath(u)
	if path == "" {
		path = "/"
	}
	if s.dialect == s3 {
		return appendReescaped(dst, path, '/', '+')
	}
	return appendEscaped(dst, normalized(path)), true
}

// normalized removes empty segments, "." and "..".
func normalized(path string) string {
	if !strings.Contains(path, "//") && !strings.Contains(path, "/.") {
		return path
	}
	var kept []string
	for segment := range strings.SplitSeq(path, "/") {
		switch segment {
		case "", ".":
		case "..":
			kept = kept[:max(len(kept)-1, 0)]
		default:
			kept = append(kept, segment)
		}
	}
	if len(kept) == 0 {
		return "/"
	}
	tail := ""
	if strings.HasSuffix(path, "/") {
		tail = "/"
	}
	return "/" + strings.Join(kept, "/") + tail
}
