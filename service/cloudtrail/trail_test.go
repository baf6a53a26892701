package cloudtrail_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail/types"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/garrison-cloud/garrison/internal/garrisontest"
)

func trailARN(region, name string) string {
	return "arn:aws:cloudtrail:" + region + ":" + garrisontest.Account + ":trail/" + name
}

// TestCreateTrailRefuses asks for trails that can't be, of a server that enforces
// every policy.
func TestCreateTrailRefuses(t *testing.T) {
	t.Parallel()
	srv := garrisontest.Start(t)
	c := cloudtrail.NewFromConfig(srv.Config)
	objects := s3.NewFromConfig(srv.Config, func(o *s3.Options) { o.UsePathStyle = true })
	if _, err := objects.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: aws.String(bucket)}); err != nil {
		t.Fatal(err)
	}
	key, err := kms.NewFromConfig(srv.Config).CreateKey(t.Context(), &kms.CreateKeyInput{})
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		in   cloudtrail.CreateTrailInput
		want string
	}{
		"short name":              {cloudtrail.CreateTrailInput{Name: aws.String("ab")}, "InvalidTrailNameException"},
		"adjacent dashes":         {cloudtrail.CreateTrailInput{Name: aws.String("a--b")}, "InvalidTrailNameException"},
		"an address":              {cloudtrail.CreateTrailInput{Name: aws.String("192.168.5.4")}, "InvalidTrailNameException"},
		"no such bucket":          {cloudtrail.CreateTrailInput{S3BucketName: aws.String("nobody-has-it")}, "S3BucketDoesNotExistException"},
		"a bucket that is none":   {cloudtrail.CreateTrailInput{S3BucketName: aws.String("Bad_Name")}, "InvalidS3BucketNameException"},
		"bucket without a policy": {cloudtrail.CreateTrailInput{}, "InsufficientS3BucketPolicyException"},
		"key without a policy":    {cloudtrail.CreateTrailInput{KmsKeyId: key.KeyMetadata.Arn}, "InsufficientEncryptionPolicyException"},
		"prefix with a slash":     {cloudtrail.CreateTrailInput{S3KeyPrefix: aws.String("/logs")}, "InvalidS3PrefixException"},
		"all Regions, not global": {cloudtrail.CreateTrailInput{IsMultiRegionTrail: aws.Bool(true), IncludeGlobalServiceEvents: aws.Bool(false)}, "InvalidParameterCombinationException"},
		"of an organization":      {cloudtrail.CreateTrailInput{IsOrganizationTrail: aws.Bool(true)}, "UnsupportedOperationException"},
		"a tag of AWS's":          {cloudtrail.CreateTrailInput{TagsList: []types.Tag{{Key: aws.String("aws:x")}}}, "InvalidTagParameterException"},
	} {
		if tt.in.Name == nil {
			tt.in.Name = aws.String("good")
		}
		if tt.in.S3BucketName == nil {
			tt.in.S3BucketName = aws.String(bucket)
		}
		_, err := c.CreateTrail(t.Context(), &tt.in)
		if got := garrisontest.ErrorCode(err); got != tt.want {
			t.Errorf("%s: CreateTrail = %v, want %s", name, err, tt.want)
		}
	}
}

