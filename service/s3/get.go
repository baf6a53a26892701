package s3

import (
	"context"
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/garrison-cloud/garrison/internal/authz"
	"github.com/garrison-cloud/garrison/internal/store"
	"github.com/garrison-cloud/garrison/internal/wire"
)

// GetObject reads an object, or a range of it.
func (s *Service) GetObject(ctx context.Context, in *s3.GetObjectInput) (*s3.GetObjectOutput, error) {
	g, err := s.get(ctx, &getRequest{
		bucket: *in.Bucket, key: *in.Key, versionID: in.VersionId, part: in.PartNumber, ranges: in.Range,
		conditions: readConditions{in.IfMatch, in.IfNoneMatch, in.IfModifiedSince, in.IfUnmodifiedSince},
		customer:   customerKey{in.SSECustomerAlgorithm, in.SSECustomerKey, in.SSECustomerKeyMD5},
	})
	if err != nil {
		return nil, err
	}
	if err := overridesOf(in).check(ctx); err != nil {
		return nil, err
	}
	r, err := s.read(ctx, g)
	if err != nil {
		return nil, err
	}
	return getOutput(g, in, r), nil
}

// A getRequest is what GetObject and HeadObject ask for.
type getRequest struct {
	bucket, key string
	versionID   *string
	part        *int32
	ranges      *string
	conditions  readConditions
	customer    customerKey
	// head tells that no bytes are wanted, so that no key need be opened; sums that
	// checksums are, which KMS guards like the bytes.
	head, sums bool
}

// A gotten is a version that may be read, and which part of it is wanted.
type gotten struct {
	held    *held
	version *version
	parts   []manifestPart // of an object that was uploaded in parts
	secrets *secrets
	span    span
}

// get finds a version and holds the request to its conditions.
func (s *Service) get(ctx context.Context, r *getRequest) (*gotten, error) {
	h, err := s.hold(ctx, r.bucket)
	if err != nil {
		return nil, err
	}
	g := &gotten{held: h}
	err = s.db.View(ctx, func(tx *store.Tx) (err error) {
		if g.version, err = lookup(tx, h, r.key, r.versionID); err == nil && g.version.Body.Parts > 0 {
			g.parts, err = partsOf(tx, g.version.Body.ID)
		}
		return err
	})
	if err != nil {
		return nil, s.absence(ctx, h, err)
	}
	if err := r.conditions.check(g.version); err != nil {
		return nil, err
	}
	if err := g.version.readable(s.clock.Now()); err != nil {
		return nil, err
	}
	if !r.head || r.sums || !g.version.Sealing.byKMS() {
		if g.secrets, err = s.open(ctx, h.Name, g.version, r.customer); err != nil {
			return nil, err
		}
	}
	g.span, err = spanOf(r, g)
	return g, err
}

// lookup finds a version that can be read: the newest, or the one of that id.
func lookup(tx *store.Tx, h *held, key string, id *string) (*version, error) {
	if id == nil {
		v, err := newest(tx, h.id(), key)
		switch {
		case err != nil:
			return nil, err
		case v == nil:
			return nil, noSuchKey(key)
		case v.Marker:
			e := noSuchKey(key)
			e.Header = http.Header{"X-Amz-Delete-Marker": {"true"}, "X-Amz-Version-Id": {v.name()}}
			return nil, e
		}
		return v, nil
	}
	v, err := versionOf(tx, h.id(), key, *id)
	if err != nil {
		return nil, err
	}
	if v.Marker {
		e := refuse(http.StatusMethodNotAllowed, "MethodNotAllowed", "The specified method is not allowed against this resource.",
			wire.Detail{Name: "Method", Value: http.MethodGet}, wire.Detail{Name: "ResourceType", Value: "DeleteMarker"})
		e.Header = http.Header{
			"X-Amz-Delete-Marker": {"true"}, "X-Amz-Version-Id": {v.name()}, "Allow": {http.MethodDelete},
			"Last-Modified": {v.Modified.UTC().Format(http.TimeFormat)},
		}
		return nil, e
	}
	return v, nil
}

