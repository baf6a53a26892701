// Package gateway is the way of an API call, from the socket to the service and
// back. It refuses what it cannot authenticate, authorize or record; services
// behind it do none of the three.
//
//	route → authenticate → decode → target → authorize → handle → audit → encode
//
// Authentication comes before decoding, so that no byte of an unauthenticated
// body is interpreted. A stage that fails skips to audit and encode.
package gateway

import (
	"context"
	"log/slog"
	"maps"
	"net/http"
	"reflect"
	"runtime/debug"
	"slices"

	"go.opentelemetry.io/otel/trace"

	"github.com/garrison-cloud/garrison/internal/audit"
	"github.com/garrison-cloud/garrison/internal/authz"
	"github.com/garrison-cloud/garrison/internal/clock"
	"github.com/garrison-cloud/garrison/internal/lastuse"
	"github.com/garrison-cloud/garrison/internal/sigv4"
	"github.com/garrison-cloud/garrison/internal/wire"
)

// A Region is what one Region serves, and where its events are recorded.
type Region struct {
	// Services are by SDK package name. A global service is the same in every Region.
	Services map[string]*wire.Service
	Log      *audit.Log
}

// Config is what a Gateway is made of.
type Config struct {
	Regions map[string]*Region
	// Home is the Region in which global services act and record.
	Home string
	// Global names the services whose calls belong to Home wherever they are sent.
	Global     map[string]bool
	Keys       Keyring
	Authorizer *authz.Authorizer
	// Clock is the time of services; Wall is the time that signatures are judged by.
	Clock, Wall clock.Clock
	NewID       func() string
	Logger      *slog.Logger
	Metrics     *Metrics
	Tracer      trace.Tracer
	// AnySignature takes every signature as good: for development only.
	AnySignature bool
	// MessageEncoder seals the details of a denial for services that answer with
	// an encoded authorization message; nil leaves them out.
	MessageEncoder func(ctx context.Context, d *authz.Denied) (string, error)
	// Public answer what is no API call, in this order.
	Public []Public
	// Uses notes when access keys and permissions were last used; nil notes nothing.
	Uses *lastuse.Recorder
}

// A Gateway serves the API. It is safe for concurrent use.
type Gateway struct {
	Config
	verifier *sigv4.Verifier
	// services are those of the home Region, to look operations up in before the
	// Region is known; every Region serves the same.
	services    map[string]*wire.Service
	regionNames []string
	// byInput finds the operation of an in-process call, by Region and input type.
	byInput map[string]map[reflect.Type]*bound
}

// bound is an operation and the service it belongs to.
type bound struct {
	service *wire.Service
	op      *wire.Operation
	action  string
}

// New returns a Gateway.
func New(c Config) *Gateway {
	g := &Gateway{Config: c, verifier: sigv4.New(c.Wall), byInput: map[string]map[reflect.Type]*bound{}}
	g.services = c.Regions[c.Home].Services
	g.regionNames = slices.Sorted(maps.Keys(c.Regions))
	for name, region := range c.Regions {
		table := map[reflect.Type]*bound{}
		for _, s := range region.Services {
			for op := range s.Operations() {
				table[op.In] = &bound{service: s, op: op, action: s.IAMPrefix() + ":" + op.Name}
			}
		}
		g.byInput[name] = table
	}
	return g
}

// ServeHTTP takes one call through all stages.
func (g *Gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if g.servePublic(w, r) {
		return
	}
	x := g.newExchange(r.Context())
	x.w, x.r = w, r
	defer x.finish()
	x.err = x.guard(x.receive)
	x.audit()
	x.encode()
}

// receive are the stages from the socket to the handler.
func (x *exchange) receive() error {
	for _, stage := range []func() error{x.route, x.authenticate, x.decode} {
		if err := stage(); err != nil {
			return err
		}
	}
	return x.serve()
}

// serve are the stages that a call in the same process goes through as well.
func (x *exchange) serve() error {
	if err := x.region.Log.Ready(); err != nil {
		return err
	}
	if x.op.Admit != nil {
		if err := x.op.Admit(x.ctx, x.in); err != nil {
			return err
		}
	}
	x.notePermission()
	if err := x.authorize(); err != nil {
		return err
	}
	return x.handle()
}

func (x *exchange) handle() (err error) {
	x.out, err = x.op.Handle(x.ctx, x.in)
	if err == nil {
		x.noteResources()
	}
	return err
}

// guard turns a panic into an error, so that one broken invariant costs one
// call: it is audited, answered as a 500 and logged with its stack.
func (x *exchange) guard(f func() error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = &panicError{value: v, stack: debug.Stack()}
		}
	}()
	return f()
}
