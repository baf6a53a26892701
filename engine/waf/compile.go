package waf

import (
	"cmp"
	"slices"
	"strings"

	"github.com/garrison-cloud/garrison/engine/waf/literal"
	"github.com/garrison-cloud/garrison/engine/waf/rate"
	"github.com/garrison-cloud/garrison/engine/waf/transform"
)

// Compile validates an ACL and makes a program of it. The error is an Error;
// the ACL is not kept.
func Compile(acl *ACL, deps Deps) (*Program, error) {
	if acl.Default.Kind != Allow && acl.Default.Kind != Block {
		return nil, invalid("DEFAULT_ACTION", string(acl.Default.Kind), reasonInvalid)
	}
	if err := CheckAction(acl.Default, acl.Bodies); err != nil {
		return nil, err
	}
	if deps.Rates == nil {
		deps.Rates = rate.NewStore()
	}
	c := newCompiler(acl, deps)
	for _, s := range []section{{"pre:", acl.PreProcess}, {"", acl.Rules}, {"post:", acl.PostProcess}} {
		if err := c.section(s); err != nil {
			return nil, err
		}
	}
	return c.finish(), nil
}

// compiler builds one program.
type compiler struct {
	acl    *ACL
	deps   Deps
	p      *Program
	fields map[string]int
	slots  map[slotKey]int
	words  []literal.Builder
	// counted are the paths of the rate-based rules.
	counted []string
}

type slotKey struct {
	field, parent int
	kind          transform.Kind
}

// room is where a rule stands: its labels' prefix, the path that its counter is
// kept under, and the bodies that its responses name.
type room struct {
	prefix, path, id string
	bodies           map[string]ResponseBody
}

func newCompiler(acl *ACL, deps Deps) *compiler {
	p := &Program{
		deps: deps, places: &places{known: map[place]string{}}, bodyLimit: bodyLimit(acl),
		captchaImmunity:   cmp.Or(acl.CaptchaImmunity, defaultImmunity),
		challengeImmunity: cmp.Or(acl.ChallengeImmunity, defaultImmunity),
		tokenDomains:      slices.Clone(acl.TokenDomains),
	}
	c := &compiler{acl: acl, deps: deps, p: p, fields: map[string]int{}, slots: map[slotKey]int{}}
	p.fallback = c.action(&acl.Default, acl.Bodies)
	return c
}

const (
	bodyLimitFixed   = 8 << 10
	bodyLimitDefault = 16 << 10
	bodyLimitMax     = 64 << 10
)

func bodyLimit(acl *ACL) int {
	switch acl.ResourceType {
	case "", "APPLICATION_LOAD_BALANCER", "APPSYNC":
		return bodyLimitFixed
	}
	if n := acl.BodyLimits[acl.ResourceType]; n > 0 {
		return min(n, bodyLimitMax)
	}
	return bodyLimitDefault
}

// section is one of the ACL's three lists of rules. The path keeps the counters
// of Firewall Manager's rules apart from rules of the same name.
type section struct {
	path  string
	rules []Rule
}

func (c *compiler) section(s section) error {
	if err := Validate(s.rules, c.acl.Bodies, false); err != nil {
		return err
	}
	at := room{path: s.path, prefix: "awswaf:" + c.acl.AccountID + ":webacl:" + c.acl.Name + ":", bodies: c.acl.Bodies}
	for _, r := range byPriority(s.rules) {
		compiled, err := c.rule(&r, at)
		if err != nil {
			return err
		}
		c.p.rules = append(c.p.rules, compiled)
	}
	return nil
}

func byPriority(rules []Rule) []Rule {
	return slices.SortedStableFunc(slices.Values(rules), func(a, b Rule) int { return cmp.Compare(a.Priority, b.Priority) })
}

// finish builds the scans, and forgets the counters of rules that are gone.
func (c *compiler) finish() *Program {
	for i := range c.p.slots {
		if c.words[i].Len() > 0 {
			c.p.slots[i].words = c.words[i].Build()
		}
	}
	c.deps.Rates.Keep(c.acl.ARN, c.counted...)
	c.p.pool.New = func() any { return newRun(c.p) }
	return c.p
}

