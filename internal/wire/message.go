package wire

import (
	"io"
	"net/http"
	"sync"
)

// A Request is an HTTP request as far as decoding needs it.
type Request struct {
	Method string
	// Labels are what Service.Match found in the path; nil but for REST protocols.
	Labels map[string]string
	// RawQuery is the URL's query without the question mark.
	RawQuery string
	Header   http.Header
	// Host is the Host header.
	Host string
	// Body is the whole body. Stream is used in its place where the operation's
	// payload is a stream: see Operation.Streams.
	Body   []byte
	Stream io.Reader
}

// A Response is an HTTP response to be written.
type Response struct {
	Status int
	Header http.Header
	// Body is the whole body, unless Stream is set: then that is the body, and the
	// writer closes it.
	Body   []byte
	Stream io.ReadCloser

	pooled *[]byte
}

// bodies are buffers of answers that have been written.
var bodies = sync.Pool{New: func() any { return new([]byte) }}

// maxPooled keeps one huge answer from staying in memory for good.
const maxPooled = 64 << 10

// buffer returns an empty buffer for the body, which Free takes back.
func (r *Response) buffer() []byte {
	r.pooled = bodies.Get().(*[]byte)
	return (*r.pooled)[:0]
}

// Free gives the body's buffer to a later answer. The body must not be used any
// more. Calling it is optional.
func (r *Response) Free() {
	if r.pooled == nil {
		return
	}
	if cap(r.Body) <= maxPooled {
		// What was answered must not lie about until the next answer.
		clear(r.Body)
		*r.pooled = r.Body
		bodies.Put(r.pooled)
	}
	r.Body, r.pooled = nil, nil
}

// Decode reads a request into a new input of op (a pointer to the SDK's struct)
// and holds it to the model's constraints. An error is an *Error.
func (s *Service) Decode(p Protocol, op *Operation, r *Request) (any, error) {
	in, err := s.decode(p, op, r)
	if err != nil {
		return nil, err
	}
	if err := s.validate(p, op, in); err != nil {
		return nil, err
	}
	return in.Addr().Interface(), nil
}

// Encode writes an operation's output, a pointer to the SDK's struct.
func (s *Service) Encode(p Protocol, op *Operation, out any, requestID string) (*Response, error) {
	return s.encode(p, op, out, requestID)
}

// EncodeError writes an error. s may be nil, for a request that belongs to no
// service.
func (s *Service) EncodeError(p Protocol, e *Error, requestID string) *Response {
	return s.encodeError(p, e, requestID)
}
