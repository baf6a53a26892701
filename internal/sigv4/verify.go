package sigv4

import (
	"crypto/ecdsa"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/garrison-cloud/garrison/internal/clock"
)

// A Verifier verifies signatures. It is safe for concurrent use.
type Verifier struct {
	clock     clock.Clock
	keys      keyCache
	scratches scratches
}

// New returns a Verifier that judges times by clk.
func New(clk clock.Clock) *Verifier { return &Verifier{clock: clk} }

// Verify checks that s, which Parse read from r, was made with the secret of its
// access key, for r as it is and for body, all of it. An error is an *Error,
// but where a key can't be derived. A body in aws-chunked encoding is refused:
// that is for VerifyStream.
func (v *Verifier) Verify(r *http.Request, s *Signature, secret Secret, body []byte) error {
	if s.Chunked() {
		return s3Error(http.StatusNotImplemented, "NotImplemented", "A header you provided implies functionality that is not implemented", Detail{"Header", "x-amz-content-sha256"})
	}
	var sum [2 * sha256.Size]byte
	payload, e := s.declared(false)
	if e != nil {
		return e
	}
	hashes := payload == "" || s.dialect == s3 && payload != unsignedPayload
	if hashes {
		hash := sha256.Sum256(body)
		hex.Encode(sum[:], hash[:])
	}
	if payload == "" {
		payload = string(sum[:])
	}
	if _, err := v.verify(r, s, secret, payload); err != nil {
		return err
	}
	if hashes && s.dialect == s3 && !strings.EqualFold(payload, string(sum[:])) {
		return payloadMismatch(payload, string(sum[:]))
	}
	return nil
}

// VerifyStream checks all of r but its body, and returns the body, which
// verifies itself as it is read. An error is as in Verify.
func (v *Verifier) VerifyStream(r *http.Request, s *Signature, secret Secret) (*Body, error) {
	payload, e := s.declared(true)
	if e != nil {
		return nil, e
	}
	if s.dialect != s3 && payload == "" {
		// Elsewhere than in S3 the hash may be left out, but not of a body that
		// nobody has read.
		if payload = s.Payload; !isHash(payload) {
			return nil, s.mismatch()
		}
	}
	key, err := v.verify(r, s, secret, payload)
	if err != nil {
		return nil, err
	}
	return newBody(r, payload, &chain{key: key, signature: s, previous: strings.ToLower(s.provided)})
}

// declared is the payload's line of the canonical request as far as the request
// declares it; empty where it is the body's hash, whatever is declared. Only
// streams may go unsigned elsewhere than in S3 and in presigned requests.
func (s *Signature) declared(stream bool) (string, *Error) {
	switch {
	case s.dialect != s3:
		if s.Payload == unsignedPayload && (s.Presigned || stream && unsignedAllowed(s.Service)) {
			return unsignedPayload, nil
		}
		return "", nil
	case s.Payload == "" && s.Presigned:
		return unsignedPayload, nil
	case s.Payload == "":
		return "", s3Error(http.StatusBadRequest, "InvalidRequest", "Missing required header for this request: x-amz-content-sha256")
	}
	switch s.Payload {
	case unsignedPayload, streamingUnsigned, streamingSigned, streamingSignedTrailers:
		return s.Payload, nil
	case "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD", "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD-TRAILER":
		return "", s3Error(http.StatusNotImplemented, "NotImplemented", "A header you provided implies functionality that is not implemented", Detail{"Header", "x-amz-content-sha256"})
	}
	if !isHash(s.Payload) {
		return "", s3Error(http.StatusBadRequest, "InvalidArgument", msgPayload, Detail{"ArgumentName", "x-amz-content-sha256"}, Detail{"ArgumentValue", clip(s.Payload)})
	}
	return s.Payload, nil
}

// unsignedAllowed reports whether a service has streams that its clients do not
// sign (the services' models: authtype v4-unsigned-body).
func unsignedAllowed(service string) bool {
	switch service {
	case "ebs", "lex", "mediastore", "omics":
		return true
	}
	return false
}

// isHash reports whether p is a SHA-256 in hex.
func isHash(p string) bool {
	if len(p) != 2*sha256.Size {
		return false
	}
	for i := range len(p) {
		if !isHex(p[i]) {
			return false
		}
	}
	return true
}

// verify checks all but the body: time, headers, signature. A key is remembered
// once it has verified something.
func (v *Verifier) verify(r *http.Request, s *Signature, secret Secret, payload string) (*scopeKey, error) {
	if secret.key == "" {
		return nil, s.mismatch()
	}
	now := v.clock.Now()
	// S3 looks at the signature before it looks at the clock; the others after.
	if s.dialect != s3 {
		if e := s.checkTime(now); e != nil {
			return nil, e
		}
	}
	if name := unsignedHeaders(r, s); name != "" {
		return nil, s.unsigned(name)
	}
	name := nameOf(s, secret)
	key := v.keys.find(&name)
	known := key != nil
	if !known {
		var err error
		if key, err = derive(secret, s); err != nil {
			return nil, fmt.Errorf("verify a signature: %w", err)
		}
	}
	if e := v.compare(r, s, key, payload); e != nil {
		return nil, e
	}
	if !known {
		v.keys.keep(name, key)
	}
	if s.dialect == s3 {
		if e := s.checkTime(now); e != nil {
			return nil, e
		}
	}
	return key, nil
}

