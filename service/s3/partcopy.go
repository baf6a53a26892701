package s3

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/garrison-cloud/garrison/internal/authz"
)

func (s *Service) onPartCopy(ctx context.Context, in *s3.UploadPartCopyInput) (authz.Target, error) {
	source, err := parseSource(*in.CopySource)
	if err != nil {
		return authz.Target{}, err
	}
	t, err := s.onObject(ctx, actionPut, objectCall{bucketCall: bucketCall{*in.Bucket, in.ExpectedBucketOwner}, key: *in.Key, requested: &requested{copySource: in.CopySource}})
	if err != nil {
		return t, err
	}
	from, err := s.onObject(ctx, readAction(actionGet, actionGetVersion, source.versionID),
		objectCall{bucketCall: bucketCall{source.bucket, in.ExpectedSourceBucketOwner}, key: source.key, versionID: source.versionID})
	t.And = append(t.And, from)
	return t, err
}

// UploadPartCopy takes a part of an upload from another object, or from a range of it.
func (s *Service) UploadPartCopy(ctx context.Context, in *s3.UploadPartCopyInput) (*s3.UploadPartCopyOutput, error) {
	number := int(*in.PartNumber)
	if number < 1 || number > maxPartNumber {
		return nil, argument("partNumber", "", "Part number must be an integer between 1 and 10000, inclusive")
	}
	source, err := parseSource(*in.CopySource)
	if err != nil {
		return nil, err
	}
	h, err := s.hold(ctx, *in.Bucket)
	if err != nil {
		return nil, err
	}
	u, err := s.upload(ctx, h, *in.Key, *in.UploadId)
	if err != nil {
		return nil, err
	}
	g, err := s.get(ctx, &getRequest{
		bucket: source.bucket, key: source.key, versionID: source.versionID, ranges: in.CopySourceRange,
		conditions: readConditions{in.CopySourceIfMatch, in.CopySourceIfNoneMatch, in.CopySourceIfModifiedSince, in.CopySourceIfUnmodifiedSince},
		customer:   customerKey{in.CopySourceSSECustomerAlgorithm, in.CopySourceSSECustomerKey, in.CopySourceSSECustomerKeyMD5},
	})
	if err != nil {
		return nil, sourceError(err)
	}
	if err := checkCopyRange(in.CopySourceRange, g); err != nil {
		return nil, err
	}
	p, err := s.copyPart(ctx, in, h, u, g)
	if err != nil {
		return nil, err
	}
	c, e := checksum{Algorithm: p.Algorithm, Value: p.Checksum}.members(), u.Version.Sealing.answer()
	return &s3.UploadPartCopyOutput{
		CopySourceVersionId: g.version.answerID(g.held.settings), ServerSideEncryption: e.algorithm, SSEKMSKeyId: e.keyID, BucketKeyEnabled: e.bucketKey,
		SSECustomerAlgorithm: e.customerAlgorithm, SSECustomerKeyMD5: e.customerMD5,
		CopyPartResult: &types.CopyPartResult{
			ETag: quoted(p.ETag), LastModified: &p.Modified,
			ChecksumCRC32: c.crc32, ChecksumCRC32C: c.crc32c, ChecksumCRC64NVME: c.crc64nvme, ChecksumSHA1: c.sha1,
			ChecksumSHA256: c.sha256, ChecksumSHA512: c.sha512, ChecksumMD5: c.md5, ChecksumXXHASH64: c.xxhash64,
		},
	}, nil
}

// checkCopyRange refuses what a read would take for no range, or would cut short.
func checkCopyRange(text *string, g *gotten) error {
	if text == nil {
		return nil
	}
	if want := fmt.Sprintf("bytes=%d-%d", g.span.off, g.span.off+g.span.n-1); !g.span.partial || want != *text {
		return argument("x-amz-copy-source-range", *text, "The x-amz-copy-source-range value must be of the form bytes=first-last where first and last are the zero-based offsets of the first and last bytes to copy")
	}
	return nil
}

func (s *Service) copyPart(ctx context.Context, in *s3.UploadPartCopyInput, h *held, u *multipart, g *gotten) (*part, error) {
	open, err := s.open(ctx, h.Name, &u.Version, customerKey{in.SSECustomerAlgorithm, in.SSECustomerKey, in.SSECustomerKeyMD5})
	if err != nil {
		return nil, err
	}
	r, err := s.read(ctx, g)
	if err != nil {
		return nil, err
	}
	defer func() { _ = r.Close() }() // all of it has been read, or the copy has failed already
	return s.takePart(ctx, h, u, int(*in.PartNumber), &upload{from: r, size: g.span.n, secrets: open, claim: claim{algorithm: u.Algorithm}})
}
