package iam

import (
	"context"
	"strings"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/garrison-cloud/garrison/internal/authz"
	"github.com/garrison-cloud/garrison/internal/store"
	"github.com/garrison-cloud/garrison/internal/wire"
)

// A role is an identity that others assume, as far as its trust lets them.
type role struct {
	entity
	Description string
	// MaxSession is the longest session in seconds.
	MaxSession int32
	Trust      trust
	// Profiles are the ids of the instance profiles that hand the role out.
	Profiles []string
	// Service is the service that a service-linked role belongs to, empty for others.
	Service string

	// effective is the trust policy as it is enforced, once someone has needed it.
	effective atomic.Pointer[string]
}

const (
	defaultSession = 3600
	// maxTrust is a trust policy's length without white space.
	maxTrust = 2048
)

var roles = newKind(kind[role]{
	noun: "role", title: "Role", prefix: "AROA", quota: "PoliciesPerRole", inline: 10240,
	of: func(r *role) *entity { return &r.entity }, guard: (*role).protected,
})

func (s *Service) roleOperations() []wire.Operation {
	return []wire.Operation{
		op(onNew(roles, func(in *iam.CreateRoleInput) (*string, *string) { return in.Path, in.RoleName },
			about(boundaryKey, func(in *iam.CreateRoleInput) *string { return in.PermissionsBoundary }),
			tagged(func(in *iam.CreateRoleInput) []types.Tag { return in.Tags })), s.CreateRole),
		op(on(s, roles, func(in *iam.GetRoleInput) *string { return in.RoleName }), s.GetRole),
		op(onAll(roles, func(in *iam.ListRolesInput) *string { return in.PathPrefix }), s.ListRoles),
		op(on(s, roles, func(in *iam.UpdateRoleInput) *string { return in.RoleName }), s.UpdateRole),
		op(on(s, roles, func(in *iam.UpdateRoleDescriptionInput) *string { return in.RoleName }), s.UpdateRoleDescription),
		op(on(s, roles, func(in *iam.UpdateAssumeRolePolicyInput) *string { return in.RoleName }), s.UpdateAssumeRolePolicy),
		op(on(s, roles, func(in *iam.DeleteRoleInput) *string { return in.RoleName }), s.DeleteRole),
		op(on(s, roles, func(in *iam.PutRolePermissionsBoundaryInput) *string { return in.RoleName },
			about(boundaryKey, func(in *iam.PutRolePermissionsBoundaryInput) *string { return in.PermissionsBoundary })), s.PutRolePermissionsBoundary),
		op(on(s, roles, func(in *iam.DeleteRolePermissionsBoundaryInput) *string { return in.RoleName },
			bounded), s.DeleteRolePermissionsBoundary),
	}
}

// CreateRole makes a role without permissions.
func (s *Service) CreateRole(ctx context.Context, in *iam.CreateRoleInput) (*iam.CreateRoleOutput, error) {
	account := wire.CallFrom(ctx).Account()
	tags, err := newTags(nil, in.Tags)
	if err != nil {
		return nil, err
	}
	if strings.HasPrefix(pathOf(in.Path), linkedPath) {
		return nil, invalid("The path " + linkedPath + " is reserved for service-linked roles.")
	}
	granted, err := s.newTrust(ctx, *in.AssumeRolePolicyDocument)
	if err != nil {
		return nil, err
	}
	r := &role{
		entity: entity{
			Account: account, Name: *in.RoleName, ID: newID(roles.prefix, account), Path: pathOf(in.Path),
			Created: s.now(), Boundary: aws.ToString(in.PermissionsBoundary), Tags: tags,
		},
		Description: aws.ToString(in.Description), MaxSession: defaultSession, Trust: *granted,
	}
	if in.MaxSessionDuration != nil {
		r.MaxSession = *in.MaxSessionDuration
	}
	if err := roles.insert(ctx, s, r); err != nil {
		return nil, err
	}
	out := r.api(r.Trust.Document)
	out.PermissionsBoundary, out.Tags = boundaryOf(&r.entity), apiTags(r.Tags)
	return &iam.CreateRoleOutput{Role: out}, nil
}

// api is the role as lists answer it, with its trust policy as it now reads.
func (r *role) api(document string) *types.Role {
	out := &types.Role{
		Arn: aws.String(roles.arn(&r.entity)), CreateDate: &r.Created, Path: &r.Path, RoleId: &r.ID, RoleName: &r.Name,
		AssumeRolePolicyDocument: aws.String(encodeDocument(document)), MaxSessionDuration: &r.MaxSession,
	}
	if r.Description != "" {
		out.Description = &r.Description
	}
	return out
}

// GetRole returns a role.
func (s *Service) GetRole(ctx context.Context, in *iam.GetRoleInput) (*iam.GetRoleOutput, error) {
	r, shown, err := s.role(ctx, *in.RoleName)
	if err != nil {
		return nil, err
	}
	out := r.api(shown)
	out.PermissionsBoundary, out.Tags = boundaryOf(&r.entity), apiTags(r.Tags)
	err = s.db.View(ctx, func(tx *store.Tx) (err error) {
		out.RoleLastUsed, err = s.lastUsed(tx, r)
		return err
	})
	return &iam.GetRoleOutput{Role: out}, err
}

// role reads a role, and its trust policy as it now reads.
func (s *Service) role(ctx context.Context, name string) (r *role, shown string, err error) {
	account := wire.CallFrom(ctx).Account()
	err = s.db.View(ctx, func(tx *store.Tx) (err error) {
		if r, err = roles.find(tx, account, name); err == nil {
			shown, err = r.Trust.shown(tx)
		}
		return err
	})
	return r, shown, err
}

