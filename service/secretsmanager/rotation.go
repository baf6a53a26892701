package secretsmanager

import (
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"

	"github.com/garrison-cloud/garrison/engine/schedule"
)

// A rotation is how a secret is rotated, and how far that is.
type rotation struct {
	Enabled  bool   `cbor:"1,keyasint,omitempty"`
	Function string `cbor:"2,keyasint"`
	// Days or Schedule say when; neither, that it is rotated when somebody asks.
	Days     int64     `cbor:"3,keyasint,omitempty"`
	Schedule string    `cbor:"4,keyasint,omitempty"`
	Duration string    `cbor:"5,keyasint,omitempty"`
	Last     time.Time `cbor:"6,keyasint,omitempty"`
	// Next is when the next rotation begins, by the schedule; zero for never. Closes
	// is the end of its window.
	Next   time.Time `cbor:"7,keyasint,omitempty"`
	Closes time.Time `cbor:"8,keyasint,omitempty"`
	// Job is the rotation under way, nil for none.
	Job *job `cbor:"9,keyasint,omitempty"`
}

// A job is one rotation, or one test of a function.
type job struct {
	Token string    `cbor:"1,keyasint"` // the new version's id
	Test  bool      `cbor:"2,keyasint,omitempty"`
	Begun time.Time `cbor:"3,keyasint"`
	Tries int       `cbor:"4,keyasint,omitempty"`
	// At is when the next try is due. While one runs, it is when that counts as lost
	// with its process.
	At time.Time `cbor:"5,keyasint"`
	// Proof is the RotationToken, a UUID: who has it was called by this rotation.
	Proof string `cbor:"6,keyasint"`
}

// rotationDue is when the worker has to look at the secret's rotation; zero for
// never.
func (s *secret) rotationDue() time.Time {
	r := s.Rotation
	switch {
	case r == nil || s.pending() || s.replicated():
		return time.Time{}
	case r.Job != nil:
		return r.Job.At
	case r.Enabled:
		return r.Next
	}
	return time.Time{}
}

// shown is what replicas are told of a rotation.
func (r *rotation) shown() *rotation {
	if r == nil {
		return nil
	}
	out := *r
	out.Job = nil
	return &out
}

// How often secrets may be rotated (Secrets Manager User Guide, "Rotation
// schedules").
const (
	mostOften  = 4 * time.Hour
	leastOften = 999 * day
)

// rules are a rotation's rules in a request, nil for none.
type rules = types.RotationRulesType

// plan takes over rules, and plans the next rotation by them.
func (r *rotation) plan(in *rules, now time.Time) error {
	if in == nil {
		return r.schedule(now)
	}
	days, expression := aws.ToInt64(in.AutomaticallyAfterDays), aws.ToString(in.ScheduleExpression)
	if days != 0 && expression != "" {
		return invalidParameter("You can't specify both AutomaticallyAfterDays and ScheduleExpression.")
	}
	r.Days, r.Schedule, r.Duration, r.Next = days, expression, aws.ToString(in.Duration), time.Time{}
	if err := r.check(now); err != nil {
		return err
	}
	return r.schedule(now)
}

// check holds a schedule to Secrets Manager's limits.
func (r *rotation) check(now time.Time) error {
	if _, err := r.window(); err != nil {
		return err
	}
	if r.Schedule == "" {
		return nil
	}
	s, err := schedule.Parse(r.Schedule)
	if err != nil {
		return invalidSchedule()
	}
	switch s.Kind() {
	case schedule.Rate:
		if s.Every() < mostOften || s.Every() > leastOften || s.Every()%time.Hour != 0 || strings.Contains(r.Schedule, "minute") {
			return invalidSchedule()
		}
	case schedule.Cron: // windows begin on the hour, every year
		if f := s.Fields(); f[0] != "0" || f[5] != "*" {
			return invalidSchedule()
		}
	default:
		return invalidSchedule()
	}
	return r.checkWindows(s, now)
}

func invalidSchedule() error {
	return invalidParameter("The schedule expression is not valid.")
}

