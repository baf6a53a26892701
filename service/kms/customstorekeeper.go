package kms

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"

	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"github.com/garrison-cloud/garrison/engine/seal"
	"github.com/garrison-cloud/garrison/internal/hsm"
	"github.com/garrison-cloud/garrison/internal/xks"
)

// A keeper does what a custom key store does with its keys.
type keeper interface {
	// seal and open bind aad to what they seal.
	seal(ctx context.Context, k *key, plaintext, aad []byte) ([]byte, error)
	open(ctx context.Context, k *key, sealed, aad []byte) ([]byte, error)
	// fault tells what an error of the keeper's means.
	fault(err error) *storeFault
	close()
}

// errNoCluster says that the server was not told of the cluster.
var errNoCluster = errors.New("no such cluster")

// errClosed says that the store was disconnected in the middle of a call.
var errClosed = errors.New("the key store was disconnected")

// keepers are the connections of this process. One is made when it is first
// needed, and made anew when its store has changed since.
type keepers struct {
	mu   sync.Mutex // guards open and the fields of each but keeper and err
	open map[storeName]*opening
}

type storeName struct{ account, id string }

// An opening is a connection that is there or being made. What done guards is
// written before it is closed.
type opening struct {
	revision uint64
	done     chan struct{}
	keeper   keeper
	err      error
}

