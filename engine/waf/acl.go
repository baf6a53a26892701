package waf

// ACL is a web ACL, or whatever list of rules stands alone: the rules with all
// that they refer to already resolved, except the sets that Deps names.
type ACL struct {
	// ARN identifies the ACL; rate counters are kept under it.
	ARN string
	// AccountID and Name make the ACL's label namespace,
	// awswaf:ACCOUNT:webacl:NAME:
	AccountID, Name string
	// Default is Allow or Block.
	Default Action
	// Rules are evaluated from the lowest priority to the highest.
	Rules []Rule
	// PreProcess and PostProcess are Firewall Manager's rule groups, evaluated
	// before and after Rules. Each rule must hold a group statement.
	PreProcess, PostProcess []Rule
	// Bodies are the custom response bodies by key.
	Bodies map[string]ResponseBody
	// CaptchaImmunity and ChallengeImmunity, in seconds, serve rules without
	// their own; 0 means AWS's 300.
	CaptchaImmunity, ChallengeImmunity int64
	// TokenDomains are accepted in tokens beside the request's host.
	TokenDomains []string
	// BodyLimits are AssociationConfig.RequestBody: the inspected length in
	// bytes by associated resource type, such as CLOUDFRONT.
	BodyLimits map[string]int
	// ResourceType is what this program will guard: APPLICATION_LOAD_BALANCER
	// and APPSYNC are fixed at 8 KB, others take BodyLimits or 16 KB.
	ResourceType string
}

// ResponseBody is one of AWS's CustomResponseBodies. ContentType is TEXT_PLAIN,
// TEXT_HTML or APPLICATION_JSON.
type ResponseBody struct{ ContentType, Content string }

// Rule is one rule of an ACL or a rule group. A rule whose statement is a group
// has Override, any other has Action.
type Rule struct {
	Name       string
	Priority   int32
	Statement  Statement
	Action     *Action
	Override   OverrideAction
	Labels     []string
	MetricName string
	// Sampled says that matches may be kept as samples.
	Sampled bool
	// CaptchaImmunity and ChallengeImmunity, in seconds; 0 takes the ACL's.
	CaptchaImmunity, ChallengeImmunity int64
}

// ActionKind is one of AWS's five actions; it is the name logs carry.
type ActionKind string

// The actions, spelled as in AWS WAF's logs.
const (
	Allow     ActionKind = "ALLOW"
	Block     ActionKind = "BLOCK"
	Count     ActionKind = "COUNT"
	Captcha   ActionKind = "CAPTCHA"
	Challenge ActionKind = "CHALLENGE"
)

// Action is what a rule does with a request that matches.
type Action struct {
	Kind ActionKind
	// Insert are headers for the request on its way to the origin; the engine
	// puts x-amzn-waf- before their names. Not for Block.
	Insert []Header
	// Response is Block's custom response, nil for a bare 403.
	Response *Response
}

// Response is a custom response to a blocked request: a code of 200 to 599, a
// key of ACL.Bodies or of the group's, and headers.
type Response struct {
	Code    int
	BodyKey string
	Headers []Header
}

// OverrideAction is what an ACL makes of a whole group's outcome.
type OverrideAction string

// OverrideNone leaves a group's actions as they are, OverrideCount turns a
// group's terminating outcome into a count.
const (
	OverrideNone  OverrideAction = "NONE"
	OverrideCount OverrideAction = "COUNT"
)

// RuleGroup is a group's rules with what they need. A managed group has
// Vendor set, and its labels live in awswaf:managed:VENDOR:NAME: (LabelName
// where that differs from Name); other groups' in
// awswaf:ACCOUNT:rulegroup:NAME:.
type RuleGroup struct {
	ARN             string
	AccountID, Name string
	Vendor          string
	Version         string
	// LabelName is the group's part of a managed label namespace, such as
	// core-rule-set for AWSManagedRulesCommonRuleSet.
	LabelName string
	// Capacity is the immutable price in WCU that the group was made with.
	Capacity int
	Rules    []Rule
	Bodies   map[string]ResponseBody
}

// ActionOverride replaces the action of the group's rule of that name.
type ActionOverride struct {
	Name   string
	Action Action
}
