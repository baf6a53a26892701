// Package iam serves the IAM API: users, groups, roles, their policies, access
// keys, passwords and second factors, for all accounts and Regions. It tells the
// authorizer which policies hold for a caller, the gateway whose an access key is,
// and the token service whether a second factor's code is right. It refuses
// documents that engine/iam does not understand, and trust in who doesn't exist.
//
//	API → rows in the global store → Permissions, AccessKey (each call) → compiled policies
package iam

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/aws/smithy-go"

	engine "github.com/garrison-cloud/garrison/engine/iam"
	"github.com/garrison-cloud/garrison/internal/authz"
	"github.com/garrison-cloud/garrison/internal/clock"
	"github.com/garrison-cloud/garrison/internal/lastuse"
	"github.com/garrison-cloud/garrison/internal/store"
	"github.com/garrison-cloud/garrison/internal/wire"
)

// Config is what a Service is made of.
type Config struct {
	// DB is the store that all Regions share.
	DB       *store.DB
	Clock    clock.Clock
	Compiler *authz.Compiler
	// Uses knows when access keys and permissions were last used. Nil is one that
	// nobody tells anything.
	Uses *lastuse.Recorder
}

// Service implements the IAM API for all Regions. Its methods are safe for
// concurrent use.
type Service struct {
	db       *store.DB
	clock    clock.Clock
	compiler *authz.Compiler
	// managed are AWS's own policies by ARN; it never changes.
	managed map[string]*policy
	// listed are the same in their positions' order.
	listed []*policy
	// everything is what an account's root may do.
	everything *engine.Policy
	hasher     hasher
	uses       *lastuse.Recorder
}

// New returns a Service that keeps its state in c.DB.
func New(c Config) *Service {
	if c.Uses == nil {
		c.Uses = lastuse.New(lastuse.Config{DB: c.DB, Clock: c.Clock})
	}
	s := &Service{db: c.DB, clock: c.Clock, compiler: c.Compiler, uses: c.Uses, managed: embeddedPolicies(), hasher: newHasher()}
	s.listed = slices.SortedFunc(maps.Values(s.managed), func(a, b *policy) int { return strings.Compare(a.position(), b.position()) })
	everything, err := engine.Parse(s.managed[administratorAccess].text(), engine.IdentityPolicy)
	if err != nil {
		panic(err) // the document is embedded, and a test reads it
	}
	s.everything = everything.WithName(administratorAccess)
	return s
}

// Operations lists what the service serves, grouped by noun.
func (s *Service) Operations() []wire.Operation {
	var out []wire.Operation
	for _, noun := range [][]wire.Operation{
		s.userOperations(), s.groupOperations(), s.roleOperations(), s.accessKeyOperations(),
		s.inlineOperations(), s.policyOperations(), s.attachmentOperations(), s.tagOperations(),
		s.aliasOperations(), s.passwordPolicyOperations(), s.loginProfileOperations(), s.summaryOperations(),
		s.instanceProfileOperations(), s.linkedRoleOperations(), s.simulationOperations(),
		s.detailsOperations(), s.mfaOperations(), s.credentialReportOperations(),
		s.lastUsedOperations(), s.advisorOperations(),
		s.sshKeyOperations(), s.signingCertificateOperations(), s.serverCertificateOperations(), s.specificCredentialOperations(),
		s.oidcProviderOperations(), s.samlProviderOperations(),
	} {
		out = append(out, noun...)
	}
	return out
}

// op is wire.Op for callers that may use IAM at all.
func op[I, O any](
	target func(context.Context, *I) (authz.Target, error),
	handler func(context.Context, *I) (*O, error),
) wire.Operation {
	return wire.Op(func(ctx context.Context, in *I) (authz.Target, error) {
		if err := admit(wire.CallFrom(ctx).Principal); err != nil {
			return authz.Target{}, err
		}
		return target(ctx, in)
	}, handler)
}

// admit refuses temporary credentials that AWS keeps out of IAM: those of
// GetFederationToken always, those of GetSessionToken unless they were got with
// a second factor (IAM User Guide, "Compare AWS STS credentials").
func admit(p *authz.Principal) error {
	kept := p.Kind == engine.FederatedUser
	if p.Session != nil && !p.Session.MFA {
		kept = kept || p.Kind == engine.User || p.Kind == engine.AccountRoot
	}
	if kept {
		return &smithy.GenericAPIError{Code: "InvalidClientTokenId", Message: "The security token included in the request is invalid"}
	}
	return nil
}
