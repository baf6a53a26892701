package authz

import (
	"strings"

	"github.com/garrison-cloud/garrison/engine/iam"
)

// Denied is the answer no. It names what was asked, and the policy type that
// said no or that said nothing.
type Denied struct {
	Principal        *Principal
	Action, Resource string
	Hide, Display    string
	Decision         iam.Decision
}

// Error returns AWS's words for the denial (IAM User Guide, "Troubleshoot
// access denied error messages").
func (d *Denied) Error() string {
	if k := d.Principal.Kind; k == iam.WebIdentity || k == iam.SAML { // who has no name of AWS's own yet
		return "Not authorized to perform " + d.Action
	}
	var b strings.Builder
	b.WriteString("User: ")
	if d.Principal.Kind == iam.Anonymous {
		b.WriteString("anonymous")
	} else {
		b.WriteString(d.Principal.ARN)
	}
	b.WriteString(" is not authorized to perform: ")
	b.WriteString(d.Action)
	if d.Hide != "" {
		b.WriteString(" ")
		b.WriteString(d.Hide)
		return b.String()
	}
	resource := d.Resource
	if d.Display != "" {
		resource = d.Display
	}
	if resource != "*" {
		b.WriteString(" on resource: ")
		b.WriteString(resource)
	}
	b.WriteString(" ")
	b.WriteString(d.Decision.Because())
	return b.String()
}
