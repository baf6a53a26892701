package authz

import "github.com/garrison-cloud/garrison/engine/iam"

// NewQuestion returns the condition context of one target asked by one caller.
func NewQuestion(f *Facts, t *Target) iam.Context { return &question{facts: f, target: t} }

// Size returns how many documents are remembered.
func (c *Compiler) Size() int {
	return c.policies.Len()
}
