package eventbridge

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/garrison-cloud/garrison/internal/jobs"
	"github.com/garrison-cloud/garrison/internal/store"
)

const (
	// carriers is how many deliveries go on at once, and perTarget how many of one
	// target: one that hangs must not hold up all others.
	carriers  = 64
	perTarget = 8
	// lookAhead bounds the rows that one look at a table sees.
	lookAhead = 1000
)

// newFleet is what takes events to the buses, makes those of schedules, and delivers.
func (s *Service) newFleet() *jobs.Fleet[delivery] {
	return jobs.NewFleet(jobs.FleetDuty[delivery]{
		Duty: jobs.Duty[delivery]{
			DB: s.DB, Clock: s.Clock, Table: deliveries, Index: "due",
			At: func(d *delivery) time.Time { return d.Due }, Do: s.carry,
		},
		ID: (*delivery).id, Lane: (*delivery).lane,
		AtOnce: carriers, PerLane: perTarget, LookAhead: lookAhead,
	}, s.arrive, s.scheduled())
}

func (s *Service) wake() { s.fleet.Wake() }

// Run takes to the buses what services put, makes the events of schedules, and
// delivers, until ctx ends. What is under way then, or when the process dies, is
// delivered after the next start: it may come twice.
func (s *Service) Run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	from := s.DB.Rev()
	g.Go(func() error { return s.watch(ctx, from) })
	g.Go(func() error { return s.fleet.Run(ctx) })
	return g.Wait()
}

// watch wakes the worker when a service has put an event, once that is durable.
func (s *Service) watch(ctx context.Context, from store.Rev) error {
	for {
		for e, err := range s.DB.Watch(ctx, arrivals.Name(), from) {
			if errors.Is(err, store.ErrCompacted) {
				break // the worker looks at the whole table anyway
			}
			if err != nil {
				return err
			}
			if e.Op == store.Written {
				s.wake()
			}
		}
		from = s.DB.Rev()
		s.wake()
	}
}

// scheduled is the job that makes the events of schedules.
func (s *Service) scheduled() jobs.Job {
	return jobs.Duty[rule]{DB: s.DB, Clock: s.Clock, Table: rules, Index: "next", At: func(r *rule) time.Time { return r.Next }, Do: s.tick}.Job()
}

// A load is what one delivery carries, and to whom. target is nil once it is gone.
type load struct {
	*delivery
	event    *accepted
	target   *target
	ruleARN  string
	ruleRole string
}

// carry delivers once, and settles what comes of it.
func (s *Service) carry(ctx context.Context, d *delivery) error {
	l, err := s.pick(ctx, d)
	if err != nil || l == nil {
		return err
	}
	if l.target == nil {
		return s.finish(ctx, l.delivery)
	}
	if l.Code != "" {
		return s.bury(ctx, l)
	}
	failed := s.send(ctx, l)
	switch {
	case failed == nil:
		return s.finish(ctx, l.delivery)
	case ctx.Err() != nil: // shutting down: it is still there at the next start
		return ctx.Err()
	}
	return s.failed(ctx, l, failed)
}

// pick reads what a delivery is made of; nil if it is gone.
func (s *Service) pick(ctx context.Context, d *delivery) (l *load, err error) {
	err = s.DB.View(ctx, func(tx *store.Tx) error {
		l = &load{ruleARN: d.bus().ruleARN(s.Region, d.Rule)}
		var err error
		if l.delivery, err = deliveries.Get(tx, d.Event, d.Rule, d.Target); errors.Is(err, store.ErrNotFound) {
			l = nil
			return nil
		} else if err != nil {
			return err
		}
		if l.event, err = accepteds.Get(tx, d.Event); err != nil {
			return fmt.Errorf("event of delivery %s: %w", d.id(), err)
		}
		l.target, err = targets.Get(tx, d.Account, d.Bus, d.Rule, d.Target)
		if errors.Is(err, store.ErrNotFound) {
			l.target = nil
			return nil
		}
		if err != nil {
			return err
		}
		r, err := rules.Get(tx, d.Account, d.Bus, d.Rule) // a rule with targets is there
		if err == nil {
			l.ruleRole = r.Role
		}
		return err
	})
	return l, err
}

// finish removes a delivery, and its event with the last.
func (s *Service) finish(ctx context.Context, d *delivery) error {
	return s.DB.Update(ctx, func(tx *store.Tx) error {
		if err := deliveries.Delete(tx, d.Event, d.Rule, d.Target); errors.Is(err, store.ErrNotFound) {
			return nil
		} else if err != nil {
			return err
		}
		for _, err := range deliveries.Scan(tx, store.Range{Prefix: store.K(d.Event), Limit: 1}) {
			return err // another target has still to get it
		}
		return accepteds.Drop(tx, d.Event)
	})
}

// again changes a delivery's row.
func (s *Service) again(ctx context.Context, d *delivery, change func(row *delivery, now time.Time)) error {
	return s.DB.Update(ctx, func(tx *store.Tx) error {
		row, err := deliveries.Get(tx, d.Event, d.Rule, d.Target)
		if errors.Is(err, store.ErrNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		change(row, tx.Now())
		return deliveries.Put(tx, row)
	})
}
