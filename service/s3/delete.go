package s3

import (
	"context"
	"errors"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"

	"github.com/garrison-cloud/garrison/internal/store"
	"github.com/garrison-cloud/garrison/internal/wire"
)

// DeleteObject deletes a version by its id, for good. Without an id it deletes the
// object, and where the bucket keeps versions that only puts a delete marker before
// them. What isn't there counts as deleted.
func (s *Service) DeleteObject(ctx context.Context, in *s3.DeleteObjectInput) (*s3.DeleteObjectOutput, error) {
	h, err := s.hold(ctx, *in.Bucket)
	if err != nil {
		return nil, err
	}
	d := &deletion{
		held: h, key: *in.Key, versionID: in.VersionId, match: in.IfMatch, size: in.IfMatchSize, modified: in.IfMatchLastModifiedTime,
		bypass: aws.ToBool(in.BypassGovernanceRetention), mfa: in.MFA != nil,
	}
	if err := s.remove(ctx, d); err != nil {
		return nil, err
	}
	return &s3.DeleteObjectOutput{DeleteMarker: d.marker, VersionId: d.id}, nil
}

// A deletion is what is to be deleted, and then what was.
type deletion struct {
	held      *held
	key       string
	versionID *string
	match     *string
	size      *int64
	modified  *time.Time
	bypass    bool // of governance mode; the caller has been asked for the right to it
	mfa       bool

	// marker tells that a delete marker was made or deleted; id is its or the version's.
	marker *bool
	id     *string
}

func (s *Service) remove(ctx context.Context, d *deletion) error {
	if err := checkKey(d.key); err != nil {
		return err
	}
	if d.versionID == nil {
		return s.removeNewest(ctx, d)
	}
	d.id = d.versionID
	err := s.db.Update(ctx, func(tx *store.Tx) error {
		v, err := versionOf(tx, d.held.id(), d.key, *d.versionID)
		if e := (*wire.Error)(nil); errors.As(err, &e) && e.Code == "NoSuchVersion" {
			return nil
		}
		if err != nil {
			return err
		}
		if err := d.allowed(v, tx.Now()); err != nil {
			return err
		}
		d.marker = nil
		if v.Marker {
			d.marker = aws.Bool(true)
		}
		return s.erase(tx, d.held, v, removed)
	})
	if err == nil {
		s.changed()
	}
	return err
}

// allowed refuses to delete what is locked, or isn't what the caller takes it for.
func (d *deletion) allowed(v *version, now time.Time) error {
	if v.Lock.holds(now, d.bypass) {
		return denied()
	}
	return d.matches(v)
}

func (d *deletion) matches(v *version) error {
	switch {
	case d.match != nil && !matches(*d.match, v.ETag):
		return preconditionFailed("If-Match")
	case d.size != nil && *d.size != v.Size:
		return preconditionFailed("x-amz-if-match-size")
	case d.modified != nil && !d.modified.Equal(v.Modified.Truncate(time.Second)):
		return preconditionFailed("x-amz-if-match-last-modified-time")
	}
	return nil
}

// holds tells that the lock keeps a version from being deleted.
func (l lock) holds(now time.Time, bypass bool) bool {
	if l.Hold {
		return true
	}
	return now.Before(l.Until) && (l.Mode == types.ObjectLockModeCompliance || !bypass)
}

// erase deletes a version for good. The newest of the others takes its place.
func (s *Service) erase(tx *store.Tx, h *held, v *version, name eventName) error {
	if err := s.discard(tx, v); err != nil {
		return err
	}
	first, err := newest(tx, v.Bucket, v.Key)
	if err != nil {
		return err
	}
	if first == nil || first.Order != v.Order {
		err = versions.Delete(tx, v.Bucket, v.Key, -v.Order)
	} else {
		err = s.promote(tx, v)
	}
	if err != nil {
		return err
	}
	return s.notify(tx, &happening{bucket: h.bucket, settings: h.settings, version: v, name: name})
}

// promote makes the newest of a key's other versions its newest in place of v.
func (s *Service) promote(tx *store.Tx, v *version) error {
	for next, err := range versions.Scan(tx, store.Range{Prefix: store.K(v.Bucket, v.Key), Limit: 1}) {
		if err != nil {
			return err
		}
		if err := versions.Delete(tx, next.Bucket, next.Key, -next.Order); err != nil {
			return err
		}
		return objects.Put(tx, next)
	}
	return objects.Drop(tx, v.Bucket, v.Key)
}

