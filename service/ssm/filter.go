package ssm

import (
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"github.com/garrison-cloud/garrison/internal/store"
)

// A filter is what the values of one key have to be.
type filter struct {
	key    string
	option string
	values []string
}

// filters must all be passed.
type filters []filter

const (
	equals     = "Equals"
	beginsWith = "BeginsWith"
	contains   = "Contains"
	recursive  = "Recursive"
	oneLevel   = "OneLevel"
	tagPrefix  = "tag:"
)

// allowed are the keys of one operation and their options, the usual one first.
type allowed map[string][]string

var (
	// pathFilters are those of GetParametersByPath, describeFilters those of
	// DescribeParameters (Systems Manager API Reference, ParameterStringFilter).
	pathFilters = allowed{
		"Type": {equals, beginsWith}, "KeyId": {equals, beginsWith}, "Label": {equals},
	}
	describeFilters = allowed{
		"Name": {equals, beginsWith, contains}, "Type": {equals, beginsWith}, "KeyId": {equals, beginsWith},
		"Tier": {equals, beginsWith}, "DataType": {equals, beginsWith}, "Path": {oneLevel, recursive}, tagPrefix: {equals, beginsWith},
	}
)

// newFilters reads and checks filters.
func newFilters(given []types.ParameterStringFilter, of allowed) (filters, error) {
	out := make(filters, 0, len(given))
	for _, g := range given {
		f := filter{key: aws.ToString(g.Key), option: aws.ToString(g.Option), values: g.Values}
		if slices.ContainsFunc(out, func(o filter) bool { return o.key == f.key }) {
			return nil, badFilterKey("The following filter is duplicated in the request: %s. A request can contain only one occurrence of a specific filter.", f.key)
		}
		if err := f.check(of); err != nil {
			return nil, err
		}
		out = append(out, f)
	}
	return out, nil
}

func (f *filter) check(of allowed) error {
	kind := f.key
	if strings.HasPrefix(kind, tagPrefix) {
		kind = tagPrefix
	}
	options, ok := of[kind]
	if !ok {
		return badFilterKey("The following filter key is not valid: %s. Valid filter keys include: [%s].", f.key, of.names())
	}
	if f.option == "" {
		f.option = options[0]
	}
	if !slices.Contains(options, f.option) {
		return badFilterOption("The following filter option is not valid: %s. Valid options include: [%s].", f.option, sorted(options))
	}
	if len(f.values) == 0 && kind != tagPrefix {
		return badFilterValue("The following filter values are missing : null for filter key %s.", f.key)
	}
	return f.checkValues()
}

func (f *filter) checkValues() error {
	var valid []string
	switch f.key {
	case "Type":
		for _, t := range types.ParameterType("").Values() {
			valid = append(valid, string(t))
		}
	case "Tier":
		for _, t := range types.ParameterTier("").Values() {
			valid = append(valid, string(t))
		}
	case "Path":
		return f.checkPaths()
	case "Label":
		if len(f.values) != 1 {
			return badFilterValue("The filter key Label takes one value.")
		}
		return nil
	default:
		return nil
	}
	for _, v := range f.values {
		if !slices.ContainsFunc(valid, func(known string) bool { return compare(f.option, known, v) }) {
			return badFilterValue("The following filter value is not valid: %s. Valid values include: [%s].", v, sorted(valid))
		}
	}
	return nil
}

func (f *filter) checkPaths() error {
	for i, v := range f.values {
		if err := checkPath(v); err != nil {
			return err
		}
		if inner := v[1:]; startsFold(inner, "aws") || startsFold(inner, "ssm") {
			return invalid(`Filters for common parameters can't be prefixed with "aws" or "ssm" (case-insensitive). When using global parameters, please specify within a global namespace.`)
		}
		f.values[i] = strings.TrimSuffix(v, "/")
	}
	return nil
}

func (a allowed) names() string {
	var names []string
	for name := range a {
		if name != tagPrefix {
			names = append(names, name)
		}
	}
	return sorted(names)
}

func sorted(names []string) string {
	names = slices.Clone(names)
	slices.Sort(names)
	return strings.Join(names, ", ")
}

// pass tells that a parameter's latest version passes all filters.
func (fs filters) pass(p *parameter) bool {
	for i := range fs {
		if !fs[i].passes(p) {
			return false
		}
	}
	return true
}

func (f *filter) passes(p *parameter) bool {
	switch f.key {
	case "Name":
		return f.matchesName(p)
	case "Type":
		return f.matches(string(p.Latest.Type))
	case "KeyId":
		return p.secure() && f.matches(p.Latest.KeyID)
	case "Tier":
		return f.matches(string(p.Latest.Tier))
	case "DataType":
		return f.matches(p.Latest.DataType)
	case "Path":
		return slices.ContainsFunc(f.values, func(path string) bool { return under(p, path, f.option == recursive) })
	case "Label":
		_, has := p.Labels[f.values[0]]
		return has
	}
	value, has := p.Tags[f.key[len(tagPrefix):]]
	return has && (len(f.values) == 0 || f.matches(value))
}

// matchesName compares names with and without the slash in front, which a filter
// may leave out.
func (f *filter) matchesName(p *parameter) bool {
	return slices.ContainsFunc(f.values, func(v string) bool {
		return compare(f.option, p.name(), v) || p.Rooted && !strings.HasPrefix(v, "/") && compare(f.option, p.Path, v)
	})
}

func (f *filter) matches(value string) bool {
	return slices.ContainsFunc(f.values, func(v string) bool { return compare(f.option, value, v) })
}

func compare(option, value, wanted string) bool {
	switch option {
	case beginsWith:
		return strings.HasPrefix(value, wanted)
	case contains:
		return strings.Contains(value, wanted)
	default:
		return value == wanted
	}
}

// under tells that p is in the hierarchy of a path, directly or at any depth.
func under(p *parameter, path string, deep bool) bool {
	rest, in := strings.CutPrefix("/"+p.Path, path+"/")
	return in && (deep || !strings.Contains(rest, "/"))
}

// label is the label that is filtered by, empty for none.
func (fs filters) label() string {
	for i := range fs {
		if fs[i].key == "Label" {
			return fs[i].values[0]
		}
	}
	return ""
}

// version is the version that a list is to show of p: the one with the label that
// is filtered by, or the latest.
func (fs filters) version(tx *store.Tx, p *parameter) (*version, error) {
	label := fs.label()
	if label == "" {
		return &p.Latest, nil
	}
	return p.version(tx, p.Labels[label])
}

// passesPublic tells that public parameters, which are plain texts, pass.
func (fs filters) passesPublic() bool {
	for i := range fs {
		if fs[i].key != "Type" || !fs[i].matches(string(types.ParameterTypeString)) {
			return false
		}
	}
	return true
}
