package secretsmanager

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"

	"github.com/garrison-cloud/garrison/internal/authz"
	"github.com/garrison-cloud/garrison/internal/relay"
	"github.com/garrison-cloud/garrison/internal/store"
)

// relayTopic is under which the Regions' Secrets Managers speak to each other.
const relayTopic = "secretsmanager"

// A Relay carries messages to the other Regions.
type Relay interface {
	// Handle names who takes the messages of a topic.
	Handle(topic string, h relay.Handler)
	// Knows tells whether a Region can be reached at all.
	Knows(region string) bool
}

// A letter is a message between a primary and a replica: one of its kinds.
type letter struct {
	Account string `cbor:"1,keyasint"`
	Name    string `cbor:"2,keyasint"`
	Suffix  string `cbor:"3,keyasint"`
	Link    string `cbor:"4,keyasint"`
	// Value is the primary's; a Share that needs it comes after it.
	Value *sent `cbor:"5,keyasint,omitempty"`
	// Share is the primary's, about what the replica has in common with it.
	Share *share `cbor:"6,keyasint,omitempty"`
	// Removed is the primary's last: the replica shall go.
	Removed bool `cbor:"7,keyasint,omitempty"`
	// Report is the replica's, about how it is.
	Report *report `cbor:"8,keyasint,omitempty"`
	// Left is the replica's last: it stands alone now.
	Left bool `cbor:"9,keyasint,omitempty"`
}

// sent is a value on its way. It lies sealed in the outbox and in the receiver's
// store like every row, and is sealed on the wire; the receiver has its own KMS
// seal it and keeps only that.
type sent struct {
	ID      string    `cbor:"1,keyasint"`
	Created time.Time `cbor:"2,keyasint"`
	Binary  bool      `cbor:"3,keyasint,omitempty"`
	Bytes   []byte    `cbor:"4,keyasint"`
}

// share is what a replica has in common with its primary.
type share struct {
	Shared uint64 `cbor:"1,keyasint"`
	// Create is to make the replica, or to try again; Force, in the place of another
	// secret of its name.
	Create bool `cbor:"2,keyasint,omitempty"`
	Force  bool `cbor:"3,keyasint,omitempty"`
	// KMSKeyID counts with Create.
	KMSKeyID    string            `cbor:"4,keyasint,omitempty"`
	Description string            `cbor:"5,keyasint,omitempty"`
	Tags        map[string]string `cbor:"6,keyasint,omitempty"`
	Policy      string            `cbor:"7,keyasint,omitempty"`
	Created     time.Time         `cbor:"8,keyasint"`
	Changed     time.Time         `cbor:"9,keyasint"`
	Stages      map[string]string `cbor:"10,keyasint,omitempty"`
	Rotation    *rotation         `cbor:"11,keyasint,omitempty"`
	// By is who has given the values, or asked for the replica: on that caller's
	// behalf the replica's Region asks its KMS.
	By *authz.Principal `cbor:"12,keyasint,omitempty"`
}

// report is how a replica is.
type report struct {
	// Shared is what it is a report on; zero leaves Status as it was.
	Shared   uint64           `cbor:"1,keyasint,omitempty"`
	Status   types.StatusType `cbor:"2,keyasint,omitempty"`
	Message  string           `cbor:"3,keyasint,omitempty"`
	Accessed time.Time        `cbor:"4,keyasint,omitempty"`
	// KMSKeyID is the replica's new key.
	KMSKeyID *string `cbor:"5,keyasint,omitempty"`
}

// send puts a letter about the secret into the transaction.
func (s *secret) send(tx *store.Tx, region string, l letter) error {
	l.Account, l.Name, l.Suffix = s.Account, s.Name, s.Suffix
	b, err := store.Marshal(l)
	if err != nil {
		return fmt.Errorf("write to %s about %s: %w", region, s.arn(), err)
	}
	return relay.Send(tx, region, relayTopic, b)
}

// A telling is what a primary has to tell its replicas.
type telling struct {
	by     *authz.Principal
	values []sent
	// create has the replicas of these Regions made, or tried again.
	create []string
	force  bool
}

// tell sends what is new to all replicas; to none if there are none.
func (s *secret) tell(tx *store.Tx, t *telling) error {
	if len(s.Replicas) == 0 {
		return nil
	}
	s.Shared++
	for i := range s.Replicas {
		r := &s.Replicas[i]
		create := slices.Contains(t.create, r.Region)
		if len(t.create) > 0 && !create {
			continue // nothing is new for it
		}
		if err := s.tellOne(tx, r, t, create); err != nil {
			return err
		}
	}
	return nil
}

func (s *secret) tellOne(tx *store.Tx, r *replica, t *telling, create bool) error {
	for i := range t.values {
		if err := s.send(tx, r.Region, letter{Link: r.Link, Value: &t.values[i]}); err != nil {
			return err
		}
	}
	if create || len(t.values) > 0 && r.Status == types.StatusTypeInSync {
		r.Status, r.Message = types.StatusTypeInProgress, ""
	}
	if create || len(t.values) > 0 {
		r.Sent = s.Shared
	}
	sh := &share{
		Shared: s.Shared, Create: create, Force: t.force, KMSKeyID: r.KMSKeyID, Description: s.Description, Tags: s.Tags,
		Policy: s.Policy, Created: s.Created, Changed: s.Changed, Stages: s.Stages, Rotation: s.Rotation.shown(),
	}
	if create || len(t.values) > 0 {
		sh.By = t.by
	}
	return s.send(tx, r.Region, letter{Link: r.Link, Share: sh})
}

// receive applies another Region's letter. It may come about a secret that is gone,
// or has other relatives by now.
func (s *Service) receive(tx *store.Tx, m *relay.Message) error {
	var l letter
	if err := store.Unmarshal(m.Payload, &l); err != nil {
		return fmt.Errorf("read a letter about a secret: %w", err)
	}
	row, err := secrets.Get(tx, l.Account, l.Name)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return err
	}
	switch {
	case l.Value != nil:
		return arrived.Put(tx, &arrivedValue{Account: l.Account, Name: l.Name, Link: l.Link, sent: *l.Value})
	case l.Share != nil:
		return s.follow(tx, row, m.From, &l)
	case l.Removed:
		return s.part(tx, row, &l)
	}
	if row == nil || row.Suffix != l.Suffix || row.replicated() {
		return nil
	}
	r := row.replica(m.From)
	switch {
	case r == nil || r.Link != l.Link:
		return nil
	case l.Left:
		row.forget(m.From)
	case l.Report != nil:
		r.note(l.Report)
	}
	return secrets.Put(tx, row)
}

// note keeps what a replica says of itself. That it is in sync counts if it has
// followed the last letter with values.
func (r *replica) note(p *report) {
	if p.Status == types.StatusTypeFailed || p.Status == types.StatusTypeInSync && p.Shared >= r.Sent {
		r.Status, r.Message = p.Status, p.Message
	}
	if p.Accessed.After(r.Accessed) {
		r.Accessed = p.Accessed
	}
	if p.KMSKeyID != nil {
		r.KMSKeyID = *p.KMSKeyID
	}
}

// part removes the replica that the primary no longer wants, or what has arrived
// for it.
func (s *Service) part(tx *store.Tx, row *secret, l *letter) error {
	a, err := l.arrival(tx)
	if err != nil {
		return err
	}
	if a != nil && a.Link == l.Link {
		if err := a.drop(tx); err != nil {
			return err
		}
	}
	if row == nil || !row.linked(l.Link) {
		return nil
	}
	return destroy(tx, row)
}
