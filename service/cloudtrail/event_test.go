package cloudtrail_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/garrison-cloud/garrison/internal/garrisontest"
)

func attribute(key types.LookupAttributeKey, value string) types.LookupAttribute {
	return types.LookupAttribute{AttributeKey: key, AttributeValue: &value}
}

// TestLookupRefuses asks for what CloudTrail does not answer (CloudTrail API
// Reference, LookupEvents).
func TestLookupRefuses(t *testing.T) {
	t.Parallel()
	srv := garrisontest.Start(t)
	c := cloudtrail.NewFromConfig(srv.Config)
	now := srv.Clock.Now()
	for name, tt := range map[string]struct {
		in   cloudtrail.LookupEventsInput
		want string
	}{
		"two attributes": {cloudtrail.LookupEventsInput{LookupAttributes: []types.LookupAttribute{
			attribute(types.LookupAttributeKeyEventName, "a"), attribute(types.LookupAttributeKeyUsername, "b"),
		}}, "InvalidLookupAttributesException"},
		"an attribute that is none": {cloudtrail.LookupEventsInput{LookupAttributes: []types.LookupAttribute{attribute("Color", "blue")}}, "ValidationException"},
		"a made-up token":           {cloudtrail.LookupEventsInput{NextToken: aws.String("made-up")}, "InvalidNextTokenException"},
		"end before begin":          {cloudtrail.LookupEventsInput{StartTime: &now, EndTime: aws.Time(now.Add(-time.Hour))}, "InvalidTimeRangeException"},
		"too many":                  {cloudtrail.LookupEventsInput{MaxResults: aws.Int32(51)}, "ValidationException"},
		"none":                      {cloudtrail.LookupEventsInput{MaxResults: aws.Int32(0)}, "ValidationException"},
		"a category that is none":   {cloudtrail.LookupEventsInput{EventCategory: "data"}, "ValidationException"},
	} {
		_, err := c.LookupEvents(t.Context(), &tt.in)
		if got := garrisontest.ErrorCode(err); got != tt.want {
			t.Errorf("%s: LookupEvents = %v, want %s", name, err, tt.want)
		}
	}
	out, err := c.LookupEvents(t.Context(), &cloudtrail.LookupEventsInput{EventCategory: types.EventCategoryInsight})
	if err != nil || len(out.Events) != 0 {
		t.Errorf("insights = %+v, %v; want none", out, err)
	}
}

// TestLookupPages makes 120 calls, some in one instant, and finds each of them
// once by pages of several sizes, newest first.
func TestLookupPages(t *testing.T) {
	t.Parallel()
	srv := garrisontest.Start(t)
	identity := sts.NewFromConfig(srv.Config)
	for i := range 120 {
		if i%3 == 0 {
			srv.Clock.Advance(time.Second)
		}
		if _, err := identity.GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{}); err != nil {
			t.Fatal(err)
		}
	}
	for _, size := range []int32{7, 50} {
		seen := map[string]bool{}
		last := srv.Clock.Now().Add(time.Hour)
		p := cloudtrail.NewLookupEventsPaginator(cloudtrail.NewFromConfig(srv.Config), &cloudtrail.LookupEventsInput{
			MaxResults:       aws.Int32(size),
			LookupAttributes: []types.LookupAttribute{attribute(types.LookupAttributeKeyEventName, "GetCallerIdentity")},
		})
		for p.HasMorePages() {
			out, err := p.NextPage(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if len(out.Events) > int(size) {
				t.Errorf("a page of %d, want at most %d", len(out.Events), size)
			}
			for _, e := range out.Events {
				if seen[*e.EventId] || e.EventTime.After(last) {
					t.Errorf("event %s of %v comes after one of %v", *e.EventId, e.EventTime, last)
				}
				seen[*e.EventId], last = true, *e.EventTime
			}
		}
		if len(seen) != 120 {
			t.Errorf("pages of %d: %d events, want 120", size, len(seen))
		}
	}
}

