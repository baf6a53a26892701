// Package authz decides whether a call may be made. It gathers what counts (the
// caller's identity policies, boundary and session policies, the resource's
// policy, the organization's) and asks engine/iam. It fails closed: what it
// cannot read, it denies.
//
//	wire.Op's target → Target → Authorizer.Check → engine/iam → nil or *Denied
package authz

import (
	"time"

	"github.com/garrison-cloud/garrison/engine/iam"
)

// A Principal is who makes a call: what engine/iam needs to match policies, and
// what CloudTrail needs to name the caller. It is immutable once made.
type Principal struct {
	iam.Principal

	// Name is the user's name, or a role session's name.
	Name string
	// AccessKeyID is the access key that signed the call.
	AccessKeyID string
	// Tags are the principal's tags: a user's own, or a role's with the session's over them.
	Tags map[string]string
	// Session is set for temporary credentials.
	Session *Session
}

// A Session is what temporary credentials carry beside the identity.
type Session struct {
	// IssuerKind is "Role", "User" or "Root"; IssuerARN, IssuerID and
	// IssuerName name what the credentials were derived from.
	IssuerKind, IssuerARN, IssuerID, IssuerName string
	// Created is when the credentials were issued, Expires when they end.
	Created, Expires time.Time
	// MFA tells that the issuer was authenticated with a second factor.
	MFA bool
	// SourceIdentity is the identity that the first caller of a chain has set.
	SourceIdentity string
	// Policies are the session policies' documents; nil means that none were passed.
	Policies []string
	// Tags are the session tags; Transitive names those that pass down a role chain.
	Tags       map[string]string
	Transitive []string
	// Federated are the condition keys that an identity provider's word for the
	// user gives values, in lower case, such as "www.example.com:sub".
	Federated map[string][]string
}

// Root returns the root user of an account.
func Root(arn, account, accessKeyID string) *Principal {
	return &Principal{
		Principal:   iam.Principal{Kind: iam.AccountRoot, ARN: arn, Account: account, ID: account},
		AccessKeyID: accessKeyID,
	}
}
