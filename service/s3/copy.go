package s3

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/garrison-cloud/garrison/internal/authz"
	"github.com/garrison-cloud/garrison/internal/wire"
)

// A copySource is what x-amz-copy-source names.
type copySource struct {
	bucket, key string
	versionID   *string
}

// parseSource reads "/bucket/key?versionId=id", escaped like a URL.
func parseSource(text string) (*copySource, error) {
	path, query, _ := strings.Cut(strings.TrimPrefix(text, "/"), "?versionId=")
	plain, err := url.PathUnescape(path)
	bucket, key, ok := strings.Cut(plain, "/")
	if err != nil || !ok || bucket == "" || key == "" || strings.HasPrefix(bucket, "arn:") {
		return nil, argument("x-amz-copy-source", text, "Copy Source must mention the source bucket and key: sourcebucket/sourcekey")
	}
	c := &copySource{bucket: bucket, key: key}
	if query != "" {
		c.versionID = &query
	}
	return c, nil
}

func (s *Service) onCopy(ctx context.Context, in *s3.CopyObjectInput) (authz.Target, error) {
	q := &requested{
		acl: string(in.ACL), encryption: copyEncryption(in), class: string(in.StorageClass), copySource: in.CopySource,
		directive: string(in.MetadataDirective), redirect: in.WebsiteRedirectLocation, match: in.IfMatch, noneMatch: in.IfNoneMatch,
		grants: grantHeaders{full: in.GrantFullControl, read: in.GrantRead, readACP: in.GrantReadACP, writeACP: in.GrantWriteACP},
		lock:   description{mode: in.ObjectLockMode, until: in.ObjectLockRetainUntilDate, hold: in.ObjectLockLegalHoldStatus},
	}
	if in.TaggingDirective == types.TaggingDirectiveReplace {
		q.tagging = in.Tagging
	}
	source, err := parseSource(*in.CopySource)
	if err != nil {
		return authz.Target{}, err
	}
	t, err := s.onObject(ctx, actionPut, objectCall{bucketCall: bucketCall{*in.Bucket, in.ExpectedBucketOwner}, key: *in.Key, requested: q})
	if err != nil {
		return t, err
	}
	q.besides(&t)
	from, err := s.onObject(ctx, readAction(actionGet, actionGetVersion, source.versionID),
		objectCall{bucketCall: bucketCall{source.bucket, in.ExpectedSourceBucketOwner}, key: source.key, versionID: source.versionID})
	t.And = append(t.And, from)
	return t, err
}

func copyEncryption(in *s3.CopyObjectInput) encryption {
	return encryption{
		algorithm: in.ServerSideEncryption, keyID: in.SSEKMSKeyId, context: in.SSEKMSEncryptionContext, bucketKey: in.BucketKeyEnabled,
		customer: customerKey{algorithm: in.SSECustomerAlgorithm, key: in.SSECustomerKey, md5: in.SSECustomerKeyMD5},
	}
}

// CopyObject makes an object of another's bytes: they are opened under the source's key
// and sealed anew under the copy's.
func (s *Service) CopyObject(ctx context.Context, in *s3.CopyObjectInput) (*s3.CopyObjectOutput, error) {
	source, err := parseSource(*in.CopySource)
	if err != nil {
		return nil, err
	}
	h, err := s.hold(ctx, *in.Bucket)
	if err != nil {
		return nil, err
	}
	g, err := s.get(ctx, &getRequest{
		bucket: source.bucket, key: source.key, versionID: source.versionID,
		conditions: readConditions{in.CopySourceIfMatch, in.CopySourceIfNoneMatch, in.CopySourceIfModifiedSince, in.CopySourceIfUnmodifiedSince},
		customer:   customerKey{in.CopySourceSSECustomerAlgorithm, in.CopySourceSSECustomerKey, in.CopySourceSSECustomerKeyMD5},
	})
	if err != nil {
		return nil, sourceError(err)
	}
	if err := checkCopy(in, source, g.version); err != nil {
		return nil, err
	}
	v, err := s.draftCopy(ctx, h, in, g.version)
	if err != nil {
		return nil, err
	}
	return s.copyBytes(ctx, h, in, g, v)
}

// sourceError is a source's condition that doesn't hold: a copy has no 304.
func sourceError(err error) error {
	if e := (*wire.Error)(nil); errors.As(err, &e) && e.Status == http.StatusNotModified {
		return preconditionFailed("x-amz-copy-source-If-None-Match")
	}
	return err
}

// checkCopy refuses a copy onto itself that changes nothing, and one that is too large.
func checkCopy(in *s3.CopyObjectInput, source *copySource, v *version) error {
	if v.Size > maxPut {
		return fail("InvalidRequest", "The specified copy source is larger than the maximum allowable size for a copy source: 5368709120")
	}
	same := source.bucket == *in.Bucket && source.key == *in.Key && source.versionID == nil
	changes := in.MetadataDirective == types.MetadataDirectiveReplace || in.StorageClass != "" || in.ServerSideEncryption != "" ||
		in.WebsiteRedirectLocation != nil || in.SSECustomerAlgorithm != nil || in.CopySourceSSECustomerAlgorithm != nil || in.ChecksumAlgorithm != ""
	if same && !changes {
		return fail("InvalidRequest", "This copy request is illegal because it is trying to copy an object to itself without changing the object's metadata, storage class, website redirect location or encryption attributes.")
	}
	return nil
}

