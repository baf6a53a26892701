package acmpca

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/acmpca/types"

	"github.com/garrison-cloud/garrison/internal/arn"
	"github.com/garrison-cloud/garrison/internal/store"
)

// A reference is what an ARN names: an authority, and perhaps a certificate of it.
type reference struct{ account, id, serial string }

// parse takes an ARN apart: …:certificate-authority/ID[/certificate/SERIAL].
func parse(given string) (reference, error) {
	a, err := arn.Parse(given)
	rest, ok := strings.CutPrefix(a.Resource, resource)
	if err != nil || !ok || a.Service != "acm-pca" || !arn.IsAccount(a.AccountID) {
		return reference{}, invalidARN(given)
	}
	id, serial, of := strings.Cut(rest, "/certificate/")
	if strings.Contains(id, "/") || of && (serial == "" || strings.Contains(serial, "/")) {
		return reference{}, invalidARN(given)
	}
	return reference{account: a.AccountID, id: id, serial: serial}, nil
}

// parseAuthority is parse for an ARN that must name an authority.
func parseAuthority(given string) (reference, error) {
	r, err := parse(given)
	if err == nil && r.serial != "" {
		return r, invalidARN(given)
	}
	return r, err
}

// find reads the authority of an ARN.
func (s *Service) find(ctx context.Context, given string) (*authority, error) {
	r, err := parseAuthority(given)
	if err != nil {
		return nil, err
	}
	var row *authority
	err = s.DB.View(ctx, func(tx *store.Tx) (err error) {
		row, err = s.get(tx, r)
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		return nil, noAuthority(given)
	}
	return row, err
}

// get reads an authority of this Region, unless its restoration period has passed.
func (s *Service) get(tx *store.Tx, r reference) (*authority, error) {
	row, err := authorities.Get(tx, r.account, r.id)
	if err != nil {
		return nil, err
	}
	if row.gone(tx.Now()) {
		return nil, store.ErrNotFound
	}
	return row, nil
}

// edit changes an authority.
func (s *Service) edit(ctx context.Context, given string, change func(*store.Tx, *authority) error) error {
	r, err := parseAuthority(given)
	if err != nil {
		return err
	}
	err = s.DB.Update(ctx, func(tx *store.Tx) error {
		row, err := s.get(tx, r)
		if err != nil {
			return err
		}
		if err := change(tx, row); err != nil {
			return err
		}
		return authorities.Put(tx, row)
	})
	if errors.Is(err, store.ErrNotFound) {
		return noAuthority(given)
	}
	return err
}

func (a *authority) gone(now time.Time) bool { return !a.Until.IsZero() && !now.Before(a.Until) }

// state is what an authority may be used for.
func (a *authority) state(now time.Time) types.CertificateAuthorityStatus {
	switch {
	case !a.Until.IsZero():
		return types.CertificateAuthorityStatusDeleted
	case len(a.Certificate) == 0:
		return types.CertificateAuthorityStatusPendingCertificate
	case !now.Before(a.NotAfter):
		return types.CertificateAuthorityStatusExpired
	case a.Disabled:
		return types.CertificateAuthorityStatusDisabled
	default:
		return types.CertificateAuthorityStatusActive
	}
}

// wrongState refuses what an authority's state does not allow.
func (a *authority) wrongState(now time.Time) error {
	return invalidState("The certificate authority is in the %s state, which does not allow this operation.", a.state(now))
}
