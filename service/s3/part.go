package s3

import (
	"context"
	"errors"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/garrison-cloud/garrison/internal/authz"
	"github.com/garrison-cloud/garrison/internal/store"
)

func (s *Service) onUploadPart(ctx context.Context, in *s3.UploadPartInput) (authz.Target, error) {
	return s.onObject(ctx, actionPut, objectCall{bucketCall: bucketCall{*in.Bucket, in.ExpectedBucketOwner}, key: *in.Key})
}

// UploadPart takes one part; a number that was there before is replaced.
func (s *Service) UploadPart(ctx context.Context, in *s3.UploadPartInput) (*s3.UploadPartOutput, error) {
	number := int(*in.PartNumber)
	if number < 1 || number > maxPartNumber {
		return nil, argument("partNumber", "", "Part number must be an integer between 1 and 10000, inclusive")
	}
	h, err := s.hold(ctx, *in.Bucket)
	if err != nil {
		return nil, err
	}
	u, err := s.upload(ctx, h, *in.Key, *in.UploadId)
	if err != nil {
		return nil, err
	}
	b := &upload{from: in.Body, size: sizeOf(in.Body, in.ContentLength), md5: in.ContentMD5}
	if b.from == nil {
		b.from = strings.NewReader("")
	}
	if b.claim, err = claimed(partChecksums(in), in.ChecksumAlgorithm, in.Body); err != nil {
		return nil, err
	}
	if err := u.claims(&b.claim); err != nil {
		return nil, err
	}
	if b.secrets, err = s.open(ctx, h.Name, &u.Version, customerKey{in.SSECustomerAlgorithm, in.SSECustomerKey, in.SSECustomerKeyMD5}); err != nil {
		return nil, err
	}
	p, err := s.takePart(ctx, h, u, number, b)
	if err != nil {
		return nil, err
	}
	c, e := checksum{Algorithm: p.Algorithm, Value: p.Checksum}.members(), u.Version.Sealing.answer()
	return &s3.UploadPartOutput{
		ETag: quoted(p.ETag), ServerSideEncryption: e.algorithm, SSEKMSKeyId: e.keyID, BucketKeyEnabled: e.bucketKey,
		SSECustomerAlgorithm: e.customerAlgorithm, SSECustomerKeyMD5: e.customerMD5,
		ChecksumCRC32: c.crc32, ChecksumCRC32C: c.crc32c, ChecksumCRC64NVME: c.crc64nvme, ChecksumSHA1: c.sha1,
		ChecksumSHA256: c.sha256, ChecksumSHA512: c.sha512, ChecksumMD5: c.md5, ChecksumXXHASH64: c.xxhash64,
	}, nil
}

func partChecksums(in *s3.UploadPartInput) checksums {
	return checksums{
		crc32: in.ChecksumCRC32, crc32c: in.ChecksumCRC32C, crc64nvme: in.ChecksumCRC64NVME, sha1: in.ChecksumSHA1,
		sha256: in.ChecksumSHA256, sha512: in.ChecksumSHA512, md5: in.ChecksumMD5, xxhash64: in.ChecksumXXHASH64,
	}
}

// claims holds a part's checksum to the algorithm that the upload was begun with. Where
// none was chosen, the first part's client does.
func (u *multipart) claims(c *claim) error {
	switch {
	case c.algorithm == "":
		c.algorithm = u.Algorithm
	case c.algorithm != u.Algorithm && u.Asked:
		return fail("InvalidRequest", "Checksum Type mismatch occurred, expected checksum Type: "+
			strings.ToLower(string(u.Algorithm))+", actual checksum Type: "+strings.ToLower(string(c.algorithm)))
	}
	return nil
}

// takePart makes a part durable and files it under its number.
func (s *Service) takePart(ctx context.Context, h *held, u *multipart, number int, b *upload) (*part, error) {
	b.etag = u.Version.Sealing.plainETag()
	got, err := s.take(ctx, b)
	if err != nil {
		return nil, err
	}
	defer got.release()
	p := &part{Upload: u.ID, Number: number, Body: got.body, Size: got.size, Algorithm: got.sum.Algorithm, Checksum: got.sum.Value}
	p.ETag = got.etag(&u.Version.Sealing)
	err = s.db.Update(ctx, func(tx *store.Tx) error {
		if _, err := findUpload(tx, h, u.Key, u.ID); err != nil {
			return err
		}
		old, err := parts.Get(tx, p.Upload, p.Number)
		if err == nil {
			err = s.discard(tx, &version{Body: old.Body})
		}
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return err
		}
		p.Modified = tx.Now()
		if err := parts.Put(tx, p); err != nil {
			return err
		}
		return got.keep(tx)
	})
	return p, err
}
