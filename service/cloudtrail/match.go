package cloudtrail

import (
	"slices"
	"strings"

	"github.com/garrison-cloud/garrison/internal/audit"
)

// A matcher is every trail that logs, compiled. It is not changed.
type matcher struct {
	by   map[string][]taker // by account
	data bool               // some trail takes data events
}

// A taker is one trail, compiled.
type taker struct {
	region string // the only one whose events it takes; empty for all
	global bool   // it takes events of global services
	rules  []rule
	to     []string
}

// A rule takes events that pass all of its checks.
type rule struct {
	data    bool
	access  access
	without []string         // sources
	any     []resourcePrefix // one of which must match; none are asked for where nil
	fields  []field
}

type access uint8

const (
	accessAll access = iota
	accessRead
	accessWrite
)

// A resourcePrefix takes a type's resources whose ARN begins with the text; whole
// asks for the very resource, or a version of it.
type resourcePrefix struct {
	kind, text string
	whole      bool
}

// globalSources are services that act in no Region of the caller's choice.
var globalSources = []string{"iam.amazonaws.com", "account.amazonaws.com", "organizations.amazonaws.com", "route53.amazonaws.com", "cloudfront.amazonaws.com"}

func compile(list []*trail) *matcher {
	m := &matcher{by: map[string][]taker{}}
	for _, t := range list {
		if !t.Logging {
			continue
		}
		k := taker{global: t.Global, rules: rulesOf(t), to: []string{t.arn()}}
		if !t.Multi {
			k.region = t.Region
		}
		if t.LogGroup != "" {
			k.to = append(k.to, toLogs(t.arn()))
		}
		m.data = m.data || slices.ContainsFunc(k.rules, func(r rule) bool { return r.data })
		m.by[t.Account] = append(m.by[t.Account], k)
	}
	if len(m.by) == 0 {
		return nil
	}
	return m
}

// toLogs is the receiver of what a trail sends to CloudWatch Logs: it is a receiver of
// its own, so that neither destination waits for the other.
func toLogs(trail string) string { return trail + " logs" }

func rulesOf(t *trail) []rule {
	if !t.Custom {
		return []rule{{}}
	}
	var out []rule
	for i := range t.Basic {
		out = append(out, t.Basic[i].rules()...)
	}
	for i := range t.Advanced {
		out = append(out, t.Advanced[i].rule())
	}
	return out
}

func (b *basicSelector) rules() (out []rule) {
	how := map[string]access{"ReadOnly": accessRead, "WriteOnly": accessWrite}[b.Access]
	if b.Management {
		out = append(out, rule{access: how, without: b.Without})
	}
	var prefixes []resourcePrefix
	for _, d := range b.Data {
		for _, v := range d.Values {
			whole := d.Type != typeS3Object && strings.Count(v, ":") >= 5
			prefixes = append(prefixes, resourcePrefix{d.Type, strings.TrimSuffix(v, ":::"), whole})
		}
	}
	if prefixes != nil {
		out = append(out, rule{data: true, access: how, any: prefixes})
	}
	return out
}

func (m *matcher) take(e *audit.Event) (to []string) {
	list := m.by[e.Recipient]
	for i := range list {
		switch k := &list[i]; {
		case !k.takes(e):
		case to == nil: // the usual one trail costs no allocation
			to = slices.Clip(k.to)
		default:
			to = append(to, k.to...)
		}
	}
	return to
}

func (k *taker) takes(e *audit.Event) bool {
	if k.region != "" && k.region != e.Region {
		return false
	}
	if !k.global && slices.Contains(globalSources, e.Source) {
		return false
	}
	for i := range k.rules {
		if k.rules[i].takes(e) {
			return true
		}
	}
	return false
}

func (r *rule) takes(e *audit.Event) bool {
	if r.data != e.Data || r.access == accessRead && !e.ReadOnly || r.access == accessWrite && e.ReadOnly {
		return false
	}
	if slices.Contains(r.without, e.Source) {
		return false
	}
	if r.any != nil && !slices.ContainsFunc(r.any, func(p resourcePrefix) bool { return p.takes(e) }) {
		return false
	}
	for i := range r.fields {
		if !r.fields[i].takes(e) {
			return false
		}
	}
	return true
}

func (p *resourcePrefix) takes(e *audit.Event) bool {
	for i := range e.Resources {
		res := &e.Resources[i]
		rest, ok := strings.CutPrefix(res.ARN, p.text)
		if ok && res.Type == p.kind && (!p.whole || rest == "" || rest[0] == ':' || rest[0] == '/') {
			return true
		}
	}
	return false
}
