package cloudtrail

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/garrison-cloud/garrison/internal/audit"
	"github.com/garrison-cloud/garrison/internal/store"
)

// Trails are the trails of all Regions of the process, compiled. It implements
// audit.Trails. Without a trail that logs, asking it costs one load.
type Trails struct {
	db       *store.DB
	compiled atomic.Pointer[matcher]

	mu    sync.Mutex // guards the fields below; held while trails are compiled
	wakes map[string]func(bytes int)
}

// NewTrails returns the trails that lie in db, which all Regions share.
func NewTrails(ctx context.Context, db *store.DB) (*Trails, error) {
	t := &Trails{db: db, wakes: map[string]func(int){}}
	return t, t.reload(ctx)
}

// Data implements audit.Trails.
func (t *Trails) Data() bool {
	m := t.compiled.Load()
	return m != nil && m.data
}

// Take implements audit.Trails.
func (t *Trails) Take(e *audit.Event) []string {
	m := t.compiled.Load()
	if m == nil {
		return nil
	}
	return m.take(e)
}

// Kept implements audit.Trails: it wakes the Region's delivery when a file is full.
func (t *Trails) Kept(region string, bytes int) {
	t.mu.Lock()
	wake := t.wakes[region]
	t.mu.Unlock()
	if wake != nil {
		wake(bytes)
	}
}

// reload compiles the trails as they are stored now, and has every Region look at them.
func (t *Trails) reload(ctx context.Context) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	var list []*trail
	// The change is committed: it counts even if its caller has gone away meanwhile.
	err := t.db.View(context.WithoutCancel(ctx), func(tx *store.Tx) (err error) {
		list, err = store.Collect(trails.Scan(tx, store.Range{}))
		return err
	})
	if err != nil {
		return fmt.Errorf("read the trails: %w", err)
	}
	t.compiled.Store(compile(list))
	for _, wake := range t.wakes {
		wake(0)
	}
	return nil
}

func (t *Trails) onKept(region string, wake func(bytes int)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.wakes[region] = wake
}

var _ audit.Trails = (*Trails)(nil)
