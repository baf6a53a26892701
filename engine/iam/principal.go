package iam

import "strings"

// A PrincipalKind is a kind of caller.
type PrincipalKind int

// The kinds of callers.
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
	// RoleARN is the role of a RoleSession.
	RoleARN string
	// Service is a ServicePrincipal's name, such as "kms.amazonaws.com".
	Service string
	// Provider is who vouches for a WebIdentity or SAML caller.
	Provider string
}

// principals is a compiled Principal or NotPrincipal element.
type principals struct {
	everyone  bool
	accounts  []string // account ids, given as such or by the root's ARN
	names     []string // ARNs and unique ids
	services  []string
	federated []string
}

// A reach says how a Principal element came to match, which decides what other
// policies may still limit (IAM User Guide, "Policy evaluation for requests
// within a single account").
type reach int

const (
	notReached reach = iota
	// viaAccount leaves it to the account's own policies.
	viaAccount
	// viaRole grants to the role: boundary and session policies still limit it.
	viaRole
	// direct grants to the very caller.
	direct
)

// reach returns the closest way in which the element names p.
func (e *principals) reach(p *Principal) reach {
	switch {
	case e.everyone:
		return direct
	case p.Kind == Anonymous:
		return notReached
	case p.Kind == ServicePrincipal:
		return directIf(contains(e.services, p.Service))
	case p.Kind == WebIdentity || p.Kind == SAML:
		return directIf(contains(e.federated, p.Provider))
	case contains(e.names, p.ARN), contains(e.names, p.ID):
		return direct
	case p.Kind == RoleSession && (contains(e.names, p.RoleARN) || contains(e.names, roleID(p.ID))):
		return viaRole
	case contains(e.accounts, p.Account):
		if p.Kind == AccountRoot {
			return direct
		}
		return viaAccount
	default:
		return notReached
	}
}

// covers reports whether the element includes p: how a Deny and NotPrincipal
// read it. A session is included by its role and by its account.
func (e *principals) covers(p *Principal) bool { return e.reach(p) != notReached }

func directIf(match bool) reach {
	if match {
		return direct
	}
	return notReached
}

func contains(list []string, s string) bool {
	if s == "" {
		return false
	}
	for _, v := range list {
		if v == s {
			return true
		}
	}
	return false
}

// roleID is the role's part of a session's id: "AROAEXAMPLE:session".
func roleID(id string) string {
	role, _, _ := strings.Cut(id, ":")
	return role
}
