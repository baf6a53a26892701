package kms

import (
	"fmt"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"github.com/garrison-cloud/garrison/internal/relay"
	"github.com/garrison-cloud/garrison/internal/store"
)

// relayTopic is under which the Regions' KMS speak to each other.
const relayTopic = "kms"

// A Relay carries messages to the other Regions.
type Relay interface {
	// Handle names who takes the messages of a topic.
	Handle(topic string, h relay.Handler)
	// Knows tells whether a Region can be reached at all.
	Knows(region string) bool
}

// A letter is a message between relatives: one of its kinds.
type letter struct {
	Account string `cbor:"1,keyasint"`
	KeyID   string `cbor:"2,keyasint"`
	// Shared is the primary's, about what all relatives have in common.
	Shared *shared `cbor:"3,keyasint,omitempty"`
	// Installed is a replica's: it has the material of that id.
	Installed string `cbor:"4,keyasint,omitempty"`
	// Removed is a replica's last: it is gone.
	Removed bool `cbor:"5,keyasint,omitempty"`
}

// shared is what relatives have in common.
type shared struct {
	Multi       multi        `cbor:"1,keyasint"`
	Rotation    *rotation    `cbor:"2,keyasint,omitempty"`
	Generations []generation `cbor:"3,keyasint,omitempty"`
	// Materials are those that the receiver may not have. Imported ones are not
	// sent: they are imported in each Region.
	Materials []material `cbor:"4,keyasint,omitempty"`
	// Replica is a key to be made.
	Replica *key `cbor:"5,keyasint,omitempty"`
}

// send puts a letter of the key into the transaction.
func (k *key) send(tx *store.Tx, region string, l letter) error {
	l.Account, l.KeyID = k.Account, k.ID
	b, err := store.Marshal(l)
	if err != nil {
		return fmt.Errorf("write to %s about key %s: %w", region, k.ID, err)
	}
	return relay.Send(tx, region, relayTopic, b)
}

// share tells the replicas, if there are any, what has changed.
func (k *key) share(tx *store.Tx, materials ...*material) error {
	if !k.Multi.waits(k.Region) {
		return nil
	}
	k.Multi.Version++
	return k.tell(tx, k.Multi.Replicas, materials...)
}

// tell sends what relatives share to the Regions.
func (k *key) tell(tx *store.Tx, regions []string, materials ...*material) error {
	sh, err := k.shared(tx, materials)
	if err != nil {
		return err
	}
	for _, r := range regions {
		if err := k.send(tx, r, letter{Shared: sh}); err != nil {
			return err
		}
	}
	return nil
}

func (k *key) shared(tx *store.Tx, materials []*material) (*shared, error) {
	h, err := k.history(tx)
	if err != nil {
		return nil, err
	}
	sh := &shared{Multi: *k.Multi, Rotation: k.Rotation}
	sh.Multi.Updating, sh.Multi.Installed = false, nil
	for _, g := range h {
		sh.Generations = append(sh.Generations, *g)
	}
	for _, m := range materials {
		sh.Materials = append(sh.Materials, *m)
	}
	return sh, nil
}

// replicate has the replica made in its Region, and tells the others of it.
func (k *key) replicate(tx *store.Tx, replica *key) error {
	k.Multi.Version++
	var materials []*material
	if k.origin() == types.OriginTypeAwsKms {
		rows, err := store.Collect(materialRows.Scan(tx, store.Range{Prefix: store.K(k.Account, k.ID)}))
		if err != nil {
			return err
		}
		materials = rows
	}
	sh, err := k.shared(tx, materials)
	if err != nil {
		return err
	}
	sh.Replica = replica
	if err := k.send(tx, replica.Region, letter{Shared: sh}); err != nil {
		return err
	}
	others := slices.DeleteFunc(slices.Clone(k.Multi.Replicas), func(r string) bool { return r == replica.Region })
	return k.tell(tx, others)
}

// receive applies another Region's letter. It may come about a key that is gone.
func (s *Service) receive(tx *store.Tx, m *relay.Message) error {
	var l letter
	if err := store.Unmarshal(m.Payload, &l); err != nil {
		return fmt.Errorf("read a letter about a key: %w", err)
	}
	k, err := keys.Get(tx, l.Account, l.KeyID)
	if unlessMissing(err) != nil {
		return err
	}
	switch {
	case l.Shared != nil && k == nil:
		return s.makeReplica(tx, l.Shared)
	case k == nil || k.Multi == nil:
		return nil
	case l.Shared != nil:
		return s.follow(tx, k, l.Shared)
	case !k.Multi.primary(s.region): // it was, when the letter was written
		return relay.Send(tx, k.Multi.Primary, relayTopic, m.Payload)
	}
	if l.Removed {
		return s.removed(tx, k, m.From)
	}
	return s.installed(tx, k, m.From, l.Installed)
}

