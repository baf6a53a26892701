package alb

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"sync/atomic"
	"time"

	"github.com/garrison-cloud/garrison/edge/http1"
	"github.com/garrison-cloud/garrison/internal/clock"
)

// client is one HTTP/1 connection from a client, served by one goroutine.
type client struct {
	b    *Balancer
	nc   net.Conn // what requests are read from: TLS or raw
	raw  net.Conn // the socket
	in   *http1.Reader
	out  []byte // response bytes not yet written
	req  http1.Request
	resp http1.Response
	body clientBody
	peer
	idle  atomic.Bool // waits for a request
	armed time.Time   // when the write deadline was last set
	// chunked says that the response under way is framed in chunks; sent counts its bytes.
	chunked bool
	sent    int64
}

// serve answers requests until the connection ends.
func (c *client) serve(ctx context.Context) {
	c.in = http1.NewReader(c.nc)
	for {
		p := c.b.live.Load()
		l := p.listeners[c.port]
		if l == nil || c.b.ended.Load() {
			return
		}
		if !c.await(p) {
			return
		}
		keep := c.one(ctx)
		if c.flush() != nil || !keep {
			c.linger()
			return
		}
		c.in.Release()
	}
}

// await waits for the first byte of a request, for the idle timeout at most.
func (c *client) await(p *program) bool {
	now := clock.System{}.Now()
	_ = c.nc.SetReadDeadline(now.Add(p.idle))
	if c.in.Buffered() > 0 {
		return true
	}
	c.idle.Store(true)
	err := c.in.Await()
	c.idle.Store(false)
	// The head has the whole timeout, however long the client took to begin it, and no
	// more, however it drips.
	if begun := (clock.System{}).Now(); begun.Sub(now) > time.Second {
		_ = c.nc.SetReadDeadline(begun.Add(p.idle))
	}
	return err == nil
}

// one reads and answers one request, and reports whether another may follow.
func (c *client) one(ctx context.Context) bool {
	// The program is taken once the request has begun: it sees no other.
	p := c.b.live.Load()
	l := p.listeners[c.port]
	if l == nil {
		return false
	}
	c.body.read = 0
	ex := &exchange{b: c.b, p: p, l: l, peer: &c.peer, req: &c.req, out: c, begin: c.b.deps.Clock.Now()}
	head, err := c.in.Head(http1.MaxHead)
	if err == nil {
		err = c.req.Parse(head)
		ex.received = int64(len(head))
	} else {
		c.req = http1.Request{} // nothing of the request before
	}
	if err != nil {
		c.refuse(ex, err)
		return false
	}
	c.body.reset(c)
	ex.body = &c.body
	ex.close = c.req.Close || p.cfg.Attributes.Desync.Closes(c.req.Class) || c.b.ended.Load() ||
		ex.begin.Sub(c.since) > p.keepAlive
	c.protect(func() { ex.run(ctx) }, ex)
	if ex.upgraded {
		return false
	}
	return !ex.close && !ex.failed && c.body.rest()
}

// protect answers 500 where serving a request panics, and ends the connection.
func (c *client) protect(f func(), ex *exchange) {
	defer func() {
		if r := recover(); r != nil {
			ex.close, ex.failed = true, true
			if !ex.begun {
				ex.errorPage(500)
				ex.log()
			}
		}
	}()
	f()
}

// refuse answers a head that cannot be read.
func (c *client) refuse(ex *exchange, err error) {
	ex.close = true
	var bad *http1.Refusal
	switch {
	case errors.As(err, &bad):
		ex.errorPage(bad.Status)
	case errors.Is(err, http1.ErrTooLarge):
		ex.errorPage(400)
	case errors.Is(err, os.ErrDeadlineExceeded):
		ex.errorPage(408)
	case errors.Is(err, io.ErrUnexpectedEOF):
		ex.errorPage(400)
	default:
		return // the client went away
	}
	ex.log()
}

// linger lets the client read the last answer before a reset could take it away, where it
// still sends.
func (c *client) linger() {
	type halfCloser interface{ CloseWrite() error }
	h, ok := c.nc.(halfCloser)
	if !ok || h.CloseWrite() != nil {
		return
	}
	_ = c.nc.SetReadDeadline(clock.System{}.Now().Add(500 * time.Millisecond))
	_, _ = io.Copy(io.Discard, io.LimitReader(c.nc, 256<<10))
}

// clientBody is a request's content as the client sends it.
type clientBody struct {
	http1.Body
	c        *client
	promised bool // the client waits for 100 Continue
	begun    time.Time
	read     int64
	timeout  time.Duration
}

func (y *clientBody) reset(c *client) {
	y.Reset(c.in, c.req.Length)
	y.c, y.promised, y.read, y.begun = c, c.req.Continue, 0, time.Time{}
	y.timeout = c.b.live.Load().idle
}

// slowest is the least a client may send once grace is over, in bytes per second.
const (
	slowest = 64
	grace   = 30 * time.Second
)

// errSlow ends a request whose content trickles to hold a connection.
var errSlow = errors.New("alb: content comes too slowly")

// Next returns the next piece of content. It tells a waiting client to go on.
func (y *clientBody) Next() ([]byte, error) {
	if !y.Ready() {
		if y.promised {
			y.promised = false
			if _, err := y.c.nc.Write([]byte("HTTP/1.1 100 Continue\r\n\r\n")); err != nil {
				return nil, err
			}
		}
		now := clock.System{}.Now()
		if y.begun.IsZero() {
			y.begun = now
		}
		if spent := now.Sub(y.begun); spent > grace && y.read < int64(spent/time.Second)*slowest {
			return nil, errSlow
		}
		_ = y.c.nc.SetReadDeadline(now.Add(y.timeout))
	}
	p, err := y.Body.Next()
	y.read += int64(len(p))
	return p, err
}

// TrailerFields returns the fields behind the content.
func (y *clientBody) TrailerFields() []http1.Field { return y.Trailers }

// rest reads what the target did not want, if it is little and already here; otherwise
// the connection cannot be used again.
func (y *clientBody) rest() bool {
	for !y.Done() {
		if !y.Ready() || y.promised || y.read > 256<<10 {
			return false
		}
		if _, err := y.Next(); err != nil && !errors.Is(err, io.EOF) {
			return false
		}
	}
	return true
}
