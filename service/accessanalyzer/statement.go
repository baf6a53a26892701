package accessanalyzer

import (
	"encoding/json"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/accessanalyzer/types"

	engine "github.com/garrison-cloud/garrison/engine/iam"
)

// A statement is one rule of a policy as sets: of actions, resources and
// principals, and what must hold besides. It speaks to a request that is in all.
type statement struct {
	index      int
	sid        string
	deny       bool
	actions    set
	resources  set
	principals principals
	conditions []condition
}

// A set is what patterns match, or, with not, all that they don't. A text with a
// policy variable stands for what no proof knows: exactly holds the patterns
// without one, atMost patterns for all that the texts may match.
type set struct {
	not     bool
	texts   []string
	exactly []pattern
	atMost  []pattern
	opaque  bool // some text has a variable
}

func newSet(not bool, texts []string, variables bool) set {
	s := set{not: not, texts: texts}
	for _, t := range texts {
		if variables && variable(t) {
			s.opaque = true
			s.atMost = append(s.atMost, over(t))
			continue
		}
		p := newPattern(t)
		s.exactly, s.atMost = append(s.exactly, p), append(s.atMost, p)
	}
	return s
}

// raw is a statement's JSON.
type raw struct {
	Sid, Effect             string
	Action, NotAction       oneOrMany
	Resource, NotResource   oneOrMany
	Principal, NotPrincipal json.RawMessage
	Condition               map[string]map[string]scalars
}

// oneOrMany is a string or a list of them; nil is not there.
type oneOrMany []string

// UnmarshalJSON takes either form.
func (l *oneOrMany) UnmarshalJSON(b []byte) error {
	var single string
	if json.Unmarshal(b, &single) == nil {
		*l = oneOrMany{single}
		return nil
	}
	return json.Unmarshal(b, (*[]string)(l))
}

// scalars are a condition's values, numbers and booleans as their text.
type scalars []string

// UnmarshalJSON takes one value or a list.
func (l *scalars) UnmarshalJSON(b []byte) error {
	var items []json.RawMessage
	if json.Unmarshal(b, &items) != nil {
		items = []json.RawMessage{b}
	}
	for _, item := range items {
		var text string
		if json.Unmarshal(item, &text) != nil {
			text = strings.TrimSpace(string(item))
		}
		*l = append(*l, text)
	}
	return nil
}

// parsePolicy reads a document that the engine takes. A resource policy whose
// statements name no resource is a role's trust policy.
func parsePolicy(document string, kind engine.Kind) ([]statement, error) {
	var d struct {
		Version   string
		Statement json.RawMessage
	}
	var list []raw
	if err := json.Unmarshal([]byte(document), &d); err == nil {
		list = statementsOf(d.Statement)
	}
	if kind == engine.ResourcePolicy && trusts(list) {
		kind = engine.TrustPolicy
	}
	if _, err := engine.Parse(document, kind); err != nil {
		return nil, &types.InvalidParameterException{Message: new("The policy document is not valid: " + err.Error())}
	}
	out := make([]statement, len(list))
	for i := range list {
		out[i] = newStatement(&list[i], kind, d.Version == "2012-10-17")
		out[i].index = i
	}
	return out, nil
}

func statementsOf(text json.RawMessage) []raw {
	var list []raw
	if json.Unmarshal(text, &list) == nil {
		return list
	}
	var single raw
	if json.Unmarshal(text, &single) != nil {
		return nil
	}
	return []raw{single}
}

func trusts(list []raw) bool {
	for i := range list {
		if list[i].Resource != nil || list[i].NotResource != nil {
			return false
		}
	}
	return len(list) > 0
}

func newStatement(r *raw, kind engine.Kind, variables bool) statement {
	s := statement{sid: r.Sid, deny: r.Effect == "Deny"}
	actions, resources := append(r.Action, r.NotAction...), append(r.Resource, r.NotResource...)
	lowered := make([]string, len(actions))
	for i, a := range actions {
		lowered[i] = lower(a)
	}
	s.actions = newSet(r.NotAction != nil, lowered, false)
	full := make([]string, len(resources))
	for i, name := range resources {
		full[i] = complete(name, kind)
	}
	s.resources = newSet(r.NotResource != nil, full, variables)
	if len(resources) == 0 { // a trust policy speaks of its role, whatever it is
		s.resources = newSet(false, []string{"*"}, false)
	}
	s.principals = newPrincipals(r, kind)
	for operator, keys := range r.Condition {
		for key, values := range keys {
			s.conditions = append(s.conditions, newCondition(operator, key, values, variables))
		}
	}
	return s
}

// complete fills in an ARN that ends early, as the engine does in identity
// policies.
func complete(name string, kind engine.Kind) string {
	if name == "*" || kind != engine.IdentityPolicy {
		return name
	}
	parts := strings.SplitN(name, ":", 6)
	for len(parts) < 6 {
		parts = append(parts, "*")
	}
	return strings.Join(parts, ":")
}

// lower folds ASCII letters alone, as actions compare.
func lower(s string) string {
	return strings.Map(func(c rune) rune {
		if 'A' <= c && c <= 'Z' {
			return c + 'a' - 'A'
		}
		return c
	}, s)
}
