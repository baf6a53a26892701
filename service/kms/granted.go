package kms

import (
	"encoding/json"
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"github.com/garrison-cloud/garrison/engine/iam"
	"github.com/garrison-cloud/garrison/internal/arn"
	"github.com/garrison-cloud/garrison/internal/authz"
	"github.com/garrison-cloud/garrison/internal/recent"
	"github.com/garrison-cloud/garrison/internal/store"
)

// A purpose is what a call does with a key, as grants see it. The zero value is
// what no grant allows.
type purpose struct {
	operation types.GrantOperation
	context   map[string]string // the encryption context
	tokens    []string
	child     *grant // what a CreateGrant asks for
}

// A standing is what a key's grants make of a caller.
type standing int

const (
	ungranted standing = iota
	// delegated says that a grant names the caller's account, whose own policies
	// then decide.
	delegated
	// granted says that a grant names the caller.
	granted
)

// standing looks for a grant that covers the purpose. A key that has none costs
// nothing.
func (s *Service) standing(tx *store.Tx, k *key, who *authz.Principal, p *purpose) (standing, error) {
	if k.Grants == 0 || p.operation == "" {
		return ungranted, nil
	}
	for _, name := range grantNames(who) {
		if name == "" {
			continue
		}
		ok, err := s.covered(tx, k.named(name), p)
		if err != nil || ok {
			return granted, err
		}
	}
	if who.Kind == iam.AccountRoot || who.Account == "" {
		return ungranted, nil
	}
	if ok, err := s.covered(tx, k.named(arn.Root(who.Account)), p); err != nil || ok {
		return delegated, err
	}
	return ungranted, nil
}

// grantNames are the names under which grants know a caller. What a role is
// granted its sessions have; of a federated user's IAM user that is not so.
func grantNames(who *authz.Principal) [2]string {
	switch who.Kind {
	case iam.AccountRoot, iam.User, iam.FederatedUser:
		return [2]string{who.ARN}
	case iam.RoleSession:
		return [2]string{who.ARN, who.RoleARN}
	case iam.ServicePrincipal:
		return [2]string{who.Service}
	default:
		return [2]string{}
	}
}

// A granteeName is a grantee of a key and one pair of an encryption context, as long
// as the key's grants do not change. An empty pair is of grants without a constraint.
type granteeName struct {
	account, key, grantee string
	epoch                 uint64
	pair                  string
	every                 bool // the grants of all pairs
}

// grantees are the grants of those who used keys of late: so that to look for them
// costs the same whatever number of grants a key has.
type grantees = recent.Map[granteeName, []*grant]

const (
	// hotGrantees is about how many grantees' grants are kept at hand.
	hotGrantees = 16384
	// maxHot is how many grants of one name are. Of one who has more, the first of
	// these and one further are kept, and the others looked for each time.
	maxHot = 32
)

func (k *key) named(grantee string) granteeName {
	return granteeName{account: k.Account, key: k.ID, grantee: grantee, epoch: k.GrantEpoch}
}

// pairOf names one pair of an encryption context. Names in constraints do not
// distinguish case.
func pairOf(name, value string) string {
	return strings.ToLower(strings.ToUpper(name)) + "\x00" + value
}

// pair is the constraint's first pair, which a context must have, whatever else it
// has; empty without a constraint.
func (g *grant) pair() string {
	first := ""
	for name, value := range g.pairs() {
		if p := pairOf(name, value); first == "" || p < first {
			first = p
		}
	}
	return first
}

// covered reports whether a grant to the grantee covers the purpose. Of the grants
// with a constraint only those are looked at of which the context has a pair.
func (s *Service) covered(tx *store.Tx, n granteeName, p *purpose) (bool, error) {
	n.every = p.operation == types.GrantOperationDescribeKey // constraints do not apply to it
	if ok, err := s.coveredBy(tx, n, p); ok || err != nil || n.every {
		return ok, err
	}
	for name, value := range p.context {
		n.pair = pairOf(name, value)
		if ok, err := s.coveredBy(tx, n, p); ok || err != nil {
			return ok, err
		}
	}
	return false, nil
}

