package audit

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/garrison-cloud/garrison/internal/store"
)

// Limits of the log. An event becomes durable within flushEvery, or sooner when
// flushBytes have gathered; callers wait when maxPending bytes are not yet kept.
const (
	flushEvery = 500 * time.Millisecond
	flushBytes = 256 << 10
	maxPending = 32 << 20
	maxBlock   = 256 << 10
	// maxSpan bounds how far apart in time the events of one block lie.
	maxSpan = 10 * time.Second
)

// A Log keeps the events of one Region. Its methods are safe for concurrent use.
type Log struct {
	db     *store.DB
	newID  func() string
	logger *slog.Logger
	strict bool
	trails Trails        // nil when events go nowhere else
	wake   chan struct{} // has room for one: a flush is wanted

	mu      sync.Mutex // guards the fields below
	pending []entry
	bytes   int
	armed   bool       // a timer will wake the flusher
	flushed *sync.Cond // broadcast when a batch was kept, or could not be
	taken   uint64     // entries ever recorded
	kept    uint64     // entries that are durable
	failure error      // why the last flush was not kept; nil when it was
	closed  bool
}

type entry struct {
	account  string
	record   Record
	promised bool
	to       []string // who receives the event beside the history
	data     bool     // it is not in the history
}

// Options configure a Log.
type Options struct {
	// Strict makes Record wait until the event is durable.
	Strict bool
	// NewID returns a fresh UUID.
	NewID  func() string
	Logger *slog.Logger
}

// NewLog returns a log that keeps its events in db. Run must run for events to
// become durable.
func NewLog(db *store.DB, o Options) *Log {
	l := &Log{db: db, newID: o.NewID, logger: o.Logger, strict: o.Strict, wake: make(chan struct{}, 1)}
	l.flushed = sync.NewCond(&l.mu)
	return l
}

// Ready returns an error while events cannot be kept. Calls must then be
// refused: what cannot be recorded must not happen.
func (l *Log) Ready() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.failure != nil {
		return fmt.Errorf("audit log: %w", l.failure)
	}
	return nil
}

// Promise stores what is known of the event in the transaction of the write
// that it describes, so that the one is never kept without the other.
//
// It sets e.To to those who receive it. A data event that nobody receives is nothing.
func (l *Log) Promise(tx *store.Tx, e *Event) error {
	l.address(e)
	if e.Data && len(e.To) == 0 {
		return nil
	}
	return promises.Put(tx, &promise{Account: e.Recipient, Record: e.record(), To: e.To, Data: e.Data})
}

// Record takes the finished event. promised tells that Promise was called for
// it, which has set e.To. The event is durable within half a second, or on return in
// strict mode. A data event that nobody receives is not recorded.
func (l *Log) Record(e *Event, promised bool) error {
	l.address(e)
	if e.Data && len(e.To) == 0 {
		return nil
	}
	r := e.record()
	l.mu.Lock()
	defer l.mu.Unlock()
	for l.bytes > maxPending && l.failure == nil && !l.closed {
		l.flushed.Wait()
	}
	l.pending = append(l.pending, entry{e.Recipient, r, promised, e.To, e.Data})
	l.bytes += len(r.JSON)
	l.taken++
	mine := l.taken
	l.arm()
	if !l.strict {
		return l.failure
	}
	l.signal()
	for l.kept < mine && l.failure == nil && !l.closed {
		l.flushed.Wait()
	}
	return l.failure
}

// arm sees to it that the flusher wakes soon. The caller holds mu.
func (l *Log) arm() {
	if l.bytes >= flushBytes {
		l.signal()
		return
	}
	if !l.armed {
		l.armed = true
		time.AfterFunc(flushEvery, l.signal)
	}
}

func (l *Log) signal() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// Run keeps what is recorded until ctx ends, then keeps the rest.
func (l *Log) Run(ctx context.Context) error {
	for {
		select {
		case <-l.wake:
			// What has begun to be kept is kept, even when the end comes meanwhile.
			if err := l.flush(context.WithoutCancel(ctx)); err != nil {
				l.logger.Error("audit events are not kept; calls are refused until they are", "err", err)
				time.AfterFunc(flushEvery, l.signal)
			}
		case <-ctx.Done():
			err := l.flush(context.WithoutCancel(ctx))
			l.mu.Lock()
			l.closed = true
			l.flushed.Broadcast()
			l.mu.Unlock()
			return err
		}
	}
}

