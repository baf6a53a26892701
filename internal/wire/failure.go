package wire

import (
	"net/http"

	"github.com/aws/smithy-go"
)

// A Failure is an error that any AWS service may answer, whatever its model
// says. Each protocol has its own code and status for it (the services' API
// References, "Common Errors"; S3 API Reference, "Error Responses").
type Failure uint8

// The common failures.
const (
	InternalFailure Failure = iota
	AccessDenied
	ExpiredToken
	IncompleteSignature
	InvalidSignature
	InvalidValue
	MissingAuthentication
	MissingValue
	MalformedBody
	NotImplemented
	RequestExpired
	RequestTooLarge
	ServiceUnavailable
	Throttling
	UnknownAccessKey
	UnknownOperation
)

// An answer is a code and an HTTP status.
type answer struct {
	code   string
	status int
}

// answers are by failure, for JSON and CBOR, awsQuery, EC2 and S3 in this order.
var answers = [...][4]answer{
	InternalFailure:       {{"InternalFailure", 500}, {"InternalFailure", 500}, {"InternalError", 500}, {"InternalError", 500}},
	AccessDenied:          {{"AccessDeniedException", 400}, {"AccessDenied", 403}, {"UnauthorizedOperation", 403}, {"AccessDenied", 403}},
	ExpiredToken:          {{"ExpiredTokenException", 400}, {"ExpiredToken", 403}, {"RequestExpired", 400}, {"ExpiredToken", 400}},
	IncompleteSignature:   {{"IncompleteSignatureException", 400}, {"IncompleteSignature", 400}, {"AuthFailure", 401}, {"AuthorizationHeaderMalformed", 400}},
	InvalidSignature:      {{"InvalidSignatureException", 400}, {"SignatureDoesNotMatch", 403}, {"AuthFailure", 401}, {"SignatureDoesNotMatch", 403}},
	InvalidValue:          {{"ValidationException", 400}, {"ValidationError", 400}, {"InvalidParameterValue", 400}, {"InvalidArgument", 400}},
	MissingAuthentication: {{"MissingAuthenticationTokenException", 400}, {"MissingAuthenticationToken", 403}, {"AuthFailure", 401}, {"AccessDenied", 403}},
	MissingValue:          {{"ValidationException", 400}, {"ValidationError", 400}, {"MissingParameter", 400}, {"InvalidRequest", 400}},
	MalformedBody:         {{"SerializationException", 400}, {"MalformedInput", 400}, {"InvalidParameterValue", 400}, {"MalformedXML", 400}},
	NotImplemented:        {{"NotImplemented", 501}, {"NotImplemented", 501}, {"NotImplemented", 501}, {"NotImplemented", 501}},
	RequestExpired:        {{"InvalidSignatureException", 400}, {"SignatureDoesNotMatch", 403}, {"RequestExpired", 400}, {"RequestTimeTooSkewed", 403}},
	RequestTooLarge:       {{"RequestEntityTooLargeException", 413}, {"RequestEntityTooLarge", 413}, {"RequestEntityTooLarge", 413}, {"EntityTooLarge", 400}},
	ServiceUnavailable:    {{"ServiceUnavailableException", 503}, {"ServiceUnavailable", 503}, {"Unavailable", 503}, {"ServiceUnavailable", 503}},
	Throttling:            {{"ThrottlingException", 400}, {"Throttling", 400}, {"RequestLimitExceeded", 503}, {"SlowDown", 503}},
	UnknownAccessKey:      {{"UnrecognizedClientException", 400}, {"InvalidClientTokenId", 403}, {"AuthFailure", 401}, {"InvalidAccessKeyId", 403}},
	UnknownOperation:      {{"UnknownOperationException", 400}, {"InvalidAction", 400}, {"InvalidAction", 400}, {"MethodNotAllowed", 405}},
}

// column is a protocol's place in answers. What is unknown is taken for JSON.
func column(p Protocol) int {
	switch p {
	case Query:
		return 1
	case EC2:
		return 2
	case RestXML:
		return 3
	default:
		return 0
	}
}

// commonStatus is the HTTP status of a code that is in no model but that of the
// common failures, and 400 for one that is not there either.
func commonStatus(p Protocol, code string) int {
	for f := range answers {
		if a := answers[f][column(p)]; a.code == code {
			return a.status
		}
	}
	if p == RestXML {
		return statusS3(code)
	}
	return http.StatusBadRequest
}

// inQuery is awsQuery's code for a common failure that has another in JSON, and the
// code itself for all else.
func inQuery(code string) string {
	for f := range answers {
		if answers[f][0].code == code {
			return answers[f][1].code
		}
	}
	return code
}

// In returns the failure as a protocol says it.
func (f Failure) In(p Protocol, message string) *Error {
	a := answers[f][column(p)]
	if f == AccessDenied && p == RestJSON {
		a.status = http.StatusForbidden
	}
	e := &Error{Code: a.code, Message: message, Status: a.status, Fault: smithy.FaultClient}
	if a.status >= http.StatusInternalServerError {
		e.Fault = smithy.FaultServer
	}
	return e
}

// Internal is the failure whose reason nobody but the log may know. cause is
// kept for the log only.
func Internal(p Protocol, cause error) *Error {
	message := "The request processing has failed because of an unknown error, exception or failure."
	if p == RestXML {
		message = "We encountered an internal error. Please try again."
	}
	e := InternalFailure.In(p, message)
	e.Cause = cause
	return e
}
