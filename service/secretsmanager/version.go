package secretsmanager

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"

	"github.com/garrison-cloud/garrison/internal/page"
	"github.com/garrison-cloud/garrison/internal/store"
	"github.com/garrison-cloud/garrison/internal/wire"
)

// The staging labels that Secrets Manager itself attaches, and how many labels
// and versions a secret may have (Secrets Manager User Guide, "Quotas"). AWS gives
// the quota of versions as "about 100" beside those of the last day; maxVersions
// is what one new version every ten minutes needs.
const (
	current      = "AWSCURRENT"
	previous     = "AWSPREVIOUS"
	staged       = "AWSPENDING"
	maxLabels    = 20
	keptVersions = 100
	maxVersions  = 150
	day          = 24 * time.Hour
)

// attach moves a label to a version. The version that AWSCURRENT leaves becomes
// AWSPREVIOUS (Secrets Manager API Reference, UpdateSecretVersionStage).
func (s *secret) attach(label, id string) {
	if s.Stages == nil {
		s.Stages = map[string]string{}
	}
	before, attached := s.Stages[label]
	s.Stages[label] = id
	if label == current && attached && before != id {
		s.Stages[previous] = before
	}
}

// prune deletes the oldest deprecated versions beyond the newest keptVersions,
// unless they were made within a day.
func (s *secret) prune(tx *store.Tx) error {
	if s.Versions <= keptVersions {
		return nil
	}
	inUse := map[string]bool{}
	for _, id := range s.Stages {
		inUse[id] = true
	}
	var old []*version
	for v, err := range versions.Scan(tx, store.Range{Prefix: s.own()}) {
		if err != nil {
			return err
		}
		if !inUse[v.ID] && !v.Created.After(tx.Now().Add(-day)) {
			old = append(old, &version{ID: v.ID, Created: v.Created})
		}
	}
	slices.SortFunc(old, func(a, b *version) int { return a.Created.Compare(b.Created) })
	for _, v := range old[:min(len(old), s.Versions-keptVersions)] {
		if err := versions.Drop(tx, s.Account, s.Name, s.Suffix, v.ID); err != nil {
			return err
		}
		s.Versions--
	}
	if s.Versions > maxVersions {
		return limitExceeded("The secret has reached the maximum number of versions.")
	}
	return nil
}

// UpdateSecretVersionStage attaches a label to a version, moves it or takes it away.
func (s *Service) UpdateSecretVersionStage(ctx context.Context, in *secretsmanager.UpdateSecretVersionStageInput) (*secretsmanager.UpdateSecretVersionStageOutput, error) {
	row, err := retry(func() (*secret, error) { return s.moveLabel(ctx, in) })
	if err != nil {
		return nil, err
	}
	return &secretsmanager.UpdateSecretVersionStageOutput{ARN: aws.String(row.arn()), Name: &row.Name}, nil
}

// moveLabel moves a label, and has replicas do so. They have the versions that are
// in use; another they are sent.
func (s *Service) moveLabel(ctx context.Context, in *secretsmanager.UpdateSecretVersionStageInput) (*secret, error) {
	t := &telling{by: wire.CallFrom(ctx).Principal}
	was, err := s.active(ctx, in.SecretId)
	if err != nil {
		return nil, err
	}
	if to := in.MoveToVersionId; to != nil && len(was.Replicas) > 0 && was.labels(*to) == nil {
		v, err := s.opened(ctx, was, *to)
		if errors.Is(err, errMoved) {
			return nil, noVersion(*to)
		}
		if err != nil {
			return nil, err
		}
		t.values = append(t.values, *v)
	}
	return s.edit(ctx, in.SecretId, func(tx *store.Tx, row *secret) error {
		if err := row.move(tx, *in.VersionStage, in.RemoveFromVersionId, in.MoveToVersionId); err != nil {
			return err
		}
		if len(was.Replicas) == 0 && len(row.Replicas) > 0 {
			return errMoved
		}
		return row.tell(tx, t)
	})
}

