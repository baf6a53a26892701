package authz

import (
	"github.com/garrison-cloud/garrison/engine/iam"
	"github.com/garrison-cloud/garrison/internal/recent"
)

// A Compiler compiles policy documents and remembers the result under the
// document itself, so that what it returns cannot be stale: another text is
// another entry. It is safe for concurrent use.
type Compiler struct {
	policies *recent.Map[compiled, *iam.Policy]
}

type compiled struct {
	kind     iam.Kind
	document string
}

// NewCompiler returns a compiler that remembers about n documents.
func NewCompiler(n int) *Compiler {
	return &Compiler{policies: recent.New[compiled, *iam.Policy](n)}
}

// Compile returns the compiled document, or *iam.SyntaxError.
func (c *Compiler) Compile(document string, kind iam.Kind) (*iam.Policy, error) {
	key := compiled{kind, document}
	if p, ok := c.policies.Get(key); ok {
		return p, nil
	}
	p, err := iam.Parse(document, kind)
	if err != nil {
		return nil, err
	}
	c.policies.Put(key, p)
	return p, nil
}
