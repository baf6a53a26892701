package s3

import (
	"context"
	"errors"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/garrison-cloud/garrison/internal/store"
)

// A lifecycleRun is how far the day's run through the Region's buckets is. There is one,
// from when the first bucket gets rules.
type lifecycleRun struct {
	ID     string    `cbor:"1,keyasint"`
	Day    time.Time `cbor:"2,keyasint"` // the midnight it began for
	Bucket string    `cbor:"3,keyasint,omitempty"`
	Key    string    `cbor:"4,keyasint,omitempty"` // the last that is done
	Done   bool      `cbor:"5,keyasint,omitempty"`
}

const theRun = "run"

var lifecycleRuns = store.NewTable("s3.lifecycle_run",
	func(r *lifecycleRun) store.Key { return store.K(r.ID) }, store.Unwatched[lifecycleRun]())

// How much one transaction of a run looks at, and does.
const (
	keysPerStep = 200
	doneAtOnce  = 100
)

// errNotDue tells that a version is no longer what a rule spoke to.
var errNotDue = errors.New("the version has changed")

// planRuns has runs begin at the next midnight, unless they have begun before.
func planRuns(tx *store.Tx) error {
	_, err := lifecycleRuns.Get(tx, theRun)
	if errors.Is(err, store.ErrNotFound) {
		return lifecycleRuns.Put(tx, &lifecycleRun{ID: theRun, Day: tx.Now().UTC().Truncate(oneDay), Done: true})
	}
	return err
}

// age does the day's run, and returns the next midnight. A run that was broken off goes
// on where it was; one that takes more than a day is finished before the next begins.
func (s *Service) age(ctx context.Context) (time.Time, error) {
	run, err := s.currentRun(ctx)
	if run == nil || err != nil {
		return time.Time{}, err
	}
	for {
		today := s.clock.Now().UTC().Truncate(oneDay)
		if run.Done && !run.Day.Before(today) {
			return run.Day.Add(oneDay), nil
		}
		if run.Done {
			run = &lifecycleRun{ID: theRun, Day: today}
		}
		if err := s.ageStep(ctx, run); err != nil {
			return today, err
		}
		err := s.db.Update(ctx, func(tx *store.Tx) error { return lifecycleRuns.Put(tx, run) })
		if err != nil {
			return today, err
		}
	}
}

func (s *Service) currentRun(ctx context.Context) (run *lifecycleRun, err error) {
	err = s.db.View(ctx, func(tx *store.Tx) error {
		row, err := lifecycleRuns.Get(tx, theRun)
		if errors.Is(err, store.ErrNotFound) {
			return nil
		}
		if err == nil {
			own := *row
			run = &own
		}
		return err
	})
	return run, err
}

// ageStep takes a run some keys on, or to the next bucket.
func (s *Service) ageStep(ctx context.Context, run *lifecycleRun) error {
	h, err := s.agingBucket(ctx, run)
	if h == nil || err != nil {
		return err
	}
	rules := h.lifecycleRules()
	keys, err := s.keysAfter(ctx, run)
	if err != nil {
		return err
	}
	for _, key := range keys {
		if err := s.ageKey(ctx, h, rules, key); err != nil {
			return err
		}
		run.Key = key
	}
	if len(keys) < keysPerStep {
		run.Bucket, run.Key = run.Bucket+"\x00", "" // the next id there can be
	}
	return nil
}

// agingBucket is the next bucket with rules; without one the run is done.
func (s *Service) agingBucket(ctx context.Context, run *lifecycleRun) (*held, error) {
	for {
		set, err := s.nextSettings(ctx, run.Bucket)
		if err != nil {
			return nil, err
		}
		if set == nil {
			run.Done = true
			return nil, nil
		}
		if set.ID != run.Bucket {
			run.Bucket, run.Key = set.ID, ""
		}
		h, err := s.look(ctx, set.Bucket)
		if noSuch := (*types.NoSuchBucket)(nil); err != nil && !errors.As(err, &noSuch) {
			return nil, err
		}
		if err == nil && h.id() == set.ID && h.Lifecycle != nil {
			return h, nil
		}
		run.Bucket, run.Key = set.ID+"\x00", ""
	}
}

// nextSettings are the first with rules from an id on, or nil.
func (s *Service) nextSettings(ctx context.Context, from string) (next *settings, err error) {
	err = s.db.View(ctx, func(tx *store.Tx) error {
		next = nil
		for set, err := range allSettings.Scan(tx, store.Range{From: store.K(from)}) {
			if err != nil {
				return err
			}
			if set.Lifecycle != nil && !set.Closed {
				next = set
				return nil
			}
		}
		return nil
	})
	return next, err
}

