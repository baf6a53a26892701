package acm

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"slices"
	"strings"

	"github.com/garrison-cloud/garrison/engine/x509ca"
	"github.com/garrison-cloud/garrison/internal/arn"
	"github.com/garrison-cloud/garrison/internal/store"
)

// nameOf is the certificate of an ARN, of whichever account.
func nameOf(given string) (account, id string, err error) {
	a, err := arn.Parse(given)
	id, ok := strings.CutPrefix(a.Resource, resource)
	if err != nil || !ok {
		return "", "", missing(given)
	}
	return a.AccountID, id, nil
}

// KeyPair returns the certificate of an ARN with its chain and its key, to serve TLS
// by. It asks for no permission: the service that serves has asked. It fails with
// ResourceNotFoundException or RequestInProgressException where there is none, or none
// yet.
func (s *Service) KeyPair(ctx context.Context, given string) (tls.Certificate, error) {
	account, id, err := nameOf(given)
	if err != nil {
		return tls.Certificate{}, err
	}
	var row *certificate
	var key *privateKey
	err = s.DB.View(ctx, func(tx *store.Tx) (err error) {
		if row, err = certificates.Get(tx, account, id); err != nil {
			return err
		}
		if len(row.DER) == 0 {
			return inProgress(given)
		}
		key, err = privateKeys.Get(tx, account, id)
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		err = missing(given)
	}
	if err != nil {
		return tls.Certificate{}, err
	}
	return row.keyPair(key)
}

func (c *certificate) keyPair(key *privateKey) (out tls.Certificate, err error) {
	if out.PrivateKey, err = x509ca.ParseKey(key.DER); err != nil {
		return out, err
	}
	out.Certificate = [][]byte{c.DER}
	if out.Leaf, err = x509.ParseCertificate(c.DER); err != nil || c.Chain == "" {
		return out, err
	}
	chain, err := x509ca.DecodePEM([]byte(c.Chain), maxChain)
	for _, above := range chain {
		out.Certificate = append(out.Certificate, above.Raw)
	}
	return out, err
}

// Changed returns what is closed when a key pair next changes: who has received from
// it asks for KeyPair, and for Changed, again.
func (s *Service) Changed() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.changed
}

// Use notes that a resource, by its ARN, uses a certificate: it can then not be
// deleted, and is renewed.
func (s *Service) Use(ctx context.Context, certificateARN, by string) error {
	return s.setUse(ctx, certificateARN, func(users []string) []string {
		if slices.Contains(users, by) {
			return users
		}
		return append(users, by)
	})
}

// Release notes that a resource no longer uses a certificate. One that is gone is no
// error.
func (s *Service) Release(ctx context.Context, certificateARN, by string) error {
	err := s.setUse(ctx, certificateARN, func(users []string) []string {
		return slices.DeleteFunc(users, func(u string) bool { return u == by })
	})
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	return err
}

func (s *Service) setUse(ctx context.Context, given string, change func([]string) []string) error {
	account, id, err := nameOf(given)
	if err != nil {
		return err
	}
	err = s.update(ctx, account, id, func(tx *store.Tx, row *certificate) error {
		row.InUse = change(row.InUse)
		return s.replan(tx, row)
	})
	s.fleet.Wake()
	return err
}

// replan is plan for a certificate whose due work may be another's than its end.
func (s *Service) replan(tx *store.Tx, row *certificate) error {
	if len(row.DER) == 0 {
		return nil
	}
	return s.plan(tx, row)
}

// tellChanged wakes who waits for a change of key pairs.
func (s *Service) tellChanged() {
	s.mu.Lock()
	defer s.mu.Unlock()
	close(s.changed)
	s.changed = make(chan struct{})
}
