package secretsmanager

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"

	"github.com/garrison-cloud/garrison/internal/store"
)

// steps are what a rotation function is invoked for, in this order (Secrets
// Manager User Guide, "Lambda rotation functions").
func (j *job) steps() []string {
	if j.Test {
		return []string{"testSecret"}
	}
	return []string{"createSecret", "setSecret", "testSecret", "finishSecret"}
}

// A step is the event that a rotation function gets.
type step struct {
	Step               string
	SecretID           string `json:"SecretId"`
	ClientRequestToken string
	RotationToken      string
}

// turn runs one try: the steps, each after the last, until one fails.
func (s *Service) turn(ctx context.Context, row *secret) error {
	j := row.Rotation.Job
	good := true
	for _, name := range j.steps() {
		if good = s.invoke(ctx, row, name) && s.still(ctx, row); !good {
			break
		}
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	err := s.db.Update(ctx, func(tx *store.Tx) error {
		now, err := secrets.Get(tx, row.Account, row.Name)
		if errors.Is(err, store.ErrNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		if !now.runs(j) || now.Suffix != row.Suffix {
			return nil // it was called off
		}
		now.Changed = tx.Now()
		if err := s.end(tx, now, good && (j.Test || now.Stages[current] == j.Token)); err != nil {
			return err
		}
		return secrets.Put(tx, now)
	})
	s.wakeRotations()
	if errors.Is(err, store.ErrFull) {
		return nil // the try counts as lost, and is made again
	}
	return err
}

// invoke invokes the function for one step, and tells whether that went well. What
// went wrong is in the function's log, and why it could not be invoked in its event.
func (s *Service) invoke(ctx context.Context, row *secret, name string) bool {
	j := row.Rotation.Job
	b, err := json.Marshal(step{Step: name, SecretID: row.arn(), ClientRequestToken: j.Token, RotationToken: j.Proof})
	if err != nil {
		return false
	}
	out, err := s.functions.InvokeFor(ctx, row.arn(), &lambda.InvokeInput{FunctionName: aws.String(row.Rotation.Function), Payload: b})
	return err == nil && out.FunctionError == nil
}

// runs tells that a job is the one under way.
func (s *secret) runs(j *job) bool {
	return s.Rotation != nil && s.Rotation.Job != nil && s.Rotation.Job.Token == j.Token && s.Rotation.Job.Proof == j.Proof
}

// still tells that nobody has called the rotation off.
func (s *Service) still(ctx context.Context, row *secret) bool {
	going := false
	err := s.db.View(ctx, func(tx *store.Tx) error {
		now, err := secrets.Get(tx, row.Account, row.Name)
		going = err == nil && now.Suffix == row.Suffix && !now.pending() && now.runs(row.Rotation.Job)
		return nil
	})
	return err == nil && going
}

// end ends a try of the job under way: for good, or until the next.
func (s *Service) end(tx *store.Tx, row *secret, good bool) error {
	r := row.Rotation
	j := r.Job
	outcome := "RotationFailed"
	switch {
	case j.Test:
		r.Job = nil
		if err := row.dropTrial(tx, j.Token); err != nil {
			return err
		}
	case good:
		r.Job, r.Last = nil, tx.Now()
		delete(row.Stages, staged)
		if err := r.schedule(tx.Now()); err != nil {
			return err
		}
	case j.Tries >= rotationTries:
		r.Job = nil // the next window goes on with it
	default:
		j.At = tx.Now().Add(firstWait << (j.Tries - 1))
	}
	if good {
		outcome = "RotationSucceeded"
	}
	if err := s.record(tx, row, outcome, j); err != nil {
		return err
	}
	return row.tell(tx, &telling{})
}

// dropTrial removes the version that a function was tested on.
func (s *secret) dropTrial(tx *store.Tx, token string) error {
	if s.Stages[staged] == token {
		delete(s.Stages, staged)
	}
	if len(s.labels(token)) > 0 { // the function has made more of it
		return nil
	}
	if _, err := s.version(tx, token); errors.Is(err, store.ErrNotFound) {
		return nil
	} else if err != nil {
		return err
	}
	s.Versions--
	return versions.Drop(tx, s.Account, s.Name, s.Suffix, token)
}

// superseded ends the rotation under way where somebody has given the secret
// another value: that version shall not take its place (Secrets Manager User
// Guide, "RotationAbandoned").
func (s *Service) superseded(tx *store.Tx, row *secret, id string) error {
	r := row.Rotation
	if r == nil || row.Stages[current] != id || r.Job != nil && r.Job.Token == id {
		return nil
	}
	if j := r.Job; j != nil {
		r.Job = nil
		if row.Stages[staged] == j.Token {
			delete(row.Stages, staged)
		}
		if err := s.record(tx, row, "RotationAbandoned", j); err != nil {
			return err
		}
	}
	return r.renewed(tx.Now())
}
