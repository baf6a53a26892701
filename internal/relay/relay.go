// Package relay carries what one Region wants another to know: durable, in order
// within a topic, each message once in its effect. A Region is a store of its own;
// whether its peers live in the same process or behind HTTP makes no difference to
// what is stored or encoded.
//
// It refuses a number that leaves a gap, a body that it can't authenticate, and to
// give up a message because a peer is away: that waits in the outbox, for ever if
// need be, and Status tells how old it is.
//
//	handler's transaction → Send → courier → Peer.Deliver → {number, Apply, number} → acknowledged
//
// # What is promised, and what isn't
//
// A message is applied in the transaction that records its number, so a lost
// request, a lost answer, a repetition and a crash on either side change nothing.
// A store that is put back to an older backup is another matter. A sender put back
// is noticed by the digest of the newest message that the receiver has applied; its
// stream then begins anew, and what waited in the backup comes a second time. A
// receiver put back misses what was acknowledged since; the stream goes on without
// it, and says so in the log.
package relay

import (
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/garrison-cloud/garrison/internal/clock"
	"github.com/garrison-cloud/garrison/internal/store"
)

// A Message is one thing that Region From tells Region To. Seq counts from 1 in
// each stream, which is what From, To and Topic name together.
type Message struct {
	From, To, Topic string
	Seq             uint64
	Payload         []byte
	// Sent is when the sender's transaction ran, by the sender's clock.
	Sent time.Time
}

// A Handler takes the messages of one topic.
type Handler struct {
	// Apply applies one message. It runs in the receiver's transaction and may run
	// again, so it does no I/O. An error keeps the message, and all behind it in the
	// stream, waiting: it is only for what passes by itself. Its text reaches the logs
	// of both Regions.
	Apply func(tx *store.Tx, m *Message) error
	// Applied runs after the commit of one or more messages; nil for nothing.
	Applied func()
}

// MaxPayload is the most bytes that one message carries.
const MaxPayload = store.MaxValue - 4<<10

const (
	prefix  = "relay/" // of the outbox's destinations that are streams
	maxName = 128      // bytes of a Region's or a topic's name
)

// ErrName says that a Region's or a topic's name is empty, longer than 128 bytes or
// has other characters than letters, digits and "-._"; a topic may have "/" and ":"
// besides.
var ErrName = errors.New("not a name that a stream can have")

// Send adds a message for the Region to to the transaction, as store.Tx.Emit does. It
// fails with ErrName, and with store.ErrTooLarge over MaxPayload.
func Send(tx *store.Tx, to, topic string, payload []byte) error {
	if !validName(to, "") || !validName(topic, "/:") {
		return fmt.Errorf("send to %q, topic %q: %w", to, topic, ErrName)
	}
	if len(payload) > MaxPayload {
		return fmt.Errorf("send %d bytes to %s, topic %s: %w", len(payload), to, topic, store.ErrTooLarge)
	}
	body, err := encoding.Marshal(envelope{Sent: tx.Now().UnixNano(), Payload: payload})
	if err != nil {
		return err
	}
	return tx.Emit(destination(to, topic), body)
}

func destination(to, topic string) string { return prefix + to + "/" + topic }

func validName(s, more string) bool {
	if s == "" || len(s) > maxName {
		return false
	}
	for _, c := range []byte(s) {
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		if !letter && !strings.ContainsRune("-._"+more, rune(c)) {
			return false
		}
	}
	return true
}

// Config says whose relay it is. All fields are required but Logger.
type Config struct {
	DB     *store.DB
	Clock  clock.Clock
	Region string
	Logger *slog.Logger // nil: nothing is logged
}

// A Relay is one Region's end of all its streams. Its methods are safe for
// concurrent use, once Handle and Connect have been called.
type Relay struct {
	db       *store.DB
	clock    clock.Clock
	region   string
	log      *slog.Logger
	handlers map[string]Handler
	peers    map[string]Peer

	mu      sync.Mutex // guards streams
	streams map[string]*stream
}

// New returns the Region's relay. It delivers to its own Region without a Connect.
func New(c Config) *Relay {
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	r := &Relay{
		db: c.DB, clock: c.Clock, region: c.Region, log: c.Logger.With("region", c.Region),
		handlers: map[string]Handler{}, peers: map[string]Peer{}, streams: map[string]*stream{},
	}
	r.peers[c.Region] = r
	return r
}

// Handle says who takes a topic's messages. It is called before Run and before the
// first Deliver; a topic has one handler, and a second is a broken program.
func (r *Relay) Handle(topic string, h Handler) {
	if _, taken := r.handlers[topic]; taken || h.Apply == nil || !validName(topic, "/:") {
		panic(fmt.Sprintf("relay: topic %q needs a name, one handler and its Apply", topic))
	}
	r.handlers[topic] = h
}

// Connect says how a Region's messages reach it. It is called before Run.
func (r *Relay) Connect(region string, p Peer) { r.peers[region] = p }

// Knows reports whether the Region is connected, or is the relay's own.
func (r *Relay) Knows(region string) bool {
	_, ok := r.peers[region]
	return ok
}

// Regions returns the own and the connected Regions, sorted.
func (r *Relay) Regions() []string { return slices.Sorted(maps.Keys(r.peers)) }
