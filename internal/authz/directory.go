package authz

import (
	"context"
	"time"

	"github.com/garrison-cloud/garrison/engine/iam"
)

// A Directory knows which policies hold for a principal. The IAM service is one.
type Directory interface {
	// Permissions gathers the policies attached to p. A principal that no longer
	// exists has none.
	Permissions(ctx context.Context, p *Principal) (Permissions, error)
}

// Permissions are the policies that hold for a principal wherever it acts.
// Session policies are not among them: they travel with the credentials.
type Permissions struct {
	// Identity are inline and managed policies, groups' included.
	Identity []*iam.Policy
	// Boundary limits Identity; nil means no boundary.
	Boundary *iam.Policy
	// SCPs and RCPs hold one slice a level, from the organization's root to the
	// account. None means that the account is in no organization.
	SCPs, RCPs [][]*iam.Policy
}

// A Role is what the token service needs to know of an IAM role.
type Role struct {
	ARN, ID, Name, Account string
	// TrustPolicy says who may assume the role.
	TrustPolicy string
	// MaxSession is the longest session that the role allows.
	MaxSession time.Duration
	Tags       map[string]string
}
