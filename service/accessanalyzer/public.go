package accessanalyzer

import (
	"context"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/accessanalyzer"
	"github.com/aws/aws-sdk-go-v2/service/accessanalyzer/types"

	engine "github.com/garrison-cloud/garrison/engine/iam"
)

// CheckNoPublicAccess proves that a resource's policy lets in only whom it names:
// accounts, principals and services, or callers that a condition holds to fixed
// values of what a caller cannot choose (Amazon S3 User Guide, "The meaning of
// public").
func (s *Service) CheckNoPublicAccess(_ context.Context, in *accessanalyzer.CheckNoPublicAccessInput) (*accessanalyzer.CheckNoPublicAccessOutput, error) {
	list, err := parsePolicy(*in.PolicyDocument, engine.ResourcePolicy)
	if err != nil {
		return nil, err
	}
	var reasons []types.ReasonSummary
	for i := range list {
		if !list[i].deny && !notPublic(&list[i], list) {
			reasons = append(reasons, reason("Public access granted in the following statement with ", &list[i]))
		}
	}
	out := &accessanalyzer.CheckNoPublicAccessOutput{
		Result:  types.CheckNoPublicAccessResultPass,
		Message: aws.String("The resource policy does not grant public access for the given resource type."),
	}
	if len(reasons) > 0 {
		out.Result, out.Reasons = types.CheckNoPublicAccessResultFail, reasons
		out.Message = aws.String("The resource policy grants public access for the given resource type.")
	}
	return out, nil
}

func notPublic(allow *statement, list []statement) bool {
	pieces, ok := allow.pieces(len(list))
	for i := range pieces {
		p := &pieces[i]
		if !p.openToAll() || slices.ContainsFunc(list, func(s statement) bool { return p.deniedBy(&s) || p.closedBy(&s) }) {
			continue
		}
		return false
	}
	return ok
}

// openToAll reports whether the piece names no one: everyone, or whoever an
// identity provider that anyone can join vouches for.
func (p *piece) openToAll() bool {
	for _, t := range p.principals.tokens {
		if t == everyone && !slices.ContainsFunc(p.conditions, pins) {
			return true
		}
		if t.kind == "Federated" && !strings.Contains(t.name, ":saml-provider/") && !slices.ContainsFunc(p.conditions, t.audience) {
			return true
		}
	}
	return false
}

// audience reports whether a condition holds an identity provider's callers to
// known applications or subjects.
func (t token) audience(c condition) bool {
	host := strings.ToLower(t.name)
	if _, after, ok := strings.Cut(host, ":oidc-provider/"); ok {
		host = after
	}
	name, ok := strings.CutPrefix(c.key, host+":")
	return ok && (name == "aud" || name == "sub" || name == "app_id") && c.fixed()
}

// closedBy reports whether a denial leaves of the piece only callers that a
// trusted key holds to fixed values: "deny everyone who is not of my organization".
func (p *piece) closedBy(s *statement) bool {
	if !s.deny || len(s.conditions) != 1 {
		return false
	}
	c := s.conditions[0]
	opposite := c
	opposite.negated = false
	return c.negated && c.quantifier == "" && pins(opposite.strict()) &&
		p.actions.within(&s.actions) && p.resources.within(&s.resources) && p.principals.deniedBy(&s.principals)
}

// strict is the condition without IfExists, which a negation does not heed.
func (c condition) strict() condition {
	c.ifExists = false
	return c
}

// fixed reports whether a condition asks for one of some known values.
func (c *condition) fixed() bool {
	if c.negated || c.ifExists || c.quantifier == "forallvalues" {
		return false
	}
	switch c.operator {
	case "stringequals", "stringequalsignorecase", "stringlike", "arnlike":
	default:
		return false
	}
	for _, v := range c.values {
		if v == "" || strings.ContainsAny(v, "*?") || variable(v) {
			return false
		}
	}
	return len(c.values) > 0
}

// trusted are keys whose values a stranger cannot choose.
var trusted = map[string]bool{
	"aws:principalarn": true, "aws:principalaccount": true, "aws:principalorgid": true, "aws:userid": true, "aws:sourcearn": true,
	"aws:sourceaccount": true, "aws:sourceowner": true, "aws:sourceorgid": true, "aws:sourcevpc": true, "aws:sourcevpce": true,
	"kms:calleraccount": true, "s3:dataaccesspointaccount": true, "s3:dataaccesspointarn": true,
}

// pins reports whether a condition keeps strangers out.
func pins(c condition) bool {
	switch {
	case c.key == "aws:sourceip":
		return c.addresses()
	case c.key == "aws:principalorgpaths": // an organization's path begins with its id
		return c.organizationPaths()
	case !trusted[c.key]:
		return false
	case c.operator == "arnlike" || c.operator == "stringlike":
		return c.fixed() || c.key == "aws:principalarn" && c.accounts()
	default:
		return c.fixed()
	}
}

// widest is the shortest prefix of addresses that is not the whole Internet
// (Amazon S3 User Guide, "The meaning of public").
const (
	widestIPv4 = 8
	widestIPv6 = 32
)

func (c *condition) addresses() bool {
	if c.operator != "ipaddress" || c.negated || c.ifExists || c.quantifier != "" || len(c.values) == 0 {
		return false
	}
	for _, v := range c.values {
		p, ok := prefix(v)
		if !ok || p.Addr().Is4() && p.Bits() < widestIPv4 || p.Addr().Is6() && p.Bits() < widestIPv6 {
			return false
		}
	}
	return true
}

func (c *condition) organizationPaths() bool {
	if c.negated || c.ifExists || c.quantifier != "foranyvalue" || c.operator != "stringlike" && c.operator != "stringequals" || len(c.values) == 0 {
		return false
	}
	for _, v := range c.values {
		id, _, ok := strings.Cut(v, "/")
		if !ok || !strings.HasPrefix(id, "o-") || strings.ContainsAny(id, "*?$") {
			return false
		}
	}
	return true
}

// accounts reports whether every ARN names its account outright.
func (c *condition) accounts() bool {
	if c.operator != "arnlike" || c.negated || c.ifExists || c.quantifier == "forallvalues" || len(c.values) == 0 {
		return false
	}
	const parts, account = 6, 4
	for _, v := range c.values {
		list := strings.SplitN(v, ":", parts)
		if len(list) != parts || len(list[account]) != 12 || strings.Trim(list[account], "0123456789") != "" {
			return false
		}
	}
	return true
}
