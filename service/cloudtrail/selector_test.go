package cloudtrail_test

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail/types"

	"github.com/garrison-cloud/garrison/engine/iam"
	"github.com/garrison-cloud/garrison/internal/audit"
	"github.com/garrison-cloud/garrison/internal/authz"
	"github.com/garrison-cloud/garrison/internal/garrisontest"
	ours "github.com/garrison-cloud/garrison/service/cloudtrail"
)

// is is an advanced selector's field that equals one value.
func is(field, value string) types.AdvancedFieldSelector {
	return types.AdvancedFieldSelector{Field: &field, Equals: []string{value}}
}

func advanced(fields ...types.AdvancedFieldSelector) cloudtrail.PutEventSelectorsInput {
	return cloudtrail.PutEventSelectorsInput{AdvancedEventSelectors: []types.AdvancedEventSelector{{FieldSelectors: fields}}}
}

func basic(e types.EventSelector) cloudtrail.PutEventSelectorsInput {
	return cloudtrail.PutEventSelectorsInput{EventSelectors: []types.EventSelector{e}}
}

func data(kind string, values ...string) cloudtrail.PutEventSelectorsInput {
	return basic(types.EventSelector{IncludeManagementEvents: aws.Bool(false), DataResources: []types.DataResource{{Type: &kind, Values: values}}})
}

// samples are events by short names: management or data, read or write.
var samples = map[string]audit.Event{
	"kms read":    {Source: "kms.amazonaws.com", Name: "Encrypt", ReadOnly: true},
	"kms write":   {Source: "kms.amazonaws.com", Name: "CreateKey"},
	"sqs write":   {Source: "sqs.amazonaws.com", Name: "CreateQueue"},
	"iam write":   {Source: "iam.amazonaws.com", Name: "CreateUser"},
	"rotation":    {Source: "kms.amazonaws.com", Name: "RotateKey", Type: "AwsServiceEvent"},
	"get a/1":     {Source: "s3.amazonaws.com", Name: "GetObject", ReadOnly: true, Data: true, Resources: []audit.Resource{{ARN: "arn:aws:s3:::a/1", Type: "AWS::S3::Object"}}},
	"put a/x/2":   {Source: "s3.amazonaws.com", Name: "PutObject", Data: true, Resources: []audit.Resource{{ARN: "arn:aws:s3:::a/x/2", Type: "AWS::S3::Object"}}},
	"put ab/1":    {Source: "s3.amazonaws.com", Name: "PutObject", Data: true, Resources: []audit.Resource{{ARN: "arn:aws:s3:::ab/1", Type: "AWS::S3::Object"}}},
	"invoke f":    {Source: "lambda.amazonaws.com", Name: "Invoke", Data: true, Resources: []audit.Resource{{ARN: "arn:aws:lambda:us-east-1:111122223333:function:f", Type: "AWS::Lambda::Function"}}},
	"invoke f:1":  {Source: "lambda.amazonaws.com", Name: "Invoke", Data: true, Resources: []audit.Resource{{ARN: "arn:aws:lambda:us-east-1:111122223333:function:f:1", Type: "AWS::Lambda::Function"}}},
	"invoke f2":   {Source: "lambda.amazonaws.com", Name: "Invoke", Data: true, Resources: []audit.Resource{{ARN: "arn:aws:lambda:us-east-1:111122223333:function:f2", Type: "AWS::Lambda::Function"}}},
	"other place": {Source: "kms.amazonaws.com", Name: "CreateKey", Region: garrisontest.OtherRegion},
	"other owner": {Source: "kms.amazonaws.com", Name: "CreateKey", Recipient: garrisontest.OtherAccount},
}

