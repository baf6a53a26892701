package s3

import "github.com/garrison-cloud/garrison/internal/store"

// An eventName is what happened, in the words of notifications.
type eventName string

// Events of objects (S3 User Guide, "Event notification types and destinations").
const (
	createdPut      eventName = "ObjectCreated:Put"
	createdPost     eventName = "ObjectCreated:Post"
	createdCopy     eventName = "ObjectCreated:Copy"
	createdUpload   eventName = "ObjectCreated:CompleteMultipartUpload"
	removed         eventName = "ObjectRemoved:Delete"
	markerCreated   eventName = "ObjectRemoved:DeleteMarkerCreated"
	taggingPut      eventName = "ObjectTagging:Put"
	taggingDelete   eventName = "ObjectTagging:Delete"
	aclPut          eventName = "ObjectAcl:Put"
	expired         eventName = "LifecycleExpiration:Delete"
	expiredByMarker eventName = "LifecycleExpiration:DeleteMarkerCreated"
	transitioned    eventName = "LifecycleTransition"

	replicationFailed eventName = "Replication:OperationFailedReplication"
)

// A happening is an event with what it happened to.
type happening struct {
	bucket   *bucket
	settings *settings
	version  *version
	name     eventName
}

// notify tells those of a happening whom the bucket's owner wants told.
func (s *Service) notify(*store.Tx, *happening) error { return nil }
