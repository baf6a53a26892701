package iam

import (
	"encoding/json"
	"errors"
	"io"
	"strings"
)

// Bounds of a document. AWS's largest policies are a tenth of maxDocument.
const (
	maxDocument   = 128 << 10
	maxDepth      = 8
	maxStatements = 2000
)

// A node is a JSON value with the order and the number of an object's members
// kept: a name given twice must be seen.
type node struct {
	kind    byte // 's' string, 'n' number, 'b' boolean, 'a' array, 'o' object, '0' null
	text    string
	items   []node
	members []member
}

type member struct {
	name  string
	value node
}

var (
	errSyntax    = errors.New("not JSON")
	errDuplicate = errors.New("a name is given twice")
)

// parseJSON reads one JSON value and nothing behind it.
func parseJSON(document string) (node, error) {
	d := json.NewDecoder(strings.NewReader(document))
	d.UseNumber()
	n, err := readNode(d, 0)
	if err != nil {
		return node{}, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return node{}, errSyntax
	}
	return n, nil
}

func readNode(d *json.Decoder, depth int) (node, error) {
	token, err := d.Token()
	if err != nil || depth > maxDepth {
		return node{}, errSyntax
	}
	switch v := token.(type) {
	case string:
		return node{kind: 's', text: v}, nil
	case json.Number:
		return node{kind: 'n', text: v.String()}, nil
	case bool:
		if v {
			return node{kind: 'b', text: "true"}, nil
		}
		return node{kind: 'b', text: "false"}, nil
	case nil:
		return node{kind: '0'}, nil
	case json.Delim:
		if v == '[' {
			return readArray(d, depth)
		}
		return readObject(d, depth)
	default:
		return node{}, errSyntax
	}
}

func readArray(d *json.Decoder, depth int) (node, error) {
	n := node{kind: 'a'}
	for d.More() {
		item, err := readNode(d, depth+1)
		if err != nil {
			return n, err
		}
		n.items = append(n.items, item)
	}
	_, err := d.Token()
	return n, err
}

func readObject(d *json.Decoder, depth int) (node, error) {
	n := node{kind: 'o'}
	seen := map[string]bool{}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return n, errSyntax
		}
		value, err := readNode(d, depth+1)
		if err != nil {
			return n, err
		}
		key := name.(string) // the decoder yields nothing else in an object
		if seen[key] {
			return n, errDuplicate
		}
		seen[key] = true
		n.members = append(n.members, member{key, value})
	}
	_, err := d.Token()
	return n, err
}

// strings reads a string or a list of strings. Numbers and booleans count as
// their text where scalars is set, as in condition values.
func (n *node) strings(scalars bool) ([]string, bool) {
	if n.kind != 'a' {
		s, ok := n.scalar(scalars)
		return []string{s}, ok
	}
	out := make([]string, 0, len(n.items))
	for i := range n.items {
		s, ok := n.items[i].scalar(scalars)
		if !ok {
			return nil, false
		}
		out = append(out, s)
	}
	return out, true
}

func (n *node) scalar(scalars bool) (string, bool) {
	if n.kind == 's' || scalars && (n.kind == 'n' || n.kind == 'b') {
		return n.text, true
	}
	return "", false
}
