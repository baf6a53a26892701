package gateway

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"github.com/garrison-cloud/garrison/internal/audit"
	"github.com/garrison-cloud/garrison/internal/authz"
	"github.com/garrison-cloud/garrison/internal/sigv4"
	"github.com/garrison-cloud/garrison/internal/wire"
)

// An exchange is one call on its way. Each stage fills in what the next needs.
type exchange struct {
	g   *Gateway
	ctx context.Context //nolint:containedctx // an exchange lives exactly as long as its call
	w   http.ResponseWriter
	r   *http.Request

	call     wire.Call
	region   *Region
	service  *wire.Service
	op       *wire.Operation
	protocol wire.Protocol
	action   string

	// signature is nil for a call that nobody signed; scope is the service that
	// it names. name is the operation's; labels are a REST path's.
	signature   *sigv4.Signature
	scope, name string
	asked       string // what the log calls the operation, known or not
	labels      map[string]string
	body        []byte
	stream      io.Reader

	in, out any
	target  authz.Target
	// allowed tells that the caller may do what it asks for.
	allowed bool
	// sharedID and foreignIDs are the ids of events that other accounts receive.
	sharedID   string
	foreignIDs map[string]string
	err        error
	failed     *wire.Error // err as the client is told it

	started time.Time
	span    trace.Span
	// promised is the log in which the call's event stands promised.
	promised  *audit.Log
	receivers receivers
	status    int
}

func (g *Gateway) newExchange(ctx context.Context) *exchange {
	x := &exchange{g: g, started: g.Wall.Now()}
	x.call.RequestID, x.call.EventID = g.NewID(), g.NewID()
	x.call.Time = g.Clock.Now()
	x.call.Check = x.check
	x.ctx = wire.WithCall(context.WithValue(ctx, exchangeKey{}, x), &x.call)
	return x
}

type exchangeKey struct{}

// panicError is what a panicking handler leaves behind.
type panicError struct {
	value any
	stack []byte
}

func (p *panicError) Error() string { return fmt.Sprintf("panic: %v\n%s", p.value, p.stack) }

// begin starts the call's span, once its name is known.
func (x *exchange) begin() {
	if x.g.Tracer == nil {
		return
	}
	x.ctx, x.span = x.g.Tracer.Start(x.ctx, x.service.Name()+"."+x.op.Name,
		trace.WithSpanKind(trace.SpanKindServer),
		trace.WithAttributes(
			attribute.String("rpc.system", "aws-api"),
			attribute.String("rpc.service", x.service.Name()),
			attribute.String("rpc.method", x.op.Name),
			attribute.String("cloud.region", x.call.Region),
			attribute.String("aws.request_id", x.call.RequestID),
		))
}

// finish counts the call and ends its span.
func (x *exchange) finish() {
	x.g.Metrics.observe(x)
	if x.span == nil {
		return
	}
	if x.err != nil {
		x.span.SetStatus(codes.Error, x.failure().Code)
	}
	x.span.End()
}
