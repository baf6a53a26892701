package cloudtrail

import (
	"slices"
	"strconv"
	"strings"

	"github.com/garrison-cloud/garrison/internal/audit"
)

// Names of the fields that advanced selectors can ask for (CloudTrail API Reference,
// AdvancedFieldSelector).
const (
	fieldCategory = "eventCategory"
	fieldReadOnly = "readOnly"
	fieldSource   = "eventSource"
	fieldName     = "eventName"
	fieldType     = "eventType"
	fieldKind     = "resources.type"
	fieldARN      = "resources.ARN"
	fieldConsole  = "sessionCredentialFromConsole"
	fieldIdentity = "userIdentity.arn"
)

// A field is a check of one field of an event. Positive operators are alternatives to
// each other, every negative one must hold (CloudTrail User Guide, "How CloudTrail
// evaluates multiple conditions for a field").
type field struct {
	fieldSelector
	kind string // resources.ARN is asked of resources of this type
}

// rule compiles the selector. The category and the resources' type are put into the
// rule itself; the type narrows what resources.ARN looks at.
func (a *advancedSelector) rule() rule {
	var r rule
	var kind string
	for _, f := range a.Fields {
		switch f.Field {
		case fieldCategory:
			r.data = f.Equals[0] == categoryData
		case fieldKind:
			kind = f.Equals[0]
			r.any = append(r.any, resourcePrefix{kind: kind})
		}
	}
	for _, f := range a.Fields {
		if f.Field != fieldCategory && f.Field != fieldKind {
			r.fields = append(r.fields, field{f, kind})
		}
	}
	return r
}

func (f *field) takes(e *audit.Event) bool {
	switch f.Field {
	case fieldReadOnly:
		return f.holds(strconv.FormatBool(e.ReadOnly))
	case fieldSource:
		return f.holds(e.Source)
	case fieldName:
		return f.holds(e.Name)
	case fieldType:
		if e.Type == "" {
			return f.holds("AwsApiCall")
		}
		return f.holds(e.Type)
	case fieldConsole:
		return f.holds("false") // nobody signs in by a console here
	case fieldIdentity:
		if e.Facts == nil || e.Facts.Principal == nil {
			return f.holds("")
		}
		return f.holds(e.Facts.Principal.ARN)
	case fieldARN:
		return slices.ContainsFunc(e.Resources, func(r audit.Resource) bool { return r.Type == f.kind && f.holds(r.ARN) })
	default:
		return false // PutEventSelectors refuses all others
	}
}

func (f *field) holds(v string) bool {
	is := func(w string) bool { return v == w }
	starts := func(w string) bool { return strings.HasPrefix(v, w) }
	ends := func(w string) bool { return strings.HasSuffix(v, w) }
	if slices.ContainsFunc(f.NotEquals, is) || slices.ContainsFunc(f.NotStarts, starts) || slices.ContainsFunc(f.NotEnds, ends) {
		return false
	}
	if len(f.Equals)+len(f.Starts)+len(f.Ends) == 0 {
		return true
	}
	return slices.ContainsFunc(f.Equals, is) || slices.ContainsFunc(f.Starts, starts) || slices.ContainsFunc(f.Ends, ends)
}
