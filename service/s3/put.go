package s3

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/garrison-cloud/garrison/internal/wire"
)

// Limits of what comes with an object (S3 User Guide, "Working with object metadata").
const (
	maxKey      = 1024
	maxMetadata = 2 << 10
)

// PutObject puts an object, as a new version where the bucket keeps versions. It is
// durable when it is answered.
func (s *Service) PutObject(ctx context.Context, in *s3.PutObjectInput) (*s3.PutObjectOutput, error) {
	h, err := s.hold(ctx, *in.Bucket)
	if err != nil {
		return nil, err
	}
	v, err := s.draftPut(ctx, h, in)
	if err != nil {
		return nil, err
	}
	u := &upload{from: in.Body, size: sizeOf(in.Body, in.ContentLength), md5: in.ContentMD5}
	if u.from == nil {
		u.from = strings.NewReader("")
	}
	if u.claim, err = claimed(putChecksums(in), in.ChecksumAlgorithm, in.Body); err != nil {
		return nil, err
	}
	if in.WriteOffsetBytes != nil {
		return nil, fail("NotImplemented", "A header you provided implies functionality that is not implemented: x-amz-write-offset-bytes is for directory buckets.")
	}
	q, open, err := s.seal(ctx, h, v.Key, putEncryption(in))
	if err != nil {
		return nil, err
	}
	u.secrets, u.etag = open, q.plainETag()
	b, err := s.take(ctx, u)
	if err != nil {
		return nil, err
	}
	defer b.release()
	v.Sealing, v.Body, v.Size, v.ETag, v.Checksum = *q, b.body, b.size, b.etag(q), b.sum
	a := &arrival{bucket: h.bucket, version: v, stored: b, conditions: conditions{match: in.IfMatch, noneMatch: in.IfNoneMatch}, event: createdPut}
	if err := s.commit(ctx, a); err != nil {
		return nil, err
	}
	return putOutput(a), nil
}

// sized is a body that knows how long it is, as sigv4.Body does.
type sized interface{ Size() int64 }

// sizeOf is the length of a body without its encoding; -1 if nobody knows it.
func sizeOf(r io.Reader, declared *int64) int64 {
	if r == nil {
		return 0
	}
	if b, ok := r.(sized); ok {
		return b.Size()
	}
	if declared != nil {
		return *declared
	}
	return -1
}

// draftPut makes the version of all that a request says of an object beside its bytes.
func (s *Service) draftPut(ctx context.Context, h *held, in *s3.PutObjectInput) (*version, error) {
	if err := checkKey(*in.Key); err != nil {
		return nil, err
	}
	v := &version{
		Bucket: h.id(), Key: *in.Key, Metadata: lowered(in.Metadata), Class: in.StorageClass,
		Headers: headers{
			CacheControl: aws.ToString(in.CacheControl), ContentDisposition: aws.ToString(in.ContentDisposition),
			ContentEncoding: withoutChunked(in.ContentEncoding), ContentLanguage: aws.ToString(in.ContentLanguage),
			ContentType: aws.ToString(in.ContentType), Redirect: aws.ToString(in.WebsiteRedirectLocation),
			Expires: aws.ToTime(in.Expires),
		},
	}
	return v, s.describe(ctx, h, v, description{
		tagging: in.Tagging, acl: in.ACL,
		grants: grantHeaders{full: in.GrantFullControl, read: in.GrantRead, readACP: in.GrantReadACP, writeACP: in.GrantWriteACP},
		mode:   in.ObjectLockMode, until: in.ObjectLockRetainUntilDate, hold: in.ObjectLockLegalHoldStatus,
	})
}

// A description is what requests that make an object say of it, in the same words.
type description struct {
	tagging *string
	acl     types.ObjectCannedACL
	grants  grantHeaders
	mode    types.ObjectLockMode
	until   *time.Time
	hold    types.ObjectLockLegalHoldStatus
}

// describe fills in the tags, the lock, the owner and the ACL of a version.
func (s *Service) describe(ctx context.Context, h *held, v *version, d description) (err error) {
	if err := checkMetadata(v); err != nil {
		return err
	}
	if v.Class, err = storageClass(v.Class); err != nil {
		return err
	}
	if v.Tags, err = parseTagging(d.tagging); err != nil {
		return err
	}
	if v.Lock, err = h.lockFor(d, s.clock.Now()); err != nil {
		return err
	}
	return h.own(wire.CallFrom(ctx), v, d)
}

func putEncryption(in *s3.PutObjectInput) encryption {
	return encryption{
		algorithm: in.ServerSideEncryption, keyID: in.SSEKMSKeyId, context: in.SSEKMSEncryptionContext, bucketKey: in.BucketKeyEnabled,
		customer: customerKey{algorithm: in.SSECustomerAlgorithm, key: in.SSECustomerKey, md5: in.SSECustomerKeyMD5},
	}
}

