package sigv4

import "strings"

// serviceOf is the service of a credential, or empty if it has not the form.
func serviceOf(credential string, a Algorithm) string {
	elements, n := splitScope(credential, a)
	if n != len(elements) {
		return ""
	}
	return elements[3]
}

// splitScope splits a credential into access key, date, Region, service and
// terminator, and returns how many elements there were. SigV4A has no Region.
func splitScope(credential string, a Algorithm) (e [5]string, n int) {
	for {
		if n == 2 && a == SigV4A {
			n++
		}
		element, rest, more := strings.Cut(credential, "/")
		if n < len(e) {
			e[n] = element
		}
		n++
		if !more {
			return e, n
		}
		credential = rest
	}
}

// readScope reads the credential's elements. Time must have been read.
func (s *Signature) readScope(credential string) *Error {
	e, n := splitScope(credential, s.Algorithm)
	if n != len(e) || !bounded(e) || e[0] == "" {
		return malformed(s.dialect, s.Presigned,
			`the Credential is mal-formed; expecting "<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request".`,
			"Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got '"+clip(credential)+"'")
	}
	s.AccessKeyID, s.Date, s.Region, s.Service = e[0], e[1], e[2], e[3]
	if e[4] != terminator {
		return wrongScope(s,
			`incorrect terminal "`+e[4]+`". This endpoint uses "`+terminator+`".`,
			"Credential should be scoped with a valid terminator: '"+terminator+"', not '"+e[4]+"'.")
	}
	if day := s.stamp[:len(dateLayout)]; s.Date != day {
		return wrongScope(s,
			`Invalid credential date "`+s.Date+`". This date is not the same as X-Amz-Date: "`+day+`".`,
			"Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '"+s.Date+"' != '"+day+"', from '"+s.stamp+"'.")
	}
	return nil
}

func bounded(elements [5]string) bool {
	for _, e := range elements {
		if len(e) > maxScopeElement || strings.ContainsFunc(e, func(c rune) bool { return c <= ' ' || c >= 0x7f }) {
			return false
		}
	}
	return true
}

// check splits the signed headers and demands host among them.
func (s *Signature) check() error {
	if strings.Count(s.headerList, ";") >= maxSignedHeaders {
		return s.mismatch()
	}
	s.SignedHeaders = strings.Split(s.headerList, ";")
	for _, name := range s.SignedHeaders {
		if !isName(name) {
			return s.mismatch()
		}
	}
	if !s.signs("host") {
		return s.unsigned("host")
	}
	return nil
}

// isName reports whether s is a header's name in lower case (RFC 9110 §5.6.2).
func isName(s string) bool {
	for i := range len(s) {
		c := s[i]
		lower, digit := 'a' <= c && c <= 'z', '0' <= c && c <= '9'
		if !lower && !digit && strings.IndexByte("!#$%&'*+-.^_`|~", c) < 0 {
			return false
		}
	}
	return s != ""
}

// unsigned answers a header that must be signed and is not.
func (s *Signature) unsigned(name string) *Error {
	if s.dialect == s3 {
		return s3Error(403, "AccessDenied", "There were headers present in the request which were not signed", Detail{"HeadersNotSigned", name})
	}
	if name == "host" {
		return s.dialect.failure(faultMismatch, "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.")
	}
	return s.dialect.failure(faultMismatch, "'"+name+"' must be a 'SignedHeader' in the AWS Authorization.")
}

// mismatch answers a signature that is not the one for the request.
func (s *Signature) mismatch(details ...Detail) *Error {
	message := msgMismatch
	if s.dialect == s3 {
		message = msgMismatchS3
		details = append([]Detail{{"AWSAccessKeyId", s.AccessKeyID}}, details...)
	}
	return s.dialect.failure(faultMismatch, message, details...)
}
