package secretsmanager

import (
	"context"
	"errors"
	"maps"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/garrison-cloud/garrison/internal/store"
	"github.com/garrison-cloud/garrison/internal/wire"
)

// An update is what an UpdateSecret has made ready before it writes.
type update struct {
	was     *secret
	key     string
	rewraps map[string][]wrapped // by version id
	sealed  *version             // nil if no value was given
}

// UpdateSecret changes a secret's description, key and value. A token that has
// made a version already is refused.
func (s *Service) UpdateSecret(ctx context.Context, in *secretsmanager.UpdateSecretInput) (*secretsmanager.UpdateSecretOutput, error) {
	v, given, err := newValue(in.SecretString, in.SecretBinary)
	if err != nil {
		return nil, err
	}
	if aws.ToString(in.Type) != "" {
		return nil, notImplemented("Type")
	}
	id := ""
	if given {
		if id, err = newVersionID(in.ClientRequestToken); err != nil {
			return nil, err
		}
	}
	row, err := retry(func() (*secret, error) { return s.update(ctx, in, id, v) })
	if err != nil {
		return nil, err
	}
	return &secretsmanager.UpdateSecretOutput{ARN: aws.String(row.arn()), Name: &row.Name, VersionId: text(id)}, nil
}

func (s *Service) update(ctx context.Context, in *secretsmanager.UpdateSecretInput, id string, v value) (*secret, error) {
	row, old, err := s.withVersion(ctx, in.SecretId, id)
	if err != nil {
		return nil, err
	}
	if old != nil {
		return nil, tokenUsed(row, id)
	}
	u, err := s.prepare(ctx, row, in.KmsKeyId)
	if err != nil {
		return nil, err
	}
	if id != "" {
		if u.sealed, err = s.seal(ctx, u.want(), id, v); err != nil {
			return nil, err
		}
	}
	if row.replicated() {
		return s.updateReplica(ctx, in, u)
	}
	return s.edit(ctx, in.SecretId, func(tx *store.Tx, now *secret) error {
		if err := u.apply(tx, now); err != nil {
			return err
		}
		if in.Description != nil {
			now.Description = *in.Description
		}
		if u.sealed == nil {
			return nil
		}
		if err := s.superseded(tx, now, id); err != nil {
			return err
		}
		return now.tell(tx, &telling{by: wire.CallFrom(ctx).Principal, values: []sent{*v.sent(u.sealed)}})
	})
}

// updateReplica changes the one thing that a replica has for itself: its key
// (Secrets Manager User Guide, "Promote a replica secret to a standalone secret").
func (s *Service) updateReplica(ctx context.Context, in *secretsmanager.UpdateSecretInput, u *update) (*secret, error) {
	if in.Description != nil || in.KmsKeyId == nil {
		return nil, onReplica()
	}
	return s.editReplica(ctx, in.SecretId, func(tx *store.Tx, now *secret) error {
		switch {
		case now.pending():
			return markedForDeletion()
		case !now.replicated():
			return errMoved
		}
		if err := u.apply(tx, now); err != nil {
			return err
		}
		return now.send(tx, now.Bond.Primary, letter{Link: now.Bond.Link, Report: &report{KMSKeyID: &now.KMSKeyID}})
	})
}

// want is the secret under the key that it is to have.
func (u *update) want() *secret {
	row := *u.was
	row.KMSKeyID = u.key
	return &row
}

// prepare tries a new key, and seals the data keys of the versions in use under it.
func (s *Service) prepare(ctx context.Context, row *secret, key *string) (*update, error) {
	u := &update{was: row, key: row.KMSKeyID}
	if key == nil || s.normalKey(row.Account, key) == row.KMSKeyID {
		return u, nil
	}
	u.key = s.normalKey(row.Account, key)
	if err := s.checkKey(ctx, u.want()); err != nil {
		return nil, err
	}
	u.rewraps = map[string][]wrapped{}
	for _, label := range []string{current, staged, previous} {
		id, ok := row.Stages[label]
		if _, done := u.rewraps[id]; !ok || done {
			continue
		}
		v, err := s.stored(ctx, row, id)
		if errors.Is(err, errMoved) && label == staged {
			continue // a rotation has yet to make it
		}
		if err != nil {
			return nil, err
		}
		if u.rewraps[id], err = s.rewrap(ctx, u.want(), v); err != nil {
			return nil, err
		}
	}
	return u, nil
}

func (s *Service) stored(ctx context.Context, row *secret, id string) (*version, error) {
	var v *version
	err := s.db.View(ctx, func(tx *store.Tx) (err error) {
		v, err = row.version(tx, id)
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		return nil, errMoved
	}
	return v, err
}

// apply writes the update, if the secret is still the one that it was made for.
func (u *update) apply(tx *store.Tx, now *secret) error {
	if now.Suffix != u.was.Suffix || now.KMSKeyID != u.was.KMSKeyID {
		return errMoved
	}
	if u.rewraps != nil && !maps.Equal(now.Stages, u.was.Stages) {
		return errMoved // another version needs the new key by now
	}
	for id, keys := range u.rewraps {
		if keys == nil {
			continue // the caller may not, so the version keeps its keys
		}
		v, err := now.version(tx, id)
		if err != nil {
			return err
		}
		v.Keys = keys
		if err := versions.Put(tx, v); err != nil {
			return err
		}
	}
	now.KMSKeyID = u.key
	if u.sealed == nil {
		return nil
	}
	return now.add(tx, u.want(), u.sealed, nil)
}
