package kms

import (
	"context"
	"encoding/hex"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"github.com/garrison-cloud/garrison/internal/arn"
	"github.com/garrison-cloud/garrison/internal/authz"
	"github.com/garrison-cloud/garrison/internal/store"
	"github.com/garrison-cloud/garrison/internal/wire"
)

// A multi is what a multi-Region key knows of its relatives. The primary decides;
// Epoch counts the primaries there were, and Version what the newest has said, so
// that of two messages the later one counts in whichever order they come.
type multi struct {
	Primary  string   `cbor:"1,keyasint"`
	Replicas []string `cbor:"2,keyasint,omitempty"` // sorted
	// Updating tells that the new primary has not yet spoken.
	Updating bool   `cbor:"3,keyasint,omitempty"`
	Epoch    uint64 `cbor:"4,keyasint,omitempty"`
	Version  uint64 `cbor:"5,keyasint,omitempty"`
	// Installed are the replicas that have the material a rotation waits for; the
	// primary alone keeps them.
	Installed []string `cbor:"6,keyasint,omitempty"`
}

// primary tells that the key of a Region decides for itself: it is the primary,
// or has no relatives.
func (m *multi) primary(region string) bool { return m == nil || m.Primary == region }

// waits tells that the key of a Region is a primary that has replicas.
func (m *multi) waits(region string) bool {
	return m != nil && m.Primary == region && len(m.Replicas) > 0
}

// installed tells that every replica has the material that is waited for.
func (m *multi) installed() bool {
	return m == nil || !slices.ContainsFunc(m.Replicas, func(r string) bool { return !slices.Contains(m.Installed, r) })
}

// after tells that m was said later than of.
func (m *multi) after(of *multi) bool {
	return m.Epoch > of.Epoch || m.Epoch == of.Epoch && m.Version > of.Version
}

// newMultiID makes the id of a multi-Region key.
func newMultiID() string { return "mrk-" + hex.EncodeToString(random(16)) }

// arnIn is the ARN of the key's relative in a Region.
func (k *key) arnIn(region string) string { return arn.New("kms", region, k.Account, "key/"+k.ID) }

// configuration is the key's relatives as the API shows them.
func (k *key) configuration() *types.MultiRegionConfiguration {
	kin := func(region string) types.MultiRegionKey {
		return types.MultiRegionKey{Arn: aws.String(k.arnIn(region)), Region: aws.String(region)}
	}
	c := &types.MultiRegionConfiguration{MultiRegionKeyType: k.multiType(), ReplicaKeys: []types.MultiRegionKey{}}
	primary := kin(k.Multi.Primary)
	c.PrimaryKey = &primary
	for _, r := range k.Multi.Replicas {
		c.ReplicaKeys = append(c.ReplicaKeys, kin(r))
	}
	return c
}

func (k *key) multiType() types.MultiRegionKeyType {
	if k.Multi.primary(k.Region) {
		return types.MultiRegionKeyTypePrimary
	}
	return types.MultiRegionKeyTypeReplica
}

// ReplicateKey makes a replica of a primary in another Region. It answers when
// the replica is certain to be made; it can be used a moment later.
func (s *Service) ReplicateKey(ctx context.Context, in *kms.ReplicateKeyInput) (*kms.ReplicateKeyOutput, error) {
	tags, err := newTags(in.Tags)
	if err != nil {
		return nil, err
	}
	region := *in.ReplicaRegion
	replica := &key{Region: region, Description: aws.ToString(in.Description), Policy: aws.ToString(in.Policy), Tags: tags}
	k, err := s.edit(ctx, in.KeyId, func(tx *store.Tx, k *key) error {
		if err := s.replicable(k, region); err != nil {
			return err
		}
		replica.become(k)
		if replica.Policy != "" {
			if err := checkPolicy(ctx, replica, replica.Policy, in.BypassPolicyLockoutSafetyCheck); err != nil {
				return err
			}
		}
		k.Multi.Replicas = slices.Sorted(slices.Values(append(k.Multi.Replicas, region)))
		return k.replicate(tx, replica)
	})
	if err != nil {
		return nil, err
	}
	replica.Multi = k.Multi
	d := replica.metadata()
	d.KeyState, d.Enabled, d.CreationDate = types.KeyStateCreating, false, aws.Time(s.clock.Now())
	return &kms.ReplicateKeyOutput{ReplicaKeyMetadata: d, ReplicaPolicy: aws.String(replica.policy()), ReplicaTags: in.Tags}, nil
}