// Flush returns when everything recorded so far is kept, or when ctx ends.
func (l *Log) Flush(ctx context.Context) error {
	stop := context.AfterFunc(ctx, func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.flushed.Broadcast()
	})
	defer stop()
	l.mu.Lock()
	defer l.mu.Unlock()
	mine := l.taken
	l.signal()
	for l.kept < mine && l.failure == nil && !l.closed {
		if err := ctx.Err(); err != nil {
			return err
		}
		l.flushed.Wait()
	}
	return l.failure
}

// flush keeps what is pending. Only Run calls it.
func (l *Log) flush(ctx context.Context) error {
	l.mu.Lock()
	batch := l.pending
	size := l.bytes
	l.pending, l.bytes, l.armed = nil, 0, false
	l.mu.Unlock()

	err := l.keep(ctx, batch)

	l.mu.Lock()
	defer l.mu.Unlock()
	if err != nil { // nothing is lost: the batch goes back to the head of the queue
		l.pending = append(batch, l.pending...)
		l.bytes += size
	} else {
		l.kept += uint64(len(batch))
	}
	l.failure = err
	l.flushed.Broadcast()
	return err
}

// chunkBytes is how much of a batch goes into one transaction: well below the
// store's limit even if nothing compresses.
const chunkBytes = 2 << 20

func (l *Log) keep(ctx context.Context, batch []entry) error {
	for len(batch) > 0 {
		n, size := 0, 0
		for n < len(batch) && n < 2000 && size < chunkBytes {
			size += len(batch[n].record.JSON) * (1 + len(batch[n].to))
			n++
		}
		if err := l.keepChunk(ctx, batch[:n]); err != nil {
			return err
		}
		batch = batch[n:]
	}
	return nil
}

func (l *Log) keepChunk(ctx context.Context, chunk []entry) error {
	made, err := l.pack(chunk)
	if err != nil {
		return err
	}
	err = l.db.Update(ctx, func(tx *store.Tx) error {
		if err := made.add(tx); err != nil {
			return err
		}
		for _, e := range chunk {
			if !e.promised {
				continue
			}
			// There may be none: the write may have been rolled back, and its promise with it.
			if err := promises.Drop(tx, e.account, e.record.ID); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil {
		l.tell(made.parcels)
	}
	return err
}

// packed is what a chunk of events becomes.
type packed struct {
	blocks  []*block
	parcels []*Parcel
}

func (l *Log) pack(chunk []entry) (p packed, err error) {
	if p.blocks, err = l.blocks(chunk); err != nil {
		return p, err
	}
	p.parcels, err = l.parcels(chunk)
	return p, err
}

func (p packed) add(tx *store.Tx) error {
	for _, b := range p.blocks {
		if err := blocks.Add(tx, b); err != nil {
			return err
		}
	}
	for _, sent := range p.parcels {
		if err := parcels.Add(tx, sent); err != nil {
			return err
		}
	}
	return nil
}

// blocks groups records by account, and cuts where a block would grow too
// large or span too long a time.
func (l *Log) blocks(chunk []entry) ([]*block, error) {
	byAccount := map[string][]Record{}
	for _, e := range chunk {
		if e.data {
			continue
		}
		byAccount[e.account] = append(byAccount[e.account], e.record)
	}
	var out []*block
	for account, records := range byAccount {
		sortByTime(records)
		for len(records) > 0 {
			n := cut(records)
			b, err := newBlock(account, l.newID(), records[:n])
			if err != nil {
				return nil, err
			}
			out = append(out, b)
			records = records[n:]
		}
	}
	return out, nil
}

func sortByTime(records []Record) {
	slices.SortFunc(records, func(a, b Record) int { return a.Time.Compare(b.Time) })
}

func cut(records []Record) int {
	size := 0
	for i := range records {
		size += len(records[i].JSON)
		if i > 0 && (size > maxBlock || records[i].Time.Sub(records[0].Time) > maxSpan) {
			return i
		}
	}
	return len(records)
}

// Recover turns the promises that a crash left behind into events. It must run
// before Run.
func (l *Log) Recover(ctx context.Context) error {
	var left []entry
	err := l.db.View(ctx, func(tx *store.Tx) error {
		for p, err := range promises.Scan(tx, store.Range{}) {
			if err != nil {
				return err
			}
			left = append(left, entry{p.Account, p.Record, true, p.To, p.Data})
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("read promised audit events: %w", err)
	}
	return l.keep(ctx, left)
}
