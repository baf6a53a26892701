// Package cloudtrail serves the CloudTrail API of one Region: it finds the events that
// internal/audit has recorded, and delivers those that trails select to buckets,
// topics and log groups. It writes no event itself, so that no call can add to the
// history or take from it. Organization trails, Insights and CloudTrail Lake are not
// served.
//
//	event → Trails.Take (compiled selectors) → audit.Parcel → Run: log file, digest → bucket
package cloudtrail

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/garrison-cloud/garrison/internal/audit"
	"github.com/garrison-cloud/garrison/internal/clock"
	"github.com/garrison-cloud/garrison/internal/jobs"
	"github.com/garrison-cloud/garrison/internal/store"
	"github.com/garrison-cloud/garrison/internal/wire"
)

// A Sender says for which trail CloudTrail makes a call, and in which Region. With
// Role, the call is made with a role's credentials, else as the service principal.
type Sender struct {
	Account, Region, TrailARN string
	Role                      *aws.Credentials
}

// Destinations are what trails are delivered to. Each call is authorized as one from
// outside would be.
type Destinations interface {
	PutObject(ctx context.Context, as *Sender, in *s3.PutObjectInput) error
	// HeadBucket is asked on behalf of the caller of CreateTrail.
	HeadBucket(ctx context.Context, in *s3.HeadBucketInput) error
	Publish(ctx context.Context, as *Sender, in *sns.PublishInput) error
	GenerateDataKey(ctx context.Context, as *Sender, in *kms.GenerateDataKeyInput) (*kms.GenerateDataKeyOutput, error)
	AssumeRole(ctx context.Context, as *Sender, in *sts.AssumeRoleInput) (*sts.AssumeRoleOutput, error)
	CreateLogStream(ctx context.Context, as *Sender, in *cloudwatchlogs.CreateLogStreamInput) error
	PutLogEvents(ctx context.Context, as *Sender, in *cloudwatchlogs.PutLogEventsInput) error
}

// Config is what a Service is made of. All of it is required.
type Config struct {
	// Shared is the store that all Regions share, where trails lie; DB is the Region's own.
	Shared, DB *store.DB
	Clock      clock.Clock
	Region     string
	// Logs are the Region's own, and the one that keeps the events of what all Regions
	// share.
	Logs         []*audit.Log
	Trails       *Trails
	Destinations Destinations
}

// Service implements the CloudTrail API of one Region. Its methods are safe for
// concurrent use.
type Service struct {
	Config
	worker *jobs.Worker
	// backlog is about how many bytes have been kept since the last delivery.
	backlog atomic.Int64
	// changed tells that trails were changed since the last delivery.
	changed atomic.Bool
	// next is when delivery is due, and idle tells that there was no trail to deliver for
	// the last time. Only the worker uses them.
	next time.Time
	idle bool
}

// New returns a Service.
func New(c Config) *Service {
	s := &Service{Config: c}
	s.worker = jobs.New(c.Clock, s.deliver)
	s.changed.Store(true)
	c.Trails.onKept(c.Region, s.kept)
	return s
}

// Run delivers until ctx ends.
func (s *Service) Run(ctx context.Context) error { return s.worker.Run(ctx) }

// Operations lists what the service serves, grouped by noun.
func (s *Service) Operations() []wire.Operation {
	return []wire.Operation{
		wire.Op(s.onLookup, s.LookupEvents),

		wire.Op(s.onCreateTrail, s.CreateTrail),
		wire.Op(s.onUpdateTrail, s.UpdateTrail),
		wire.Op(s.onDeleteTrail, s.DeleteTrail),
		wire.Op(s.onGetTrail, s.GetTrail),
		wire.Op(s.onDescribeTrails, s.DescribeTrails),
		wire.Op(s.onListTrails, s.ListTrails),
		wire.Op(s.onGetTrailStatus, s.GetTrailStatus),
		wire.Op(s.onStartLogging, s.StartLogging),
		wire.Op(s.onStopLogging, s.StopLogging),

		wire.Op(s.onPutEventSelectors, s.PutEventSelectors),
		wire.Op(s.onGetEventSelectors, s.GetEventSelectors),

		wire.Op(s.onAddTags, s.AddTags),
		wire.Op(s.onRemoveTags, s.RemoveTags),
		wire.Op(s.onListTags, s.ListTags),

		wire.Op(s.onListPublicKeys, s.ListPublicKeys),
	}
}
