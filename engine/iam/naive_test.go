package iam_test

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/garrison-cloud/garrison/engine/iam"
)

// A document is a policy as encoding/json reads it, for an evaluator that shares
// nothing with the engine: no compilation, no index, regular expressions.
type document struct {
	name       string
	source     iam.Source
	trust      bool
	statements []map[string]any
}

func newDocument(name string, source iam.Source, text string) document {
	var top map[string]any
	if err := json.Unmarshal([]byte(text), &top); err != nil {
		panic(err)
	}
	d := document{name: name, source: source}
	for _, s := range listOf(top["Statement"]) {
		d.statements = append(d.statements, s.(map[string]any))
	}
	return d
}

// A world is all that counts for one request, as documents.
type world struct {
	identity, boundary, session, resource []document
	hasBoundary, hasSession               bool
	decides, granted                      bool
	scps, rcps                            [][]document
}

// all lists the documents in the order in which denials are looked for.
func (w *world) all() []document {
	var out []document
	for _, level := range slices.Concat(w.rcps, w.scps) {
		out = append(out, level...)
	}
	return slices.Concat(out, w.resource, w.identity, w.boundary, w.session)
}

// decide returns what the decision should say.
func (w *world) decide(r *iam.Request) string {
	for _, d := range w.all() {
		if i := w.find(r, "Deny", d); i >= 0 {
			return fmt.Sprintf("denied with an explicit deny in %s by %s[%d]", article(d), d.name, i)
		}
	}
	for _, control := range []struct {
		name   string
		levels [][]document
	}{{"resource control policy", w.rcps}, {"service control policy", w.scps}} {
		for _, level := range control.levels {
			if _, ok := w.firstAllow(r, level); !ok {
				return "denied " + nobody(control.name, r)
			}
		}
	}
	return w.decideByAccounts(r)
}

func nobody(kind string, r *iam.Request) string {
	return "because no " + kind + " allows the " + r.Action + " action"
}

func article(d document) string {
	switch {
	case d.trust:
		return "the role trust policy"
	case d.source == iam.Identity:
		return "an identity-based policy"
	default:
		return "a " + d.source.String()
	}
}

func (w *world) decideByAccounts(r *iam.Request) string {
	none := "denied " + nobody("resource-based policy", r)
	if len(w.resource) > 0 && w.resource[0].trust {
		none = "denied " + nobody("role trust policy", r)
	}
	closeness, by := w.closest(r)
	stranger := slices.Contains([]iam.PrincipalKind{iam.Anonymous, iam.ServicePrincipal, iam.WebIdentity, iam.SAML}, r.Principal.Kind)
	foreign := r.ResourceAccount != "" && r.ResourceAccount != r.Principal.Account
	switch {
	case stranger && closeness == 3:
		return by
	case stranger, closeness == 0 && (foreign || w.decides):
		return none
	case foreign && w.granted:
		return cmp.Or(w.limit(r), by)
	case foreign:
		return w.decideByIdentity(r)
	case closeness == 3:
		return by
	case closeness == 2:
		return cmp.Or(w.limit(r), by)
	default:
		return w.decideByIdentity(r)
	}
}

func (w *world) decideByIdentity(r *iam.Request) string {
	by, ok := w.firstAllow(r, w.identity)
	if !ok {
		if r.Principal.Kind != iam.AccountRoot || len(w.identity) > 0 {
			return "denied " + nobody("identity-based policy", r)
		}
		by = "allowed by identity-based policy"
	}
	return cmp.Or(w.limit(r), by)
}

// limit is the denial of a boundary or a session policy.
func (w *world) limit(r *iam.Request) string {
	if _, ok := w.firstAllow(r, w.boundary); w.hasBoundary && !ok {
		return "denied " + nobody("permissions boundary", r)
	}
	if _, ok := w.firstAllow(r, w.session); (w.hasSession || r.Principal.Kind == iam.FederatedUser) && !ok {
		return "denied " + nobody("session policy", r)
	}
	return ""
}

// closest grades how the resource's policy lets the caller in: 3 as itself, 2 by
// its role, 1 by its account, 0 not at all.
func (w *world) closest(r *iam.Request) (int, string) {
	if w.granted {
		return 3, "allowed by grant"
	}
	best, by := 0, ""
	for _, d := range w.resource {
		for i, s := range d.statements {
			if s["Effect"] != "Allow" || !w.fits(r, s) {
				continue
			}
			if c := closeness(s["Principal"], &r.Principal); c > best {
				best, by = c, fmt.Sprintf("allowed by resource-based policy by %s[%d]", d.name, i)
			}
		}
	}
	return best, by
}

