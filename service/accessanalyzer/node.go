package accessanalyzer

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/accessanalyzer/types"
)

// A node is a JSON value that knows where it stands in the document, from 0.
type node struct {
	kind       byte // 's' string, 'n' number, 'b' boolean, 'a' array, 'o' object, '0' null
	text       string
	items      []node
	members    []member
	start, end int
	path       []types.PathElement
}

type member struct {
	name                 string
	value                node
	nameStart, nameAfter int
}

// maxDepth bounds a document's nesting; policies need seven levels.
const maxDepth = 16

var errTooDeep = errors.New("nested too deeply")

// A reader reads one document.
type reader struct {
	d    *json.Decoder
	text string
}

// readDocument reads one JSON value and nothing behind it; at is where reading
// stopped when there is an error.
func readDocument(text string) (root node, at int, err error) {
	r := reader{d: json.NewDecoder(strings.NewReader(text)), text: text}
	r.d.UseNumber()
	root, err = r.value(nil, 0)
	if err == nil && strings.TrimSpace(text[r.d.InputOffset():]) != "" {
		err = errors.New("more than one value")
	}
	at = int(r.d.InputOffset())
	if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
		at = max(int(syntax.Offset)-1, 0)
	}
	return root, at, err
}

// ahead is where the next token begins.
func (r *reader) ahead() int {
	i := int(r.d.InputOffset())
	for i < len(r.text) && strings.IndexByte(" \t\r\n,:", r.text[i]) >= 0 {
		i++
	}
	return i
}

func (r *reader) value(path []types.PathElement, depth int) (node, error) {
	if depth > maxDepth {
		return node{}, errTooDeep
	}
	n := node{start: r.ahead(), path: path}
	token, err := r.d.Token()
	if err != nil {
		return n, err
	}
	switch v := token.(type) {
	case string:
		n.kind, n.text = 's', v
	case json.Number:
		n.kind, n.text = 'n', v.String()
	case bool:
		n.kind, n.text = 'b', "false"
		if v {
			n.text = "true"
		}
	case json.Delim:
		err = r.nested(&n, v, depth)
	default:
		n.kind = '0'
	}
	n.end = int(r.d.InputOffset())
	return n, err
}

func (r *reader) nested(n *node, open json.Delim, depth int) error {
	n.kind = 'a'
	if open == '{' {
		n.kind = 'o'
	}
	for i := 0; r.d.More(); i++ {
		var m member
		if n.kind == 'a' {
			item, err := r.value(below(n.path, &types.PathElementMemberIndex{Value: int32(i)}), depth+1)
			if err != nil {
				return err
			}
			n.items = append(n.items, item)
			continue
		}
		m.nameStart = r.ahead()
		name, err := r.d.Token()
		if err != nil {
			return err
		}
		m.name, m.nameAfter = name.(string), int(r.d.InputOffset()) // the decoder yields nothing else
		if m.value, err = r.value(below(n.path, &types.PathElementMemberValue{Value: m.name}), depth+1); err != nil {
			return err
		}
		n.members = append(n.members, m)
	}
	_, err := r.d.Token()
	return err
}

func below(path []types.PathElement, e types.PathElement) []types.PathElement {
	return append(slices.Clip(path), e)
}

// get returns an object's member, or nil.
func (n *node) get(name string) *node {
	for i := range n.members {
		if n.members[i].name == name {
			return &n.members[i].value
		}
	}
	return nil
}

// strings are the strings in a value: its own, or an array's.
func (n *node) strings() []*node {
	var out []*node
	if n.kind == 's' {
		return []*node{n}
	}
	for i := range n.items {
		if n.items[i].kind == 's' {
			out = append(out, &n.items[i])
		}
	}
	return out
}

// list are the values of a condition key: itself, or an array's.
func (n *node) list() []*node {
	if n.kind != 'a' {
		return []*node{n}
	}
	out := make([]*node, len(n.items))
	for i := range n.items {
		out[i] = &n.items[i]
	}
	return out
}

// position counts lines from 1, columns and offsets from 0, all in characters.
func position(text string, at int) *types.Position {
	before := text[:min(at, len(text))]
	line := before[strings.LastIndexByte(before, '\n')+1:]
	number := func(n int) *int32 { return aws.Int32(int32(n)) } //nolint:gosec // a document is bounded
	return &types.Position{
		Line: number(strings.Count(before, "\n") + 1), Column: number(utf8.RuneCountInString(line)),
		Offset: number(utf8.RuneCountInString(before)),
	}
}
