package waf_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/garrison-cloud/garrison/engine/waf"
)

// A capacityRow is what statements cost, each in a rule of its own.
type capacityRow struct {
	name string
	s    []waf.Statement
	want int
}

// capacityRows are AWS's published costs, by kind of statement and by what changes them.
var capacityRows = sync.OnceValue(func() []capacityRow {
	path, args := kind(waf.URIPath), kind(waf.AllQueryArguments)
	json := waf.FieldToMatch{Kind: waf.JSONBody, Scope: waf.ScopeAll}
	hdrs := waf.FieldToMatch{Kind: waf.Headers, Scope: waf.ScopeAll, Oversize: waf.OversizeContinue}
	cookies := waf.FieldToMatch{Kind: waf.Cookies, Scope: waf.ScopeAll, Oversize: waf.OversizeContinue}
	arg := waf.FieldToMatch{Kind: waf.SingleQueryArgument, Name: "q"}
	b := func(p waf.Position, f waf.FieldToMatch, kinds ...string) waf.Statement {
		return bytesAt(p, "x", inspect(f, kinds...))
	}
	sqli := func(f waf.FieldToMatch, level string, kinds ...string) waf.Statement {
		return waf.Statement{SqliMatch: &waf.SqliMatch{Inspect: inspect(f, kinds...), Sensitivity: level}}
	}
	xss := func(f waf.FieldToMatch, kinds ...string) waf.Statement {
		return waf.Statement{XssMatch: &waf.XssMatch{Inspect: inspect(f, kinds...)}}
	}
	size := func(f waf.FieldToMatch, kinds ...string) waf.Statement {
		return waf.Statement{SizeConstraint: &waf.SizeConstraint{Inspect: inspect(f, kinds...), Comparison: "GT", Size: 1}}
	}
	regex := func(f waf.FieldToMatch, kinds ...string) waf.Statement {
		return waf.Statement{RegexMatch: &waf.RegexMatch{Inspect: inspect(f, kinds...), Pattern: "a.c"}}
	}
	set := func(f waf.FieldToMatch, kinds ...string) waf.Statement {
		return waf.Statement{RegexPatternSet: &waf.RegexSetReference{Inspect: inspect(f, kinds...), ARN: "arn"}}
	}
	ip := func(position string) waf.Statement {
		f := &waf.ForwardedIP{Header: "X-Forwarded-For", Fallback: waf.FallbackMatch, Position: position}
		if position == "" {
			f = nil
		}
		return waf.Statement{IPSet: &waf.IPSetReference{ARN: "arn", Forwarded: f}}
	}
	geo := waf.Statement{GeoMatch: &waf.GeoMatch{Countries: []string{"DE", "FR"}}}
	asn := waf.Statement{AsnMatch: &waf.AsnMatch{ASNs: []uint32{1, 2, 3}}}
	label := hasLabel("LABEL", "a")
	and := func(s ...waf.Statement) waf.Statement { return waf.Statement{And: s} }
	or := func(s ...waf.Statement) waf.Statement { return waf.Statement{Or: s} }
	not := func(s waf.Statement) waf.Statement { return waf.Statement{Not: &s} }
	perIP := func(scope *waf.Statement, keys ...waf.RateKey) waf.Statement {
		r := &waf.RateBased{Limit: 100, Aggregate: waf.AggregateIP, ScopeDown: scope, Keys: keys}
		if len(keys) > 0 {
			r.Aggregate = waf.AggregateCustom
		}
		return waf.Statement{RateBased: r}
	}
	none := []waf.Transformation{{Kind: "LOWERCASE"}}
	pathKey, method := waf.RateKey{Kind: waf.KeyURIPath, Transformations: none}, waf.RateKey{Kind: waf.KeyHTTPMethod}
	group := &waf.RuleGroup{Name: "g", Capacity: 123}
	managed := &waf.RuleGroup{Name: "m", Vendor: "AWS", Capacity: 700}
	scope := b(waf.StartsWith, path, "LOWERCASE")
	return []capacityRow{
		{"byte exactly", []waf.Statement{b(waf.Exactly, path)}, 2},
		{"byte starts with", []waf.Statement{b(waf.StartsWith, path)}, 2},
		{"byte ends with", []waf.Statement{b(waf.EndsWith, path)}, 2},
		{"byte contains", []waf.Statement{b(waf.Contains, path)}, 10},
		{"byte contains word", []waf.Statement{b(waf.ContainsWord, path)}, 10},
		{"byte, transformation", []waf.Statement{b(waf.Exactly, path, "LOWERCASE")}, 12},
		{"byte, two transformations", []waf.Statement{b(waf.Exactly, path, "LOWERCASE", "URL_DECODE")}, 22},
		{"byte, transformation and NONE", []waf.Statement{b(waf.Exactly, path, "NONE", "URL_DECODE")}, 12},
		{"byte, all arguments", []waf.Statement{b(waf.Exactly, args)}, 12},
		{"byte contains, all arguments", []waf.Statement{b(waf.Contains, args)}, 20},
		{"byte contains, all arguments, transformation", []waf.Statement{b(waf.Contains, args, "URL_DECODE")}, 30},
		{"byte, json", []waf.Statement{b(waf.Exactly, json)}, 4},
		{"byte contains, json", []waf.Statement{b(waf.Contains, json)}, 20},
		{"byte contains, json, transformation", []waf.Statement{b(waf.Contains, json, "LOWERCASE")}, 30},
		{"byte, headers", []waf.Statement{b(waf.Contains, hdrs)}, 10},
		{"byte, cookies", []waf.Statement{b(waf.Contains, cookies)}, 10},
		{"byte, argument", []waf.Statement{b(waf.Contains, arg)}, 10},
		{"byte, method", []waf.Statement{b(waf.Exactly, kind(waf.Method))}, 2},
		{"byte, body", []waf.Statement{b(waf.Contains, kind(waf.Body))}, 10},
		{"byte, single header", []waf.Statement{b(waf.Contains, header("x"))}, 10},
		{"regex", []waf.Statement{regex(path)}, 3},
		{"regex, transformation", []waf.Statement{regex(path, "LOWERCASE")}, 13},
		{"regex, json", []waf.Statement{regex(json)}, 6},
		{"regex, all arguments", []waf.Statement{regex(args)}, 13},
		{"regex set", []waf.Statement{set(path)}, 25},
		{"regex set, transformation", []waf.Statement{set(path, "LOWERCASE")}, 35},
		{"regex set, json", []waf.Statement{set(json)}, 50},
		{"regex set, all arguments", []waf.Statement{set(args)}, 35},
		{"size", []waf.Statement{size(path)}, 1},
		{"size, transformation", []waf.Statement{size(path, "URL_DECODE")}, 11},
		{"size, json", []waf.Statement{size(json)}, 2},
		{"size, all arguments", []waf.Statement{size(args)}, 11},
		{"sqli", []waf.Statement{sqli(path, "")}, 20},
		{"sqli low", []waf.Statement{sqli(path, "LOW")}, 20},
		{"sqli high", []waf.Statement{sqli(path, "HIGH")}, 30},
		{"sqli high, two transformations", []waf.Statement{sqli(path, "HIGH", "URL_DECODE", "LOWERCASE")}, 50},
		{"sqli low, json", []waf.Statement{sqli(json, "LOW")}, 40},
		{"sqli high, json, transformation", []waf.Statement{sqli(json, "HIGH", "LOWERCASE")}, 70},
		{"sqli, all arguments", []waf.Statement{sqli(args, "LOW")}, 30},
		{"xss", []waf.Statement{xss(path)}, 40},
		{"xss, transformation", []waf.Statement{xss(path, "HTML_ENTITY_DECODE")}, 50},
		{"xss, json", []waf.Statement{xss(json)}, 80},
		{"xss, all arguments", []waf.Statement{xss(args)}, 50},
		{"geo", []waf.Statement{geo}, 1},
		{"asn", []waf.Statement{asn}, 1},
		{"ip", []waf.Statement{ip("")}, 1},
		{"ip first", []waf.Statement{ip("FIRST")}, 1},
		{"ip last", []waf.Statement{ip("LAST")}, 1},
		{"ip any", []waf.Statement{ip("ANY")}, 5},
		{"label", []waf.Statement{label}, 1},
		{"and", []waf.Statement{and(geo, ip(""), label)}, 3},
		{"or", []waf.Statement{or(geo, b(waf.Contains, path))}, 11},
		{"not", []waf.Statement{not(b(waf.Contains, path, "LOWERCASE"))}, 20},
		{"nested", []waf.Statement{and(not(or(geo, asn)), b(waf.Exactly, path))}, 4},
		{"rate", []waf.Statement{perIP(nil)}, 2},
		{"rate, scope-down", []waf.Statement{perIP(&scope)}, 14},
		{"rate, one key", []waf.Statement{perIP(nil, pathKey)}, 32},
		{"rate, two keys and scope-down", []waf.Statement{perIP(&scope, pathKey, method)}, 74},
		{"group", []waf.Statement{{RuleGroup: &waf.RuleGroupReference{ARN: "arn", Group: group}}}, 123},
		{"managed group", []waf.Statement{{ManagedGroup: &waf.ManagedGroup{Group: managed}}}, 700},
		{"managed group, scope-down", []waf.Statement{{ManagedGroup: &waf.ManagedGroup{Group: managed, ScopeDown: &scope}}}, 712},
		{"no rules", nil, 0},
		{"a transformation shared by two statements", []waf.Statement{or(b(waf.Contains, path, "LOWERCASE"), b(waf.Exactly, path, "LOWERCASE"))}, 22},
		{"a transformation shared by two rules", []waf.Statement{b(waf.Contains, path, "LOWERCASE"), sqli(path, "LOW", "LOWERCASE")}, 40},
		{"a transformation of two components", []waf.Statement{b(waf.Contains, path, "LOWERCASE"), b(waf.Contains, args, "LOWERCASE")}, 50},
		{"a header's name has no case", []waf.Statement{b(waf.Contains, header("X-A"), "LOWERCASE"), b(waf.Contains, header("x-a"), "LOWERCASE")}, 30},
		{"two headers", []waf.Statement{b(waf.Contains, header("x-a"), "LOWERCASE"), b(waf.Contains, header("x-b"), "LOWERCASE")}, 40},
		{"the base is not shared", []waf.Statement{b(waf.Contains, path), b(waf.Contains, path)}, 20},
	}
})

