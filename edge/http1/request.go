package http1

import "bytes"

// Limits of a request's head (Application Load Balancer quotas, "HTTP headers").
const (
	MaxLine   = 16 << 10 // request line, and any one field
	MaxHead   = 64 << 10 // the whole head
	maxFields = 1000     // bounds the work of one head of tiny fields
)

// A Request is a parsed head. Its slices share the buffer given to Parse.
type Request struct {
	Method, Target []byte // Target is in origin form, or "*"
	Host           []byte // authority of an absolute target, else the Host field
	Fields         []Field
	Minor          int // HTTP/1.Minor
	Length         int64
	Chunked        bool
	Class          Class
	Reason         Reason
	Close          bool // no further request follows on this connection
	Continue       bool // Expect: 100-continue
	Upgrade        []byte

	hosts, lengths, codings int
	upgrading, persist      bool
}

// HasBody reports whether content follows the head.
func (r *Request) HasBody() bool { return r.Chunked || r.Length > 0 }

// Field returns the first value of a kind, nil when there is none.
func (r *Request) Field(k Kind) []byte {
	for i := range r.Fields {
		if r.Fields[i].Kind == k {
			return r.Fields[i].Value
		}
	}
	return nil
}

// Parse reads a whole head, its last empty line included, and keeps no copy of it.
// Folded lines are unfolded in place. The error is a *Refusal.
func (r *Request) Parse(head []byte) error {
	*r = Request{Fields: r.Fields[:0]}
	line, rest := r.line(head)
	if err := r.parseLine(line); err != nil {
		return err
	}
	for len(rest) > 0 {
		line, rest = r.line(rest)
		if len(line) == 0 {
			break
		}
		if err := r.parseField(line); err != nil {
			return err
		}
	}
	return r.frame()
}

// line cuts one line off b; a bare LF ends a line too, and is noted.
func (r *Request) line(b []byte) (line, rest []byte) {
	i := bytes.IndexByte(b, '\n')
	if i < 0 {
		i = len(b)
	}
	line, rest = b[:i], b[min(i+1, len(b)):]
	if i > 0 && b[i-1] == '\r' {
		return line[:i-1], rest
	}
	r.note(Acceptable, NonCrLfLineTermination)
	return line, rest
}

func (r *Request) note(c Class, why Reason) {
	if c > r.Class {
		r.Class, r.Reason = c, why
	}
}

// refuse ends parsing: nothing of the request is forwarded in any mode.
func (r *Request) refuse(status int, why Reason) error {
	r.Class, r.Reason = Severe, why
	return &Refusal{Status: status, Class: Severe, Reason: why}
}

func (r *Request) parseLine(line []byte) error {
	if len(line) > MaxLine {
		return r.refuse(414, BadURI)
	}
	first, last := bytes.IndexByte(line, ' '), bytes.LastIndexByte(line, ' ')
	if first <= 0 || first == last {
		if first <= 0 {
			return r.refuse(400, BadMethod)
		}
		return r.refuse(400, BadVersion)
	}
	r.Method, r.Target = line[:first], line[first+1:last]
	if !all(r.Method, token) {
		return r.refuse(400, BadMethod)
	}
	if err := r.parseVersion(line[last+1:]); err != nil {
		return err
	}
	return r.parseTarget()
}

func (r *Request) parseVersion(v []byte) error {
	if len(v) != 8 || string(v[:5]) != "HTTP/" || v[6] != '.' || v[5] < '0' || v[5] > '9' || v[7] < '0' || v[7] > '9' {
		return r.refuse(400, BadVersion)
	}
	if v[5] != '1' {
		return r.refuse(505, BadVersion)
	}
	if r.Minor = int(v[7] - '0'); r.Minor > 1 {
		r.note(Acceptable, NonCompliantVersion)
		r.Minor = 1
	}
	return nil
}

func (r *Request) parseTarget() error {
	for _, c := range r.Target {
		switch {
		case octets[c]&target != 0:
		case c == 0 || c == '\r':
			return r.refuse(400, BadURI)
		case c == ' ':
			r.note(Acceptable, SpaceInURI)
		default:
			r.note(Ambiguous, AmbiguousURI)
		}
	}
	r.Target = bytes.Trim(r.Target, " ")
	switch {
	case len(r.Target) == 0:
		return r.refuse(400, BadURI)
	case r.Target[0] == '/':
		return nil
	case len(r.Target) == 1 && r.Target[0] == '*' && string(r.Method) == "OPTIONS":
		return nil
	default:
		return r.absolute()
	}
}

// absolute takes http://authority/path apart: the authority stands for the Host
// field, whatever that says (RFC 9112 §3.2.2).
func (r *Request) absolute() error {
	var rest []byte
	switch {
	case len(r.Target) > 7 && EqualFold(r.Target[:7], "http://"):
		rest = r.Target[7:]
	case len(r.Target) > 8 && EqualFold(r.Target[:8], "https://"):
		rest = r.Target[8:]
	default:
		return r.refuse(400, BadURI)
	}
	end := bytes.IndexAny(rest, "/?#")
	if end < 0 {
		r.Host, r.Target = rest, []byte("/")
	} else if rest[end] == '/' {
		r.Host, r.Target = rest[:end], rest[end:]
	} else {
		r.Host, r.Target = rest[:end], append([]byte("/"), rest[end:]...)
	}
	if bytes.IndexByte(r.Host, '@') >= 0 || !validHost(r.Host) {
		return r.refuse(400, BadURI)
	}
	return nil
}

// validHost admits reg-names, addresses and a port, and nothing that a log, a rule or
// a target could read as more than that.
func validHost(h []byte) bool {
	if len(h) == 0 || len(h) > 255+6 {
		return false
	}
	for _, c := range h {
		if octets[c]&plain == 0 && !bytes.ContainsRune([]byte("._:[]%~!$&'()*+,;="), rune(c)) {
			return false
		}
	}
	return true
}
