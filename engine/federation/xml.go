package federation

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
)

// Limits of an XML document.
const (
	maxDepth    = 64
	maxElements = 20_000
)

// A node is an element of an XML document as far as names are resolved: what it
// is called depends on no prefix.
type node struct {
	space, name string
	attrs       []xml.Attr
	children    []*node
	// said is all character data of the element itself, comments left out: a
	// comment in the middle of a value ends it for some readers.
	said strings.Builder
}

var errXML = errors.New("not an XML document that is taken")

// parseXML reads a document strictly: no document type, so no entities but XML's
// own; no processing instruction but the declaration; no prefix that isn't
// declared; no attribute or id that comes twice; and one root.
func parseXML(document []byte) (*node, error) {
	p := xmlParser{ids: map[string]bool{}}
	d := xml.NewDecoder(bytes.NewReader(document))
	for {
		t, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("%w: %w", errXML, err)
		}
		if err := p.take(t); err != nil {
			return nil, err
		}
	}
	if p.root == nil {
		return nil, errXML
	}
	return p.root, nil
}

type xmlParser struct {
	root  *node
	open  []*node
	ids   map[string]bool
	count int
}

func (p *xmlParser) take(t xml.Token) error {
	switch t := t.(type) {
	case xml.StartElement:
		return p.start(t)
	case xml.EndElement:
		p.open = p.open[:len(p.open)-1]
	case xml.CharData:
		if len(p.open) > 0 {
			p.open[len(p.open)-1].said.Write(t)
		} else if len(bytes.Trim(t, " \t\r\n\ufeff")) > 0 {
			return errXML
		}
	case xml.ProcInst:
		if t.Target != "xml" || p.root != nil {
			return errXML
		}
	case xml.Directive:
		return errXML
	}
	return nil
}

func (p *xmlParser) start(t xml.StartElement) error {
	p.count++
	if p.count > maxElements || len(p.open) >= maxDepth || len(p.open) == 0 && p.root != nil || odd(t.Name) {
		return errXML
	}
	if err := p.attributes(t.Attr); err != nil {
		return err
	}
	n := &node{space: t.Name.Space, name: t.Name.Local, attrs: t.Attr}
	if len(p.open) == 0 {
		p.root = n
	} else {
		above := p.open[len(p.open)-1]
		above.children = append(above.children, n)
	}
	p.open = append(p.open, n)
	return nil
}

func (p *xmlParser) attributes(attrs []xml.Attr) error {
	seen := make(map[xml.Name]bool, len(attrs))
	for _, a := range attrs {
		if seen[a.Name] || a.Name.Space != "xmlns" && odd(a.Name) {
			return errXML
		}
		seen[a.Name] = true
		// Whatever could be taken for an id must be the only one of its value.
		if strings.EqualFold(a.Name.Local, "id") {
			if p.ids[a.Value] {
				return fmt.Errorf("%w: an ID comes twice", errXML)
			}
			p.ids[a.Value] = true
		}
	}
	return nil
}

// odd refuses names that readers take apart differently. A prefix that was not
// declared is left standing in place of its namespace, which is no URI then.
func odd(n xml.Name) bool {
	return n.Local == "" || strings.Contains(n.Local, ":") ||
		n.Space != "" && n.Space != "xml" && !strings.ContainsAny(n.Space, ":/")
}

// is reports whether the element has that name in that namespace.
func (n *node) is(space, name string) bool { return n.space == space && n.name == name }

// all returns the children of a name.
func (n *node) all(space, name string) []*node {
	var out []*node
	for _, c := range n.children {
		if c.is(space, name) {
			out = append(out, c)
		}
	}
	return out
}

// one returns the only child of a name, nil if there is none or more than one.
func (n *node) one(space, name string) *node {
	if found := n.all(space, name); len(found) == 1 {
		return found[0]
	}
	return nil
}

// attr returns the value of an attribute that has no namespace.
func (n *node) attr(name string) string {
	for _, a := range n.attrs {
		if a.Name.Space == "" && a.Name.Local == name {
			return a.Value
		}
	}
	return ""
}

// value is the text of an element that must have no elements in it, without the
// white space around it.
func (n *node) value() (string, bool) {
	if n == nil || len(n.children) > 0 {
		return "", false
	}
	return strings.TrimSpace(n.said.String()), true
}

// walk calls visit for the element and all below it, each with its parent.
func (n *node) walk(above *node, visit func(n, above *node)) {
	visit(n, above)
	for _, c := range n.children {
		c.walk(n, visit)
	}
}