// draftCopy makes the version: of what the source says, or of what the request does.
func (s *Service) draftCopy(ctx context.Context, h *held, in *s3.CopyObjectInput, from *version) (*version, error) {
	if err := checkKey(*in.Key); err != nil {
		return nil, err
	}
	v := &version{Bucket: h.id(), Key: *in.Key, Metadata: from.Metadata, Headers: from.Headers, Class: in.StorageClass}
	v.Headers.Redirect = aws.ToString(in.WebsiteRedirectLocation)
	if in.MetadataDirective == types.MetadataDirectiveReplace {
		v.Metadata = lowered(in.Metadata)
		v.Headers = headers{
			CacheControl: aws.ToString(in.CacheControl), ContentDisposition: aws.ToString(in.ContentDisposition),
			ContentEncoding: withoutChunked(in.ContentEncoding), ContentLanguage: aws.ToString(in.ContentLanguage),
			ContentType: aws.ToString(in.ContentType), Redirect: aws.ToString(in.WebsiteRedirectLocation), Expires: aws.ToTime(in.Expires),
		}
	}
	d := description{
		acl: in.ACL, grants: grantHeaders{full: in.GrantFullControl, read: in.GrantRead, readACP: in.GrantReadACP, writeACP: in.GrantWriteACP},
		mode: in.ObjectLockMode, until: in.ObjectLockRetainUntilDate, hold: in.ObjectLockLegalHoldStatus,
	}
	if in.TaggingDirective == types.TaggingDirectiveReplace {
		d.tagging = in.Tagging
	}
	if err := s.describe(ctx, h, v, d); err != nil {
		return nil, err
	}
	if in.TaggingDirective != types.TaggingDirectiveReplace {
		v.Tags = from.Tags
	}
	return v, nil
}

func (s *Service) copyBytes(ctx context.Context, h *held, in *s3.CopyObjectInput, g *gotten, v *version) (*s3.CopyObjectOutput, error) {
	q, open, err := s.seal(ctx, h, v.Key, copyEncryption(in))
	if err != nil {
		return nil, err
	}
	r, err := s.read(ctx, g)
	if err != nil {
		return nil, err
	}
	defer func() { _ = r.Close() }() // all of it has been read, or the copy has failed already
	b, err := s.take(ctx, &upload{from: io.Reader(r), size: g.version.Size, secrets: open, etag: q.plainETag(), claim: copyClaim(in, g.version)})
	if err != nil {
		return nil, err
	}
	defer b.release()
	v.Sealing, v.Body, v.Size, v.ETag, v.Checksum = *q, b.body, b.size, b.etag(q), b.sum
	a := &arrival{bucket: h.bucket, version: v, stored: b, conditions: conditions{match: in.IfMatch, noneMatch: in.IfNoneMatch}, event: createdCopy}
	if err := s.commit(ctx, a); err != nil {
		return nil, err
	}
	return copyOutput(a, g), nil
}

// copyClaim is the checksum that a copy gets: the one asked for, or the source's kind.
func copyClaim(in *s3.CopyObjectInput, from *version) claim {
	a := in.ChecksumAlgorithm
	if a == "" && from.Checksum.Type == types.ChecksumTypeFullObject {
		a = from.Checksum.Algorithm
	}
	if a != "" && newHash(a) == nil {
		a = ""
	}
	return claim{algorithm: a}
}

func copyOutput(a *arrival, g *gotten) *s3.CopyObjectOutput {
	v := a.version
	c, e := v.Checksum.members(), v.Sealing.answer()
	modified := v.Modified.Truncate(time.Millisecond)
	return &s3.CopyObjectOutput{
		VersionId: v.answerID(a.settings), CopySourceVersionId: g.version.answerID(g.held.settings),
		ServerSideEncryption: e.algorithm, SSEKMSKeyId: e.keyID, SSEKMSEncryptionContext: e.context, BucketKeyEnabled: e.bucketKey,
		SSECustomerAlgorithm: e.customerAlgorithm, SSECustomerKeyMD5: e.customerMD5,
		CopyObjectResult: &types.CopyObjectResult{
			ETag: quoted(v.ETag), LastModified: &modified, ChecksumType: v.Checksum.Type,
			ChecksumCRC32: c.crc32, ChecksumCRC32C: c.crc32c, ChecksumCRC64NVME: c.crc64nvme, ChecksumSHA1: c.sha1,
			ChecksumSHA256: c.sha256, ChecksumSHA512: c.sha512, ChecksumMD5: c.md5, ChecksumXXHASH64: c.xxhash64,
		},
	}
}
