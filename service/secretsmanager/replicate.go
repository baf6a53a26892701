package secretsmanager

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"

	"github.com/garrison-cloud/garrison/internal/arn"
	"github.com/garrison-cloud/garrison/internal/authz"
	"github.com/garrison-cloud/garrison/internal/store"
	"github.com/garrison-cloud/garrison/internal/wire"
)

// newReplicas reads the Regions that a request wants replicas in.
func (s *Service) newReplicas(account string, regions []types.ReplicaRegionType) ([]replica, error) {
	var out []replica
	for _, r := range regions {
		region := aws.ToString(r.Region)
		switch {
		case region == s.region:
			return nil, invalidParameter("You can't replicate a secret to its own Region: %s.", region)
		case arn.Partition(region) != arn.Partition(s.region) || !s.relay.Knows(region):
			return nil, invalidParameter("Invalid replica region: %s.", region)
		case slices.ContainsFunc(out, func(o replica) bool { return o.Region == region }):
			return nil, invalidParameter("The Region %s is named more than once.", region)
		}
		key := aws.ToString(r.KmsKeyId)
		if key == defaultKey || key == arn.New("kms", region, account, defaultKey) {
			key = ""
		}
		out = append(out, replica{Region: region, KMSKeyID: key, Link: newLink()})
	}
	return out, nil
}

// ReplicateSecretToRegions makes replicas of a secret, or tries again to make those
// that have failed. It answers when they are certain to be tried.
func (s *Service) ReplicateSecretToRegions(ctx context.Context, in *secretsmanager.ReplicateSecretToRegionsInput) (*secretsmanager.ReplicateSecretToRegionsOutput, error) {
	fresh, err := s.newReplicas(s.parse(ctx, *in.SecretId).account, in.AddReplicaRegions)
	if err != nil {
		return nil, err
	}
	row, err := retry(func() (*secret, error) { return s.replicate(ctx, in, fresh) })
	if err != nil {
		return nil, err
	}
	return &secretsmanager.ReplicateSecretToRegionsOutput{ARN: aws.String(row.arn()), ReplicationStatus: row.replication()}, nil
}

func (s *Service) replicate(ctx context.Context, in *secretsmanager.ReplicateSecretToRegionsInput, fresh []replica) (*secret, error) {
	was, err := s.active(ctx, in.SecretId)
	if err != nil {
		return nil, err
	}
	if was.replicated() {
		return nil, onReplica()
	}
	values, err := s.labeled(ctx, was)
	if err != nil {
		return nil, err
	}
	return s.edit(ctx, in.SecretId, func(tx *store.Tx, row *secret) error {
		if row.Suffix != was.Suffix || !maps.Equal(row.Stages, was.Stages) {
			return errMoved
		}
		return row.extend(tx, fresh, &telling{by: wire.CallFrom(ctx).Principal, values: values, force: in.ForceOverwriteReplicaSecret})
	})
}

// labeled opens the versions in use for the caller.
func (s *Service) labeled(ctx context.Context, row *secret) ([]sent, error) {
	var out []sent
	for _, id := range slices.Compact(slices.Sorted(maps.Values(row.Stages))) {
		v, err := s.opened(ctx, row, id)
		if errors.Is(err, errMoved) && id == row.Stages[staged] {
			continue // a rotation has yet to make it
		}
		if err != nil {
			return nil, err
		}
		out = append(out, *v)
	}
	return out, nil
}

// opened opens one version for the caller.
func (s *Service) opened(ctx context.Context, row *secret, id string) (*sent, error) {
	v, err := s.stored(ctx, row, id)
	if err != nil {
		return nil, err
	}
	plain, err := s.open(ctx, row, v)
	if err != nil {
		return nil, err
	}
	return plain.sent(v), nil
}

// sent is the value of a version as it goes to replicas.
func (v value) sent(of *version) *sent {
	return &sent{ID: of.ID, Created: of.Created, Binary: v.binary, Bytes: v.bytes}
}

// extend adds replicas to those of a primary, and has them made. One that has
// failed is tried again, under the bond it has.
func (s *secret) extend(tx *store.Tx, fresh []replica, t *telling) error {
	for _, f := range fresh {
		old := s.replica(f.Region)
		t.create = append(t.create, f.Region)
		switch {
		case old == nil:
			s.Replicas = append(s.Replicas, f)
		case old.Status != types.StatusTypeFailed:
			return invalidParameter("The secret is already replicated to Region %s.", f.Region)
		default:
			old.KMSKeyID = f.KMSKeyID
		}
	}
	slices.SortFunc(s.Replicas, func(a, b replica) int { return strings.Compare(a.Region, b.Region) })
	return s.tell(tx, t)
}

// RemoveRegionsFromReplication deletes replicas. A Region that has none is no error.
func (s *Service) RemoveRegionsFromReplication(ctx context.Context, in *secretsmanager.RemoveRegionsFromReplicationInput) (*secretsmanager.RemoveRegionsFromReplicationOutput, error) {
	row, err := s.edit(ctx, in.SecretId, func(tx *store.Tx, row *secret) error {
		for _, region := range in.RemoveReplicaRegions {
			r := row.replica(region)
			if r == nil {
				continue
			}
			if err := row.send(tx, region, letter{Link: r.Link, Removed: true}); err != nil {
				return err
			}
			row.forget(region)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &secretsmanager.RemoveRegionsFromReplicationOutput{ARN: aws.String(row.arn()), ReplicationStatus: row.replication()}, nil
}

// StopReplicationToReplica makes a replica a secret of its own, as it is. What has
// arrived and is not sealed yet does not become part of it.
func (s *Service) StopReplicationToReplica(ctx context.Context, in *secretsmanager.StopReplicationToReplicaInput) (*secretsmanager.StopReplicationToReplicaOutput, error) {
	row, err := s.editReplica(ctx, in.SecretId, func(tx *store.Tx, row *secret) error {
		if !row.replicated() {
			return invalidParameter("The secret is not a replica: %s.", row.arn())
		}
		b := row.Bond
		row.Bond, row.Rotation, row.Shared = nil, nil, 0
		a, err := arrivals.Get(tx, row.Account, row.Name)
		if err == nil && a.Link == b.Link {
			err = a.drop(tx)
		}
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return err
		}
		return row.send(tx, b.Primary, letter{Link: b.Link, Left: true})
	})
	if err != nil {
		return nil, err
	}
	return &secretsmanager.StopReplicationToReplicaOutput{ARN: aws.String(row.arn())}, nil
}

func (s *Service) onReplicateSecretToRegions(ctx context.Context, in *secretsmanager.ReplicateSecretToRegionsInput) (authz.Target, error) {
	c := conditions{}.replicas(in.AddReplicaRegions)
	return s.on(ctx, in.SecretId, c.flag("forceoverwritereplicasecret", &in.ForceOverwriteReplicaSecret))
}

func (s *Service) onRemoveRegionsFromReplication(ctx context.Context, in *secretsmanager.RemoveRegionsFromReplicationInput) (authz.Target, error) {
	return s.on(ctx, in.SecretId, nil)
}

func (s *Service) onStopReplicationToReplica(ctx context.Context, in *secretsmanager.StopReplicationToReplicaInput) (authz.Target, error) {
	return s.on(ctx, in.SecretId, nil)
}

// replicas adds the Regions that replicas are asked for in.
func (c conditions) replicas(regions []types.ReplicaRegionType) conditions {
	for _, r := range regions {
		c["secretsmanager:addreplicaregions"] = append(c["secretsmanager:addreplicaregions"], aws.ToString(r.Region))
	}
	return c
}
