package server

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/garrison-cloud/garrison/internal/audit"
	"github.com/garrison-cloud/garrison/internal/blob"
	"github.com/garrison-cloud/garrison/internal/blob/dir"
	"github.com/garrison-cloud/garrison/internal/blob/remote"
	"github.com/garrison-cloud/garrison/internal/gateway"
	"github.com/garrison-cloud/garrison/internal/relay"
	"github.com/garrison-cloud/garrison/internal/store"
	"github.com/garrison-cloud/garrison/internal/store/pebble"
)

// global is the name of the store that all Regions share: identities and names
// that are unique in the whole world.
const global = "global"

// A room is one store with the log of what is written to it, and with what
// carries messages to the rooms of other Regions.
type room struct {
	db    *store.DB
	log   *audit.Log
	relay *relay.Relay
	depot *blob.Depot // of bodies that the store's rows name
}

// storage is all state of the process: one room a Region, and the shared one.
type storage struct {
	mu    sync.Mutex // guards rooms while they are opened side by side
	rooms map[string]*room
}

// RootKeyPath is where the root key of a data directory lies: beside it, so that
// a copy of the directory opens nothing.
func RootKeyPath(data string) string { return filepath.Clean(data) + ".root" }

// openStorage opens every store, or none.
func openStorage(ctx context.Context, c *Config) (*storage, error) {
	root, err := rootOf(c)
	if err != nil {
		return nil, err
	}
	s := &storage{rooms: map[string]*room{}}
	g, _ := errgroup.WithContext(ctx)
	for _, name := range c.rooms() {
		g.Go(func() error { return s.open(c, root, name) }) //nolint:contextcheck // a store is opened whole or not at all: Open takes no context
	}
	if err := g.Wait(); err != nil {
		return nil, errors.Join(err, s.close())
	}
	for _, from := range c.Regions {
		for _, to := range c.Regions {
			s.rooms[from].relay.Connect(to, s.rooms[to].relay)
		}
	}
	return s, nil
}

func rootOf(c *Config) (store.Root, error) {
	if c.Data == "" {
		return store.MemoryRoot(), nil
	}
	fresh, err := unused(c)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(c.Data, 0o700); err != nil {
		return nil, fmt.Errorf("make the data directory: %w", err)
	}
	return store.FileRoot(RootKeyPath(c.Data), fresh)
}

// unused reports whether no store is there yet. Only then may a root key be made:
// a new key would never open what is there.
func unused(c *Config) (bool, error) {
	for _, name := range c.rooms() {
		if there, err := pebble.Exists(filepath.Join(c.Data, name)); there || err != nil {
			return false, err
		}
	}
	return true, nil
}

// rooms names every store that the configuration asks for.
func (c *Config) rooms() []string { return append([]string{global}, c.Regions...) }

func (s *storage) open(c *Config, root store.Root, name string) error {
	engine, err := openEngine(c, name)
	if err != nil {
		return err
	}
	// The log needs the database and the database's hook needs the log; the hook
	// runs only once calls arrive, when both are there.
	r := &room{}
	r.db, err = store.Open(engine, store.Options{
		Root: root, Clock: c.Clock, Name: name,
		BeforeCommit: func(ctx context.Context, tx *store.Tx) error { return gateway.Promise(r.log)(ctx, tx) },
	})
	if err != nil {
		return errors.Join(err, engine.Close())
	}
	r.log = audit.NewLog(r.db, audit.Options{Strict: c.StrictAudit, NewID: newID, Logger: c.Logger})
	r.relay = relay.New(relay.Config{DB: r.db, Clock: c.Clock, Region: name, Logger: c.Logger})
	if r.depot, err = openDepot(c, r.db, name); err != nil {
		return errors.Join(err, r.db.Close())
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rooms[name] = r
	return nil
}

// bodies is the directory of what is too large for the stores.
const bodies = "blobs"

func openDepot(c *Config, db *store.DB, name string) (*blob.Depot, error) {
	bs, err := openBodies(c, name)
	if err != nil {
		return nil, err
	}
	return blob.NewDepot(blob.Config{Store: bs, DB: db, Clock: c.Clock, Logger: c.Logger}), nil
}

func openBodies(c *Config, name string) (blob.Store, error) {
	switch {
	case c.Blob != "":
		where, err := remote.Parse(c.Blob)
		if err != nil {
			return nil, fmt.Errorf("--blob: %w", err)
		}
		return remote.Open(context.Background(), where, name)
	case c.Data == "":
		return blob.Memory(), nil
	default:
		return dir.Open(filepath.Join(c.Data, bodies, name))
	}
}

func openEngine(c *Config, name string) (store.Engine, error) {
	if c.Data == "" {
		return pebble.OpenMemory()
	}
	return pebble.Open(filepath.Join(c.Data, name), pebble.Options{Log: c.Logger})
}

// run does the stores' and the logs' background work until ctx ends.
func (s *storage) run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	for _, r := range s.rooms {
		g.Go(func() error { return r.db.Run(ctx) })
		g.Go(func() error { return r.log.Run(ctx) })
		g.Go(func() error { return r.relay.Run(ctx) })
	}
	return g.Wait()
}

// recover turns what a crash has left behind into events.
func (s *storage) recover(ctx context.Context) error {
	for name, r := range s.rooms {
		if err := r.log.Recover(ctx); err != nil {
			return fmt.Errorf("recover the audit log of %s: %w", name, err)
		}
	}
	return nil
}

func (s *storage) close() error {
	var errs []error
	for _, r := range s.rooms {
		errs = append(errs, r.db.Close())
	}
	return errors.Join(errs...)
}
