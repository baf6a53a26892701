package s3

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"pgregory.net/rapid"
)

var born = time.Date(2026, 1, 15, 10, 30, 0, 0, time.UTC)

func compiled(rules ...types.LifecycleRule) (out []lifecycleRule) {
	for i := range rules {
		if rules[i].Status == "" {
			rules[i].Status = types.ExpirationStatusEnabled
		}
	}
	set := &settings{Lifecycle: &types.BucketLifecycleConfiguration{Rules: rules}}
	return set.lifecycleRules()
}

func expireIn(days int32) *types.LifecycleExpiration { return &types.LifecycleExpiration{Days: &days} }

func moveIn(days int32, class types.TransitionStorageClass) []types.Transition {
	return []types.Transition{{Days: &days, StorageClass: class}}
}

// TestActionOn tells what rules have happen to versions at their times.
func TestActionOn(t *testing.T) {
	t.Parallel()
	day := func(n int) time.Time { return born.Truncate(oneDay).Add(time.Duration(n) * oneDay) }
	large := version{Key: "logs/a", Size: 1 << 20, Modified: born}
	small, tagged, marker, locked, pending, infrequent := large, large, large, large, large, large
	small.Size = 10
	tagged.Tags = []tag{{"keep", "no"}}
	marker.Marker, marker.Size = true, 0
	locked.Lock = lock{Mode: types.ObjectLockModeGovernance, Until: day(100)}
	pending.Replication.Status = types.ReplicationStatusPending
	infrequent.Class = types.StorageClassStandardIa
	current, only := standing{current: true}, standing{current: true, alone: true, keeps: true}
	kept := standing{current: true, keeps: true}
	past := func(newer int) standing { return standing{newer: newer, since: born, keeps: true} }
	older := types.LifecycleRule{NoncurrentVersionExpiration: &types.NoncurrentVersionExpiration{NoncurrentDays: aws.Int32(3), NewerNoncurrentVersions: aws.Int32(2)}}
	markers := types.LifecycleRule{Expiration: &types.LifecycleExpiration{ExpiredObjectDeleteMarker: aws.Bool(true)}}
	ia := types.LifecycleRule{Transitions: moveIn(30, types.TransitionStorageClassStandardIa)}
	cold := types.LifecycleRule{Transitions: moveIn(30, types.TransitionStorageClassGlacierIr)}
	sized := ia
	sized.Filter = &types.LifecycleRuleFilter{ObjectSizeGreaterThan: aws.Int64(5)}
	erase, mark, none := action{deed: deedErase}, action{deed: deedMark}, action{}
	toIA, toCold := action{deedMove, types.StorageClassStandardIa}, action{deedMove, types.StorageClassGlacierIr}
	for _, tt := range []struct {
		name  string
		rules []lifecycleRule
		v     version
		at    standing
		now   time.Time
		want  action
	}{
		{"no rule", nil, large, current, day(999), none},
		{"a moment early", compiled(types.LifecycleRule{Expiration: expireIn(3)}), large, current, day(4).Add(-1), none},
		{"the midnight after", compiled(types.LifecycleRule{Expiration: expireIn(3)}), large, current, day(4), erase},
		{"disabled", compiled(types.LifecycleRule{Expiration: expireIn(3), Status: types.ExpirationStatusDisabled}), large, current, day(9), none},
		{"a marker where versions are kept", compiled(types.LifecycleRule{Expiration: expireIn(3)}), large, kept, day(4), mark},
		{"by date, before", compiled(types.LifecycleRule{Expiration: &types.LifecycleExpiration{Date: aws.Time(day(5))}}), large, current, day(5).Add(-1), none},
		{"by date", compiled(types.LifecycleRule{Expiration: &types.LifecycleExpiration{Date: aws.Time(day(5))}}), large, current, day(5), erase},
		{"another prefix", compiled(types.LifecycleRule{Expiration: expireIn(3), Filter: &types.LifecycleRuleFilter{Prefix: aws.String("data/")}}), large, current, day(9), none},
		{"without the tag", compiled(types.LifecycleRule{Expiration: expireIn(3), Filter: &types.LifecycleRuleFilter{Tag: &types.Tag{Key: aws.String("keep"), Value: aws.String("no")}}}), large, current, day(9), none},
		{"with the tag", compiled(types.LifecycleRule{Expiration: expireIn(3), Filter: &types.LifecycleRuleFilter{Tag: &types.Tag{Key: aws.String("keep"), Value: aws.String("no")}}}), tagged, current, day(9), erase},
		{"size at the bound", compiled(types.LifecycleRule{Expiration: expireIn(3), Filter: &types.LifecycleRuleFilter{ObjectSizeLessThan: aws.Int64(10)}}), small, current, day(9), none},
		{"locked", compiled(types.LifecycleRule{Expiration: expireIn(3)}), locked, current, day(9), none},
		{"lock is over", compiled(types.LifecycleRule{Expiration: expireIn(3)}), locked, current, day(100), erase},
		{"locked, a marker", compiled(types.LifecycleRule{Expiration: expireIn(3)}), locked, kept, day(9), mark},
		{"locked, not current", compiled(older), locked, past(2), day(9), none},
		{"still to be replicated", compiled(types.LifecycleRule{Expiration: expireIn(3)}), pending, current, day(9), none},
		{"not current", compiled(older), large, past(2), day(4), erase},
		{"not current for so long", compiled(older), large, past(2), day(3), none},
		{"among the newer ones", compiled(older), large, past(1), day(9), none},
		{"expiry is the current one's", compiled(types.LifecycleRule{Expiration: expireIn(1)}), large, past(0), day(9), none},
		{"a marker alone", compiled(markers), marker, only, day(0), erase},
		{"a marker with others", compiled(markers), marker, kept, day(9), none},
		{"a marker alone and old", compiled(types.LifecycleRule{Expiration: expireIn(3)}), marker, only, day(4), erase},
		{"a marker alone and young", compiled(types.LifecycleRule{Expiration: expireIn(3)}), marker, only, day(3), none},
		{"a class", compiled(ia), large, current, day(31), toIA},
		{"has the class", compiled(ia), infrequent, current, day(99), none},
		{"too small", compiled(ia), small, current, day(99), none},
		{"small, by the rule's own size", compiled(sized), small, current, day(99), toIA},
		{"the colder class", compiled(ia, cold), large, current, day(99), toCold},
		{"a class goes before a marker", compiled(types.LifecycleRule{Expiration: expireIn(3)}, ia), large, kept, day(99), toIA},
		{"deleting goes before a class", compiled(ia, types.LifecycleRule{Expiration: expireIn(3)}), large, current, day(99), erase},
	} {
		if got := actionOn(tt.rules, &tt.v, tt.at, tt.now); got != tt.want {
			t.Errorf("%s: %+v, want %+v", tt.name, got, tt.want)
		}
	}
}

