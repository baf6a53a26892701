package s3

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/garrison-cloud/garrison/internal/authz"
	"github.com/garrison-cloud/garrison/internal/store"
)

func (s *Service) onListUploads(ctx context.Context, in *s3.ListMultipartUploadsInput) (authz.Target, error) {
	return s.onList(ctx, "s3:ListBucketMultipartUploads", bucketCall{*in.Bucket, in.ExpectedBucketOwner}, &requested{prefix: in.Prefix, delim: in.Delimiter})
}

// An uploadListing is a page of uploads that are under way.
type uploadListing struct {
	listing
	marker  string // id of the upload of the key "after" that the page comes after
	uploads []*multipart
	found   listed
}

// ListMultipartUploads lists the uploads that are neither completed nor aborted.
func (s *Service) ListMultipartUploads(ctx context.Context, in *s3.ListMultipartUploadsInput) (*s3.ListMultipartUploadsOutput, error) {
	limit, err := limitOf(in.MaxUploads)
	if err != nil {
		return nil, err
	}
	h, err := s.hold(ctx, *in.Bucket)
	if err != nil {
		return nil, err
	}
	l := &uploadListing{
		listing: listing{bucket: h.id(), prefix: aws.ToString(in.Prefix), delimiter: aws.ToString(in.Delimiter), after: aws.ToString(in.KeyMarker), limit: limit},
		marker:  aws.ToString(in.UploadIdMarker),
	}
	if err := s.db.View(ctx, l.run); err != nil {
		return nil, err
	}
	e := encoder(in.EncodingType)
	out := &s3.ListMultipartUploadsOutput{
		Bucket: in.Bucket, Prefix: e.text(l.prefix), Delimiter: e.optional(in.Delimiter), KeyMarker: e.text(l.after), UploadIdMarker: &l.marker,
		MaxUploads: aws.Int32(int32(limit)), IsTruncated: &l.found.more, EncodingType: in.EncodingType, //nolint:gosec // at most 1,000
		CommonPrefixes: e.prefixes(l.found.prefixes),
	}
	if l.found.more {
		out.NextKeyMarker, out.NextUploadIdMarker = e.text(l.found.last), aws.String("")
		if n := len(l.uploads); n > 0 && l.uploads[n-1].Key == l.found.last {
			out.NextUploadIdMarker = &l.uploads[n-1].ID
		}
	}
	for _, u := range l.uploads {
		m := types.MultipartUpload{
			Key: e.text(u.Key), UploadId: &u.ID, Initiated: &u.Initiated, StorageClass: u.Version.class(), Owner: h.owner(&u.Version), Initiator: u.initiator(),
		}
		if u.Asked {
			m.ChecksumAlgorithm, m.ChecksumType = u.Algorithm, u.Type
		}
		out.Uploads = append(out.Uploads, m)
	}
	return out, nil
}

// run fills the page.
func (l *uploadListing) run(tx *store.Tx) error {
	l.uploads, l.found = nil, listed{last: l.after}
	if l.limit == 0 {
		return nil
	}
	from := l.start()
	if l.marker != "" {
		from = store.K(l.bucket, l.after, l.marker+"\x00")
	}
	for from != nil {
		var err error
		if from, err = l.stretch(tx, from); err != nil {
			return err
		}
	}
	return nil
}

// stretch is listing.stretch over uploads.
func (l *uploadListing) stretch(tx *store.Tx, from store.Key) (store.Key, error) {
	for u, err := range uploads.Scan(tx, store.Range{Prefix: store.KPrefix(l.bucket, l.prefix), From: from}) {
		if err != nil {
			return nil, err
		}
		if len(l.uploads)+len(l.found.prefixes) == l.limit {
			l.found.more = true
			return nil, nil
		}
		if p := l.common(u.Key); p != "" {
			l.found.prefixes, l.found.last = append(l.found.prefixes, p), p
			return l.past(p), nil
		}
		l.uploads, l.found.last = append(l.uploads, u), u.Key
	}
	return nil, nil
}
