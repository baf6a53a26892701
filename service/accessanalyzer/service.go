// Package accessanalyzer serves the part of IAM Access Analyzer that judges
// policies: the checks of a policy's grammar and of its wisdom, and the checks
// that prove a policy to grant nothing new, nothing critical, or nothing to the
// public. A proof covers engine/iam, which decides the real calls: PASS is
// answered only where no request is let in that should not be, and FAIL also
// where that cannot be shown. It refuses analyzers, which need a record of what
// is used.
//
//	policy document → statements as sets → containment of sets → PASS or FAIL
package accessanalyzer

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/accessanalyzer/types"

	"github.com/garrison-cloud/garrison/internal/authz"
	"github.com/garrison-cloud/garrison/internal/wire"
)

// Service implements the Access Analyzer API. It keeps no state; its methods are
// safe for concurrent use.
type Service struct{ known actions }

// New returns a Service that knows, for some services, every action there is: by
// the prefix of IAM actions, in the spelling of the Service Authorization
// Reference. An action of another service is taken to exist.
func New(known map[string][]string) *Service { return &Service{known: newActions(known)} }

// Operations lists what the service serves.
func (s *Service) Operations() []wire.Operation {
	return []wire.Operation{
		wire.Op(onAny, s.ValidatePolicy, wire.ReadOnly),
		wire.Op(onAny, s.CheckNoNewAccess, wire.ReadOnly),
		wire.Op(onAny, s.CheckAccessNotGranted, wire.ReadOnly),
		wire.Op(onAny, s.CheckNoPublicAccess, wire.ReadOnly),
	}
}

// Unions are the API's.
func (s *Service) Unions() []wire.UnionType {
	return []wire.UnionType{wire.Union[types.PathElement](
		(*types.PathElementMemberIndex)(nil), (*types.PathElementMemberKey)(nil),
		(*types.PathElementMemberSubstring)(nil), (*types.PathElementMemberValue)(nil),
	)}
}

// onAny asks for the operation's own action: these have no resource (Service
// Authorization Reference, "IAM Access Analyzer").
func onAny[I any](context.Context, *I) (authz.Target, error) { return authz.Any(), nil }