// rule compiles a rule of the ACL or of a group.
func (c *compiler) rule(r *Rule, at room) (rule, error) {
	out := rule{
		match: Match{RuleID: at.id + r.Name, RuleType: "REGULAR", MetricName: r.MetricName, Sampled: r.Sampled},
		name:  r.Name, captcha: cmp.Or(r.CaptchaImmunity, c.p.captchaImmunity),
		challenge: cmp.Or(r.ChallengeImmunity, c.p.challengeImmunity),
	}
	for _, l := range r.Labels {
		out.labels = append(out.labels, at.prefix+l)
	}
	at.path += r.Name
	if r.Statement.RuleGroup != nil || r.Statement.ManagedGroup != nil {
		return out, c.groupRule(&out, r, at)
	}
	out.action = c.action(r.Action, at.bodies)
	if r.Statement.RateBased != nil {
		out.match.RuleType = "RATE_BASED"
	}
	out.match.Action = r.Action.Kind
	var err error
	out.node, err = c.statement(&r.Statement, at)
	return out, err
}

// action copies an action, with the header names that the origin will see.
func (c *compiler) action(a *Action, bodies map[string]ResponseBody) action {
	out := action{kind: a.Kind, status: 403}
	for _, h := range a.Insert {
		out.insert = append(out.insert, Header{"x-amzn-waf-" + h.Name, h.Value})
	}
	if a.Response != nil {
		out.status = a.Response.Code
		out.headers = slices.Clone(a.Response.Headers)
		body := bodies[a.Response.BodyKey]
		out.body, out.contentType = body.Content, mediaType(body.ContentType)
	}
	return out
}

func mediaType(name string) string {
	switch name {
	case "TEXT_HTML":
		return "text/html"
	case "APPLICATION_JSON":
		return "application/json"
	case "TEXT_PLAIN":
		return "text/plain"
	}
	return ""
}

// groupRule compiles the rules of a group in place, its overrides applied.
func (c *compiler) groupRule(out *rule, r *Rule, at room) error {
	g := &group{name: r.Name, count: r.Override == OverrideCount}
	spec := r.Statement.ManagedGroup
	var source *RuleGroup
	var excluded []string
	var overrides []ActionOverride
	if spec != nil {
		source, excluded, overrides = spec.Group, spec.Excluded, spec.Overrides
		g.id, at.id, out.match.RuleType = spec.Vendor+"#"+spec.Name, spec.Vendor+"#"+spec.Name+"#", "MANAGED_RULE_GROUP"
	} else {
		source, excluded, overrides = r.Statement.RuleGroup.Group, r.Statement.RuleGroup.Excluded, r.Statement.RuleGroup.Overrides
		g.id, at.id, out.match.RuleType = r.Statement.RuleGroup.ARN, source.Name+"#", "GROUP"
	}
	if spec != nil && spec.ScopeDown != nil {
		var err error
		if g.scope, err = c.statement(spec.ScopeDown, at); err != nil {
			return err
		}
	}
	if err := Validate(source.Rules, source.Bodies, true); err != nil {
		return err
	}
	at.prefix, at.bodies, at.path = source.labelPrefix(), source.Bodies, at.path+"/"
	out.group = g
	return c.groupRules(g, source, at, overriding{excluded, overrides, c.acl.Bodies})
}

// overriding is what the ACL changes of a group. The custom responses of its
// actions name the ACL's bodies.
type overriding struct {
	excluded []string
	actions  []ActionOverride
	bodies   map[string]ResponseBody
}

func (c *compiler) groupRules(g *group, source *RuleGroup, at room, over overriding) error {
	for _, r := range byPriority(source.Rules) {
		compiled, err := c.rule(&r, at)
		if err != nil {
			return err
		}
		own := compiled.action.kind
		if slices.Contains(over.excluded, r.Name) {
			compiled.excluded = true
			compiled.action = action{kind: Count}
		}
		for i := range over.actions {
			if over.actions[i].Name == r.Name {
				compiled.excluded = false
				compiled.action = c.action(&over.actions[i].Action, over.bodies)
			}
		}
		compiled.match.Action = compiled.action.kind
		if compiled.action.kind != own {
			compiled.match.OverriddenAction = own
		}
		g.rules = append(g.rules, compiled)
	}
	return nil
}

// labelPrefix is the namespace of the group's labels.
func (g *RuleGroup) labelPrefix() string {
	if g.Vendor != "" {
		return "awswaf:managed:" + strings.ToLower(g.Vendor) + ":" + cmp.Or(g.LabelName, g.Name) + ":"
	}
	return "awswaf:" + g.AccountID + ":rulegroup:" + g.Name + ":"
}
