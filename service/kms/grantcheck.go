package kms

import (
	"context"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"github.com/garrison-cloud/garrison/engine/seal"
	"github.com/garrison-cloud/garrison/internal/arn"
)

func invalidARN(message string) error { return &types.InvalidArnException{Message: &message} }

// parseGrantKey reads a key id or a key ARN; AWS has words of its own for aliases here.
func (s *Service) parseGrantKey(ctx context.Context, given string) (reference, error) {
	if strings.HasPrefix(given, "arn:") && strings.Contains(given, ":"+aliasPrefix) {
		return reference{}, invalidARN("Key Aliases are not supported for this operation.")
	}
	return s.parseKey(ctx, given)
}

// principalName is how a principal is kept: an account by its root's ARN.
func principalName(given string) string {
	if arn.IsAccount(given) {
		return arn.Root(given)
	}
	return given
}

// checkPrincipal holds a principal to the forms of those that can call: users,
// roles, their sessions, accounts and services (KMS API Reference, CreateGrant).
func checkPrincipal(name string) error {
	if isServiceName(name) {
		return nil
	}
	a, err := arn.Parse(name)
	if err != nil || a.Partition != arn.Partition("") || a.Region != "" || !arn.IsAccount(a.AccountID) || !isCaller(a) {
		return invalidARN("ARN does not refer to a valid principal: " + name)
	}
	return nil
}

// isServiceName reports whether s has the form of a service principal:
// "ec2.amazonaws.com".
func isServiceName(s string) bool {
	name, ok := strings.CutSuffix(s, ".amazonaws.com")
	return ok && name != "" && !strings.ContainsAny(name, ":/@+=,")
}

func isCaller(a arn.ARN) bool {
	kind, name, _ := strings.Cut(a.Resource, "/")
	switch a.Service + ":" + kind {
	case "iam:root":
		return a.Resource == "root"
	case "iam:user", "iam:role", "sts:federated-user":
		return name != "" && !strings.HasSuffix(name, "/")
	case "sts:assumed-role":
		role, session, _ := strings.Cut(name, "/")
		return role != "" && session != "" && !strings.Contains(session, "/")
	}
	return false
}

// checkGrant refuses what no grant can be, whatever its key.
func checkGrant(in *kms.CreateGrantInput, g *grant) error {
	if err := checkPrincipal(g.Grantee); err != nil {
		return err
	}
	if in.RetiringPrincipal != nil {
		if err := checkPrincipal(g.Retiring); err != nil {
			return err
		}
	}
	switch {
	case len(g.Operations) == 0:
		return invalid("Grants must contain at least one operation.")
	case len(g.Operations) == 1 && g.Operations[0] == types.GrantOperationCreateGrant:
		return invalid("Grants must not contain only the CreateGrant operation.")
	}
	return g.checkConstraint()
}

// Bounds of a grant constraint (KMS API Reference, CreateGrant, Constraints).
const (
	maxConstraintPairs = 8
	maxConstraintValue = 384 // characters
)

func (g *grant) checkConstraint() error {
	if g.Equals != nil && g.Subset != nil {
		return invalid("A grant can have EncryptionContextEquals or EncryptionContextSubset, but not both.")
	}
	pairs := g.pairs()
	if g.constraint() != "" && len(pairs) == 0 {
		return invalid("An encryption context constraint must contain at least one pair.")
	}
	if len(pairs) > maxConstraintPairs {
		return invalid("An encryption context constraint can contain at most %d pairs.", maxConstraintPairs)
	}
	for name, value := range pairs {
		if len([]rune(name)) > maxConstraintValue || len([]rune(value)) > maxConstraintValue {
			return invalid("The names and values of an encryption context constraint can have at most %d characters.", maxConstraintValue)
		}
	}
	return nil
}

// constraint is the kind of the grant's constraint, as kms:GrantConstraintType
// names it; "" for none.
func (g *grant) constraint() string {
	switch {
	case g.Equals != nil:
		return "EncryptionContextEquals"
	case g.Subset != nil:
		return "EncryptionContextSubset"
	}
	return ""
}

func (g *grant) pairs() map[string]string {
	if g.Equals != nil {
		return g.Equals
	}
	return g.Subset
}

// grantable tells why the key cannot have the grant now: its state, then what it
// cannot do at all.
func (k *key) grantable(g *grant) error {
	if err := k.inForce(); err != nil {
		return err
	}
	able := k.grantOperations()
	for _, op := range g.Operations {
		if !slices.Contains(able, op) && !slices.Contains(managing, op) {
			return invalid("The operation %s is not valid in a grant of a key whose key spec is %s and key usage is %s.", op, k.Spec, k.Usage)
		}
		if g.constraint() != "" && k.Spec != seal.SymmetricDefault && !slices.Contains(managing, op) {
			return invalid("An encryption context constraint is not valid with the operation %s of a key whose key spec is %s.", op, k.Spec)
		}
	}
	return nil
}

// managing are the operations that a grant of any key may allow.
var managing = []types.GrantOperation{
	types.GrantOperationCreateGrant, types.GrantOperationDescribeKey, types.GrantOperationRetireGrant,
}

// grantOperations are the further ones that the key can do (KMS Developer Guide,
// "Grant operations").
func (k *key) grantOperations() []types.GrantOperation {
	var ops []types.GrantOperation
	switch k.Usage {
	case seal.EncryptDecrypt:
		ops = []types.GrantOperation{
			types.GrantOperationEncrypt, types.GrantOperationDecrypt,
			types.GrantOperationReEncryptFrom, types.GrantOperationReEncryptTo,
		}
	case seal.SignVerify:
		ops = []types.GrantOperation{types.GrantOperationSign, types.GrantOperationVerify}
	case seal.GenerateVerifyMac:
		ops = []types.GrantOperation{types.GrantOperationGenerateMac, types.GrantOperationVerifyMac}
	case seal.KeyAgreement:
		ops = []types.GrantOperation{types.GrantOperationDeriveSharedSecret}
	}
	if k.Spec == seal.SymmetricDefault {
		return append(ops, types.GrantOperationGenerateDataKey, types.GrantOperationGenerateDataKeyWithoutPlaintext,
			types.GrantOperationGenerateDataKeyPair, types.GrantOperationGenerateDataKeyPairWithoutPlaintext)
	}
	if k.Spec.Asymmetric() {
		return append(ops, types.GrantOperationGetPublicKey)
	}
	return ops
}
