package s3

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"

	"github.com/garrison-cloud/garrison/internal/store"
	"github.com/garrison-cloud/garrison/internal/wire"
)

// Peers are what replication needs of the process around the service.
type Peers interface {
	// Peer is S3 in a Region of this process; nil where the Region isn't served.
	Peer(region string) *Service
	// As assumes a role as S3, and returns a context that belongs to a call by it. The
	// error is a denial where the role's trust policy does not let S3 in.
	As(ctx context.Context, d Deputy) (context.Context, error)
}

// A Deputy is a role that S3 acts as, on behalf of a bucket.
type Deputy struct {
	// Role and Account are the role's ARN, and the account of the bucket.
	Role, Account string
	// Region is where the call is handled; From where the role is assumed.
	Region, From string
	// SourceARN is the bucket's ARN.
	SourceARN string
}

const (
	// replicationPatience is how long a version that something hinders is tried again
	// (S3 User Guide, "Replication failure": within 24 hours).
	replicationPatience = 24 * time.Hour
	maxReplicationDelay = 5 * time.Minute
)

// errReplication is a failure that trying again does not mend.
var errReplication = errors.New("the version cannot be replicated")

// A consignment is a version on its way, with what it needs.
type consignment struct {
	task    *replicationTask
	from    *held
	version *version
	parts   []manifestPart
	rule    *types.ReplicationRule

	to    *held
	there *Service
	// source and destination are contexts of calls by the role.
	source, destination context.Context //nolint:containedctx // as long as the consignment
}

// replicate brings one version to one destination, and settles what comes of it. What
// is under way when the process dies is begun again, and arrives once by its id.
func (s *Service) replicate(ctx context.Context, t *replicationTask) error {
	c, err := s.consign(ctx, t)
	if err != nil {
		return err
	}
	if c == nil { // the version, or its bucket, is gone
		return s.db.Update(ctx, t.end)
	}
	failed := s.convey(ctx, c)
	switch {
	case failed == nil:
		return s.settle(ctx, c, true)
	case ctx.Err() != nil: // shutting down: it is still there at the next start
		return ctx.Err()
	case s.clock.Now().Sub(t.Planned) < replicationPatience && !lasting(failed):
		return s.postpone(ctx, t)
	}
	s.log.WarnContext(ctx, "a version was not replicated", "bucket", t.Name, "version", t.Version, "to", t.To, "error", failed)
	return s.settle(ctx, c, false)
}

// consign reads what is to be replicated; nil if it is gone.
func (s *Service) consign(ctx context.Context, t *replicationTask) (*consignment, error) {
	b, err := s.find(ctx, t.Name)
	if noSuch := (*types.NoSuchBucket)(nil); errors.As(err, &noSuch) {
		return nil, nil
	}
	if err != nil || b.id() != t.Bucket {
		return nil, err
	}
	c := &consignment{from: &held{bucket: b}}
	err = s.db.View(ctx, func(tx *store.Tx) (err error) {
		if c.task, err = replicationTasks.Get(tx, t.Bucket, t.Key, t.Version, t.To); err != nil {
			return err
		}
		if c.from.settings, err = settingsOf(tx, b); err != nil {
			return err
		}
		if c.version, err = versionOf(tx, t.Bucket, t.Key, t.Version); err == nil && c.version.Body.Parts > 0 {
			c.parts, err = partsOf(tx, c.version.Body.ID)
		}
		return err
	})
	if e := (*wire.Error)(nil); errors.Is(err, store.ErrNotFound) || errors.As(err, &e) && e.Code == "NoSuchVersion" {
		return nil, nil
	}
	return c, err
}

// lasting tells that a failure stays if nobody changes permissions or settings.
func lasting(err error) bool {
	if errors.Is(err, errReplication) || isDenied(err) {
		return true
	}
	var api smithy.APIError
	if !errors.As(err, &api) || api.ErrorFault() == smithy.FaultServer {
		return false
	}
	code := api.ErrorCode()
	return !strings.Contains(code, "Throttling") && !strings.Contains(code, "Internal") && !strings.Contains(code, "Timeout")
}