// versionOf finds a version by its id, be it a delete marker.
func versionOf(tx *store.Tx, bucket, key, id string) (*version, error) {
	if id == "" {
		return nil, argument("versionId", id, "Version id cannot be the empty string")
	}
	v, err := newest(tx, bucket, key)
	if err != nil {
		return nil, err
	}
	if v == nil || v.name() != id {
		if v, err = older(tx, bucket, key, id); err != nil {
			return nil, err
		}
	}
	if v == nil {
		return nil, noSuchVersion(key, id)
	}
	return v, nil
}

// absence tells what isn't there only to who may list the bucket (S3 API Reference,
// GetObject, "Permissions").
func (s *Service) absence(ctx context.Context, h *held, err error) error {
	e := (*wire.Error)(nil)
	if !errors.As(err, &e) || e.Code != "NoSuchKey" {
		return err
	}
	t := s.onHeld(ctx, h, actionList)
	if s.check(ctx, t) != nil {
		return denied()
	}
	return err
}

// check asks whether the caller may do t.
func (s *Service) check(ctx context.Context, t authz.Target) error {
	return wire.CallFrom(ctx).Check(ctx, t)
}

// readable refuses what lies in an archive.
func (v *version) readable(now time.Time) error {
	if v.Class != types.StorageClassGlacier && v.Class != types.StorageClassDeepArchive || now.Before(v.Restored) {
		return nil
	}
	return refuse(http.StatusForbidden, "InvalidObjectState", "The operation is not valid for the object's storage class",
		wire.Detail{Name: "StorageClass", Value: string(v.Class)})
}

// read opens the wanted part of a version. What is damaged at its very beginning is an
// error before the answer begins.
func (s *Service) read(ctx context.Context, g *gotten) (io.ReadCloser, error) {
	v, b := g.version, g.version.Body
	switch {
	case g.span.n == 0:
		return http.NoBody, nil
	case b.Inline:
		plain, err := s.readInline(ctx, g.secrets, b)
		if err != nil {
			return nil, err
		}
		return bytesBody(plain[g.span.off : g.span.off+g.span.n]), nil
	case b.Parts == 0:
		return ahead(s.openPiece(ctx, g.secrets, piece{id: b.ID, sealed: b.sealedAs(), off: g.span.off, n: g.span.n, size: v.Size}))
	}
	return ahead(s.openParts(ctx, g), nil)
}

func (s *Service) readInline(ctx context.Context, k *secrets, b body) ([]byte, error) {
	var row *inline
	err := s.db.View(ctx, func(tx *store.Tx) (err error) {
		row, err = inlines.Get(tx, b.ID[:])
		return err
	})
	if err != nil {
		return nil, err
	}
	return k.openSmall(b.sealedAs(), row.Data)
}

// getOutput is the answer about a version.
func getOutput(g *gotten, in *s3.GetObjectInput, r io.ReadCloser) *s3.GetObjectOutput {
	a := answerOf(g, in.ChecksumMode)
	out := &s3.GetObjectOutput{
		Body: r, AcceptRanges: aws.String("bytes"), ContentLength: &g.span.n, ContentRange: g.span.header(g.version.Size),
		ETag: a.etag, LastModified: a.modified, VersionId: a.versionID, Metadata: a.metadata, StorageClass: a.class,
		CacheControl: a.cacheControl, ContentDisposition: a.disposition, ContentEncoding: a.encoding,
		ContentLanguage: a.language, ContentType: a.contentType, Expires: a.expires, WebsiteRedirectLocation: a.redirect,
		ServerSideEncryption: a.algorithm, SSEKMSKeyId: a.keyID, BucketKeyEnabled: a.bucketKey,
		SSECustomerAlgorithm: a.customerAlgorithm, SSECustomerKeyMD5: a.customerMD5,
		ChecksumCRC32: a.sums.crc32, ChecksumCRC32C: a.sums.crc32c, ChecksumCRC64NVME: a.sums.crc64nvme, ChecksumSHA1: a.sums.sha1,
		ChecksumSHA256: a.sums.sha256, ChecksumSHA512: a.sums.sha512, ChecksumMD5: a.sums.md5, ChecksumXXHASH64: a.sums.xxhash64, ChecksumType: a.sumType,
		PartsCount: a.parts, TagCount: a.tags, ReplicationStatus: a.replication, Expiration: a.expiration, Restore: a.restore,
		ObjectLockMode: a.lockMode, ObjectLockRetainUntilDate: a.lockUntil, ObjectLockLegalHoldStatus: a.lockHold,
	}
	overridesOf(in).apply(out)
	return out
}
