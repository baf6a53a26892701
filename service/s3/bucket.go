package s3

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/garrison-cloud/garrison/internal/blob"
	"github.com/garrison-cloud/garrison/internal/page"
	"github.com/garrison-cloud/garrison/internal/store"
	"github.com/garrison-cloud/garrison/internal/wire"
)

// maxBuckets is ListBuckets' page where the caller names none (S3 API Reference).
const (
	maxBuckets   = 10_000
	bucketsToken = "s3.ListBuckets"
)

// A bucket is a name in the world, the account that holds it, and the Region it
// lies in.
type bucket struct {
	Name    string    `cbor:"1,keyasint"`
	Account string    `cbor:"2,keyasint"`
	Region  string    `cbor:"3,keyasint"`
	Created time.Time `cbor:"4,keyasint"`
	// UID tells the bucket from another that had the name before.
	UID string `cbor:"5,keyasint,omitempty"`
}

// id is what the bucket's objects are filed under.
func (b *bucket) id() string {
	if b.UID == "" {
		return b.Name // made before buckets had ids
	}
	return b.UID
}

// Names are one scope for the whole world, so they are not filed by account; the
// index is.
var buckets = store.NewTable("s3.bucket",
	func(b *bucket) store.Key { return store.K(b.Name) },
	store.Index("account", func(b *bucket) []store.Key { return []store.Key{store.K(b.Account, b.Name)} }))

// CreateBucket takes a name and the Region in which its objects will lie. What the
// request sets of the bucket is there before its name is.
func (s *Service) CreateBucket(ctx context.Context, in *s3.CreateBucketInput) (*s3.CreateBucketOutput, error) {
	if !validName(*in.Bucket) {
		return nil, fail("InvalidBucketName", "The specified bucket is not valid.")
	}
	if err := s.checkLocation(in.CreateBucketConfiguration); err != nil {
		return nil, err
	}
	b := &bucket{Name: *in.Bucket, Account: wire.CallFrom(ctx).Account(), Region: s.region, UID: blob.NewID(s.clock.Now()).String()}
	set, err := newSettings(b, in)
	if err != nil {
		return nil, err
	}
	if err := s.db.Update(ctx, func(tx *store.Tx) error { return allSettings.Put(tx, set) }); err != nil {
		return nil, err
	}
	var owner string
	err = s.names.Update(ctx, func(tx *store.Tx) error {
		old, err := buckets.Get(tx, b.Name)
		if err == nil {
			owner = old.Account
			return store.ErrExists
		}
		if !errors.Is(err, store.ErrNotFound) {
			return err
		}
		b.Created = tx.Now()
		return buckets.Insert(tx, b)
	})
	if errors.Is(err, store.ErrExists) {
		err = taken(owner == b.Account)
	}
	if err != nil {
		return nil, errors.Join(err, s.forget(ctx, b))
	}
	return &s3.CreateBucketOutput{Location: aws.String("/" + *in.Bucket), BucketArn: aws.String(bucketARN(*in.Bucket))}, nil
}

// forget deletes the settings of a bucket that isn't there.
func (s *Service) forget(ctx context.Context, b *bucket) error {
	return s.db.Update(context.WithoutCancel(ctx), func(tx *store.Tx) error { return allSettings.Drop(tx, b.id()) })
}

// newSettings are what CreateBucket itself can set.
func newSettings(b *bucket, in *s3.CreateBucketInput) (*settings, error) {
	if err := checkOwnership(in.ObjectOwnership); err != nil {
		return nil, err
	}
	if in.ACL != "" && in.ACL != types.BucketCannedACLPrivate || (grantHeaders{in.GrantFullControl, in.GrantRead, in.GrantReadACP, in.GrantWrite, in.GrantWriteACP}).given() {
		return nil, fail("InvalidBucketAclWithObjectOwnership", "Bucket cannot have ACLs set with ObjectOwnership's BucketOwnerEnforced setting")
	}
	set := &settings{ID: b.id(), Bucket: b.Name, Ownership: in.ObjectOwnership, PublicAccess: blockAll()}
	if aws.ToBool(in.ObjectLockEnabledForBucket) {
		set.Versioning = types.BucketVersioningStatusEnabled
		set.Lock = &types.ObjectLockConfiguration{ObjectLockEnabled: types.ObjectLockEnabledEnabled}
	}
	if c := in.CreateBucketConfiguration; c != nil {
		set.Tags = tagsFrom(c.Tags)
	}
	return set, checkBucketTags(set.Tags)
}

// checkLocation holds a location constraint to the Region that was called.
func (s *Service) checkLocation(c *types.CreateBucketConfiguration) error {
	constraint := ""
	if c != nil {
		constraint = string(c.LocationConstraint)
	}
	if constraint == "" && s.region != "us-east-1" {
		constraint = "unspecified"
	}
	if constraint == "" || constraint == s.region {
		return nil
	}
	return fail("IllegalLocationConstraintException", "The "+constraint+
		" location constraint is incompatible for the region specific endpoint this request was sent to.")
}

