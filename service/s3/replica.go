package s3

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/garrison-cloud/garrison/internal/blob"
	"github.com/garrison-cloud/garrison/internal/blob/sealed"
	"github.com/garrison-cloud/garrison/internal/store"
	"github.com/garrison-cloud/garrison/internal/wire"
)

// bring puts the version into the destination under its own id, sealed anew there.
func (s *Service) bring(c *consignment) error {
	v := *c.version
	v.Bucket, v.Body = c.to.id(), body{}
	v.Replication = replication{Status: types.ReplicationStatusReplica}
	if class := c.rule.Destination.StorageClass; class != "" {
		v.Class, _ = storageClass(class) // it was checked when it was set
	}
	if c.to.aclsOff() || c.rule.Destination.AccessControlTranslation != nil {
		v.Owner, v.ACL = c.to.Account, nil
	}
	if v.Lock != (lock{}) && c.to.Lock == nil {
		return fmt.Errorf("%w: it is locked, and the destination has no object lock", errReplication)
	}
	there, err := c.there.has(c.destination, &v)
	if there || err != nil {
		return err
	}
	a := &arrival{bucket: c.to.bucket, version: &v, event: createdPut}
	if v.Marker {
		a.event = markerCreated
		return c.there.admit(c.destination, a)
	}
	if a.stored, err = s.reseal(c, &v); err != nil {
		return err
	}
	defer a.stored.release()
	return c.there.admit(c.destination, a)
}

// has tells whether a version is here already.
func (s *Service) has(ctx context.Context, v *version) (there bool, err error) {
	err = s.db.View(ctx, func(tx *store.Tx) error {
		_, err := versionOf(tx, v.Bucket, v.Key, v.name())
		there = err == nil
		if e := (*wire.Error)(nil); errors.As(err, &e) && e.Code == "NoSuchVersion" {
			return nil
		}
		return err
	})
	return there, err
}

// admit puts a replica among the versions of its key, where its age belongs. One that
// is here already arrives without effect.
func (s *Service) admit(ctx context.Context, a *arrival) error {
	v := a.version
	err := s.db.Update(ctx, func(tx *store.Tx) (err error) {
		if a.settings, err = openSettings(tx, a.bucket); err != nil {
			return err
		}
		if !a.settings.versioned() {
			return fmt.Errorf("%w: the destination keeps no versions", errReplication)
		}
		_, err = versionOf(tx, v.Bucket, v.Key, v.name())
		if err == nil {
			return nil
		}
		if e := (*wire.Error)(nil); !errors.As(err, &e) || e.Code != "NoSuchVersion" {
			return err
		}
		old, err := newest(tx, v.Bucket, v.Key)
		if err != nil {
			return err
		}
		if old == nil || v.Order > old.Order {
			if _, err := s.makeRoom(tx, v, old); err != nil {
				return err
			}
			return s.arrive(tx, a)
		}
		return s.arriveBehind(tx, a, old)
	})
	if err == nil {
		s.changed()
	}
	return err
}

// arriveBehind writes a version that is older than the newest.
func (s *Service) arriveBehind(tx *store.Tx, a *arrival, newest *version) error {
	v := a.version
	for v.Order = min(v.Order, newest.Order-1); ; v.Order-- {
		_, err := versions.Get(tx, v.Bucket, v.Key, -v.Order)
		if errors.Is(err, store.ErrNotFound) {
			break
		}
		if err != nil {
			return err
		}
	}
	if err := versions.Add(tx, v); err != nil {
		return err
	}
	if a.stored != nil {
		if err := a.stored.keep(tx); err != nil {
			return err
		}
	}
	return s.notify(tx, &happening{bucket: a.bucket, settings: a.settings, version: v, name: a.event})
}