func TestCapacity(t *testing.T) {
	t.Parallel()
	tests := capacityRows()
	for _, tt := range tests {
		var rules []waf.Rule
		for i, s := range tt.s {
			r := rule(fmt.Sprint("r", i), int32(i), waf.Block, s)
			if s.RuleGroup != nil || s.ManagedGroup != nil {
				r.Action, r.Override = nil, waf.OverrideNone
			}
			rules = append(rules, r)
		}
		if got, err := waf.Capacity(rules); got != tt.want || err != nil {
			t.Errorf("%s: %d, %v; want %d", tt.name, got, err, tt.want)
		}
	}
	if len(tests) < 60 {
		t.Errorf("only %d rows", len(tests))
	}
}

func TestValidate(t *testing.T) {
	t.Parallel()
	path := inspect(kind(waf.URIPath))
	at := func(f waf.FieldToMatch) waf.Rule {
		return rule("r", 1, waf.Block, bytesAt(waf.Contains, "x", inspect(f)))
	}
	of := func(s waf.Statement) waf.Rule { return rule("r", 1, waf.Block, s) }
	edit := func(change func(r *waf.Rule)) waf.Rule {
		r := of(anything())
		change(&r)
		return r
	}
	rate := func(r waf.RateBased) waf.Rule { return of(waf.Statement{RateBased: &r}) }
	group := &waf.RuleGroup{Name: "g", Rules: []waf.Rule{of(anything())}}
	for _, tt := range []struct {
		name, field string
		rules       []waf.Rule
	}{
		{"no statement", "STATEMENT", []waf.Rule{of(waf.Statement{})}},
		{"two statements", "STATEMENT", []waf.Rule{edit(func(r *waf.Rule) { r.Statement.LabelMatch = &waf.LabelMatch{Scope: "LABEL", Key: "a"} })}},
		{"no name", "RULE", []waf.Rule{rule("", 1, waf.Block, anything())}},
		{"two of a priority", "RULE", []waf.Rule{rule("a", 1, waf.Block, anything()), rule("b", 1, waf.Block, anything())}},
		{"two of a name", "RULE", []waf.Rule{rule("a", 1, waf.Block, anything()), rule("a", 2, waf.Block, anything())}},
		{"no action", "RULE_ACTION", []waf.Rule{edit(func(r *waf.Rule) { r.Action = nil })}},
		{"override of no group", "RULE_ACTION", []waf.Rule{edit(func(r *waf.Rule) { r.Override = waf.OverrideNone })}},
		{"unknown action", "RULE_ACTION", []waf.Rule{rule("a", 1, "DROP", anything())}},
		{"rate allows", "RULE_ACTION", []waf.Rule{rule("a", 1, waf.Allow, waf.Statement{RateBased: &waf.RateBased{Limit: 10, Aggregate: waf.AggregateIP}})}},
		{"nested rate", "STATEMENT", []waf.Rule{of(waf.Statement{Not: &waf.Statement{RateBased: &waf.RateBased{Limit: 10, Aggregate: waf.AggregateIP}}})}},
		{"nested group", "STATEMENT", []waf.Rule{of(waf.Statement{Not: &waf.Statement{RuleGroup: &waf.RuleGroupReference{Group: group}}})}},
		{"and of one", "AND_STATEMENT", []waf.Rule{of(waf.Statement{And: []waf.Statement{anything()}})}},
		{"or of one", "OR_STATEMENT", []waf.Rule{of(waf.Statement{Or: []waf.Statement{anything()}})}},
		{"empty search", "BYTE_MATCH_STATEMENT", []waf.Rule{of(bytesAt(waf.Contains, "", path))}},
		{"word with marks", "BYTE_MATCH_STATEMENT", []waf.Rule{of(bytesAt(waf.ContainsWord, "a-b", path))}},
		{"position", "BYTE_MATCH_STATEMENT", []waf.Rule{of(bytesAt("NEAR", "a", path))}},
		{"part of a fingerprint", "BYTE_MATCH_STATEMENT", []waf.Rule{at(waf.FieldToMatch{Kind: waf.JA3Fingerprint, Fallback: waf.FallbackMatch})}},
		{"back-reference", "REGEX_PATTERN_REFERENCE_STATEMENT", []waf.Rule{of(waf.Statement{RegexMatch: &waf.RegexMatch{Inspect: path, Pattern: `(a)\1`}})}},
		{"look-ahead", "REGEX_PATTERN_REFERENCE_STATEMENT", []waf.Rule{of(waf.Statement{RegexMatch: &waf.RegexMatch{Inspect: path, Pattern: `a(?=b)`}})}},
		{"unknown transformation", "TEXT_TRANSFORMATION", []waf.Rule{of(bytesAt(waf.Contains, "x", inspect(kind(waf.URIPath), "ROT13")))}},
		{"no transformation", "TEXT_TRANSFORMATION", []waf.Rule{of(bytesAt(waf.Contains, "x", waf.Inspect{Field: kind(waf.URIPath)}))}},
		{"transformations of one priority", "TEXT_TRANSFORMATION", []waf.Rule{of(bytesAt(waf.Contains, "x", waf.Inspect{Field: kind(waf.URIPath), Transformations: []waf.Transformation{{Kind: "NONE"}, {Kind: "LOWERCASE"}}}))}},
		{"no field", "FIELD_TO_MATCH", []waf.Rule{at(waf.FieldToMatch{})}},
		{"header name", "SINGLE_HEADER", []waf.Rule{at(header(" "))}},
		{"headers without oversize", "OVERSIZE_HANDLING", []waf.Rule{at(waf.FieldToMatch{Kind: waf.Headers, Scope: waf.ScopeAll})}},
		{"headers both picked", "HEADER_MATCH_PATTERN", []waf.Rule{at(waf.FieldToMatch{Kind: waf.Headers, Scope: waf.ScopeAll, Included: []string{"a"}, Excluded: []string{"b"}})}},
		{"json scope", "JSON_MATCH_SCOPE", []waf.Rule{at(waf.FieldToMatch{Kind: waf.JSONBody})}},
		{"json pointer", "JSON_MATCH_PATTERN", []waf.Rule{at(waf.FieldToMatch{Kind: waf.JSONBody, Scope: waf.ScopeAll, Included: []string{"a"}})}},
		{"json fallback", "BODY_PARSING_FALLBACK_BEHAVIOR", []waf.Rule{at(waf.FieldToMatch{Kind: waf.JSONBody, Scope: waf.ScopeAll, InvalidFallback: "X"})}},
		{"country", "GEO_MATCH_STATEMENT", []waf.Rule{of(waf.Statement{GeoMatch: &waf.GeoMatch{Countries: []string{"de"}}})}},
		{"fallback", "FORWARDED_IP_CONFIG", []waf.Rule{of(waf.Statement{GeoMatch: &waf.GeoMatch{Countries: []string{"DE"}, Forwarded: &waf.ForwardedIP{Header: "x"}}})}},
		{"position of an address", "POSITION", []waf.Rule{of(waf.Statement{IPSet: &waf.IPSetReference{ARN: "a", Forwarded: &waf.ForwardedIP{Header: "x", Fallback: waf.FallbackMatch}}})}},
		{"label key", "LABEL_MATCH_STATEMENT", []waf.Rule{of(hasLabel("LABEL", "a b"))}},
		{"reserved label", "LABEL_MATCH_STATEMENT", []waf.Rule{edit(func(r *waf.Rule) { r.Labels = []string{"awswaf:x"} })}},
		{"low limit", "RATE_BASED_STATEMENT", []waf.Rule{rate(waf.RateBased{Limit: 9, Aggregate: waf.AggregateIP})}},
		{"window", "RATE_BASED_STATEMENT", []waf.Rule{rate(waf.RateBased{Limit: 10, Window: 90, Aggregate: waf.AggregateIP})}},
		{"constant without scope", "SCOPE_DOWN", []waf.Rule{rate(waf.RateBased{Limit: 10, Aggregate: waf.AggregateConstant})}},
		{"custom without keys", "CUSTOM_KEYS", []waf.Rule{rate(waf.RateBased{Limit: 10, Aggregate: waf.AggregateCustom})}},
		{"lone address", "CUSTOM_KEYS", []waf.Rule{rate(waf.RateBased{Limit: 10, Aggregate: waf.AggregateCustom, Keys: []waf.RateKey{{Kind: waf.KeyIP}}})}},
		{"forwarded without header", "FORWARDED_IP_CONFIG", []waf.Rule{rate(waf.RateBased{Limit: 10, Aggregate: waf.AggregateForwardedIP})}},
		{"unknown body", "CUSTOM_RESPONSE_BODY", []waf.Rule{edit(func(r *waf.Rule) { r.Action.Response = &waf.Response{Code: 403, BodyKey: "none"} })}},
		{"code", "CUSTOM_RESPONSE", []waf.Rule{edit(func(r *waf.Rule) { r.Action.Response = &waf.Response{Code: 600} })}},
		{"header splits", "CUSTOM_RESPONSE", []waf.Rule{edit(func(r *waf.Rule) {
			r.Action.Response = &waf.Response{Code: 403, Headers: []waf.Header{{Name: "a", Value: "b\r\nc: d"}}}
		})}},
		{"missing group", "RULE_GROUP_REFERENCE_STATEMENT", []waf.Rule{{Name: "g", Override: waf.OverrideNone, Statement: waf.Statement{RuleGroup: &waf.RuleGroupReference{ARN: "a"}}}}},
		{"excluded stranger", "EXCLUDED_RULE", []waf.Rule{{Name: "g", Override: waf.OverrideNone, Statement: waf.Statement{RuleGroup: &waf.RuleGroupReference{Group: group, Excluded: []string{"no"}}}}}},
		{"immunity", "CHALLENGE_CONFIG", []waf.Rule{edit(func(r *waf.Rule) { r.CaptchaImmunity = 59 })}},
	} {
		var fault *waf.Error
		_, err := waf.Compile(aclOf(tt.rules...), waf.Deps{})
		if !errors.As(err, &fault) || fault.Field != tt.field {
			t.Errorf("%s: %v, want the field %s", tt.name, err, tt.field)
		}
	}
	if err := waf.Validate([]waf.Rule{{Name: "g", Override: waf.OverrideNone, Statement: waf.Statement{RuleGroup: &waf.RuleGroupReference{Group: group}}}}, nil, true); err == nil {
		t.Error("a group in a group is taken")
	}
	if _, err := waf.Compile(&waf.ACL{Default: waf.Action{Kind: waf.Count}}, waf.Deps{}); err == nil {
		t.Error("a default that counts is taken")
	}
}
