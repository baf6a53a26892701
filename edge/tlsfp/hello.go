// Package tlsfp reads a TLS ClientHello off a connection before the handshake uses it,
// and computes the fingerprints JA3 (MD5 over the hello's lists) and JA4 (FoxIO's TLS
// client fingerprint, BSD-3-Clause specification). It refuses hellos that are larger than
// any client sends, and never alters a byte.
//
// Flow: Peek → Hello, and a connection that begins anew.
package tlsfp

import (
	"encoding/binary"
	"errors"
	"io"
	"net"
)

// ErrNotTLS means that the first bytes are no ClientHello.
var ErrNotTLS = errors.New("tlsfp: no ClientHello")

const (
	maxHello  = 64 << 10
	recordLen = 5
)

// A Hello is what a ClientHello told.
type Hello struct {
	Version    uint16
	Ciphers    []uint16
	Extensions []uint16
	Groups     []uint16
	Points     []uint8
	Signatures []uint16
	Versions   []uint16
	ALPN       []string
	ServerName string
	JA3, JA4   string // 32 hex digits; 36 characters
	JA3Raw     string
}

// A Conn gives the peeked bytes again before those that follow.
type Conn struct {
	net.Conn
	peeked []byte
}

// Read implements net.Conn.
func (c *Conn) Read(p []byte) (int, error) {
	if len(c.peeked) > 0 {
		n := copy(p, c.peeked)
		c.peeked = c.peeked[n:]
		return n, nil
	}
	return c.Conn.Read(p)
}

// CloseWrite ends the sending side, where the connection under it can.
func (c *Conn) CloseWrite() error {
	if h, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return h.CloseWrite()
	}
	return c.Close()
}

// Peek reads the ClientHello of c. The returned connection is to be used in c's place,
// also after an error. The caller sets the deadline.
func Peek(c net.Conn) (*Conn, *Hello, error) {
	out := &Conn{Conn: c, peeked: make([]byte, 0, 1024)}
	var message []byte
	for used := 0; ; {
		n, err := out.record(used)
		if err != nil {
			return out, nil, err
		}
		message = append(message, out.peeked[used+recordLen:used+recordLen+n]...)
		used += recordLen + n
		if len(message) < 4 {
			continue
		}
		want := 4 + (int(message[1])<<16 | int(message[2])<<8 | int(message[3]))
		if message[0] != 1 || want > maxHello {
			return out, nil, ErrNotTLS
		}
		if len(message) >= want {
			h, err := Parse(message[4:want])
			return out, h, err
		}
	}
}

// record makes sure that the handshake record at from is read whole, and returns the
// length of its content.
func (c *Conn) record(from int) (int, error) {
	if err := c.have(from + recordLen); err != nil {
		return 0, err
	}
	rec := c.peeked[from:]
	n := int(binary.BigEndian.Uint16(rec[3:]))
	if rec[0] != 22 || rec[1] != 3 || n == 0 || n > 1<<14 {
		return 0, ErrNotTLS
	}
	return n, c.have(from + recordLen + n)
}

func (c *Conn) have(n int) error {
	for len(c.peeked) < n {
		if err := c.more(); err != nil {
			return err
		}
	}
	return nil
}

func (c *Conn) more() error {
	if len(c.peeked) > 2*maxHello {
		return ErrNotTLS
	}
	if cap(c.peeked)-len(c.peeked) < 512 {
		c.peeked = append(make([]byte, 0, 2*cap(c.peeked)), c.peeked...)
	}
	n, err := c.Conn.Read(c.peeked[len(c.peeked):cap(c.peeked)])
	c.peeked = c.peeked[:len(c.peeked)+n]
	if n > 0 {
		return nil
	}
	if err == nil {
		err = io.ErrNoProgress
	}
	return err
}

// cursor reads big-endian fields; bad sticks once a field is cut short.
type cursor struct {
	b   []byte
	bad bool
}

func (c *cursor) take(n int) []byte {
	if n > len(c.b) || c.bad {
		c.bad = true
		return nil
	}
	p := c.b[:n]
	c.b = c.b[n:]
	return p
}

func (c *cursor) u8() int {
	if p := c.take(1); p != nil {
		return int(p[0])
	}
	return 0
}

func (c *cursor) u16() int {
	if p := c.take(2); p != nil {
		return int(binary.BigEndian.Uint16(p))
	}
	return 0
}

func (c *cursor) list16(n int) []uint16 {
	p := c.take(n)
	if n%2 != 0 {
		c.bad = true
		return nil
	}
	out := make([]uint16, 0, len(p)/2)
	for ; len(p) > 1; p = p[2:] {
		out = append(out, binary.BigEndian.Uint16(p))
	}
	return out
}

// Parse reads a ClientHello's body (RFC 8446 §4.1.2), without the handshake header.
func Parse(body []byte) (*Hello, error) {
	c := &cursor{b: body}
	h := &Hello{Version: uint16(c.u16())} //nolint:gosec // two bytes
	c.take(32)
	c.take(c.u8())
	h.Ciphers = c.list16(c.u16())
	c.take(c.u8())
	if len(c.b) > 0 {
		x := &cursor{b: c.take(c.u16())}
		for len(x.b) > 0 && !x.bad {
			kind := uint16(x.u16()) //nolint:gosec // two bytes
			data := x.take(x.u16())
			h.Extensions = append(h.Extensions, kind)
			if !h.extension(kind, data) {
				return nil, ErrNotTLS
			}
		}
		c.bad = c.bad || x.bad
	}
	if c.bad {
		return nil, ErrNotTLS
	}
	h.fingerprint()
	return h, nil
}

// extension reads those that fingerprints and routing need.
func (h *Hello) extension(kind uint16, data []byte) bool {
	c := &cursor{b: data}
	switch kind {
	case 0:
		if len(data) > 0 {
			c.u16()
			if c.u8() == 0 {
				h.ServerName = string(c.take(c.u16()))
			}
		}
	case 10:
		h.Groups = c.list16(c.u16())
	case 11:
		h.Points = append(h.Points, c.take(c.u8())...)
	case 13:
		h.Signatures = c.list16(c.u16())
	case 16:
		for l := (&cursor{b: c.take(c.u16())}); len(l.b) > 0 && !l.bad; {
			h.ALPN = append(h.ALPN, string(l.take(l.u8())))
		}
	case 43:
		h.Versions = c.list16(c.u8())
	}
	return !c.bad
}
