package iam

// A Request is what a caller asks for.
type Request struct {
	// Action is "kms:Decrypt"; its case does not matter.
	Action string
	// Resource is the ARN, or "*" where the action has none.
	Resource  string
	Principal Principal
	// ResourceAccount owns the resource; empty is the principal's own account.
	ResourceAccount string
	// Context has the values of condition keys; nil has none.
	Context Context
}

// Policies are all that count for one request.
type Policies struct {
	// Identity may be empty for an AccountRoot, who may do everything that no
	// other type of policy forbids.
	Identity []*Policy
	// Boundary and Session limit Identity where HasBoundary and HasSession say
	// that there are such policies: an empty list then allows nothing.
	Boundary    []*Policy
	HasBoundary bool
	Session     []*Policy
	HasSession  bool
	// Resource is the resource's own policy; nil is none.
	Resource *Policy
	// ACL is a second policy of the resource's own, into which its access control list
	// was put; nil is none. It allows, and denies nothing.
	ACL *Policy
	// ResourceDecides tells that identity policies count only where the resource's
	// policy lets the account in, as a KMS key's and a role's do (KMS Developer
	// Guide, "Allows access to the AWS account and enables IAM policies").
	ResourceDecides bool
	// Granted tells that a KMS grant names the caller.
	Granted bool
	// SCPs and RCPs have one slice a level of the organization; each level must
	// allow. None is no organization.
	SCPs, RCPs [][]*Policy
}

// each visits every policy that counts, in the order in which AWS names them,
// until visit returns false.
func (p *Policies) each(visit func(*Policy, Source) bool) bool {
	for _, level := range p.RCPs {
		if !visitAll(level, RCP, visit) {
			return false
		}
	}
	for _, level := range p.SCPs {
		if !visitAll(level, SCP, visit) {
			return false
		}
	}
	return (p.Resource == nil || visit(p.Resource, Resource)) &&
		visitAll(p.Identity, Identity, visit) &&
		(!p.HasBoundary || visitAll(p.Boundary, Boundary, visit)) &&
		(!p.HasSession || visitAll(p.Session, Session, visit))
}

func visitAll(list []*Policy, s Source, visit func(*Policy, Source) bool) bool {
	for _, p := range list {
		if !visit(p, s) {
			return false
		}
	}
	return true
}
