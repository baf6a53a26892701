// Package s3 serves Amazon S3. So far it keeps buckets and no objects: an
// operation on objects answers NotImplemented.
package s3

import (
	"github.com/garrison-cloud/garrison/internal/store"
	"github.com/garrison-cloud/garrison/internal/wire"
)

// Service implements the S3 API of one Region. Its methods are safe for
// concurrent use.
type Service struct {
	db     *store.DB // shared by all Regions: a bucket's name is unique in the world
	region string
}

// New returns a Service of region that keeps its buckets in db.
func New(db *store.DB, region string) *Service { return &Service{db: db, region: region} }

// Operations lists what the service serves, grouped by noun.
func (s *Service) Operations() []wire.Operation {
	return []wire.Operation{
		wire.Op(s.onNewBucket, s.CreateBucket),
		wire.Op(s.onBuckets, s.ListBuckets),
		wire.Op(s.onHead, s.HeadBucket),
		wire.Op(s.onLocation, s.GetBucketLocation),
		wire.Op(s.onDelete, s.DeleteBucket),
	}
}
