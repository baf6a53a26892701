package sqs

import (
	"context"
	"errors"
	"time"

	"github.com/garrison-cloud/garrison/internal/store"
)

const (
	// idleWait is how long Run sleeps at most: retention counts on, whoever looks.
	idleWait = time.Hour
	// sweepBatch is how many messages one transaction removes.
	sweepBatch = 500
)

// Run removes what is past its retention or was purged, and moves messages for move
// tasks, until ctx ends. It sleeps until there is something to do.
func (s *Service) Run(ctx context.Context) error { return s.worker.Run(ctx) }

func (s *Service) work(ctx context.Context) (next time.Time, err error) {
	if err := s.sweepGarbage(ctx); err != nil {
		return next, err
	}
	next, err = s.sweepExpired(ctx)
	if err != nil {
		return next, err
	}
	due, err := s.moveDue(ctx)
	if err == nil && !due.IsZero() && due.Before(next) {
		next = due
	}
	return next, err
}

// sweepGarbage removes partitions that nobody can reach.
func (s *Service) sweepGarbage(ctx context.Context) error {
	var all []string
	err := s.db.View(ctx, func(tx *store.Tx) error {
		all = nil
		for g, err := range refuse.Scan(tx, store.Range{Limit: sweepBatch}) {
			if err != nil {
				return err
			}
			all = append(all, g.Partition)
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, partition := range all {
		s.lines.Delete(partition)
		for more := true; more; {
			if more, err = s.sweepPartition(ctx, partition); err != nil {
				return err
			}
		}
	}
	return nil
}

// sweepPartition removes some of a partition, and tells whether more may be left.
func (s *Service) sweepPartition(ctx context.Context, partition string) (more bool, err error) {
	err = s.db.Update(ctx, func(tx *store.Tx) error {
		n, err := clearPartition(tx, partition)
		if more = n > 0; err != nil || more {
			return err
		}
		return refuse.Drop(tx, partition)
	})
	return more, err
}

// clearPartition drops rows of every table that a partition has rows in.
func clearPartition(tx *store.Tx, partition string) (total int, err error) {
	for _, drop := range []func() (int, error){
		func() (int, error) {
			return dropRows(tx, messages, partition, func(m *message) error { return m.erase(tx) })
		},
		func() (int, error) {
			return dropRows(tx, places, partition, func(p *place) error { return places.Drop(tx, p.key()) })
		},
		func() (int, error) {
			return dropRows(tx, flights, partition, func(f *flight) error { return flights.Drop(tx, f.Partition, f.Group, f.At) })
		},
		func() (int, error) {
			return dropRows(tx, groups, partition, func(g *group) error { return groups.Drop(tx, g.Partition, g.Name) })
		},
		func() (int, error) {
			return dropRows(tx, attempts, partition, func(a *attempt) error { return attempts.Delete(tx, a.Partition, a.ID) })
		},
	} {
		n, err := drop()
		if err != nil {
			return total, err
		}
		total += n
	}
	return total, nil
}

func dropRows[T any](tx *store.Tx, t *store.Table[T], partition string, drop func(*T) error) (int, error) {
	var rows []*T
	for row, err := range t.Scan(tx, store.Range{Prefix: store.K(partition), Limit: sweepBatch}) {
		if err != nil {
			return 0, err
		}
		rows = append(rows, row)
	}
	for _, row := range rows {
		if err := drop(row); err != nil {
			return 0, err
		}
	}
	return len(rows), nil
}

// sweepExpired removes messages past their queues' retention, and returns when the
// next will be. It looks at the oldest message of each queue.
func (s *Service) sweepExpired(ctx context.Context) (time.Time, error) {
	next := s.clock.Now().Add(idleWait)
	all, err := s.allQueues(ctx)
	if err != nil {
		return next, err
	}
	for _, q := range all {
		due, err := s.sweepQueue(ctx, q)
		if err != nil {
			return next, err
		}
		if due.Before(next) {
			next = due
		}
	}
	return next, nil
}

func (s *Service) allQueues(ctx context.Context) (all []*queue, err error) {
	err = s.db.View(ctx, func(tx *store.Tx) error {
		all = nil
		for q, err := range queues.Scan(tx, store.Range{}) {
			if err != nil {
				return err
			}
			all = append(all, q)
		}
		return nil
	})
	return all, err
}

// sweepQueue returns when the queue's oldest message will have to go. A message that
// is sent to an empty queue may be there no sooner than its whole retention from now.
func (s *Service) sweepQueue(ctx context.Context, q *queue) (due time.Time, err error) {
	retention := seconds(q.Settings.Retention)
	for {
		var oldest *message
		err := s.db.View(ctx, func(tx *store.Tx) error {
			due, oldest = tx.Now().Add(retention), nil
			for m, err := range messages.Scan(tx, store.Range{Prefix: store.K(q.partition()), Limit: 1}) {
				if err != nil {
					return err
				}
				due, oldest = time.Unix(0, m.At).Add(retention), m
			}
			return nil
		})
		if err != nil || oldest == nil || s.clock.Now().Before(due) {
			return due, err
		}
		err = s.db.Update(ctx, func(tx *store.Tx) error { return expire(tx, q) })
		if errors.Is(err, errMoved) {
			return due.Add(retention), nil
		}
		if err != nil {
			return due, err
		}
	}
}

// expire removes the oldest messages that are past the queue's retention.
func expire(tx *store.Tx, q *queue) error {
	lv, err := levelOf(tx, q.partition())
	if err != nil {
		return err
	}
	var old []*message
	for m, err := range messages.Scan(tx, store.Range{Prefix: store.K(lv.Partition), Limit: sweepBatch / 10}) {
		if err != nil {
			return err
		}
		if !q.expired(m.At, tx.Now()) {
			break
		}
		old = append(old, m)
	}
	for _, m := range old {
		if err := evict(tx, q, m); err != nil {
			return err
		}
	}
	lv.Total -= int64(len(old))
	return levels.Put(tx, lv)
}

// evict removes a message wherever it stands. One that was never received has no
// flight in a standard queue, so where it stands follows from its delay alone.
func evict(tx *store.Tx, q *queue, m *message) error {
	name := ""
	if q.FIFO {
		name = m.Group
	}
	f, err := flights.Get(tx, m.Partition, name, m.At)
	known := !errors.Is(err, store.ErrNotFound)
	if known && err != nil {
		return err
	}
	if err := m.erase(tx); err != nil {
		return err
	}
	if known {
		if err := flights.Drop(tx, f.Partition, f.Group, f.At); err != nil {
			return err
		}
	}
	if q.FIFO {
		return regroup(tx, m.Partition, m.Group)
	}
	at := m.Visible
	if known {
		at = f.Visible
	}
	p := &place{Partition: m.Partition, Visible: at, At: m.At}
	return places.Drop(tx, p.key())
}
