package authz

// A Target is what an operation asks for: an action on one resource. An
// operation that asks for more than one thing chains them by And; all must be
// allowed.
type Target struct {
	// Action is the IAM action, such as "kms:ReEncryptFrom". Empty means the
	// operation's own: the service's prefix and the operation's name.
	Action string
	// Resource is the ARN, or "*" for actions that IAM knows no resource for.
	Resource string
	// Type is CloudTrail's name for the kind of resource, such as "AWS::KMS::Key".
	// Empty keeps the resource out of the event's resources.
	Type string
	// Account owns the resource. Empty means the caller's own.
	Account string
	// Policy is the resource's own policy document, empty if it has none.
	Policy string
	// ACL is the resource's access control list put as a policy, which counts beside
	// Policy and denies nothing; empty if it has none.
	ACL string
	// PolicyDecides tells that identity policies count only where Policy lets the
	// account in: KMS keys and role trust.
	PolicyDecides bool
	// TrustPolicy tells that Policy is a role's trust policy, which names no resource.
	TrustPolicy bool
	// Granted tells that a KMS grant lets the caller in.
	Granted bool
	// Open tells that the call needs no permission at all, such as
	// sts:GetCallerIdentity; it is allowed to any authenticated caller.
	Open bool
	// Tags are the resource's tags (aws:ResourceTag/…).
	Tags map[string]string
	// Conditions are the service's own condition keys, and aws:RequestTag/… and
	// aws:TagKeys. Keys are lower-case.
	Conditions map[string][]string
	// Lookup gives further condition keys their values, for services on whose hot
	// path a map would be waste. Keys are lower-case.
	Lookup func(key string) ([]string, bool)
	// Missing is the error to answer when the resource does not exist. It is
	// answered only to a caller whose identity policies allow the action, so that
	// nobody learns what exists by asking.
	Missing error
	// Hide, if set, stands in a denial in place of the resource's name and the
	// reason: AWS tells neither where the resource may not even exist.
	Hide string
	// Display, if set, stands in a denial in place of Resource; the reason stays:
	// IAM says "user ann" where policies see an ARN.
	Display string
	// And are further questions, all of which must be allowed too.
	And []Target
}

// On asks for the operation's own action on one resource.
func On(resource string) Target { return Target{Resource: resource} }

// Any asks for the operation's own action where IAM knows no resource for it.
func Any() Target { return Target{Resource: "*"} }

// Open lets any authenticated caller in.
func Open() Target { return Target{Resource: "*", Open: true} }
