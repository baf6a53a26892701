package server

import (
	"context"
	"errors"

	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	sdks3 "github.com/aws/aws-sdk-go-v2/service/s3"
	sdksns "github.com/aws/aws-sdk-go-v2/service/sns"
	sdksts "github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/garrison-cloud/garrison/internal/audit"
	"github.com/garrison-cloud/garrison/internal/authz"
	"github.com/garrison-cloud/garrison/internal/gateway"
	"github.com/garrison-cloud/garrison/internal/wire"
	"github.com/garrison-cloud/garrison/service/cloudtrail"
)

// trailsPrincipal is whom trails' buckets, topics, keys and roles let in.
const trailsPrincipal = "cloudtrail.amazonaws.com"

// openTrails has every log keep what the trails select.
func (s *services) openTrails(st *storage) (err error) {
	s.trails, err = cloudtrail.NewTrails(context.Background(), st.rooms[global].db)
	if err != nil {
		return err
	}
	for _, r := range st.rooms {
		r.log.Deliver(s.trails)
	}
	return nil
}

// trailsOf makes a Region's CloudTrail, which serves the trails of all Regions.
func (s *services) trailsOf(c *Config, region string, local, shared *room) *cloudtrail.Service {
	out := cloudtrail.New(cloudtrail.Config{
		Shared: shared.db, DB: local.db, Clock: c.Clock, Region: region,
		Logs: []*audit.Log{local.log, shared.log}, Trails: s.trails, Destinations: trailDestinations{s},
	})
	s.workers = append(s.workers, out)
	return out
}

// trailDestinations are what trails deliver to in this process.
type trailDestinations struct{ of *services }

// invoke makes a call for a trail: as its role, or as CloudTrail.
func (d trailDestinations) invoke(ctx context.Context, as *cloudtrail.Sender, in any) (any, error) {
	if as.Role != nil {
		return d.of.gateway.InvokeWith(ctx, *as.Role, gateway.Place{Region: as.Region, Via: trailsPrincipal}, in)
	}
	return d.of.gateway.InvokeAs(ctx, gateway.ServiceCall{
		Principal: trailsPrincipal, Account: as.Account, Region: as.Region, SourceARN: as.TrailARN, SourceAccount: as.Account,
	}, in)
}

// PutObject implements cloudtrail.Destinations. S3 tells the Region of a bucket only to
// those who may act on it anywhere, which a service principal may not: where the
// trail's Region lets it in to nothing, the others are asked.
func (d trailDestinations) PutObject(ctx context.Context, as *cloudtrail.Sender, in *sdks3.PutObjectInput) error {
	_, err := d.invoke(ctx, as, in)
	if err == nil || !elsewhere(err) {
		return err
	}
	for region := range d.of.regions {
		if region == as.Region {
			continue
		}
		there := *as
		there.Region = region
		if _, err := d.invoke(ctx, &there, in); err == nil || !elsewhere(err) {
			return err
		}
	}
	return err
}

// elsewhere reports whether a bucket may lie in another Region.
func elsewhere(err error) bool {
	if _, denied := errors.AsType[*authz.Denied](err); denied {
		return true
	}
	redirect, ok := errors.AsType[*wire.Error](err)
	return ok && redirect.Code == "PermanentRedirect"
}

// HeadBucket implements cloudtrail.Destinations.
func (d trailDestinations) HeadBucket(ctx context.Context, in *sdks3.HeadBucketInput) error {
	_, err := d.of.gateway.Invoke(ctx, in)
	return err
}

// Publish implements cloudtrail.Destinations.
func (d trailDestinations) Publish(ctx context.Context, as *cloudtrail.Sender, in *sdksns.PublishInput) error {
	_, err := d.invoke(ctx, as, in)
	return err
}

// GenerateDataKey implements cloudtrail.Destinations.
func (d trailDestinations) GenerateDataKey(ctx context.Context, as *cloudtrail.Sender, in *kms.GenerateDataKeyInput) (*kms.GenerateDataKeyOutput, error) {
	out, err := d.invoke(ctx, as, in)
	if err != nil {
		return nil, err
	}
	return out.(*kms.GenerateDataKeyOutput), nil
}

// AssumeRole implements cloudtrail.Destinations.
func (d trailDestinations) AssumeRole(ctx context.Context, as *cloudtrail.Sender, in *sdksts.AssumeRoleInput) (*sdksts.AssumeRoleOutput, error) {
	out, err := d.invoke(ctx, as, in)
	if err != nil {
		return nil, err
	}
	return out.(*sdksts.AssumeRoleOutput), nil
}

// CreateLogStream implements cloudtrail.Destinations.
func (d trailDestinations) CreateLogStream(ctx context.Context, as *cloudtrail.Sender, in *cloudwatchlogs.CreateLogStreamInput) error {
	_, err := d.invoke(ctx, as, in)
	return err
}

// PutLogEvents implements cloudtrail.Destinations.
func (d trailDestinations) PutLogEvents(ctx context.Context, as *cloudtrail.Sender, in *cloudwatchlogs.PutLogEventsInput) error {
	_, err := d.invoke(ctx, as, in)
	return err
}

var _ cloudtrail.Destinations = trailDestinations{}
