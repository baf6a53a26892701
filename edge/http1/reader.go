package http1

import (
	"bytes"
	"errors"
	"io"
)

// Errors of reading a message.
var (
	ErrTooLarge  = errors.New("http1: head larger than allowed")
	ErrMalformed = errors.New("http1: malformed body")
)

const (
	firstBuffer = 4 << 10
	maxBuffer   = 64 << 10
)

// A Reader buffers one connection. What Head returned stays valid until Release, also
// while the body behind it is read. It is for one goroutine at a time.
type Reader struct {
	src  io.Reader
	buf  []byte
	r, w int // unread bytes are buf[r:w]
	mark int // buf[:mark] is pinned: somebody holds the head
	full bool
}

// NewReader returns a Reader over src. Its buffer is made with the first read.
func NewReader(src io.Reader) *Reader { return &Reader{src: src} }

// Buffered returns how many bytes lie read and unused.
func (b *Reader) Buffered() int { return b.w - b.r }

// Take returns the unused bytes and forgets them: they belong to whoever takes over the
// connection, as after an upgrade.
func (b *Reader) Take() []byte {
	p := b.buf[b.r:b.w]
	b.r = b.w
	return p
}

// Await waits for the first byte of a message.
func (b *Reader) Await() error {
	if b.r < b.w {
		return nil
	}
	return b.fill()
}

// Head returns the next message's head with its closing empty line. Empty lines before
// it are skipped (RFC 9112 §2.2). io.EOF means that the peer closed between messages.
func (b *Reader) Head(limit int) ([]byte, error) {
	scanned := b.r
	for {
		if b.r < b.w && scanned == b.r {
			b.skipEmptyLines()
			scanned = max(scanned, b.r)
		}
		if n := headEnd(b.buf[b.r:b.w], scanned-b.r); n > 0 {
			head := b.buf[b.r : b.r+n]
			b.r += n
			b.mark = b.r
			if n > limit {
				return nil, ErrTooLarge
			}
			return head, nil
		}
		if b.w-b.r > limit {
			return nil, ErrTooLarge
		}
		before, had := b.r, b.w-b.r
		scanned = max(b.r, b.w-3)
		if err := b.fill(); err != nil {
			if had > 0 && errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			return nil, err
		}
		scanned -= before - b.r
	}
}

func (b *Reader) skipEmptyLines() {
	for b.r < b.w && (b.buf[b.r] == '\n' || b.buf[b.r] == '\r' && b.r+1 < b.w && b.buf[b.r+1] == '\n') {
		b.r++
	}
}

// headEnd returns the length of the head in p, or 0 while its empty line is missing.
func headEnd(p []byte, from int) int {
	for i := max(from, 0); i < len(p); {
		nl := bytes.IndexByte(p[i:], '\n')
		if nl < 0 {
			return 0
		}
		i += nl + 1
		if i < len(p) && p[i] == '\n' {
			return i + 1
		}
		if i+1 < len(p) && p[i] == '\r' && p[i+1] == '\n' {
			return i + 2
		}
	}
	return 0
}

// fill reads at least one byte more.
func (b *Reader) fill() error {
	if b.r == b.w {
		b.r, b.w = b.mark, b.mark
	}
	if len(b.buf)-b.w == 0 || b.full && len(b.buf) < maxBuffer {
		b.room()
	}
	n, err := b.src.Read(b.buf[b.w:])
	b.w += n
	b.full = b.w == len(b.buf)
	if n > 0 {
		return nil
	}
	if err == nil {
		err = io.ErrNoProgress
	}
	return err
}

// room makes space behind the unread bytes. A pinned head keeps the old array, which
// the new one leaves to it.
func (b *Reader) room() {
	unread := b.w - b.r
	if b.mark == 0 && b.r > 0 && unread < len(b.buf)/2 {
		copy(b.buf, b.buf[b.r:b.w])
		b.r, b.w = 0, unread
		return
	}
	size := min(max(2*len(b.buf), firstBuffer), 2*maxBuffer)
	size = max(size, unread+firstBuffer)
	buf := make([]byte, size)
	copy(buf, b.buf[b.r:b.w])
	b.buf, b.r, b.w, b.mark = buf, 0, unread, 0
}

// Release lets go of the head, and of a buffer that one large message made large.
func (b *Reader) Release() {
	b.mark = 0
	if b.r < b.w {
		return
	}
	b.r, b.w, b.full = 0, 0, false
	if len(b.buf) > 4*firstBuffer {
		b.buf = nil
	}
}