// makeReplica makes the key that another Region's key was replicated to.
func (s *Service) makeReplica(tx *store.Tx, sh *shared) error {
	k := sh.Replica
	if k == nil || k.Region != s.region { // of a replica that is gone meanwhile
		return nil
	}
	k.Created, k.Multi = tx.Now(), &multi{}
	if err := s.record(tx, k, "CreateKey", map[string]string{"primaryKeyArn": k.arnIn(sh.Multi.Primary)}); err != nil {
		return err
	}
	return s.follow(tx, k, sh)
}

// follow makes a key like its primary, in what they share.
func (s *Service) follow(tx *store.Tx, k *key, sh *shared) error {
	if fresh := k.Multi.Primary == ""; !fresh && !sh.Multi.after(k.Multi) {
		return nil
	}
	heir := sh.Multi.Primary == s.region
	k.Multi, k.Rotation = &sh.Multi, sh.Rotation
	for i := range sh.Materials {
		if err := materialRows.Put(tx, &sh.Materials[i]); err != nil {
			return err
		}
	}
	if err := k.inherit(tx, sh.Generations); err != nil {
		return err
	}
	if heir {
		if err := k.takeOver(tx); err != nil {
			return err
		}
	} else if err := k.acknowledge(tx); err != nil {
		return err
	}
	if err := s.record(tx, k, "SynchronizeMultiRegionKey", map[string]string{"primaryKeyArn": k.arnIn(sh.Multi.Primary)}); err != nil {
		return err
	}
	return keys.Put(tx, k)
}

// inherit takes the primary's generations. Of imported material it keeps what
// was imported here.
func (k *key) inherit(tx *store.Tx, theirs []generation) error {
	mine, err := store.Collect(generations.Scan(tx, store.Range{Prefix: store.K(k.Account, k.ID)}))
	if err != nil {
		return err
	}
	var h history
	for i := range theirs {
		g := &theirs[i]
		if k.origin() == types.OriginTypeExternal {
			g.Absent, g.Expires = true, time.Time{}
			if old := history(mine).find(g.MaterialID); old != nil {
				g.Absent, g.Expires = old.Absent, old.Expires
			}
		}
		h = append(h, g)
	}
	for _, old := range mine {
		if h.find(old.MaterialID) != nil {
			continue
		}
		if err := materialRows.Drop(tx, k.Account, k.ID, old.MaterialID); err != nil {
			return err
		}
		if err := generations.Delete(tx, k.Account, k.ID, old.Seq); err != nil {
			return err
		}
	}
	if err := h.put(tx, k); err != nil {
		return err
	}
	if len(h) == 0 && k.origin() == types.OriginTypeExternal {
		k.Awaited = 1
	}
	return nil
}

// acknowledge tells the primary that this Region has the material it waits for.
func (k *key) acknowledge(tx *store.Tx) error {
	h, err := k.history(tx)
	if err != nil {
		return err
	}
	if g := h.waiting(); g != nil && !g.Absent {
		return k.send(tx, k.Multi.Primary, letter{Installed: g.MaterialID})
	}
	return nil
}

// takeOver makes the key the primary that all others heard it is.
func (k *key) takeOver(tx *store.Tx) error {
	if !k.DeletionAt.IsZero() { // a primary outlives its replicas
		days := min(maxWindow, max(1, k.DeletionAt.Sub(tx.Now())/day))
		k.Window, k.DeletionAt = int32(days), time.Time{}
	}
	h, err := k.history(tx)
	if err != nil {
		return err
	}
	g := h.waiting()
	if g == nil || k.origin() == types.OriginTypeExternal {
		return k.share(tx)
	}
	m, err := materialRows.Get(tx, k.Account, k.ID, g.MaterialID)
	if err != nil {
		return err
	}
	return k.share(tx, m)
}

// installed notes that a replica has a material.
func (s *Service) installed(tx *store.Tx, k *key, region, materialID string) error {
	h, err := k.history(tx)
	if err != nil {
		return err
	}
	if g := h.waiting(); g == nil || g.MaterialID != materialID || slices.Contains(k.Multi.Installed, region) {
		return nil
	}
	k.Multi.Installed = append(k.Multi.Installed, region)
	return s.settleAndTell(tx, k)
}

// removed notes that a replica is gone.
func (s *Service) removed(tx *store.Tx, k *key, region string) error {
	gone := func(r string) bool { return r == region }
	k.Multi.Replicas = slices.DeleteFunc(k.Multi.Replicas, gone)
	k.Multi.Installed = slices.DeleteFunc(k.Multi.Installed, gone)
	if k.Window != 0 && len(k.Multi.Replicas) == 0 {
		k.leave(tx.Now(), k.Window)
	}
	return s.settleAndTell(tx, k)
}

func (s *Service) settleAndTell(tx *store.Tx, k *key) error {
	if err := s.settle(tx, k); err != nil {
		return err
	}
	if err := k.share(tx); err != nil {
		return err
	}
	return keys.Put(tx, k)
}
