package jobs_test

import (
	"context"
	"testing"

	"github.com/garrison-cloud/garrison/internal/clock"
	"github.com/garrison-cloud/garrison/internal/jobs"
	"github.com/garrison-cloud/garrison/internal/store"
)

// TestFleetKeepsLanesApart has one lane hang: it takes no more than its share, no row
// is begun twice, and the other lane goes on.
func TestFleetKeepsLanesApart(t *testing.T) {
	t.Parallel()
	fake := clock.NewFake(noon)
	db := openDB(t, fake)
	defer db.Close()
	for _, name := range []string{"slow1", "slow2", "slow3", "quick1", "quick2"} {
		plan(t, db, name, noon)
	}
	begun, release := make(chan string, 10), make(chan struct{})
	f := jobs.NewFleet(jobs.FleetDuty[task]{
		Duty: jobs.Duty[task]{
			DB: db, Clock: fake, Table: tasks, Index: "due", At: dueOf,
			Do: func(ctx context.Context, row *task) error {
				if gone(ctx, db, row) {
					return nil // it was done between the look at the index and now
				}
				begun <- row.Name
				if row.Name[0] == 's' {
					select {
					case <-release:
					case <-ctx.Done():
						return ctx.Err()
					}
				}
				return db.Update(ctx, func(tx *store.Tx) error { return tasks.Delete(tx, row.Name) })
			},
		},
		ID: func(row *task) string { return row.Name }, Lane: func(row *task) string { return row.Name[:1] },
		AtOnce: 4, PerLane: 2, LookAhead: 100,
	})
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- f.Run(ctx) }()
	count := map[byte]int{}
	for range 4 { // two of each lane; those of the quick one end, and are looked past
		name := <-begun
		count[name[0]]++
		f.Wake()
	}
	if count['s'] != 2 || count['q'] != 2 {
		t.Errorf("begun %v, want two of each lane", count)
	}
	close(release)
	if name := <-begun; name[0] != 's' {
		t.Errorf("then %s, want the third of the slow lane", name)
	}
	stop()
	<-ended
	if len(begun) != 0 {
		t.Errorf("%s was begun twice", <-begun)
	}
}

func gone(ctx context.Context, db *store.DB, row *task) bool {
	return db.View(ctx, func(tx *store.Tx) error {
		_, err := tasks.Get(tx, row.Name)
		return err
	}) != nil
}
