package secretsmanager

import (
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"

	"github.com/garrison-cloud/garrison/internal/store"
)

// An arrival is what a replica has heard and does not show yet, because values
// have to be sealed first. A name has one: that of the latest letter.
type arrival struct {
	Account string `cbor:"1,keyasint"`
	Name    string `cbor:"2,keyasint"`
	Suffix  string `cbor:"3,keyasint"`
	Primary string `cbor:"4,keyasint"`
	Link    string `cbor:"5,keyasint"`
	Share   *share `cbor:"6,keyasint"`
	// Tries counts what KMS has refused since the last letter, and Next is when to
	// try again.
	Tries   int       `cbor:"7,keyasint,omitempty"`
	Next    time.Time `cbor:"8,keyasint"`
	Refusal string    `cbor:"9,keyasint,omitempty"` // that the primary was told of
}

var arrivals = store.NewTable("secretsmanager.arrival",
	func(a *arrival) store.Key { return store.K(a.Account, a.Name) }, store.Unwatched[arrival](),
	store.Index("next", func(a *arrival) []store.Key { return []store.Key{store.K(a.Next)} }))

// An arrivedValue is a value that KMS has yet to seal.
type arrivedValue struct {
	Account string `cbor:"11,keyasint"`
	Name    string `cbor:"12,keyasint"`
	Link    string `cbor:"13,keyasint"`
	sent
}

var arrived = store.NewTable("secretsmanager.arrived",
	func(v *arrivedValue) store.Key { return store.K(v.Account, v.Name, v.Link, v.ID) }, store.Unwatched[arrivedValue]())

// arrival reads what has arrived under the letter's name, nil for nothing.
func (l *letter) arrival(tx *store.Tx) (*arrival, error) {
	a, err := arrivals.Get(tx, l.Account, l.Name)
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	return a, err
}

