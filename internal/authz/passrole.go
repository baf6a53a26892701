package authz

// Condition keys of iam:PassRole (Service Authorization Reference, "Condition keys
// for AWS Identity and Access Management").
const (
	passedToService    = "iam:passedtoservice"
	associatedResource = "iam:associatedresourcearn"
)

// PassRole asks whether the caller may hand a role to a service, which will then
// act with the role's permissions. Whatever lets a caller set a role, such as an
// instance profile or a function, chains it by And to its own question: who may
// configure a service must not gain a role by it. service is a principal's name,
// such as "lambda.amazonaws.com"; resource is the ARN of what gets the role, empty
// where AWS names none. AWS asks for this in the caller's account alone; that the
// role is in it, and lets the service in, is the service's to check.
func PassRole(role, service, resource string) Target {
	t := Target{Action: "iam:PassRole", Resource: role, Conditions: map[string][]string{passedToService: {service}}}
	if resource != "" {
		t.Conditions[associatedResource] = []string{resource}
	}
	return t
}
