package authz

import "github.com/garrison-cloud/garrison/engine/iam"

// ContextOf gives the condition keys of a call their values, as Check's
// evaluation sees them. It is for explaining a decision beside the statements.
func ContextOf(f *Facts, t *Target) iam.Context { return &question{facts: f, target: t} }
