package alb

import (
	"bytes"
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"sort"
	"strings"

	"github.com/garrison-cloud/garrison/edge/http1"
	"github.com/garrison-cloud/garrison/edge/target"
)

// rule is a compiled Rule.
type rule struct {
	Rule
	tests  []test
	groups []*target.Group
	total  int // sum of weights
	host   []rewrite
	url    []rewrite
}

type rewrite struct {
	re      *regexp.Regexp
	replace []byte
}

// facts are what conditions look at.
type facts struct {
	req    *http1.Request
	host   []byte // without port
	path   []byte
	query  []byte
	source netip.Addr
}

// A test is one compiled condition.
type test func(f *facts) bool

// compileRules orders the rules by priority, the default one last.
func compileRules(in []Rule, groups map[string]*target.Group) ([]*rule, error) {
	out := make([]*rule, 0, len(in))
	for _, r := range in {
		c, err := compileRule(r, groups)
		if err != nil {
			return nil, fmt.Errorf("rule %s: %w", r.ARN, err)
		}
		out = append(out, c)
	}
	sort.SliceStable(out, func(i, j int) bool {
		if out[i].Default != out[j].Default {
			return !out[i].Default
		}
		return out[i].Priority < out[j].Priority
	})
	if len(out) == 0 || !out[len(out)-1].Default {
		return nil, fmt.Errorf("listener has no default rule")
	}
	return out, nil
}

func compileRule(r Rule, groups map[string]*target.Group) (*rule, error) {
	c := &rule{Rule: r}
	for _, cond := range r.Conditions {
		t, err := compileCondition(cond)
		if err != nil {
			return nil, err
		}
		c.tests = append(c.tests, t)
	}
	var err error
	if c.host, err = compileRewrites(r.Host); err != nil {
		return nil, err
	}
	if c.url, err = compileRewrites(r.URL); err != nil {
		return nil, err
	}
	return c, c.bind(groups)
}

// bind finds the action's groups, and checks that there is one action.
func (c *rule) bind(groups map[string]*target.Group) error {
	switch {
	case c.Action.Forward != nil:
		for _, w := range c.Action.Forward.Groups {
			g := groups[w.ARN]
			if g == nil {
				return fmt.Errorf("no target group %s", w.ARN)
			}
			c.groups = append(c.groups, g)
			c.total += w.Weight
		}
		if len(c.groups) == 0 {
			return fmt.Errorf("forward action names no target group")
		}
		return nil
	case c.Action.Redirect != nil || c.Action.Fixed != nil:
		return nil
	}
	return fmt.Errorf("rule has no action")
}

func compileRewrites(in []Rewrite) ([]rewrite, error) {
	var out []rewrite
	for _, w := range in {
		re, err := regexp.Compile(w.Regex)
		if err != nil {
			return nil, fmt.Errorf("rewrite: %w", err)
		}
		out = append(out, rewrite{re, []byte(w.Replace)})
	}
	return out, nil
}

func compileCondition(c Condition) (test, error) {
	res, err := compileRegexes(c)
	if err != nil {
		return nil, err
	}
	switch c.Field {
	case "host-header":
		return textTest(c.Values, res, true, func(f *facts) []byte { return f.host }), nil
	case "path-pattern":
		return textTest(c.Values, res, false, func(f *facts) []byte { return f.path }), nil
	case "http-header":
		return headerTest(strings.ToLower(c.Name), c.Values, res), nil
	case "http-request-method":
		return func(f *facts) bool { return slices.Contains(c.Values, string(f.req.Method)) }, nil
	case "query-string":
		return queryTest(c.Queries), nil
	case "source-ip":
		return func(f *facts) bool {
			return slices.ContainsFunc(c.Prefixes, func(p netip.Prefix) bool { return p.Contains(f.source) })
		}, nil
	}
	return nil, fmt.Errorf("no condition on field %q", c.Field)
}

func compileRegexes(c Condition) ([]*regexp.Regexp, error) {
	var out []*regexp.Regexp
	for _, s := range c.Regexes {
		if c.Field == "host-header" {
			s = "(?i)" + s
		}
		re, err := regexp.Compile(s)
		if err != nil {
			return nil, fmt.Errorf("condition %s: %w", c.Field, err)
		}
		out = append(out, re)
	}
	return out, nil
}

func textTest(values []string, res []*regexp.Regexp, fold bool, of func(*facts) []byte) test {
	pats := patterns(values, fold, false)
	return func(f *facts) bool { return matchAny(pats, res, of(f)) }
}

func matchAny(pats []pattern, res []*regexp.Regexp, text []byte) bool {
	for i := range pats {
		if pats[i].match(text) {
			return true
		}
	}
	for _, re := range res {
		if re.Match(text) {
			return true
		}
	}
	return false
}

func headerTest(name string, values []string, res []*regexp.Regexp) test {
	pats := patterns(values, true, false)
	return func(f *facts) bool {
		for i := range f.req.Fields {
			if h := &f.req.Fields[i]; http1.EqualFold(h.Name, name) && matchAny(pats, res, h.Value) {
				return true
			}
		}
		return false
	}
}

func queryTest(queries []QueryMatch) test {
	type pair struct{ key, value pattern }
	pairs := make([]pair, len(queries))
	for i, q := range queries {
		pairs[i] = pair{compilePattern(q.Key, true, true), compilePattern(q.Value, true, true)}
		if q.Key == "" {
			pairs[i].key = compilePattern("*", true, true)
		}
	}
	return func(f *facts) bool {
		for rest := f.query; len(rest) > 0; {
			var arg []byte
			arg, rest, _ = bytes.Cut(rest, []byte{'&'})
			key, value, _ := bytes.Cut(arg, []byte{'='})
			for i := range pairs {
				if pairs[i].key.match(key) && pairs[i].value.match(value) {
					return true
				}
			}
		}
		return false
	}
}

// find returns the first rule whose conditions all hold.
func find(rules []*rule, f *facts) *rule {
next:
	for _, r := range rules {
		for _, t := range r.tests {
			if !t(f) {
				continue next
			}
		}
		return r
	}
	return rules[len(rules)-1]
}
