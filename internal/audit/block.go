package audit

import (
	"fmt"
	"hash/fnv"
	"slices"
	"time"

	"github.com/fxamacker/cbor/v2"
	"github.com/klauspost/compress/s2"

	"github.com/garrison-cloud/garrison/internal/store"
)

// Retention is how long event history is kept, as CloudTrail keeps it.
const Retention = 90 * 24 * time.Hour

// A Record is an event as it is kept and looked up: its JSON, and the
// attributes that LookupEvents can ask for.
type Record struct {
	ID          string     `cbor:"1,keyasint"`
	Time        time.Time  `cbor:"2,keyasint"`
	Name        string     `cbor:"3,keyasint"`
	Source      string     `cbor:"4,keyasint"`
	Username    string     `cbor:"5,keyasint,omitempty"`
	AccessKeyID string     `cbor:"6,keyasint,omitempty"`
	ReadOnly    bool       `cbor:"7,keyasint"`
	Resources   []Resource `cbor:"8,keyasint,omitempty"`
	JSON        []byte     `cbor:"9,keyasint"`
	Region      string     `cbor:"10,keyasint"`
}

// record renders the event.
func (e *Event) record() Record {
	r := Record{
		ID: e.ID, Time: e.Time, Name: e.Name, Source: e.Source,
		ReadOnly: e.ReadOnly, Resources: e.Resources, Region: e.Region, JSON: e.AppendJSON(nil),
	}
	if !e.Foreign {
		r.Username, r.AccessKeyID = e.Username(), e.Facts.Principal.AccessKeyID
	}
	return r
}

// A block holds the events that one account received within a moment, so that
// thousands of events cost one row. It is filed under the time of its newest
// event: a reader that goes back in time then knows that all further blocks are
// older than the one it sees.
type block struct {
	Account string    `cbor:"1,keyasint"`
	Last    time.Time `cbor:"2,keyasint"`
	ID      string    `cbor:"3,keyasint"`
	First   time.Time `cbor:"4,keyasint"`
	// Marks are the sorted hashes of all attributes within, so that a look-up can
	// pass over a block without opening it.
	Marks []uint32 `cbor:"5,keyasint"`
	// Data is the records as CBOR, compressed by S2.
	Data []byte `cbor:"6,keyasint"`
}

var blocks = store.NewTable("audit.block",
	func(b *block) store.Key { return store.K(b.Account, b.Last, b.ID) },
	store.Expires(func(b *block) time.Time { return b.Last.Add(Retention) }), store.Unwatched[block]())

// A promise is the event of a write as it was known when the write was
// committed. It is replaced by the whole event; after a crash it stands for it.
type promise struct {
	Account string `cbor:"1,keyasint"`
	Record  Record `cbor:"2,keyasint"`
	// To are those who receive the event; Data tells that it is not in the history.
	To   []string `cbor:"3,keyasint,omitempty"`
	Data bool     `cbor:"4,keyasint,omitempty"`
}

var promises = store.NewTable("audit.promise",
	func(p *promise) store.Key { return store.K(p.Account, p.Record.ID) }, store.Unwatched[promise]())

// precise keeps times to the nanosecond; the default keeps seconds, and events of
// one second would lose their order, and their place at the seam of two pages.
var precise = mustEncMode(cbor.EncOptions{Time: cbor.TimeRFC3339NanoUTC})

func mustEncMode(o cbor.EncOptions) cbor.EncMode {
	m, err := o.EncMode()
	if err != nil {
		panic(err) // the options are constants of this package
	}
	return m
}

func newBlock(account, id string, records []Record) (*block, error) {
	raw, err := precise.Marshal(records)
	if err != nil {
		return nil, fmt.Errorf("encode audit block: %w", err)
	}
	return &block{
		Account: account, ID: id, First: records[0].Time, Last: records[len(records)-1].Time,
		Marks: marks(records), Data: s2.Encode(nil, raw),
	}, nil
}

func (b *block) records() ([]Record, error) {
	raw, err := s2.Decode(nil, b.Data)
	if err != nil {
		return nil, fmt.Errorf("decompress audit block %s: %w", b.ID, err)
	}
	var out []Record
	if err := cbor.Unmarshal(raw, &out); err != nil {
		return nil, fmt.Errorf("decode audit block %s: %w", b.ID, err)
	}
	return out, nil
}

// may reports whether a record with the attribute may be in the block.
func (b *block) may(a Attribute) bool {
	if a.Key == "" {
		return true
	}
	_, found := slices.BinarySearch(b.Marks, a.mark())
	return found
}

func marks(records []Record) []uint32 {
	seen := make(map[uint32]struct{}, 16)
	for i := range records {
		for a := range records[i].attributes {
			seen[a.mark()] = struct{}{}
		}
	}
	out := make([]uint32, 0, len(seen))
	for m := range seen {
		out = append(out, m)
	}
	slices.Sort(out)
	return out
}

// mark hashes the attribute. A collision costs a look into a block, nothing else.
func (a Attribute) mark() uint32 {
	h := fnv.New32a()
	for _, part := range []string{a.Key, "\x00", a.Value} {
		_, _ = h.Write([]byte(part)) // a hash takes all
	}
	return h.Sum32()
}
