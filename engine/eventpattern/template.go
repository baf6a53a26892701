package eventpattern

import (
	"encoding/json"
	"fmt"
	"strings"
)

// MaxRendered bounds what a template makes of an event, in bytes: that of an event.
const MaxRendered = 256 << 10

// A Template makes a target's input of an event. It never changes, and is safe for
// concurrent use.
type Template struct {
	pieces []piece
	// text tells that the template is no JSON, so that strings go in bare.
	text bool
}

// A piece is a text, or a variable by its name. quoted variables stand within a
// JSON string.
type piece struct {
	text   string
	name   string
	path   *Path
	quoted bool
}

// ParseTemplate compiles an input template with the variables that paths define.
// known tells which names without a path Render will be given.
func ParseTemplate(template string, paths map[string]string, known func(name string) bool) (*Template, error) {
	compiled := make(map[string]*Path, len(paths))
	for name, text := range paths {
		p, err := ParsePath(text)
		if err != nil {
			return nil, fmt.Errorf("the path of %s: %w", name, err)
		}
		compiled[name] = p
	}
	t := &Template{}
	in, probe := false, ""
	for rest := template; rest != ""; {
		text, name, after, found := placeholder(rest)
		in = within(in, text)
		probe += text
		if text != "" {
			t.pieces = append(t.pieces, piece{text: text})
		}
		if rest = after; !found {
			break
		}
		if compiled[name] == nil && !known(name) {
			return nil, fmt.Errorf("the placeholder <%s> is not defined", name)
		}
		t.pieces = append(t.pieces, piece{name: name, path: compiled[name], quoted: in})
		if !in {
			probe += "0"
		}
	}
	t.text = !json.Valid([]byte(probe))
	return t, nil
}

// placeholder finds the first <name> of a template.
func placeholder(template string) (text, name, rest string, ok bool) {
	for from := 0; ; {
		open := strings.IndexByte(template[from:], '<')
		if open < 0 {
			return template, "", "", false
		}
		open += from
		shut := strings.IndexByte(template[open:], '>')
		if shut < 0 {
			return template, "", "", false
		}
		name := template[open+1 : open+shut]
		if name != "" && strings.Trim(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.") == "" {
			return template[:open], name, template[open+shut+1:], true
		}
		from = open + 1
	}
}

// within tells whether a JSON string is open behind text, if it was before or not.
func within(in bool, text string) bool {
	for i := 0; i < len(text); i++ {
		switch {
		case text[i] == '\\' && in:
			i++
		case text[i] == '"':
			in = !in
		}
	}
	return in
}

// Render fills a template in. value gives the names without a path their JSON. A
// variable whose path leads nowhere is an empty string. ok is false where the result
// would be of more than MaxRendered bytes.
func (t *Template) Render(e *Event, value func(name string) string) (text string, ok bool) {
	var out strings.Builder
	for _, p := range t.pieces {
		if p.name == "" {
			out.WriteString(p.text)
			continue
		}
		v, ok := p.path.Find(e)
		switch {
		case p.path == nil:
			v = value(p.name)
		case !ok:
			v = `""`
		}
		if p.quoted || t.text {
			v = t.bare(v)
		}
		if out.Len()+len(v) > MaxRendered {
			return "", false
		}
		out.WriteString(v)
	}
	return out.String(), true
}

// bare is a JSON value as it stands within a string, or in a text.
func (t *Template) bare(v string) string {
	if strings.HasPrefix(v, `"`) {
		if !t.text {
			return v[1 : len(v)-1]
		}
		var s string
		if json.Unmarshal([]byte(v), &s) == nil {
			return s
		}
	}
	if t.text {
		return v
	}
	var escaped strings.Builder
	enc := json.NewEncoder(&escaped)
	enc.SetEscapeHTML(false)
	if enc.Encode(v) != nil { // a string always encodes
		return ""
	}
	return strings.TrimSuffix(escaped.String(), "\n")[1 : escaped.Len()-2]
}
