package ssm

import (
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"github.com/garrison-cloud/garrison/internal/arn"
)

const (
	maxName   = 1011 // bytes of a name, with what the ARN puts before it
	maxLevels = 15
)

const (
	reservedMessage = `Parameter name: can't be prefixed with "aws" or "ssm" (case-insensitive).`
	pathMessage     = `Parameter name: can't be prefixed with "ssm" (case-insensitive). If formed as a path, it can consist of sub-paths divided by slash symbol; each sub-path can be formed as a mix of letters, numbers and the following 3 symbols .-_`
)

// checkName refuses a name that no parameter can be made under (Systems Manager
// User Guide, "Understanding requirements and constraints for parameter names").
func (s *Service) checkName(account, name string) error {
	path := strings.TrimPrefix(name, "/")
	deep := strings.Contains(path, "/")
	switch {
	case strings.HasPrefix(name, "arn:"):
		return invalid("Parameter name can't be an ARN: only the name itself can be given.")
	case !wellFormed(path):
		return invalid(pathMessage)
	case deep && path == name:
		return invalid("Parameter name must be a fully qualified name.")
	case strings.HasSuffix(path, "/"):
		return invalid("Parameter name must not end with slash.")
	case len(arnOf(s.region, account, path)) > maxName:
		return invalid("Parameter name is too long: with its ARN it may have %d characters.", maxName)
	case strings.Count(path, "/") >= maxLevels:
		return &types.HierarchyLevelLimitExceededException{
			Message: aws.String("A hierarchy can have a maximum of 15 levels."),
		}
	}
	return checkReserved(name, path, deep)
}

func checkReserved(name, path string, deep bool) error {
	switch {
	case startsFold(path, "aws") && deep:
		return denied("No access to reserved parameter name: %s.", name)
	case startsFold(path, "ssm") && deep:
		return invalid(pathMessage)
	case startsFold(path, "aws"), startsFold(path, "ssm"):
		return invalid(reservedMessage)
	}
	return nil
}

func startsFold(s, prefix string) bool {
	return len(s) >= len(prefix) && strings.EqualFold(s[:len(prefix)], prefix)
}

// wellFormed tells that a path is of letters, digits and .-_ between single slashes.
func wellFormed(path string) bool {
	if path == "" || path[0] == '/' || strings.Contains(path, "//") {
		return false
	}
	for i := range len(path) {
		if c := path[i]; c != '/' && !word(c) {
			return false
		}
	}
	return true
}

// word tells that c may be in a name.
func word(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '.' || c == '-' || c == '_'
}

// A reference is a parameter's name as a caller gives it, taken apart.
type reference struct {
	given    string // without spaces around
	name     string // without the selector; for an ARN the path, "" for what names no parameter here
	account  string
	byARN    bool
	selector string // a version or a label, with its colon; empty for the latest
}

// refer reads a name or an ARN with or without a selector, for a caller of account.
func (s *Service) refer(account, given string) reference {
	given = strings.TrimSpace(given)
	r := reference{given: given, account: account}
	if !strings.HasPrefix(given, "arn:") {
		r.name, r.selector = cutSelector(given)
		return r
	}
	r.byARN = true
	a, err := arn.Parse(given)
	path, is := strings.CutPrefix(a.Resource, "parameter/")
	if err != nil || !is || a.Service != "ssm" || a.Region != s.region || a.Partition != arn.Partition(s.region) {
		return r
	}
	if a.AccountID != "" && !arn.IsAccount(a.AccountID) {
		return r
	}
	r.account = a.AccountID
	r.name, r.selector = cutSelector(path)
	return r
}

func cutSelector(name string) (base, selector string) {
	if i := strings.LastIndexByte(name, ':'); i >= 0 {
		return name[:i], name[i:]
	}
	return name, ""
}

// path is the reference's parameter as rows and ARNs name it.
func (r *reference) path() string { return strings.TrimPrefix(r.name, "/") }

// leadsTo tells that the row has the name that was given: a name with a slash in
// front is another than one without.
func (r *reference) leadsTo(p *parameter) bool {
	return r.byARN || p.Rooted == strings.HasPrefix(r.name, "/")
}

// number is the version that the selector names of p.
func (r *reference) number(p *parameter) (int64, error) {
	if r.selector == "" {
		return p.Latest.Number, nil
	}
	wanted := r.selector[1:]
	if n, err := strconv.ParseInt(wanted, 10, 64); err == nil {
		if n < p.Oldest || n > p.Latest.Number {
			return 0, noVersion(wanted, p.name())
		}
		return n, nil
	}
	n, ok := p.Labels[wanted]
	if !ok {
		return 0, noVersion(wanted, p.name())
	}
	return n, nil
}

// check refuses a name in a read that could never be one.
func (r *reference) check() error {
	switch {
	case r.byARN && r.name == "":
		return invalid("Invalid ARN: it names no parameter of this Region.")
	case strings.HasPrefix(r.name, secretPrefix) && len(r.name) <= maxName:
		return nil // secrets' names have rules of their own
	case !wellFormed(r.path()):
		return invalid(pathMessage)
	}
	return nil
}
