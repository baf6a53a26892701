package waf

// Verdict is the outcome of one evaluation, with what logs, samples and metrics
// need. It shares no memory with the request's pooled state, and may be kept.
type Verdict struct {
	// Action is Allow, Block, Captcha or Challenge.
	Action ActionKind
	// Terminating is the rule that decided; its RuleID is Default_Action where
	// none did.
	Terminating Match
	// Status is the response's code where Action is not Allow: 403 or the
	// custom code for Block, 405 for Captcha, 202 for Challenge.
	Status int
	// Body, ContentType (a media type) and ResponseHeaders are Block's custom
	// response.
	Body, ContentType string
	ResponseHeaders   []Header
	// Insert are headers for the forwarded request, names already prefixed with
	// x-amzn-waf-. The edge drops the client's own headers of these names.
	Insert []Header
	// Labels are fully qualified, in the order they were added.
	Labels []string
	// NonTerminating are matches that did not end evaluation.
	NonTerminating []Match
	// Groups tells of each rule group that was entered.
	Groups []GroupMatch
	// Rates tells of each rate-based rule that had a key for the request.
	Rates []RateMatch
	// OversizeFields names components longer than could be inspected:
	// REQUEST_BODY, REQUEST_JSON_BODY, REQUEST_HEADERS, REQUEST_COOKIES,
	// REQUEST_HEADER_ORDER.
	OversizeFields []string
	// FailureReason is why a token did not spare the client the Captcha or
	// Challenge: TOKEN_MISSING, TOKEN_EXPIRED, TOKEN_INVALID or
	// TOKEN_DOMAIN_MISMATCH.
	FailureReason string
	// SolveTime is when the presented token's puzzle was solved, Unix seconds,
	// 0 where none was valid.
	SolveTime int64
	// OverBudget says that the request cost more than the engine gives one, and is
	// refused for it: what was not looked at may not pass.
	OverBudget bool
}

// Match is one rule's match.
type Match struct {
	// RuleID is the rule's name, for a rule in a group prefixed by the group's
	// as GetSampledRequests does: GROUP#RULE, VENDOR#GROUP#RULE.
	RuleID string
	// RuleType is REGULAR, RATE_BASED, GROUP or MANAGED_RULE_GROUP.
	RuleType string
	// MetricName is the rule's metric.
	MetricName string
	Action     ActionKind
	// OverriddenAction is the group rule's own action where the ACL replaced
	// it, else empty.
	OverriddenAction ActionKind
	// Sampled says that the rule wants samples.
	Sampled bool
	// Details are of SQL injection and cross-site scripting matches.
	Details []MatchDetail
	// FailureReason is that of a Captcha or Challenge.
	FailureReason string
	// Insert are the headers this match adds, prefixed.
	Insert []Header
}

// MatchDetail is a ruleMatchDetails entry: ConditionType SQL_INJECTION, XSS;
// Location such as ALL_QUERY_ARGS; MatchedData the tokens that were found.
type MatchDetail struct {
	ConditionType, Sensitivity, Location string
	MatchedData                          []string
}

// GroupMatch is a ruleGroupList entry.
type GroupMatch struct {
	// RuleGroupID is the group's ARN, or VENDOR#NAME for a managed one.
	RuleGroupID string
	// RuleName is the ACL's rule that referred to the group.
	RuleName string
	// Terminating is the group's rule that ended it, or nil.
	Terminating *Match
	// NonTerminating are the group's counted matches.
	NonTerminating []Match
	// Excluded are names of rules that were excluded and would have matched.
	Excluded []string
}

// RateMatch is a rateBasedRuleList entry.
type RateMatch struct {
	RuleID, RuleName string
	LimitKey         string
	LimitValue       string
	Window           int64
	MaxRate          int64
	// Limited says that the key is above its limit.
	Limited bool
}
