// Package jsonwalk reads the keys and values of a JSON text one after another,
// without a tree and without memory of its own.
//
// It is as lenient as AWS WAF says its parser is: a missing comma or colon, and
// too many of them, do not end it, since an origin's parser may be as lenient.
// Every one of a repeated key's values is read. It refuses more than 64 levels
// and 4,096 leaves, and says so apart from bad syntax.
//
//	Walker.Reset(text) → Next … Next → Fault
package jsonwalk

import "strconv"

// Limits of a text.
const (
	MaxDepth  = 64
	MaxLeaves = 4096
)

// Fault is why a walk ended.
type Fault uint8

// A walk ends at the end of the text (None), at the end of a text that is not
// complete (Cut), at bad syntax (Invalid), or at a limit (Limit).
const (
	None Fault = iota
	Cut
	Invalid
	Limit
)

// Token is a key or a value that is no container. Text is without quotes, its
// escapes still in it if Escaped.
type Token struct {
	Text    string
	Key     bool
	Escaped bool
}

type frame struct {
	object, wantKey bool
	index           int
	path            int
}

// Walker walks one text.
type Walker struct {
	src    string
	pos    int
	depth  int
	leaves int
	fault  Fault
	track  bool
	path   []byte
	stack  [MaxDepth + 1]frame
}

// Reset begins with a text. With track, Path is known.
func (w *Walker) Reset(text string, track bool) {
	w.src, w.pos, w.depth, w.leaves, w.fault, w.track = text, 0, 0, 0, None, track
	w.path = w.path[:0]
	w.stack[0] = frame{}
}

// Fault says why Next returned false.
func (w *Walker) Fault() Fault { return w.fault }

// Pos is how far the text was read, in bytes.
func (w *Walker) Pos() int { return w.pos }

// Path is the JSON pointer (RFC 6901) of the last token; a key's is that of its
// member. It is valid until the next call.
func (w *Walker) Path() []byte { return w.path }

// Next reads the next token, and returns false at the end.
func (w *Walker) Next(t *Token) bool {
	for w.fault == None {
		w.skip()
		if w.pos == len(w.src) {
			return w.end()
		}
		switch c := w.src[w.pos]; c {
		case '{', '[':
			w.open(c == '{')
		case '}', ']':
			w.shut(c == '}')
		case '"':
			return w.str(t)
		default:
			if w.scalar(t) {
				return true
			}
		}
	}
	return false
}

func (w *Walker) end() bool {
	switch {
	case w.depth > 0:
		w.fault = Cut
	case w.leaves == 0 && w.stack[0].index == 0:
		w.fault = Invalid
	}
	return false
}

// skip passes white space and separators.
func (w *Walker) skip() {
	top := &w.stack[w.depth]
	for ; w.pos < len(w.src); w.pos++ {
		switch w.src[w.pos] {
		case ' ', '\t', '\n', '\r':
		case ',':
			top.wantKey = top.object
		case ':':
			top.wantKey = false
		default:
			return
		}
	}
}

// value notes that a value begins where the walk stands.
func (w *Walker) value() bool {
	top := &w.stack[w.depth]
	if top.wantKey {
		w.fault = Invalid
		return false
	}
	if top.object {
		top.wantKey = true
	} else {
		w.element(top)
	}
	top.index++
	return true
}

func (w *Walker) element(top *frame) {
	if w.track && w.depth > 0 {
		w.path = strconv.AppendInt(append(w.path[:top.path], '/'), int64(top.index), 10)
	}
}

func (w *Walker) open(object bool) {
	if !w.value() {
		return
	}
	if w.depth == MaxDepth {
		w.fault = Limit
		return
	}
	w.depth++
	w.stack[w.depth] = frame{object: object, wantKey: object, path: len(w.path)}
	w.pos++
}

func (w *Walker) shut(object bool) {
	if w.depth == 0 || w.stack[w.depth].object != object {
		w.fault = Invalid
		return
	}
	w.path = w.path[:w.stack[w.depth].path]
	w.depth--
	w.pos++
}

func (w *Walker) leaf() bool {
	if w.leaves++; w.leaves > MaxLeaves {
		w.fault = Limit
		return false
	}
	return true
}

// str reads a string. One that is not closed is still a token: what it holds
// was sent.
func (w *Walker) str(t *Token) bool {
	top := &w.stack[w.depth]
	key := top.object && top.wantKey
	if !key && !w.value() || !w.leaf() {
		return false
	}
	start := w.pos + 1
	i, escaped := start, false
	for i < len(w.src) && w.src[i] != '"' {
		if w.src[i] == '\\' {
			escaped = true
			i++
		}
		i++
	}
	if i >= len(w.src) {
		i = len(w.src)
		w.fault = Cut
	}
	*t = Token{Text: w.src[start:i], Key: key, Escaped: escaped}
	w.pos = min(i+1, len(w.src))
	if key {
		top.wantKey = false
		w.member(top, t)
	}
	return true
}

func (w *Walker) member(top *frame, t *Token) {
	if !w.track {
		return
	}
	w.path = append(w.path[:top.path], '/')
	at := len(w.path)
	if t.Escaped {
		w.path = Unescape(w.path, t.Text)
	} else {
		w.path = append(w.path, t.Text...)
	}
	w.path = pointerEscape(w.path, at)
}

// pointerEscape writes ~ and / of the last reference token as RFC 6901 has it.
func pointerEscape(path []byte, at int) []byte {
	for i := at; i < len(path); i++ {
		if c := path[i]; c == '~' || c == '/' {
			path = append(path, 0)
			copy(path[i+2:], path[i+1:])
			path[i] = '~'
			i++
			path[i] = '0'
			if c == '/' {
				path[i] = '1'
			}
		}
	}
	return path
}

// scalar reads a number, true, false or null.
func (w *Walker) scalar(t *Token) bool {
	start := w.pos
	i := start
	for i < len(w.src) && scalarByte(w.src[i]) {
		i++
	}
	text := w.src[start:i]
	if !scalarText(text) || !w.value() || !w.leaf() {
		if w.fault == None {
			w.fault = Invalid
		}
		return false
	}
	*t = Token{Text: text}
	w.pos = i
	return true
}

func scalarByte(c byte) bool {
	return c-'0' < 10 || (c|0x20)-'a' < 26 || c == '-' || c == '+' || c == '.'
}

func scalarText(s string) bool {
	switch s {
	case "true", "false", "null":
		return true
	case "":
		return false
	}
	for i := range len(s) {
		if c := s[i]; (c|0x20)-'a' < 26 && c|0x20 != 'e' {
			return false
		}
	}
	return s[0] == '-' || s[0]-'0' < 10
}
