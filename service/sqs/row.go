package sqs

import (
	"strconv"
	"time"

	"github.com/garrison-cloud/garrison/internal/arn"
	"github.com/garrison-cloud/garrison/internal/store"
)

// A queue is a name and its settings. ID is the queue's for life: a queue that is
// deleted and made again has another, and so none of the old one's messages.
type queue struct {
	Account, Name     string
	ID                string
	Generation        int // counts purges
	FIFO              bool
	Created, Modified time.Time
	Purged            time.Time
	Settings          settings
	Tags              map[string]string
}

// settings are a queue's attributes that can be set. Times are in seconds, MaxSize
// is in bytes.
type settings struct {
	Delay, Visibility, Wait, Retention, MaxSize, KeyReuse int
	Policy                                                string
	Redrive                                               *redrive
	Allow                                                 *redriveAllow
	KMSKey                                                string
	ManagedSSE                                            bool
	ContentDedup                                          bool
	// DedupPerGroup and LimitPerGroup are DeduplicationScope and FifoThroughputLimit.
	DedupPerGroup, LimitPerGroup bool
}

// A redrive says where messages go that were received too often.
type redrive struct {
	Target string // ARN
	Max    int
}

// A redriveAllow says which queues may name this one as their dead-letter queue.
type redriveAllow struct {
	Permission string
	Sources    []string
}

var queues = store.NewTable("sqs.queue", func(q *queue) store.Key { return store.K(q.Account, q.Name) },
	store.Cached[queue](1024),
	store.Index("target", func(q *queue) []store.Key {
		if q.Settings.Redrive == nil {
			return nil
		}
		return []store.Key{store.K(q.Settings.Redrive.Target)}
	}))

// partition names the queue's messages: those of another generation were purged.
func (q *queue) partition() string { return q.ID + "." + strconv.Itoa(q.Generation) }

func (q *queue) arn(region string) string { return arn.New("sqs", region, q.Account, q.Name) }

// A tombstone keeps a deleted queue's name from use for a minute.
type tombstone struct {
	Account, Name string
	Until         time.Time
}

var tombstones = store.NewTable("sqs.tombstone", func(t *tombstone) store.Key { return store.K(t.Account, t.Name) },
	store.Expires(func(t *tombstone) time.Time { return t.Until }), store.Unwatched[tombstone]())

// A level is a partition's state as a whole. A partition without one takes no
// messages. Last is the newest place that was given, in nanoseconds of Unix time.
type level struct {
	Partition string
	Total     int64
	Last      int64
}

var levels = store.NewTable("sqs.level", func(l *level) store.Key { return store.K(l.Partition) }, store.Unwatched[level]())

// next gives a place in the order of a partition: later than all before it.
func (l *level) next(now time.Time) int64 {
	l.Last = max(now.UnixNano(), l.Last+1)
	return l.Last
}

// A message is what was sent. At is its place in the partition, and the time in
// nanoseconds from which its retention counts. It never changes.
type message struct {
	Partition  string
	At         int64
	ID         string
	Body       []byte // the first part of it; sealed if Key is set
	Parts      int    // how many more there are
	BodyMD5    string
	Attributes map[string]attribute
	AttrMD5    string
	Sender     string
	Sent       time.Time
	Trace      string
	Group      string
	Dedup      string
	Sequence   string
	Source     string // ARN of the queue that it died in
	Visible    int64  // where it stood in line before it was ever received
	Key        *messageKey
}

// An attribute is a message attribute: Binary if the type is Binary, else Text.
type attribute struct {
	Type   string
	Text   string
	Binary []byte
}

// A messageKey is the data key of a message in a queue with a KMS key, and the
// queue that it is bound to.
type messageKey struct {
	Wrapped []byte
	Queue   string // ARN
	Message string // the id under which the body was sealed
}

var messages = store.NewTable("sqs.message", func(m *message) store.Key { return store.K(m.Partition, m.At) }, store.Unwatched[message]())

// A part is more of a body than one row holds.
type part struct {
	Partition string
	At        int64
	N         int
	Bytes     []byte
}

var parts = store.NewTable("sqs.part", func(p *part) store.Key { return store.K(p.Partition, p.At, p.N) }, store.Unwatched[part]())

// A place is where a message, or a FIFO queue's group, stands in the line: those
// whose Visible (nanoseconds of Unix time) has passed may be received, the earliest
// first. It is rewritten, message and all it says stays.
type place struct {
	Partition string
	Visible   int64
	At        int64
	Group     string
	Delayed   bool // never received yet, but sent with a delay
}

var places = store.NewTable("sqs.place", func(p *place) store.Key { return p.key() }, store.Unwatched[place]())

func (p *place) key() store.Key { return store.K(p.Partition, p.Visible, p.At, p.Group) }

// A flight is the mutable side of a message. A standard queue's has one once it was
// received, a FIFO queue's from the beginning; Nonce is empty until it was received.
type flight struct {
	Partition string
	Group     string
	At        int64
	Visible   int64
	Count     int
	First     time.Time // of all receipts
	Received  time.Time // by this receipt
	Nonce     string
}

var flights = store.NewTable("sqs.flight", func(f *flight) store.Key { return store.K(f.Partition, f.Group, f.At) }, store.Unwatched[flight]())

// A group is a FIFO queue's message group that has messages. Visible and At are
// where it stands in the line.
type group struct {
	Partition, Name string
	Visible, At     int64
}

var groups = store.NewTable("sqs.group", func(g *group) store.Key { return store.K(g.Partition, g.Name) }, store.Unwatched[group]())

func (g *group) place() *place {
	return &place{Partition: g.Partition, Visible: g.Visible, At: g.At, Group: g.Name}
}

// A duplicate remembers a deduplication id for five minutes.
type duplicate struct {
	Queue, Group, ID    string
	MessageID, Sequence string
	Until               time.Time
}

var duplicates = store.NewTable("sqs.duplicate", func(d *duplicate) store.Key { return store.K(d.Queue, d.Group, d.ID) },
	store.Expires(func(d *duplicate) time.Time { return d.Until }), store.Unwatched[duplicate]())

// An attempt remembers what a receive request of a FIFO queue got, so that it gets
// the same again should the answer be lost.
type attempt struct {
	Partition, ID string
	Receipts      []receipt
	Until         time.Time
}

var attempts = store.NewTable("sqs.attempt", func(a *attempt) store.Key { return store.K(a.Partition, a.ID) },
	store.Expires(func(a *attempt) time.Time { return a.Until }), store.Unwatched[attempt]())

// Garbage is a partition that nobody can reach any more, to be removed.
type garbage struct{ Partition string }

var refuse = store.NewTable("sqs.garbage", func(g *garbage) store.Key { return store.K(g.Partition) }, store.Unwatched[garbage]())

// A move is a message move task. Next is when the worker goes on with it.
type move struct {
	Account, Source string // the queue's owner and name
	Started         time.Time
	ID              string
	Destination     string // ARN; empty: where each message came from
	Rate            int    // messages a second; 0: as fast as may be
	Status, Failure string
	Total, Moved    int64
	Next            time.Time
}

var moves = store.NewTable("sqs.move", func(m *move) store.Key { return store.K(m.Account, m.Source, m.Started, m.ID) },
	store.Index("running", func(m *move) []store.Key {
		if m.Status != moving && m.Status != cancelling {
			return nil
		}
		return []store.Key{store.K(m.Next)}
	}), store.Unwatched[move]())
