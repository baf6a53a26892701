package s3

import (
	"context"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/garrison-cloud/garrison/internal/authz"
	"github.com/garrison-cloud/garrison/internal/store"
)

func (s *Service) onListParts(ctx context.Context, in *s3.ListPartsInput) (authz.Target, error) {
	return s.onObject(ctx, "s3:ListMultipartUploadParts", objectCall{bucketCall: bucketCall{*in.Bucket, in.ExpectedBucketOwner}, key: *in.Key})
}

// ListParts lists the parts of an upload by their numbers.
func (s *Service) ListParts(ctx context.Context, in *s3.ListPartsInput) (*s3.ListPartsOutput, error) {
	limit, err := limitOf(in.MaxParts)
	if err != nil {
		return nil, err
	}
	after := 0
	if in.PartNumberMarker != nil {
		if after, err = strconv.Atoi(*in.PartNumberMarker); err != nil || after < 0 {
			return nil, argument("part-number-marker", *in.PartNumberMarker, "Provided part-number-marker not an integer or within integer range")
		}
	}
	h, err := s.hold(ctx, *in.Bucket)
	if err != nil {
		return nil, err
	}
	u, err := s.upload(ctx, h, *in.Key, *in.UploadId)
	if err != nil {
		return nil, err
	}
	out := &s3.ListPartsOutput{
		Bucket: in.Bucket, Key: in.Key, UploadId: in.UploadId, MaxParts: aws.Int32(int32(limit)), //nolint:gosec // at most 1,000
		PartNumberMarker: aws.String(strconv.Itoa(after)), StorageClass: u.Version.class(), IsTruncated: aws.Bool(false),
		Owner: h.owner(&u.Version), Initiator: u.initiator(),
	}
	if u.Asked {
		out.ChecksumAlgorithm, out.ChecksumType = u.Algorithm, u.Type
	}
	return out, s.db.View(ctx, func(tx *store.Tx) error { return u.list(tx, out, after, limit) })
}

func (u *multipart) initiator() *types.Initiator {
	return &types.Initiator{ID: &u.Initiator, DisplayName: &u.Initiator}
}

func (u *multipart) list(tx *store.Tx, out *s3.ListPartsOutput, after, limit int) error {
	out.Parts = nil
	for p, err := range parts.Scan(tx, store.Range{Prefix: store.K(u.ID), After: store.K(u.ID, after)}) {
		if err != nil {
			return err
		}
		if len(out.Parts) == limit {
			out.IsTruncated = aws.Bool(true)
			return nil
		}
		c := checksum{Algorithm: p.Algorithm, Value: p.Checksum}
		if !u.Asked {
			c = checksum{}
		}
		m := c.members()
		out.Parts = append(out.Parts, types.Part{
			PartNumber: aws.Int32(int32(p.Number)), ETag: quoted(p.ETag), Size: &p.Size, LastModified: &p.Modified, //nolint:gosec // at most 10,000
			ChecksumCRC32: m.crc32, ChecksumCRC32C: m.crc32c, ChecksumCRC64NVME: m.crc64nvme, ChecksumSHA1: m.sha1,
			ChecksumSHA256: m.sha256, ChecksumSHA512: m.sha512, ChecksumMD5: m.md5, ChecksumXXHASH64: m.xxhash64,
		})
		out.NextPartNumberMarker = aws.String(strconv.Itoa(p.Number))
	}
	return nil
}
