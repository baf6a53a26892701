package relay

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"sync"
	"time"

	"github.com/garrison-cloud/garrison/internal/clock"
)

// Path is where a process takes what other processes' Regions send.
const Path = "/_garrison/relay"

const (
	maxRequest  = 8 << 20 // bytes of a request's body
	maxText     = 500     // bytes of an error's text in an answer
	complainGap = time.Minute
)

// ServerConfig says for whom a Server takes deliveries.
type ServerConfig struct {
	Secret []byte // shared by all processes, 32 bytes or more
	Relays []*Relay
	Clock  clock.Clock
	Logger *slog.Logger // nil: nothing is logged
}

// A Server takes the batches that other processes send, see Remote. It answers
// POST with 200 to whom has the secret and 403 to all others.
type Server struct {
	secret secret
	relays map[string]*Relay
	clock  clock.Clock
	log    *slog.Logger

	mu         sync.Mutex // guards complained
	complained time.Time  // when the log last said that a secret was wrong
}

// An answer says what became of a request.
type answer struct {
	Applied uint64 `cbor:"1,keyasint"`
	Error   string `cbor:"2,keyasint,omitempty"` // why it isn't more
	Forked  bool   `cbor:"3,keyasint,omitempty"` // the error is ErrForked
	Store   string `cbor:"4,keyasint,omitempty"` // the request was for another store than this one
}

// NewServer returns a Server for the relays. It fails with ErrSecret.
func NewServer(c ServerConfig) (*Server, error) {
	key, err := newSecret(c.Secret)
	if err != nil {
		return nil, err
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	s := &Server{secret: key, relays: map[string]*Relay{}, clock: c.Clock, log: c.Logger}
	for _, r := range c.Relays {
		s.relays[r.region] = r
	}
	return s, nil
}

// Regions yields the Regions that the server takes deliveries for, in no order.
func (s *Server) Regions(yield func(string) bool) { maps.Keys(s.relays)(yield) }

// ServeHTTP takes one batch.
func (s *Server) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	if req.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		w.WriteHeader(http.StatusMethodNotAllowed)
		return
	}
	raw, err := io.ReadAll(http.MaxBytesReader(w, req.Body, maxRequest))
	if err != nil {
		w.WriteHeader(http.StatusRequestEntityTooLarge)
		return
	}
	out, err := s.take(req.Context(), raw)
	switch {
	case errors.Is(err, errSealed):
		s.complain(req)
		w.WriteHeader(http.StatusForbidden)
	case err != nil:
		s.log.ErrorContext(req.Context(), "answer a relay", "err", err)
		w.WriteHeader(http.StatusInternalServerError)
	default:
		w.Header().Set("Content-Type", "application/octet-stream")
		_, _ = w.Write(out) // who has gone asks again
	}
}

// take opens a request, delivers it, and seals the answer. Nothing is decoded
// before it has proven to come from one that has the secret.
func (s *Server) take(ctx context.Context, raw []byte) ([]byte, error) {
	r, plain, err := s.secret.openRequest(raw)
	if err != nil {
		return nil, err
	}
	a := s.deliver(ctx, r, plain)
	body, err := encoding.Marshal(a)
	if err != nil {
		return nil, err
	}
	return s.secret.sealAnswer(r, body)
}

func (s *Server) deliver(ctx context.Context, r *route, plain []byte) answer {
	b := &Batch{From: r.from, To: r.to}
	if decoding.Unmarshal(plain, b) != nil {
		// The decoder's own words may show bytes of a payload.
		return answer{Error: "the batch can't be decoded; is one of the two processes of an older version?"}
	}
	relay, ok := s.relays[r.to]
	if !ok {
		return answer{Error: fmt.Sprintf("Region %s: %s", r.to, errNotHere)}
	}
	if id := relay.db.ID(); b.Into != id {
		return answer{Store: id, Error: "the batch is for another store"}
	}
	applied, err := relay.Deliver(ctx, b)
	a := answer{Applied: applied, Forked: errors.Is(err, ErrForked)}
	if err != nil {
		a.Error = cut(err.Error())
	}
	return a
}

func cut(s string) string { return s[:min(len(s), maxText)] }

// complain logs a wrong secret, once a minute at most.
func (s *Server) complain(req *http.Request) {
	s.mu.Lock()
	now := s.clock.Now()
	quiet := !s.complained.IsZero() && now.Sub(s.complained) < complainGap
	if !quiet {
		s.complained = now
	}
	s.mu.Unlock()
	if !quiet {
		s.log.WarnContext(req.Context(), "a request to the relay was refused: it is not sealed by this process's relay secret; give all processes of the installation the same one, or find out who asks",
			"remote", req.RemoteAddr)
	}
}
