package federation

import (
	"regexp"
	"slices"
	"strings"
)

// Attributes are what an assertion says of a user beside the name.
type Attributes struct {
	// Roles are the pairs of a role's and a provider's ARN that the user may have.
	Roles []RolePair
	// SessionName names the session: always set.
	SessionName string
	// SourceIdentity, Tags and Transitive are for the session.
	SourceIdentity string
	Tags           map[string]string
	Transitive     []string
	// Keys are the values of the condition keys that directories' attributes stand
	// for, in lower case, such as "saml:edupersonaffiliation".
	Keys map[string][]string
}

// A RolePair is a role that a user may assume by a provider.
type RolePair struct{ Role, Provider string }

// Attributes of AWS's own (IAM User Guide, "Configure SAML assertions for the
// authentication response"). SessionDuration is for sign-in to a console alone.
const (
	awsAttribute = "https://aws.amazon.com/SAML/Attributes/"
	tagAttribute = "PrincipalTag:"
)

var sessionName = regexp.MustCompile(`^[\w+=,.@-]{2,64}$`)

// parse reads the attributes of a signed assertion.
func (a *Attributes) parse(assertion *node) error {
	for _, statement := range assertion.all(nsAssertion, "AttributeStatement") {
		for _, attribute := range statement.all(nsAssertion, "Attribute") {
			values, ok := valuesOf(attribute)
			if !ok {
				return invalid("Invalid SAMLResponse")
			}
			if err := a.take(attribute.attr("Name"), values); err != nil {
				return err
			}
		}
	}
	switch {
	case len(a.Roles) == 0:
		return invalid("Role is required in AuthnResponse")
	case a.SessionName == "":
		return invalid("RoleSessionName is required in AuthnResponse")
	default:
		return nil
	}
}

// valuesOf returns an attribute's values that are text. Values of elements are for
// others, so they make only an attribute of ours unreadable.
func valuesOf(attribute *node) ([]string, bool) {
	var out []string
	for _, v := range attribute.all(nsAssertion, "AttributeValue") {
		text, ok := v.value()
		if !ok && strings.HasPrefix(attribute.attr("Name"), awsAttribute) {
			return nil, false
		}
		if ok {
			out = append(out, text)
		}
	}
	return out, true
}

func (a *Attributes) take(name string, values []string) error {
	own, ours := strings.CutPrefix(name, awsAttribute)
	if !ours {
		a.takeKey(name, values)
		return nil
	}
	if key, ok := strings.CutPrefix(own, tagAttribute); ok {
		return a.takeTag(key, values)
	}
	switch own {
	case "Role":
		return a.takeRoles(values)
	case "RoleSessionName":
		if a.SessionName != "" || len(values) != 1 || !sessionName.MatchString(values[0]) {
			return invalid("RoleSessionName in AuthnResponse must match [a-zA-Z_0-9+=,.@-]{2,64}")
		}
		a.SessionName = values[0]
	case "SourceIdentity":
		if a.SourceIdentity != "" || len(values) != 1 {
			return checkSource("")
		}
		a.SourceIdentity = values[0]
		return checkSource(a.SourceIdentity)
	case "TransitiveTagKeys":
		a.Transitive = append(a.Transitive, values...)
	}
	return nil
}

// takeRoles reads pairs of ARNs, which come in either order.
func (a *Attributes) takeRoles(values []string) error {
	for _, v := range values {
		first, second, ok := strings.Cut(v, ",")
		first, second = strings.TrimSpace(first), strings.TrimSpace(second)
		if strings.Contains(first, ":saml-provider/") {
			first, second = second, first
		}
		if !ok || !strings.Contains(first, ":role/") || !strings.Contains(second, ":saml-provider/") {
			return invalid("The Role attribute must have pairs of a role's and a provider's ARN")
		}
		a.Roles = append(a.Roles, RolePair{Role: first, Provider: second})
	}
	return nil
}

