package acmpca

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/acmpca"
	"github.com/aws/aws-sdk-go-v2/service/acmpca/types"

	"github.com/garrison-cloud/garrison/engine/iam"
	"github.com/garrison-cloud/garrison/internal/page"
	"github.com/garrison-cloud/garrison/internal/store"
)

// acmPrincipal is the one principal that permissions are for.
const acmPrincipal = "acm.amazonaws.com"

// A statement is a permission as a policy has it.
type statement struct {
	Effect    string                       `json:"Effect"`
	Principal map[string]string            `json:"Principal"`
	Action    []string                     `json:"Action"`
	Resource  string                       `json:"Resource"`
	Condition map[string]map[string]string `json:"Condition,omitempty"`
}

func (p *permission) statement(arn string) *statement {
	st := &statement{Effect: "Allow", Principal: map[string]string{"Service": p.Principal}, Resource: arn}
	for _, a := range p.Actions {
		st.Action = append(st.Action, "acm-pca:"+a)
	}
	if p.Source != "" {
		st.Condition = map[string]map[string]string{"StringEquals": {"aws:SourceAccount": p.Source}}
	}
	return st
}

// evaluate makes one document of the policy and the permissions.
func (a *authority) evaluate() error {
	if len(a.Permissions) == 0 {
		a.Effective = a.Policy
		return nil
	}
	var doc struct {
		Version   string          `json:"Version"`
		Statement json.RawMessage `json:"Statement"`
	}
	doc.Version = "2012-10-17"
	var all []json.RawMessage
	if a.Policy != "" {
		if err := json.Unmarshal([]byte(a.Policy), &doc); err != nil {
			return err
		}
		if err := json.Unmarshal(doc.Statement, &all); err != nil { // a single statement may stand alone
			all = []json.RawMessage{doc.Statement}
		}
	}
	for i := range a.Permissions {
		b, err := json.Marshal(a.Permissions[i].statement(a.arn()))
		if err != nil {
			return err
		}
		all = append(all, b)
	}
	var err error
	if doc.Statement, err = json.Marshal(all); err != nil {
		return err
	}
	b, err := json.Marshal(doc)
	a.Effective = string(b)
	return err
}

// CreatePermission lets ACM use an authority to issue and renew certificates.
func (s *Service) CreatePermission(ctx context.Context, in *acmpca.CreatePermissionInput) (*acmpca.CreatePermissionOutput, error) {
	if *in.Principal != acmPrincipal {
		return nil, invalid("The principal must be %s.", acmPrincipal)
	}
	p := permission{Principal: *in.Principal, Source: aws.ToString(in.SourceAccount)}
	for _, a := range in.Actions {
		p.Actions = append(p.Actions, string(a))
	}
	err := s.edit(ctx, *in.CertificateAuthorityArn, func(tx *store.Tx, row *authority) error {
		if !row.Until.IsZero() {
			return row.wrongState(tx.Now())
		}
		if slices.ContainsFunc(row.Permissions, func(o permission) bool { return o.Principal == p.Principal && o.Source == p.Source }) {
			return &types.PermissionAlreadyExistsException{Message: aws.String("The permission already exists.")}
		}
		p.Created = tx.Now()
		row.Permissions = append(slices.Clip(row.Permissions), p)
		return row.evaluate()
	})
	return &acmpca.CreatePermissionOutput{}, err
}

// ListPermissions lists what ACM may do with an authority.
func (s *Service) ListPermissions(ctx context.Context, in *acmpca.ListPermissionsInput) (*acmpca.ListPermissionsOutput, error) {
	row, err := s.find(ctx, *in.CertificateAuthorityArn)
	if err != nil {
		return nil, err
	}
	from, to, next, err := window("acmpca.ListPermissions", in.NextToken, in.MaxResults, len(row.Permissions))
	if err != nil {
		return nil, err
	}
	out := &acmpca.ListPermissionsOutput{NextToken: next, Permissions: []types.Permission{}}
	for _, p := range row.Permissions[from:to] {
		b, err := json.Marshal(map[string]*statement{"Statement": p.statement(row.arn())})
		if err != nil {
			return nil, err
		}
		one := types.Permission{
			CertificateAuthorityArn: aws.String(row.arn()), CreatedAt: aws.Time(p.Created), Policy: aws.String(string(b)),
			Principal: aws.String(p.Principal), SourceAccount: text(p.Source),
		}
		for _, a := range p.Actions {
			one.Actions = append(one.Actions, types.ActionType(a))
		}
		out.Permissions = append(out.Permissions, one)
	}
	return out, nil
}

// window is a page of a list of n.
func window(kind string, token *string, limit *int32, n int) (from, to int, next *string, err error) {
	after, err := position(kind, token)
	if err != nil {
		return 0, 0, nil, err
	}
	if after != nil {
		if from, err = strconv.Atoi(string(after)); err != nil || from < 0 {
			return 0, 0, nil, invalidToken()
		}
	}
	from = min(from, n)
	to = min(n, from+limitOf(limit))
	if to < n {
		next = aws.String(page.Token(kind, []byte(strconv.Itoa(to))))
	}
	return from, to, next, nil
}

// DeletePermission takes ACM's permission away.
func (s *Service) DeletePermission(ctx context.Context, in *acmpca.DeletePermissionInput) (*acmpca.DeletePermissionOutput, error) {
	err := s.edit(ctx, *in.CertificateAuthorityArn, func(_ *store.Tx, row *authority) error {
		before := len(row.Permissions)
		row.Permissions = slices.DeleteFunc(slices.Clone(row.Permissions), func(o permission) bool {
			return o.Principal == *in.Principal && o.Source == aws.ToString(in.SourceAccount)
		})
		if len(row.Permissions) == before {
			return notFound("Could not find the permission.")
		}
		return row.evaluate()
	})
	return &acmpca.DeletePermissionOutput{}, err
}

// PutPolicy sets the policy by which other accounts use an authority.
func (s *Service) PutPolicy(ctx context.Context, in *acmpca.PutPolicyInput) (*acmpca.PutPolicyOutput, error) {
	if _, err := iam.Parse(*in.Policy, iam.ResourcePolicy); err != nil {
		if syntax, ok := errors.AsType[*iam.SyntaxError](err); ok {
			return nil, &types.InvalidPolicyException{Message: &syntax.Message}
		}
		return nil, err
	}
	err := s.edit(ctx, *in.ResourceArn, func(tx *store.Tx, row *authority) error {
		if !row.Until.IsZero() {
			return row.wrongState(tx.Now())
		}
		row.Policy = *in.Policy
		return row.evaluate()
	})
	return &acmpca.PutPolicyOutput{}, err
}

// GetPolicy returns an authority's policy.
func (s *Service) GetPolicy(ctx context.Context, in *acmpca.GetPolicyInput) (*acmpca.GetPolicyOutput, error) {
	row, err := s.find(ctx, *in.ResourceArn)
	if err != nil {
		return nil, err
	}
	if row.Policy == "" {
		return nil, notFound("Could not find a policy for %s.", *in.ResourceArn)
	}
	return &acmpca.GetPolicyOutput{Policy: &row.Policy}, nil
}

// DeletePolicy takes an authority's policy away. None is no error.
func (s *Service) DeletePolicy(ctx context.Context, in *acmpca.DeletePolicyInput) (*acmpca.DeletePolicyOutput, error) {
	err := s.edit(ctx, *in.ResourceArn, func(_ *store.Tx, row *authority) error {
		row.Policy = ""
		return row.evaluate()
	})
	return &acmpca.DeletePolicyOutput{}, err
}
