package gateway

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/garrison-cloud/garrison/engine/iam"
	"github.com/garrison-cloud/garrison/internal/arn"
	"github.com/garrison-cloud/garrison/internal/authz"
	"github.com/garrison-cloud/garrison/internal/wire"
)

// A ServiceCall says which service makes a call of its own, and for what.
type ServiceCall struct {
	// Principal is the service principal's name, such as "events.amazonaws.com".
	Principal string
	// Account is the account that the service acts for: whose resources names
	// without an account stand for, and who is told of the call.
	Account string
	// Region is where the call is handled.
	Region string
	// SourceARN and SourceAccount are the resource that the service acts for, which
	// policies see as aws:SourceArn and aws:SourceAccount. Empty is none.
	SourceARN, SourceAccount string
}

// check refuses what is no service's call, so that a slip makes no caller up.
func (c *ServiceCall) check(g *Gateway) error {
	switch {
	case !strings.HasSuffix(c.Principal, ".amazonaws.com"):
		return fmt.Errorf("call as %q: it is no service principal", c.Principal)
	case !arn.IsAccount(c.Account):
		return fmt.Errorf("call as %s: %q is no account", c.Principal, c.Account)
	case g.Regions[c.Region] == nil:
		return fmt.Errorf("call as %s: the Region %q is not served", c.Principal, c.Region)
	case c.SourceAccount != "" && !arn.IsAccount(c.SourceAccount):
		return fmt.Errorf("call as %s: %q is no source account", c.Principal, c.SourceAccount)
	}
	return nil
}

// InvokeAs makes an API call from within the process as a service principal: on
// nobody's behalf, so that only a resource's own policy can let it in. It is
// authorized and recorded like a call from outside, as an AWSService's. It may be
// made outside of any call. in is a pointer to the SDK's input; the answer is a
// pointer to its output.
func (g *Gateway) InvokeAs(ctx context.Context, as ServiceCall, in any) (any, error) {
	if err := as.check(g); err != nil {
		return nil, err
	}
	return g.invoke(ctx, in, func(c *wire.Call) {
		c.Facts = authz.Facts{
			Principal: &authz.Principal{Principal: iam.Principal{
				Kind: iam.ServicePrincipal, Service: as.Principal, ARN: as.Principal, Account: as.Account,
			}},
			Region: as.Region, SourceIP: as.Principal, UserAgent: as.Principal, Secure: true,
			SourceARN: as.SourceARN, SourceAccount: as.SourceAccount,
		}
	})
}

// InvokeAs is Gateway.InvokeAs with the output's type.
func InvokeAs[O any](ctx context.Context, g *Gateway, as ServiceCall, in any) (*O, error) {
	return typed[O](g.InvokeAs(ctx, as, in))
}

// errSecret tells nothing of either secret.
var errSecret = errors.New("the secret access key is not that of the access key id")

// InvokeWith makes an API call from within the process with credentials that a
// service has been given, such as a role's, as a call over the network with them
// would be. via is the service principal that makes it, empty for none. It may be
// made outside of any call.
func (g *Gateway) InvokeWith(ctx context.Context, with aws.Credentials, at Place, in any) (any, error) {
	if g.Regions[at.Region] == nil {
		return nil, fmt.Errorf("call with credentials: the Region %q is not served", at.Region)
	}
	key, err := g.Keys.Key(ctx, with.AccessKeyID, with.SessionToken)
	if err != nil {
		return nil, fmt.Errorf("call with credentials: %w", err)
	}
	if subtle.ConstantTimeCompare([]byte(key.Secret), []byte(with.SecretAccessKey)) != 1 {
		return nil, errSecret
	}
	return g.invoke(ctx, in, func(c *wire.Call) {
		c.Facts = authz.Facts{Principal: key.Principal, Region: at.Region, SourceIP: at.Via, UserAgent: at.Via, Secure: true}
		if at.Via != "" {
			c.Via = []string{at.Via}
		}
	})
}

// A Place says where a call with credentials is handled, and which service
// principal makes it for their owner.
type Place struct{ Region, Via string }

// InvokeWith is Gateway.InvokeWith with the output's type.
func InvokeWith[O any](ctx context.Context, g *Gateway, with aws.Credentials, at Place, in any) (*O, error) {
	return typed[O](g.InvokeWith(ctx, with, at, in))
}

func typed[O any](out any, err error) (*O, error) {
	if err != nil {
		return nil, err
	}
	return out.(*O), nil
}