// TestTrailLife makes, shows, changes and deletes trails in two Regions.
func TestTrailLife(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	other := cloudtrail.NewFromConfig(s.ConfigFor(garrisontest.Account, garrisontest.OtherRegion))
	create := func(c *cloudtrail.Client, name string, multi bool) error {
		_, err := c.CreateTrail(t.Context(), &cloudtrail.CreateTrailInput{
			Name: &name, S3BucketName: aws.String(bucket), IsMultiRegionTrail: &multi, TagsList: []types.Tag{{Key: aws.String("team"), Value: aws.String("a")}},
		})
		return err
	}
	for name, multi := range map[string]bool{"local": false, "wide": true} {
		if err := create(s.trail, name, multi); err != nil {
			t.Fatal(err)
		}
	}
	garrisontest.Want(t, create(s.trail, "local", false), "TrailAlreadyExistsException")
	garrisontest.Want(t, create(other, "wide", false), "TrailAlreadyExistsException")
	for _, tt := range []struct {
		c       *cloudtrail.Client
		shadows *bool
		want    []string
	}{
		{s.trail, nil, []string{"local", "wide"}}, {other, nil, []string{"wide"}}, {other, aws.Bool(false), nil},
	} {
		out, err := tt.c.DescribeTrails(t.Context(), &cloudtrail.DescribeTrailsInput{IncludeShadowTrails: tt.shadows})
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, tr := range out.TrailList {
			got = append(got, *tr.Name)
		}
		if !slices.Equal(got, tt.want) {
			t.Errorf("DescribeTrails = %v, want %v", got, tt.want)
		}
	}
	_, err := other.UpdateTrail(t.Context(), &cloudtrail.UpdateTrailInput{Name: aws.String("wide"), S3KeyPrefix: aws.String("p")})
	garrisontest.Want(t, err, "InvalidHomeRegionException")
	_, err = other.GetTrail(t.Context(), &cloudtrail.GetTrailInput{Name: aws.String("local")})
	garrisontest.Want(t, err, "TrailNotFoundException")
	_, err = other.StopLogging(t.Context(), &cloudtrail.StopLoggingInput{Name: aws.String(trailARN(garrisontest.Region, "wide"))})
	garrisontest.Want(t, err, "InvalidHomeRegionException")
	changed, err := s.trail.UpdateTrail(t.Context(), &cloudtrail.UpdateTrailInput{Name: aws.String("local"), S3KeyPrefix: aws.String("p"), EnableLogFileValidation: aws.Bool(true)})
	if err != nil || *changed.S3KeyPrefix != "p" || !*changed.LogFileValidationEnabled || *changed.S3BucketName != bucket {
		t.Errorf("UpdateTrail = %+v, %v", changed, err)
	}
	list, err := other.ListTrails(t.Context(), &cloudtrail.ListTrailsInput{})
	if err != nil || len(list.Trails) != 2 || *list.Trails[0].HomeRegion != garrisontest.Region {
		t.Errorf("ListTrails = %+v, %v; want both", list, err)
	}
	if _, err := s.trail.DeleteTrail(t.Context(), &cloudtrail.DeleteTrailInput{Name: aws.String("local")}); err != nil {
		t.Fatal(err)
	}
	_, err = s.trail.GetTrail(t.Context(), &cloudtrail.GetTrailInput{Name: aws.String("local")})
	garrisontest.Want(t, err, "TrailNotFoundException")
	for i := range 4 {
		if err := create(s.trail, fmt.Sprintf("more%d", i), false); err != nil {
			t.Fatal(err)
		}
	}
	garrisontest.Want(t, create(s.trail, "sixth", false), "MaximumNumberOfTrailsExceededException")
}

