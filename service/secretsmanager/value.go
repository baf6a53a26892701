package secretsmanager

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/garrison-cloud/garrison/internal/store"
	"github.com/garrison-cloud/garrison/internal/wire"
)

// maxValue bounds a secret value in bytes (Secrets Manager User Guide, "Quotas").
const maxValue = 65536

// A value is what a secret holds. It is not for logs or errors.
type value struct {
	bytes  []byte
	binary bool
}

// String keeps the value out of what is printed by mistake.
func (value) String() string { return "redacted" }

// newValue reads the value in a request; none is no error.
func newValue(text *string, binary []byte) (v value, given bool, err error) {
	switch {
	case text != nil && binary != nil:
		return v, false, invalidParameter("You can't specify both a binary secret value and a string secret value in the same secret.")
	case text != nil:
		v = value{bytes: []byte(*text)}
	case binary != nil:
		v = value{bytes: binary, binary: true}
	default:
		return v, false, nil
	}
	if len(v.bytes) > maxValue {
		return value{}, false, invalidParameter("The secret value must not be longer than %d bytes.", maxValue)
	}
	return v, true, nil
}

// text and blob are the value as an answer carries it: one of them is nil.
func (v value) text() *string {
	if v.binary {
		return nil
	}
	return aws.String(string(v.bytes))
}

func (v value) blob() []byte {
	if !v.binary {
		return nil
	}
	return v.bytes
}

// newVersionID reads the token that becomes a new version's id.
func newVersionID(token *string) (string, error) {
	if token == nil {
		return "", invalidRequest("You must provide a ClientRequestToken value. We recommend a UUID-type value.")
	}
	return *token, nil
}

// GetSecretValue opens a version of a secret for the caller.
func (s *Service) GetSecretValue(ctx context.Context, in *secretsmanager.GetSecretValueInput) (*secretsmanager.GetSecretValueOutput, error) {
	var row *secret
	var v *version
	r := s.authorized(ctx, *in.SecretId)
	err := s.db.View(ctx, func(tx *store.Tx) (err error) {
		if row, err = r.get(tx); err != nil {
			return orMissing(err)
		}
		if row.pending() {
			return markedForDeletion()
		}
		v, err = row.wanted(tx, aws.ToString(in.VersionId), aws.ToString(in.VersionStage))
		return err
	})
	if err != nil {
		return nil, err
	}
	plain, err := s.open(ctx, row, v)
	if err != nil {
		return nil, err
	}
	s.accessed(row, v)
	return &secretsmanager.GetSecretValueOutput{
		ARN: aws.String(row.arn()), Name: &row.Name, VersionId: &v.ID, VersionStages: row.labels(v.ID),
		SecretString: plain.text(), SecretBinary: plain.blob(), CreatedDate: &v.Created,
	}, nil
}

// wanted finds the version that an id, a staging label or both name.
func (s *secret) wanted(tx *store.Tx, id, label string) (*version, error) {
	if id == "" && label == "" {
		label = current
	}
	labeled, attached := s.Stages[label]
	switch {
	case id == "" && !attached:
		return nil, noLabel(label)
	case id == "":
		id = labeled
	}
	v, err := s.version(tx, id)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return nil, noVersion(id)
	case err != nil:
		return nil, err
	case label != "" && labeled != id:
		return nil, invalidRequest("You provided a VersionStage that is not associated to the provided VersionId.")
	}
	return v, nil
}

func noLabel(label string) error {
	return notFound("Secrets Manager can't find the specified secret value for staging label: %s", label)
}

func noVersion(id string) error {
	return notFound("Secrets Manager can't find the specified secret value for VersionId: %s", id)
}

// errMoved tells that a secret is no longer what a value was sealed for.
var errMoved = errors.New("the secret has changed meanwhile")

// maxTries bounds how often a value is sealed anew because its secret changed.
const maxTries = 8

// retry runs attempt until the secret holds still.
func retry[T any](attempt func() (T, error)) (out T, err error) {
	for range maxTries {
		if out, err = attempt(); !errors.Is(err, errMoved) {
			return out, err
		}
	}
	return out, fmt.Errorf("after %d tries: %w", maxTries, err)
}