func (w *world) firstAllow(r *iam.Request, list []document) (string, bool) {
	for _, d := range list {
		if i := w.find(r, "Allow", d); i >= 0 {
			return fmt.Sprintf("allowed by %s by %s[%d]", d.source, d.name, i), true
		}
	}
	return "", false
}

func (w *world) find(r *iam.Request, effect string, d document) int {
	return slices.IndexFunc(d.statements, func(s map[string]any) bool { return s["Effect"] == effect && w.fits(r, s) })
}

// fits reports whether a statement is about the request.
func (w *world) fits(r *iam.Request, s map[string]any) bool {
	if e, ok := s["Principal"]; ok && closeness(e, &r.Principal) == 0 {
		return false
	}
	if e, ok := s["NotPrincipal"]; ok && !w.hasBoundary && spared(e, &r.Principal) {
		return false
	}
	return fitsAction(s, r) && fitsResource(s, r) && fitsConditions(s["Condition"], r.Context)
}

func fitsAction(s map[string]any, r *iam.Request) bool {
	e, not := s["NotAction"]
	if !not {
		e = s["Action"]
	}
	return not != slices.ContainsFunc(texts(e), func(p string) bool {
		return like(strings.ToLower(p), strings.ToLower(r.Action))
	})
}

func fitsResource(s map[string]any, r *iam.Request) bool {
	e, not := s["NotResource"]
	if !not {
		e = s["Resource"]
	}
	if e == nil {
		return true
	}
	unknown := false
	for _, p := range texts(e) {
		expression, ok := substitute(p, r.Context, true)
		if ok && matchWhole(expression, r.Resource) {
			return !not
		}
		unknown = unknown || !ok
	}
	return not && (!unknown || s["Effect"] == "Deny")
}

// listOf makes a list of what may stand alone.
func listOf(v any) []any {
	if list, ok := v.([]any); ok {
		return list
	}
	return []any{v}
}

func texts(v any) []string {
	var out []string
	for _, item := range listOf(v) {
		out = append(out, fmt.Sprint(item))
	}
	return out
}

// closeness grades a Principal element.
func closeness(e any, p *iam.Principal) int {
	if e == "*" {
		return 3
	}
	named := map[string][]string{}
	for kind, v := range e.(map[string]any) {
		named[kind] = texts(v)
	}
	has := func(kind string, names ...string) bool {
		return slices.ContainsFunc(names, func(n string) bool { return n != "" && slices.Contains(named[kind], n) })
	}
	role, _, _ := strings.Cut(p.ID, ":")
	switch {
	case has("AWS", "*"):
		return 3
	case p.Kind == iam.Anonymous:
		return 0
	case p.Kind == iam.ServicePrincipal:
		return map[bool]int{true: 3}[has("Service", p.Service)]
	case p.Kind == iam.WebIdentity || p.Kind == iam.SAML:
		return map[bool]int{true: 3}[has("Federated", p.Provider)]
	case p.Kind == iam.AccountRoot && (has("AWS", p.Account, p.ARN) || has("CanonicalUser", p.CanonicalUser)):
		return 3
	case p.Kind != iam.AccountRoot && has("AWS", p.ARN, p.ID):
		return 3
	case p.Kind == iam.RoleSession && has("AWS", p.RoleARN, role), p.Kind == iam.FederatedUser && has("AWS", p.RoleARN):
		return 2
	case has("AWS", p.Account, "arn:aws:iam::"+p.Account+":root"), has("CanonicalUser", p.CanonicalUser):
		return 1
	default:
		return 0
	}
}

// spared reads a NotPrincipal: the caller and all that it stands on are named.
func spared(e any, p *iam.Principal) bool {
	steps := []iam.Principal{*p}
	switch p.Kind {
	case iam.RoleSession:
		role, _, _ := strings.Cut(p.ID, ":")
		steps = append(steps, iam.Principal{Kind: iam.User, ARN: p.RoleARN, ID: role})
		fallthrough
	case iam.User, iam.FederatedUser:
		steps = append(steps, iam.Principal{
			Kind: iam.AccountRoot, Account: p.Account, ARN: "arn:aws:iam::" + p.Account + ":root", CanonicalUser: p.CanonicalUser,
		})
	default:
	}
	for i := range steps {
		if closeness(e, &steps[i]) != 3 {
			return false
		}
	}
	return true
}
