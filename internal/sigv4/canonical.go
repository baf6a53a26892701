package sigv4

import (
	"bytes"
	"net/http"
	"net/textproto"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// A scratch is the memory in which canonical requests are written.
type scratch struct {
	request   []byte
	query     []byte
	text      []byte // to sign
	signature []byte
	pairs     []pair
}

// A pair is one parameter, escaped, in scratch.query: name from start to mid,
// value from mid to end.
type pair struct{ start, mid, end int }

// maxKept bounds what of a large request the pool keeps.
const maxKept = 64 << 10

// scratches holds what no request is using.
type scratches struct{ pool sync.Pool }

func (p *scratches) get() *scratch {
	if c, ok := p.pool.Get().(*scratch); ok {
		return c
	}
	return &scratch{request: make([]byte, 0, 2048)}
}

func (p *scratches) put(c *scratch) {
	if cap(c.request) > maxKept || cap(c.query) > maxKept {
		return
	}
	// Tokens stand in here.
	clear(c.request[:cap(c.request)])
	clear(c.query[:cap(c.query)])
	p.pool.Put(c)
}

// canonical writes the canonical request (Signature Version 4, "Create a
// canonical request"), with payload as its last line.
func (c *scratch) canonical(r *http.Request, s *Signature, payload string) *Error {
	b := append(append(c.request[:0], r.Method...), '\n')
	b, ok := s.appendPath(b, r.URL)
	if !ok {
		return malformedQuery(s.dialect)
	}
	b = append(b, '\n')
	if b, ok = c.appendQuery(b, r.URL.RawQuery, s.Presigned); !ok {
		return malformedQuery(s.dialect)
	}
	b = append(b, '\n')
	for _, name := range s.SignedHeaders {
		b = append(append(b, name...), ':')
		if b, ok = appendHeader(b, r, name); !ok {
			return s.mismatch()
		}
		b = append(b, '\n')
	}
	b = append(append(append(b, '\n'), s.headerList...), '\n')
	c.request = append(b, payload...)
	return nil
}

// appendQuery appends the parameters, escaped and then sorted by name and value.
// It returns false for what handlers could read in another way than it is
// signed: an escape that is none, or a raw semicolon, at which net/url drops the
// parameter. The list of signed headers is read here alone and may have both.
func (c *scratch) appendQuery(dst []byte, raw string, presigned bool) ([]byte, bool) {
	c.query, c.pairs = c.query[:0], c.pairs[:0]
	for part := range strings.SplitSeq(raw, "&") {
		name, value, _ := strings.Cut(part, "=")
		if part == "" || presigned && name == "X-Amz-Signature" {
			continue
		}
		if name != "X-Amz-SignedHeaders" && strings.IndexByte(part, ';') >= 0 {
			return dst, false
		}
		p := pair{start: len(c.query)}
		var ok, ok2 bool
		c.query, ok = appendReescaped(c.query, name, 0, ' ')
		p.mid = len(c.query)
		c.query, ok2 = appendReescaped(c.query, value, 0, ' ')
		p.end = len(c.query)
		if !ok || !ok2 {
			return dst, false
		}
		c.pairs = append(c.pairs, p)
	}
	slices.SortFunc(c.pairs, c.compare)
	for i, p := range c.pairs {
		if i > 0 {
			dst = append(dst, '&')
		}
		dst = append(append(dst, c.query[p.start:p.mid]...), '=')
		dst = append(dst, c.query[p.mid:p.end]...)
	}
	return dst, true
}

func (c *scratch) compare(a, b pair) int {
	if n := bytes.Compare(c.query[a.start:a.mid], c.query[b.start:b.mid]); n != 0 {
		return n
	}
	return bytes.Compare(c.query[a.mid:a.end], c.query[b.mid:b.end])
}

// appendHeader appends a header's values, joined by commas in their order. It
// returns false for a header that the request does not have.
func appendHeader(dst []byte, r *http.Request, name string) ([]byte, bool) {
	switch name {
	case "host":
		return appendTrimmed(dst, r.Host), true
	case "content-length":
		// net/http has checked the header against what it will read.
		if r.Header["Content-Length"] == nil && r.ContentLength >= 0 {
			return strconv.AppendInt(dst, r.ContentLength, 10), true
		}
	case "transfer-encoding":
		return append(dst, strings.Join(r.TransferEncoding, ",")...), len(r.TransferEncoding) > 0
	}
	values := headerValues(r.Header, name)
	for i, v := range values {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendTrimmed(dst, v)
	}
	return dst, len(values) > 0
}

// headerValues looks a lower-case name up without making a string of its
// canonical form.
func headerValues(h http.Header, name string) []string {
	var buf [64]byte
	if len(name) > len(buf) {
		return h[textproto.CanonicalMIMEHeaderKey(name)]
	}
	key := append(buf[:0], name...)
	for i, c := range key {
		if 'a' <= c && c <= 'z' && (i == 0 || key[i-1] == '-') {
			key[i] = c - ('a' - 'A')
		}
	}
	return h[string(key)]
}

// appendTrimmed appends a value without the white space at its ends, and with
// one space for each run of it within.
func appendTrimmed(dst []byte, value string) []byte {
	start, space := len(dst), false
	for i := range len(value) {
		switch c := value[i]; c {
		case ' ', '\t', '\r', '\n', '\v', '\f':
			space = true
		default:
			if space && len(dst) > start {
				dst = append(dst, ' ')
			}
			space = false
			dst = append(dst, c)
		}
	}
	return dst
}
