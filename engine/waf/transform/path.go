package transform

import "strings"

// normalizePath removes repeated slashes, self references and references to a
// parent that is not at the beginning. With win, backslashes are slashes first.
func normalizePath(dst []byte, s string, win bool) ([]byte, bool) {
	if !untidy(s, win) {
		return dst, false
	}
	start := len(dst)
	absolute := s != "" && separator(s[0], win)
	if absolute {
		dst = append(dst, '/')
	}
	floor := len(dst)
	trailing := false
	for s != "" {
		var part string
		part, s, trailing = nextPart(s, win)
		switch {
		case part == "" || part == ".":
			// "a/." is the folder a, and so ends in a slash.
			trailing = trailing || part == "."
		case part == ".." && parent(dst[floor:]):
			dst = dst[:floor+strings.LastIndexByte(string(dst[floor:len(dst)-1]), '/')+1]
			trailing = true
		case part == ".." && absolute:
			// There is nothing above the root.
		default:
			dst = append(append(dst, part...), '/')
		}
	}
	if !trailing && len(dst) > floor {
		dst = dst[:len(dst)-1]
	}
	return dst, len(dst) >= start
}

// parent says whether the last part written may be taken back.
func parent(done []byte) bool {
	return len(done) > 0 && string(done) != "../" && !strings.HasSuffix(string(done), "/../")
}

func nextPart(s string, win bool) (part, rest string, trailing bool) {
	for i := range len(s) {
		if separator(s[i], win) {
			return s[:i], s[i+1:], true
		}
	}
	return s, "", false
}

func separator(c byte, win bool) bool { return c == '/' || win && c == '\\' }

// untidy says whether normalizing could change s.
func untidy(s string, win bool) bool {
	for i := range len(s) {
		c := s[i]
		if win && c == '\\' {
			return true
		}
		first := i == 0 || s[i-1] == '/'
		if first && (c == '.' || c == '/' && i > 0) {
			return true
		}
	}
	return false
}
