package eventpattern

import (
	"encoding/json"
	"errors"
	"strings"
)

// maxDepth bounds how deep events and patterns nest (EventBridge API Reference,
// PutEvents: nested JSON up to 1100 levels deep, the envelope included).
const maxDepth = 1100

// ErrEvent says that a text is no event: it must be one JSON object.
var ErrEvent = errors.New("not a JSON object")

// An Event is a parsed JSON object. It never changes, and is safe for concurrent use.
type Event struct{ root node }

// A node is one JSON value. kind is '"' string, '0' number, 't' true, 'f' false,
// 'n' null, '{' object or '[' array.
type node struct {
	kind byte
	// text is a string's content, or a number's spelling; raw is the whole value as it
	// is written.
	text   string
	raw    string
	fields []field
	items  []node
	// end is the offset behind the token that begins the value.
	end int
}

type field struct {
	name string
	// end is the offset behind the name.
	end   int
	value node
}

// ParseEvent reads an event. The event keeps parts of text. The error is ErrEvent.
func ParseEvent(text string) (*Event, error) {
	root, err := parse(text)
	if err != nil || root.kind != '{' {
		return nil, ErrEvent
	}
	return &Event{root}, nil
}

// parse reads one JSON value.
func parse(text string) (node, error) {
	if !json.Valid([]byte(text)) {
		return node{}, ErrEvent
	}
	r := reader{text: text}
	n := r.value(0)
	if r.deep {
		return node{}, ErrEvent
	}
	return n, nil
}

// A reader reads JSON that is known to be valid.
type reader struct {
	text string
	at   int
	deep bool
}

func (r *reader) space() {
	for r.at < len(r.text) && strings.IndexByte(" \t\r\n", r.text[r.at]) >= 0 {
		r.at++
	}
}

func (r *reader) value(depth int) node {
	r.space()
	from := r.at
	n := r.bare(depth)
	n.raw = r.text[from:r.at]
	return n
}

// bare is value without raw.
func (r *reader) bare(depth int) node {
	if depth > maxDepth || r.deep {
		r.deep = true
		return node{}
	}
	switch c := r.text[r.at]; c {
	case '{':
		return r.object(depth)
	case '[':
		return r.array(depth)
	case '"':
		text := r.string()
		return node{kind: '"', text: text, end: r.at}
	case 't', 'n':
		r.at += 4
		return node{kind: c, end: r.at}
	case 'f':
		r.at += 5
		return node{kind: c, end: r.at}
	default:
		from := r.at
		for r.at < len(r.text) && strings.IndexByte("+-.eE0123456789", r.text[r.at]) >= 0 {
			r.at++
		}
		return node{kind: '0', text: r.text[from:r.at], end: r.at}
	}
}

func (r *reader) object(depth int) node {
	r.at++
	n := node{kind: '{', end: r.at}
	for r.more('}') {
		r.space()
		f := field{name: r.string(), end: r.at}
		r.space()
		r.at++ // the colon
		f.value = r.value(depth + 1)
		if r.deep {
			return n
		}
		n.fields = append(n.fields, f)
	}
	return n
}

func (r *reader) array(depth int) node {
	r.at++
	n := node{kind: '[', end: r.at}
	for r.more(']') {
		n.items = append(n.items, r.value(depth+1))
		if r.deep {
			return n
		}
	}
	return n
}

// more passes over a comma, or over the end, which it tells by false.
func (r *reader) more(end byte) bool {
	r.space()
	switch r.text[r.at] {
	case end:
		r.at++
		return false
	case ',':
		r.at++
	}
	return true
}

func (r *reader) string() string {
	from := r.at
	escaped := false
	for r.at++; r.text[r.at] != '"'; r.at++ {
		if r.text[r.at] == '\\' {
			escaped = true
			r.at++
		}
	}
	r.at++
	if !escaped {
		return r.text[from+1 : r.at-1]
	}
	var s string
	if json.Unmarshal([]byte(r.text[from:r.at]), &s) != nil {
		return r.text[from+1 : r.at-1] // it is valid, so this is never reached
	}
	return s
}

// get returns an object's field, nil if it has none. Of fields of one name the last
// counts.
func (n *node) get(name string) *node {
	for i := len(n.fields) - 1; i >= 0; i-- {
		if n.fields[i].name == name {
			return &n.fields[i].value
		}
	}
	return nil
}

// Has reports whether the event has a field, whatever its value.
func (e *Event) Has(name string) bool { return e.root.get(name) != nil }
