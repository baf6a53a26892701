package waf

import (
	"strconv"
	"strings"
)

// Limits of AWS's rate-based statement.
const (
	minRate     = 10
	maxRate     = 2_000_000_000
	maxRateKeys = 5
)

func (k checker) rateBased(r *RateBased) error {
	if r.Limit < minRate || r.Limit > maxRate {
		return invalid("RATE_BASED_STATEMENT", strconv.FormatInt(r.Limit, 10), reasonRange)
	}
	switch r.Window {
	case 0, 60, 120, 300, 600:
	default:
		return invalid("RATE_BASED_STATEMENT", strconv.FormatInt(r.Window, 10), "The evaluation window is 60, 120, 300 or 600 seconds.")
	}
	if err := r.aggregation(); err != nil {
		return err
	}
	if err := forwardedIP("FORWARDED_IP_CONFIG", r.Forwarded); err != nil {
		return err
	}
	if r.ScopeDown == nil {
		return nil
	}
	return k.statement(r.ScopeDown, 1)
}

func (r *RateBased) aggregation() error {
	if (r.Aggregate == AggregateCustom) != (len(r.Keys) > 0) || len(r.Keys) > maxRateKeys {
		return invalid("CUSTOM_KEYS", strconv.Itoa(len(r.Keys)), reasonRange)
	}
	switch r.Aggregate {
	case AggregateIP:
	case AggregateConstant:
		if r.ScopeDown == nil {
			return invalid("SCOPE_DOWN", "ScopeDownStatement", reasonMissing)
		}
	case AggregateForwardedIP:
		if r.Forwarded == nil {
			return invalid("FORWARDED_IP_CONFIG", "ForwardedIPConfig", reasonMissing)
		}
	case AggregateCustom:
		return r.customKeys()
	default:
		return invalid("RATE_BASED_STATEMENT", string(r.Aggregate), reasonInvalid)
	}
	return nil
}

func (r *RateBased) customKeys() error {
	for i := range r.Keys {
		key := &r.Keys[i]
		lone := len(r.Keys) == 1 && (key.Kind == KeyIP || key.Kind == KeyForwardedIP)
		if lone {
			return invalid("CUSTOM_KEYS", string(key.Kind), "An IP address cannot be the only custom key.")
		}
		if key.Kind == KeyForwardedIP && r.Forwarded == nil {
			return invalid("FORWARDED_IP_CONFIG", "ForwardedIPConfig", reasonMissing)
		}
		if err := key.check(); err != nil {
			return err
		}
	}
	return nil
}

func (k *RateKey) check() error {
	switch k.Kind {
	case KeyHeader, KeyCookie, KeyQueryArgument:
		if err := named("CUSTOM_KEYS", k.Name); err != nil {
			return err
		}
		return transformations(k.Transformations)
	case KeyQueryString, KeyURIPath:
		return transformations(k.Transformations)
	case KeyLabelNamespace:
		if !labelText(k.Name) || !strings.HasSuffix(k.Name, ":") {
			return invalid("CUSTOM_KEYS", k.Name, reasonInvalid)
		}
	case KeyJA3, KeyJA4:
		return fallback(&FieldToMatch{Fallback: k.Fallback}, false)
	case KeyHTTPMethod, KeyForwardedIP, KeyIP, KeyASN:
	default:
		return invalid("CUSTOM_KEYS", string(k.Kind), reasonInvalid)
	}
	return nil
}

// maxOverrides is how many rules of a group AWS lets an ACL exclude or override.
const maxOverrides = 100

func (k checker) group(s *Statement) error {
	var g *RuleGroup
	var excluded []string
	var overrides []ActionOverride
	if m := s.ManagedGroup; m != nil {
		g, excluded, overrides = m.Group, m.Excluded, m.Overrides
		if m.ScopeDown != nil {
			if err := k.statement(m.ScopeDown, 1); err != nil {
				return err
			}
		}
	} else {
		g, excluded, overrides = s.RuleGroup.Group, s.RuleGroup.Excluded, s.RuleGroup.Overrides
	}
	if g == nil {
		return invalid("RULE_GROUP_REFERENCE_STATEMENT", "ARN", "The rule group does not exist.")
	}
	if len(excluded) > maxOverrides || len(overrides) > maxOverrides {
		return invalid("EXCLUDED_RULE", strconv.Itoa(len(excluded)+len(overrides)), reasonRange)
	}
	return k.overrides(g, excluded, overrides)
}

func (k checker) overrides(g *RuleGroup, excluded []string, overrides []ActionOverride) error {
	known, seen := map[string]*Rule{}, map[string]bool{}
	for i := range g.Rules {
		known[g.Rules[i].Name] = &g.Rules[i]
	}
	for _, name := range excluded {
		if known[name] == nil {
			return invalid("EXCLUDED_RULE", name, "The rule group has no such rule.")
		}
	}
	for i := range overrides {
		o := &overrides[i]
		r := known[o.Name]
		if r == nil || seen[o.Name] {
			return invalid("RULE_ACTION", o.Name, "The rule group has no such rule, or it is overridden twice.")
		}
		seen[o.Name] = true
		if err := k.action(&o.Action, r.Statement.RateBased != nil); err != nil {
			return err
		}
	}
	return nil
}
