package s3

import (
	"errors"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/garrison-cloud/garrison/internal/jobs"
	"github.com/garrison-cloud/garrison/internal/store"
)

// A replication is a version's part in replication.
type replication struct {
	// Status is PENDING, COMPLETED or FAILED of a version that is replicated, REPLICA of
	// one that came by it, and empty where no rule speaks to it.
	Status types.ReplicationStatus `cbor:"1,keyasint,omitempty"`
	// Failed tells that a destination has not taken the version, while others may
	// still be under way.
	Failed bool `cbor:"2,keyasint,omitempty"`
}

// A replicationTask is a version on its way to one destination. It is planned with the
// version and done away with in the transaction that says how it went.
type replicationTask struct {
	Bucket  string    `cbor:"1,keyasint"` // the source's id
	Name    string    `cbor:"2,keyasint"` // the source's
	Key     string    `cbor:"3,keyasint"`
	Version string    `cbor:"4,keyasint"`
	To      string    `cbor:"5,keyasint"` // the destination's name
	Rule    string    `cbor:"6,keyasint"`
	Planned time.Time `cbor:"7,keyasint"`
	Due     time.Time `cbor:"8,keyasint"`
	Attempt int       `cbor:"9,keyasint,omitempty"`
}

var replicationTasks = store.NewTable("s3.replication_task",
	func(t *replicationTask) store.Key { return store.K(t.Bucket, t.Key, t.Version, t.To) },
	store.Unwatched[replicationTask](),
	store.Index("due", func(t *replicationTask) []store.Key { return []store.Key{store.K(t.Due)} }))

func (t *replicationTask) id() string {
	return t.Bucket + "\x00" + t.Key + "\x00" + t.Version + "\x00" + t.To
}

// end takes the task out of the plan; it may be out already.
func (t *replicationTask) end(tx *store.Tx) error {
	err := replicationTasks.Delete(tx, t.Bucket, t.Key, t.Version, t.To)
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	return err
}

// How many versions are on their way at once, and to one bucket: one that does not
// answer must not hold up all others.
const (
	replicators        = 32
	replicatorsPerLane = 16
	replicationsAhead  = 2000
)

func (s *Service) newReplicator() *jobs.Fleet[replicationTask] {
	return jobs.NewFleet(jobs.FleetDuty[replicationTask]{
		Duty: jobs.Duty[replicationTask]{
			DB: s.db, Clock: s.clock, Table: replicationTasks, Index: "due",
			At: func(t *replicationTask) time.Time { return t.Due }, Do: s.replicate,
		},
		ID: (*replicationTask).id, Lane: func(t *replicationTask) string { return t.To },
		AtOnce: replicators, PerLane: replicatorsPerLane, LookAhead: replicationsAhead,
	})
}

// enroll plans the replication of what arrives, by the bucket's rules. A replica goes
// no further, and the marker of a lifecycle rule nowhere.
func (s *Service) enroll(tx *store.Tx, a *arrival) error {
	v, c := a.version, a.settings.Replication
	if c == nil || a.unreplicated || v.ID == "" || a.event == expiredByMarker || v.Replication.Status == types.ReplicationStatusReplica {
		return nil
	}
	for _, r := range rulesFor(c, v) {
		v.Replication.Status = types.ReplicationStatusPending
		t := &replicationTask{
			Bucket: v.Bucket, Name: a.bucket.Name, Key: v.Key, Version: v.ID, To: destinationName(r.Destination),
			Rule: aws.ToString(r.ID), Planned: tx.Now(), Due: tx.Now(),
		}
		if err := replicationTasks.Add(tx, t); err != nil {
			return err
		}
	}
	return nil
}

// pending tells that a version is to be replicated.
func (v *version) pending() bool { return v.Replication.Status == types.ReplicationStatusPending }
