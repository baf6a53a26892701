package cloudtrail

import (
	"context"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail/types"

	"github.com/garrison-cloud/garrison/internal/authz"
)

// Limits of selectors (CloudTrail User Guide, "Quotas in AWS CloudTrail").
const (
	maxSelectors     = 5
	maxDataResources = 250
	maxConditions    = 500
)

// Categories of events and types of resources, by CloudTrail's names.
const (
	categoryManagement = "Management"
	categoryData       = "Data"
	typeS3Object       = "AWS::S3::Object"
)

// dataPrefixes are the types that basic selectors know, and what takes all of a type.
var dataPrefixes = map[string]string{
	typeS3Object: "arn:aws:s3", "AWS::Lambda::Function": "arn:aws:lambda", "AWS::DynamoDB::Table": "arn:aws:dynamodb",
}

func badSelectors(why string) error { return &types.InvalidEventSelectorsException{Message: &why} }

// PutEventSelectors says what the trail records, in place of what was said before.
func (s *Service) PutEventSelectors(ctx context.Context, in *cloudtrail.PutEventSelectorsInput) (*cloudtrail.PutEventSelectorsOutput, error) {
	if (len(in.EventSelectors) == 0) == (len(in.AdvancedEventSelectors) == 0) {
		return nil, badSelectors("Specify either event selectors or advanced event selectors, and at least one.")
	}
	basic, err := parseBasic(in.EventSelectors)
	if err != nil {
		return nil, err
	}
	advanced, err := parseAdvanced(in.AdvancedEventSelectors)
	if err != nil {
		return nil, err
	}
	t, err := s.edit(ctx, aws.ToString(in.TrailName), func(t *trail) error {
		t.Custom, t.Basic, t.Advanced = true, basic, advanced
		return nil
	})
	if err != nil {
		return nil, err
	}
	out := t.selectors()
	return &cloudtrail.PutEventSelectorsOutput{TrailARN: out.TrailARN, EventSelectors: out.EventSelectors, AdvancedEventSelectors: out.AdvancedEventSelectors}, nil
}

// GetEventSelectors returns what the trail records: all management events if nothing
// else was said.
func (s *Service) GetEventSelectors(ctx context.Context, in *cloudtrail.GetEventSelectorsInput) (*cloudtrail.GetEventSelectorsOutput, error) {
	t, err := s.find(ctx, aws.ToString(in.TrailName))
	if err != nil {
		return nil, err
	}
	return t.selectors(), nil
}

func parseBasic(list []types.EventSelector) (out []basicSelector, err error) {
	if len(list) > maxSelectors {
		return nil, badSelectors("A trail can have up to 5 event selectors.")
	}
	resources := 0
	for _, e := range list {
		b, err := parseBasicSelector(e)
		if err != nil {
			return nil, err
		}
		for _, d := range b.Data {
			resources += len(d.Values)
		}
		out = append(out, b)
	}
	if resources > maxDataResources {
		return nil, badSelectors("A trail can have up to 250 data resources.")
	}
	return out, nil
}

func parseBasicSelector(e types.EventSelector) (basicSelector, error) {
	b := basicSelector{Access: string(e.ReadWriteType), Management: e.IncludeManagementEvents == nil || *e.IncludeManagementEvents, Without: e.ExcludeManagementEventSources}
	if b.Access == "" {
		b.Access = string(types.ReadWriteTypeAll)
	}
	for _, source := range b.Without {
		if source != "kms.amazonaws.com" && source != "rdsdata.amazonaws.com" {
			return b, badSelectors("The event source " + source + " cannot be excluded.")
		}
	}
	if len(b.Without) > 0 && !b.Management {
		return b, badSelectors("Event sources can be excluded only where management events are included.")
	}
	for _, d := range e.DataResources {
		r, err := parseDataResource(d)
		if err != nil {
			return b, err
		}
		b.Data = append(b.Data, r)
	}
	if !b.Management && len(b.Data) == 0 {
		return b, badSelectors("An event selector must include management events or data resources.")
	}
	return b, nil
}

func parseDataResource(d types.DataResource) (dataResource, error) {
	r := dataResource{Type: aws.ToString(d.Type), Values: d.Values}
	prefix, known := dataPrefixes[r.Type]
	if !known {
		return r, badSelectors("The data resource type " + r.Type + " is not valid.")
	}
	if len(r.Values) == 0 {
		return r, badSelectors("A data resource needs at least one value.")
	}
	for _, v := range r.Values {
		rest, ok := strings.CutPrefix(v, prefix)
		object := r.Type == typeS3Object && strings.HasPrefix(rest, ":::") && strings.Contains(rest, "/")
		of := r.Type != typeS3Object && strings.Count(v, ":") >= 5
		if !ok || rest != "" && rest != ":::" && !object && !of {
			return r, badSelectors("Value " + v + " for DataResources.Values is not valid for " + r.Type + ".")
		}
	}
	return r, nil
}

