package main

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	engine "github.com/garrison-cloud/garrison/engine/iam"
	"github.com/garrison-cloud/garrison/internal/arn"
)

// A grantReport is a grant of the key that names the principal, or its account,
// and what keeps it from covering the request, if anything does.
type grantReport struct {
	ID         string
	Name       string `json:",omitempty"`
	Grantee    string
	Operations []string
	Equals     map[string]string `json:"EncryptionContextEquals,omitempty"`
	Subset     map[string]string `json:"EncryptionContextSubset,omitempty"`
	Covers     bool
	// Delegates tells that the grant names the account, whose policies then decide.
	Delegates bool     `json:",omitempty"`
	Lacks     []string `json:",omitempty"`
}

// readGrants reads every grant of the key; judgeGrants looks at whom they name.
func (o *object) readGrants(ctx context.Context, c *kms.Client) error {
	for p := kms.NewListGrantsPaginator(c, &kms.ListGrantsInput{KeyId: &o.Resource}); p.HasMorePages(); {
		page, err := p.NextPage(ctx)
		if err != nil {
			return err
		}
		for i := range page.Grants {
			o.grants = append(o.grants, newGrantReport(&page.Grants[i]))
		}
	}
	return nil
}

func newGrantReport(g *types.GrantListEntry) grantReport {
	r := grantReport{ID: *g.GrantId, Name: aws.ToString(g.Name), Grantee: aws.ToString(g.GranteePrincipal)}
	for _, op := range g.Operations {
		r.Operations = append(r.Operations, string(op))
	}
	if g.Constraints != nil {
		r.Equals, r.Subset = g.Constraints.EncryptionContextEquals, g.Constraints.EncryptionContextSubset
	}
	return r
}

// judgeGrants keeps the grants that name the principal, and holds the request to
// them (KMS Developer Guide, "Grants in AWS KMS").
func (o *object) judgeGrants(s *subject, q *query) error {
	var kept []grantReport
	delegated := false
	for _, g := range o.grants {
		direct := g.Grantee == s.ARN || g.Grantee == s.RoleARN
		g.Delegates = !direct && s.Account != "" && g.Grantee == arn.Root(s.Account)
		if g.Grantee == "" || !direct && !g.Delegates {
			continue
		}
		g.judge(q.action, q.encryption)
		o.Granted = o.Granted || g.Covers && direct
		delegated = delegated || g.Covers && g.Delegates && s.Kind != engine.AccountRoot
		o.Granted = o.Granted || g.Covers && s.Kind == engine.AccountRoot
		kept = append(kept, g)
	}
	o.grants = kept
	if delegated && !o.Granted {
		return o.letIn(s.Account, q.action)
	}
	return nil
}

func (g *grantReport) judge(action string, context map[string]string) {
	op := g.operation(action)
	if op == "" {
		g.Lacks = append(g.Lacks, "the operation "+action)
	}
	for _, pair := range []map[string]string{g.Equals, g.Subset} {
		for name, value := range pair {
			if !holdsPair(context, name, value) {
				g.Lacks = append(g.Lacks, "the pair "+name+"="+value+" in the encryption context")
			}
		}
	}
	for name, value := range context {
		if g.Equals != nil && !holdsPair(g.Equals, name, value) {
			g.Lacks = append(g.Lacks, "the pair "+name+"="+value+" is in the encryption context, and in the grant is not")
		}
	}
	if op == string(types.GrantOperationDescribeKey) { // constraints do not apply to it
		g.Lacks = nil
	}
	if op == string(types.GrantOperationCreateGrant) {
		g.Lacks = append(g.Lacks, "the grant to be made, which this command does not ask for")
	}
	slices.Sort(g.Lacks)
	g.Covers = len(g.Lacks) == 0
}

// operation is the grant's word for the action, if it has it.
func (g *grantReport) operation(action string) string {
	for _, op := range g.Operations {
		if strings.EqualFold("kms:"+op, action) {
			return op
		}
	}
	return ""
}

// holdsPair ignores the case of names, and not that of values.
func holdsPair(context map[string]string, name, value string) bool {
	for n, v := range context {
		if v == value && strings.EqualFold(n, name) {
			return true
		}
	}
	return false
}

// letIn adds to the key policy in force, but not to the one shown, that the
// account's own policies decide of the action.
func (o *object) letIn(account, action string) error {
	var document struct {
		Version   string `json:",omitempty"`
		Statement []json.RawMessage
	}
	var head struct {
		Version   string
		Statement json.RawMessage
	}
	if err := json.Unmarshal([]byte(o.Policy), &head); err != nil {
		return fmt.Errorf("read the key policy: %w", err)
	}
	document.Version = head.Version
	if json.Unmarshal(head.Statement, &document.Statement) != nil { // a single one
		document.Statement = []json.RawMessage{head.Statement}
	}
	document.Statement = append(document.Statement, json.RawMessage(fmt.Sprintf(
		`{"Effect":"Allow","Principal":{"AWS":%q},"Action":%q,"Resource":"*"}`, arn.Root(account), action)))
	out, err := json.Marshal(document)
	o.Policy = string(out)
	return err
}