// TestLookupFinds looks one call up by each attribute that it has.
func TestLookupFinds(t *testing.T) {
	t.Parallel()
	srv := garrisontest.Start(t)
	c := cloudtrail.NewFromConfig(srv.Config)
	ann := srv.User(t, "ann", "")
	srv.Clock.Advance(time.Hour)
	at := srv.Clock.Now()
	if _, err := sts.NewFromConfig(ann).GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{}); err != nil {
		t.Fatal(err)
	}
	who, err := ann.Credentials.Retrieve(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	srv.Clock.Advance(time.Hour)
	for _, tt := range []struct {
		name string
		in   cloudtrail.LookupEventsInput
		want string
	}{
		{"by user", cloudtrail.LookupEventsInput{LookupAttributes: []types.LookupAttribute{attribute(types.LookupAttributeKeyUsername, "ann")}}, "GetCallerIdentity"},
		{"by key", cloudtrail.LookupEventsInput{LookupAttributes: []types.LookupAttribute{attribute(types.LookupAttributeKeyAccessKeyId, who.AccessKeyID)}}, "GetCallerIdentity"},
		{"by source", cloudtrail.LookupEventsInput{LookupAttributes: []types.LookupAttribute{attribute(types.LookupAttributeKeyEventSource, "sts.amazonaws.com")}}, "GetCallerIdentity"},
		{"by time", cloudtrail.LookupEventsInput{StartTime: aws.Time(at.Add(-time.Second)), EndTime: aws.Time(at.Add(time.Second))}, "GetCallerIdentity"},
		{"by the very second", cloudtrail.LookupEventsInput{StartTime: aws.Time(at.Truncate(time.Second)), EndTime: aws.Time(at.Truncate(time.Second))}, "GetCallerIdentity"},
		{"writes", cloudtrail.LookupEventsInput{LookupAttributes: []types.LookupAttribute{attribute(types.LookupAttributeKeyReadOnly, "false")}}, "CreateAccessKey CreateUser"},
		{"a moment without calls", cloudtrail.LookupEventsInput{StartTime: aws.Time(at.Add(5 * time.Second)), EndTime: aws.Time(at.Add(10 * time.Second))}, ""},
	} {
		out, err := c.LookupEvents(t.Context(), &tt.in)
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		names := map[string]bool{}
		for _, e := range out.Events {
			names[*e.EventName] = true
		}
		got := ""
		for _, n := range []string{"CreateAccessKey", "CreateUser", "GetCallerIdentity", "LookupEvents"} {
			if names[n] {
				got += " " + n
			}
		}
		if want := tt.want; got != "" && got[1:] != want || got == "" && want != "" {
			t.Errorf("%s: events =%s, want %s", tt.name, got, want)
		}
	}
}

// TestHistoryEnds moves the clock past the ninety days that events are kept.
func TestHistoryEnds(t *testing.T) {
	t.Parallel()
	srv := garrisontest.Start(t)
	c := cloudtrail.NewFromConfig(srv.Config)
	if _, err := iam.NewFromConfig(srv.Config).CreateUser(t.Context(), &iam.CreateUserInput{UserName: aws.String("ann")}); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ days, want int }{{0, 1}, {89, 1}, {2, 0}} {
		srv.Clock.Advance(time.Duration(tt.days) * 24 * time.Hour)
		out, err := c.LookupEvents(t.Context(), &cloudtrail.LookupEventsInput{
			LookupAttributes: []types.LookupAttribute{attribute(types.LookupAttributeKeyEventName, "CreateUser")},
			StartTime:        aws.Time(srv.Clock.Now().Add(-200 * 24 * time.Hour)),
		})
		if err != nil || len(out.Events) != tt.want {
			t.Errorf("%d days later: %v, %v; want %d", tt.days, fmt.Sprint(out), err, tt.want)
		}
	}
}

// TestAccountsSeeTheirOwn looks up as another account.
func TestAccountsSeeTheirOwn(t *testing.T) {
	t.Parallel()
	srv := garrisontest.Start(t)
	if _, err := iam.NewFromConfig(srv.Config).CreateUser(t.Context(), &iam.CreateUserInput{UserName: aws.String("ann")}); err != nil {
		t.Fatal(err)
	}
	other := cloudtrail.NewFromConfig(srv.ConfigFor(garrisontest.OtherAccount, garrisontest.Region))
	out, err := other.LookupEvents(t.Context(), &cloudtrail.LookupEventsInput{})
	if err != nil || len(out.Events) != 0 {
		t.Errorf("another account's events = %+v, %v; want none", out, err)
	}
}
