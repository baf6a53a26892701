package authz

import (
	"sync"

	"github.com/garrison-cloud/garrison/engine/iam"
)

// A Compiler compiles policy documents and remembers the result under the
// document itself, so that what it returns cannot be stale: another text is
// another entry. It is safe for concurrent use.
type Compiler struct {
	mu      sync.RWMutex // guards the maps
	young   map[compiled]*iam.Policy
	old     map[compiled]*iam.Policy
	maximum int
}

type compiled struct {
	kind     iam.Kind
	document string
}

// NewCompiler returns a compiler that remembers about n documents.
func NewCompiler(n int) *Compiler {
	return &Compiler{young: map[compiled]*iam.Policy{}, maximum: max(1, n/2)}
}

// Compile returns the compiled document, or *iam.SyntaxError.
func (c *Compiler) Compile(document string, kind iam.Kind) (*iam.Policy, error) {
	key := compiled{kind, document}
	c.mu.RLock()
	p, inYoung := c.young[key]
	if p == nil {
		p = c.old[key]
	}
	c.mu.RUnlock()
	if inYoung {
		return p, nil
	}
	if p == nil {
		var err error
		if p, err = iam.Parse(document, kind); err != nil {
			return nil, err
		}
	}
	c.keep(key, p)
	return p, nil
}

// keep remembers p. When the young generation is full it becomes the old one:
// what was not used for a whole generation is then forgotten.
func (c *Compiler) keep(key compiled, p *iam.Policy) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.young) >= c.maximum {
		c.old, c.young = c.young, make(map[compiled]*iam.Policy, c.maximum)
	}
	c.young[key] = p
}