// TestTags adds, lists and removes tags.
func TestTags(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.start(t, cloudtrail.CreateTrailInput{Name: aws.String("tagged")})
	id := trailARN(garrisontest.Region, "tagged")
	tag := func(k, v string) types.Tag { return types.Tag{Key: &k, Value: &v} }
	if _, err := s.trail.AddTags(t.Context(), &cloudtrail.AddTagsInput{ResourceId: &id, TagsList: []types.Tag{tag("a", "1"), tag("b", "2")}}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.trail.RemoveTags(t.Context(), &cloudtrail.RemoveTagsInput{ResourceId: &id, TagsList: []types.Tag{{Key: aws.String("a")}}}); err != nil {
		t.Fatal(err)
	}
	out, err := s.trail.ListTags(t.Context(), &cloudtrail.ListTagsInput{ResourceIdList: []string{id}})
	if err != nil || len(out.ResourceTagList) != 1 || len(out.ResourceTagList[0].TagsList) != 1 || *out.ResourceTagList[0].TagsList[0].Key != "b" {
		t.Errorf("ListTags = %+v, %v; want b", out, err)
	}
	_, err = s.trail.AddTags(t.Context(), &cloudtrail.AddTagsInput{ResourceId: aws.String("tagged"), TagsList: []types.Tag{tag("a", "1")}})
	garrisontest.Want(t, err, "CloudTrailARNInvalidException")
	_, err = s.trail.AddTags(t.Context(), &cloudtrail.AddTagsInput{ResourceId: aws.String(trailARN(garrisontest.Region, "none")), TagsList: []types.Tag{tag("a", "1")}})
	garrisontest.Want(t, err, "ResourceNotFoundException")
	_, err = s.trail.AddTags(t.Context(), &cloudtrail.AddTagsInput{ResourceId: &id, TagsList: []types.Tag{tag("a", "1"), tag("a", "2")}})
	garrisontest.Want(t, err, "InvalidTagParameterException")
}

// TestDenied makes every call as a user who may do nothing, and finds each in the
// history.
func TestDenied(t *testing.T) {
	t.Parallel()
	srv := garrisontest.Start(t)
	c := cloudtrail.NewFromConfig(srv.User(t, "nobody", ""))
	n, id := aws.String("trail"), aws.String(trailARN(garrisontest.Region, "trail"))
	ctx := t.Context()
	for name, call := range map[string]func() error{
		"CreateTrail": func() error {
			_, err := c.CreateTrail(ctx, &cloudtrail.CreateTrailInput{Name: n, S3BucketName: n})
			return err
		},
		"UpdateTrail":    func() error { _, err := c.UpdateTrail(ctx, &cloudtrail.UpdateTrailInput{Name: n}); return err },
		"DeleteTrail":    func() error { _, err := c.DeleteTrail(ctx, &cloudtrail.DeleteTrailInput{Name: n}); return err },
		"GetTrail":       func() error { _, err := c.GetTrail(ctx, &cloudtrail.GetTrailInput{Name: n}); return err },
		"DescribeTrails": func() error { _, err := c.DescribeTrails(ctx, &cloudtrail.DescribeTrailsInput{}); return err },
		"ListTrails":     func() error { _, err := c.ListTrails(ctx, &cloudtrail.ListTrailsInput{}); return err },
		"GetTrailStatus": func() error { _, err := c.GetTrailStatus(ctx, &cloudtrail.GetTrailStatusInput{Name: n}); return err },
		"StartLogging":   func() error { _, err := c.StartLogging(ctx, &cloudtrail.StartLoggingInput{Name: n}); return err },
		"StopLogging":    func() error { _, err := c.StopLogging(ctx, &cloudtrail.StopLoggingInput{Name: n}); return err },
		"GetEventSelectors": func() error {
			_, err := c.GetEventSelectors(ctx, &cloudtrail.GetEventSelectorsInput{TrailName: n})
			return err
		},
		"PutEventSelectors": func() error {
			_, err := c.PutEventSelectors(ctx, &cloudtrail.PutEventSelectorsInput{TrailName: n, EventSelectors: []types.EventSelector{{}}})
			return err
		},
		"AddTags": func() error {
			_, err := c.AddTags(ctx, &cloudtrail.AddTagsInput{ResourceId: id, TagsList: []types.Tag{{Key: n}}})
			return err
		},
		"RemoveTags": func() error {
			_, err := c.RemoveTags(ctx, &cloudtrail.RemoveTagsInput{ResourceId: id, TagsList: []types.Tag{{Key: n}}})
			return err
		},
		"ListTags": func() error {
			_, err := c.ListTags(ctx, &cloudtrail.ListTagsInput{ResourceIdList: []string{*id}})
			return err
		},
		"ListPublicKeys": func() error { _, err := c.ListPublicKeys(ctx, &cloudtrail.ListPublicKeysInput{}); return err },
	} {
		if err := call(); garrisontest.ErrorCode(err) != "AccessDeniedException" {
			t.Errorf("%s = %v, want AccessDeniedException", name, err)
		}
		out, err := cloudtrail.NewFromConfig(srv.Config).LookupEvents(ctx, &cloudtrail.LookupEventsInput{LookupAttributes: []types.LookupAttribute{attribute(types.LookupAttributeKeyEventName, name)}})
		if err != nil || len(out.Events) != 1 || !strings.Contains(*out.Events[0].CloudTrailEvent, "AccessDenied") {
			t.Errorf("events of %s = %+v, %v; want its denial", name, out, err)
		}
	}
}
