package kms

import (
	"context"
	"errors"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"github.com/garrison-cloud/garrison/internal/store"
	"github.com/garrison-cloud/garrison/internal/wire"
)

// UpdateCustomKeyStore changes a store's name or how it is connected. A proxy
// must answer by its new settings.
func (s *Service) UpdateCustomKeyStore(ctx context.Context, in *kms.UpdateCustomKeyStoreInput) (*kms.UpdateCustomKeyStoreOutput, error) {
	a := settings{
		cluster: in.CloudHsmClusterId, password: in.KeyStorePassword,
		endpoint: in.XksProxyUriEndpoint, path: in.XksProxyUriPath, credential: in.XksProxyAuthenticationCredential,
		connectivity: in.XksProxyConnectivity, service: in.XksProxyVpcEndpointServiceName, owner: in.XksProxyVpcEndpointServiceOwner,
	}
	if in.NewCustomKeyStoreName == nil && !a.ofProxy() && !a.ofHSM() {
		return nil, invalid("You must specify at least one property of the custom key store to update.")
	}
	if a.ofProxy() { // its word is needed before anything is written
		if err := s.tryUpdate(ctx, in, a); err != nil {
			return nil, err
		}
	}
	_, err := s.editStore(ctx, *in.CustomKeyStoreId, func(tx *store.Tx, c *customStore) error { return s.update(tx, c, in, a) })
	if err != nil {
		return nil, err
	}
	return &kms.UpdateCustomKeyStoreOutput{}, nil
}

// update changes c, if its state and the other stores allow it.
func (s *Service) update(tx *store.Tx, c *customStore, in *kms.UpdateCustomKeyStoreInput, a settings) error {
	if !c.in(disconnected) && (!c.in(connected) || !a.whileConnected()) {
		return c.wrongState()
	}
	if in.NewCustomKeyStoreName != nil {
		c.Name = *in.NewCustomKeyStoreName
	}
	if err := s.apply(c, a); err != nil {
		return err
	}
	if a.ofProxy() || a.ofHSM() {
		c.Revision++
	}
	return c.free(tx, false)
}

// whileConnected tells that the settings may change while the store is connected:
// a proxy's path and credential (KMS API Reference, UpdateCustomKeyStore).
func (a *settings) whileConnected() bool {
	return !a.ofHSM() && a.endpoint == nil && a.connectivity == "" && a.service == nil && a.owner == nil
}

// tryUpdate changes a copy of the store, and checks the proxy by it.
func (s *Service) tryUpdate(ctx context.Context, in *kms.UpdateCustomKeyStoreInput, a settings) error {
	var next customStore
	err := s.db.View(ctx, func(tx *store.Tx) error {
		c, err := customStores.Get(tx, wire.CallFrom(ctx).Account(), *in.CustomKeyStoreId)
		if err != nil {
			return err
		}
		next = *c
		return s.update(tx, &next, in, a)
	})
	if errors.Is(err, store.ErrNotFound) {
		return storeNotFound(*in.CustomKeyStoreId)
	}
	if err != nil {
		return err
	}
	return s.checkProxy(ctx, &next.Proxy)
}

// editStore changes a store of the caller's account in one transaction.
func (s *Service) editStore(ctx context.Context, id string, change func(*store.Tx, *customStore) error) (*customStore, error) {
	var edited *customStore
	err := s.db.Update(ctx, func(tx *store.Tx) error {
		c, err := customStores.Get(tx, wire.CallFrom(ctx).Account(), id)
		if err != nil {
			return err
		}
		if err := change(tx, c); err != nil {
			return err
		}
		edited = c
		return customStores.Put(tx, c)
	})
	if errors.Is(err, store.ErrNotFound) {
		return nil, storeNotFound(id)
	}
	return edited, err
}

// DeleteCustomKeyStore forgets a store that has no keys and is disconnected. What
// keeps its keys is not touched.
func (s *Service) DeleteCustomKeyStore(ctx context.Context, in *kms.DeleteCustomKeyStoreInput) (*kms.DeleteCustomKeyStoreOutput, error) {
	account := wire.CallFrom(ctx).Account()
	err := s.db.Update(ctx, func(tx *store.Tx) error {
		c, err := customStores.Get(tx, account, *in.CustomKeyStoreId)
		if err != nil {
			return err
		}
		if !c.in(disconnected) {
			return c.wrongState()
		}
		kept, err := store.Collect(keys.ScanIndex(tx, "store", store.Range{Prefix: store.K(account, c.ID), Limit: 1}))
		if err != nil {
			return err
		}
		if len(kept) > 0 {
			return &types.CustomKeyStoreHasCMKsException{Message: aws.String("The custom key store " + c.ID + " contains KMS keys.")}
		}
		return customStores.Delete(tx, account, c.ID)
	})
	if errors.Is(err, store.ErrNotFound) {
		return nil, storeNotFound(*in.CustomKeyStoreId)
	}
	if err != nil {
		return nil, err
	}
	return &kms.DeleteCustomKeyStoreOutput{}, nil
}
