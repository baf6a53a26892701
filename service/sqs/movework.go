package sqs

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"

	"github.com/garrison-cloud/garrison/internal/store"
)

// moveBatch is how many messages one transaction moves.
const moveBatch = 50

// moveDue goes on with the tasks that are due, and returns when the next one is; zero
// if none is under way.
func (s *Service) moveDue(ctx context.Context) (next time.Time, err error) {
	for {
		var m *move
		err := s.db.View(ctx, func(tx *store.Tx) error {
			m = nil
			for row, err := range moves.ScanIndex(tx, "running", store.Range{Limit: 1}) {
				if err != nil {
					return err
				}
				m = row
			}
			return nil
		})
		if err != nil || m == nil {
			return time.Time{}, err
		}
		if s.clock.Now().Before(m.Next) {
			return m.Next, nil
		}
		if err := s.moveSome(ctx, m); err != nil {
			return time.Time{}, err
		}
	}
}

// moveSome moves a batch of a task's messages. A task that finds nothing more is done.
func (s *Service) moveSome(ctx context.Context, due *move) error {
	woken := map[string]int{}
	err := s.db.Update(ctx, func(tx *store.Tx) error {
		clear(woken)
		m, err := moves.Get(tx, due.Account, due.Source, due.Started, due.ID)
		if errors.Is(err, store.ErrNotFound) || err == nil && m.Status != moving {
			return nil
		}
		if err != nil {
			return err
		}
		q, err := queues.Get(tx, m.Account, m.Source)
		if errors.Is(err, store.ErrNotFound) {
			m.Status, m.Failure = failed, "AWS.SimpleQueueService.NonExistentQueue"
			return moves.Put(tx, m)
		}
		if err != nil {
			return err
		}
		return s.moveBatch(tx, q, m, woken)
	})
	if err != nil {
		return err
	}
	for partition, n := range woken {
		s.waiters.wake(partition, n)
	}
	return nil
}

func (s *Service) moveBatch(tx *store.Tx, q *queue, m *move, woken map[string]int) error {
	limit := moveBatch
	if m.Rate > 0 {
		limit = min(limit, m.Rate)
	}
	t := &taking{queue: q, limit: limit}
	line, err := t.visibles(tx, limit)
	if err != nil {
		return err
	}
	if len(line) == 0 {
		m.Status = moved
		return moves.Put(tx, m)
	}
	n, bytes := 0, 0
	for _, p := range line {
		to, size, err := s.moveOne(tx, q, m, p)
		switch {
		case errors.Is(err, errNoWay):
			m.Status, m.Failure = failed, errNoWay.Error()
		case err != nil:
			return err
		default:
			woken[to]++
			n++
			bytes += size
		}
		if m.Status == failed || bytes > maxMoved {
			break
		}
	}
	m.Moved += int64(n)
	if m.Rate > 0 {
		m.Next = tx.Now().Add(time.Duration(n) * time.Second / time.Duration(m.Rate))
	}
	lv, err := levelOf(tx, q.partition())
	if err != nil {
		return err
	}
	lv.Total -= int64(n)
	if err := levels.Put(tx, lv); err != nil {
		return err
	}
	return moves.Put(tx, m)
}

// moveOne moves the message at a place, a group's first in a FIFO queue. It arrives as
// a new one (SQS Developer Guide, "Configuring a dead-letter queue redrive").
func (s *Service) moveOne(tx *store.Tx, q *queue, task *move, p *place) (partition string, size int, err error) {
	m, err := read(tx, p.Partition, p.At)
	if err != nil {
		return "", 0, err
	}
	destination := task.Destination
	if destination == "" {
		destination = m.Source
	}
	r, ok := s.parseARN(destination)
	if !ok || r.account != q.Account {
		return "", 0, errNoWay
	}
	to, err := queues.Get(tx, r.account, r.name)
	if errors.Is(err, store.ErrNotFound) || err == nil && to.FIFO != q.FIFO {
		return "", 0, errNoWay
	}
	if err != nil {
		return "", 0, err
	}
	arrived := *m
	if err := evict(tx, q, m); err != nil {
		return "", 0, err
	}
	lv, err := levelOf(tx, to.partition())
	if err != nil {
		return "", 0, err
	}
	arrived.ID, arrived.Source = uuid.NewSHA1(uuid.NameSpaceOID, []byte(task.ID+m.ID)).String(), ""
	arrived.Partition, arrived.At, arrived.Sent = lv.Partition, lv.next(tx.Now()), tx.Now()
	if to.FIFO {
		arrived.Sequence = sequence(arrived.At)
	}
	if err := admit(tx, to, &arrived, tx.Now()); err != nil {
		return "", 0, err
	}
	lv.Total++
	return lv.Partition, len(m.Body), levels.Put(tx, lv)
}