func (a *Attributes) takeTag(key string, values []string) error {
	if _, taken := a.Tags[key]; taken || key == "" || len(values) != 1 {
		return invalid("A PrincipalTag attribute must have one value and come once")
	}
	if a.Tags == nil {
		a.Tags = map[string]string{}
	}
	a.Tags[key] = values[0]
	return nil
}

// takeKey keeps the values of what a condition key stands for.
func (a *Attributes) takeKey(name string, values []string) {
	key, ok := samlKeys[strings.ToLower(name)]
	if !ok || len(values) == 0 {
		return
	}
	if a.Keys == nil {
		a.Keys = map[string][]string{}
	}
	a.Keys[key] = append(a.Keys[key], values...)
}

// May reports whether the user may have the role by the provider.
func (a *Attributes) May(role, provider string) bool {
	return slices.Contains(a.Roles, RolePair{Role: role, Provider: provider})
}

// samlKeys are the condition keys by the name of the attribute that they stand for
// (IAM User Guide, "Mapping SAML attributes to AWS trust policy context keys").
var samlKeys = map[string]string{
	"urn:oid:1.3.6.1.4.1.5923.1.1.1.1":  "saml:edupersonaffiliation",
	"urn:oid:1.3.6.1.4.1.5923.1.1.1.2":  "saml:edupersonnickname",
	"urn:oid:1.3.6.1.4.1.5923.1.1.1.3":  "saml:edupersonorgdn",
	"urn:oid:1.3.6.1.4.1.5923.1.1.1.4":  "saml:edupersonorgunitdn",
	"urn:oid:1.3.6.1.4.1.5923.1.1.1.5":  "saml:edupersonprimaryaffiliation",
	"urn:oid:1.3.6.1.4.1.5923.1.1.1.6":  "saml:edupersonprincipalname",
	"urn:oid:1.3.6.1.4.1.5923.1.1.1.7":  "saml:edupersonentitlement",
	"urn:oid:1.3.6.1.4.1.5923.1.1.1.8":  "saml:edupersonprimaryorgunitdn",
	"urn:oid:1.3.6.1.4.1.5923.1.1.1.9":  "saml:edupersonscopedaffiliation",
	"urn:oid:1.3.6.1.4.1.5923.1.1.1.10": "saml:edupersontargetedid",
	"urn:oid:1.3.6.1.4.1.5923.1.1.1.11": "saml:edupersonassurance",
	"urn:oid:1.3.6.1.4.1.5923.1.2.1.2":  "saml:eduorghomepageuri",
	"urn:oid:1.3.6.1.4.1.5923.1.2.1.3":  "saml:eduorgidentityauthnpolicyuri",
	"urn:oid:1.3.6.1.4.1.5923.1.2.1.4":  "saml:eduorglegalname",
	"urn:oid:1.3.6.1.4.1.5923.1.2.1.5":  "saml:eduorgsuperioruri",
	"urn:oid:1.3.6.1.4.1.5923.1.2.1.6":  "saml:eduorgwhitepagesuri",
	"urn:oid:2.5.4.3":                   "saml:cn",

	"http://schemas.xmlsoap.org/claims/commonname":                            "saml:commonname",
	"http://schemas.xmlsoap.org/ws/2005/05/identity/claims/name":              "saml:name",
	"http://schemas.xmlsoap.org/ws/2005/05/identity/claims/givenname":         "saml:givenname",
	"http://schemas.xmlsoap.org/ws/2005/05/identity/claims/surname":           "saml:surname",
	"http://schemas.xmlsoap.org/ws/2005/05/identity/claims/emailaddress":      "saml:mail",
	"http://schemas.microsoft.com/ws/2008/06/identity/claims/primarygroupsid": "saml:primarygroupsid",

	"urn:oid:2.5.4.4":                    "saml:surname",
	"urn:oid:2.5.4.42":                   "saml:givenname",
	"urn:oid:2.5.4.45":                   "saml:x500uniqueidentifier",
	"urn:oid:0.9.2342.19200300.100.1.1":  "saml:uid",
	"urn:oid:0.9.2342.19200300.100.1.3":  "saml:mail",
	"urn:oid:0.9.2342.19200300.100.1.45": "saml:organizationstatus",
}
