package s3

import (
	"context"
	"errors"

	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/garrison-cloud/garrison/internal/store"
	"github.com/garrison-cloud/garrison/internal/wire"
)

// Settings are what its owner has set of a bucket. They lie in the bucket's Region,
// where its objects are; a bucket without has the defaults. A field that holds types of
// the API is what the API answers.
type settings struct {
	ID     string `cbor:"1,keyasint"` // the bucket's
	Bucket string `cbor:"2,keyasint"`
	// Closed tells that the bucket is being deleted: nothing is put into it any more.
	Closed bool `cbor:"3,keyasint,omitempty"`

	Versioning types.BucketVersioningStatus `cbor:"4,keyasint,omitempty"`
	MFADelete  bool                         `cbor:"5,keyasint,omitempty"`
	Policy     string                       `cbor:"6,keyasint,omitempty"`
	// PolicyPublic tells that the policy lets strangers in, as AWS defines it.
	PolicyPublic bool                                     `cbor:"7,keyasint,omitempty"`
	PublicAccess *types.PublicAccessBlockConfiguration    `cbor:"8,keyasint,omitempty"`
	Ownership    types.ObjectOwnership                    `cbor:"9,keyasint,omitempty"`
	ACL          []grant                                  `cbor:"10,keyasint,omitempty"`
	Encryption   *types.ServerSideEncryptionConfiguration `cbor:"11,keyasint,omitempty"`
	Lock         *types.ObjectLockConfiguration           `cbor:"12,keyasint,omitempty"`
	Tags         []tag                                    `cbor:"13,keyasint,omitempty"`
	CORS         []types.CORSRule                         `cbor:"14,keyasint,omitempty"`
	Lifecycle    *types.BucketLifecycleConfiguration      `cbor:"15,keyasint,omitempty"`
	Logging      *types.LoggingEnabled                    `cbor:"16,keyasint,omitempty"`
	Notification *types.NotificationConfiguration         `cbor:"17,keyasint,omitempty"`
	Replication  *types.ReplicationConfiguration          `cbor:"18,keyasint,omitempty"`
	Website      *types.WebsiteConfiguration              `cbor:"19,keyasint,omitempty"`
	Payer        types.Payer                              `cbor:"20,keyasint,omitempty"`
	Transition   types.TransitionDefaultMinimumObjectSize `cbor:"21,keyasint,omitempty"`
}

// keptSettings is how many buckets' settings stay decoded.
const keptSettings = 4096

var allSettings = store.NewTable("s3.settings",
	func(s *settings) store.Key { return store.K(s.ID) }, store.Cached[settings](keptSettings))

// settingsOf reads a bucket's settings. What a View returns must not be changed.
func settingsOf(tx *store.Tx, b *bucket) (*settings, error) {
	set, err := allSettings.Get(tx, b.id())
	if errors.Is(err, store.ErrNotFound) {
		return &settings{ID: b.id(), Bucket: b.Name}, nil
	}
	return set, err
}

// openSettings is settingsOf for whoever puts something into the bucket.
func openSettings(tx *store.Tx, b *bucket) (*settings, error) {
	set, err := settingsOf(tx, b)
	if err == nil && set.Closed {
		return nil, missing()
	}
	return set, err
}

// change runs f on a bucket's settings and keeps what it has made of them.
func (s *Service) change(ctx context.Context, bucket string, f func(tx *store.Tx, set *settings) error) error {
	b, err := s.find(ctx, bucket)
	if err != nil {
		return err
	}
	return s.db.Update(ctx, func(tx *store.Tx) error {
		set, err := openSettings(tx, b)
		if err != nil {
			return err
		}
		if err := f(tx, set); err != nil {
			return err
		}
		return allSettings.Put(tx, set)
	})
}

// held is a bucket with its settings, as one call sees them.
type held struct {
	*bucket
	*settings
}

// hold returns a bucket of this Region with its settings, as they were when the call
// was authorized.
func (s *Service) hold(ctx context.Context, name string) (*held, error) {
	if h, ok := wire.CallFrom(ctx).Found.(*held); ok && h.Name == name {
		return h, nil
	}
	h, err := s.look(ctx, name)
	if err == nil {
		wire.CallFrom(ctx).Found = h
	}
	return h, err
}

// look reads a bucket of this Region with its settings.
func (s *Service) look(ctx context.Context, name string) (*held, error) {
	b, err := s.find(ctx, name)
	if err != nil {
		return nil, err
	}
	if b.Region != s.region {
		return nil, elsewhere(b)
	}
	h := &held{bucket: b}
	err = s.db.View(ctx, func(tx *store.Tx) (err error) {
		h.settings, err = openSettings(tx, b)
		return err
	})
	return h, err
}

// versioned tells that puts make new versions.
func (s *settings) versioned() bool { return s.Versioning == types.BucketVersioningStatusEnabled }

// ownership is who owns what others put into the bucket.
func (s *settings) ownership() types.ObjectOwnership {
	if s.Ownership == "" {
		return types.ObjectOwnershipBucketOwnerEnforced
	}
	return s.Ownership
}

// aclsOff tells that no ACL counts.
func (s *settings) aclsOff() bool {
	return s.ownership() == types.ObjectOwnershipBucketOwnerEnforced
}
