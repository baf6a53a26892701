package http1

import (
	"bytes"
	"errors"
)

// MaxResponseHead is the largest head taken from a target (Application Load Balancer
// quotas: entire response header).
const MaxResponseHead = 32 << 10

// ErrBadResponse is a target's answer that is not HTTP/1.
var ErrBadResponse = errors.New("http1: malformed response")

// A Response is a parsed head. Its slices share the buffer given to Parse.
type Response struct {
	Status     int
	Reason     []byte
	Fields     []Field
	Minor      int
	Length     int64 // bytes of content, -1 when chunked, -2 until the connection ends
	Close      bool
	Connection []byte // the Connection field's value
	// Announced is the Content-Length field, -1 without one. It differs from Length where
	// there is no content: answers to HEAD, and 304.
	Announced int64
}

// Untold marks a response whose end only the connection's end tells.
const Untold = -2

// Parse reads a response's head. head reports whether the request was HEAD, whose
// answers carry no content.
func (p *Response) Parse(raw []byte, head bool) error {
	*p = Response{Fields: p.Fields[:0]}
	line, rest := cutLine(raw)
	if !p.statusLine(line) {
		return ErrBadResponse
	}
	seen := seenFraming{length: -1}
	for len(rest) > 0 {
		if line, rest = cutLine(rest); len(line) == 0 {
			break
		}
		if !p.field(line, &seen) {
			return ErrBadResponse
		}
	}
	return p.frame(seen, head)
}

func cutLine(b []byte) (line, rest []byte) {
	i := bytes.IndexByte(b, '\n')
	if i < 0 {
		return b, nil
	}
	line, rest = b[:i], b[i+1:]
	if i > 0 && b[i-1] == '\r' {
		line = line[:i-1]
	}
	return line, rest
}

func (p *Response) statusLine(line []byte) bool {
	if len(line) < 12 || string(line[:7]) != "HTTP/1." || line[8] != ' ' || line[7] < '0' || line[7] > '9' {
		return false
	}
	n, ok := parseLength(line[9:12])
	if !ok || n < 100 || len(line) > 12 && line[12] != ' ' {
		return false
	}
	p.Status, p.Minor, p.Reason = int(n), int(line[7]-'0'), line[min(13, len(line)):]
	return all(p.Reason, vchar) || !bytes.ContainsAny(p.Reason, "\x00\r")
}

type seenFraming struct {
	length  int64
	chunked bool
	persist bool
}

func (p *Response) field(line []byte, seen *seenFraming) bool {
	colon := bytes.IndexByte(line, ':')
	if colon <= 0 || len(p.Fields) >= maxFields || !all(line[:colon], token) {
		return false
	}
	f := Field{Name: line[:colon], Value: trim(line[colon+1:])}
	if bytes.IndexByte(f.Value, 0) >= 0 || bytes.IndexByte(f.Value, '\r') >= 0 {
		return false
	}
	switch f.Kind = KindOf(f.Name); f.Kind {
	case ContentLength:
		n, ok := parseLength(f.Value)
		if !ok || seen.length >= 0 && seen.length != n {
			return false
		}
		seen.length = n
		return true
	case TransferEncoding:
		if seen.chunked || !EqualFold(f.Value, "chunked") {
			return false
		}
		seen.chunked = true
		return true
	case Connection:
		p.Connection = f.Value
		p.Close = p.Close || HasToken(f.Value, "close")
		seen.persist = HasToken(f.Value, "keep-alive")
	default:
	}
	p.Fields = append(p.Fields, f)
	return true
}

// frame decides the content's length (RFC 9112 §6.3).
func (p *Response) frame(seen seenFraming, head bool) error {
	if p.Minor == 0 && !seen.persist {
		p.Close = true
	}
	switch {
	case seen.chunked && (seen.length >= 0 || p.Minor == 0):
		return ErrBadResponse // a target that smuggles answers poisons the connection
	case p.Status < 200 || p.Status == 204 || p.Status == 304 || head:
		p.Length = 0
	case seen.chunked:
		p.Length = -1
	case seen.length >= 0:
		p.Length = seen.length
	default:
		p.Length, p.Close = Untold, true
	}
	p.Announced = seen.length
	return nil
}
