package audit

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/klauspost/compress/s2"

	"github.com/garrison-cloud/garrison/internal/store"
)

// Trails decide who receives an event beside the event history. Their methods are
// safe for concurrent use.
type Trails interface {
	// Data reports whether anybody receives data events at all.
	Data() bool
	// Take returns who receives the event; nil is nobody. The list is not changed.
	Take(e *Event) []string
	// Kept tells that so many bytes of events for receivers in the Region are durable.
	Kept(region string, bytes int)
}

// Deliver has the log keep events also for those whom trails name. It must be called
// before the first event is recorded.
func (l *Log) Deliver(t Trails) { l.trails = t }

// TakesData reports whether any data event may be wanted, so that nothing is made of
// one that nobody receives.
func (l *Log) TakesData() bool { return l.trails != nil && l.trails.Data() }

// address adds to the event's receivers those who take it now.
func (l *Log) address(e *Event) {
	if l.trails == nil {
		return
	}
	taken := l.trails.Take(e)
	if len(e.To) == 0 {
		e.To = taken
		return
	}
	e.To = slices.Clip(e.To)
	for _, to := range taken {
		if !slices.Contains(e.To, to) {
			e.To = append(e.To, to)
		}
	}
}

// A Parcel is a run of events that waits for one receiver. It is written in the
// transaction that keeps the events, and deleted once they are delivered: whatever
// was kept is delivered at least once.
type Parcel struct {
	// Region is where the events happened, To who receives them.
	Region string `cbor:"1,keyasint"`
	To     string `cbor:"2,keyasint"`
	// First and Last are the times of the oldest and the newest event.
	Last  time.Time `cbor:"3,keyasint"`
	ID    string    `cbor:"4,keyasint"`
	First time.Time `cbor:"5,keyasint"`
	// Size is the events' length as JSON, in bytes.
	Size int `cbor:"6,keyasint"`
	// Data is the events as CBOR byte strings, compressed by S2.
	Data []byte `cbor:"7,keyasint"`
}

var parcels = store.NewTable("audit.parcel",
	func(p *Parcel) store.Key { return store.K(p.Region, p.To, p.Last, p.ID) }, store.Unwatched[Parcel]())

// Events are the parcel's events as JSON, oldest first.
func (p *Parcel) Events() ([][]byte, error) {
	raw, err := s2.Decode(nil, p.Data)
	if err != nil {
		return nil, fmt.Errorf("decompress audit parcel %s: %w", p.ID, err)
	}
	var out [][]byte
	if err := store.Unmarshal(raw, &out); err != nil {
		return nil, fmt.Errorf("decode audit parcel %s: %w", p.ID, err)
	}
	return out, nil
}

// parcels makes the parcels of a chunk.
func (l *Log) parcels(chunk []entry) ([]*Parcel, error) {
	type address struct{ region, to string }
	var order []address // so that the same chunk makes the same rows
	by := map[address][]Record{}
	for i := range chunk {
		for _, to := range chunk[i].to {
			a := address{chunk[i].record.Region, to}
			if by[a] == nil {
				order = append(order, a)
			}
			by[a] = append(by[a], chunk[i].record)
		}
	}
	var out []*Parcel
	for _, a := range order {
		records := by[a]
		sortByTime(records)
		for len(records) > 0 {
			n := cut(records)
			p, err := newParcel(records[:n])
			if err != nil {
				return nil, err
			}
			p.Region, p.To, p.ID = a.region, a.to, l.newID()
			out = append(out, p)
			records = records[n:]
		}
	}
	return out, nil
}

func newParcel(records []Record) (*Parcel, error) {
	p := &Parcel{First: records[0].Time, Last: records[len(records)-1].Time}
	events := make([][]byte, len(records))
	for i := range records {
		events[i] = records[i].JSON
		p.Size += len(records[i].JSON)
	}
	raw, err := store.Marshal(events)
	if err != nil {
		return nil, fmt.Errorf("encode audit parcel: %w", err)
	}
	p.Data = s2.Encode(nil, raw)
	return p, nil
}

// tell passes on how much has become durable.
func (l *Log) tell(made []*Parcel) {
	if l.trails == nil {
		return
	}
	for _, p := range made {
		l.trails.Kept(p.Region, p.Size)
	}
}

// Waiting returns what waits for a receiver in a Region, oldest first: up to about
// maxBytes of JSON, and at least one parcel if there is any. It sees every event
// recorded before the call.
func (l *Log) Waiting(ctx context.Context, region, to string, maxBytes int) ([]*Parcel, error) {
	if err := l.Flush(ctx); err != nil {
		return nil, fmt.Errorf("flush audit events: %w", err)
	}
	var out []*Parcel
	err := l.db.View(ctx, func(tx *store.Tx) error {
		out = nil
		size := 0
		for p, err := range parcels.Scan(tx, store.Range{Prefix: store.K(region, to)}) {
			if err != nil {
				return err
			}
			if size += p.Size; len(out) > 0 && size > maxBytes {
				return nil
			}
			out = append(out, p)
		}
		return nil
	})
	return out, err
}

// Delivered deletes what its receiver has.
func (l *Log) Delivered(ctx context.Context, done []*Parcel) error {
	for run := range slices.Chunk(done, store.MaxTxKeys/4) {
		err := l.db.Update(ctx, func(tx *store.Tx) error {
			for _, p := range run {
				if err := parcels.Drop(tx, p.Region, p.To, p.Last, p.ID); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return fmt.Errorf("note delivered audit events: %w", err)
		}
	}
	return nil
}

// Discard drops what waits in a Region for receivers that are gone.
func (l *Log) Discard(ctx context.Context, region string, gone func(to string) bool) error {
	for {
		drop, err := l.orphans(ctx, region, gone)
		if err != nil || len(drop) == 0 {
			return err
		}
		if err := l.Delivered(ctx, drop); err != nil {
			return err
		}
	}
}

// orphans are the first parcels of receivers that are gone.
func (l *Log) orphans(ctx context.Context, region string, gone func(to string) bool) (drop []*Parcel, err error) {
	err = l.db.View(ctx, func(tx *store.Tx) error {
		drop = nil
		for p, err := range parcels.Scan(tx, store.Range{Prefix: store.K(region)}) {
			if err != nil {
				return err
			}
			if gone(p.To) {
				drop = append(drop, p)
			}
			if len(drop) == discardAtOnce {
				return nil
			}
		}
		return nil
	})
	return drop, err
}

// discardAtOnce bounds the parcels that one look holds.
const discardAtOnce = 100
