package s3

import (
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// A lifecycleRule is a rule taken apart; it shares what it points to with the rule as
// it was put, so that making one allocates nothing.
type lifecycleRule struct {
	id, prefix string
	tags       []types.Tag
	tag        *types.Tag
	// over and under bound the size, both exclusive; nil does not.
	over, under *int64

	expiration   *types.LifecycleExpiration
	transitions  []types.Transition
	older        *types.NoncurrentVersionExpiration
	olderClasses []types.NoncurrentVersionTransition
}

// ruleOf takes a rule apart; ok is false of one that is disabled.
func ruleOf(r *types.LifecycleRule) (c lifecycleRule, ok bool) {
	c = lifecycleRule{
		id: aws.ToString(r.ID), prefix: aws.ToString(r.Prefix),
		expiration: r.Expiration, transitions: r.Transitions,
		older: r.NoncurrentVersionExpiration, olderClasses: r.NoncurrentVersionTransitions,
	}
	if f := r.Filter; f != nil {
		c.prefix, c.tag, c.over, c.under = aws.ToString(f.Prefix), f.Tag, f.ObjectSizeGreaterThan, f.ObjectSizeLessThan
		if a := f.And; a != nil {
			c.prefix, c.tags, c.over, c.under = aws.ToString(a.Prefix), a.Tags, a.ObjectSizeGreaterThan, a.ObjectSizeLessThan
		}
	}
	return c, r.Status == types.ExpirationStatusEnabled
}

// speaksTo tells whether a rule's filter takes a version. A delete marker has neither
// tags nor a size.
func (r *lifecycleRule) speaksTo(v *version) bool {
	if !strings.HasPrefix(v.Key, r.prefix) || r.tag != nil && !v.tagged(r.tag) {
		return false
	}
	for i := range r.tags {
		if !v.tagged(&r.tags[i]) {
			return false
		}
	}
	if v.Marker {
		return r.over == nil && r.under == nil
	}
	return (r.over == nil || v.Size > *r.over) && (r.under == nil || v.Size < *r.under)
}

func (v *version) tagged(t *types.Tag) bool {
	for i := range v.Tags {
		if v.Tags[i].Key == aws.ToString(t.Key) {
			return v.Tags[i].Value == aws.ToString(t.Value)
		}
	}
	return false
}

const oneDay = 24 * time.Hour

// after is when days have passed: at the midnight that follows (S3 User Guide,
// "Lifecycle configuration elements").
func after(t time.Time, days *int32) time.Time {
	return t.Add(time.Duration(aws.ToInt32(days)) * oneDay).UTC().Truncate(oneDay).Add(oneDay)
}

// expires is when the rule expires a current version; zero is never.
func (r *lifecycleRule) expires(v *version) time.Time {
	switch e := r.expiration; {
	case e == nil:
		return time.Time{}
	case e.Date != nil:
		return *e.Date
	case e.Days != nil:
		return after(v.Modified, e.Days)
	default:
		return time.Time{}
	}
}

// A standing is how a version stands among those of its key.
type standing struct {
	current bool
	alone   bool // the key has no other
	// Of one that is not current: how many newer ones aren't either, and since when.
	newer int
	since time.Time
	// keeps tells that the bucket keeps versions, or has: expiry then puts a marker.
	keeps bool
	// least is below what size no version changes its class by a rule without sizes.
	least types.TransitionDefaultMinimumObjectSize
}

// A deed is what the rules have happen to a version.
type deed int

// From what yields to what prevails (S3 User Guide, "Conflicts in lifecycle
// configurations"): deleting goes before a change of class, which goes before a marker.
const (
	deedNone deed = iota
	deedMark
	deedMove
	deedErase
)

// An action is a deed, and the class a version moves to.
type action struct {
	deed  deed
	class types.StorageClass
}

// actionOn is what the rules have happen to a version now. What is locked isn't deleted,
// and nothing happens to what is still to be replicated.
func actionOn(rules []lifecycleRule, v *version, at standing, now time.Time) (best action) {
	if s := v.Replication.Status; s == types.ReplicationStatusPending || s == types.ReplicationStatusFailed {
		return best
	}
	for i := range rules {
		r := &rules[i]
		if !r.speaksTo(v) {
			continue
		}
		if d := r.deletes(v, at, now); d > best.deed && (d != deedErase || !v.Lock.holds(now, false)) {
			best = action{deed: d}
		}
		class := r.moves(v, at, now)
		if class != "" && (best.deed < deedMove || best.deed == deedMove && rank(class) > rank(best.class)) {
			best = action{deedMove, class}
		}
	}
	return best
}

// deletes is whether a rule deletes the version, or puts a marker before it.
func (r *lifecycleRule) deletes(v *version, at standing, now time.Time) deed {
	if !at.current {
		if e := r.older; e != nil && at.newer >= int(aws.ToInt32(e.NewerNoncurrentVersions)) && !now.Before(after(at.since, e.NoncurrentDays)) {
			return deedErase
		}
		return deedNone
	}
	when := r.expires(v)
	due := !when.IsZero() && !now.Before(when)
	switch {
	case v.Marker:
		if at.alone && r.expiration != nil && (due || aws.ToBool(r.expiration.ExpiredObjectDeleteMarker)) {
			return deedErase
		}
		return deedNone
	case !due:
		return deedNone
	case at.keeps:
		return deedMark
	default:
		return deedErase
	}
}

// moves is the class that a rule moves the version to; empty is none.
func (r *lifecycleRule) moves(v *version, at standing, now time.Time) (class types.StorageClass) {
	consider := func(to types.TransitionStorageClass, when time.Time) {
		c := types.StorageClass(to)
		if !now.Before(when) && mayMove(v.class(), c) && r.largeEnough(v, at, c) && (class == "" || rank(c) > rank(class)) {
			class = c
		}
	}
	switch {
	case v.Marker:
	case at.current:
		for i := range r.transitions {
			t := &r.transitions[i]
			when := after(v.Modified, t.Days)
			if t.Date != nil {
				when = *t.Date
			}
			consider(t.StorageClass, when)
		}
	default:
		for i := range r.olderClasses {
			if t := &r.olderClasses[i]; at.newer >= int(aws.ToInt32(t.NewerNoncurrentVersions)) {
				consider(t.StorageClass, after(at.since, t.NoncurrentDays))
			}
		}
	}
	return class
}

// leastMoved is the size from which versions change their class by default.
const leastMoved = 128 << 10

func (r *lifecycleRule) largeEnough(v *version, at standing, to types.StorageClass) bool {
	if v.Size >= leastMoved || r.over != nil || r.under != nil {
		return true
	}
	archive := to == types.StorageClassGlacier || to == types.StorageClassDeepArchive
	return archive && at.least == types.TransitionDefaultMinimumObjectSizeVariesByStorageClass
}

// rank orders classes as they follow each other (S3 User Guide, "Transitioning objects
// using Amazon S3 Lifecycle").
func rank(c types.StorageClass) int {
	switch c {
	case types.StorageClassStandardIa:
		return 1
	case types.StorageClassIntelligentTiering:
		return 2
	case types.StorageClassOnezoneIa:
		return 3
	case types.StorageClassGlacierIr:
		return 4
	case types.StorageClassGlacier:
		return 5
	case types.StorageClassDeepArchive:
		return 6
	default:
		return 0
	}
}

func mayMove(from, to types.StorageClass) bool {
	return rank(to) > rank(from) && (from != types.StorageClassOnezoneIa || to != types.StorageClassGlacierIr)
}
