package gateway

import (
	"errors"
	"io"
	"log/slog"
	"maps"
	"net/http"

	"github.com/garrison-cloud/garrison/internal/authz"
	"github.com/garrison-cloud/garrison/internal/sigv4"
	"github.com/garrison-cloud/garrison/internal/store"
	"github.com/garrison-cloud/garrison/internal/wire"
)

// failure is the call's error as the client is told it.
func (x *exchange) failure() *wire.Error {
	if x.failed == nil {
		x.failed = x.describe(x.err)
	}
	return x.failed
}

func (x *exchange) describe(err error) *wire.Error {
	var (
		denied   *authz.Denied
		unsigned *sigv4.Error
	)
	switch {
	case errors.As(err, &denied):
		return x.accessDenied(denied)
	case errors.As(err, &unsigned):
		return unauthentic(unsigned)
	case errors.Is(err, store.ErrFull):
		e := wire.ServiceUnavailable.In(x.protocol, "The server has no space left to keep this call.")
		e.Cause = err
		return e
	}
	return x.service.AsError(x.protocol, err)
}

// accessDenied words a denial. EC2 alone hides the reason in a message that
// sts:DecodeAuthorizationMessage opens.
func (x *exchange) accessDenied(d *authz.Denied) *wire.Error {
	message := d.Error()
	if x.protocol == wire.EC2 && x.g.MessageEncoder != nil {
		message = "You are not authorized to perform this operation. " + message
		if encoded, err := x.g.MessageEncoder(x.ctx, d); err == nil {
			message += ". Encoded authorization failure message: " + encoded
		}
	}
	e := wire.AccessDenied.In(x.protocol, message)
	e.Cause = d
	if x.service.Name() == "sns" { // it has a word of its own (SNS API Reference, "Errors")
		e.Code = "AuthorizationError"
	}
	return e
}

// encode writes the answer and the call's log line.
func (x *exchange) encode() {
	var answer *wire.Response
	if x.err == nil {
		answer, x.err = x.service.Encode(x.protocol, x.op, x.out, x.call.RequestID)
	}
	if x.err != nil {
		answer = x.service.EncodeError(x.protocol, x.failure(), x.call.RequestID)
	}
	x.status = answer.Status
	x.log()
	x.write(answer)
}

func (x *exchange) write(a *wire.Response) {
	h := x.w.Header()
	maps.Copy(h, a.Header)
	if x.err != nil && x.r.ProtoMajor == 1 && !x.bodyRead() {
		// What is left of an unread body would be taken for the next request.
		h.Set("Connection", "close")
	}
	if a.Status == http.StatusNotModified { // it has no body, and says nothing of one
		h.Del("Content-Length")
		h.Del("Content-Type")
		a.Body = nil
	}
	x.w.WriteHeader(a.Status)
	if a.Stream == nil {
		if x.r.Method != http.MethodHead {
			_, _ = x.w.Write(a.Body) // it fails when the client has gone: nobody is left to tell
		}
		a.Free()
		return
	}
	defer func() { _ = a.Stream.Close() }()
	if _, err := io.Copy(x.w, a.Stream); err != nil {
		x.g.Logger.Warn("answer cut short", "request", x.call.RequestID, "err", err)
		panic(http.ErrAbortHandler) // a short body must not look like a whole one
	}
}

// bodyRead reports whether nothing of the request's body can be left.
func (x *exchange) bodyRead() bool { return x.body != nil || x.r.ContentLength == 0 }

// log writes one line a call: failures of the server as errors, those of the
// client for information, successes for debugging.
func (x *exchange) log() {
	level := slog.LevelDebug
	if x.err != nil {
		level = slog.LevelInfo
	}
	if x.status >= http.StatusInternalServerError && x.status != http.StatusNotImplemented {
		level = slog.LevelError
	}
	logger := x.g.Logger
	if !logger.Enabled(x.ctx, level) {
		return
	}
	attrs := []slog.Attr{
		slog.String("request", x.call.RequestID),
		slog.String("operation", x.asked),
		slog.String("region", x.call.Region),
		slog.String("from", x.call.SourceIP),
		slog.Int("status", x.status),
	}
	if p := x.call.Principal; p != nil {
		attrs = append(attrs, slog.String("principal", p.ARN))
	}
	if x.err != nil {
		attrs = append(attrs, slog.String("code", x.failure().Code))
	}
	if level == slog.LevelError {
		attrs = append(attrs, slog.String("err", x.err.Error()))
	}
	logger.LogAttrs(x.ctx, level, "call", attrs...)
}