// keeper returns the connection to the store that c was read as. Many calls wait
// for one that is being made.
func (s *Service) keeper(ctx context.Context, c *customStore) (keeper, error) {
	name := storeName{c.Account, c.ID}
	s.keepers.mu.Lock()
	o := s.keepers.open[name]
	if o == nil || o.revision < c.Revision {
		o.end()
		o = &opening{revision: c.Revision, done: make(chan struct{})}
		s.keepers.open[name] = o
		// It is made for all that will need it, not for this call alone.
		go s.establish(context.WithoutCancel(ctx), c, o)
	}
	s.keepers.mu.Unlock()
	select {
	case <-o.done:
		return o.keeper, o.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// establish connects, and forgets a failure so that the next call tries again. That a
// PIN was refused is kept: tokens lock their users out after a few wrong ones.
func (s *Service) establish(ctx context.Context, c *customStore, o *opening) {
	defer close(o.done)
	o.keeper, o.err = s.dial(ctx, c)
	if o.err == nil || lasting(o.err) {
		return
	}
	s.keepers.mu.Lock()
	defer s.keepers.mu.Unlock()
	if name := (storeName{c.Account, c.ID}); s.keepers.open[name] == o {
		delete(s.keepers.open, name)
	}
}

func lasting(err error) bool { return errors.Is(err, hsm.ErrPIN) || errors.Is(err, hsm.ErrPINLocked) }

// end closes the connection once it has been made.
func (o *opening) end() {
	if o == nil {
		return
	}
	go func() {
		<-o.done
		if o.keeper != nil {
			o.keeper.close()
		}
	}()
}

// hangUp closes the store's connection and waits for its end. A call that has
// read the store before makes no new one: the place is taken by the revision that
// ended it.
func (s *Service) hangUp(c *customStore) {
	gone := &opening{revision: c.Revision, done: make(chan struct{}), err: errClosed}
	close(gone.done)
	s.keepers.mu.Lock()
	name := storeName{c.Account, c.ID}
	o := s.keepers.open[name]
	if o != nil && o.revision >= c.Revision { // it was connected again meanwhile
		s.keepers.mu.Unlock()
		return
	}
	s.keepers.open[name] = gone
	s.keepers.mu.Unlock()
	if o == nil {
		return
	}
	<-o.done
	if o.keeper != nil {
		o.keeper.close()
	}
}

// hangUpAll closes every connection, at the service's end. One that is being made
// may need the lock to end, so that nobody waits for it under the lock.
func (s *Service) hangUpAll() {
	s.keepers.mu.Lock()
	all := slices.Collect(maps.Values(s.keepers.open))
	clear(s.keepers.open)
	s.keepers.mu.Unlock()
	for _, o := range all {
		<-o.done
		if o.keeper != nil {
			o.keeper.close()
		}
	}
}

func (s *Service) dial(ctx context.Context, c *customStore) (keeper, error) {
	if c.Kind == external {
		client, err := s.proxyClient(&c.Proxy)
		if err != nil {
			return nil, err
		}
		return &proxyKeeper{client}, nil
	}
	return s.dialToken(ctx, c)
}

// sealOutside seals a symmetric key's plaintext in the key's store: in an
// external one what the key's own material sealed first.
func (k *key) sealOutside(ctx context.Context, m *seal.Material, plaintext []byte, encryption map[string]string) ([]byte, error) {
	h, err := k.header()
	if err != nil {
		return nil, err
	}
	if m != nil {
		if plaintext, err = m.Seal(h, plaintext, encryption); err != nil {
			return nil, k.ended(err)
		}
	}
	aad, err := h.OuterAAD(encryption)
	if err != nil {
		return nil, err
	}
	sealed, err := k.keeper.seal(ctx, k, plaintext, aad)
	if err != nil {
		return nil, k.keeper.fault(err).cryptographic()
	}
	return h.Enclose(sealed)
}

// wordsOfInner is what is told when the proxy opened its layer to something that
// the key's material did not seal.
const wordsOfInner = "The ciphertext that the external key store proxy submitted for decryption, or the encryption context, is corrupted, missing, or otherwise invalid."

// openOutside opens what sealOutside made.
func (o *opener) openOutside(ctx context.Context, encryption map[string]string) ([]byte, error) {
	sealed, err := seal.Enclosed(o.blob)
	if err != nil {
		return nil, err
	}
	h, err := seal.ParseBlob(o.blob)
	if err != nil {
		return nil, err
	}
	aad, err := h.OuterAAD(encryption)
	if err != nil {
		return nil, err
	}
	inner, err := o.key.keeper.open(ctx, o.key, sealed, aad)
	switch {
	case errors.Is(err, seal.ErrInvalidCiphertext):
		return nil, err
	case err != nil:
		return nil, o.key.keeper.fault(err).cryptographic()
	case o.material == nil:
		return inner, nil
	}
	plaintext, err := o.material.Open(inner, encryption)
	if errors.Is(err, seal.ErrInvalidCiphertext) {
		return nil, invalidState(wordsOfInner)
	}
	return plaintext, err
}

// A proxyKeeper keeps keys behind an external key store's proxy.
type proxyKeeper struct{ client *xks.Client }

func (p *proxyKeeper) seal(ctx context.Context, k *key, plaintext, aad []byte) ([]byte, error) {
	sealed, err := p.client.Encrypt(ctx, k.XksKey, xks.EncryptInput{Plaintext: plaintext, AAD: aad}, callerOf(ctx, k))
	if err != nil {
		return nil, err
	}
	return sealed.MarshalBinary()
}

func (p *proxyKeeper) open(ctx context.Context, k *key, sealed, aad []byte) ([]byte, error) {
	s, err := xks.UnmarshalSealed(sealed)
	if err != nil {
		return nil, seal.ErrInvalidCiphertext
	}
	return p.client.Decrypt(ctx, k.XksKey, *s, aad, callerOf(ctx, k))
}

func (p *proxyKeeper) fault(err error) *storeFault { return proxyFault(err) }
func (p *proxyKeeper) close()                      { p.client.Close() }

// A tokenKeeper keeps keys in a token, under the KMS keys' ids.
type tokenKeeper struct{ token *hsm.Token }

func (t *tokenKeeper) seal(ctx context.Context, k *key, plaintext, aad []byte) ([]byte, error) {
	return t.token.Encrypt(ctx, []byte(k.ID), plaintext, aad)
}

func (t *tokenKeeper) open(ctx context.Context, k *key, sealed, aad []byte) ([]byte, error) {
	plaintext, err := t.token.Decrypt(ctx, []byte(k.ID), sealed, aad)
	if errors.Is(err, hsm.ErrInvalidCiphertext) {
		return nil, seal.ErrInvalidCiphertext
	}
	return plaintext, err
}

func (t *tokenKeeper) fault(err error) *storeFault { return tokenFault(err) }
func (t *tokenKeeper) close()                      { _ = t.token.Close() } // it has nothing more to give

// faultOf tells why there is no connection to a store of that kind.
func faultOf(kind types.CustomKeyStoreType, err error) *storeFault {
	if kind == external {
		return proxyFault(err)
	}
	return tokenFault(err)
}
