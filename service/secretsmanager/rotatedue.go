package secretsmanager

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/google/uuid"

	"github.com/garrison-cloud/garrison/internal/audit"
	"github.com/garrison-cloud/garrison/internal/jobs"
	"github.com/garrison-cloud/garrison/internal/store"
)

const (
	// maxRotations bounds how many functions rotate at a time.
	maxRotations = 8
	// rotationTries is how often a rotation is tried within its window, the first
	// retry being after a firstWait, and each of them after twice the time.
	rotationTries = 5
	// lostAfter is when a try counts as lost with its process: longer than four
	// functions can run.
	lostAfter = 65 * time.Minute
)

// Events keeps what the service does by itself.
type Events interface {
	Write(tx *store.Tx, e *audit.ServiceEvent) error
}

// record notes in the transaction what became of a rotation.
func (s *Service) record(tx *store.Tx, row *secret, name string, j *job) error {
	b, err := json.Marshal(map[string]string{"SecretId": row.arn(), "VersionId": j.Token})
	if err != nil {
		return err
	}
	if j.Test {
		name = "Test" + name
	}
	return s.events.Write(tx, &audit.ServiceEvent{
		Time: tx.Now(), Source: self, Name: name, Region: s.region, Account: row.Account,
		Resources: []audit.Resource{{ARN: row.arn(), Type: secretType, Account: row.Account}}, Details: b,
	})
}

// turnOn has a secret rotated by a function, by new rules if there are any.
func (s *secret) turnOn(function string, in *rules, now time.Time) error {
	if s.Rotation == nil {
		s.Rotation = &rotation{}
	}
	s.Rotation.Enabled, s.Rotation.Function = true, function
	return s.Rotation.plan(in, now)
}

// begin starts a rotation, or the test of a function on a trial version. AWSPENDING
// names a version that the function has yet to make.
func (s *Service) begin(tx *store.Tx, row *secret, j *job, trial *version) error {
	j.Begun, j.At = tx.Now(), tx.Now()
	row.Rotation.Job = j
	_, err := row.version(tx, j.Token)
	switch {
	case err == nil && row.Stages[staged] != j.Token:
		return invalidRequest("You can't rotate to version " + j.Token + " because the secret has a version of that id.")
	case err != nil && !errors.Is(err, store.ErrNotFound):
		return err
	}
	row.attach(staged, j.Token)
	if trial != nil {
		if err := versions.Insert(tx, trial); err != nil {
			return err
		}
		row.Versions++
	}
	return s.record(tx, row, "RotationStarted", j)
}

func (s *Service) wakeRotations() { s.turner.Wake() }

// rotateAlways rotates what is due, several secrets at a time.
func (s *Service) rotateAlways(ctx context.Context) error {
	s.turns.SetLimit(maxRotations)
	err := s.turner.Run(ctx)
	return errors.Join(err, s.turns.Wait())
}

// rotations start what is due.
func (s *Service) rotations() jobs.Job {
	return jobs.Duty[secret]{
		DB: s.db, Clock: s.clock, Table: secrets, Index: "rotation", At: (*secret).rotationDue,
		Do: func(ctx context.Context, row *secret) error {
			taken, err := s.take(ctx, row)
			if taken != nil {
				s.turns.Go(func() error { return s.turn(ctx, taken) })
			}
			return err
		},
	}.Job()
}

// take claims one try of a rotation that is due; nil where none is any more. What a
// schedule makes due goes on with what an earlier rotation has left.
func (s *Service) take(ctx context.Context, due *secret) (taken *secret, err error) {
	err = s.db.Update(ctx, func(tx *store.Tx) error {
		taken = nil
		row, err := secrets.Get(tx, due.Account, due.Name)
		if errors.Is(err, store.ErrNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		if at := row.rotationDue(); at.IsZero() || tx.Now().Before(at) {
			return nil
		}
		if done, err := s.overtaken(tx, row); done || err != nil {
			return err
		}
		if row.Rotation.Job == nil {
			if err := s.beginDue(tx, row); err != nil {
				return err
			}
		}
		row.Rotation.Job.Tries++
		row.Rotation.Job.At = tx.Now().Add(lostAfter)
		taken = row
		return secrets.Put(tx, row)
	})
	return taken, err
}

// overtaken ends a rotation whose version has become current in a try that nobody
// saw the end of, or whose AWSPENDING somebody has taken away.
func (s *Service) overtaken(tx *store.Tx, row *secret) (bool, error) {
	j := row.Rotation.Job
	switch {
	case j == nil:
		return false, nil
	case !j.Test && row.Stages[current] == j.Token:
		if err := s.end(tx, row, true); err != nil {
			return true, err
		}
	case row.Stages[staged] != j.Token:
		row.Rotation.Job = nil
	default:
		return false, nil
	}
	return true, secrets.Put(tx, row)
}

func (s *Service) beginDue(tx *store.Tx, row *secret) error {
	if err := row.Rotation.schedule(tx.Now()); err != nil {
		return err
	}
	token, left := row.Stages[staged]
	if !left || token == row.Stages[current] {
		token = uuid.NewString()
	}
	row.Changed = tx.Now()
	if err := s.begin(tx, row, &job{Token: token, Proof: uuid.NewString()}, nil); err != nil {
		return err
	}
	return row.tell(tx, &telling{})
}
