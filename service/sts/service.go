// Package sts serves the AWS Security Token Service: temporary credentials for
// roles, users and federated users, for all accounts and Regions. It keeps no
// session: a session token carries, sealed, all that the session is. It refuses
// whom a role's trust policy does not let in, and tells nobody which roles exist.
// Users of identity providers come without a signature: their tokens are verified
// before anything else is looked at.
//
//	AssumeRole → claims → sealed token;  token (each call) → cache or unseal → Principal
package sts

import (
	"context"
	"sync/atomic"

	"github.com/garrison-cloud/garrison/engine/federation"
	"github.com/garrison-cloud/garrison/internal/authz"
	"github.com/garrison-cloud/garrison/internal/clock"
	"github.com/garrison-cloud/garrison/internal/recent"
	"github.com/garrison-cloud/garrison/internal/store"
	"github.com/garrison-cloud/garrison/internal/wire"
)

// Config is what a Service is made of.
type Config struct {
	// DB is the store that all Regions share: a token of one opens in all.
	DB    *store.DB
	Clock clock.Clock
	// Compiler checks session policies, and keeps them compiled for their use.
	Compiler *authz.Compiler
	Roles    Roles
	// Devices verify second factors; nil refuses them all.
	Devices Devices
	// Providers are the identity providers that accounts trust; nil is none.
	Providers Providers
	// RootMayAssume lets an account's root assume the roles that trust it, which
	// AWS forbids. It is for development servers, where every caller is a root.
	RootMayAssume bool
}

// Roles is what IAM knows of roles and of the policies that can limit their
// sessions. Both methods fail with store.ErrNotFound.
type Roles interface {
	// Role returns an account's role by its name.
	Role(ctx context.Context, account, name string) (*authz.Role, error)
	// ManagedPolicy returns the document of a managed policy that the account may use.
	ManagedPolicy(ctx context.Context, account, arn string) (document string, err error)
}

// Devices are the MFA devices of users. VerifyMFA fails for whatever is wrong with
// the code or the device, and takes a code once.
type Devices interface {
	VerifyMFA(ctx context.Context, p *authz.Principal, serial, code string) error
}

// Providers are the identity providers that accounts trust. Both methods fail with
// store.ErrNotFound.
type Providers interface {
	// OIDCProvider returns the account's provider whose tokens have that issuer.
	OIDCProvider(ctx context.Context, account, issuer string) (*federation.OIDCProvider, error)
	// SAMLProvider returns the metadata of the account's provider of that ARN.
	SAMLProvider(ctx context.Context, account, provider string) (*federation.Metadata, error)
}

// Service implements the STS API for all Regions. Its methods are safe for
// concurrent use.
type Service struct {
	db            *store.DB
	clock         clock.Clock
	compiler      *authz.Compiler
	roles         Roles
	devices       Devices
	providers     Providers
	issuers       *issuers
	rootMayAssume bool
	keys          atomic.Pointer[keyring]
	sessions      *cache
}

// New returns a Service that keeps its sealing keys in c.DB.
func New(c Config) *Service {
	s := &Service{
		db: c.DB, clock: c.Clock, compiler: c.Compiler, roles: c.Roles, devices: c.Devices,
		providers: c.Providers, issuers: newIssuers(c.Clock), rootMayAssume: c.RootMayAssume,
		sessions: recent.New[credentials, *session](openSessions),
	}
	s.keys.Store(&keyring{})
	return s
}

// Operations lists what the service serves, grouped by noun. None changes any
// state: CloudTrail calls all of them read-only.
func (s *Service) Operations() []wire.Operation {
	return []wire.Operation{
		wire.Op(s.onRole, s.AssumeRole, wire.Answered),
		wire.Op(s.onWebIdentity, s.AssumeRoleWithWebIdentity, wire.Answered, wire.Anonymous),
		wire.Op(s.onSAML, s.AssumeRoleWithSAML, wire.Answered, wire.Anonymous),

		wire.Op(s.onSession, s.GetSessionToken, wire.Answered),
		wire.Op(s.onFederation, s.GetFederationToken, wire.Answered),

		wire.Op(s.onIdentity, s.GetCallerIdentity),
		wire.Op(s.onAccessKey, s.GetAccessKeyInfo),
		wire.Op(s.onMessage, s.DecodeAuthorizationMessage, wire.ReadOnly),
	}
}