func taken(own bool) error {
	if own {
		return &types.BucketAlreadyOwnedByYou{Message: aws.String("Your previous request to create the named bucket succeeded and you already own it.")}
	}
	return &types.BucketAlreadyExists{Message: aws.String("The requested bucket name is not available. The bucket namespace is shared by all users of the system. Please select a different name and try again.")}
}

// ListBuckets lists the caller's account's buckets by name.
func (s *Service) ListBuckets(ctx context.Context, in *s3.ListBucketsInput) (*s3.ListBucketsOutput, error) {
	account := wire.CallFrom(ctx).Account()
	limit := maxBuckets
	if in.MaxBuckets != nil {
		limit = int(*in.MaxBuckets)
	}
	r := store.Range{Prefix: store.K(account)}
	if in.ContinuationToken != nil {
		after, err := page.Position(bucketsToken, *in.ContinuationToken)
		if err != nil {
			return nil, fail("InvalidArgument", "The continuation token provided is incorrect")
		}
		r.After = buckets.IndexAfter(store.K(account, string(after)), &bucket{Name: string(after)})
	}
	out := &s3.ListBucketsOutput{Owner: &types.Owner{ID: aws.String(canonicalID(account))}, Prefix: in.Prefix, Buckets: []types.Bucket{}}
	err := s.names.View(ctx, func(tx *store.Tx) error {
		for b, err := range buckets.ScanIndex(tx, "account", r) {
			if err != nil {
				return err
			}
			if !wanted(b, in) {
				continue
			}
			if len(out.Buckets) == limit {
				last := *out.Buckets[limit-1].Name
				out.ContinuationToken = aws.String(page.Token(bucketsToken, []byte(last)))
				return nil
			}
			out.Buckets = append(out.Buckets, types.Bucket{
				Name: &b.Name, BucketRegion: &b.Region, CreationDate: &b.Created, BucketArn: aws.String(bucketARN(b.Name)),
			})
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

func wanted(b *bucket, in *s3.ListBucketsInput) bool {
	region := aws.ToString(in.BucketRegion)
	return strings.HasPrefix(b.Name, aws.ToString(in.Prefix)) && (region == "" || region == b.Region)
}

// HeadBucket says whether a bucket exists, is the caller's to see, and where it lies.
func (s *Service) HeadBucket(ctx context.Context, in *s3.HeadBucketInput) (*s3.HeadBucketOutput, error) {
	b, err := s.find(ctx, *in.Bucket)
	if err != nil {
		return nil, err
	}
	return &s3.HeadBucketOutput{BucketRegion: &b.Region, BucketArn: aws.String(bucketARN(b.Name))}, nil
}

// GetBucketLocation names the Region of a bucket; us-east-1 by an empty name.
func (s *Service) GetBucketLocation(ctx context.Context, in *s3.GetBucketLocationInput) (*s3.GetBucketLocationOutput, error) {
	b, err := s.find(ctx, *in.Bucket)
	if err != nil {
		return nil, err
	}
	out := &s3.GetBucketLocationOutput{}
	if b.Region != "us-east-1" {
		out.LocationConstraint = types.BucketLocationConstraint(b.Region)
	}
	return out, nil
}

// DeleteBucket gives an empty bucket's name back. First the bucket is closed, so that
// nothing can be put into it meanwhile; a crash after that leaves it to the next call.
func (s *Service) DeleteBucket(ctx context.Context, in *s3.DeleteBucketInput) (*s3.DeleteBucketOutput, error) {
	b, err := s.find(ctx, *in.Bucket)
	if err != nil {
		return nil, err
	}
	if err := s.close(ctx, b); err != nil {
		return nil, err
	}
	err = s.names.Update(ctx, func(tx *store.Tx) error { return buckets.Delete(tx, *in.Bucket) })
	if errors.Is(err, store.ErrNotFound) {
		return nil, missing()
	}
	if err != nil {
		return nil, err
	}
	return &s3.DeleteBucketOutput{}, errors.Join(s.abandon(ctx, b), s.forget(ctx, b))
}

// close lets nothing more into a bucket, if it is empty.
func (s *Service) close(ctx context.Context, b *bucket) error {
	return s.db.Update(ctx, func(tx *store.Tx) error {
		set, err := settingsOf(tx, b)
		if err != nil {
			return err
		}
		for v, err := range objects.Scan(tx, store.Range{Prefix: store.K(b.id()), Limit: 1}) {
			if err != nil {
				return err
			}
			return notEmpty(v)
		}
		set.Closed = true
		return allSettings.Put(tx, set)
	})
}

func notEmpty(v *version) error {
	message := "The bucket you tried to delete is not empty"
	if v.Marker || v.ID != "" {
		message += ". You must delete all versions in the bucket."
	}
	return fail("BucketNotEmpty", message)
}

// find returns a bucket of this Region, or AWS's error.
func (s *Service) find(ctx context.Context, name string) (*bucket, error) {
	var b *bucket
	err := s.names.View(ctx, func(tx *store.Tx) (err error) {
		b, err = buckets.Get(tx, name)
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		return nil, missing()
	}
	return b, err
}
