// Package sigv4 finds out who signed a request, by AWS Signature Version 4 in
// its header and its presigned form, and by Signature Version 4A. It holds the
// server's half only: it signs nothing for others and knows no user. It refuses
// what AWS refuses: a date more than 15 minutes off, a header of AWS's own that
// is not signed, a body that is not what was signed, Signature Version 2.
//
//	Parse → the caller looks the access key up → Verify | VerifyStream → Body
package sigv4

import (
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"time"
)

// Skew is how far a client's clock may be off (Signature Version 4, "Troubleshoot
// signing", Signature expired).
const Skew = 15 * time.Minute

// maxExpires is the longest life of a presigned URL (S3 API Reference,
// "Authenticating Requests: Using Query Parameters", X-Amz-Expires).
const maxExpires = 7 * 24 * time.Hour

// Bounds on what a client may make the server parse, compare and keep.
const (
	maxAuthorization = 8 << 10
	maxSignedHeaders = 200
	maxScopeElement  = 128
)

const (
	stampLayout = "20060102T150405Z"
	dateLayout  = "20060102"
	terminator  = "aws4_request"
)

// Values of x-amz-content-sha256 that are not a hash (S3 API Reference,
// "Authenticating Requests: Using the Authorization Header").
const (
	unsignedPayload         = "UNSIGNED-PAYLOAD"
	streamingPrefix         = "STREAMING-"
	streamingUnsigned       = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
	streamingSigned         = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
	streamingSignedTrailers = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"
)

// An Algorithm is how a request is signed.
type Algorithm uint8

// The algorithms. SigV4 signs for one Region with HMAC-SHA256; SigV4A signs for
// a set of Regions with ECDSA on P-256.
const (
	SigV4 Algorithm = iota
	SigV4A
)

// String returns the algorithm's name as it stands in a request.
func (a Algorithm) String() string {
	if a == SigV4A {
		return "AWS4-ECDSA-P256-SHA256"
	}
	return "AWS4-HMAC-SHA256"
}

// A Signature is what a request says of its signer. Until Verify has returned
// nil, none of it is to be believed.
type Signature struct {
	AccessKeyID string
	// Date is the credential scope's, as yyyymmdd.
	Date string
	// Region is empty with SigV4A, where RegionSet names the Regions; an element
	// of it may hold wildcards.
	Region    string
	RegionSet []string
	Service   string
	// SignedHeaders are lower-case names in the order in which they were signed.
	SignedHeaders []string
	// Time is when the request was signed.
	Time time.Time
	// SessionToken is the temporary credentials' token; empty for lasting ones.
	SessionToken string
	Presigned    bool
	// Expires is how long after Time a presigned request may be used.
	Expires   time.Duration
	Algorithm Algorithm
	// Payload is x-amz-content-sha256: a hash in hex, a word such as
	// UNSIGNED-PAYLOAD, or empty where the request leaves it out.
	Payload string

	stamp      string // Time as it was signed
	headerList string // SignedHeaders as they were signed
	provided   string // the signature, in hex
	dialect    dialect
}

// Chunked reports whether the body is in aws-chunked encoding, which only
// VerifyStream takes off.
func (s *Signature) Chunked() bool { return strings.HasPrefix(s.Payload, streamingPrefix) }

// scope is the credential scope without the access key.
func (s *Signature) scope() string {
	if s.Algorithm == SigV4A {
		return s.Date + "/" + s.Service + "/" + terminator
	}
	return s.Date + "/" + s.Region + "/" + s.Service + "/" + terminator
}

// String names the signer and the scope. It leaves out the token and the
// signature, which a log must not have.
func (s *Signature) String() string {
	return s.Algorithm.String() + " " + s.AccessKeyID + "/" + s.scope()
}

// GoString is String, so that %#v shows no token either.
func (s *Signature) GoString() string { return s.String() }

// Format writes String whatever the verb. A fmt.State reports no errors.
func (s *Signature) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, s.String()) }

// LogValue is String.
func (s *Signature) LogValue() slog.Value { return slog.StringValue(s.String()) }

// signs reports whether the header of a lower-case name is signed.
func (s *Signature) signs(name string) bool { return slices.Contains(s.SignedHeaders, name) }
