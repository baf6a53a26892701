package secretsmanager

import (
	"context"
	"errors"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
	"github.com/aws/smithy-go"

	"github.com/garrison-cloud/garrison/internal/authz"
	"github.com/garrison-cloud/garrison/internal/jobs"
	"github.com/garrison-cloud/garrison/internal/store"
	"github.com/garrison-cloud/garrison/internal/wire"
)

// How long a replica waits before it asks again a KMS that has refused: twice as
// long each time.
const (
	firstWait = time.Minute
	lastWait  = time.Hour
)

const self = "secretsmanager.amazonaws.com"

// onBehalf is ctx of a call that the service makes for a caller whose own call was
// answered before, in another Region: KMS decides as if the caller had made it.
func (s *Service) onBehalf(ctx context.Context, by *authz.Principal) context.Context {
	return wire.WithCall(ctx, &wire.Call{
		Facts:   authz.Facts{Principal: by, Region: s.region, SourceIP: self, UserAgent: self, Secure: true, Time: s.clock.Now()},
		Service: "secretsmanager",
	})
}

// settling seals what has arrived for replicas, and tries again what was refused.
func (s *Service) settling() jobs.Job {
	return jobs.Duty[arrival]{
		DB: s.db, Clock: s.clock, Table: arrivals, Index: "next",
		At: func(a *arrival) time.Time { return a.Next }, Do: s.settle,
	}.Job()
}

// settle seals the values of one arrival, and shows the replica.
func (s *Service) settle(ctx context.Context, a *arrival) error {
	row, values, err := s.arrivedFor(ctx, a)
	if err != nil {
		return err
	}
	ready, failure := s.sealAll(s.onBehalf(ctx, a.Share.By), row, values)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return s.db.Update(ctx, func(tx *store.Tx) error {
		now, err := arrivals.Get(tx, a.Account, a.Name)
		if errors.Is(err, store.ErrNotFound) || err == nil && (now.Link != a.Link || now.Share.Shared != a.Share.Shared) {
			return nil // another round sees to what has come meanwhile
		}
		if err != nil {
			return err
		}
		if failure != nil {
			return s.refused(tx, now, refusalOf(failure))
		}
		return s.appear(tx, row, now, ready)
	})
}

// arrivedFor reads the replica as it is or is to be, and the values it lacks.
func (s *Service) arrivedFor(ctx context.Context, a *arrival) (row *secret, values []*arrivedValue, err error) {
	err = s.db.View(ctx, func(tx *store.Tx) error {
		row, err = secrets.Get(tx, a.Account, a.Name)
		switch {
		case errors.Is(err, store.ErrNotFound) || err == nil && !row.linked(a.Link):
			row = &secret{Account: a.Account, Name: a.Name, Suffix: a.Suffix, Region: s.region, KMSKeyID: a.Share.KMSKeyID}
		case err != nil:
			return err
		}
		if values, err = a.values(tx); err != nil {
			return err
		}
		values, err = row.missing(tx, values)
		return err
	})
	return row, values, err
}

// sealAll has KMS seal values for the replica. Where there are none, it tries the
// key all the same.
func (s *Service) sealAll(ctx context.Context, row *secret, values []*arrivedValue) ([]*version, error) {
	if len(values) == 0 {
		return nil, s.checkKey(ctx, row)
	}
	out := make([]*version, 0, len(values))
	for _, v := range values {
		sealed, err := s.seal(ctx, row, v.ID, value{bytes: v.Bytes, binary: v.Binary})
		if err != nil {
			return nil, err
		}
		sealed.Created = v.Created
		out = append(out, sealed)
	}
	return out, nil
}

// refusalOf is what the primary is told of a refusal by KMS. What is no answer of
// KMS's is nobody's business.
func refusalOf(err error) string {
	var api smithy.APIError
	if !errors.As(err, &api) || api.ErrorFault() == smithy.FaultServer {
		return "An internal error occurred"
	}
	return api.ErrorMessage()
}

// refused plans another try, and tells the primary what is wrong, once.
func (s *Service) refused(tx *store.Tx, a *arrival, message string) error {
	a.Next = tx.Now().Add(min(firstWait<<min(a.Tries, 10), lastWait))
	a.Tries++
	if a.Refusal != message {
		a.Refusal = message
		if err := a.letter().answer(tx, s.region, a.Primary, &report{Status: types.StatusTypeFailed, Message: message}); err != nil {
			return err
		}
	}
	return arrivals.Put(tx, a)
}

// appear shows the replica with what was sealed for it as it was.
func (s *Service) appear(tx *store.Tx, was *secret, a *arrival, ready []*version) error {
	row, err := secrets.Get(tx, a.Account, a.Name)
	switch {
	case errors.Is(err, store.ErrNotFound):
		row = nil
	case err != nil:
		return err
	case !row.linked(a.Link):
		if done, err := s.makeRoom(tx, row, a); done || err != nil {
			return err
		}
		row = nil
	case row.KMSKeyID != was.KMSKeyID:
		return nil // sealed under another key than the replica has by now
	}
	if row == nil {
		row = &secret{
			Account: a.Account, Name: a.Name, Suffix: a.Suffix, Region: s.region, KMSKeyID: was.KMSKeyID,
			Created: a.Share.Created, Bond: &bond{Primary: a.Primary, Link: a.Link},
		}
	}
	row.mirror(a.Share)
	for _, v := range ready {
		if err := versions.Insert(tx, v); errors.Is(err, store.ErrExists) {
			continue
		} else if err != nil {
			return err
		}
		row.Versions++
	}
	if err := s.show(tx, row, a); err != nil {
		return err
	}
	return secrets.Put(tx, row)
}

// makeRoom removes the secret in whose place the replica is to be, or gives up the
// replica.
func (s *Service) makeRoom(tx *store.Tx, row *secret, a *arrival) (givenUp bool, err error) {
	if !row.gone(tx.Now()) && (!a.Share.Force || len(row.Replicas) > 0) {
		if err := a.drop(tx); err != nil {
			return true, err
		}
		return true, a.letter().answer(tx, s.region, a.Primary, &report{Status: types.StatusTypeFailed, Message: nameExists})
	}
	if b := row.Bond; b != nil {
		gone := &letter{Account: row.Account, Name: row.Name, Suffix: row.Suffix, Link: b.Link}
		if err := gone.answer(tx, s.region, b.Primary, &report{Status: types.StatusTypeFailed, Message: overwritten}); err != nil {
			return true, err
		}
	}
	return false, destroy(tx, row)
}
