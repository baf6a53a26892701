// Package s3 serves Amazon S3. An object's bytes are sealed before they touch a disk,
// under a secret that the chosen kind of server-side encryption keeps; its row names them
// once they are durable. It refuses what a bucket's policy, its public access block or
// the key's policy refuses, and never gives out a byte that isn't what was put.
//
//	PutObject → seal (a secret) → take (hash, seal, sync) → commit (version, event, replication)
//	GetObject → lookup → open (the secret) → read (unseal)
package s3

import (
	"context"
	"log/slog"

	"golang.org/x/sync/errgroup"

	"github.com/garrison-cloud/garrison/internal/blob"
	"github.com/garrison-cloud/garrison/internal/clock"
	"github.com/garrison-cloud/garrison/internal/jobs"
	"github.com/garrison-cloud/garrison/internal/recent"
	"github.com/garrison-cloud/garrison/internal/store"
	"github.com/garrison-cloud/garrison/internal/wire"
)

// Config is what a Service is made of. All fields are required.
type Config struct {
	// Names is the store that all Regions share: a bucket's name is unique in the world.
	Names *store.DB
	// DB is the Region's own, where objects are; Depot keeps the bytes that its rows name.
	DB     *store.DB
	Depot  *blob.Depot
	Region string
	Clock  clock.Clock
	KMS    Keys
	// Peers are the other Regions' S3, and the roles it acts as there.
	Peers  Peers
	Logger *slog.Logger
}

// keptBucketKeys is about how many bucket keys are kept for their short life.
const keptBucketKeys = 10_000

// Service implements the S3 API of one Region. Its methods are safe for
// concurrent use.
type Service struct {
	names, db  *store.DB
	depot      *blob.Depot
	region     string
	clock      clock.Clock
	kms        Keys
	log        *slog.Logger
	bucketKeys *recent.Map[bucketKeyName, *bucketKey]
	worker     *jobs.Worker
	peers      Peers
	replicator *jobs.Fleet[replicationTask]
	ager       *jobs.Worker // of lifecycle rules
}

// New returns a Service.
func New(c Config) *Service {
	s := &Service{
		names: c.Names, db: c.DB, depot: c.Depot, region: c.Region, clock: c.Clock, kms: c.KMS, log: c.Logger,
		bucketKeys: recent.New[bucketKeyName, *bucketKey](keptBucketKeys),
	}
	s.worker = jobs.New(c.Clock, s.clearParts, s.scatter)
	s.ager = jobs.New(c.Clock, s.age)
	s.peers, s.replicator = c.Peers, s.newReplicator()
	return s
}

// Run does the background work until ctx ends.
func (s *Service) Run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return s.depot.Run(ctx) })
	g.Go(func() error { return s.worker.Run(ctx) })
	g.Go(func() error { return s.replicator.Run(ctx) })
	g.Go(func() error { return s.ager.Run(ctx) })
	return g.Wait()
}

// Operations lists what the service serves, grouped by noun.
func (s *Service) Operations() []wire.Operation {
	return []wire.Operation{
		wire.Op(s.onNewBucket, s.CreateBucket),
		wire.Op(s.onBuckets, s.ListBuckets),
		wire.Op(s.onHead, s.HeadBucket),
		wire.Op(s.onLocation, s.GetBucketLocation),
		wire.Op(s.onDelete, s.DeleteBucket),

		wire.Op(s.onPutReplication, s.PutBucketReplication),
		wire.Op(s.onGetReplication, s.GetBucketReplication),
		wire.Op(s.onDeleteReplication, s.DeleteBucketReplication),

		wire.Op(s.onPutVersioning, s.PutBucketVersioning),
		wire.Op(s.onGetVersioning, s.GetBucketVersioning),
		wire.Op(s.onPutPolicy, s.PutBucketPolicy),
		wire.Op(s.onGetPolicy, s.GetBucketPolicy),
		wire.Op(s.onDeletePolicy, s.DeleteBucketPolicy),
		wire.Op(s.onPolicyStatus, s.GetBucketPolicyStatus),
		wire.Op(s.onPutAccessBlock, s.PutPublicAccessBlock),
		wire.Op(s.onGetAccessBlock, s.GetPublicAccessBlock),
		wire.Op(s.onDeleteAccessBlock, s.DeletePublicAccessBlock),
		wire.Op(s.onPutEncryption, s.PutBucketEncryption),
		wire.Op(s.onGetEncryption, s.GetBucketEncryption),
		wire.Op(s.onDeleteEncryption, s.DeleteBucketEncryption),
		wire.Op(s.onPutTags, s.PutBucketTagging),
		wire.Op(s.onGetTags, s.GetBucketTagging),
		wire.Op(s.onDeleteTags, s.DeleteBucketTagging),
		wire.Op(s.onPutOwnership, s.PutBucketOwnershipControls),
		wire.Op(s.onGetOwnership, s.GetBucketOwnershipControls),
		wire.Op(s.onGetBucketACL, s.GetBucketAcl),
		wire.Op(s.onPutBucketACL, s.PutBucketAcl),

		wire.Op(s.onPutLifecycle, s.PutBucketLifecycleConfiguration),
		wire.Op(s.onGetLifecycle, s.GetBucketLifecycleConfiguration),
		wire.Op(s.onDeleteLifecycle, s.DeleteBucketLifecycle),

		wire.Op(s.onPut, s.PutObject, wire.Data),
		wire.Op(s.onCreateUpload, s.CreateMultipartUpload, wire.Data),
		wire.Op(s.onUploadPart, s.UploadPart, wire.Data),
		wire.Op(s.onPartCopy, s.UploadPartCopy, wire.Data),
		wire.Op(s.onComplete, s.CompleteMultipartUpload, wire.Data),
		wire.Op(s.onAbort, s.AbortMultipartUpload, wire.Data),
		wire.Op(s.onListParts, s.ListParts, wire.Data),
		wire.Op(s.onListUploads, s.ListMultipartUploads, wire.Data),
		wire.Op(s.onCopy, s.CopyObject, wire.Data),
		wire.Op(s.onGetObjectTags, s.GetObjectTagging, wire.Data),
		wire.Op(s.onPutObjectTags, s.PutObjectTagging, wire.Data),
		wire.Op(s.onDeleteObjectTags, s.DeleteObjectTagging, wire.Data),
		wire.Op(s.onPutLock, s.PutObjectLockConfiguration),
		wire.Op(s.onGetLock, s.GetObjectLockConfiguration),
		wire.Op(s.onPutRetention, s.PutObjectRetention, wire.Data),
		wire.Op(s.onGetRetention, s.GetObjectRetention, wire.Data),
		wire.Op(s.onPutHold, s.PutObjectLegalHold, wire.Data),
		wire.Op(s.onGetHold, s.GetObjectLegalHold, wire.Data),
		wire.Op(s.onGet, s.GetObject, wire.Data),
		wire.Op(s.onHeadObject, s.HeadObject, wire.Data),
		wire.Op(s.onDeleteObject, s.DeleteObject, wire.Data),
		wire.Op(s.onDeletes, s.DeleteObjects, wire.Data),
		wire.Op(s.onGetObjectACL, s.GetObjectAcl, wire.Data),
		wire.Op(s.onPutObjectACL, s.PutObjectAcl, wire.Data),
		wire.Op(s.onListV2, s.ListObjectsV2, wire.Data),
		wire.Op(s.onListV1, s.ListObjects, wire.Data),
		wire.Op(s.onListVersions, s.ListObjectVersions, wire.Data),
	}
}
