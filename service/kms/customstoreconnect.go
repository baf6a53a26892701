package kms

import (
	"context"
	"errors"

	"golang.org/x/sync/errgroup"

	"github.com/aws/aws-sdk-go-v2/service/kms"

	"github.com/garrison-cloud/garrison/internal/store"
	"github.com/garrison-cloud/garrison/internal/wire"
	"github.com/garrison-cloud/garrison/internal/xks"
)

// ConnectCustomKeyStore begins to connect a store, and does not wait for the end
// of it: DescribeCustomKeyStores tells how it went.
func (s *Service) ConnectCustomKeyStore(ctx context.Context, in *kms.ConnectCustomKeyStoreInput) (*kms.ConnectCustomKeyStoreOutput, error) {
	_, err := s.editStore(ctx, *in.CustomKeyStoreId, func(_ *store.Tx, c *customStore) error {
		switch {
		case c.in(connected, connecting):
			return nil
		case !c.in(disconnected):
			return c.wrongState()
		}
		c.State, c.Error, c.Request = connecting, "", wire.CallFrom(ctx).RequestID
		c.Revision++
		return nil
	})
	if err != nil {
		return nil, err
	}
	s.wakeConnector()
	return &kms.ConnectCustomKeyStoreOutput{}, nil
}

// DisconnectCustomKeyStore ends a store's connection. Its keys are unavailable
// from then on.
func (s *Service) DisconnectCustomKeyStore(ctx context.Context, in *kms.DisconnectCustomKeyStoreInput) (*kms.DisconnectCustomKeyStoreOutput, error) {
	c, err := s.editStore(ctx, *in.CustomKeyStoreId, func(_ *store.Tx, c *customStore) error {
		if c.in(disconnected) {
			return c.wrongState()
		}
		c.State, c.Error, c.Request = disconnected, "", ""
		c.Revision++
		return nil
	})
	if err != nil {
		return nil, err
	}
	s.hangUp(c)
	return &kms.DisconnectCustomKeyStoreOutput{}, nil
}

func (s *Service) wakeConnector() {
	select {
	case s.connects <- struct{}{}:
	default:
	}
}

// connectStores connects the stores that are to be connected, until ctx ends. At
// first those count too that were connected when the process last ended.
func (s *Service) connectStores(ctx context.Context) error {
	defer s.hangUpAll()
	states := []string{string(connecting), string(connected)}
	for {
		if err := s.connectAll(ctx, states); err != nil {
			return err
		}
		states = states[:1]
		select {
		case <-s.connects:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// mostConnecting bounds the connections that are being made at once.
const mostConnecting = 16

func (s *Service) connectAll(ctx context.Context, states []string) error {
	var waiting []*customStore
	err := s.db.View(ctx, func(tx *store.Tx) error {
		waiting = nil
		for _, state := range states {
			rows, err := store.Collect(customStores.ScanIndex(tx, "state", store.Range{Prefix: store.K(state)}))
			if err != nil {
				return err
			}
			waiting = append(waiting, rows...)
		}
		return nil
	})
	if err != nil {
		return err
	}
	var g errgroup.Group
	g.SetLimit(mostConnecting)
	for _, c := range waiting {
		g.Go(func() error { return s.connect(ctx, c) })
	}
	return g.Wait()
}

// connect makes the store's connection, and writes down how that went.
func (s *Service) connect(ctx context.Context, c *customStore) error {
	f := s.tryConnect(ctx, c)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if c.in(connected) && (c.Kind == external || f == nil || !f.refusesUser()) {
		// What was connected stays so: the next call tries again.
		return nil
	}
	err := s.db.Update(ctx, func(tx *store.Tx) error {
		now, err := customStores.Get(tx, c.Account, c.ID)
		if err != nil {
			return unlessMissing(err)
		}
		if now.Revision != c.Revision {
			return nil // it was disconnected or changed meanwhile
		}
		next := *now
		next.State, next.Error = connected, ""
		if f != nil {
			next.State, next.Error = failed, f.code
		}
		return customStores.Put(tx, &next)
	})
	if errors.Is(err, store.ErrFull) {
		return nil // it stays CONNECTING, and is tried again with the next
	}
	return err
}

func (s *Service) tryConnect(ctx context.Context, c *customStore) *storeFault {
	k, err := s.keeper(ctx, c)
	if err != nil {
		return faultOf(c.Kind, err)
	}
	if p, ok := k.(*proxyKeeper); ok {
		return checkHealth(ctx, p.client, xks.Caller{Operation: "ConnectCustomKeyStore", RequestID: c.Request})
	}
	if err := k.(*tokenKeeper).token.Healthy(ctx); err != nil {
		return tokenFault(err)
	}
	return nil
}
