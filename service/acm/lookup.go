package acm

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/acm/types"

	"github.com/garrison-cloud/garrison/internal/arn"
	"github.com/garrison-cloud/garrison/internal/store"
	"github.com/garrison-cloud/garrison/internal/wire"
)

func invalid(format string, args ...any) error {
	return &types.InvalidParameterException{Message: aws.String(fmt.Sprintf(format, args...))}
}

func invalidState(format string, args ...any) error {
	return &types.InvalidStateException{Message: aws.String(fmt.Sprintf(format, args...))}
}

func validation400(format string, args ...any) error {
	return &types.ValidationException{Message: aws.String(fmt.Sprintf(format, args...))}
}

func inProgress(arn string) error {
	return &types.RequestInProgressException{Message: aws.String("Certificate " + arn + " is not yet issued.")}
}

// missing is AWS's answer to an ARN that leads nowhere.
func missing(given string) error {
	a, err := arn.Parse(given)
	account := "this account"
	if err == nil {
		account = "account " + a.AccountID
	}
	return &types.ResourceNotFoundException{Message: aws.String(fmt.Sprintf("Could not find certificate %s in %s.", given, account))}
}

// idOf is the certificate that an ARN names in the caller's account; others' do not
// exist for it.
func (s *Service) idOf(ctx context.Context, given string) (account, id string, err error) {
	a, err := arn.Parse(given)
	id, ok := strings.CutPrefix(a.Resource, resource)
	if err != nil || !ok || a.Service != "acm" || id == "" {
		return "", "", &types.InvalidArnException{Message: aws.String("The ARN " + given + " is not valid.")}
	}
	account = wire.CallFrom(ctx).Account()
	if a.AccountID != account || a.Region != s.Region {
		return "", "", missing(given)
	}
	return account, id, nil
}

func (s *Service) find(ctx context.Context, given string) (*certificate, error) {
	account, id, err := s.idOf(ctx, given)
	if err != nil {
		return nil, err
	}
	var row *certificate
	err = s.DB.View(ctx, func(tx *store.Tx) (err error) {
		row, err = certificates.Get(tx, account, id)
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		return nil, missing(given)
	}
	return row, err
}

// edit changes a certificate of the caller's.
func (s *Service) edit(ctx context.Context, given string, change func(*store.Tx, *certificate) error) error {
	account, id, err := s.idOf(ctx, given)
	if err != nil {
		return err
	}
	err = s.update(ctx, account, id, change)
	if errors.Is(err, store.ErrNotFound) {
		err = missing(given)
	}
	return err
}

func (s *Service) update(ctx context.Context, account, id string, change func(*store.Tx, *certificate) error) error {
	return s.DB.Update(ctx, func(tx *store.Tx) error {
		row, err := certificates.Get(tx, account, id)
		if err != nil {
			return err
		}
		if err := change(tx, row); err != nil {
			return err
		}
		return certificates.Put(tx, row)
	})
}

// text and date are nil for what is not there.
func text(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func date(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}
