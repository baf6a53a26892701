package audit

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/garrison-cloud/garrison/internal/store"
)

// A Query asks for an account's events, newest first.
type Query struct {
	Account, Region string
	Attribute       Attribute
	// From and To bound the event's time, both inclusive; zero is unbounded.
	From, To time.Time
	// After is where the page before ended; nil begins with the newest.
	After *Position
	Limit int
}

// A Position is a place in the order of events: newest first, then by id.
type Position struct {
	Time time.Time
	ID   string
}

// older reports whether the record comes after p in the order.
func (p *Position) older(r *Record) bool {
	if p == nil {
		return true
	}
	if c := r.Time.Compare(p.Time); c != 0 {
		return c < 0
	}
	return r.ID < p.ID
}

// Scan returns up to q.Limit records of several logs and where to go on, nil at
// the end. It sees every event recorded before the call.
func Scan(ctx context.Context, logs []*Log, q Query) ([]Record, *Position, error) {
	var all []Record
	for _, l := range logs {
		found, err := l.scan(ctx, q)
		if err != nil {
			return nil, nil, err
		}
		all = append(all, found...)
	}
	newestFirst(all)
	if len(all) <= q.Limit {
		return all, nil, nil
	}
	last := all[q.Limit-1]
	return all[:q.Limit], &Position{last.Time, last.ID}, nil
}

// scan returns up to q.Limit+1 records of one log: one more than fits tells
// that there is a next page.
func (l *Log) scan(ctx context.Context, q Query) ([]Record, error) {
	if err := l.Flush(ctx); err != nil {
		return nil, fmt.Errorf("flush audit events: %w", err)
	}
	s := scan{query: q}
	err := l.db.View(ctx, func(tx *store.Tx) error {
		s.held, s.out = nil, nil
		return s.run(tx)
	})
	if err != nil && !errors.Is(err, errFull) {
		return nil, err
	}
	return s.out[:min(len(s.out), q.Limit+1)], nil
}

func newestFirst(records []Record) {
	slices.SortFunc(records, func(a, b Record) int {
		if c := b.Time.Compare(a.Time); c != 0 {
			return c
		}
		return strings.Compare(b.ID, a.ID)
	})
}

// errFull ends a scan that has found enough.
var errFull = errors.New("page is full")

// A scan collects one page. Blocks come by the time of their newest record, and
// may overlap, so records are held until no later block can have a newer one.
type scan struct {
	query Query
	held  []Record
	out   []Record
}

func (s *scan) run(tx *store.Tx) error {
	r := store.Range{Prefix: store.K(s.query.Account), Reverse: true}
	if start := s.start(); !start.IsZero() {
		r.After = store.K(s.query.Account, start)
	}
	for b, err := range blocks.Scan(tx, r) {
		if err != nil {
			return err
		}
		if err := s.emit(b.Last); err != nil {
			return err
		}
		if !s.query.From.IsZero() && b.Last.Before(s.query.From) {
			break
		}
		if err := s.hold(b); err != nil {
			return err
		}
	}
	return s.emit(time.Time{})
}

// start is the time of the newest block that can hold a wanted record: a block
// spans at most maxSpan. One tick more makes the exclusive bound inclusive.
func (s *scan) start() time.Time {
	start := s.query.To
	if p := s.query.After; p != nil && (start.IsZero() || p.Time.Before(start)) {
		start = p.Time
	}
	if start.IsZero() {
		return start
	}
	return start.Add(maxSpan + time.Millisecond)
}

// hold opens the block and keeps what was asked for, newest first.
func (s *scan) hold(b *block) error {
	if !b.may(s.query.Attribute) {
		return nil
	}
	records, err := b.records()
	if err != nil {
		return err
	}
	for i := range records {
		if s.wanted(&records[i]) {
			s.held = append(s.held, records[i])
		}
	}
	newestFirst(s.held)
	return nil
}

func (s *scan) wanted(r *Record) bool {
	q := &s.query
	return r.Region == q.Region && q.After.older(r) &&
		(q.From.IsZero() || !r.Time.Before(q.From)) &&
		(q.To.IsZero() || !r.Time.After(q.To)) &&
		r.matches(q.Attribute)
}

// emit moves to the page what is newer than every block still to come.
func (s *scan) emit(next time.Time) error {
	n := 0
	for n < len(s.held) && s.held[n].Time.After(next) {
		n++
	}
	s.out = append(s.out, s.held[:n]...)
	s.held = s.held[n:]
	if len(s.out) > s.query.Limit {
		return errFull
	}
	return nil
}
