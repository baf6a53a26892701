package gateway

import (
	"context"

	"github.com/garrison-cloud/garrison/internal/authz"
)

// authorize asks the service what the call is after, and the authorizer whether
// the caller may have it.
func (x *exchange) authorize() error {
	t, err := x.op.Target(x.ctx, x.in)
	if err != nil {
		return err
	}
	x.target = t
	err = x.check(x.ctx, t)
	x.allowed = err == nil
	return err
}

// check is wire.Call's Check: the same question for what arises while a handler
// works.
func (x *exchange) check(ctx context.Context, t authz.Target) error {
	return x.g.Authorizer.Check(ctx, &x.call.Facts, x.action, t)
}
