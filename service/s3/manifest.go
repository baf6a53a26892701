package s3

import (
	"context"
	"time"

	"github.com/garrison-cloud/garrison/internal/blob"
	"github.com/garrison-cloud/garrison/internal/store"
)

// manifestStep is how many parts one row of a manifest lists.
const manifestStep = 1000

// A manifest lists the parts of an object that was uploaded in parts, in rows of
// manifestStep each, under the object's body id.
type manifest struct {
	ID    blob.ID        `cbor:"1,keyasint"`
	Row   int            `cbor:"2,keyasint"`
	Parts []manifestPart `cbor:"3,keyasint"`
}

// A manifestPart is one part of an object.
type manifestPart struct {
	Number   int    `cbor:"1,keyasint"`
	Body     body   `cbor:"2,keyasint"`
	Size     int64  `cbor:"3,keyasint"`
	Checksum string `cbor:"4,keyasint,omitempty"`
}

// A discard is a manifest that no version names any more: its bodies are let go of by
// and by, because they may be more than one transaction can take.
type discard struct {
	ID blob.ID `cbor:"1,keyasint"`
}

var (
	manifests = store.NewTable("s3.manifest",
		func(m *manifest) store.Key { return store.K(m.ID[:], m.Row) }, store.Unwatched[manifest]())
	discarded = store.NewTable("s3.discarded",
		func(d *discard) store.Key { return store.K(d.ID[:]) }, store.Unwatched[discard]())
)

// partsOf reads an object's parts in order.
func partsOf(tx *store.Tx, id blob.ID) ([]manifestPart, error) {
	var out []manifestPart
	for m, err := range manifests.Scan(tx, store.Range{Prefix: store.K(id[:])}) {
		if err != nil {
			return nil, err
		}
		out = append(out, m.Parts...)
	}
	return out, nil
}

// scatter lets go of the bodies of discarded manifests.
func (s *Service) scatter(ctx context.Context) (time.Time, error) {
	for {
		var left bool
		err := s.db.Update(ctx, func(tx *store.Tx) (err error) {
			left, err = s.scatterOne(tx)
			return err
		})
		if err != nil || !left {
			return time.Time{}, err
		}
		s.depot.Wake()
	}
}

// scatterOne deletes one row of a discarded manifest; the last takes the discard along.
func (s *Service) scatterOne(tx *store.Tx) (left bool, err error) {
	for d, err := range discarded.Scan(tx, store.Range{Limit: 1}) {
		if err != nil {
			return false, err
		}
		for m, err := range manifests.Scan(tx, store.Range{Prefix: store.K(d.ID[:]), Limit: 1}) {
			if err != nil {
				return false, err
			}
			return true, s.scatterRow(tx, m)
		}
		return true, discarded.Drop(tx, d.ID[:])
	}
	return false, nil
}

func (s *Service) scatterRow(tx *store.Tx, m *manifest) error {
	for i := range m.Parts {
		if err := s.discard(tx, &version{Body: m.Parts[i].Body}); err != nil {
			return err
		}
	}
	return manifests.Drop(tx, m.ID[:], m.Row)
}
