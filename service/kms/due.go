package kms

import (
	"context"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/garrison-cloud/garrison/internal/jobs"
)

// duties are what the service does by itself at its time: it destroys keys, rotates
// them, and takes imported material away.
func (s *Service) duties() *jobs.Worker {
	return jobs.New(s.clock,
		jobs.Duty[key]{
			DB: s.db, Clock: s.clock, Table: keys, Index: "deletion",
			At: func(k *key) time.Time { return k.DeletionAt }, Do: s.destroy,
		}.Job(),
		jobs.Duty[key]{
			DB: s.db, Clock: s.clock, Table: keys, Index: "rotation",
			At: func(k *key) time.Time { return k.Rotation.Next }, Do: s.rotateDue,
		}.Job(),
		jobs.Duty[generation]{
			DB: s.db, Clock: s.clock, Table: generations, Index: "expiry",
			At: func(g *generation) time.Time { return g.Expires }, Do: s.expireDue,
		}.Job())
}

// Run does the service's duties and connects custom key stores, until ctx ends.
func (s *Service) Run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return s.worker.Run(ctx) })
	g.Go(func() error { return s.connectStores(ctx) })
	return g.Wait()
}

// wake has the duties looked at again: something was planned, or called off.
func (s *Service) wake() { s.worker.Wake() }