func putChecksums(in *s3.PutObjectInput) checksums {
	return checksums{
		crc32: in.ChecksumCRC32, crc32c: in.ChecksumCRC32C, crc64nvme: in.ChecksumCRC64NVME, sha1: in.ChecksumSHA1,
		sha256: in.ChecksumSHA256, sha512: in.ChecksumSHA512, md5: in.ChecksumMD5, xxhash64: in.ChecksumXXHASH64,
	}
}

func putOutput(a *arrival) *s3.PutObjectOutput {
	v := a.version
	c, e := v.Checksum.members(), v.Sealing.answer()
	return &s3.PutObjectOutput{
		ETag: quoted(v.ETag), VersionId: v.answerID(a.settings),
		ChecksumCRC32: c.crc32, ChecksumCRC32C: c.crc32c, ChecksumCRC64NVME: c.crc64nvme, ChecksumSHA1: c.sha1,
		ChecksumSHA256: c.sha256, ChecksumSHA512: c.sha512, ChecksumMD5: c.md5, ChecksumXXHASH64: c.xxhash64, ChecksumType: v.Checksum.Type,
		ServerSideEncryption: e.algorithm, SSEKMSKeyId: e.keyID, SSEKMSEncryptionContext: e.context, BucketKeyEnabled: e.bucketKey,
		SSECustomerAlgorithm: e.customerAlgorithm, SSECustomerKeyMD5: e.customerMD5,
	}
}

// answerID is the version's id for an answer; none where the bucket has never kept
// versions.
func (v *version) answerID(set *settings) *string {
	if v.ID == "" && set.Versioning == "" {
		return nil
	}
	return aws.String(v.name())
}

func quoted(etag string) *string { return aws.String(`"` + etag + `"`) }

// checkKey holds a key to S3's limits. Whatever its characters, it is only ever part of
// a row's key, never of a path.
func checkKey(key string) error {
	if key == "" {
		return fail("InvalidURI", "Couldn't parse the specified URI.")
	}
	if len(key) > maxKey {
		return refuse(http.StatusBadRequest, "KeyTooLongError", "Your key is too long",
			wire.Detail{Name: "Size", Value: strconv.Itoa(len(key))}, wire.Detail{Name: "MaxSizeAllowed", Value: strconv.Itoa(maxKey)})
	}
	if !utf8.ValidString(key) {
		return fail("InvalidURI", "Couldn't parse the specified URI.")
	}
	return nil
}

func checkMetadata(v *version) error {
	size := 0
	for name, value := range v.Metadata {
		size += len(name) + len(value)
	}
	if size > maxMetadata {
		return fail("MetadataTooLarge", "Your metadata headers exceed the maximum allowed metadata size")
	}
	return nil
}

// storageClass refuses classes of other kinds of buckets. STANDARD is kept as none.
func storageClass(c types.StorageClass) (types.StorageClass, error) {
	switch c {
	case "", types.StorageClassStandard:
		return "", nil
	case types.StorageClassStandardIa, types.StorageClassOnezoneIa, types.StorageClassIntelligentTiering,
		types.StorageClassGlacierIr, types.StorageClassReducedRedundancy:
		return c, nil
	case types.StorageClassGlacier, types.StorageClassDeepArchive: // nothing could bring it back
		return "", refuse(http.StatusNotImplemented, "NotImplemented", "The storage class "+string(c)+" is not implemented, because RestoreObject is not.")
	}
	return "", fail("InvalidStorageClass", "The storage class you specified is not valid")
}

// parseTagging reads x-amz-tagging, which is written like a query.
func parseTagging(text *string) ([]tag, error) {
	if text == nil || *text == "" {
		return nil, nil
	}
	bad := argument("x-amz-tagging", *text, "The header 'x-amz-tagging' shall be encoded as UTF-8 then URLEncoded URL query parameters without tag name duplicates.")
	var tags []tag
	seen := map[string]bool{}
	for part := range strings.SplitSeq(*text, "&") {
		k, v, _ := strings.Cut(part, "=")
		key, err1 := url.QueryUnescape(k)
		value, err2 := url.QueryUnescape(v)
		if err1 != nil || err2 != nil || seen[key] {
			return nil, bad
		}
		seen[key] = true
		tags = append(tags, tag{Key: key, Value: value})
	}
	return tags, checkObjectTags(tags)
}

// lowered gives metadata's names in lower case, as HTTP/2 has them.
func lowered(m map[string]string) map[string]string {
	if len(m) == 0 {
		return nil
	}
	out := make(map[string]string, len(m))
	for name, value := range m {
		out[strings.ToLower(name)] = value
	}
	return out
}

// withoutChunked takes aws-chunked, which is only how the body came, off an encoding.
func withoutChunked(encoding *string) string {
	var kept []string
	for part := range strings.SplitSeq(aws.ToString(encoding), ",") {
		if part = strings.TrimSpace(part); part != "" && part != "aws-chunked" {
			kept = append(kept, part)
		}
	}
	return strings.Join(kept, ",")
}