// PutSecretValue adds a version to a secret. The same token with the same value
// does nothing.
func (s *Service) PutSecretValue(ctx context.Context, in *secretsmanager.PutSecretValueInput) (*secretsmanager.PutSecretValueOutput, error) {
	v, given, err := newValue(in.SecretString, in.SecretBinary)
	switch {
	case err != nil:
		return nil, err
	case !given:
		return nil, invalidRequest("You must provide either SecretString or SecretBinary.")
	}
	id, err := newVersionID(in.ClientRequestToken)
	if err != nil {
		return nil, err
	}
	row, err := retry(func() (*secret, error) { return s.put(ctx, in, id, v) })
	if err != nil {
		return nil, err
	}
	return &secretsmanager.PutSecretValueOutput{
		ARN: aws.String(row.arn()), Name: &row.Name, VersionId: &id, VersionStages: row.labels(id),
	}, nil
}

func (s *Service) put(ctx context.Context, in *secretsmanager.PutSecretValueInput, id string, v value) (*secret, error) {
	row, old, err := s.withVersion(ctx, in.SecretId, id)
	if err != nil {
		return nil, err
	}
	if in.RotationToken != nil {
		if err := row.proven(id, *in.RotationToken); err != nil {
			return nil, err
		}
	}
	if old != nil {
		return row, s.repeated(ctx, row, old, v)
	}
	sealed, err := s.seal(ctx, row, id, v)
	if err != nil {
		return nil, err
	}
	return s.edit(ctx, in.SecretId, func(tx *store.Tx, now *secret) error {
		if err := now.add(tx, row, sealed, in.VersionStages); err != nil {
			return err
		}
		if err := s.superseded(tx, now, id); err != nil {
			return err
		}
		return now.tell(tx, &telling{by: wire.CallFrom(ctx).Principal, values: []sent{*v.sent(sealed)}})
	})
}

// withVersion reads a secret and one of its versions, nil if there is none.
func (s *Service) withVersion(ctx context.Context, given *string, id string) (row *secret, v *version, err error) {
	r := s.authorized(ctx, *given)
	err = s.db.View(ctx, func(tx *store.Tx) (err error) {
		if row, err = r.get(tx); err != nil {
			return orMissing(err)
		}
		switch {
		case row.pending():
			return markedForDeletion()
		case row.replicated() && id != "":
			return onReplica()
		}
		if v, err = row.version(tx, id); errors.Is(err, store.ErrNotFound) {
			v, err = nil, nil
		}
		return err
	})
	return row, v, err
}

// repeated answers a token that is used again: what it made may not be changed.
func (s *Service) repeated(ctx context.Context, row *secret, old *version, v value) error {
	made, err := s.open(ctx, row, old)
	if err != nil {
		return err
	}
	if !made.same(v) {
		return tokenUsed(row, old.ID)
	}
	return nil
}

func tokenUsed(row *secret, id string) error {
	return exists("You can't use ClientRequestToken %s because that value is already in use for a version of secret %s.", id, row.arn())
}

// add stores a version that was sealed for the secret as it was, and attaches the
// labels; none means AWSCURRENT.
func (s *secret) add(tx *store.Tx, was *secret, v *version, labels []string) error {
	if s.Suffix != was.Suffix || s.KMSKeyID != was.KMSKeyID {
		return errMoved
	}
	if err := versions.Insert(tx, v); errors.Is(err, store.ErrExists) {
		return errMoved // the token is used by now: compare what it made
	} else if err != nil {
		return err
	}
	if len(labels) == 0 {
		labels = []string{current}
	}
	if s.Versions == 0 && !slices.Contains(labels, current) {
		labels = append(slices.Clone(labels), current)
	}
	s.Versions++
	for _, label := range labels {
		s.attach(label, v.ID)
	}
	if len(s.Stages) > maxLabels {
		return limitExceeded("You can't attach more than %d staging labels to the versions of a secret.", maxLabels)
	}
	return s.prune(tx)
}
