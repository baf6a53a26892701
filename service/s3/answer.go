package s3

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/garrison-cloud/garrison/engine/iam"
	"github.com/garrison-cloud/garrison/internal/wire"
)

// An answer is what GetObject and HeadObject say of a version, in the same words.
type answer struct {
	encryptionAnswer
	etag, versionID                                                      *string
	modified, expires                                                    *time.Time
	metadata                                                             map[string]string
	class                                                                types.StorageClass
	cacheControl, disposition, encoding, language, contentType, redirect *string
	sums                                                                 checksums
	sumType                                                              types.ChecksumType
	parts, tags                                                          *int32
	replication                                                          types.ReplicationStatus
	expiration, restore                                                  *string
	lockMode                                                             types.ObjectLockMode
	lockUntil                                                            *time.Time
	lockHold                                                             types.ObjectLockLegalHoldStatus
}

func answerOf(g *gotten, mode types.ChecksumMode) *answer {
	v, h := g.version, &g.version.Headers
	a := &answer{
		encryptionAnswer: v.Sealing.answer(), etag: quoted(v.ETag), versionID: v.answerID(g.held.settings),
		modified: &v.Modified, metadata: v.Metadata, class: v.Class,
		cacheControl: given(h.CacheControl), disposition: given(h.ContentDisposition), encoding: given(h.ContentEncoding),
		language: given(h.ContentLanguage), contentType: given(h.ContentType), redirect: given(h.Redirect),
		replication: v.Replication.Status, restore: v.restoreHeader(), expiration: g.held.expiration(v),
	}
	a.context = nil // it is answered where it was given only
	if !h.Expires.IsZero() {
		a.expires = &h.Expires
	}
	if mode == types.ChecksumModeEnabled && (g.span.whole() || g.span.part > 0) {
		a.sums, a.sumType = g.checksum()
	}
	if g.span.part > 0 && len(g.parts) > 0 {
		a.parts = aws.Int32(int32(len(g.parts))) //nolint:gosec // at most 10,000
	}
	if n := len(v.Tags); n > 0 {
		a.tags = aws.Int32(int32(n)) //nolint:gosec // at most 10
	}
	a.lockMode = v.Lock.Mode
	if !v.Lock.Until.IsZero() {
		a.lockUntil = &v.Lock.Until
	}
	if v.Lock.Hold {
		a.lockHold = types.ObjectLockLegalHoldStatusOn
	}
	return a
}

// checksum is of the whole object, or of the part that is asked for.
func (g *gotten) checksum() (checksums, types.ChecksumType) {
	c := g.version.Checksum
	if g.span.part == 0 || len(g.parts) == 0 {
		return c.members(), c.Type
	}
	c.Value = g.parts[g.span.part-1].Checksum
	return c.members(), c.Type
}

func given(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// restoreHeader is x-amz-restore of an archived version that can be read.
func (v *version) restoreHeader() *string {
	if v.Restored.IsZero() {
		return nil
	}
	return aws.String(`ongoing-request="false", expiry-date="` + v.Restored.UTC().Format("Mon, 02 Jan 2006 15:04:05 GMT") + `"`)
}

// overrides are headers of the answer that the request chooses itself.
type overrides struct {
	cacheControl, disposition, encoding, language, contentType *string
	expires                                                    *time.Time
}

func overridesOf(in *s3.GetObjectInput) overrides {
	return overrides{
		in.ResponseCacheControl, in.ResponseContentDisposition, in.ResponseContentEncoding,
		in.ResponseContentLanguage, in.ResponseContentType, in.ResponseExpires,
	}
}

// check refuses overrides in a request that nobody signed.
func (o overrides) check(ctx context.Context) error {
	if o == (overrides{}) || wire.CallFrom(ctx).Principal.Kind != iam.Anonymous {
		return nil
	}
	return fail("InvalidRequest", "Request specific response headers cannot be used for anonymous GET requests.")
}

func (o overrides) apply(out *s3.GetObjectOutput) {
	for _, f := range []struct{ from, to **string }{
		{&o.cacheControl, &out.CacheControl},
		{&o.disposition, &out.ContentDisposition},
		{&o.encoding, &out.ContentEncoding},
		{&o.language, &out.ContentLanguage},
		{&o.contentType, &out.ContentType},
	} {
		if *f.from != nil {
			*f.to = *f.from
		}
	}
	if o.expires != nil {
		out.Expires = o.expires
	}
}