// postpone tries again later, each time twice as late.
func (s *Service) postpone(ctx context.Context, t *replicationTask) error {
	return s.db.Update(ctx, func(tx *store.Tx) error {
		row, err := replicationTasks.Get(tx, t.Bucket, t.Key, t.Version, t.To)
		if errors.Is(err, store.ErrNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		delay := min(time.Second<<min(row.Attempt, 16), maxReplicationDelay)
		row.Attempt++
		row.Due = tx.Now().Add(delay)
		return replicationTasks.Put(tx, row)
	})
}

// settle says in one transaction how it went, and takes the task out of the plan. Of
// several destinations all must have the version before it is COMPLETED.
func (s *Service) settle(ctx context.Context, c *consignment, ok bool) error {
	t := c.task
	return s.db.Update(ctx, func(tx *store.Tx) error {
		if err := t.end(tx); err != nil {
			return err
		}
		v, err := versionOf(tx, t.Bucket, t.Key, t.Version)
		if e := (*wire.Error)(nil); errors.As(err, &e) && e.Code == "NoSuchVersion" {
			return nil
		}
		if err != nil {
			return err
		}
		v.Replication.Failed = v.Replication.Failed || !ok
		left := false
		for _, err := range replicationTasks.Scan(tx, store.Range{Prefix: store.K(t.Bucket, t.Key, t.Version), Limit: 1}) {
			if err != nil {
				return err
			}
			left = true
		}
		switch {
		case v.Replication.Failed:
			v.Replication.Status = types.ReplicationStatusFailed
		case !left:
			v.Replication.Status = types.ReplicationStatusCompleted
		}
		if err := restate(tx, v); err != nil || ok {
			return err
		}
		return s.notify(tx, &happening{bucket: c.from.bucket, settings: c.from.settings, version: v, name: replicationFailed})
	})
}

// restate writes a version whose place stays.
func restate(tx *store.Tx, v *version) error {
	first, err := newest(tx, v.Bucket, v.Key)
	if err != nil {
		return err
	}
	if first != nil && first.Order == v.Order {
		return objects.Put(tx, v)
	}
	return versions.Put(tx, v)
}

// destination finds a bucket anywhere, and S3 where it lies. to is nil where there is
// no such bucket, there where this process doesn't serve its Region.
func (s *Service) destination(ctx context.Context, name string) (to *bucket, there *Service, err error) {
	to, err = s.find(ctx, name)
	if noSuch := (*types.NoSuchBucket)(nil); errors.As(err, &noSuch) {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, err
	}
	return to, s.peers.Peer(to.Region), nil
}

// convey asks for all permissions, and brings the version over.
func (s *Service) convey(ctx context.Context, c *consignment) error {
	if c.rule = ruleNamed(c.from.Replication, c.task.Rule); c.rule == nil || destinationName(c.rule.Destination) != c.task.To {
		return fmt.Errorf("%w: its rule is gone", errReplication)
	}
	to, there, err := s.destination(ctx, c.task.To)
	if err != nil {
		return err
	}
	if to == nil || there == nil {
		return fmt.Errorf("%w: the destination is gone", errReplication)
	}
	c.there = there
	if c.to, err = there.look(ctx, to.Name); err != nil {
		return err
	}
	if account := aws.ToString(c.rule.Destination.Account); account != "" && account != to.Account {
		return fmt.Errorf("%w: the destination is another account's than the rule says", errReplication)
	}
	role := Deputy{Role: aws.ToString(c.from.Replication.Role), Account: c.from.Account, Region: s.region, From: s.region, SourceARN: bucketARN(c.from.Name)}
	if c.source, err = s.peers.As(ctx, role); err != nil {
		return err
	}
	role.Region = to.Region
	if c.destination, err = s.peers.As(ctx, role); err != nil {
		return err
	}
	if err := s.mayTake(c); err != nil {
		return err
	}
	if err := there.mayBring(c); err != nil {
		return err
	}
	return s.bring(c)
}

// mayTake asks whether the role may read the version for replication (S3 User Guide,
// "Setting up permissions for live replication").
func (s *Service) mayTake(c *consignment) error {
	t := s.onHeld(c.source, c.from, actionGetReplication)
	and(&t, actionList)
	if err := s.check(c.source, t); err != nil || c.version.Marker {
		return err
	}
	// Without its id the call would ask about the newest version's tags.
	o := s.onKey(c.source, c.from, actionTakeVersion, &objectCall{key: c.version.Key, versionID: &c.version.ID})
	and(&o, actionTakeACL)
	and(&o, actionTakeTags)
	if c.version.Lock.Mode != "" {
		and(&o, actionTakeRetention)
	}
	if c.version.Lock.Hold {
		and(&o, actionTakeHold)
	}
	return s.check(c.source, o)
}

// mayBring asks whether the role may put the version here.
func (s *Service) mayBring(c *consignment) error {
	action := actionReplicate
	if c.version.Marker {
		action = actionReplicateDelete
	}
	t := s.onKey(c.destination, c.to, action, &objectCall{key: c.version.Key})
	if len(c.version.Tags) > 0 {
		and(&t, actionReplicateTags)
	}
	if c.rule.Destination.AccessControlTranslation != nil {
		and(&t, actionOverrideOwner)
	}
	return s.check(c.destination, t)
}