func (s *secret) move(tx *store.Tx, label string, from, to *string) error {
	if err := s.checkLeaves(label, from, to); err != nil {
		return err
	}
	if to == nil {
		delete(s.Stages, label)
		return nil
	}
	if _, err := s.version(tx, *to); errors.Is(err, store.ErrNotFound) {
		return noVersion(*to)
	} else if err != nil {
		return err
	}
	s.attach(label, *to)
	if len(s.Stages) > maxLabels {
		return limitExceeded("You can't attach more than %d staging labels to the versions of a secret.", maxLabels)
	}
	return nil
}

// checkLeaves holds the caller to name the version that a label leaves.
func (s *secret) checkLeaves(label string, from, to *string) error {
	on, attached := s.Stages[label]
	switch {
	case from == nil && to == nil:
		return invalidParameter("You must specify RemoveFromVersionId, MoveToVersionId or both.")
	case to == nil && label == current:
		return invalidParameter("You can only move staging label %s to a different secret version. It can't be completely removed.", current)
	case from != nil && (!attached || on != *from):
		return invalidParameter("When you move staging label %s, if you specify RemoveFromVersionId, it must be set to the version that currently has the staging label %s.", label, label)
	case from == nil && attached && on != *to:
		return invalidParameter("The parameter RemoveFromVersionId can't be empty. Staging label %s is currently attached to version %s, so you must explicitly reference that version in RemoveFromVersionId.", label, on)
	}
	return nil
}

const versionsToken = "secretsmanager.ListSecretVersionIds"

// ListSecretVersionIds lists versions by their ids.
func (s *Service) ListSecretVersionIds(ctx context.Context, in *secretsmanager.ListSecretVersionIdsInput) (*secretsmanager.ListSecretVersionIdsOutput, error) {
	after, err := position(versionsToken, in.NextToken)
	if err != nil {
		return nil, err
	}
	out := &secretsmanager.ListSecretVersionIdsOutput{}
	r := s.authorized(ctx, *in.SecretId)
	err = s.db.View(ctx, func(tx *store.Tx) error {
		row, err := r.get(tx)
		if err != nil {
			return orMissing(err)
		}
		out.ARN, out.Name = aws.String(row.arn()), &row.Name
		out.Versions, out.NextToken = []types.SecretVersionsListEntry{}, nil
		return row.list(tx, in, after, out)
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

func (s *secret) list(tx *store.Tx, in *secretsmanager.ListSecretVersionIdsInput, after store.Key, out *secretsmanager.ListSecretVersionIdsOutput) error {
	limit := limitOf(in.MaxResults)
	for v, err := range versions.Scan(tx, store.Range{Prefix: s.own(), After: after}) {
		if err != nil {
			return err
		}
		labels := s.labels(v.ID)
		if labels == nil && !aws.ToBool(in.IncludeDeprecated) {
			continue
		}
		if len(out.Versions) == limit {
			last := *out.Versions[limit-1].VersionId
			out.NextToken = aws.String(page.Token(versionsToken, store.K(s.own(), last)))
			return nil
		}
		out.Versions = append(out.Versions, v.entry(labels))
	}
	return nil
}

func (v *version) entry(labels []string) types.SecretVersionsListEntry {
	e := types.SecretVersionsListEntry{VersionId: &v.ID, VersionStages: labels, CreatedDate: &v.Created, LastAccessedDate: date(v.Accessed)}
	for _, w := range v.Keys {
		if w.Default {
			e.KmsKeyIds = append(e.KmsKeyIds, "DefaultEncryptionKey")
		} else {
			e.KmsKeyIds = append(e.KmsKeyIds, w.KeyID)
		}
	}
	return e
}

// date is nil for what has not happened.
func date(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

const defaultPage = 100

// limitOf is the size of a page; the model bounds what is given.
func limitOf(given *int32) int {
	if given == nil {
		return defaultPage
	}
	return int(*given)
}

// position reads a NextToken of a list.
func position(kind string, token *string) (store.Key, error) {
	if token == nil {
		return nil, nil
	}
	at, err := page.Position(kind, *token)
	if err != nil {
		return nil, &types.InvalidNextTokenException{Message: aws.String("The NextToken is not valid.")}
	}
	return at, nil
}