func (s *Service) coveredBy(tx *store.Tx, n granteeName, p *purpose) (bool, error) {
	rows, ok := s.grantees.Get(n)
	if !ok {
		var err error
		if rows, err = store.Collect(n.rows(tx, maxHot+1)); err != nil {
			return false, err
		}
		s.grantees.Put(n, rows)
	}
	if slices.ContainsFunc(rows, func(g *grant) bool { return g.covers(p) }) {
		return true, nil
	}
	if len(rows) <= maxHot {
		return false, nil
	}
	for g, err := range n.rows(tx, 0) {
		if err != nil || g.covers(p) {
			return err == nil, err
		}
	}
	return false, nil
}

// rows reads the name's grants, up to limit of them (0 is all).
func (n *granteeName) rows(tx *store.Tx, limit int) iter.Seq2[*grant, error] {
	if n.every {
		return grants.ScanIndex(tx, "grantee", store.Range{Prefix: store.K(n.account, n.key, n.grantee), Limit: limit})
	}
	return grants.ScanIndex(tx, "pair", store.Range{Prefix: store.K(n.account, n.key, n.grantee, n.pair), Limit: limit})
}

func (g *grant) covers(p *purpose) bool {
	switch {
	case !slices.Contains(g.Operations, p.operation):
		return false
	case p.operation == types.GrantOperationCreateGrant:
		return p.child != nil && g.bears(p.child)
	case p.operation == types.GrantOperationDescribeKey:
		return true
	default:
		return g.accepts(p.context)
	}
}

// accepts holds an encryption context to the grant's constraint.
func (g *grant) accepts(context map[string]string) bool {
	if g.Equals != nil {
		return includes(context, g.Equals) && includes(g.Equals, context)
	}
	return includes(context, g.Subset)
}

// includes reports whether all pairs of part are in whole. Names in constraints
// do not distinguish case, values do (KMS API Reference, GrantConstraints).
func includes(whole, part map[string]string) bool {
	for name, value := range part {
		if v, ok := whole[name]; ok && v == value {
			continue
		}
		if !includesFolded(whole, name, value) {
			return false
		}
	}
	return true
}

func includesFolded(whole map[string]string, name, value string) bool {
	for n, v := range whole {
		if v == value && strings.EqualFold(n, name) {
			return true
		}
	}
	return false
}

// bears reports whether a grantee who may create grants by g may create child:
// no further operations, and a constraint no less strict (KMS Developer Guide,
// "Granting CreateGrant permission").
func (g *grant) bears(child *grant) bool {
	for _, op := range child.Operations {
		if !slices.Contains(g.Operations, op) {
			return false
		}
	}
	switch {
	case g.Equals != nil:
		return child.Equals != nil && g.accepts(child.Equals)
	case g.Subset != nil:
		return includes(child.pairs(), g.Subset)
	default:
		return true
	}
}

// apply tells the target what the key's grants make of the caller.
func (a *asked) apply(t *authz.Target) (err error) {
	switch a.standing {
	case granted:
		t.Granted = true
	case delegated:
		t.Policy, err = letIn(t.Policy, a.call.Principal.Account, "kms:"+string(a.purpose.operation))
	case ungranted:
	}
	return err
}

// letIn adds to a key policy that an account's own policies decide of an action.
// iam.Parse has taken the document, so that its names are as they are read here,
// and none is given twice.
func letIn(policy, account, action string) (string, error) {
	var document map[string]json.RawMessage
	if err := json.Unmarshal([]byte(policy), &document); err != nil {
		return "", fmt.Errorf("read a key policy: %w", err)
	}
	var statements []json.RawMessage
	if err := json.Unmarshal(document["Statement"], &statements); err != nil { // a single one
		statements = []json.RawMessage{document["Statement"]}
	}
	statements = append(statements, json.RawMessage(letInStatement(action, account)))
	all, err := json.Marshal(statements)
	if err != nil {
		return "", fmt.Errorf("write a key policy: %w", err)
	}
	document["Statement"] = all
	out, err := json.Marshal(document)
	return string(out), err
}

// letInStatement lets accounts in to one action.
func letInStatement(action string, accounts ...string) string {
	roots := make([]string, 0, len(accounts))
	for _, a := range accounts {
		roots = append(roots, `"`+arn.Root(a)+`"`)
	}
	return fmt.Sprintf(`{"Effect":"Allow","Principal":{"AWS":[%s]},"Action":%q,"Resource":"*"}`, strings.Join(roots, ","), action)
}
