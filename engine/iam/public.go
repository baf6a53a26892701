package iam

import (
	"encoding/json"
	"net/netip"
	"regexp"
	"strings"
)

// An openGrant is what of a statement tells whom it lets in. Parse has checked the
// document's grammar before.
type openGrant struct {
	Effect       string
	Principal    openPrincipal
	NotPrincipal *openPrincipal
	Condition    map[string]map[string]openList
}

// Public reports whether a resource policy may let in principals that it does not
// name: by a wildcard principal whom no condition pins to names, accounts,
// organizations or networks. It errs on the side of yes: what a Deny takes away
// again does not count (S3 User Guide, "The meaning of 'public'"; Secrets Manager User Guide,
// "BlockPublicPolicy").
func Public(document string) bool {
	var p struct{ Statement openStatements }
	if err := json.Unmarshal([]byte(document), &p); err != nil {
		return true
	}
	for i := range p.Statement {
		if g := &p.Statement[i]; g.Effect == "Allow" && (g.Principal.wild || g.NotPrincipal != nil) && !g.pinned() {
			return true
		}
	}
	return false
}

// An openPrincipal is wild if it is everybody, or everybody of an identity provider.
type openPrincipal struct{ wild bool }

// UnmarshalJSON reads "*" or a map of kinds to names.
func (p *openPrincipal) UnmarshalJSON(b []byte) error {
	var kinds map[string]openList
	if json.Unmarshal(b, &kinds) != nil {
		p.wild = true // a string: only "*" is one
		return nil
	}
	for kind, names := range kinds {
		for _, name := range names {
			p.wild = p.wild || kind == "Federated" || strings.ContainsAny(name, "*?")
		}
	}
	return nil
}

// openStatements is one statement or several.
type openStatements []openGrant

// UnmarshalJSON reads an object or an array of them.
func (s *openStatements) UnmarshalJSON(b []byte) error {
	if b[0] == '{' {
		*s = make(openStatements, 1)
		return json.Unmarshal(b, &(*s)[0])
	}
	var many []openGrant
	err := json.Unmarshal(b, &many)
	*s = many
	return err
}

// openList is one value or several; numbers and booleans are kept as they are written.
type openList []string

// UnmarshalJSON reads a value or an array of values.
func (l *openList) UnmarshalJSON(b []byte) error {
	items := []json.RawMessage{b}
	if b[0] == '[' {
		if err := json.Unmarshal(b, &items); err != nil {
			return err
		}
	}
	for _, raw := range items {
		var text string
		if json.Unmarshal(raw, &text) != nil {
			text = string(raw)
		}
		*l = append(*l, text)
	}
	return nil
}

// pinned reports whether a condition leaves only known principals.
func (g *openGrant) pinned() bool {
	for operator, keys := range g.Condition {
		for key, values := range keys {
			if pins(strings.ToLower(operator), strings.ToLower(key), values) {
				return true
			}
		}
	}
	return false
}

// identifying are the condition keys whose fixed values name who a caller is or
// where it comes from.
var identifying = map[string]bool{
	"aws:principalarn": true, "aws:principalaccount": true, "aws:principalorgid": true, "aws:principalorgpaths": true,
	"aws:sourcearn": true, "aws:sourceaccount": true, "aws:sourceowner": true, "aws:sourceorgid": true, "aws:sourceorgpaths": true,
	"aws:sourcevpc": true, "aws:sourcevpce": true, "aws:userid": true, "aws:username": true,
}

// pins reports whether all values of a condition are fixed. Operators that hold
// for an absent key, and ForAllValues, which holds for none, pin nothing.
func pins(operator, key string, values []string) bool {
	operator = strings.TrimPrefix(operator, "foranyvalue:")
	fixed := func(string) bool { return false }
	switch {
	case key == "aws:sourceip" && operator == "ipaddress":
		fixed = narrow
	case !identifying[key]:
	case operator == "stringequals" || operator == "stringequalsignorecase":
		fixed = func(v string) bool { return v != "" && !strings.Contains(v, "${") }
	case operator == "stringlike" || operator == "arnequals" || operator == "arnlike":
		fixed = named
	}
	for _, v := range values {
		if !fixed(v) {
			return false
		}
	}
	return len(values) > 0
}

// ofAccount is an ARN whose account is fixed.
var ofAccount = regexp.MustCompile(`^arn:[a-z-]+:[a-z0-9-]+:[a-z0-9*?-]*:\d{12}:`)

// named reports whether a pattern is fixed, or at least of one account.
func named(v string) bool {
	if strings.Contains(v, "${") || v == "" {
		return false
	}
	return !strings.ContainsAny(v, "*?") || ofAccount.MatchString(v)
}

// Prefixes that are shorter than these are everywhere (IAM User Guide).
const (
	shortest4 = 8
	shortest6 = 32
)

// narrow reports whether a network is not the whole internet, or most of it.
func narrow(v string) bool {
	if _, err := netip.ParseAddr(v); err == nil {
		return true
	}
	network, err := netip.ParsePrefix(v)
	if err != nil {
		return false
	}
	if network.Addr().Is4() {
		return network.Bits() >= shortest4
	}
	return network.Bits() >= shortest6
}
