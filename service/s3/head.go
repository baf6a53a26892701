package s3

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// HeadObject says what GetObject would, without the bytes.
func (s *Service) HeadObject(ctx context.Context, in *s3.HeadObjectInput) (*s3.HeadObjectOutput, error) {
	g, err := s.get(ctx, &getRequest{
		bucket: *in.Bucket, key: *in.Key, versionID: in.VersionId, part: in.PartNumber, ranges: in.Range,
		conditions: readConditions{in.IfMatch, in.IfNoneMatch, in.IfModifiedSince, in.IfUnmodifiedSince},
		customer:   customerKey{in.SSECustomerAlgorithm, in.SSECustomerKey, in.SSECustomerKeyMD5},
		head:       true, sums: in.ChecksumMode == types.ChecksumModeEnabled,
	})
	if err != nil {
		return nil, err
	}
	a := answerOf(g, in.ChecksumMode)
	return &s3.HeadObjectOutput{
		AcceptRanges: aws.String("bytes"), ContentLength: &g.span.n, ContentRange: g.span.header(g.version.Size),
		ETag: a.etag, LastModified: a.modified, VersionId: a.versionID, Metadata: a.metadata, StorageClass: a.class,
		CacheControl: a.cacheControl, ContentDisposition: a.disposition, ContentEncoding: a.encoding,
		ContentLanguage: a.language, ContentType: a.contentType, Expires: a.expires, WebsiteRedirectLocation: a.redirect,
		ServerSideEncryption: a.algorithm, SSEKMSKeyId: a.keyID, BucketKeyEnabled: a.bucketKey,
		SSECustomerAlgorithm: a.customerAlgorithm, SSECustomerKeyMD5: a.customerMD5,
		ChecksumCRC32: a.sums.crc32, ChecksumCRC32C: a.sums.crc32c, ChecksumCRC64NVME: a.sums.crc64nvme, ChecksumSHA1: a.sums.sha1,
		ChecksumSHA256: a.sums.sha256, ChecksumSHA512: a.sums.sha512, ChecksumMD5: a.sums.md5, ChecksumXXHASH64: a.sums.xxhash64, ChecksumType: a.sumType,
		PartsCount: a.parts, TagCount: a.tags, ReplicationStatus: a.replication, Expiration: a.expiration, Restore: a.restore,
		ObjectLockMode: a.lockMode, ObjectLockRetainUntilDate: a.lockUntil, ObjectLockLegalHoldStatus: a.lockHold,
	}, nil
}