// compare makes the string to sign and compares what it should be signed with.
func (v *Verifier) compare(r *http.Request, s *Signature, key *scopeKey, payload string) *Error {
	c := v.scratches.get()
	defer v.scratches.put(c)
	if e := c.canonical(r, s, payload); e != nil {
		return e
	}
	text := c.stringToSign(s)
	provided := c.decode(s.provided)
	if s.Algorithm == SigV4A {
		hash := sha256.Sum256(text)
		if ecdsa.VerifyASN1(key.public, hash[:], provided) {
			return nil
		}
	} else {
		want := key.mac(text)
		if subtle.ConstantTimeCompare(want[:], provided) == 1 {
			return nil
		}
	}
	return s.mismatch(c.explain(s)...)
}

// stringToSign follows the canonical request (Signature Version 4, "Create a
// string to sign").
func (c *scratch) stringToSign(s *Signature) []byte {
	hash := sha256.Sum256(c.request)
	b := append(append(c.text[:0], s.Algorithm.String()...), '\n')
	b = append(append(b, s.stamp...), '\n')
	b = append(append(b, s.Date...), '/')
	if s.Algorithm == SigV4 {
		b = append(append(b, s.Region...), '/')
	}
	b = append(append(b, s.Service...), "/"+terminator+"\n"...)
	c.text = hex.AppendEncode(b, hash[:])
	return c.text
}

// decode returns the signature's bytes, or none if it is not in hex.
func (c *scratch) decode(provided string) []byte {
	b, err := hex.AppendDecode(c.signature[:0], append(c.query[:0], provided...))
	if err != nil {
		return nil
	}
	c.signature = b
	return b
}

// explain gives S3's client what the server would have signed, its token left
// out.
func (c *scratch) explain(s *Signature) []Detail {
	if s.dialect != s3 {
		return nil
	}
	request, text := string(c.request), string(c.text)
	if s.SessionToken != "" {
		request = strings.NewReplacer(s.SessionToken, redacted, strings.ReplaceAll(url.QueryEscape(s.SessionToken), "+", "%20"), redacted).Replace(request)
	}
	return []Detail{
		{"StringToSign", text},
		{"SignatureProvided", clip(s.provided)},
		{"StringToSignBytes", spaced(text)},
		{"CanonicalRequest", request},
		{"CanonicalRequestBytes", spaced(request)},
	}
}

// spaced writes each byte in hex, as S3 does.
func spaced(s string) string { return strings.TrimSuffix(fmt.Sprintf("% x", s), " ") }

// unsignedHeaders names the headers that must be signed and are not: all of
// AWS's own, for they say what is asked.
func unsignedHeaders(r *http.Request, s *Signature) string {
	var names []string
	for name := range r.Header {
		if len(name) >= 6 && strings.EqualFold(name[:6], "x-amz-") && !s.signsFold(name) {
			names = append(names, strings.ToLower(name))
		}
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}

func (s *Signature) signsFold(name string) bool {
	for _, n := range s.SignedHeaders {
		if strings.EqualFold(n, name) {
			return true
		}
	}
	return false
}

// life is how long after Time the request may come in.
func (s *Signature) life() time.Duration {
	if s.Presigned {
		return s.Expires
	}
	return Skew
}

// checkTime refuses a request that is too old or not yet made.
func (s *Signature) checkTime(now time.Time) *Error {
	early := s.Time.Sub(now) > Skew
	late := now.Sub(s.Time) > s.life()
	switch {
	case !early && !late:
		return nil
	case s.dialect != s3 || !s.Presigned:
		return skewed(s, now)
	case early:
		return s3Error(http.StatusForbidden, "AccessDenied", "Request is not yet valid", Detail{"X-Amz-Date", s.stamp}, Detail{"ServerTime", now.UTC().Format(time.RFC3339)})
	}
	return s3Error(http.StatusForbidden, "AccessDenied", "Request has expired",
		Detail{"X-Amz-Expires", strconv.FormatInt(int64(s.Expires/time.Second), 10)},
		Detail{"Expires", s.Time.Add(s.Expires).Format(time.RFC3339)},
		Detail{"ServerTime", now.UTC().Format(time.RFC3339)})
}

func payloadMismatch(declared, computed string) *Error {
	return s3Error(http.StatusBadRequest, "XAmzContentSHA256Mismatch", "The provided 'x-amz-content-sha256' header does not match what was computed.",
		Detail{"ClientComputedContentSHA256", declared}, Detail{"S3ComputedContentSHA256", computed})
}
