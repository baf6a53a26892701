package http1

import (
	"bytes"
	"io"
)

const (
	maxChunkLine = 256      // size and extensions: extensions are dropped, and so bounded
	maxTrailer   = 16 << 10 // the whole trailer section
)

// bodyState is what a Body waits for next.
type bodyState uint8

const (
	bodyDone bodyState = iota
	bodyLength
	bodyUntilClose
	chunkSize
	chunkData
	chunkEnd
)

// A Body reads the content of one message out of a Reader.
type Body struct {
	b     *Reader
	state bodyState
	left  int64
	// Trailers are the fields behind a chunked body, set when Next returned io.EOF.
	Trailers []Field
}

// Reset points the body at a message of n bytes; n < 0 means chunked.
func (y *Body) Reset(b *Reader, n int64) {
	*y = Body{b: b, left: n}
	switch {
	case n > 0:
		y.state = bodyLength
	case n < 0:
		y.state, y.left = chunkSize, 0
	}
}

// ResetUntilClose points the body at a response that ends with its connection.
func (y *Body) ResetUntilClose(b *Reader) { *y = Body{b: b, state: bodyUntilClose} }

// Done reports whether the body was read to its end, so that the connection can serve again.
func (y *Body) Done() bool { return y.state == bodyDone }

// Ready reports whether Next would return without waiting for the peer.
func (y *Body) Ready() bool { return y.state == bodyDone || y.b.Buffered() > 0 }

// Next returns the next piece of content, valid until the following call, and io.EOF at
// the end. A peer that stops early gives io.ErrUnexpectedEOF, bad framing ErrMalformed.
func (y *Body) Next() ([]byte, error) {
	for {
		switch y.state {
		case bodyDone:
			return nil, io.EOF
		case bodyLength, chunkData, bodyUntilClose:
			return y.data()
		case chunkSize:
			if err := y.size(); err != nil {
				return nil, err
			}
		case chunkEnd:
			line, err := y.line(2)
			if err != nil {
				return nil, err
			}
			if len(line) != 0 {
				return nil, ErrMalformed
			}
			y.state = chunkSize
		}
	}
}

func (y *Body) data() ([]byte, error) {
	if y.b.Buffered() == 0 {
		if err := y.b.fill(); err != nil {
			if y.state == bodyUntilClose && err == io.EOF { //nolint:errorlint // a Reader returns it bare
				y.state = bodyDone
				return nil, io.EOF
			}
			return nil, early(err)
		}
	}
	p := y.b.buf[y.b.r:y.b.w]
	if y.state == bodyUntilClose {
		y.b.r = y.b.w
		return p, nil
	}
	if int64(len(p)) > y.left {
		p = p[:y.left]
	}
	y.b.r += len(p)
	if y.left -= int64(len(p)); y.left == 0 {
		if y.state == chunkData {
			y.state = chunkEnd
		} else {
			y.state = bodyDone
		}
	}
	return p, nil
}

func early(err error) error {
	if err == io.EOF { //nolint:errorlint // a Reader returns it bare
		return io.ErrUnexpectedEOF
	}
	return err
}

// line returns the next line without its CRLF; a bare LF ends nothing in a body.
func (y *Body) line(limit int) ([]byte, error) {
	for {
		p := y.b.buf[y.b.r:y.b.w]
		if i := bytes.IndexByte(p, '\n'); i >= 0 {
			if i == 0 || p[i-1] != '\r' || i > limit {
				return nil, ErrMalformed
			}
			y.b.r += i + 1
			return p[:i-1], nil
		}
		if len(p) > limit {
			return nil, ErrMalformed
		}
		if err := y.b.fill(); err != nil {
			return nil, early(err)
		}
	}
}

func (y *Body) size() error {
	line, err := y.line(maxChunkLine)
	if err != nil {
		return err
	}
	n, digits := int64(0), 0
	for ; digits < len(line); digits++ {
		d := unhex(line[digits])
		if d < 0 {
			break
		}
		n = n<<4 | int64(d)
	}
	rest := trim(line[digits:])
	if digits == 0 || digits > 15 || len(rest) > 0 && rest[0] != ';' || !all(rest, vchar) {
		return ErrMalformed
	}
	if n == 0 {
		return y.trailer()
	}
	y.state, y.left = chunkData, n
	return nil
}

func unhex(c byte) int {
	switch {
	case c >= '0' && c <= '9':
		return int(c - '0')
	case c >= 'a' && c <= 'f':
		return int(c-'a') + 10
	case c >= 'A' && c <= 'F':
		return int(c-'A') + 10
	}
	return -1
}

// trailer reads the fields behind the last chunk. Those that frame or route a message
// may not come so late (RFC 9110 §6.5.1) and are dropped.
func (y *Body) trailer() error {
	total := 0
	for {
		line, err := y.line(MaxLine)
		if err != nil {
			return err
		}
		if len(line) == 0 {
			y.state = bodyDone
			return nil
		}
		if total += len(line); total > maxTrailer {
			return ErrMalformed
		}
		colon := bytes.IndexByte(line, ':')
		if colon <= 0 || !all(line[:colon], token) || !all(line[colon+1:], vchar) {
			return ErrMalformed
		}
		if KindOf(line[:colon]) == Other && !looksLikeFraming(line[:colon]) {
			own := bytes.Clone(line) // the buffer moves on
			y.Trailers = append(y.Trailers, Field{Name: own[:colon], Value: trim(own[colon+1:])})
		}
	}
}
