package jobs

import (
	"context"
	"errors"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/garrison-cloud/garrison/internal/clock"
	"github.com/garrison-cloud/garrison/internal/store"
)

// A FleetDuty is a duty that takes time, such as a delivery: many rows are done at
// once. Its Do must end with the row deleted, or with a later time; it reads the row
// again, which may have been done since the index was looked at.
type FleetDuty[T any] struct {
	Duty[T]
	// ID names a row, and Lane what it must share: a target that hangs must not hold up
	// all others.
	ID, Lane func(*T) string
	// AtOnce is how many rows are done at once, and PerLane how many of one lane.
	AtOnce, PerLane int
	// LookAhead bounds the rows that one look at the index sees.
	LookAhead int
}

// A Fleet does a FleetDuty. Its methods are safe for concurrent use.
type Fleet[T any] struct {
	*Worker
	duty  FleetDuty[T]
	group *errgroup.Group // set by Run

	mu    sync.Mutex // guards the fields below
	ids   map[string]bool
	lanes map[string]int
}

// NewFleet returns a Fleet, which does the jobs first each time it looks.
func NewFleet[T any](d FleetDuty[T], first ...Job) *Fleet[T] {
	f := &Fleet[T]{duty: d, ids: map[string]bool{}, lanes: map[string]int{}}
	f.Worker = New(d.Clock, append(first, f.dispatch)...)
	return f
}

// Run works until ctx ends. What is under way then, or when the process dies, is begun
// again after the next start: Do may have had its effect.
func (f *Fleet[T]) Run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(f.duty.AtOnce + 1)
	f.group = g
	g.Go(func() error { return f.Worker.Run(ctx) })
	return g.Wait()
}

// dispatch sends what is due on its way, and returns when the next is due. Each that
// comes back wakes the worker.
func (f *Fleet[T]) dispatch(ctx context.Context) (time.Time, error) {
	due, next, err := f.due(ctx)
	if err != nil {
		return next, err
	}
	for _, row := range due {
		if !f.takeOff(row) {
			continue
		}
		if !f.group.TryGo(func() error {
			defer f.Wake()
			defer f.land(row)
			err := f.duty.Do(ctx, row)
			if errors.Is(err, store.ErrFull) { // it would be done again and again
				err = clock.Sleep(ctx, f.duty.Clock, fullWait)
			}
			return err
		}) {
			f.land(row) // all are out; the first that comes back wakes the worker
			break
		}
	}
	return next, nil
}

func (f *Fleet[T]) due(ctx context.Context) (due []*T, next time.Time, err error) {
	d := &f.duty
	err = d.DB.View(ctx, func(tx *store.Tx) error {
		due, next = nil, time.Time{}
		for row, err := range d.Table.ScanIndex(tx, d.Index, store.Range{Limit: d.LookAhead}) {
			if err != nil {
				return err
			}
			if at := d.At(row); at.After(tx.Now()) {
				next = at
				return nil
			}
			due = append(due, row)
		}
		return nil
	})
	return due, next, err
}

// takeOff notes that a row is under way, unless it is already or its lane has enough.
func (f *Fleet[T]) takeOff(row *T) bool {
	id, lane := f.duty.ID(row), f.duty.Lane(row)
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.ids[id] || f.lanes[lane] >= f.duty.PerLane {
		return false
	}
	f.ids[id] = true
	f.lanes[lane]++
	return true
}

func (f *Fleet[T]) land(row *T) {
	id, lane := f.duty.ID(row), f.duty.Lane(row)
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.ids, id)
	if f.lanes[lane]--; f.lanes[lane] == 0 {
		delete(f.lanes, lane)
	}
}
