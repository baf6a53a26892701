package sigv4

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"strings"
	"time"
)

// Parse reads who claims to have signed r, and how, from its Authorization
// header or its query. It verifies nothing. It returns nil and no error for a
// request that carries no signature at all. An error is an *Error.
func Parse(r *http.Request) (*Signature, error) {
	header := r.Header["Authorization"]
	presigned := hasParameter(r.URL.RawQuery, "X-Amz-Algorithm")
	switch {
	case len(header) == 0 || len(header) == 1 && header[0] == "":
		if presigned {
			return parsed(parseQuery(r))
		}
		return nil, refuseVersion2(r)
	case presigned:
		return nil, twice(r)
	case len(header) > 1 || len(header[0]) > maxAuthorization:
		return nil, unsupported(r, "")
	}
	return parsed(parseHeader(r, header[0]))
}

// parsed gives no signature out with an error.
func parsed(s *Signature, err error) (*Signature, error) {
	if err != nil {
		return nil, err
	}
	return s, nil
}

// refuseVersion2 answers a URL presigned by Signature Version 2, which would be
// taken for an anonymous request.
func refuseVersion2(r *http.Request) error {
	if !hasParameter(r.URL.RawQuery, "AWSAccessKeyId") || !hasParameter(r.URL.RawQuery, "Signature") {
		return nil
	}
	return versionTwo(dialectOf(r, ""))
}

func versionTwo(d dialect) *Error {
	if d == s3 {
		return s3Error(http.StatusBadRequest, "InvalidRequest", msgMechanism)
	}
	return d.failure(faultIncomplete, "Unsupported AWS 'algorithm': only "+SigV4.String()+" and "+SigV4A.String()+" are taken.")
}

func twice(r *http.Request) *Error {
	d := dialectOf(r, "")
	if d == s3 {
		return d.failure(faultTwice, msgTwice)
	}
	return d.failure(faultTwice, "Found both 'X-Amz-Algorithm' as a query-string param and 'Authorization' as HTTP header.")
}

// unsupported answers an Authorization header of another scheme. It does not
// repeat the header: that may be a password or a bearer token.
func unsupported(r *http.Request, header string) *Error {
	d := dialectOf(r, "")
	if d != s3 {
		return incomplete(r, d, components{}, header)
	}
	if strings.HasPrefix(header, "AWS ") {
		return versionTwo(d)
	}
	return s3Error(http.StatusBadRequest, "InvalidArgument", "Unsupported Authorization Type", Detail{"ArgumentName", "Authorization"})
}

// components are the three that an Authorization header must have.
type components struct{ credential, signedHeaders, signature string }

// parseHeader reads
// AWS4-HMAC-SHA256 Credential=…, SignedHeaders=…, Signature=….
func parseHeader(r *http.Request, header string) (*Signature, error) {
	name, rest, _ := strings.Cut(header, " ")
	algorithm, ok := algorithmOf(name)
	if !ok {
		return nil, unsupported(r, header)
	}
	c, e := splitComponents(r, rest)
	if e != nil {
		return nil, e
	}
	service := serviceOf(c.credential, algorithm)
	d := dialectOf(r, service)
	if c.credential == "" || c.signedHeaders == "" || c.signature == "" {
		return nil, incomplete(r, d, c, header)
	}
	s := &Signature{Algorithm: algorithm, Expires: Skew, provided: c.signature, headerList: c.signedHeaders, dialect: d}
	if e := s.readHeaders(r, header); e != nil {
		return nil, e
	}
	if e := s.readScope(c.credential); e != nil {
		return nil, e
	}
	return s, s.check()
}

func algorithmOf(name string) (Algorithm, bool) {
	switch name {
	case SigV4.String():
		return SigV4, true
	case SigV4A.String():
		return SigV4A, true
	}
	return 0, false
}

// splitComponents takes commas and spaces for separators, as AWS does. A
// component that is given twice is refused: two readers may choose differently.
func splitComponents(r *http.Request, rest string) (c components, e *Error) {
	for rest != "" {
		end := strings.IndexAny(rest, ", ")
		part := rest
		if rest = ""; end >= 0 {
			part, rest = part[:end], part[end+1:]
		}
		if part == "" {
			continue
		}
		key, value, ok := strings.Cut(part, "=")
		if !ok {
			return c, notPair(r, part)
		}
		if to := c.field(key); to != nil {
			if *to != "" {
				return c, notPair(r, part)
			}
			*to = value
		}
	}
	return c, nil
}