// TestSelectors holds compiled selectors to what they say: which of the samples each takes.
func TestSelectors(t *testing.T) {
	t.Parallel()
	const all, objects = "kms read,kms write,sqs write,iam write,rotation", "get a/1,put a/x/2,put ab/1"
	for name, tt := range map[string]struct {
		in   cloudtrail.PutEventSelectorsInput
		want string
	}{
		"none put":         {cloudtrail.PutEventSelectorsInput{}, all},
		"reads":            {basic(types.EventSelector{ReadWriteType: types.ReadWriteTypeReadOnly}), "kms read"},
		"writes":           {basic(types.EventSelector{ReadWriteType: types.ReadWriteTypeWriteOnly}), "kms write,sqs write,iam write,rotation"},
		"without KMS":      {basic(types.EventSelector{ExcludeManagementEventSources: []string{"kms.amazonaws.com"}}), "sqs write,iam write"},
		"all objects":      {data("AWS::S3::Object", "arn:aws:s3"), objects},
		"all, by colons":   {data("AWS::S3::Object", "arn:aws:s3:::"), objects},
		"a bucket":         {data("AWS::S3::Object", "arn:aws:s3:::a/"), "get a/1,put a/x/2"},
		"a prefix":         {data("AWS::S3::Object", "arn:aws:s3:::a/x"), "put a/x/2"},
		"a function":       {data("AWS::Lambda::Function", "arn:aws:lambda:us-east-1:111122223333:function:f"), "invoke f,invoke f:1"},
		"all functions":    {data("AWS::Lambda::Function", "arn:aws:lambda"), "invoke f,invoke f:1,invoke f2"},
		"advanced":         {advanced(is("eventCategory", "Management")), all},
		"advanced, writes": {advanced(is("eventCategory", "Management"), is("readOnly", "false")), "kms write,sqs write,iam write,rotation"},
		"not KMS": {advanced(is("eventCategory", "Management"),
			types.AdvancedFieldSelector{Field: aws.String("eventSource"), NotEquals: []string{"kms.amazonaws.com"}}), "sqs write,iam write"},
		"either, and not": {advanced(is("eventCategory", "Management"),
			types.AdvancedFieldSelector{Field: aws.String("eventName"), StartsWith: []string{"Create"}, Equals: []string{"Encrypt"}, NotEndsWith: []string{"Queue"}}), "kms read,kms write,iam write"},
		"what services do": {advanced(is("eventCategory", "Management"), is("eventType", "AwsServiceEvent")), "rotation"},
		"objects below": {advanced(is("eventCategory", "Data"), is("resources.type", "AWS::S3::Object"),
			types.AdvancedFieldSelector{Field: aws.String("resources.ARN"), StartsWith: []string{"arn:aws:s3:::a/"}, NotStartsWith: []string{"arn:aws:s3:::a/x"}}), "get a/1"},
		"by whom": {advanced(is("eventCategory", "Data"), is("resources.type", "AWS::S3::Object"),
			types.AdvancedFieldSelector{Field: aws.String("userIdentity.arn"), EndsWith: []string{"user/bob"}}), ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := newSite(t)
			srv.start(t, cloudtrail.CreateTrailInput{Name: aws.String("trail")})
			if tt.in.EventSelectors != nil || tt.in.AdvancedEventSelectors != nil {
				tt.in.TrailName = aws.String("trail")
				if _, err := srv.trail.PutEventSelectors(t.Context(), &tt.in); err != nil {
					t.Fatalf("PutEventSelectors: %v", err)
				}
			}
			got, err := srv.trail.GetEventSelectors(t.Context(), &cloudtrail.GetEventSelectorsInput{TrailName: aws.String("trail")})
			if err != nil {
				t.Fatal(err)
			}
			take := ours.Compiled(got)
			for sample, e := range samples {
				complete(&e)
				want := tt.want != "" && strings.Contains(","+tt.want+",", ","+sample+",")
				if got := take(&e); got != want {
					t.Errorf("takes %s: %v, want %v", sample, got, want)
				}
			}
		})
	}
}

// complete gives a sample what all have.
func complete(e *audit.Event) {
	if e.Region == "" {
		e.Region = garrisontest.Region
	}
	if e.Recipient == "" {
		e.Recipient = garrisontest.Account
	}
	e.Facts = &authz.Facts{Principal: &authz.Principal{Principal: iam.Principal{Kind: iam.User, ARN: "arn:aws:iam::111122223333:user/alice", Account: garrisontest.Account}}}
}

// TestPutEventSelectorsRefuses asks for selectors that CloudTrail refuses.
func TestPutEventSelectorsRefuses(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.start(t, cloudtrail.CreateTrailInput{Name: aws.String("trail")})
	for name, in := range map[string]cloudtrail.PutEventSelectorsInput{
		"none":                  {},
		"both":                  {EventSelectors: []types.EventSelector{{}}, AdvancedEventSelectors: []types.AdvancedEventSelector{{FieldSelectors: []types.AdvancedFieldSelector{is("eventCategory", "Management")}}}},
		"six":                   {EventSelectors: make([]types.EventSelector, 6)},
		"nothing in it":         basic(types.EventSelector{IncludeManagementEvents: aws.Bool(false)}),
		"a source to keep":      basic(types.EventSelector{ExcludeManagementEventSources: []string{"sqs.amazonaws.com"}}),
		"a type that is none":   data("AWS::S3::Bucket", "arn:aws:s3"),
		"a bucket, no slash":    data("AWS::S3::Object", "arn:aws:s3:::a"),
		"a foreign ARN":         data("AWS::Lambda::Function", "arn:aws:s3"),
		"no category":           advanced(is("readOnly", "true")),
		"a category to come":    advanced(is("eventCategory", "NetworkActivity")),
		"data of no type":       advanced(is("eventCategory", "Data")),
		"a field of data":       advanced(is("eventCategory", "Management"), is("resources.type", "AWS::S3::Object")),
		"a field that is none":  advanced(is("eventCategory", "Management"), is("color", "blue")),
		"a field given twice":   advanced(is("eventCategory", "Management"), is("eventName", "a"), is("eventName", "b")),
		"neither true nor not":  advanced(is("eventCategory", "Management"), is("readOnly", "maybe")),
		"a field without value": advanced(is("eventCategory", "Management"), types.AdvancedFieldSelector{Field: aws.String("eventName")}),
	} {
		in.TrailName = aws.String("trail")
		_, err := s.trail.PutEventSelectors(t.Context(), &in)
		if got := garrisontest.ErrorCode(err); got != "InvalidEventSelectorsException" {
			t.Errorf("%s: PutEventSelectors = %v, want InvalidEventSelectorsException", name, err)
		}
	}
}
