package cloudwatchlogs

import (
	"time"

	"github.com/garrison-cloud/garrison/internal/arn"
	"github.com/garrison-cloud/garrison/internal/store"
)

// A group is a log group.
type group struct {
	Account   string            `cbor:"1,keyasint"`
	Name      string            `cbor:"2,keyasint"`
	Created   int64             `cbor:"3,keyasint"`           // milliseconds
	Retention int32             `cbor:"4,keyasint,omitempty"` // days; 0: for ever
	Class     string            `cbor:"5,keyasint"`
	Tags      map[string]string `cbor:"6,keyasint,omitempty"`
	// KMSKey is the key's ARN, empty for none; DataKey names the row of the data key
	// that seals new blocks.
	KMSKey    string `cbor:"7,keyasint,omitempty"`
	DataKey   string `cbor:"8,keyasint,omitempty"`
	Protected bool   `cbor:"9,keyasint,omitempty"` // from deletion
}

var groups = store.NewTable("cloudwatchlogs.group",
	func(g *group) store.Key { return store.K(g.Account, g.Name) }, store.Unwatched[group](),
	store.Index("retention", func(g *group) []store.Key {
		if g.Retention == 0 {
			return nil
		}
		return []store.Key{store.K(g.Account, g.Name)}
	}))

// A dataKey is a data key of a group as KMS has wrapped it. It stays as long as the
// group, because blocks name it.
type dataKey struct {
	Account string `cbor:"1,keyasint"`
	Group   string `cbor:"2,keyasint"`
	ID      string `cbor:"3,keyasint"`
	Wrapped []byte `cbor:"4,keyasint"`
}

var dataKeys = store.NewTable("cloudwatchlogs.datakey",
	func(k *dataKey) store.Key { return store.K(k.Account, k.Group, k.ID) }, store.Unwatched[dataKey]())

// A stream is a log stream. Times are in milliseconds; 0 is never.
type stream struct {
	Account  string `cbor:"1,keyasint"`
	Group    string `cbor:"2,keyasint"`
	Name     string `cbor:"3,keyasint"`
	Created  int64  `cbor:"4,keyasint"`
	First    int64  `cbor:"5,keyasint,omitempty"`
	Last     int64  `cbor:"6,keyasint,omitempty"`
	Ingested int64  `cbor:"7,keyasint,omitempty"`
	Next     int64  `cbor:"8,keyasint,omitempty"` // the next block's number
}

var streams = store.NewTable("cloudwatchlogs.stream",
	func(s *stream) store.Key { return store.K(s.Account, s.Group, s.Name) }, store.Unwatched[stream](),
	store.Index("last", func(s *stream) []store.Key { return []store.Key{store.K(s.Account, s.Group, s.Last, s.Name)} }))

// A block is the events of one PutLogEvents, in order of their times.
type block struct {
	Account  string `cbor:"1,keyasint"`
	Group    string `cbor:"2,keyasint"`
	Stream   string `cbor:"3,keyasint"`
	First    int64  `cbor:"4,keyasint"`
	Last     int64  `cbor:"5,keyasint"`
	Number   int64  `cbor:"6,keyasint"` // of the stream's blocks, in order of arrival
	Ingested int64  `cbor:"7,keyasint"`
	Bytes    int64  `cbor:"8,keyasint"` // as CloudWatch Logs counts them
	// Key names the data key that Data is sealed under, empty for none.
	Key string `cbor:"9,keyasint,omitempty"`
	// Data is the events as CBOR, compressed by zstd.
	Data []byte `cbor:"10,keyasint"`
}

// The indexes lead to blocks by their last event, for reading backwards, and to
// those of a whole group.
var blocks = store.NewTable("cloudwatchlogs.block",
	func(b *block) store.Key { return store.K(b.Account, b.Group, b.Stream, b.First, b.Number) }, store.Unwatched[block](),
	store.Index("last", func(b *block) []store.Key {
		return []store.Key{store.K(b.Account, b.Group, b.Stream, b.Last, b.Number)}
	}),
	store.Index("group", func(b *block) []store.Key { return []store.Key{store.K(b.Account, b.Group, b.First)} }))

// A resourcePolicy lets other services and accounts write logs.
type resourcePolicy struct {
	Account  string `cbor:"1,keyasint"`
	Name     string `cbor:"2,keyasint"`
	Document string `cbor:"3,keyasint"`
	Updated  int64  `cbor:"4,keyasint"`
}

var resourcePolicies = store.NewTable("cloudwatchlogs.resourcepolicy",
	func(p *resourcePolicy) store.Key { return store.K(p.Account, p.Name) }, store.Unwatched[resourcePolicy]())

// groupARN names a group, without the ":*" that stands for its streams.
func (s *Service) groupARN(account, name string) string {
	return arn.New("logs", s.Region, account, "log-group:"+name)
}

func (s *Service) streamARN(account, group, name string) string {
	return s.groupARN(account, group) + ":log-stream:" + name
}

func millis(t time.Time) int64 { return t.UnixMilli() }