// removeNewest deletes an object where its bucket keeps no versions, and else puts a
// delete marker before them.
func (s *Service) removeNewest(ctx context.Context, d *deletion) error {
	if d.held.Versioning == "" {
		return s.removeOnly(ctx, d)
	}
	a := &arrival{
		bucket: d.held.bucket, event: markerCreated,
		version: &version{Bucket: d.held.id(), Key: d.key, Marker: true, Owner: d.held.Account},
	}
	a.before = func(old *version) error {
		if old == nil {
			return d.whenAbsent()
		}
		return d.matches(old)
	}
	if err := s.commit(ctx, a); err != nil {
		return err
	}
	d.marker, d.id = aws.Bool(true), aws.String(a.version.name())
	return nil
}

// whenAbsent holds the deletion of what isn't there to the caller's conditions.
func (d *deletion) whenAbsent() error {
	if d.match != nil || d.size != nil || d.modified != nil {
		return noSuchKey(d.key)
	}
	return nil
}

func (s *Service) removeOnly(ctx context.Context, d *deletion) error {
	err := s.db.Update(ctx, func(tx *store.Tx) error {
		if _, err := openSettings(tx, d.held.bucket); err != nil {
			return err
		}
		v, err := newest(tx, d.held.id(), d.key)
		if err != nil {
			return err
		}
		if v == nil {
			return d.whenAbsent()
		}
		if err := d.matches(v); err != nil {
			return err
		}
		return s.erase(tx, d.held, v, removed)
	})
	if err == nil {
		s.changed()
	}
	return err
}

// maxDeletes is how many objects one call of DeleteObjects names at most.
const maxDeletes = 1000

// DeleteObjects deletes many objects or versions; each is allowed or denied, and
// deleted or not, for itself.
func (s *Service) DeleteObjects(ctx context.Context, in *s3.DeleteObjectsInput) (*s3.DeleteObjectsOutput, error) {
	h, err := s.hold(ctx, *in.Bucket)
	if err != nil {
		return nil, err
	}
	if n := len(in.Delete.Objects); n == 0 || n > maxDeletes {
		return nil, fail("MalformedXML", "The XML you provided was not well-formed or did not validate against our published schema")
	}
	out := &s3.DeleteObjectsOutput{}
	for i := range in.Delete.Objects {
		o := &in.Delete.Objects[i]
		d := &deletion{
			held: h, key: aws.ToString(o.Key), versionID: o.VersionId, match: o.ETag, size: o.Size, modified: o.LastModifiedTime,
			bypass: aws.ToBool(in.BypassGovernanceRetention), mfa: in.MFA != nil,
		}
		err := s.check(ctx, s.onDeletion(ctx, h, d))
		if err == nil {
			err = s.remove(ctx, d)
		}
		if err != nil {
			e, told := deleteError(o, err)
			if !told {
				return nil, err
			}
			out.Errors = append(out.Errors, e)
			continue
		}
		if !aws.ToBool(in.Delete.Quiet) {
			out.Deleted = append(out.Deleted, d.deleted())
		}
	}
	return out, nil
}

func (d *deletion) deleted() types.DeletedObject {
	o := types.DeletedObject{Key: &d.key, VersionId: d.versionID, DeleteMarker: d.marker}
	if aws.ToBool(d.marker) {
		o.DeleteMarkerVersionId = d.id
	}
	return o
}

// deleteError is the error of one object, if it is the client's to know.
func deleteError(o *types.ObjectIdentifier, err error) (types.Error, bool) {
	e := types.Error{Key: o.Key, VersionId: o.VersionId}
	var (
		api     smithy.APIError
		refused *wire.Error
	)
	switch {
	case isDenied(err):
		e.Code, e.Message = aws.String("AccessDenied"), aws.String(err.Error())
	case errors.As(err, &refused):
		e.Code, e.Message = &refused.Code, &refused.Message
	case errors.As(err, &api):
		e.Code, e.Message = aws.String(api.ErrorCode()), aws.String(api.ErrorMessage())
	default:
		return e, false
	}
	return e, true
}
