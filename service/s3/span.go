package s3

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/garrison-cloud/garrison/internal/wire"
)

// A span is which part of an object is wanted.
type span struct {
	off, n  int64
	partial bool // a range or a part was asked for
	part    int  // its number; 0: none was asked for
	size    int64
}

// whole tells that all of the object is wanted.
func (s span) whole() bool { return s.n == s.size }

// header is Content-Range, for an answer that is a part.
func (s span) header(size int64) *string {
	if !s.partial || s.n == 0 && size == 0 {
		return nil
	}
	text := fmt.Sprintf("bytes %d-%d/%d", s.off, s.off+s.n-1, size)
	return &text
}

// spanOf reads the range or the part that a request asks for.
func spanOf(r *getRequest, g *gotten) (span, error) {
	all := span{n: g.version.Size, size: g.version.Size}
	if r.part != nil {
		if r.ranges != nil {
			return all, fail("InvalidRequest", "Cannot specify both Range header and partNumber query parameter")
		}
		return g.partSpan(int(*r.part))
	}
	if r.ranges == nil {
		return all, nil
	}
	off, n, ok := parseRange(*r.ranges, g.version.Size)
	if !ok {
		return all, nil // what is no range asks for everything (RFC 9110, 14.2)
	}
	if n <= 0 {
		e := refuse(http.StatusRequestedRangeNotSatisfiable, "InvalidRange", "The requested range is not satisfiable",
			wire.Detail{Name: "RangeRequested", Value: *r.ranges}, wire.Detail{Name: "ActualObjectSize", Value: strconv.FormatInt(g.version.Size, 10)})
		e.Header = http.Header{"Content-Range": {"bytes */" + strconv.FormatInt(g.version.Size, 10)}}
		return all, e
	}
	return span{off: off, n: n, partial: true, size: g.version.Size}, nil
}

func (g *gotten) partSpan(number int) (span, error) {
	s := span{partial: true, part: number, size: g.version.Size}
	if len(g.parts) == 0 {
		s.n = s.size
		if number == 1 {
			return s, nil
		}
	}
	if number < 1 || number > max(1, len(g.parts)) {
		return s, refuse(http.StatusRequestedRangeNotSatisfiable, "InvalidPartNumber", "The requested partnumber is not satisfiable",
			wire.Detail{Name: "PartNumberRequested", Value: strconv.Itoa(number)}, wire.Detail{Name: "ActualPartCount", Value: strconv.Itoa(max(1, len(g.parts)))})
	}
	for _, p := range g.parts[:number-1] {
		s.off += p.Size
	}
	s.n = g.parts[number-1].Size
	return s, nil
}

// parseRange reads one range of bytes. ok is false for anything else; n is 0 for one
// that lies outside of the object.
func parseRange(text string, size int64) (off, n int64, ok bool) {
	spec, ok := strings.CutPrefix(strings.TrimSpace(text), "bytes=")
	from, to, dash := strings.Cut(spec, "-")
	if !ok || !dash || strings.Contains(spec, ",") {
		return 0, 0, false
	}
	from, to = strings.TrimSpace(from), strings.TrimSpace(to)
	if from == "" {
		n, ok = parseSize(to)
		n = min(n, size)
		return size - n, n, ok
	}
	off, ok = parseSize(from)
	if !ok {
		return 0, 0, false
	}
	last := size - 1
	if to != "" {
		end, ok := parseSize(to)
		if !ok || end < off {
			return 0, 0, false
		}
		last = min(last, end)
	}
	if off >= size {
		return off, 0, true
	}
	return off, last - off + 1, true
}

func parseSize(s string) (int64, bool) {
	n, err := strconv.ParseUint(s, 10, 63)
	return int64(n), err == nil //nolint:gosec // 63 bits
}
