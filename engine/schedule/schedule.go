// Package schedule tells when the schedule expressions of AWS's services are due:
// rate(…), cron(…) and at(…). It refuses what AWS's grammar does not have; what may
// be asked for how often is for the service to say. A schedule is a value, and
// time is an argument.
//
//	"cron(0 10 ? * MON *)" → Parse → Schedule → Next(after) → the next Monday at ten
package schedule

import (
	"errors"
	"strconv"
	"strings"
	"time"
)

// ErrSyntax says that a text is no schedule expression.
var ErrSyntax = errors.New("not a schedule expression")

// A Kind is one of the forms that a schedule has.
type Kind int

// The forms of schedules (EventBridge Scheduler User Guide, "Schedule types").
const (
	Rate Kind = iota + 1
	Cron
	At
)

// A Schedule is a parsed expression. It never changes, and is safe for concurrent
// use.
type Schedule struct {
	kind  Kind
	every time.Duration // of a rate
	cron  *cron
	at    time.Time // the wall clock's; its location says nothing
	zone  *time.Location
}

// Parse reads an expression, of UTC unless In says otherwise. Every error is
// ErrSyntax.
func Parse(text string) (*Schedule, error) {
	form, rest, ok := strings.Cut(text, "(")
	body, closed := strings.CutSuffix(rest, ")")
	if !ok || !closed {
		return nil, ErrSyntax
	}
	switch form {
	case "rate":
		return parseRate(body)
	case "cron":
		return parseCron(body)
	case "at":
		return parseAt(body)
	}
	return nil, ErrSyntax
}

// Kind is which form the schedule has.
func (s *Schedule) Kind() Kind { return s.kind }

// Every is the period of a rate; zero for other schedules.
func (s *Schedule) Every() time.Duration { return s.every }

// In is the same schedule by the clocks of another time zone. What those skip in
// spring does not happen, and what they repeat in autumn happens once (EventBridge
// Scheduler User Guide, "Daylight savings time").
func (s *Schedule) In(zone *time.Location) *Schedule {
	out := *s
	out.zone = zone
	return &out
}

// Next is the first instant after the given one at which the schedule is due;
// false if there is none. A rate counts from start, which is its first instant;
// the other forms do not look at it.
func (s *Schedule) Next(after, start time.Time) (time.Time, bool) {
	if s.kind == Rate {
		return s.nextOfRate(after, start), true
	}
	if s.kind == Cron {
		return s.cron.next(after, s.zone)
	}
	y, m, d := s.at.Date()
	at, ok := instant(time.Date(y, m, d, s.at.Hour(), s.at.Minute(), s.at.Second(), 0, s.zone), s.at)
	return at, ok && at.After(after)
}

func (s *Schedule) nextOfRate(after, start time.Time) time.Time {
	if after.Before(start) {
		return start
	}
	return start.Add((after.Sub(start)/s.every + 1) * s.every)
}

// instant checks that the zone's clocks show what was asked for.
func instant(t, wall time.Time) (time.Time, bool) {
	return t.UTC(), t.Hour() == wall.Hour() && t.Minute() == wall.Minute()
}

// maxRate bounds a rate's period: a hundred years.
const maxRate = 100 * 365 * 24 * time.Hour

func parseRate(body string) (*Schedule, error) {
	number, unit, ok := strings.Cut(body, " ")
	n, err := strconv.Atoi(number)
	if !ok || err != nil || n < 1 || number[0] == '+' {
		return nil, ErrSyntax
	}
	name, plural := strings.CutSuffix(unit, "s")
	if plural != (n > 1) {
		return nil, ErrSyntax
	}
	one := map[string]time.Duration{"minute": time.Minute, "hour": time.Hour, "day": 24 * time.Hour}[name]
	if one == 0 || n > int(maxRate/one) {
		return nil, ErrSyntax
	}
	return &Schedule{kind: Rate, every: time.Duration(n) * one, zone: time.UTC}, nil
}

func parseAt(body string) (*Schedule, error) {
	const layout = "2006-01-02T15:04:05"
	t, err := time.Parse(layout, body)
	if err != nil || t.Format(layout) != body {
		return nil, ErrSyntax
	}
	return &Schedule{kind: At, at: t, zone: time.UTC}, nil
}
