package wire

import (
	"context"
	"reflect"
	"strings"

	"github.com/garrison-cloud/garrison/internal/authz"
)

// An Operation is one operation that a service serves: its handler, and the
// question that must be answered with yes before the handler runs.
type Operation struct {
	// Name is the operation's name in AWS's model.
	Name string
	// In and Out are the SDK's input and output structs.
	In, Out reflect.Type
	// ReadOnly is CloudTrail's readOnly: the call changes no state.
	ReadOnly bool
	// Answered tells that CloudTrail keeps the answer, as it does of all that changes
	// state.
	Answered bool
	// Uses tells that the operation makes use of the resources that it names.
	Uses bool
	// Data tells that CloudTrail counts the call as a data event: it is not in the
	// event history, and recorded only where a trail's selectors take it.
	Data bool
	// Admit is asked before anything else about a call whose caller is known: an
	// error refuses it. nil admits all.
	Admit func(ctx context.Context, in any) error
	// Anonymous tells that the service takes calls that nobody signed.
	Anonymous bool

	target func(ctx context.Context, in any) (authz.Target, error)
	handle func(ctx context.Context, in any) (any, error)
	// plan is set when a service takes the operation.
	plan *operationPlan
}

// Op makes an operation of a handler. Its name comes from the input's type:
// EncryptInput is Encrypt. The target function says what is being asked for, so
// an operation without an authorization does not compile.
func Op[I, O any](
	target func(context.Context, *I) (authz.Target, error),
	handler func(context.Context, *I) (*O, error),
	opts ...Option,
) Operation {
	in, out := reflect.TypeFor[I](), reflect.TypeFor[O]()
	op := Operation{
		Name: strings.TrimSuffix(in.Name(), "Input"), In: in, Out: out,
		target: func(ctx context.Context, v any) (authz.Target, error) { return target(ctx, v.(*I)) },
		handle: func(ctx context.Context, v any) (any, error) {
			// A nil *O in a non-nil interface would hide that there is no output.
			o, err := handler(ctx, v.(*I))
			if err != nil {
				return nil, err
			}
			return o, nil
		},
	}
	op.ReadOnly = readsOnly(op.Name)
	for _, o := range opts {
		o(&op)
	}
	return op
}

// An Option changes what Op takes from the name.
type Option func(*Operation)

// ReadOnly marks an operation that changes no state although its name does not
// begin with Get, List or Describe, such as kms:Encrypt.
func ReadOnly(o *Operation) { o.ReadOnly = true }

// Answered marks a read-only operation whose answer CloudTrail keeps all the
// same, such as sts:AssumeRole: who became whom is the point of the event.
func Answered(o *Operation) { o.ReadOnly, o.Answered = true, true }

// Uses marks an operation that makes use of the resources that its target names,
// as encryption does of a key: when each was last used is then remembered.
func Uses(o *Operation) { o.Uses = true }

// Data marks an operation on what a resource holds, such as s3:GetObject, where
// the others are on the resource itself (CloudTrail User Guide, "Logging data
// events").
func Data(o *Operation) { o.Data = true }

// Anonymous marks an operation that is called without a signature, because the
// input itself proves who calls: sts:AssumeRoleWithWebIdentity and its like. Its
// target function must verify that proof, and set the call's principal to whom it
// names, before it returns. The mark counts only where AWS's model says the same.
func Anonymous(o *Operation) { o.Anonymous = true }

func readsOnly(name string) bool {
	for _, p := range []string{"Get", "List", "Describe", "Lookup", "Head", "Search", "BatchGet", "Simulate", "Validate", "Check"} {
		if strings.HasPrefix(name, p) {
			return true
		}
	}
	return false
}

// Target asks the service what a call with the input in asks for.
func (o *Operation) Target(ctx context.Context, in any) (authz.Target, error) {
	return o.target(ctx, in)
}

// Handle runs the operation. It authorizes nothing: that is the gateway's.
func (o *Operation) Handle(ctx context.Context, in any) (any, error) { return o.handle(ctx, in) }
