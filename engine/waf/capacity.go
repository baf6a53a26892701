package waf

import (
	"fmt"

	"github.com/garrison-cloud/garrison/engine/waf/transform"
)

// Prices in web ACL capacity units (WCU), from the AWS WAF developer guide's
// pages of the statements.
const (
	costByteEdge       = 2
	costByteContains   = 10
	costRegex          = 3
	costRegexSet       = 25
	costSize           = 1
	costSqliLow        = 20
	costSqliHigh       = 30
	costXSS            = 40
	costAddress        = 1
	costAnyForwarded   = 4
	costLabel          = 1
	costRate           = 2
	costRateKey        = 30
	costTransformation = 10
	costAllArguments   = 10
)

// Capacity is what the rules cost in WCU: the sum of the statements' prices,
// and 10 for each distinct transformation of a distinct component, however many
// statements share it. A rule group costs the capacity it was made with. AWS
// publishes the prices and that shared work is not charged again, but not its
// optimizer: this is the documented guideline. The rules are validated first;
// the error is an Error.
func Capacity(rules []Rule) (int, error) {
	return capacity(rules, false)
}

// GroupCapacity is Capacity for the rules of a rule group, where no group may
// stand.
func GroupCapacity(rules []Rule) (int, error) {
	return capacity(rules, true)
}

func capacity(rules []Rule, inGroup bool) (int, error) {
	// Custom response bodies cost nothing, and CheckCapacity is not told them.
	if err := Validate(withoutBodies(rules), nil, inGroup); err != nil {
		return 0, err
	}
	p := pricing{shared: map[string]bool{}}
	for i := range rules {
		p.statement(&rules[i].Statement)
	}
	return p.total + costTransformation*len(p.shared), nil
}

func withoutBodies(rules []Rule) []Rule {
	out := make([]Rule, len(rules))
	for i, r := range rules {
		if r.Action != nil && r.Action.Response != nil {
			action, response := *r.Action, *r.Action.Response
			response.BodyKey = ""
			action.Response = &response
			r.Action = &action
		}
		out[i] = r
	}
	return out
}

type pricing struct {
	total  int
	shared map[string]bool
}

func (p *pricing) statement(s *Statement) {
	switch {
	case s.RuleGroup != nil:
		p.total += s.RuleGroup.Group.Capacity
	case s.ManagedGroup != nil:
		p.total += s.ManagedGroup.Group.Capacity
		p.scopeDown(s.ManagedGroup.ScopeDown)
	case s.RateBased != nil:
		p.total += costRate + costRateKey*len(s.RateBased.Keys)
		p.scopeDown(s.RateBased.ScopeDown)
	case s.Not != nil:
		p.statement(s.Not)
	case s.GeoMatch != nil, s.AsnMatch != nil:
		p.total += costAddress
	case s.LabelMatch != nil:
		p.total += costLabel
	case s.IPSet != nil:
		p.total += costAddress
		if f := s.IPSet.Forwarded; f != nil && f.Position == "ANY" {
			p.total += costAnyForwarded
		}
	default:
		p.inspecting(s)
	}
	for i := range s.And {
		p.statement(&s.And[i])
	}
	for i := range s.Or {
		p.statement(&s.Or[i])
	}
}

func (p *pricing) scopeDown(s *Statement) {
	if s != nil {
		p.statement(s)
	}
}

func (p *pricing) inspecting(s *Statement) {
	switch {
	case s.ByteMatch != nil:
		base := costByteEdge
		if m := s.ByteMatch.Position; m == Contains || m == ContainsWord {
			base = costByteContains
		}
		p.field(base, &s.ByteMatch.Inspect)
	case s.SqliMatch != nil:
		base := costSqliLow
		if s.SqliMatch.Sensitivity == "HIGH" {
			base = costSqliHigh
		}
		p.field(base, &s.SqliMatch.Inspect)
	case s.XssMatch != nil:
		p.field(costXSS, &s.XssMatch.Inspect)
	case s.SizeConstraint != nil:
		p.field(costSize, &s.SizeConstraint.Inspect)
	case s.RegexMatch != nil:
		p.field(costRegex, &s.RegexMatch.Inspect)
	case s.RegexPatternSet != nil:
		p.field(costRegexSet, &s.RegexPatternSet.Inspect)
	}
}

func (p *pricing) field(base int, i *Inspect) {
	switch i.Field.Kind {
	case JSONBody:
		base *= 2
	case AllQueryArguments:
		base += costAllArguments
	default:
	}
	p.total += base
	for _, t := range i.Transformations {
		if t.Kind != transform.None.String() {
			p.shared[fieldKey(&i.Field)+t.Kind] = true
		}
	}
}

// fieldKey tells components apart; names of headers and arguments are one
// whatever their case.
func fieldKey(f *FieldToMatch) string {
	one := *f
	one.Name = lowerName(f.Name)
	return fmt.Sprintf("%q", []string{
		string(one.Kind), one.Name, fmt.Sprintf("%q %q", one.Included, one.Excluded), string(one.Scope),
		string(one.Oversize), one.InvalidFallback, string(one.Fallback),
	})
}