func (c *components) field(key string) *string {
	switch key {
	case "Credential":
		return &c.credential
	case "SignedHeaders":
		return &c.signedHeaders
	case "Signature":
		return &c.signature
	}
	return nil
}

func notPair(r *http.Request, part string) *Error {
	return malformed(dialectOf(r, ""), false,
		"the authorization header requires three components: Credential, SignedHeaders, and Signature.",
		"Invalid key=value pair (missing equal-sign) in Authorization header (hashed with SHA-256 and encoded with Base64): '"+hashed(part)+"'.")
}

// incomplete lists all that an Authorization header lacks.
func incomplete(r *http.Request, d dialect, c components, header string) *Error {
	var b strings.Builder
	for _, lack := range []struct {
		name string
		is   bool
	}{
		{"'Credential'", c.credential == ""}, {"'Signature'", c.signature == ""}, {"'SignedHeaders'", c.signedHeaders == ""},
	} {
		if lack.is {
			b.WriteString("Authorization header requires " + lack.name + " parameter. ")
		}
	}
	if r.Header["X-Amz-Date"] == nil && r.Header["Date"] == nil {
		b.WriteString("Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header. ")
	}
	b.WriteString("(Hashed with SHA-256 and encoded with Base64) Authorization=" + hashed(header))
	return malformed(d, false,
		"the authorization header requires three components: Credential, SignedHeaders, and Signature.", b.String())
}

// hashed is how AWS repeats a header that may hold a secret.
func hashed(s string) string {
	sum := sha256.Sum256([]byte(s))
	return base64.StdEncoding.EncodeToString(sum[:])
}

// readHeaders reads the date, the token, the payload's hash and the Region set.
func (s *Signature) readHeaders(r *http.Request, header string) *Error {
	stamp, ok := only(r.Header, "X-Amz-Date")
	if !ok || stamp == "" {
		stamp, ok = only(r.Header, "Date")
	}
	if !ok || stamp == "" {
		return s.undated(r, header)
	}
	if e := s.readTime(stamp); e != nil {
		return e
	}
	var token, payload, regions bool
	var set string
	s.SessionToken, token = only(r.Header, "X-Amz-Security-Token")
	s.Payload, payload = only(r.Header, "X-Amz-Content-Sha256")
	set, regions = only(r.Header, "X-Amz-Region-Set")
	if !token || !payload || !regions {
		return s.mismatch()
	}
	s.readRegions(set)
	return nil
}

func (s *Signature) undated(r *http.Request, header string) *Error {
	if s.dialect == s3 {
		return s3Error(http.StatusForbidden, "AccessDenied", "AWS authentication requires a valid Date or x-amz-date header")
	}
	return incomplete(r, s.dialect, components{"-", "-", "-"}, header)
}

func (s *Signature) readRegions(set string) {
	if s.Algorithm == SigV4A && set != "" {
		s.RegionSet = strings.Split(set, ",")
	}
}

// only returns a header's one value, and false for a header that is there more
// than once. A header that is not there is empty.
func only(h http.Header, name string) (string, bool) {
	switch v := h[name]; len(v) {
	case 0:
		return "", true
	case 1:
		return strings.TrimSpace(v[0]), true
	default:
		return "", false
	}
}

// readTime reads ISO 8601's basic format, which is signed as it stands, or the
// Date header's formats of RFC 9110 §5.6.7.
func (s *Signature) readTime(value string) *Error {
	t, err := time.Parse(stampLayout, value)
	if err != nil && !s.Presigned {
		t, err = http.ParseTime(value)
	}
	if err == nil {
		s.Time = t.UTC()
		s.stamp = s.Time.Format(stampLayout)
		return nil
	}
	switch {
	case s.dialect != s3:
		return s.dialect.failure(faultIncomplete, "Date must be in ISO-8601 'basic format'. Got '"+clip(value)+"'. See http://en.wikipedia.org/wiki/ISO_8601")
	case s.Presigned:
		return s3Error(http.StatusBadRequest, "AuthorizationQueryParametersError", `X-Amz-Date must be in the ISO8601 Long Format "yyyyMMdd'T'HHmmss'Z'"`)
	default:
		return s3Error(http.StatusForbidden, "AccessDenied", "AWS authentication requires a valid Date or x-amz-date header")
	}
}

// clip bounds what of a request an error repeats.
func clip(s string) string {
	if len(s) > maxScopeElement {
		return s[:maxScopeElement] + "…"
	}
	return s
}
