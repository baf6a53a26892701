package accessanalyzer

import (
	"regexp"
	"strings"

	"github.com/garrison-cloud/garrison/internal/arn"
)

func (v *validation) actionElement(n *node) {
	if n.kind == 'a' && len(n.items) == 0 {
		v.suggest("EMPTY_ARRAY_ACTION", "This statement includes no actions and does not affect the policy. Specify actions.", n)
	}
	names := n.strings()
	for _, s := range names {
		v.noVariable(s)
		service, _, ok := strings.Cut(s.text, ":")
		switch {
		case s.text == "*":
		case !ok || !v.known.exists(s.text):
			v.fault("INVALID_ACTION", "The action "+s.text+" does not exist.", s)
		case strings.ContainsAny(service, "*?"):
			v.suggest("WILDCARD_IN_SERVICE_NAME", "Avoid using wildcards (*, ?) in the service name because it might grant unintended access to other AWS services with similar names.", s)
		}
	}
	v.redundant(names, lower, "REDUNDANT_ACTION", func(all string) string {
		return "The " + all + " action(s) are redundant because they provide similar permissions. Update the policy to remove the redundant action such as: " + all + "."
	})
}

// maxCompared bounds the texts that are compared with each other.
const maxCompared = 200

// redundant tells of texts that another of the list covers.
func (v *validation) redundant(list []*node, fold func(string) string, code string, details func(all string) string) {
	if len(list) > maxCompared {
		return
	}
	var covered []*node
	var names []string
	for i, s := range list {
		if variable(s.text) {
			continue
		}
		for j, other := range list {
			p, q := newPattern(fold(s.text)), newPattern(fold(other.text))
			// of two that are alike the later is one too many
			if i == j || variable(other.text) || !p.within([]pattern{q}) || j > i && q.within([]pattern{p}) {
				continue
			}
			covered, names = append(covered, s), append(names, s.text)
			break
		}
	}
	if len(covered) > 0 {
		v.suggest(code, details(strings.Join(names, ", ")), covered...)
	}
}

// noVariable tells of a variable where none is filled in.
func (v *validation) noVariable(n *node) {
	if variable(n.text) {
		v.fault("VARIABLE_UNSUPPORTED_IN_ELEMENT", "Policy variables are supported in the Resource and Condition elements. Remove the policy variable "+n.text+" from this element.", n)
	}
}

func (v *validation) resourceElement(n *node) {
	if n.kind == 'a' && len(n.items) == 0 {
		v.suggest("EMPTY_ARRAY_RESOURCE", "This statement includes no resources and does not affect the policy. Specify resources.", n)
	}
	names := n.strings()
	for _, s := range names {
		v.arn(s)
		v.variables(s)
	}
	same := func(s string) string { return s }
	v.redundant(names, same, "REDUNDANT_RESOURCE", func(all string) string {
		return "The " + all + " resource ARN(s) are redundant because they reference the same resource. Review the use of wildcards (*)"
	})
}

var (
	partitions = map[string]bool{"aws": true, "aws-cn": true, "aws-us-gov": true, "aws-eusc": true, "aws-iso": true, "aws-iso-b": true, "aws-iso-e": true, "aws-iso-f": true}
	regionForm = regexp.MustCompile(`^[a-z]{2}(-[a-z]+)+-\d$`)
)

// arn looks at the parts of an ARN. Those with wildcards or variables may be any.
func (v *validation) arn(n *node) {
	if n.text == "*" {
		return
	}
	const fields = 6
	parts := strings.SplitN(n.text, ":", fields)
	switch {
	case parts[0] != "arn":
		v.fault("INVALID_ARN_PREFIX", "Add the required prefix (arn) to the resource ARN.", n)
		return
	case len(parts) < fields:
		v.fault("MISSING_ARN_FIELD", "Resource ARNs must include at least 6 fields in the following structure: arn:partition:service:region:account:resource", n)
		return
	}
	partition, service, region, account := parts[1], parts[2], parts[3], parts[4]
	if !open(partition) && !partitions[partition] {
		v.fault("INVALID_PARTITION", "The resource ARN for the service "+service+" does not support the partition "+partition+". Use the supported values: aws, aws-cn, aws-us-gov", n)
	}
	switch {
	case open(service):
		v.suggest("WILDCARD_IN_SERVICE_NAME", "Avoid using wildcards (*, ?) in the service name because it might grant unintended access to other AWS services with similar names.", n)
	case service != strings.ToLower(service):
		v.fault("INVALID_ARN_SERVICE_CASE", "Update the service name "+service+" in the resource ARN to use all lowercase letters.", n)
	}
	v.regionAndAccount(n, service, region, account)
}

func (v *validation) regionAndAccount(n *node, service, region, account string) {
	switch {
	case region == "" || open(region):
	case service == "iam":
		v.fault("ARN_REGION_NOT_ALLOWED", "The service iam does not support specifying a Region in the resource ARN.", n)
	case !regionForm.MatchString(region):
		v.fault("INVALID_ARN_REGION", "The Region "+region+" is not valid for this resource. Update the resource ARN to include a supported Region.", n)
	}
	if account != "" && account != "aws" && !open(account) && !arn.IsAccount(account) {
		v.fault("INVALID_ARN_ACCOUNT", "The resource ARN account ID "+account+" is not valid. Provide a 12-digit account ID.", n)
	}
}

// open reports whether a text may stand for others.
func open(s string) bool { return strings.ContainsAny(s, "*?") || variable(s) }

// variables looks at the form of a text's policy variables.
func (v *validation) variables(n *node) {
	rest := n.text
	if variable(rest) && v.version != "2012-10-17" {
		v.fault("VARIABLE_UNSUPPORTED_IN_VERSION", "To include variables in your policy, use the policy version 2012-10-17 or later.", n)
		return
	}
	for {
		_, after, found := strings.Cut(rest, "${")
		if !found {
			return
		}
		name, left, closed := strings.Cut(after, "}")
		if !closed {
			v.fault("MISSING_BRACE_IN_VARIABLE", "The policy variable is missing a closing curly brace. Add } after the variable text.", n)
			return
		}
		v.variable(n, name)
		rest = left
	}
}

func (v *validation) variable(n *node, name string) {
	key, otherwise, hasDefault := strings.Cut(name, ",")
	otherwise = strings.TrimSpace(otherwise)
	quoted := len(otherwise) > 1 && strings.HasPrefix(otherwise, "'") && strings.HasSuffix(otherwise, "'")
	switch {
	case name == "*" || name == "?" || name == "$":
	case key == "":
		v.fault("EMPTY_VARIABLE", "Empty policy variable. Remove the ${} variable structure or provide a variable within the structure.", n)
	case strings.Contains(key, " "):
		v.fault("UNSUPPORTED_SPACE_IN_VARIABLE", "A space is not supported within the policy variable text. Remove the space.", n)
	case hasDefault && !quoted:
		v.fault("MISSING_QUOTE_IN_VARIABLE", "The policy variable default value must begin and end with a single quote. Add the missing quote.", n)
	}
}
