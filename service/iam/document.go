package iam

import (
	"errors"
	"unicode"

	engine "github.com/garrison-cloud/garrison/engine/iam"
)

// checkDocument refuses a document that engine/iam does not understand.
func (s *Service) checkDocument(document string, kind engine.Kind) error {
	_, err := s.compiler.Compile(document, kind)
	if syntax, ok := errors.AsType[*engine.SyntaxError](err); ok {
		return malformed(syntax.Message)
	}
	return err
}

// size is a document's length as quotas count it: white space is free (IAM User
// Guide, "IAM and AWS STS quotas").
func size(document string) int {
	n := 0
	for _, c := range document {
		if !unicode.IsSpace(c) {
			n++
		}
	}
	return n
}

// encodeDocument makes a document what IAM answers: percent-encoded so that only
// RFC 3986's unreserved characters stay. net/url has no function that leaves no
// other.
func encodeDocument(document string) string {
	const digits = "0123456789ABCDEF"
	out := make([]byte, 0, 2*len(document))
	for i := range len(document) {
		c := document[i]
		if unreserved(c) {
			out = append(out, c)
			continue
		}
		out = append(out, '%', digits[c>>4], digits[c&15])
	}
	return string(out)
}

func unreserved(c byte) bool {
	switch {
	case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		return true
	default:
		return c == '-' || c == '.' || c == '_' || c == '~'
	}
}
