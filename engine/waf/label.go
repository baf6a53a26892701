package waf

import (
	"slices"
	"strings"
	"sync"
)

// maxLabels is how many labels AWS logs of a request.
const maxLabels = 100

// label adds a fully qualified label to the request, once.
func (c *run) label(l string) {
	if !slices.Contains(c.labels, l) {
		c.labels = append(c.labels, l)
	}
}

// labelNode is LabelMatch. A key that does not begin with awswaf: speaks of
// labels of the rule's own context.
type labelNode struct {
	key       string
	namespace bool
	context   string
	tokens    bool
}

func (n *labelNode) cost() int { return 1 }

func (n *labelNode) eval(c *run) bool {
	if n.tokens {
		c.tokenLabels()
	}
	return slices.ContainsFunc(c.labels, n.matches)
}

func (n *labelNode) matches(l string) bool {
	if n.context == "" {
		if n.namespace {
			return strings.HasPrefix(l, n.key) && len(l) > len(n.key) && l[len(n.key)] == ':'
		}
		return l == n.key
	}
	own, ok := strings.CutPrefix(l, n.context)
	if !ok {
		return false
	}
	if !n.namespace {
		rest, ok := strings.CutSuffix(own, n.key)
		return ok && (rest == "" || strings.HasSuffix(rest, ":"))
	}
	return holdsNamespace(own, n.key)
}

// holdsNamespace says whether key is a contiguous run of the namespaces before
// the label's last component.
func holdsNamespace(label, key string) bool {
	for at := 0; at < len(label); {
		rest := label[at:]
		if strings.HasPrefix(rest, key) && len(rest) > len(key) && rest[len(key)] == ':' {
			return true
		}
		i := strings.IndexByte(rest, ':')
		if i < 0 {
			return false
		}
		at += i + 1
	}
	return false
}

func newLabelNode(m *LabelMatch, context string) *labelNode {
	n := &labelNode{key: strings.TrimSuffix(m.Key, ":"), namespace: m.Scope == "NAMESPACE", context: context}
	if n.key == "awswaf" || strings.HasPrefix(n.key, "awswaf:") {
		n.context = ""
	}
	n.tokens = n.context == "" && (strings.HasPrefix(n.key, tokenPrefix) || strings.HasPrefix(n.key, captchaPrefix) || strings.HasPrefix(tokenPrefix, n.key+":"))
	return n
}

// places makes each label of a place once. The bound keeps a Locator that
// invents places from filling memory.
type places struct {
	mu    sync.RWMutex
	known map[place]string
}

type place struct{ prefix, kind, country, region string }

const maxPlaces = 16384

func (p *places) label(prefix, kind, country, region string) string {
	key := place{prefix, kind, country, region}
	p.mu.RLock()
	l, ok := p.known[key]
	p.mu.RUnlock()
	if ok {
		return l
	}
	l = prefix + kind + country
	if region != "" {
		l += "-" + region
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.known) < maxPlaces {
		p.known[key] = l
	}
	return l
}
