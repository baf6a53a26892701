package s3

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/garrison-cloud/garrison/internal/store"
)

// An arrival is a version, or a delete marker, that becomes the newest of its key.
type arrival struct {
	bucket *bucket
	// version is what arrives; commit gives it its id, order and time.
	version    *version
	stored     *stored // its bytes; nil for none
	conditions conditions
	// before looks at the version that was the newest, nil where there was none; nil
	// looks at nothing.
	before func(old *version) error
	event  eventName
	// unreplicated keeps it out of replication.
	unreplicated bool
	// also is done in the same transaction; nil for nothing.
	also func(tx *store.Tx) error

	// settings are those that held when it arrived.
	settings *settings
}

// commit puts the version before the others of its key, in one transaction with all
// that follows of it.
func (s *Service) commit(ctx context.Context, a *arrival) error {
	fresh, freed := newVersionID(), false
	err := s.db.Update(ctx, func(tx *store.Tx) (err error) {
		v := a.version
		if a.settings, err = openSettings(tx, a.bucket); err != nil {
			return err
		}
		old, err := newest(tx, v.Bucket, v.Key)
		if err != nil {
			return err
		}
		if err := a.check(old); err != nil {
			return err
		}
		v.ID = ""
		if a.settings.versioned() {
			v.ID = fresh
		}
		v.Modified, v.Order = tx.Now(), tx.Now().UnixNano()
		if old != nil {
			v.Order = max(v.Order, old.Order+1)
		}
		if freed, err = s.makeRoom(tx, v, old); err != nil {
			return err
		}
		return s.arrive(tx, a)
	})
	if err == nil && freed {
		s.changed()
	}
	if err == nil && a.version.pending() {
		s.replicator.Wake()
	}
	return err
}

func (a *arrival) check(old *version) error {
	if a.before != nil {
		return a.before(old)
	}
	return a.conditions.check(a.version.Key, old)
}

// arrive writes the version and all that follows of it.
func (s *Service) arrive(tx *store.Tx, a *arrival) error {
	if err := s.enroll(tx, a); err != nil {
		return err
	}
	if err := objects.Put(tx, a.version); err != nil {
		return err
	}
	if a.stored != nil {
		if err := a.stored.keep(tx); err != nil {
			return err
		}
	}
	if a.also != nil {
		if err := a.also(tx); err != nil {
			return err
		}
	}
	return s.notify(tx, &happening{bucket: a.bucket, settings: a.settings, version: a.version, name: a.event})
}

// makeRoom moves the newest version of a key among the others, or does away with it
// where the new one takes its place: a null version is there once. freed tells that
// bytes outside of the store were let go of.
func (s *Service) makeRoom(tx *store.Tx, v, old *version) (freed bool, err error) {
	if old == nil {
		return false, nil
	}
	if v.ID == "" && old.ID == "" {
		return !old.Body.ID.IsZero() && !old.Body.Inline, s.discard(tx, old)
	}
	if v.ID == "" {
		if err := s.removeNull(tx, v); err != nil {
			return false, err
		}
	}
	return v.ID == "", versions.Add(tx, old)
}

// removeNull deletes the null version that is not the newest.
func (s *Service) removeNull(tx *store.Tx, v *version) error {
	null, err := older(tx, v.Bucket, v.Key, nullVersion)
	if null == nil || err != nil {
		return err
	}
	if err := s.discard(tx, null); err != nil {
		return err
	}
	return versions.Delete(tx, null.Bucket, null.Key, -null.Order)
}

// newest is the newest version of a key, perhaps a delete marker, or nil.
func newest(tx *store.Tx, bucket, key string) (*version, error) {
	v, err := objects.Get(tx, bucket, key)
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	return v, err
}

// older is the version of that name among those that aren't the newest, or nil.
func older(tx *store.Tx, bucket, key, name string) (*version, error) {
	for v, err := range versions.ScanIndex(tx, "id", store.Range{Prefix: store.K(bucket, key, name), Limit: 1}) {
		return v, err
	}
	return nil, nil
}

// discard lets go of a version's bytes.
func (s *Service) discard(tx *store.Tx, v *version) error {
	switch b := v.Body; {
	case b.ID.IsZero():
		return nil
	case b.Inline:
		return inlines.Drop(tx, b.ID[:])
	case b.Parts > 0:
		return discarded.Add(tx, &discard{ID: b.ID})
	default:
		return s.depot.Loose(tx, b.ID)
	}
}

// changed has background work look at what a commit has left for it.
func (s *Service) changed() {
	s.depot.Wake()
	s.worker.Wake()
}

// conditions are those of a write (S3 User Guide, "Conditional writes").
type conditions struct{ match, noneMatch *string }

func (c conditions) check(key string, old *version) error {
	absent := old == nil || old.Marker
	if c.noneMatch != nil {
		if *c.noneMatch != "*" {
			return refuse(http.StatusNotImplemented, "NotImplemented", "A header you provided implies functionality that is not implemented")
		}
		if !absent {
			return preconditionFailed("If-None-Match")
		}
	}
	if c.match == nil {
		return nil
	}
	if absent {
		return noSuchKey(key)
	}
	if !matches(*c.match, old.ETag) {
		return preconditionFailed("If-Match")
	}
	return nil
}

// matches tells whether a list of ETags, or *, names one.
func matches(list, etag string) bool {
	for one := range strings.SplitSeq(list, ",") {
		one = strings.TrimPrefix(strings.TrimSpace(one), "W/")
		if one == "*" || strings.Trim(one, `"`) == etag {
			return true
		}
	}
	return false
}

// checkOwner holds the bucket to the account that the caller expects.
func (b *bucket) checkOwner(expected *string) error {
	if aws.ToString(expected) != "" && *expected != b.Account {
		return denied()
	}
	return nil
}
