package iam

import (
	"regexp"
	"strings"
)

// actionElement wants an Action or a NotAction with something in it.
func (x *parser) actionElement(r *raw, s *statement) error {
	s.notAction = r.notAction != nil
	if len(r.actions) == 0 {
		return x.refuse("Policy statement must contain actions.", "Missing required field Action")
	}
	return nil
}

func (x *parser) actions(r *raw, s *statement) error {
	for _, name := range r.actions {
		if err := x.checkAction(name); err != nil {
			return err
		}
		s.actions = append(s.actions, newAction(name))
	}
	return nil
}

var vendorForm = regexp.MustCompile(`^(\*|[a-zA-Z0-9.-]+)$`)

func (x *parser) checkAction(name string) error {
	const badAction = "Policy has invalid action"
	vendor, rest, found := strings.Cut(name, ":")
	switch {
	case x.kind == TrustPolicy && !strings.EqualFold(vendor, "sts"):
		return x.refusef("AssumeRole policy may only specify STS AssumeRole actions.")
	case name == "*":
		return nil
	case !found:
		return x.refuse("Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.", badAction)
	case strings.Contains(rest, ":"):
		return x.refuse("Actions/Condition can contain only one colon.", badAction)
	case !vendorForm.MatchString(vendor):
		return x.refuse("Vendor "+vendor+" is not valid", badAction)
	default:
		return nil
	}
}