// reseal opens the version's bytes here by the role and has the destination seal them
// under a secret of its own. What a customer's key keeps is taken as it is.
func (s *Service) reseal(c *consignment, v *version) (*stored, error) {
	if v.Sealing.Customer != nil {
		return s.takeSealed(c, v)
	}
	open, err := s.open(c.source, c.from.Name, c.version, customerKey{})
	if err != nil {
		return nil, err
	}
	g := &gotten{held: c.from, version: c.version, parts: c.parts, secrets: open, span: span{n: v.Size}}
	r, err := s.read(c.source, g)
	if err != nil {
		return nil, err
	}
	defer r.Close() //nolint:errcheck // it is only read
	q, secrets, err := c.there.sealReplica(c)
	if err != nil {
		return nil, err
	}
	b, err := c.there.take(c.destination, &upload{from: r, size: v.Size, claim: claim{algorithm: v.Checksum.Algorithm}, secrets: secrets})
	if err != nil {
		return nil, err
	}
	if v.Checksum.Type == types.ChecksumTypeFullObject && b.sum.Value != v.Checksum.Value {
		b.release()
		return nil, fmt.Errorf("%w: its bytes are not those of its checksum", errReplication)
	}
	v.Body, v.Sealing = b.body, *q
	return b, nil
}

// sealReplica makes a secret for the replica. KMS is asked by the role, in this Region.
func (s *Service) sealReplica(c *consignment) (*sealing, *secrets, error) {
	of := &c.version.Sealing
	secret := newSecret()
	if !of.byKMS() {
		return &sealing{Algorithm: types.ServerSideEncryptionAes256, Secret: secret}, &secrets{inner: secret}, nil
	}
	if !takesKMS(c.rule) {
		return nil, nil, fmt.Errorf("%w: its rule takes no objects that KMS has a part in", errReplication)
	}
	out, err := s.kms.Encrypt(c.destination, &kms.EncryptInput{
		KeyId: c.rule.Destination.EncryptionConfiguration.ReplicaKmsKeyID, Plaintext: secret,
		EncryptionContext: withARN(of.Context, objectARN(c.to.Name, c.version.Key)),
	})
	if err != nil {
		return nil, nil, keyError(err)
	}
	q := &sealing{Algorithm: of.Algorithm, Wrapped: out.CiphertextBlob, KeyARN: *out.KeyId, Context: of.Context}
	open := &secrets{inner: secret}
	if of.Algorithm == types.ServerSideEncryptionAwsKmsDsse {
		q.Outer = newSecret()
		open.outer = q.Outer
	}
	return q, open, nil
}

// takeSealed copies sealed bytes, which only the customer's key opens. Their keys are
// derived of the name that the body had when it was sealed, which goes with it.
func (s *Service) takeSealed(c *consignment, v *version) (_ *stored, err error) {
	b := c.version.Body
	if b.Parts > 0 {
		return nil, fmt.Errorf("%w: it was uploaded in parts under a customer's key", errReplication)
	}
	out := &stored{depot: c.there.depot}
	if b.ID.IsZero() {
		return out, nil
	}
	if b.Inline {
		v.Body = body{ID: blob.NewID(s.clock.Now()), Inline: true, Sealed: b.sealedAs()}
		out.body = v.Body
		return out, s.db.View(c.source, func(tx *store.Tx) error {
			row, err := inlines.Get(tx, b.ID[:])
			if err == nil {
				out.data = row.Data
			}
			return err
		})
	}
	r, err := s.depot.Open(c.source, b.ID, 0, sealed.Size(c.version.Size))
	if err != nil {
		return nil, err
	}
	defer r.Close() //nolint:errcheck // it is only read
	if out.draft, err = c.there.depot.Create(c.destination); err != nil {
		return nil, err
	}
	if _, err = io.Copy(out.draft, r); err == nil {
		err = out.draft.Commit()
	}
	if err != nil {
		out.release()
		return nil, err
	}
	v.Body = body{ID: out.draft.ID, Sealed: b.sealedAs()}
	out.body = v.Body
	return out, nil
}