func (s *Service) keysAfter(ctx context.Context, run *lifecycleRun) (keys []string, err error) {
	r := store.Range{Prefix: store.K(run.Bucket), Limit: keysPerStep}
	if run.Key != "" {
		r.After = store.K(run.Bucket, run.Key)
	}
	err = s.db.View(ctx, func(tx *store.Tx) error {
		keys = keys[:0]
		for v, err := range objects.Scan(tx, r) {
			if err != nil {
				return err
			}
			keys = append(keys, v.Key)
		}
		return nil
	})
	return keys, err
}

// A due is a version with what is to happen to it.
type due struct {
	version *version
	action
}

// ageKey does what the rules have happen to a key's versions. It reads them without
// holding up anybody; most have nothing due.
func (s *Service) ageKey(ctx context.Context, h *held, rules []lifecycleRule, key string) error {
	for {
		var plan []due
		err := s.db.View(ctx, func(tx *store.Tx) (err error) {
			plan, err = dueOf(tx, h, rules, key)
			return err
		})
		if len(plan) == 0 || err != nil {
			return err
		}
		marks := plan[0].deed == deedMark
		if marks {
			err = s.mark(ctx, h, plan[0].version)
		}
		if err == nil && (!marks || len(plan) > 1) {
			err = s.ageVersions(ctx, h, key)
		}
		if err != nil || len(plan) < doneAtOnce {
			return err
		}
	}
}

// ageVersions looks again, in the transaction that does it: a version may have been
// locked, or have got a successor, and the bucket other rules. A marker is left to the
// next run.
func (s *Service) ageVersions(ctx context.Context, h *held, key string) error {
	err := s.db.Update(ctx, func(tx *store.Tx) error {
		set, err := settingsOf(tx, h.bucket)
		if err != nil {
			return err
		}
		h := &held{h.bucket, set}
		plan, err := dueOf(tx, h, set.lifecycleRules(), key)
		if err != nil {
			return err
		}
		for i := range plan {
			if err := s.fulfil(tx, h, &plan[i]); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil {
		s.changed()
	}
	return err
}

// fulfil deletes a version or changes its class.
func (s *Service) fulfil(tx *store.Tx, h *held, d *due) error {
	if d.deed == deedErase {
		return s.erase(tx, h, d.version, expired)
	}
	if d.deed != deedMove {
		return nil
	}
	d.version.Class = d.class
	if err := restate(tx, d.version); err != nil {
		return err
	}
	return s.notify(tx, &happening{bucket: h.bucket, settings: h.settings, version: d.version, name: transitioned})
}

// mark puts a delete marker before a version, if it still is the newest and due.
func (s *Service) mark(ctx context.Context, h *held, v *version) error {
	a := &arrival{
		bucket: h.bucket, event: expiredByMarker,
		version: &version{Bucket: h.id(), Key: v.Key, Marker: true, Owner: h.Account},
	}
	a.before = func(old *version) error {
		at := standing{current: true, keeps: true, least: a.settings.Transition}
		if old == nil || old.Order != v.Order || actionOn(a.settings.lifecycleRules(), old, at, s.clock.Now()).deed != deedMark {
			return errNotDue
		}
		return nil
	}
	err := s.commit(ctx, a)
	if noSuch := (*types.NoSuchBucket)(nil); errors.Is(err, errNotDue) || errors.As(err, &noSuch) {
		return nil
	}
	return err
}

// dueOf is what is to happen to a key's versions now, the newest first; some of it, if
// it is much.
func dueOf(tx *store.Tx, h *held, rules []lifecycleRule, key string) (plan []due, err error) {
	first, err := newest(tx, h.id(), key)
	if first == nil || err != nil {
		return nil, err
	}
	at := standing{newer: -1, since: first.Modified, keeps: h.Versioning != "", least: h.Transition}
	for v, err := range versions.Scan(tx, store.Range{Prefix: store.K(h.id(), key)}) {
		if err != nil {
			return nil, err
		}
		at.newer++
		if a := actionOn(rules, v, at, tx.Now()); a.deed != deedNone {
			plan = append(plan, due{v, a})
		}
		at.since = v.Modified
		if len(plan) == doneAtOnce {
			break
		}
	}
	at.current, at.alone = true, at.newer < 0
	if a := actionOn(rules, first, at, tx.Now()); a.deed != deedNone {
		plan = append([]due{{first, a}}, plan...)
	}
	return plan, nil
}
