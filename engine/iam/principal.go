package iam

import (
	"slices"
	"strings"
)

// A PrincipalKind is a kind of caller.
type PrincipalKind int

// The kinds of callers (IAM User Guide, "IAM JSON policy elements: Principal").
const (
	Anonymous PrincipalKind = iota
	AccountRoot
	User
	RoleSession
	FederatedUser
	WebIdentity
	SAML
	ServicePrincipal
)

// A Principal is who makes a request, as far as policies can tell.
type Principal struct {
	Kind PrincipalKind
	// ARN is the caller's own: of the user, of the session.
	ARN, Account string
	// ID is the unique id: "AIDA…", "AROA…:session", or the root's account.
	ID string
	// RoleARN is the role of a RoleSession, or the IAM user of a FederatedUser:
	// whose permissions the session has.
	RoleARN string
	// Service is a ServicePrincipal's name, such as "kms.amazonaws.com".
	Service string
	// Provider is who vouches for a WebIdentity or SAML caller, or has vouched for
	// the first caller of a RoleSession.
	Provider string
	// CanonicalUser is the account's canonical user id (Amazon S3 User Guide,
	// "Finding the canonical user ID"); empty where it is not known.
	CanonicalUser string
}

// principals is a compiled Principal or NotPrincipal element.
type principals struct {
	everyone  bool
	accounts  []string // account ids, given as such or by the root's ARN
	canonical []string // canonical user ids, which stand for accounts too
	names     []string // ARNs and unique ids
	services  []string
	federated []string
}

// A reach says how a Principal element came to match, which decides what other
// policies may still limit (IAM User Guide, "How AWS enforcement code logic
// evaluates requests to allow or deny access").
type reach int

const (
	notReached reach = iota
	// viaAccount leaves it to the account's own policies.
	viaAccount
	// viaRole grants to the role, or the federating user, behind the session:
	// boundary and session policies still limit it.
	viaRole
	// direct grants to the very caller.
	direct
)

// reach returns the closest way in which the element names p. One that is not
// there names nobody.
func (e *principals) reach(p *Principal) reach {
	if e == nil {
		return notReached
	}
	switch p.Kind {
	case Anonymous:
		return directIf(e.everyone)
	case ServicePrincipal:
		return directIf(e.everyone || contains(e.services, p.Service))
	case WebIdentity, SAML:
		return directIf(e.everyone || contains(e.federated, p.Provider))
	default:
	}
	switch {
	case e.everyone, contains(e.names, p.ARN), contains(e.names, p.ID):
		return direct
	case e.namesIssuer(p):
		return viaRole
	case !e.namesAccount(p):
		return notReached
	default:
		return max(viaAccount, directIf(p.Kind == AccountRoot))
	}
}

// namesIssuer reports whether the element names what a session was made from.
func (e *principals) namesIssuer(p *Principal) bool {
	if p.Kind != RoleSession && p.Kind != FederatedUser {
		return false
	}
	role, _, _ := strings.Cut(p.ID, ":") // "AROAEXAMPLE:session"
	return contains(e.names, p.RoleARN) || p.Kind == RoleSession && contains(e.names, role)
}

func (e *principals) namesAccount(p *Principal) bool {
	return contains(e.accounts, p.Account) || contains(e.canonical, p.CanonicalUser)
}

// exempts reports whether the element, as a NotPrincipal, leaves p out of a
// denial. Account, role and session must all be named: AWS looks at each in
// turn, and one that is missing is denied (IAM User Guide, "IAM JSON policy
// elements: NotPrincipal").
func (e *principals) exempts(p *Principal) bool {
	if e.reach(p) != direct {
		return false
	}
	switch p.Kind {
	case User, FederatedUser:
		return e.everyone || e.namesAccount(p)
	case RoleSession:
		return e.everyone || e.namesAccount(p) && e.namesIssuer(p)
	default:
		return true
	}
}

func directIf(match bool) reach {
	if match {
		return direct
	}
	return notReached
}

func contains(list []string, s string) bool {
	return s != "" && slices.Contains(list, s) // a caller that lacks the attribute is nobody's
}
