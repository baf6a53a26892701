package kms

import (
	"context"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"github.com/garrison-cloud/garrison/internal/arn"
	"github.com/garrison-cloud/garrison/internal/authz"
	"github.com/garrison-cloud/garrison/internal/wire"
)

// onGrants asks for the operation's own action on the key whose grants the call
// is about. Another account's key is named by its ARN.
func (s *Service) onGrants(ctx context.Context, given *string, p purpose, values ...setting) (authz.Target, error) {
	r, err := s.parseGrantKey(ctx, *given)
	if err != nil {
		return authz.Target{}, err
	}
	via := len(wire.CallFrom(ctx).Via) > 0
	return s.onReference(ctx, r, p, append(values, boolSetting("kms:grantisforawsresource", via)))
}

func (s *Service) onCreateGrant(ctx context.Context, in *kms.CreateGrantInput) (authz.Target, error) {
	g := asGrant(in)
	p := purpose{operation: types.GrantOperationCreateGrant, context: g.pairs(), tokens: in.GrantTokens, child: g}
	return s.onGrants(ctx, in.KeyId, p,
		set("kms:granteeprincipal", g.Grantee), set("kms:retiringprincipal", g.Retiring),
		set("kms:grantconstrainttype", g.constraint()),
		setting{"kms:grantoperations", convert[string](g.Operations)})
}

func (s *Service) onListGrants(ctx context.Context, in *kms.ListGrantsInput) (authz.Target, error) {
	return s.onGrants(ctx, in.KeyId, purpose{})
}

func (s *Service) onRevokeGrant(ctx context.Context, in *kms.RevokeGrantInput) (authz.Target, error) {
	return s.onGrants(ctx, in.KeyId, purpose{})
}

// onListRetirableGrants asks about the principal: which keys the grants are of
// does not matter. Another account's principals are not the caller's to ask
// about.
func (s *Service) onListRetirableGrants(ctx context.Context, in *kms.ListRetirableGrantsInput) (authz.Target, error) {
	name := principalName(*in.RetiringPrincipal)
	if err := checkPrincipal(name); err != nil {
		return authz.Target{}, err
	}
	a, err := arn.Parse(name)
	if err != nil { // a service
		return authz.Target{}, invalidARN("ARN does not refer to a valid principal: " + name)
	}
	t := s.onAny(ctx)
	t.Resource, t.Account = name, a.AccountID
	return t, nil
}

// onRetireGrant asks what the grant says: key policies do not count, and IAM
// policies only in the accounts that the grant leaves it to (KMS Developer Guide,
// "Retiring and revoking grants").
func (s *Service) onRetireGrant(ctx context.Context, in *kms.RetireGrantInput) (authz.Target, error) {
	call := wire.CallFrom(ctx)
	r, g, err := s.toRetire(ctx, in)
	if err != nil && r.id == "" {
		return authz.Target{}, err
	}
	a := &asked{call: &call.Facts, region: s.region}
	t := authz.Target{
		Resource: s.arn(r), Type: keyType, Account: r.account, PolicyDecides: true,
		Lookup: a.lookup, Missing: err,
	}
	accounts := []string{r.account}
	if err == nil {
		accounts = append(accounts, g.retiringAccounts()...)
		t.Granted = g.retirableBy(call.Principal)
	}
	t.Policy = `{"Version":"2012-10-17","Statement":` + letInStatement("kms:RetireGrant", accounts...) + `}`
	if r.account != call.Account() {
		t.Hide = "on resource: " + t.Resource + hidden
	}
	return t, nil
}

// retirableBy reports whether the grant itself lets the caller retire it.
func (g *grant) retirableBy(who *authz.Principal) bool {
	names := grantNames(who)
	return slices.ContainsFunc(g.retirers(), func(r string) bool { return slices.Contains(names[:], r) })
}

// retirers are the principals that may retire the grant.
func (g *grant) retirers() []string {
	var out []string
	if g.Retiring != "" {
		out = append(out, g.Retiring)
	}
	if slices.Contains(g.Operations, types.GrantOperationRetireGrant) {
		out = append(out, g.Grantee)
	}
	return out
}

// retiringAccounts are the accounts among them, whose own policies decide.
func (g *grant) retiringAccounts() []string {
	var out []string
	for _, r := range g.retirers() {
		if a, err := arn.Parse(r); err == nil && strings.HasSuffix(r, ":root") {
			out = append(out, a.AccountID)
		}
	}
	return out
}
