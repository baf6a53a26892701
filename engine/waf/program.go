package waf

import (
	"slices"
	"strings"
	"sync"

	"github.com/garrison-cloud/garrison/engine/waf/token"
)

// Program is a compiled web ACL. It never changes, and is safe for concurrent
// use.
type Program struct {
	rules    []rule
	fields   []field
	slots    []slot
	deps     Deps
	fallback action
	places   *places
	pool     sync.Pool

	bodyLimit                          int
	captchaImmunity, challengeImmunity int64
	tokenDomains                       []string
}

// BodyLimit is how many bytes of a body are inspected; the edge reads as many
// before it asks.
func (p *Program) BodyLimit() int { return p.bodyLimit }

type rule struct {
	match              Match
	name               string
	node               node
	group              *group
	action             action
	labels             []string
	captcha, challenge int64
	// excluded is AWS's older way to count a group's rule.
	excluded bool
}

type group struct {
	id, name string
	scope    node
	rules    []rule
	// count makes the group's terminating outcome a count.
	count bool
}

type action struct {
	kind              ActionKind
	insert            []Header
	status            int
	headers           []Header
	body, contentType string
}

// Evaluate judges a request. It allocates nothing where no rule matches and no
// label is added.
func (p *Program) Evaluate(r *Request) Verdict {
	c := p.pool.Get().(*run) // the pool makes nothing else
	c.begin(r)
	c.judge()
	c.report()
	v := c.v
	c.end()
	p.pool.Put(c)
	return v
}

// report adds to the verdict what was gathered on the way. None of it lies in
// memory that is used again.
func (c *run) report() {
	c.v.Labels = append(c.v.Labels, c.labels[:min(len(c.labels), maxLabels)]...)
	c.v.OversizeFields = append(c.v.OversizeFields, c.oversize...)
	c.v.Insert = append(c.v.Insert, c.inserts...)
}

// judge runs the rules until one decides.
func (c *run) judge() {
	for i := range c.p.rules {
		rule := &c.p.rules[i]
		if rule.group != nil {
			if c.enter(rule) {
				return
			}
		} else if c.regular(rule) {
			return
		}
		if c.left < 0 {
			c.exhausted()
			return
		}
	}
	c.byDefault()
}

// exhausted refuses a request that cost more than the budget: what was not
// looked at may not pass. The edge may decide otherwise, where its owner has
// said that it fails open.
func (c *run) exhausted() {
	c.v.OverBudget = true
	c.v.Action, c.v.Status = Block, 403
	c.v.Terminating = Match{RuleID: "Over_Budget", RuleType: "REGULAR", Action: Block}
}

func (c *run) byDefault() {
	a := &c.p.fallback
	c.v.Terminating = Match{RuleID: "Default_Action", RuleType: "REGULAR", Action: a.kind}
	c.conclude(a)
}

// regular evaluates a rule that is no group, and says whether it decided.
func (c *run) regular(r *rule) bool {
	c.details = c.details[:0]
	if !r.node.eval(c) || c.left < 0 {
		return false
	}
	m, ends := c.matched(r)
	if ends {
		c.v.Terminating = m
		c.conclude(&r.action)
		return true
	}
	c.v.NonTerminating = append(c.v.NonTerminating, m)
	return false
}

// matched applies the rule's labels and, unless it ends evaluation, its headers.
func (c *run) matched(r *rule) (m Match, ends bool) {
	for _, l := range r.labels {
		c.label(l)
	}
	m = r.match
	m.Details = c.explain()
	switch r.action.kind {
	case Captcha:
		ends = c.puzzle(&m, token.Captcha, r.captcha)
	case Challenge:
		ends = c.puzzle(&m, token.Challenge, r.challenge)
	case Count:
	default:
		ends = true
	}
	if !ends {
		m.Insert = r.action.insert
		c.insert(r.action.insert)
	}
	return m, ends
}

// puzzle asks for the token; where it is good the rule only counts.
func (c *run) puzzle(m *Match, kind token.Kind, immunity int64) (ends bool) {
	result := c.verify(kind, immunity)
	if !result.Solved.IsZero() {
		c.v.SolveTime = result.Solved.Unix()
	}
	if result.Reason == token.OK {
		return false
	}
	reason := result.Reason
	if reason == token.NotSolved {
		reason = token.Missing
	}
	m.FailureReason, c.v.FailureReason = string(reason), string(reason)
	return true
}