// TestActionsHold draws rules, versions and times: what is locked or to be replicated
// is never deleted, no class is warmer than before, only versions have a class, and what
// is deleted once stays due.
func TestActionsHold(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		days := rapid.Int32Range(1, 60)
		var rules []types.LifecycleRule
		for range rapid.IntRange(0, 4).Draw(t, "rules") {
			r := types.LifecycleRule{Transitions: moveIn(days.Draw(t, "move"), rapid.SampledFrom(types.TransitionStorageClass("").Values()).Draw(t, "to"))}
			if rapid.Bool().Draw(t, "expires") {
				r.Expiration = expireIn(days.Draw(t, "expiry"))
			}
			if rapid.Bool().Draw(t, "older expire") {
				r.NoncurrentVersionExpiration = &types.NoncurrentVersionExpiration{NoncurrentDays: aws.Int32(days.Draw(t, "noncurrent"))}
			}
			rules = append(rules, r)
		}
		v := version{
			Modified: born, Size: rapid.Int64Range(0, 1<<18).Draw(t, "size"), Marker: rapid.Bool().Draw(t, "marker"),
			Class: rapid.SampledFrom(types.StorageClass("").Values()).Draw(t, "class"),
			Lock:  lock{Hold: rapid.Bool().Draw(t, "hold")},
		}
		at := standing{
			current: rapid.Bool().Draw(t, "current"), alone: rapid.Bool().Draw(t, "alone"), keeps: rapid.Bool().Draw(t, "keeps"),
			newer: rapid.IntRange(0, 5).Draw(t, "newer"), since: born,
		}
		now := born.Add(time.Duration(rapid.IntRange(0, 100*24).Draw(t, "hours")) * time.Hour)
		c := compiled(rules...)
		got := actionOn(c, &v, at, now)
		if got.deed == deedErase && v.Lock.Hold {
			t.Errorf("%+v is deleted", v)
		}
		if got.deed == deedMark && (v.Marker || !at.current || !at.keeps) {
			t.Errorf("a marker before %+v at %+v", v, at)
		}
		if got.deed == deedMove && (v.Marker || rank(got.class) <= rank(v.class())) {
			t.Errorf("%+v moves to %s", v, got.class)
		}
		if later := actionOn(c, &v, at, now.Add(oneDay)); later.deed < got.deed {
			t.Errorf("%+v a day later, %+v before", later, got)
		}
		v.Replication.Status = types.ReplicationStatusFailed
		if got := actionOn(c, &v, at, now); got.deed != deedNone {
			t.Errorf("%+v of what is not replicated", got)
		}
	})
}
