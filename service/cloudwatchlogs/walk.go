package cloudwatchlogs

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/garrison-cloud/garrison/internal/store"
)

// A position is the place of an event among all of its group, in AWS's order: by
// time, and then as they came.
type position struct {
	At     int64  `cbor:"1,keyasint"`
	Stream string `cbor:"2,keyasint"`
	Block  int64  `cbor:"3,keyasint"`
	Index  int    `cbor:"4,keyasint"`
}

func (p position) compare(o position) int {
	return cmp.Or(cmp.Compare(p.At, o.At), strings.Compare(p.Stream, o.Stream), cmp.Compare(p.Block, o.Block), cmp.Compare(p.Index, o.Index))
}

// A found is an event that was read.
type found struct {
	position
	message  string
	ingested int64
}

// A walk is a way along the events of a stream, or of a whole group if the place
// names none. Blocks overlap, since writers may be late: a walk merges them.
type walk struct {
	s *Service
	place
	from, to int64     // milliseconds, to left out
	past     *position // begin behind it, in the walk's direction
	reverse  bool
	takes    func(stream string) bool // nil takes all; for a whole group

	pending []found // sorted in the walk's direction
	after   store.Key
}

const (
	// fetch is how many blocks are read at a time.
	fetch = 16
	// overlap is how far a block's ends may be from each other, in milliseconds.
	overlap = int64(maxSpan / 1e6)
)

// errEnough ends a walk early.
var errEnough = errors.New("enough")

// each calls yield with each event, until it returns an error.
func (w *walk) each(ctx context.Context, yield func(found) error) error {
	for {
		list, err := w.fetch(ctx)
		if err != nil {
			return err
		}
		for _, b := range list {
			if err := w.flush(yield, w.bound(b)); err != nil {
				return err
			}
			if err := w.add(ctx, b); err != nil {
				return err
			}
		}
		if len(list) < fetch {
			return w.flush(yield, nil)
		}
	}
}

// bound is the time that no event of the block, or of one behind it, comes before.
func (w *walk) bound(b *block) *int64 {
	if w.reverse {
		return &b.Last
	}
	return &b.First
}

// flush passes on what nothing can come before any more; all without a bound.
func (w *walk) flush(yield func(found) error, bound *int64) error {
	n := 0
	for ; n < len(w.pending); n++ {
		if at := w.pending[n].At; bound != nil && (w.reverse && at <= *bound || !w.reverse && at >= *bound) {
			break
		}
		if err := yield(w.pending[n]); err != nil {
			return err
		}
	}
	w.pending = slices.Delete(w.pending, 0, n)
	return nil
}

// add takes in a block's events that are on the way.
func (w *walk) add(ctx context.Context, b *block) error {
	if b.Last < w.from || b.First >= w.to || w.takes != nil && !w.takes(b.Stream) {
		return nil
	}
	list, err := w.s.entries(ctx, b)
	if err != nil {
		return err
	}
	for i, e := range list {
		f := found{position{e.At, b.Stream, b.Number, i}, e.Message, b.Ingested}
		if e.At >= w.from && e.At < w.to && (w.past == nil || w.order(f.position, *w.past) > 0) {
			w.pending = append(w.pending, f)
		}
	}
	slices.SortFunc(w.pending, func(a, b found) int { return w.order(a.position, b.position) })
	return nil
}

func (w *walk) order(a, b position) int {
	if w.reverse {
		return b.compare(a)
	}
	return a.compare(b)
}

// fetch reads the next blocks on the way. They are opened outside of the
// transaction, since KMS may have to be asked.
func (w *walk) fetch(ctx context.Context) (list []*block, err error) {
	from, to := w.from, w.to
	if w.past != nil && w.reverse {
		to = min(to, w.past.At+1)
	} else if w.past != nil {
		from = max(from, w.past.At)
	}
	err = w.s.DB.View(ctx, func(tx *store.Tx) (err error) {
		switch own := store.K(w.account, w.group, w.stream); {
		case w.stream == "":
			all := store.K(w.account, w.group)
			list, err = store.Collect(blocks.ScanIndex(tx, "group", store.Range{
				Prefix: all, From: store.K(all, from-overlap), To: store.K(all, to), After: w.after, Limit: fetch,
			}))
		case w.reverse:
			list, err = store.Collect(blocks.ScanIndex(tx, "last", store.Range{
				Prefix: own, From: store.K(own, from), To: store.K(own, to+overlap), After: w.after, Limit: fetch, Reverse: true,
			}))
		default:
			list, err = store.Collect(blocks.Scan(tx, store.Range{
				Prefix: own, From: store.K(own, from-overlap), To: store.K(own, to), After: w.after, Limit: fetch,
			}))
		}
		return err
	})
	if len(list) > 0 {
		w.after = w.behind(list[len(list)-1])
	}
	return list, err
}

// behind is where the walk goes on behind a block.
func (w *walk) behind(b *block) store.Key {
	switch {
	case w.stream == "":
		return blocks.IndexAfter(store.K(b.Account, b.Group, b.First), b)
	case w.reverse:
		return blocks.IndexAfter(store.K(b.Account, b.Group, b.Stream, b.Last, b.Number), b)
	default:
		return store.K(b.Account, b.Group, b.Stream, b.First, b.Number)
	}
}