// insert sets headers of the forwarded request; the last rule to name one wins.
func (c *run) insert(hs []Header) {
	for _, h := range hs {
		i := slices.IndexFunc(c.inserts, func(have Header) bool { return sameName(have.Name, h.Name) })
		if i < 0 {
			c.inserts = append(c.inserts, h)
		} else {
			c.inserts[i] = h
		}
	}
}

// conclude writes the deciding action into the verdict.
func (c *run) conclude(a *action) {
	c.v.Action = a.kind
	switch a.kind {
	case Captcha:
		c.v.Status = 405
	case Challenge:
		c.v.Status = 202
	case Block:
		c.v.Status, c.v.Body, c.v.ContentType = a.status, a.body, a.contentType
		c.v.ResponseHeaders = append(c.v.ResponseHeaders, a.headers...)
	default:
		c.insert(a.insert)
	}
}

// enter runs a group's rules, and says whether the group decided.
func (c *run) enter(r *rule) bool {
	g := r.group
	if g.scope != nil && !g.scope.eval(c) {
		return false
	}
	var told *GroupMatch
	for i := range g.rules {
		inner := &g.rules[i]
		c.details = c.details[:0]
		if !inner.node.eval(c) {
			continue
		}
		if c.left < 0 {
			return false
		}
		told = c.tell(told, g)
		m, ends := c.matched(inner)
		if !ends {
			c.counted(told, inner, m)
			continue
		}
		told.Terminating = &m
		c.groupLabels(r)
		return c.groupEnds(r, inner, m)
	}
	if told != nil {
		c.groupLabels(r)
	}
	return false
}

// tell begins the group's entry in the log with its first match.
func (c *run) tell(told *GroupMatch, g *group) *GroupMatch {
	if told != nil {
		return told
	}
	c.v.Groups = append(c.v.Groups, GroupMatch{RuleGroupID: g.id, RuleName: g.name})
	return &c.v.Groups[len(c.v.Groups)-1]
}

func (c *run) counted(told *GroupMatch, r *rule, m Match) {
	if r.excluded {
		told.Excluded = append(told.Excluded, r.name)
		return
	}
	told.NonTerminating = append(told.NonTerminating, m)
}

// groupLabels adds the labels of the rule that refers to the group.
func (c *run) groupLabels(r *rule) {
	for _, l := range r.labels {
		c.label(l)
	}
}

// groupEnds applies the ACL's override of the whole group.
func (c *run) groupEnds(r, inner *rule, m Match) bool {
	out := r.match
	out.Details, out.FailureReason = m.Details, m.FailureReason
	if r.group.count {
		out.Action, out.OverriddenAction = Count, inner.action.kind
		out.FailureReason, c.v.FailureReason = "", ""
		c.v.NonTerminating = append(c.v.NonTerminating, out)
		return false
	}
	out.Action = inner.action.kind
	c.v.Terminating = out
	c.conclude(&inner.action)
	return true
}

// maxMatched is how many pieces of the matched value a log carries.
const maxMatched = 10

// explain copies the details out of the arena.
func (c *run) explain() []MatchDetail {
	if len(c.details) == 0 {
		return nil
	}
	out := make([]MatchDetail, 0, len(c.details))
	for _, d := range c.details {
		out = append(out, MatchDetail{ConditionType: d.kind, Sensitivity: d.sensitivity, Location: d.location, MatchedData: pieces(d.text)})
	}
	return out
}

// pieces cuts a value into words and runs of marks.
func pieces(s string) []string {
	s = strings.Clone(s[:min(len(s), 512)])
	var out []string
	for s != "" && len(out) < maxMatched {
		word := wordByte(s[0])
		n := 1
		for n < len(s) && wordByte(s[n]) == word && s[n] != ' ' && s[0] != ' ' {
			n++
		}
		if s[0] != ' ' {
			out = append(out, s[:n])
		}
		s = s[n:]
	}
	return out
}
