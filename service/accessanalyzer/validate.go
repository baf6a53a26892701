package accessanalyzer

import (
	"context"
	"strconv"
	"strings"
	"unicode"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/accessanalyzer"
	"github.com/aws/aws-sdk-go-v2/service/accessanalyzer/types"

	"github.com/garrison-cloud/garrison/internal/page"
)

const (
	validateToken = "accessanalyzer.ValidatePolicy"
	// maxDocument bounds what is looked into, in bytes. The largest policies of
	// AWS's are a quarter of it.
	maxDocument = 128 << 10
	// maxResults is the most findings on a page, and how many there are unless
	// asked otherwise.
	maxResults = 1000
)

// A validation looks one document over and gathers findings.
type validation struct {
	text     string
	kind     types.PolicyType
	resource types.ValidatePolicyResourceType
	known    actions
	version  string
	findings []types.ValidatePolicyFinding
}

// ValidatePolicy checks a policy's grammar and wisdom (IAM User Guide, "IAM
// policy validation check reference"). A document that is wrong is an answer, not
// an error.
func (s *Service) ValidatePolicy(_ context.Context, in *accessanalyzer.ValidatePolicyInput) (*accessanalyzer.ValidatePolicyOutput, error) {
	text := *in.PolicyDocument
	if len(text) > maxDocument {
		return nil, invalid("policyDocument", "The policy document is larger than "+strconv.Itoa(maxDocument)+" bytes.")
	}
	if in.ValidatePolicyResourceType != "" && in.PolicyType != types.PolicyTypeResourcePolicy {
		return nil, invalid("validatePolicyResourceType", "validatePolicyResourceType can only be specified with the policy type RESOURCE_POLICY.")
	}
	v := validation{text: text, kind: in.PolicyType, resource: in.ValidatePolicyResourceType, known: s.known}
	v.document()
	return v.page(in)
}

func invalid(field, message string) error {
	return &types.ValidationException{
		Message: &message, Reason: types.ValidationExceptionReasonFieldValidationFailed,
		FieldList: []types.ValidationExceptionField{{Name: &field, Message: &message}},
	}
}

// page cuts the findings into pages.
func (v *validation) page(in *accessanalyzer.ValidatePolicyInput) (*accessanalyzer.ValidatePolicyOutput, error) {
	begin, limit := 0, maxResults
	if in.MaxResults != nil {
		if limit = int(*in.MaxResults); limit < 1 || limit > maxResults {
			return nil, invalid("maxResults", "maxResults must be between 1 and "+strconv.Itoa(maxResults)+".")
		}
	}
	if in.NextToken != nil {
		at, err := page.Position(validateToken, *in.NextToken)
		if err == nil {
			begin, err = strconv.Atoi(string(at))
		}
		if err != nil || begin < 0 || begin > len(v.findings) {
			return nil, invalid("nextToken", "The nextToken is not valid.")
		}
	}
	end := min(begin+limit, len(v.findings))
	out := &accessanalyzer.ValidatePolicyOutput{Findings: append([]types.ValidatePolicyFinding{}, v.findings[begin:end]...)}
	if end < len(v.findings) {
		out.NextToken = aws.String(page.Token(validateToken, []byte(strconv.Itoa(end))))
	}
	return out, nil
}

const reference = "https://docs.aws.amazon.com/IAM/latest/UserGuide/access-analyzer-reference-policy-checks.html#access-analyzer-reference-policy-checks-"

// anchors are how the reference names the types of findings.
var anchors = map[types.ValidatePolicyFindingType]string{
	types.ValidatePolicyFindingTypeError: "error-", types.ValidatePolicyFindingTypeWarning: "general-warning-",
	types.ValidatePolicyFindingTypeSecurityWarning: "security-warning-", types.ValidatePolicyFindingTypeSuggestion: "suggestion-",
}

func (v *validation) add(t types.ValidatePolicyFindingType, code, details string, at ...*node) {
	f := types.ValidatePolicyFinding{
		FindingType: t, IssueCode: aws.String(code), FindingDetails: aws.String(details),
		LearnMoreLink: aws.String(reference + anchors[t] + strings.ReplaceAll(strings.ToLower(code), "_", "-")), Locations: []types.Location{},
	}
	for _, n := range at {
		path := n.path
		if path == nil {
			path = []types.PathElement{}
		}
		f.Locations = append(f.Locations, types.Location{
			Path: path, Span: &types.Span{Start: position(v.text, n.start), End: position(v.text, n.end)},
		})
	}
	v.findings = append(v.findings, f)
}