// ListRoles lists roles by name.
func (s *Service) ListRoles(ctx context.Context, in *iam.ListRolesInput) (*iam.ListRolesOutput, error) {
	p, err := newPager("iam.ListRoles", in.Marker, in.MaxItems)
	if err != nil {
		return nil, err
	}
	var page []*role
	if err := roles.list(ctx, s, p, in.PathPrefix, func(r *role) { page = append(page, r) }); err != nil {
		return nil, err
	}
	out := &iam.ListRolesOutput{Roles: make([]types.Role, 0, len(page)), IsTruncated: p.more, Marker: p.marker()}
	err = s.db.View(ctx, func(tx *store.Tx) error {
		for _, r := range page {
			shown, err := r.Trust.shown(tx)
			if err != nil {
				return err
			}
			out.Roles = append(out.Roles, *r.api(shown))
		}
		return nil
	})
	return out, err
}

// UpdateRole changes a role's description and longest session, as far as given.
func (s *Service) UpdateRole(ctx context.Context, in *iam.UpdateRoleInput) (*iam.UpdateRoleOutput, error) {
	err := roles.change(ctx, s, *in.RoleName, func(_ *store.Tx, r *role) error {
		if in.Description != nil {
			r.Description = *in.Description
		}
		if in.MaxSessionDuration != nil {
			r.MaxSession = *in.MaxSessionDuration
			return r.protected()
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &iam.UpdateRoleOutput{}, nil
}

// UpdateRoleDescription changes a role's description.
func (s *Service) UpdateRoleDescription(ctx context.Context, in *iam.UpdateRoleDescriptionInput) (*iam.UpdateRoleDescriptionOutput, error) {
	err := roles.change(ctx, s, *in.RoleName, func(_ *store.Tx, r *role) error {
		r.Description = *in.Description
		return nil
	})
	if err != nil {
		return nil, err
	}
	r, shown, err := s.role(ctx, *in.RoleName)
	if err != nil {
		return nil, err
	}
	return &iam.UpdateRoleDescriptionOutput{Role: r.api(shown)}, nil
}

// UpdateAssumeRolePolicy replaces a role's trust policy. Sessions that run go on.
func (s *Service) UpdateAssumeRolePolicy(ctx context.Context, in *iam.UpdateAssumeRolePolicyInput) (*iam.UpdateAssumeRolePolicyOutput, error) {
	granted, err := s.newTrust(ctx, *in.PolicyDocument)
	if err != nil {
		return nil, err
	}
	err = roles.change(ctx, s, *in.RoleName, func(_ *store.Tx, r *role) error {
		r.Trust = *granted
		return r.protected()
	})
	if err != nil {
		return nil, err
	}
	return &iam.UpdateAssumeRolePolicyOutput{}, nil
}

// DeleteRole deletes a role that has no policies. Its sessions lose all
// permissions at once.
func (s *Service) DeleteRole(ctx context.Context, in *iam.DeleteRoleInput) (*iam.DeleteRoleOutput, error) {
	err := roles.remove(ctx, s, *in.RoleName, func(_ *store.Tx, r *role) error {
		if len(r.Profiles) > 0 {
			return conflict("Cannot delete entity, must remove roles from instance profile first.")
		}
		return r.protected()
	})
	if err != nil {
		return nil, err
	}
	return &iam.DeleteRoleOutput{}, nil
}

// PutRolePermissionsBoundary limits what the role's policies can allow.
func (s *Service) PutRolePermissionsBoundary(ctx context.Context, in *iam.PutRolePermissionsBoundaryInput) (*iam.PutRolePermissionsBoundaryOutput, error) {
	if err := roles.bound(ctx, s, *in.RoleName, *in.PermissionsBoundary); err != nil {
		return nil, err
	}
	return &iam.PutRolePermissionsBoundaryOutput{}, nil
}

// DeleteRolePermissionsBoundary lifts the limit.
func (s *Service) DeleteRolePermissionsBoundary(ctx context.Context, in *iam.DeleteRolePermissionsBoundaryInput) (*iam.DeleteRolePermissionsBoundaryOutput, error) {
	if err := roles.bound(ctx, s, *in.RoleName, ""); err != nil {
		return nil, err
	}
	return &iam.DeleteRolePermissionsBoundaryOutput{}, nil
}

// Role returns what the token service needs to know of an account's role. It
// fails with store.ErrNotFound if there is none.
func (s *Service) Role(ctx context.Context, account, name string) (*authz.Role, error) {
	var r *role
	err := s.db.View(ctx, func(tx *store.Tx) (err error) {
		r, err = roles.called(tx, account, name)
		return err
	})
	if err != nil {
		return nil, err
	}
	document, err := r.trustPolicy()
	if err != nil {
		return nil, err
	}
	return &authz.Role{
		ARN: roles.arn(&r.entity), ID: r.ID, Name: r.Name, Account: r.Account,
		TrustPolicy: document, MaxSession: time.Duration(r.MaxSession) * time.Second, Tags: r.Tags,
	}, nil
}

// trustPolicy is the trust policy as it is enforced.
func (r *role) trustPolicy() (string, error) {
	if d := r.effective.Load(); d != nil {
		return *d, nil
	}
	d, err := r.Trust.enforced()
	if err != nil {
		return "", err
	}
	r.effective.Store(&d)
	return d, nil
}
