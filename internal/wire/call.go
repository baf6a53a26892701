package wire

import (
	"context"

	"github.com/garrison-cloud/garrison/internal/authz"
)

// A Call is one API call on its way through the gateway: what every stage and
// every handler may know about it. The gateway fills it in; handlers read it.
type Call struct {
	authz.Facts

	// Service is the SDK package name, such as "kms"; Operation is the
	// operation's name in AWS's model.
	Service, Operation string
	// RequestID is answered to the client and kept in CloudTrail.
	RequestID string
	// Endpoint is the scheme and the host by which the client reached the server, such
	// as "http://127.0.0.1:4566"; empty for a call made in process.
	Endpoint string
	// Body is the request's body as it came, for what the SDK's types cannot tell: a
	// number that is given, and is zero. It is nil for a call made in process.
	Body []byte
	// EventID names the call's CloudTrail event.
	EventID string

	// Made are the resources that the call has created, which its target could
	// not name yet; CloudTrail names them.
	Made []Resource

	// Found is what the target function has found, for the handler of the same service:
	// both then act on the very same thing.
	Found any

	// pins are what names stood for when the call was authorized.
	pins map[string]string

	// Check asks whether the caller may do t. It is for handlers whose question
	// arises only while they work; nil is yes.
	Check func(ctx context.Context, t authz.Target) error
}

// A Resource is a thing by its ARN and CloudTrail's name for its kind.
type Resource struct{ ARN, Type string }

// Pin notes in a target function what a name that can be changed stands for, such
// as an alias, so that the handler acts on the very thing that was authorized.
func (c *Call) Pin(name, meaning string) {
	if c.pins == nil {
		c.pins = map[string]string{}
	}
	c.pins[name] = meaning
}

// Pinned returns what a name stood for when the call was authorized.
func (c *Call) Pinned(name string) (meaning string, ok bool) {
	meaning, ok = c.pins[name]
	return meaning, ok
}

// Account returns the caller's account.
func (c *Call) Account() string { return c.Principal.Account }

type callKey struct{}

// WithCall returns a context that carries c.
func WithCall(ctx context.Context, c *Call) context.Context {
	return context.WithValue(ctx, callKey{}, c)
}

// CallFrom returns the call that ctx belongs to. It panics outside a call: the
// gateway sets it before any handler runs.
func CallFrom(ctx context.Context) *Call {
	c, ok := ctx.Value(callKey{}).(*Call)
	if !ok {
		panic("wire: context without a call: handlers run only behind the gateway")
	}
	return c
}