func (v *validation) fault(code, details string, at ...*node) {
	v.add(types.ValidatePolicyFindingTypeError, code, details, at...)
}

func (v *validation) warn(code, details string, at ...*node) {
	v.add(types.ValidatePolicyFindingTypeWarning, code, details, at...)
}

func (v *validation) caution(code, details string, at ...*node) {
	v.add(types.ValidatePolicyFindingTypeSecurityWarning, code, details, at...)
}

func (v *validation) suggest(code, details string, at ...*node) {
	v.add(types.ValidatePolicyFindingTypeSuggestion, code, details, at...)
}

// quotas are the largest documents, in characters.
const (
	identityQuota = 6144
	scpQuota      = 5120
)

func (v *validation) document() {
	root, at, err := readDocument(v.text)
	if err != nil {
		p := position(v.text, at)
		v.fault("JSON_SYNTAX_ERROR", "Fix the JSON syntax error at index "+strconv.Itoa(int(*p.Offset))+" line "+strconv.Itoa(int(*p.Line))+
			" column "+strconv.Itoa(int(*p.Column))+".", &node{start: at, end: at})
		return
	}
	if root.kind != 'o' {
		v.typed(&root, "Object")
		return
	}
	v.size(&root)
	v.outermost(&root)
	list := root.get("Statement")
	switch {
	case list == nil:
		v.fault("MISSING_STATEMENT", "Add a statement to the policy", &root)
	case list.kind == 'o':
		v.statements([]*node{list})
	case list.kind != 'a':
		v.typed(list, "Array")
	case len(list.items) == 0:
		v.fault("MISSING_STATEMENT", "Add a statement to the policy", list)
	default:
		v.statements(list.list())
	}
}

func (v *validation) size(root *node) {
	count := 0
	for _, c := range v.text {
		if !unicode.IsSpace(c) || v.kind == types.PolicyTypeServiceControlPolicy {
			count++
		}
	}
	n := strconv.Itoa(count)
	switch {
	case v.kind == types.PolicyTypeIdentityPolicy && count > identityQuota:
		v.warn("POLICY_SIZE_EXCEEDS_IDENTITY_POLICY_QUOTA", "The "+n+" characters in the identity policy, excluding whitespace, exceed the "+
			strconv.Itoa(identityQuota)+" character maximum for inline and managed policies. We recommend that you use multiple granular policies.", root)
	case v.kind == types.PolicyTypeServiceControlPolicy && count > scpQuota:
		v.fault("POLICY_SIZE_EXCEEDS_SCP_QUOTA", "The "+n+" characters in the service control policy (SCP) exceed the "+
			strconv.Itoa(scpQuota)+" character maximum for SCPs. We recommend that you use multiple granular policies.", root)
	}
}

func (v *validation) outermost(root *node) {
	for i := range root.members {
		m := &root.members[i]
		switch m.name {
		case "Statement":
		case "Version", "Id":
			if m.value.kind != 's' {
				v.typed(&m.value, "String")
			}
		default:
			v.element(root, m)
		}
	}
	version := root.get("Version")
	switch {
	case version == nil:
		v.warn("MISSING_VERSION", "We recommend that you specify the Version element to help you with debugging permission issues.", root)
	case version.kind == 's':
		v.version = version.text
		if v.version != "2012-10-17" && v.version != "2008-10-17" {
			v.fault("INVALID_VERSION", "The version "+v.version+" is not valid. Use one of the following versions: 2012-10-17, 2008-10-17", version)
		}
	}
}

// element tells of an element that there is not, at its name.
func (v *validation) element(parent *node, m *member) {
	at := &node{start: m.nameStart, end: m.nameAfter, path: below(parent.path, &types.PathElementMemberKey{Value: m.name})}
	v.fault("INVALID_POLICY_ELEMENT", "The policy element "+m.name+" is not valid.", at)
}

func (v *validation) typed(n *node, want string) {
	v.fault("DATA_TYPE_MISMATCH", "The text does not match the expected JSON data type "+want+".", n)
}
