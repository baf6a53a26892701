package gateway

import (
	"context"
	"fmt"
	"reflect"
	"slices"

	"github.com/garrison-cloud/garrison/internal/wire"
)

// Invoke makes an API call from within the process, on behalf of the call that
// ctx belongs to: by the same caller, authorized and recorded like a call from
// outside, with the calling service in kms:ViaService and invokedBy. in is a
// pointer to the SDK's input; the answer is a pointer to its output.
func (g *Gateway) Invoke(ctx context.Context, in any) (any, error) {
	parent := wire.CallFrom(ctx)
	caller := g.Regions[parent.Region].Services[parent.Service]
	return g.invoke(ctx, in, func(c *wire.Call) {
		c.Facts = parent.Facts
		c.Via = append(slices.Clip(parent.Via), caller.Principal())
	})
}

func (g *Gateway) invoke(ctx context.Context, in any, by func(*wire.Call)) (any, error) {
	x := g.newExchange(ctx)
	at := x.call.Time
	by(&x.call)
	x.call.Time = at
	b, ok := g.byInput[x.call.Region][reflect.TypeOf(in).Elem()]
	if !ok {
		return nil, fmt.Errorf("call %T in process: no service in %s takes it", in, x.call.Region)
	}
	if g.Global[b.service.Name()] && x.call.Region != g.Home {
		x.call.Region = g.Home
		b = g.byInput[g.Home][reflect.TypeOf(in).Elem()]
	}
	x.region = g.Regions[x.call.Region]
	x.protocol = b.service.Protocols()[0] // in whose words a failure is recorded
	x.bind(b)
	x.in = in
	defer x.finish()
	x.err = x.guard(x.serve)
	x.audit()
	return x.out, x.err
}

// Invoke is Gateway.Invoke with the output's type.
func Invoke[O any](ctx context.Context, g *Gateway, in any) (*O, error) {
	out, err := g.Invoke(ctx, in)
	if err != nil {
		return nil, err
	}
	return out.(*O), nil
}
