package cloudtrail

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail/types"

	"github.com/garrison-cloud/garrison/internal/authz"
	"github.com/garrison-cloud/garrison/internal/store"
	"github.com/garrison-cloud/garrison/internal/wire"
)

// api is the trail in the API's form.
func (t *trail) api() types.Trail {
	return types.Trail{
		Name: &t.Name, S3BucketName: &t.Bucket, S3KeyPrefix: given(t.Prefix), SnsTopicARN: given(t.Topic), SnsTopicName: given(t.Topic),
		IncludeGlobalServiceEvents: &t.Global, IsMultiRegionTrail: &t.Multi, HomeRegion: &t.Region, TrailARN: aws.String(t.arn()),
		LogFileValidationEnabled: &t.Validated, CloudWatchLogsLogGroupArn: given(t.LogGroup), CloudWatchLogsRoleArn: given(t.Role),
		KmsKeyId: given(t.Key), HasCustomEventSelectors: &t.Custom, HasInsightSelectors: aws.Bool(false), IsOrganizationTrail: aws.Bool(false),
	}
}

func given(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func instant(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// GetTrail returns a trail of this Region, or the shadow of another's.
func (s *Service) GetTrail(ctx context.Context, in *cloudtrail.GetTrailInput) (*cloudtrail.GetTrailOutput, error) {
	t, err := s.find(ctx, aws.ToString(in.Name))
	if err != nil {
		return nil, err
	}
	a := t.api()
	return &cloudtrail.GetTrailOutput{Trail: &a}, nil
}

// DescribeTrails returns the named trails that this Region sees, or all. Names that
// stand for none are passed over.
func (s *Service) DescribeTrails(ctx context.Context, in *cloudtrail.DescribeTrailsInput) (*cloudtrail.DescribeTrailsOutput, error) {
	names := make([]name, 0, len(in.TrailNameList))
	for _, text := range in.TrailNameList {
		n, err := s.parse(ctx, text)
		if err != nil {
			return nil, err
		}
		names = append(names, n)
	}
	list, err := s.list(ctx)
	if err != nil {
		return nil, err
	}
	out := &cloudtrail.DescribeTrailsOutput{TrailList: []types.Trail{}}
	for _, t := range list {
		shadow := t.Region != s.Region
		if shadow && (!t.Multi || in.IncludeShadowTrails != nil && !*in.IncludeShadowTrails) {
			continue
		}
		asked := func(n name) bool { return n.text == t.Name && (n.home == "" || n.home == t.Region) }
		if len(names) == 0 || slices.ContainsFunc(names, asked) {
			out.TrailList = append(out.TrailList, t.api())
		}
	}
	return out, nil
}

// list are the caller's account's trails of all Regions, by name.
func (s *Service) list(ctx context.Context) (list []*trail, err error) {
	err = s.Shared.View(ctx, func(tx *store.Tx) (err error) {
		list, err = store.Collect(trails.Scan(tx, store.Range{Prefix: store.K(wire.CallFrom(ctx).Account())}))
		return err
	})
	slices.SortFunc(list, func(a, b *trail) int { return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Region, b.Region)) })
	return list, err
}

// ListTrails names the account's trails of all Regions, which are too few for a
// second page.
func (s *Service) ListTrails(ctx context.Context, _ *cloudtrail.ListTrailsInput) (*cloudtrail.ListTrailsOutput, error) {
	list, err := s.list(ctx)
	if err != nil {
		return nil, err
	}
	out := &cloudtrail.ListTrailsOutput{Trails: []types.TrailInfo{}}
	for _, t := range list {
		out.Trails = append(out.Trails, types.TrailInfo{TrailARN: aws.String(t.arn()), Name: &t.Name, HomeRegion: &t.Region})
	}
	return out, nil
}

// GetTrailStatus tells how the delivery of this Region's events goes.
func (s *Service) GetTrailStatus(ctx context.Context, in *cloudtrail.GetTrailStatusInput) (*cloudtrail.GetTrailStatusOutput, error) {
	t, err := s.find(ctx, aws.ToString(in.Name))
	if err != nil {
		return nil, err
	}
	p, err := s.progress(ctx, t)
	if err != nil {
		return nil, err
	}
	return &cloudtrail.GetTrailStatusOutput{
		IsLogging: &t.Logging, StartLoggingTime: instant(t.Started), StopLoggingTime: instant(t.Stopped),
		LatestDeliveryTime: instant(p.Delivered), LatestDeliveryError: given(p.DeliverErr),
		LatestNotificationTime: instant(p.Notified), LatestNotificationError: given(p.NotifyErr),
		LatestCloudWatchLogsDeliveryTime: instant(p.Logged), LatestCloudWatchLogsDeliveryError: given(p.LogErr),
		LatestDigestDeliveryTime: instant(p.Digested), LatestDigestDeliveryError: given(p.DigestErr),
	}, nil
}

// StartLogging has the trail record: every call that arrives after the answer.
func (s *Service) StartLogging(ctx context.Context, in *cloudtrail.StartLoggingInput) (*cloudtrail.StartLoggingOutput, error) {
	_, err := s.edit(ctx, aws.ToString(in.Name), func(t *trail) error {
		if !t.Logging {
			t.Logging, t.Started = true, s.Clock.Now()
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &cloudtrail.StartLoggingOutput{}, nil
}

// StopLogging has the trail record no more. What it has recorded is still delivered.
func (s *Service) StopLogging(ctx context.Context, in *cloudtrail.StopLoggingInput) (*cloudtrail.StopLoggingOutput, error) {
	_, err := s.edit(ctx, aws.ToString(in.Name), func(t *trail) error {
		if t.Logging {
			t.Logging, t.Stopped = false, s.Clock.Now()
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &cloudtrail.StopLoggingOutput{}, nil
}

func (s *Service) onGetTrail(ctx context.Context, in *cloudtrail.GetTrailInput) (authz.Target, error) {
	return s.on(ctx, in.Name)
}

func (s *Service) onDescribeTrails(context.Context, *cloudtrail.DescribeTrailsInput) (authz.Target, error) {
	return authz.Any(), nil
}

func (s *Service) onListTrails(context.Context, *cloudtrail.ListTrailsInput) (authz.Target, error) {
	return authz.Any(), nil
}

func (s *Service) onGetTrailStatus(ctx context.Context, in *cloudtrail.GetTrailStatusInput) (authz.Target, error) {
	return s.on(ctx, in.Name)
}

func (s *Service) onStartLogging(ctx context.Context, in *cloudtrail.StartLoggingInput) (authz.Target, error) {
	return s.on(ctx, in.Name)
}

func (s *Service) onStopLogging(ctx context.Context, in *cloudtrail.StopLoggingInput) (authz.Target, error) {
	return s.on(ctx, in.Name)
}
