package s3

import (
	"context"
	"time"

	"github.com/garrison-cloud/garrison/internal/blob"
	"github.com/garrison-cloud/garrison/internal/store"
)

// An endedUpload is one whose parts' rows are still there. Object names the manifest of
// the object that it has become; zero for none.
type endedUpload struct {
	ID     string  `cbor:"1,keyasint"`
	Object blob.ID `cbor:"2,keyasint,omitzero"`
}

var ended = store.NewTable("s3.endedupload",
	func(e *endedUpload) store.Key { return store.K(e.ID) }, store.Unwatched[endedUpload]())

// clearParts deletes the parts' rows of ended uploads, and lets go of the bytes that no
// object has taken. It goes by steps, and on where it stopped after a crash.
func (s *Service) clearParts(ctx context.Context) (time.Time, error) {
	for {
		var left bool
		err := s.db.Update(ctx, func(tx *store.Tx) (err error) {
			left, err = s.clearSome(tx)
			return err
		})
		if err != nil || !left {
			return time.Time{}, err
		}
		s.depot.Wake()
	}
}

// clearSome is one step; the last of an upload forgets it.
func (s *Service) clearSome(tx *store.Tx) (left bool, err error) {
	for e, err := range ended.Scan(tx, store.Range{Limit: 1}) {
		if err != nil {
			return false, err
		}
		list, err := store.Collect(parts.Scan(tx, store.Range{Prefix: store.K(e.ID), Limit: manifestStep}))
		if err != nil {
			return false, err
		}
		if len(list) == 0 {
			return true, ended.Drop(tx, e.ID)
		}
		return true, s.clearRows(tx, e, list)
	}
	return false, nil
}

func (s *Service) clearRows(tx *store.Tx, e *endedUpload, list []*part) error {
	taken, err := takenBy(tx, e)
	if err != nil {
		return err
	}
	for _, p := range list {
		if !taken[p.Body.ID] {
			if err := s.discard(tx, &version{Body: p.Body}); err != nil {
				return err
			}
		}
		if err := parts.Drop(tx, p.Upload, p.Number); err != nil {
			return err
		}
	}
	return nil
}

// takenBy are the bodies that the object has taken. An object that is gone again has
// let go of them itself, or is about to: its manifest still names them then.
func takenBy(tx *store.Tx, e *endedUpload) (map[blob.ID]bool, error) {
	taken := map[blob.ID]bool{}
	if e.Object.IsZero() {
		return taken, nil
	}
	list, err := partsOf(tx, e.Object)
	for _, p := range list {
		taken[p.Body.ID] = true
	}
	return taken, err
}
