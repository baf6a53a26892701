package s3

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"

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
}

// Names are one scope for the whole world, so they are not filed by account; the
// index is.
var buckets = store.NewTable("s3.bucket",
	func(b *bucket) store.Key { return store.K(b.Name) },
	store.Index("account", func(b *bucket) []store.Key { return []store.Key{store.K(b.Account, b.Name)} }))

func bucketARN(name string) string { return "arn:aws:s3:::" + name }

// CreateBucket takes a name and the Region in which its objects will lie.
func (s *Service) CreateBucket(ctx context.Context, in *s3.CreateBucketInput) (*s3.CreateBucketOutput, error) {
	if !validName(*in.Bucket) {
		return nil, fail("InvalidBucketName", "The specified bucket is not valid.")
	}
	if err := s.checkLocation(in.CreateBucketConfiguration); err != nil {
		return nil, err
	}
	account := wire.CallFrom(ctx).Account()
	var owner string
	err := s.db.Update(ctx, func(tx *store.Tx) error {
		old, err := buckets.Get(tx, *in.Bucket)
		if err == nil {
			owner = old.Account
			return store.ErrExists
		}
		if !errors.Is(err, store.ErrNotFound) {
			return err
		}
		return buckets.Insert(tx, &bucket{Name: *in.Bucket, Account: account, Region: s.region, Created: tx.Now()})
	})
	if errors.Is(err, store.ErrExists) {
		return nil, taken(owner == account)
	}
	if err != nil {
		return nil, err
	}
	return &s3.CreateBucketOutput{Location: aws.String("/" + *in.Bucket), BucketArn: aws.String(bucketARN(*in.Bucket))}, nil
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
	out := &s3.ListBucketsOutput{Owner: &types.Owner{ID: aws.String(account)}, Prefix: in.Prefix, Buckets: []types.Bucket{}}
	err := s.db.View(ctx, func(tx *store.Tx) error {
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

// DeleteBucket gives a bucket's name back.
func (s *Service) DeleteBucket(ctx context.Context, in *s3.DeleteBucketInput) (*s3.DeleteBucketOutput, error) {
	err := s.db.Update(ctx, func(tx *store.Tx) error { return buckets.Delete(tx, *in.Bucket) })
	if errors.Is(err, store.ErrNotFound) {
		return nil, missing()
	}
	if err != nil {
		return nil, err
	}
	return &s3.DeleteBucketOutput{}, nil
}

// find returns a bucket of this Region, or AWS's error.
func (s *Service) find(ctx context.Context, name string) (*bucket, error) {
	var b *bucket
	err := s.db.View(ctx, func(tx *store.Tx) (err error) {
		b, err = buckets.Get(tx, name)
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		return nil, missing()
	}
	return b, err
}

func missing() error {
	return &types.NoSuchBucket{Message: aws.String("The specified bucket does not exist")}
}

func fail(code, message string) error {
	return &smithy.GenericAPIError{Code: code, Message: message, Fault: smithy.FaultClient}
}
