package iam

import (
	"fmt"
	"strings"
)

const badResource = "Policy has invalid resource"

// resourceElement wants a Resource or a NotResource with something in it, but in
// a trust policy, where the role itself is meant.
func (x *parser) resourceElement(r *raw, s *statement) error {
	s.notResource = r.notResource != nil
	switch {
	case x.kind == TrustPolicy && r.resource != nil:
		return x.refusef("Has prohibited field Resource")
	case x.kind == TrustPolicy && r.notResource != nil:
		return x.refusef("AssumeRole policy must not contain resources.")
	case x.kind != TrustPolicy && len(r.resources) == 0:
		return x.refuse("Policy statement must contain resources.", "Missing required field Resource")
	default:
		return nil
	}
}

// legacy finds ARNs that IAM's older parser chokes on.
func (x *parser) legacy(r *raw, _ *statement) error {
	for _, name := range r.resources {
		parts := strings.Split(name, ":")
		if parts[0] != "arn" || len(parts) < 3 || !partition(parts[1]) {
			continue // what is wrong with it has a name of its own
		}
		head := strings.Join(parts[:min(5, len(parts))], ":")
		if parts[2] == "" || len(parts) < 6 && strings.Contains(name, "::") || x.variables && strings.Contains(head, "${") {
			return x.refuse(legacyParsing, badResource)
		}
	}
	return nil
}

func (x *parser) resources(r *raw, s *statement) error {
	for _, name := range r.resources {
		name, err := x.resource(name)
		if err != nil {
			return err
		}
		t, ok := newTemplate(name, true, x.variables)
		if !ok {
			return x.badSyntax()
		}
		s.resources = append(s.resources, t)
	}
	return nil
}

// resource checks one resource and returns it in full: IAM reads an ARN that
// ends early as one whose other parts may be anything, but not in a session
// policy (IAM User Guide, "IAM identifiers").
func (x *parser) resource(name string) (string, error) {
	if name == "*" {
		return name, nil
	}
	parts := strings.SplitN(name, ":", 6)
	if len(parts) == 1 {
		return "", x.refuse(fmt.Sprintf("Resource %s must be in ARN format or \"*\".", name), badResource)
	}
	given := len(parts)
	for len(parts) < 6 {
		parts = append(parts, "*")
	}
	full := "arn:" + strings.Join(parts[1:], ":")
	switch {
	case !partition(parts[1]):
		return "", x.refuse(fmt.Sprintf("Partition \"%s\" is not valid for resource \"%s\".", parts[1], full), badResource)
	case parts[0] != "arn":
		return "", x.refuse(fmt.Sprintf("Resource %s must be in ARN format or \"*\".", name), badResource)
	case x.kind.attached() && given < 6 && !strings.Contains(name, "*"):
		return "", x.refusef(badResource)
	case x.kind == SessionPolicy && given < 6:
		return "", x.refusef(legacyParsing)
	case x.kind.attached() || x.kind.organizational():
		return name, nil
	}
	return full, x.vendorRules(name, parts)
}

// vendorRules are IAM's for the services that it knows.
func (x *parser) vendorRules(name string, parts []string) error {
	vendor, region, account, resource := parts[2], parts[3], parts[4], parts[5]
	regional := region != "" && !wildcards(region)
	switch {
	case vendor == "" || wildcards(vendor):
		return x.refusef("Resource vendor must be fully qualified and cannot contain regexes.")
	case vendor == "s3" && regional && account == "": // an access point has both
		return x.refusef("Resource %s can not contain region information.", name)
	case vendor == "iam" && regional:
		return x.refusef("IAM resource %s cannot contain region information.", name)
	case vendor == "iam" && !iamPath(resource):
		return x.refusef("IAM resource path must either be \"*\" or start with %s.", strings.Join(iamPaths, ", "))
	default:
		return nil
	}
}

var iamPaths = []string{
	"user/", "federated-user/", "role/", "group/", "instance-profile/", "mfa/", "server-certificate/", "policy/",
	"sms-mfa/", "saml-provider/", "oidc-provider/", "report/", "access-report/",
}

func iamPath(resource string) bool {
	for _, p := range iamPaths {
		if strings.HasPrefix(resource, p) {
			return true
		}
	}
	return resource == "*"
}

func partition(s string) bool {
	switch s {
	case "aws", "aws-cn", "aws-us-gov", "aws-eusc", "aws-iso", "aws-iso-b", "aws-iso-e", "aws-iso-f":
		return true
	default:
		return wildcards(s)
	}
}

func wildcards(s string) bool { return strings.ContainsAny(s, "*?") }
