package sigv4

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// hasParameter reports whether a raw query has a parameter of a name that needs
// no escapes.
func hasParameter(raw, name string) bool {
	if !strings.Contains(raw, name) {
		return false
	}
	for pair := range strings.SplitSeq(raw, "&") {
		if key, _, _ := strings.Cut(pair, "="); key == name {
			return true
		}
	}
	return false
}

// parameters are those of a presigned request, unescaped. A nil pointer is a
// parameter that the request does not have.
type parameters struct {
	algorithm, credential, date, expires, signedHeaders, signature *string
	token, payload, regions                                        *string
}

// field names a parameter exactly as AWS's signers write it: another case or an
// escape in the name makes it an ordinary parameter, which is signed.
func (p *parameters) field(key string) **string {
	switch key {
	case "X-Amz-Algorithm":
		return &p.algorithm
	case "X-Amz-Credential":
		return &p.credential
	case "X-Amz-Date":
		return &p.date
	case "X-Amz-Expires":
		return &p.expires
	case "X-Amz-SignedHeaders":
		return &p.signedHeaders
	case "X-Amz-Signature":
		return &p.signature
	case "X-Amz-Security-Token":
		return &p.token
	case "X-Amz-Content-Sha256":
		return &p.payload
	case "X-Amz-Region-Set":
		return &p.regions
	}
	return nil
}

// readParameters returns false for a parameter that is there twice or is not
// well escaped.
func readParameters(raw string) (p parameters, ok bool) {
	for pair := range strings.SplitSeq(raw, "&") {
		key, escaped, _ := strings.Cut(pair, "=")
		to := p.field(key)
		if to == nil {
			continue
		}
		value, err := url.QueryUnescape(escaped)
		if err != nil || *to != nil {
			return p, false
		}
		*to = &value
	}
	return p, true
}

// parseQuery reads a presigned request.
func parseQuery(r *http.Request) (*Signature, error) {
	p, ok := readParameters(r.URL.RawQuery)
	d := dialectOf(r, "")
	if !ok {
		return nil, malformedQuery(d)
	}
	algorithm, known := algorithmOf(value(p.algorithm))
	if p.credential != nil {
		d = dialectOf(r, serviceOf(*p.credential, algorithm))
	}
	if e := p.complete(d); e != nil {
		return nil, e
	}
	if !known {
		return nil, malformed(d, true,
			`X-Amz-Algorithm only supports "AWS4-HMAC-SHA256 and AWS4-ECDSA-P256-SHA256"`,
			"Unsupported AWS 'algorithm': '"+clip(value(p.algorithm))+"'.")
	}
	s := &Signature{
		Algorithm: algorithm, Presigned: true, SessionToken: value(p.token), Payload: value(p.payload),
		provided: *p.signature, headerList: *p.signedHeaders, dialect: d,
	}
	return s, s.readPresigned(r, p)
}

// readPresigned reads the rest of what readParameters found.
func (s *Signature) readPresigned(r *http.Request, p parameters) error {
	if p.payload == nil {
		var ok bool
		if s.Payload, ok = only(r.Header, "X-Amz-Content-Sha256"); !ok {
			return s.mismatch()
		}
	}
	if e := s.readTime(*p.date); e != nil {
		return e
	}
	if e := s.readExpires(p.expires); e != nil {
		return e
	}
	if e := s.readScope(*p.credential); e != nil {
		return e
	}
	s.readRegions(value(p.regions))
	return s.check()
}

func value(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// complete lists what a presigned request lacks. S3 alone demands X-Amz-Expires.
func (p *parameters) complete(d dialect) *Error {
	var lacks strings.Builder
	for _, name := range []string{"X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Signature", "X-Amz-SignedHeaders", "X-Amz-Date"} {
		if value(*p.field(name)) == "" {
			lacks.WriteString("AWS query-string parameters must include '" + name + "'. ")
		}
	}
	if lacks.Len() == 0 && (d != s3 || p.expires != nil) {
		return nil
	}
	lacks.WriteString("Re-examine the query-string parameters.")
	return malformed(d, true, msgPresigned, lacks.String())
}

// readExpires reads X-Amz-Expires, in seconds. Without it a request may be used
// as long as one that is signed in its header.
func (s *Signature) readExpires(text *string) *Error {
	s.Expires = Skew
	if text == nil {
		return nil
	}
	seconds, err := strconv.ParseInt(*text, 10, 32)
	message := ""
	switch {
	case err != nil:
		message = "X-Amz-Expires should be a number"
	case seconds < 0:
		message = "X-Amz-Expires must be non-negative"
	case seconds > int64(maxExpires/time.Second):
		message = "X-Amz-Expires must be less than a week (in seconds); that is, the given X-Amz-Expires must be less than 604800 seconds"
	}
	if message != "" {
		return malformed(s.dialect, true, message, message)
	}
	s.Expires = time.Duration(seconds) * time.Second
	return nil
}

// malformedQuery answers a query that readers may read differently.
func malformedQuery(d dialect) *Error {
	if d == s3 {
		return d.failure(faultQuery, "Couldn't parse the specified URI.")
	}
	return d.failure(faultQuery, "The query string contains a syntax error.")
}
