package authz

import (
	"context"
	"fmt"

	"github.com/garrison-cloud/garrison/engine/iam"
)

// An Authorizer answers whether a caller may do what a target asks for. It is
// safe for concurrent use.
type Authorizer struct {
	directory Directory
	compiler  *Compiler
	root      []*iam.Policy
	off       bool
}

// rootDocument is what the root user of an account may do within its account.
const rootDocument = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`

// New returns an Authorizer that reads identity policies from d.
func New(d Directory, c *Compiler) *Authorizer {
	root, err := iam.Parse(rootDocument, iam.IdentityPolicy)
	if err != nil {
		panic(err) // the document is a constant of this package
	}
	return &Authorizer{directory: d, compiler: c, root: []*iam.Policy{root}}
}

// Off returns an Authorizer that lets everyone do everything. It is for
// development servers whose operator has switched IAM off.
func Off() *Authorizer { return &Authorizer{off: true} }

// Check returns nil when the caller in f may do all that t asks for, *Denied
// when not, t.Missing when it may but the resource does not exist, and another
// error when the policies could not be read. action is the operation's own.
func (a *Authorizer) Check(ctx context.Context, f *Facts, action string, t Target) error {
	if !a.off {
		if err := a.checkOne(ctx, f, action, &t); err != nil {
			return err
		}
	}
	if t.Missing != nil {
		return t.Missing
	}
	for _, next := range t.And {
		if err := a.Check(ctx, f, action, next); err != nil {
			return err
		}
	}
	return nil
}

func (a *Authorizer) checkOne(ctx context.Context, f *Facts, action string, t *Target) error {
	if t.Open {
		return nil
	}
	if t.Action != "" {
		action = t.Action
	}
	q := question{facts: f, target: t}
	request := iam.Request{
		Action: action, Resource: t.Resource, Principal: f.Principal.Principal,
		ResourceAccount: t.Account, Context: &q,
	}
	policies, err := a.gather(ctx, f.Principal, t)
	if err != nil {
		return err
	}
	if d := iam.Evaluate(&request, &policies); !d.Allowed {
		return &Denied{Principal: f.Principal, Action: action, Resource: t.Resource, Hide: t.Hide, Display: t.Display, Decision: d}
	}
	return nil
}

// Explain returns every statement that speaks to what t asks for, and the
// decision: the same question that Check answers with yes or no.
func (a *Authorizer) Explain(ctx context.Context, f *Facts, action string, t Target) (iam.Decision, []iam.StatementRef, error) {
	policies, err := a.gather(ctx, f.Principal, &t)
	if err != nil {
		return iam.Decision{}, nil, err
	}
	request := iam.Request{
		Action: action, Resource: t.Resource, Principal: f.Principal.Principal,
		ResourceAccount: t.Account, Context: &question{facts: f, target: &t},
	}
	return iam.Evaluate(&request, &policies), iam.Explain(&request, &policies), nil
}

// gather collects every policy that counts for p on t.
func (a *Authorizer) gather(ctx context.Context, p *Principal, t *Target) (iam.Policies, error) {
	out := iam.Policies{ResourceDecides: t.PolicyDecides, Granted: t.Granted}
	held, err := a.directory.Permissions(ctx, p)
	if err != nil {
		return out, fmt.Errorf("read the policies of %s: %w", p.ARN, err)
	}
	out.Identity, out.SCPs, out.RCPs = held.Identity, held.SCPs, held.RCPs
	if held.Boundary != nil {
		out.HasBoundary, out.Boundary = true, []*iam.Policy{held.Boundary}
	}
	if p.Kind == iam.AccountRoot {
		out.Identity = a.root
	}
	if p.Session != nil && p.Session.Policies != nil {
		out.HasSession = true
		if out.Session, err = a.compile(p.Session.Policies, iam.SessionPolicy); err != nil {
			return out, err
		}
	}
	if t.Policy != "" {
		kind := iam.ResourcePolicy
		if t.PolicyDecides {
			kind = iam.KeyPolicy
		}
		if t.TrustPolicy {
			kind = iam.TrustPolicy
		}
		if out.Resource, err = a.compiler.Compile(t.Policy, kind); err != nil {
			return out, fmt.Errorf("compile the policy of %s: %w", t.Resource, err)
		}
	}
	if t.ACL == "" {
		return out, nil
	}
	return out, a.gatherACL(t, &out)
}

// gatherACL adds what a resource's access control list allows.
func (a *Authorizer) gatherACL(t *Target, out *iam.Policies) error {
	p, err := a.compiler.Compile(t.ACL, iam.ResourcePolicy)
	if err != nil {
		return fmt.Errorf("compile the ACL of %s: %w", t.Resource, err)
	}
	out.ACL = p
	return nil
}

func (a *Authorizer) compile(documents []string, kind iam.Kind) ([]*iam.Policy, error) {
	out := make([]*iam.Policy, 0, len(documents))
	for _, d := range documents {
		p, err := a.compiler.Compile(d, kind)
		if err != nil {
			return nil, fmt.Errorf("compile a session policy: %w", err)
		}
		out = append(out, p)
	}
	return out, nil
}
