package xks

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http/httptrace"
	"sync/atomic"
)

// A journey remembers how far a call got, because its error alone doesn't tell:
// one deadline covers the dial, the handshake and the answer, and KMS reports
// each of the three in its own words.
type journey struct {
	caller    context.Context // the call's own, without the client's deadline
	connected atomic.Bool
	answered  atomic.Bool
	untrusted atomic.Bool
}

// trace returns the hooks. They may run in another goroutine, and after the call.
func (j *journey) trace() *httptrace.ClientTrace {
	return &httptrace.ClientTrace{
		GotConn:              func(httptrace.GotConnInfo) { j.connected.Store(true) },
		GotFirstResponseByte: func() { j.answered.Store(true) },
		ConnectDone: func(_, _ string, err error) {
			if err == nil {
				j.connected.Store(true)
			}
		},
		TLSHandshakeDone: func(_ tls.ConnectionState, err error) {
			if err != nil && !errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded) {
				j.untrusted.Store(true)
			}
		},
	}
}

// failure says what err, of a call that got no answer, means. When the caller
// itself gave up, that is in the chain as well.
func (j *journey) failure(err error) error {
	switch {
	case errors.Is(err, ErrInvalidResponse):
		return err
	case errors.Is(j.caller.Err(), context.Canceled):
		return fmt.Errorf("call the external key store proxy: %w", context.Canceled)
	case j.untrusted.Load(), alert(err):
		return fmt.Errorf("%w: %w", ErrInvalidTLS, err)
	case errors.Is(err, context.DeadlineExceeded) && j.connected.Load():
		return fmt.Errorf("%w: %w", ErrTimeout, err)
	case j.answered.Load():
		return fmt.Errorf("%w: %w", ErrInvalidResponse, err)
	}
	return fmt.Errorf("%w: %w", ErrUnreachable, err)
}

// alert reports whether err is a TLS alert. In TLS 1.3 the proxy may still refuse
// the client's certificate when the client has done its part of the handshake.
func alert(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && (op.Op == "remote error" || op.Op == "local error")
}
