package sns

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/garrison-cloud/garrison/internal/jobs"
	"github.com/garrison-cloud/garrison/internal/store"
)

const (
	// carriers is how many deliveries go on at once, and perEndpoint how many of one
	// subscription: an endpoint that hangs must not hold up all others.
	carriers    = 64
	perEndpoint = 8
	// lookAhead bounds the deliveries that one look at the table sees.
	lookAhead = 10_000
)

// newFleet is what delivers.
func (s *Service) newFleet() *jobs.Fleet[delivery] {
	return jobs.NewFleet(jobs.FleetDuty[delivery]{
		Duty: jobs.Duty[delivery]{
			DB: s.DB, Clock: s.Clock, Table: deliveries, Index: "due",
			At: func(d *delivery) time.Time { return d.Due }, Do: s.carry,
		},
		ID: (*delivery).id, Lane: func(d *delivery) string { return d.Subscription },
		AtOnce: carriers, PerLane: perEndpoint, LookAhead: lookAhead,
	})
}

func (s *Service) wake() { s.fleet.Wake() }

// Run delivers what was published until ctx ends. What is under way then, or when the
// process dies, is delivered after the next start: it may come twice.
func (s *Service) Run(ctx context.Context) error { return s.fleet.Run(ctx) }

// A load is what one delivery carries, and to whom. sub is nil once it is gone.
type load struct {
	*delivery
	publication *publication
	sub         *subscription
	topic       *topic
}

// carry delivers once, and settles what comes of it.
func (s *Service) carry(ctx context.Context, d *delivery) error {
	l, err := s.pick(ctx, d)
	if err != nil || l == nil {
		return err
	}
	if l.sub == nil || l.publication.Type == notificationType != l.sub.Confirmed {
		return s.finish(ctx, d)
	}
	failed := s.send(ctx, l)
	switch {
	case failed == nil:
		return s.finish(ctx, d)
	case ctx.Err() != nil: // shutting down: it is still there at the next start
		return ctx.Err()
	}
	if delay, again := l.retry(failed); again {
		return s.postpone(ctx, d, delay)
	}
	return s.bury(ctx, l, failed)
}

// pick reads what a delivery is made of; nil if it is gone.
func (s *Service) pick(ctx context.Context, d *delivery) (l *load, err error) {
	err = s.DB.View(ctx, func(tx *store.Tx) error {
		l = &load{}
		var err error
		if l.delivery, err = deliveries.Get(tx, d.Publication, d.Subscription); errors.Is(err, store.ErrNotFound) {
			l = nil
			return nil
		} else if err != nil {
			return err
		}
		if l.publication, err = publications.Get(tx, d.Publication); err != nil {
			return fmt.Errorf("publication of delivery %s: %w", d.id(), err)
		}
		if l.sub, err = subscriptions.Get(tx, d.Account, d.Topic, d.Subscription); errors.Is(err, store.ErrNotFound) {
			l.sub = nil
			return nil
		} else if err != nil {
			return err
		}
		l.topic, err = topics.Get(tx, d.Account, d.Topic)
		if errors.Is(err, store.ErrNotFound) {
			l.sub, err = nil, nil
		}
		return err
	})
	return l, err
}

// retry tells when to try again after a failure, if at all.
func (l *load) retry(failed error) (time.Duration, bool) {
	if errors.Is(failed, errPermanent) {
		return 0, false
	}
	if l.sub.Protocol == "http" || l.sub.Protocol == "https" {
		p, _ := delivering(l.topic, l.sub)
		return p.delay(l.Attempt + 1)
	}
	return managedDelay(l.Attempt + 1)
}

func (s *Service) postpone(ctx context.Context, d *delivery, delay time.Duration) error {
	return s.DB.Update(ctx, func(tx *store.Tx) error {
		row, err := deliveries.Get(tx, d.Publication, d.Subscription)
		if errors.Is(err, store.ErrNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		row.Attempt++
		row.Due = tx.Now().Add(delay)
		return deliveries.Put(tx, row)
	})
}

// finish removes a delivery, and its publication with the last. The subscription's next
// one that waits may go.
func (s *Service) finish(ctx context.Context, d *delivery) error {
	return s.DB.Update(ctx, func(tx *store.Tx) error {
		if err := deliveries.Delete(tx, d.Publication, d.Subscription); errors.Is(err, store.ErrNotFound) {
			return nil
		} else if err != nil {
			return err
		}
		if err := release(tx, d.Subscription); err != nil {
			return err
		}
		for _, err := range deliveries.Scan(tx, store.Range{Prefix: store.K(d.Publication), Limit: 1}) {
			return err // another subscription has still to get it
		}
		return publications.Drop(tx, d.Publication)
	})
}

// release makes the first delivery due that waits behind the one which has ended.
func release(tx *store.Tx, lane string) error {
	var first *delivery
	for d, err := range deliveries.ScanIndex(tx, "lane", store.Range{Prefix: store.K(lane, true), Limit: 1}) {
		if err != nil {
			return err
		}
		first = d
	}
	if first == nil {
		return nil
	}
	first.Due = tx.Now()
	return deliveries.Put(tx, first)
}

// bury gives up on a delivery. The subscription's dead-letter queue gets it, if there
// is one that takes it.
func (s *Service) bury(ctx context.Context, l *load, failed error) error {
	if l.sub.DeadLetters != "" {
		err := s.sendDeadLetter(ctx, l, failed)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil && !errors.Is(err, errPermanent) {
			if delay, again := managedDelay(l.Attempt + 1); again {
				return s.postpone(ctx, l.delivery, delay)
			}
		}
		if err != nil {
			s.Logger.WarnContext(ctx, "a message of SNS is lost: its dead-letter queue does not take it", "subscription", l.sub.arn(s.Region), "error", err.Error())
		}
	}
	return s.finish(ctx, l.delivery)
}
