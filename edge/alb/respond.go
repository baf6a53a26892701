package alb

import (
	"strconv"
	"time"

	"github.com/garrison-cloud/garrison/edge/http1"
	"github.com/garrison-cloud/garrison/internal/clock"
)

// A responder writes one response to a client, over HTTP/1 or HTTP/2.
type responder interface {
	// begin writes the head. length is the content's, -1 when unknown; announced is the
	// Content-Length to show, which differs for HEAD.
	begin(h *head) error
	// write adds content; it may stay buffered until flush.
	write(p []byte) error
	flush() error
	// end finishes the content.
	end(trailers []http1.Field) error
	// inform writes an interim response.
	inform(r *http1.Response) error
}

// head is a response's head on its way to a client.
type head struct {
	status    int
	reason    []byte
	fields    []http1.Field
	extra     []http1.Field
	length    int64 // -1 unknown
	announced int64 // Content-Length to show, -1 for none
	noContent bool  // HEAD, 204, 304
	close     bool
	old       bool // the client speaks HTTP/1.0
	upgrade   []byte
	server    bool // keep the target's Server field
}

const flushAt = 32 << 10

// begin implements responder for HTTP/1.
func (c *client) begin(h *head) error {
	c.chunked = false
	b := append(c.out, "HTTP/1.1 "...)
	b = strconv.AppendInt(b, int64(h.status), 10)
	b = append(b, ' ')
	b = append(append(b, h.reason...), "\r\n"...)
	for i := range h.fields {
		if f := &h.fields[i]; passes(f.Kind) && (h.server || f.Kind != http1.Server) {
			b = appendField(b, f.Name, f.Value)
		}
	}
	for i := range h.extra {
		b = appendField(b, h.extra[i].Name, h.extra[i].Value)
	}
	switch {
	case h.upgrade != nil:
		b = append(append(append(b, "Connection: Upgrade\r\nUpgrade: "...), h.upgrade...), "\r\n"...)
	case h.announced >= 0 && h.status != 204:
		b = strconv.AppendInt(append(b, "Content-Length: "...), h.announced, 10)
		b = append(b, "\r\n"...)
	case !h.noContent && h.length < 0 && !h.old:
		c.chunked = true
		b = append(b, "Transfer-Encoding: chunked\r\n"...)
	}
	if h.upgrade == nil {
		if h.close {
			b = append(b, "Connection: close\r\n"...)
		} else {
			b = append(b, "Connection: keep-alive\r\n"...)
		}
	}
	c.out = append(b, "\r\n"...)
	return nil
}

// passes reports whether a target's field goes on to the client.
func passes(k http1.Kind) bool {
	switch k {
	case http1.Connection, http1.KeepAlive, http1.ProxyConnection, http1.TransferEncoding, http1.Upgrade, http1.TE, http1.Trailer, http1.ContentLength:
		return false
	default:
		return true
	}
}

func appendField(b, name, value []byte) []byte {
	b = append(append(b, name...), ": "...)
	return append(append(b, value...), "\r\n"...)
}

func (c *client) write(p []byte) error {
	if len(p) == 0 {
		return nil
	}
	if c.chunked {
		c.out = strconv.AppendUint(c.out, uint64(len(p)), 16)
		c.out = append(c.out, "\r\n"...)
	}
	if len(c.out)+len(p) > flushAt {
		if err := c.flush(); err != nil {
			return err
		}
		if err := c.send(p); err != nil {
			return err
		}
	} else {
		c.out = append(c.out, p...)
	}
	if c.chunked {
		c.out = append(c.out, "\r\n"...)
	}
	return nil
}

func (c *client) end(trailers []http1.Field) error {
	if !c.chunked {
		return nil
	}
	c.chunked = false
	c.out = append(c.out, "0\r\n"...)
	for i := range trailers {
		c.out = appendField(c.out, trailers[i].Name, trailers[i].Value)
	}
	c.out = append(c.out, "\r\n"...)
	return nil
}

func (c *client) inform(r *http1.Response) error {
	b := strconv.AppendInt(append(c.out, "HTTP/1.1 "...), int64(r.Status), 10)
	b = append(append(append(b, ' '), r.Reason...), "\r\n"...)
	for i := range r.Fields {
		if passes(r.Fields[i].Kind) {
			b = appendField(b, r.Fields[i].Name, r.Fields[i].Value)
		}
	}
	c.out = append(b, "\r\n"...)
	return c.flush()
}

func (c *client) flush() error {
	if len(c.out) == 0 {
		return nil
	}
	err := c.send(c.out)
	if c.out = c.out[:0]; cap(c.out) > 2*flushAt {
		c.out = nil
	}
	return err
}

// send writes under a deadline, so that a client which reads nothing holds nothing.
func (c *client) send(p []byte) error {
	if now := (clock.System{}).Now(); now.Sub(c.armed) > time.Second {
		c.armed = now
		_ = c.nc.SetWriteDeadline(now.Add(c.b.live.Load().idle + time.Second))
	}
	n, err := c.nc.Write(p)
	c.sent += int64(n)
	return err
}
