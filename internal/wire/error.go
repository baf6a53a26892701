package wire

import (
	"context"
	"errors"
	"net/http"

	"github.com/aws/smithy-go"
)

// An Error is an error as it goes to the client.
type Error struct {
	// Code is what the protocol's answer names, such as "NotFoundException".
	Code, Message string
	// Status is the HTTP status.
	Status int
	Fault  smithy.ErrorFault
	// Cause is what the error was made of. If it is an exception of the service's
	// model, its members are answered too; anything else is for the log alone.
	Cause error
	// Details are elements that S3 puts beside the message, such as BucketName.
	Details []Detail
	// Header goes with the answer, such as S3's x-amz-bucket-region.
	Header http.Header

	// shape is the exception's name in the model, where it has one.
	shape string
}

// A Detail is a named value of an S3 error.
type Detail struct{ Name, Value string }

// Error returns the code and the message.
func (e *Error) Error() string { return e.Code + ": " + e.Message }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Cause }

// statusClientClosed is what nginx made of a client that went away.
const statusClientClosed = 499

// AsError turns whatever a handler returned into what the client is told: an
// exception of the model with the model's code and status, any other
// smithy.APIError as a client's mistake, and everything else as a failure whose
// text stays in the log.
func (s *Service) AsError(p Protocol, err error) *Error {
	if known, ok := errors.AsType[*Error](err); ok {
		return known
	}
	var api smithy.APIError
	switch {
	case errors.As(err, &api):
		return s.fromAPI(p, api)
	case errors.Is(err, context.Canceled):
		e := ServiceUnavailable.In(p, "The request was canceled.")
		e.Status, e.Cause = statusClientClosed, err
		return e
	case errors.Is(err, context.DeadlineExceeded):
		e := ServiceUnavailable.In(p, "The request took too long.")
		e.Cause = err
		return e
	default:
		return Internal(p, err)
	}
}

func (s *Service) fromAPI(p Protocol, api smithy.APIError) *Error {
	e := &Error{Code: api.ErrorCode(), Message: api.ErrorMessage(), Fault: api.ErrorFault(), Cause: api}
	x := s.exception(e.Code)
	switch {
	case x == nil:
		e.Status = commonStatus(p, e.Code)
	case x.Status != 0:
		e.Status = x.Status
	case x.Fault:
		e.Status = http.StatusInternalServerError
	default:
		e.Status = http.StatusBadRequest
	}
	if x != nil {
		e.shape, e.Code = x.Name, queryCode(p, x)
	} else if e.Fault == smithy.FaultServer && e.Status == http.StatusBadRequest {
		e.Status = http.StatusInternalServerError
	}
	if e.Fault == smithy.FaultUnknown {
		e.Fault = smithy.FaultClient
		if e.Status >= http.StatusInternalServerError {
			e.Fault = smithy.FaultServer
		}
	}
	return e
}