// become makes r a replica of k, as far as relatives are alike.
func (r *key) become(k *key) {
	r.Account, r.ID, r.Spec, r.Usage, r.Origin, r.MaterialID = k.Account, k.ID, k.Spec, k.Usage, k.Origin, k.MaterialID
}

// decides refuses a key that is no primary, or in no state to act as one. While the
// primary Region is updated nobody can tell which key is.
func (k *key) decides() error {
	if err := k.refuse(types.KeyStateUpdating); err != nil {
		return err
	}
	if k.Multi == nil || !k.Multi.primary(k.Region) {
		return unsupported("%s is not a multi-Region primary key.", k.arn())
	}
	return k.refuse(types.KeyStateDisabled, types.KeyStatePendingDeletion, types.KeyStatePendingReplicaDeletion)
}

// replicable refuses a key that cannot have a replica in the Region.
func (s *Service) replicable(k *key, region string) error {
	if err := k.decides(); err != nil {
		return err
	}
	switch {
	case region == k.Region || slices.Contains(k.Multi.Replicas, region):
		return &types.AlreadyExistsException{Message: aws.String("Key " + k.arnIn(region) + " already exists.")}
	case arn.Partition(region) != arn.Partition(k.Region) || !s.relay.Knows(region):
		return unsupported("The Region %s is not served here.", region)
	}
	return nil
}

// UpdatePrimaryRegion makes a replica the primary, and the primary a replica.
func (s *Service) UpdatePrimaryRegion(ctx context.Context, in *kms.UpdatePrimaryRegionInput) (*kms.UpdatePrimaryRegionOutput, error) {
	region := *in.PrimaryRegion
	_, err := s.edit(ctx, in.KeyId, func(tx *store.Tx, k *key) error {
		if err := k.decides(); err != nil {
			return err
		}
		if region == k.Region {
			return unsupported("%s is the primary key already.", k.arn())
		}
		if !slices.Contains(k.Multi.Replicas, region) {
			return notFound("Key '%s' does not exist", k.arnIn(region))
		}
		return k.handOver(tx, region)
	})
	if err != nil {
		return nil, err
	}
	s.wake()
	return &kms.UpdatePrimaryRegionOutput{}, nil
}

// handOver tells all relatives who decides from now on.
func (k *key) handOver(tx *store.Tx, region string) error {
	m := k.Multi
	heirs := slices.Clone(m.Replicas)
	m.Replicas = slices.DeleteFunc(append(m.Replicas, k.Region), func(r string) bool { return r == region })
	slices.Sort(m.Replicas)
	m.Primary, m.Updating, m.Installed = region, true, nil
	m.Epoch, m.Version = m.Epoch+1, 0
	return k.tell(tx, heirs)
}

// onReplicateKey asks about the primary, and about making a key in the other
// Region. That key is not there yet, so that IAM alone decides of it.
func (s *Service) onReplicateKey(ctx context.Context, in *kms.ReplicateKeyInput) (t authz.Target, err error) {
	values := append(tagConditions(in.Tags), set("kms:replicaregion", *in.ReplicaRegion),
		boolSetting("kms:bypasspolicylockoutsafetycheck", in.BypassPolicyLockoutSafetyCheck))
	if t, err = s.onOwnKey(ctx, in.KeyId, values...); err != nil {
		return t, err
	}
	there := s.onAny(ctx, append(values, set("aws:requestedregion", *in.ReplicaRegion))...)
	there.Action = "kms:CreateKey"
	t.And = []authz.Target{there}
	if len(in.Tags) > 0 {
		there.Action = "kms:TagResource"
		there.Resource = arn.New("kms", *in.ReplicaRegion, wire.CallFrom(ctx).Account(), "key/*")
		t.And = append(t.And, there)
	}
	return t, nil
}

// onUpdatePrimaryRegion asks about both keys. The replica's own policy is in its
// own Region: here IAM decides of it.
func (s *Service) onUpdatePrimaryRegion(ctx context.Context, in *kms.UpdatePrimaryRegionInput) (t authz.Target, err error) {
	primary := set("kms:primaryregion", *in.PrimaryRegion)
	if t, err = s.onOwnKey(ctx, in.KeyId, primary); err != nil || t.Missing != nil {
		return t, err
	}
	there := s.onAny(ctx, primary, set("aws:requestedregion", *in.PrimaryRegion))
	there.Action = "kms:UpdatePrimaryRegion"
	r, err := s.parseKey(ctx, *in.KeyId)
	there.Resource = arn.New("kms", *in.PrimaryRegion, r.account, "key/"+r.id)
	t.And = []authz.Target{there}
	return t, err
}
