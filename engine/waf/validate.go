package waf

import (
	"regexp"
	"strconv"
	"strings"
)

const (
	reasonNested   = "You have an illegal nested statement. A nested statement cannot be a rule group or a rate-based statement."
	reasonMissing  = "A required field is missing from the parameter."
	reasonOptions  = "Your request contains more or fewer than one of the alternatives of the parameter."
	reasonInvalid  = "The parameter contains formatting that is not valid."
	reasonRange    = "The parameter value is outside of its range."
	reasonTwice    = "You have used the same value more than once where values must be unique."
	reasonNoAction = "A rule needs an action, or an override action where its statement is a rule group, and not both."
	reasonReserved = "The label begins with a reserved name: awswaf, aws, waf, rulegroup, webacl, regexpatternset, ipset or managed."
)

// checker validates rules in one context.
type checker struct {
	bodies map[string]ResponseBody
	// inGroup says that the rules are a group's, which may hold no group.
	inGroup bool
}

// Validate says what AWS would refuse of the rules of a web ACL or, with
// inGroup, of a rule group, as an Error. What depends on Deps is Compile's.
func Validate(rules []Rule, bodies map[string]ResponseBody, inGroup bool) error {
	k := checker{bodies, inGroup}
	names, priorities := map[string]bool{}, map[int32]bool{}
	for i := range rules {
		r := &rules[i]
		if names[r.Name] || priorities[r.Priority] {
			return invalid("RULE", r.Name, reasonTwice)
		}
		names[r.Name], priorities[r.Priority] = true, true
		if err := k.rule(r); err != nil {
			return err
		}
	}
	return nil
}

func (k checker) rule(r *Rule) error {
	if r.Name == "" {
		return invalid("RULE", "Name", reasonMissing)
	}
	group := r.Statement.RuleGroup != nil || r.Statement.ManagedGroup != nil
	if group != (r.Action == nil) || group != (r.Override != "") {
		return invalid("RULE_ACTION", r.Name, reasonNoAction)
	}
	for _, l := range r.Labels {
		if !labelText(l) || reserved(l) && !k.inGroup {
			return invalid("LABEL_MATCH_STATEMENT", l, reasonReserved)
		}
	}
	if err := k.immunity(r); err != nil {
		return err
	}
	if r.Action != nil {
		if err := k.action(r.Action, r.Statement.RateBased != nil); err != nil {
			return err
		}
	}
	return k.statement(&r.Statement, 0)
}

func (k checker) immunity(r *Rule) error {
	for _, seconds := range []int64{r.CaptchaImmunity, r.ChallengeImmunity} {
		if seconds != 0 && (seconds < 60 || seconds > 259200) {
			return invalid("CHALLENGE_CONFIG", strconv.FormatInt(seconds, 10), reasonRange)
		}
	}
	return nil
}

// labelText is AWS's pattern of label names and keys.
func labelText(s string) bool {
	for i := range len(s) {
		if c := s[i]; !wordByte(c) && c != '-' && c != ':' {
			return false
		}
	}
	return s != "" && len(s) <= 1024
}

func reserved(label string) bool {
	first, _, more := strings.Cut(label, ":")
	switch first {
	case "awswaf", "aws", "waf", "rulegroup", "webacl", "regexpatternset", "ipset", "managed":
		return more || first == "awswaf"
	}
	return false
}

func (k checker) action(a *Action, rateBased bool) error {
	switch a.Kind {
	case Allow:
		if rateBased {
			return invalid("RULE_ACTION", string(a.Kind), "A rate-based rule cannot allow.")
		}
	case Block, Count, Captcha, Challenge:
	default:
		return invalid("RULE_ACTION", string(a.Kind), reasonInvalid)
	}
	if a.Kind == Block && len(a.Insert) > 0 || a.Kind != Block && a.Response != nil {
		return invalid("RULE_ACTION", string(a.Kind), reasonOptions)
	}
	if err := customHeaders("CUSTOM_REQUEST_HANDLING", a.Insert); err != nil {
		return err
	}
	return k.response(a.Response)
}

func (k checker) response(r *Response) error {
	if r == nil {
		return nil
	}
	if r.Code < 200 || r.Code > 599 {
		return invalid("CUSTOM_RESPONSE", strconv.Itoa(r.Code), reasonRange)
	}
	if _, ok := k.bodies[r.BodyKey]; r.BodyKey != "" && !ok {
		return invalid("CUSTOM_RESPONSE_BODY", r.BodyKey, "The custom response body key is not defined.")
	}
	for _, h := range r.Headers {
		if strings.EqualFold(h.Name, "content-type") {
			return invalid("CUSTOM_RESPONSE", h.Name, "The content type is that of the custom response body.")
		}
	}
	return customHeaders("CUSTOM_RESPONSE", r.Headers)
}

// maxCustomHeaders is AWS's quota of custom headers for one action.
const maxCustomHeaders = 10

var headerName = regexp.MustCompile(`^[a-zA-Z0-9._$-]{1,64}$`)

func customHeaders(field string, hs []Header) error {
	if len(hs) > maxCustomHeaders {
		return invalid(field, strconv.Itoa(len(hs)), reasonRange)
	}
	seen := map[string]bool{}
	for _, h := range hs {
		name := strings.ToLower(h.Name)
		if !headerName.MatchString(h.Name) || len(h.Value) > 255 || strings.ContainsAny(h.Value, "\r\n\x00") {
			return invalid(field, h.Name, reasonInvalid)
		}
		if seen[name] {
			return invalid(field, h.Name, reasonTwice)
		}
		seen[name] = true
	}
	return nil
}

// CheckAction validates an action, such as an ACL's default, as an Error.
func CheckAction(a Action, bodies map[string]ResponseBody) error {
	return checker{bodies: bodies}.action(&a, false)
}
