package waf

import (
	"slices"
	"strconv"
)

// maxNesting bounds how deep statements lie in each other, so that no walk over
// them runs out of stack.
const maxNesting = 32

// statement validates one statement, at depth 0 where it is a rule's own.
func (k checker) statement(s *Statement, depth int) error {
	if s.count() != 1 || depth > maxNesting {
		return invalid("STATEMENT", strconv.Itoa(s.count()), reasonOptions)
	}
	switch {
	case s.And != nil:
		return k.several("AND_STATEMENT", s.And, depth)
	case s.Or != nil:
		return k.several("OR_STATEMENT", s.Or, depth)
	case s.Not != nil:
		return k.statement(s.Not, depth+1)
	case s.RateBased != nil:
		if depth > 0 {
			return invalid("STATEMENT", "RateBasedStatement", reasonNested)
		}
		return k.rateBased(s.RateBased)
	case s.RuleGroup != nil, s.ManagedGroup != nil:
		if depth > 0 || k.inGroup {
			return invalid("STATEMENT", "RuleGroupReferenceStatement", reasonNested)
		}
		return k.group(s)
	}
	return k.leaf(s)
}

// count is how many statements are set.
func (s *Statement) count() int {
	n := 0
	for _, set := range [...]bool{
		s.ByteMatch != nil, s.SqliMatch != nil, s.XssMatch != nil, s.SizeConstraint != nil, s.GeoMatch != nil,
		s.RuleGroup != nil, s.IPSet != nil, s.RegexPatternSet != nil, s.RateBased != nil, s.And != nil, s.Or != nil,
		s.Not != nil, s.ManagedGroup != nil, s.LabelMatch != nil, s.RegexMatch != nil, s.AsnMatch != nil,
	} {
		if set {
			n++
		}
	}
	return n
}

func (k checker) several(field string, subs []Statement, depth int) error {
	if len(subs) < 2 {
		return invalid(field, strconv.Itoa(len(subs)), "The statement needs at least two statements.")
	}
	for i := range subs {
		if err := k.statement(&subs[i], depth+1); err != nil {
			return err
		}
	}
	return nil
}

func (k checker) leaf(s *Statement) error {
	switch {
	case s.ByteMatch != nil:
		return byteMatch(s.ByteMatch)
	case s.SqliMatch != nil:
		if l := s.SqliMatch.Sensitivity; l != "" && l != "LOW" && l != "HIGH" {
			return invalid("SQLI_MATCH_STATEMENT", l, reasonInvalid)
		}
		return inspect(&s.SqliMatch.Inspect)
	case s.XssMatch != nil:
		return inspect(&s.XssMatch.Inspect)
	case s.SizeConstraint != nil:
		return sizeConstraint(s.SizeConstraint)
	case s.RegexMatch != nil:
		if _, err := compilePattern(s.RegexMatch.Pattern); err != nil {
			return err
		}
		return inspect(&s.RegexMatch.Inspect)
	case s.RegexPatternSet != nil:
		return inspect(&s.RegexPatternSet.Inspect)
	}
	return addressLeaf(s)
}

func addressLeaf(s *Statement) error {
	switch {
	case s.GeoMatch != nil:
		return geoMatch(s.GeoMatch)
	case s.AsnMatch != nil:
		if n := len(s.AsnMatch.ASNs); n < 1 || n > 100 {
			return invalid("STATEMENT", "AsnList", reasonRange)
		}
		return forwardedIP("FORWARDED_IP_CONFIG", s.AsnMatch.Forwarded)
	case s.IPSet != nil:
		f := s.IPSet.Forwarded
		if f != nil && f.Position != "FIRST" && f.Position != "LAST" && f.Position != "ANY" {
			return invalid("POSITION", f.Position, reasonInvalid)
		}
		return forwardedIP("IP_SET_FORWARDED_IP_CONFIG", f)
	default:
		m := s.LabelMatch
		if m.Scope != "LABEL" && m.Scope != "NAMESPACE" || !labelText(m.Key) {
			return invalid("LABEL_MATCH_STATEMENT", m.Key, reasonInvalid)
		}
		return nil
	}
}

func geoMatch(m *GeoMatch) error {
	if len(m.Countries) == 0 {
		return invalid("GEO_MATCH_STATEMENT", "CountryCodes", reasonMissing)
	}
	for _, c := range m.Countries {
		if len(c) != 2 || c[0]-'A' > 25 || c[1]-'A' > 25 {
			return invalid("GEO_MATCH_STATEMENT", c, reasonInvalid)
		}
	}
	return forwardedIP("FORWARDED_IP_CONFIG", m.Forwarded)
}

func forwardedIP(field string, f *ForwardedIP) error {
	if f == nil {
		return nil
	}
	if f.Header == "" || len(f.Header) > 255 {
		return invalid("HEADER_NAME", f.Header, reasonInvalid)
	}
	if f.Fallback != FallbackMatch && f.Fallback != FallbackNoMatch {
		return invalid(field, string(f.Fallback), reasonInvalid)
	}
	return nil
}

// maxSearch is the longest search string AWS takes, in bytes.
const maxSearch = 200

func byteMatch(m *ByteMatch) error {
	if len(m.Search) == 0 || len(m.Search) > maxSearch {
		return invalid("BYTE_MATCH_STATEMENT", "SearchString", reasonRange)
	}
	switch m.Position {
	case Exactly, StartsWith, EndsWith, Contains:
	case ContainsWord:
		if !plain(string(m.Search)) {
			return invalid("BYTE_MATCH_STATEMENT", string(m.Search), "The search string of CONTAINS_WORD has only letters, digits and underscores.")
		}
	default:
		return invalid("BYTE_MATCH_STATEMENT", string(m.Position), reasonInvalid)
	}
	if k := m.Field.Kind; (k == JA3Fingerprint || k == JA4Fingerprint) && m.Position != Exactly {
		return invalid("BYTE_MATCH_STATEMENT", string(m.Position), "A fingerprint can only be matched exactly.")
	}
	return inspect(&m.Inspect)
}

// maxSize is 20 GB, AWS's largest size.
const maxSize = 21474836480

func sizeConstraint(m *SizeConstraint) error {
	if !slices.Contains([]string{"EQ", "NE", "LE", "LT", "GE", "GT"}, m.Comparison) {
		return invalid("SIZE_CONSTRAINT_STATEMENT", m.Comparison, reasonInvalid)
	}
	if m.Size < 0 || m.Size > maxSize {
		return invalid("SIZE_CONSTRAINT_STATEMENT", strconv.FormatInt(m.Size, 10), reasonRange)
	}
	return inspect(&m.Inspect)
}