// values are those that have arrived for a replica.
func (a *arrival) values(tx *store.Tx) ([]*arrivedValue, error) {
	var out []*arrivedValue
	for v, err := range arrived.Scan(tx, store.Range{Prefix: store.K(a.Account, a.Name, a.Link)}) {
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	return out, nil
}

// drop forgets what has arrived.
func (a *arrival) drop(tx *store.Tx) error {
	if err := dropValues(tx, a.Account, a.Name, a.Link); err != nil {
		return err
	}
	if err := arrivals.Delete(tx, a.Account, a.Name); !errors.Is(err, store.ErrNotFound) {
		return err
	}
	return nil
}

func dropValues(tx *store.Tx, account, name, link string) error {
	values, err := (&arrival{Account: account, Name: name, Link: link}).values(tx)
	if err != nil {
		return err
	}
	for _, v := range values {
		if err := arrived.Drop(tx, account, name, link, v.ID); err != nil {
			return err
		}
	}
	return nil
}

const (
	nameExists  = "Secret with this name already exists in this region"
	overwritten = "The replica was overwritten by another secret of its name"
)

// follow makes a replica like its primary, or notes how it is to be as soon as its
// values are sealed. A policy and tags count at once: they may close what is open.
func (s *Service) follow(tx *store.Tx, row *secret, from string, l *letter) error {
	a, err := l.arrival(tx)
	if err != nil {
		return err
	}
	if row != nil && row.gone(tx.Now()) {
		if err := destroy(tx, row); err != nil {
			return err
		}
		row = nil
	}
	if !l.welcome(row, a) {
		if err := dropValues(tx, l.Account, l.Name, l.Link); err != nil || !l.Share.Create {
			return err
		}
		return l.answer(tx, s.region, from, &report{Shared: l.Share.Shared, Status: types.StatusTypeFailed, Message: nameExists})
	}
	if l.stale(row, a) {
		if a != nil {
			return nil // its values are the arrival's
		}
		return dropValues(tx, l.Account, l.Name, l.Link)
	}
	if a != nil && a.Link != l.Link {
		if err := s.giveWay(tx, a); err != nil {
			return err
		}
		a = nil
	}
	next := &arrival{Account: l.Account, Name: l.Name, Suffix: l.Suffix, Primary: from, Link: l.Link, Share: l.Share, Next: tx.Now()}
	next.inherit(a)
	if row == nil || !row.linked(l.Link) {
		return arrivals.Put(tx, next)
	}
	return s.settleKnown(tx, row, next)
}

// giveWay drops what has arrived for another primary, and tells that one.
func (s *Service) giveWay(tx *store.Tx, a *arrival) error {
	if err := a.drop(tx); err != nil {
		return err
	}
	return a.letter().answer(tx, s.region, a.Primary, &report{Status: types.StatusTypeFailed, Message: overwritten})
}

// letter is what an answer about the arrival refers to.
func (a *arrival) letter() *letter {
	return &letter{Account: a.Account, Name: a.Name, Suffix: a.Suffix, Link: a.Link}
}

// welcome tells whether there may be a replica as the letter says: it is there
// already, or there is room.
func (l *letter) welcome(row *secret, a *arrival) bool {
	if row != nil && row.linked(l.Link) || a != nil && a.Link == l.Link {
		return true
	}
	switch {
	case !l.Share.Create:
		return false // the replica is gone, or stands alone
	case a != nil && !l.Share.Force:
		return false
	case row == nil:
		return true
	}
	return l.Share.Force && len(row.Replicas) == 0
}

// stale tells that a later letter has come before.
func (l *letter) stale(row *secret, a *arrival) bool {
	return row != nil && row.linked(l.Link) && l.Share.Shared <= row.Bond.Shared ||
		a != nil && a.Link == l.Link && l.Share.Shared <= a.Share.Shared
}

// inherit keeps of an earlier letter what the later one does not repeat.
func (a *arrival) inherit(old *arrival) {
	if old == nil || a.Share.Create {
		return
	}
	a.Refusal = old.Refusal
	if a.Share.By == nil {
		a.Share.By = old.Share.By
	}
	a.Share.Create, a.Share.Force, a.Share.KMSKeyID = old.Share.Create, old.Share.Force, old.Share.KMSKeyID
}

// settleKnown changes a replica that is there: at once where nothing has to be
// sealed.
func (s *Service) settleKnown(tx *store.Tx, row *secret, a *arrival) error {
	row.mirror(a.Share)
	values, err := a.values(tx)
	if err != nil {
		return err
	}
	if len(values) > 0 {
		if err := secrets.Put(tx, row); err != nil {
			return err
		}
		return arrivals.Put(tx, a)
	}
	if err := s.show(tx, row, a); err != nil {
		return err
	}
	return secrets.Put(tx, row)
}

// mirror takes over what needs no sealing.
func (s *secret) mirror(sh *share) {
	s.Bond.Shared = sh.Shared
	s.Description, s.Tags, s.Policy, s.Changed, s.Rotation = sh.Description, sh.Tags, sh.Policy, sh.Changed, sh.Rotation
	if sh.Create {
		s.KMSKeyID = sh.KMSKeyID
	}
}

// show attaches the primary's labels to the replica's versions, all of which are
// there now, and reports that.
func (s *Service) show(tx *store.Tx, row *secret, a *arrival) error {
	row.Stages = maps.Clone(a.Share.Stages)
	for label, id := range row.Stages {
		if _, err := row.version(tx, id); errors.Is(err, store.ErrNotFound) {
			delete(row.Stages, label)
		} else if err != nil {
			return err
		}
	}
	if err := row.prune(tx); err != nil {
		if _, many := errors.AsType[*types.LimitExceededException](err); !many {
			return err
		}
	}
	if err := a.drop(tx); err != nil {
		return err
	}
	return a.letter().answer(tx, s.region, a.Primary, &report{Shared: a.Share.Shared, Status: types.StatusTypeInSync})
}

// answer reports to the primary in a Region.
func (l *letter) answer(tx *store.Tx, here, to string, p *report) error {
	row := &secret{Account: l.Account, Name: l.Name, Suffix: l.Suffix, Region: here}
	return row.send(tx, to, letter{Link: l.Link, Report: p})
}

// missing are the values that the replica does not have yet.
func (s *secret) missing(tx *store.Tx, values []*arrivedValue) ([]*arrivedValue, error) {
	var failed error
	return slices.DeleteFunc(values, func(v *arrivedValue) bool {
		_, err := s.version(tx, v.ID)
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			failed = err
		}
		return err == nil
	}), failed
}