// window is the Duration; zero for the default.
func (r *rotation) window() (time.Duration, error) {
	if r.Duration == "" {
		return 0, nil
	}
	n, err := strconv.Atoi(strings.TrimSuffix(r.Duration, "h"))
	if err != nil || n < 1 || n > 24 {
		return 0, invalidParameter("The Duration must be between 1h and 24h.")
	}
	return time.Duration(n) * time.Hour, nil
}

// checkWindows follows a schedule for a while: its windows may be neither closer
// than four hours, nor longer than the day or the time to the next.
func (r *rotation) checkWindows(s *schedule.Schedule, now time.Time) error {
	const ahead = 64
	length, err := r.window()
	if err != nil {
		return err
	}
	at, ok := s.Next(now, midnight(now))
	if !ok {
		return invalidSchedule()
	}
	for range ahead {
		next, more := s.Next(at, midnight(now))
		switch {
		case more && next.Sub(at) < mostOften:
			return invalidParameter("You can't rotate a secret more often than every four hours.")
		case at.Add(length).After(midnight(at).Add(day)) || more && at.Add(length).After(next):
			return invalidParameter("The rotation window must not extend into the next UTC day or into the next rotation window.")
		case !more:
			return nil
		}
		at = next
	}
	return nil
}

func midnight(t time.Time) time.Time { return t.UTC().Truncate(day) }

// schedule plans the next rotation after that time. A rate counts on from the
// window that was planned before, the first time from midnight.
func (r *rotation) schedule(after time.Time) error {
	from := r.Next
	if from.IsZero() {
		from = midnight(after)
	}
	r.Next, r.Closes = time.Time{}, time.Time{}
	length, err := r.window()
	if err != nil {
		return err
	}
	hourly := false
	switch {
	case r.Days > 0:
		r.Next = midnight(after).Add(time.Duration(r.Days) * day)
	case r.Schedule != "":
		s, err := schedule.Parse(r.Schedule)
		if err != nil {
			return invalidSchedule()
		}
		next, ok := s.Next(after, from)
		if !ok {
			return nil
		}
		following, more := s.Next(next, from)
		hourly = more && following.Sub(next) < day
		r.Next = next
	default:
		return nil
	}
	switch {
	case length > 0:
		r.Closes = r.Next.Add(length)
	case hourly:
		r.Closes = r.Next.Add(time.Hour)
	default:
		r.Closes = midnight(r.Next).Add(day)
	}
	return nil
}

// renewed takes a new current value that no rotation has made for a rotation, where
// days count from the last one (Secrets Manager API Reference, RotationRulesType).
func (r *rotation) renewed(now time.Time) error {
	if r == nil || !r.Enabled || r.Days == 0 {
		return nil
	}
	return r.schedule(now)
}

// The fields of a description that tell of a rotation are nil where there never was
// one, and most where it is turned off.

func (r *rotation) enabled() *bool {
	if r == nil {
		return nil
	}
	return &r.Enabled
}

func (r *rotation) function() *string {
	if r == nil {
		return nil
	}
	return &r.Function
}

func (r *rotation) rules() *rules {
	if r == nil || r.Days == 0 && r.Schedule == "" {
		return nil
	}
	out := &rules{ScheduleExpression: text(r.Schedule), Duration: text(r.Duration)}
	switch {
	case r.Days > 0:
		out.AutomaticallyAfterDays = &r.Days
	case !r.Last.IsZero() && !r.Next.IsZero():
		out.AutomaticallyAfterDays = aws.Int64(int64(math.Ceil(r.Next.Sub(r.Last).Hours() / 24)))
	}
	return out
}

func (r *rotation) last() *time.Time {
	if r == nil || !r.Enabled {
		return nil
	}
	return date(r.Last)
}

// next is the last second of the next window.
func (r *rotation) next() *time.Time {
	if r == nil || !r.Enabled || r.Closes.IsZero() {
		return nil
	}
	return aws.Time(r.Closes.Add(-time.Second))
}
