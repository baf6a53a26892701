package sigv4

import (
	"net/http"
	"strconv"
	"time"
)

// An Error is why a request is not taken for its signer's, as the service that
// it was meant for tells its client.
type Error struct {
	// Code and Message are AWS's own words in the service's protocol.
	Code, Message string
	// Status is the HTTP status.
	Status int
	// Details are the elements that S3 adds to its error document, in its order.
	// Tokens in them are redacted.
	Details []Detail
}

// A Detail is one element of S3's error document.
type Detail struct{ Name, Value string }

// Error returns the code and the message, and no detail.
func (e *Error) Error() string { return e.Code + ": " + e.Message }

const (
	msgMismatch   = "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details."
	msgMismatchS3 = "The request signature we calculated does not match the signature you provided. Check your key and signing method."
	msgEC2        = "AWS was not able to validate the provided access credentials"
	msgPresigned  = "Query-string authentication version 4 requires the X-Amz-Algorithm, X-Amz-Credential, X-Amz-Signature, X-Amz-Date, X-Amz-SignedHeaders, and X-Amz-Expires parameters."
	msgMechanism  = "The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256."
	msgTwice      = "Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, Signature query string parameter or the Authorization header should be specified"
	msgPayload    = "x-amz-content-sha256 must be UNSIGNED-PAYLOAD, STREAMING-UNSIGNED-PAYLOAD-TRAILER, STREAMING-AWS4-HMAC-SHA256-PAYLOAD, STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER, STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD, STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD-TRAILER or a valid sha256 value."
)

// failure words a fault. EC2 has one message for nearly all of them.
func (d dialect) failure(f fault, message string, details ...Detail) *Error {
	a := answers(f)[d]
	if a.code == "AuthFailure" && f != faultMissing {
		message = msgEC2
	}
	if a.code == "RequestExpired" {
		message = "Request has expired."
	}
	return &Error{Code: a.code, Message: message, Status: a.status, Details: details}
}

// s3Error is an error that S3 alone has.
func s3Error(status int, code, message string, details ...Detail) *Error {
	return &Error{Code: code, Message: message, Status: status, Details: details}
}

// malformed is S3's answer to a credential that is not well formed; elsewhere
// the message of the other services is used.
func malformed(d dialect, presigned bool, messageS3, message string) *Error {
	switch {
	case d != s3:
		return d.failure(faultIncomplete, message)
	case presigned:
		return s3Error(http.StatusBadRequest, "AuthorizationQueryParametersError", messageS3)
	default:
		return d.failure(faultIncomplete, "The authorization header is malformed; "+messageS3)
	}
}

// wrongScope answers a credential scope that is well formed and wrong.
func wrongScope(s *Signature, messageS3, message string, details ...Detail) *Error {
	switch {
	case s.dialect != s3:
		return s.dialect.failure(faultScope, message)
	case s.Presigned:
		return s3Error(http.StatusBadRequest, "AuthorizationQueryParametersError", "Error parsing the X-Amz-Credential parameter; "+messageS3, details...)
	default:
		return s.dialect.failure(faultScope, "The authorization header is malformed; "+messageS3, details...)
	}
}

// MissingToken answers a request that nobody signed and that must be signed.
func MissingToken(r *http.Request) *Error {
	d := dialectOf(r, "")
	switch d {
	case s3:
		return d.failure(faultMissing, "Access Denied")
	case query:
		return d.failure(faultMissing, "Request is missing Authentication Token")
	default:
		return d.failure(faultMissing, "Missing Authentication Token")
	}
}

// UnknownKey answers an access key id that nobody has, or that is not active.
func UnknownKey(s *Signature) *Error {
	if s.dialect == s3 {
		return s.dialect.failure(faultUnknownKey, "The AWS Access Key Id you provided does not exist in our records.", Detail{"AWSAccessKeyId", s.AccessKeyID})
	}
	return s.dialect.failure(faultUnknownKey, "The security token included in the request is invalid.")
}

// WrongToken answers a session token that does not belong to the access key.
func WrongToken(s *Signature) *Error {
	if s.dialect == s3 {
		return s.dialect.failure(faultWrongToken, "The provided token is malformed or otherwise invalid.")
	}
	return s.dialect.failure(faultWrongToken, "The security token included in the request is invalid.")
}

// ExpiredToken answers temporary credentials that have ended.
func ExpiredToken(s *Signature) *Error {
	if s.dialect == s3 {
		return s.dialect.failure(faultExpiredToken, "The provided token has expired.")
	}
	return s.dialect.failure(faultExpiredToken, "The security token included in the request is expired")
}

// WrongRegion answers a scope of a Region that is not served where the request
// came in. expected is the Region that is.
func WrongRegion(s *Signature, expected string) *Error {
	return wrongScope(s,
		"the region '"+s.Region+"' is wrong; expecting '"+expected+"'",
		"Credential should be scoped to a valid region, not '"+s.Region+"'.",
		Detail{"Region", expected})
}

// WrongService answers a scope of another service than the one that was called.
func WrongService(s *Signature, expected string) *Error {
	return wrongScope(s,
		`incorrect service "`+s.Service+`". This endpoint belongs to "`+expected+`".`,
		"Credential should be scoped to correct service: '"+expected+"'.")
}

// skewed answers a time too far off. S3 alone tells its own clock.
func skewed(s *Signature, now time.Time) *Error {
	if s.dialect == s3 {
		return s.dialect.failure(faultSkewed, "The difference between the request time and the current time is too large.",
			Detail{"RequestTime", s.stamp},
			Detail{"ServerTime", now.UTC().Format(time.RFC3339)},
			Detail{"MaxAllowedSkewMilliseconds", strconv.FormatInt(Skew.Milliseconds(), 10)})
	}
	if s.Time.After(now) {
		return s.dialect.failure(faultSkewed, "Signature not yet current: "+s.stamp+" is still later than "+bound(now, Skew, "+"))
	}
	return s.dialect.failure(faultSkewed, "Signature expired: "+s.stamp+" is now earlier than "+bound(now, s.life(), "-"))
}

// bound is the edge of the time that is allowed, and how it came about:
// 20150830T122100Z (20150830T123600Z - 15 min.).
func bound(now time.Time, d time.Duration, sign string) string {
	edge := now.Add(d)
	if sign == "-" {
		edge = now.Add(-d)
	}
	minutes := strconv.FormatFloat(d.Minutes(), 'f', -1, 64)
	return edge.UTC().Format(stampLayout) + " (" + now.UTC().Format(stampLayout) + " " + sign + " " + minutes + " min.)"
}