func parseAdvanced(list []types.AdvancedEventSelector) (out []advancedSelector, err error) {
	n := 0
	for _, e := range list {
		a := advancedSelector{Name: aws.ToString(e.Name)}
		for _, f := range e.FieldSelectors {
			a.Fields = append(a.Fields, fieldSelector{
				aws.ToString(f.Field), f.Equals, f.StartsWith, f.EndsWith, f.NotEquals, f.NotStartsWith, f.NotEndsWith,
			})
		}
		if err := a.check(); err != nil {
			return nil, err
		}
		for i := range a.Fields {
			n += a.Fields[i].size()
		}
		out = append(out, a)
	}
	if n > maxConditions {
		return nil, badSelectors("A maximum of 500 values for all conditions in all advanced event selectors is allowed.")
	}
	return out, nil
}

func (f *fieldSelector) size() int {
	return len(f.Equals) + len(f.Starts) + len(f.Ends) + len(f.NotEquals) + len(f.NotStarts) + len(f.NotEnds)
}

// managementFields and dataFields are what may be asked of each category.
var (
	managementFields = []string{fieldCategory, fieldReadOnly, fieldSource, fieldName, fieldType, fieldConsole, fieldIdentity}
	dataFields       = []string{fieldCategory, fieldReadOnly, fieldSource, fieldName, fieldType, fieldConsole, fieldIdentity, fieldKind, fieldARN}
)

func (a *advancedSelector) check() error {
	seen := map[string]*fieldSelector{}
	for i := range a.Fields {
		f := &a.Fields[i]
		if seen[f.Field] != nil {
			return badSelectors("Field " + f.Field + " is given more than once in a selector.")
		}
		if f.size() == 0 {
			return badSelectors("Field " + f.Field + " has no condition.")
		}
		seen[f.Field] = f
	}
	for _, one := range []string{fieldCategory, fieldReadOnly, fieldKind, fieldConsole} {
		if f := seen[one]; f != nil && (len(f.Equals) != 1 || f.size() != 1) {
			return badSelectors("Field " + one + " takes one value, by Equals.")
		}
	}
	for _, flag := range []string{fieldReadOnly, fieldConsole} {
		if f := seen[flag]; f != nil && f.Equals[0] != "true" && f.Equals[0] != "false" {
			return badSelectors("Field " + flag + " takes true or false.")
		}
	}
	return a.checkCategory(seen)
}

func (a *advancedSelector) checkCategory(seen map[string]*fieldSelector) error {
	if seen[fieldCategory] == nil {
		return badSelectors("Field eventCategory is required.")
	}
	allowed := managementFields
	switch seen[fieldCategory].Equals[0] {
	case categoryManagement:
	case categoryData:
		if seen[fieldKind] == nil || !strings.HasPrefix(seen[fieldKind].Equals[0], "AWS::") {
			return badSelectors("Field resources.type is required for data events.")
		}
		allowed = dataFields
	default:
		return badSelectors("Value " + seen[fieldCategory].Equals[0] + " for eventCategory is not supported.")
	}
	for i := range a.Fields {
		if !slices.Contains(allowed, a.Fields[i].Field) {
			return badSelectors("Field " + a.Fields[i].Field + " is not valid for the event category.")
		}
	}
	return nil
}

func (t *trail) selectors() *cloudtrail.GetEventSelectorsOutput {
	out := &cloudtrail.GetEventSelectorsOutput{TrailARN: aws.String(t.arn())}
	basic := t.Basic
	if !t.Custom {
		basic = []basicSelector{{Access: string(types.ReadWriteTypeAll), Management: true}}
	}
	for _, b := range basic {
		e := types.EventSelector{
			ReadWriteType: types.ReadWriteType(b.Access), IncludeManagementEvents: aws.Bool(b.Management),
			DataResources: []types.DataResource{}, ExcludeManagementEventSources: append([]string{}, b.Without...),
		}
		for _, d := range b.Data {
			e.DataResources = append(e.DataResources, types.DataResource{Type: aws.String(d.Type), Values: d.Values})
		}
		out.EventSelectors = append(out.EventSelectors, e)
	}
	for _, a := range t.Advanced {
		e := types.AdvancedEventSelector{Name: given(a.Name)}
		for _, f := range a.Fields {
			e.FieldSelectors = append(e.FieldSelectors, types.AdvancedFieldSelector{
				Field: aws.String(f.Field), Equals: f.Equals, StartsWith: f.Starts, EndsWith: f.Ends,
				NotEquals: f.NotEquals, NotStartsWith: f.NotStarts, NotEndsWith: f.NotEnds,
			})
		}
		out.AdvancedEventSelectors = append(out.AdvancedEventSelectors, e)
	}
	return out
}

func (s *Service) onPutEventSelectors(ctx context.Context, in *cloudtrail.PutEventSelectorsInput) (authz.Target, error) {
	return s.on(ctx, in.TrailName)
}

func (s *Service) onGetEventSelectors(ctx context.Context, in *cloudtrail.GetEventSelectorsInput) (authz.Target, error) {
	return s.on(ctx, in.TrailName)
}
