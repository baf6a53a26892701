package iam

import (
	"context"
	"errors"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/garrison-cloud/garrison/internal/authz"
	"github.com/garrison-cloud/garrison/internal/store"
	"github.com/garrison-cloud/garrison/internal/wire"
)

const instanceProfileNoun = "instance-profile"

// An instanceProfile hands a role to EC2 instances.
type instanceProfile struct {
	entity
	// Role is the role's id, empty if there is none: a profile has at most one.
	Role string
}

var instanceProfiles = newKind(kind[instanceProfile]{
	noun: instanceProfileNoun, title: "Instance Profile", prefix: "AIPA",
	of: func(p *instanceProfile) *entity { return &p.entity },
})

func (s *Service) instanceProfileOperations() []wire.Operation {
	return []wire.Operation{
		op(onNew(instanceProfiles, func(in *iam.CreateInstanceProfileInput) (*string, *string) { return in.Path, in.InstanceProfileName },
			tagged(func(in *iam.CreateInstanceProfileInput) []types.Tag { return in.Tags })), s.CreateInstanceProfile),
		op(on(s, instanceProfiles, func(in *iam.GetInstanceProfileInput) *string { return in.InstanceProfileName }), s.GetInstanceProfile),
		op(onAll(instanceProfiles, func(in *iam.ListInstanceProfilesInput) *string { return in.PathPrefix }), s.ListInstanceProfiles),
		op(on(s, instanceProfiles, func(in *iam.DeleteInstanceProfileInput) *string { return in.InstanceProfileName }), s.DeleteInstanceProfile),
		op(s.onAddRole, s.AddRoleToInstanceProfile),
		op(on(s, instanceProfiles, func(in *iam.RemoveRoleFromInstanceProfileInput) *string { return in.InstanceProfileName }), s.RemoveRoleFromInstanceProfile),
		op(on(s, roles, func(in *iam.ListInstanceProfilesForRoleInput) *string { return in.RoleName }), s.ListInstanceProfilesForRole),
		op(on(s, instanceProfiles, func(in *iam.TagInstanceProfileInput) *string { return in.InstanceProfileName },
			tagged(func(in *iam.TagInstanceProfileInput) []types.Tag { return in.Tags })), s.TagInstanceProfile),
		op(on(s, instanceProfiles, func(in *iam.UntagInstanceProfileInput) *string { return in.InstanceProfileName },
			untagged(func(in *iam.UntagInstanceProfileInput) []string { return in.TagKeys })), s.UntagInstanceProfile),
		op(on(s, instanceProfiles, func(in *iam.ListInstanceProfileTagsInput) *string { return in.InstanceProfileName }), s.ListInstanceProfileTags),
	}
}

// onAddRole asks for the permission to change the profile, and to pass the role
// to EC2: whoever runs an instance with the profile has the role.
func (s *Service) onAddRole(ctx context.Context, in *iam.AddRoleToInstanceProfileInput) (authz.Target, error) {
	t, err := on(s, instanceProfiles, func(in *iam.AddRoleToInstanceProfileInput) *string { return in.InstanceProfileName })(ctx, in)
	if err != nil {
		return t, err
	}
	pass, err := on(s, roles, func(in *iam.AddRoleToInstanceProfileInput) *string { return in.RoleName })(ctx, in)
	if err != nil {
		return t, err
	}
	handed := authz.PassRole(pass.Resource, "ec2.amazonaws.com", "")
	handed.Tags, handed.Missing = pass.Tags, pass.Missing
	t.And = append(t.And, handed)
	return t, nil
}

// CreateInstanceProfile makes an instance profile without a role.
func (s *Service) CreateInstanceProfile(ctx context.Context, in *iam.CreateInstanceProfileInput) (*iam.CreateInstanceProfileOutput, error) {
	account := wire.CallFrom(ctx).Account()
	tags, err := newTags(nil, in.Tags)
	if err != nil {
		return nil, err
	}
	p := &instanceProfile{entity: entity{
		Account: account, Name: *in.InstanceProfileName, ID: newID(instanceProfiles.prefix, account),
		Path: pathOf(in.Path), Created: s.now(), Tags: tags,
	}}
	if err := instanceProfiles.insert(ctx, s, p); err != nil {
		return nil, err
	}
	out := p.api(nil)
	out.Tags = apiTags(p.Tags)
	return &iam.CreateInstanceProfileOutput{InstanceProfile: out}, nil
}

// api is the profile as lists answer it.
func (p *instanceProfile) api(handed *types.Role) *types.InstanceProfile {
	out := &types.InstanceProfile{
		Arn: aws.String(instanceProfiles.arn(&p.entity)), CreateDate: &p.Created, InstanceProfileId: &p.ID,
		InstanceProfileName: &p.Name, Path: &p.Path, Roles: []types.Role{},
	}
	if handed != nil {
		out.Roles = append(out.Roles, *handed)
	}
	return out
}

// whole is the profile with its role.
func (p *instanceProfile) whole(tx *store.Tx) (*types.InstanceProfile, error) {
	if p.Role == "" {
		return p.api(nil), nil
	}
	r, err := roles.table.Get(tx, p.Account, p.Role)
	if err != nil {
		return nil, unreadable("role "+p.Role, err)
	}
	shown, err := r.Trust.shown(tx)
	if err != nil {
		return nil, err
	}
	return p.api(r.api(shown)), nil
}

// GetInstanceProfile returns an instance profile and its role.
func (s *Service) GetInstanceProfile(ctx context.Context, in *iam.GetInstanceProfileInput) (*iam.GetInstanceProfileOutput, error) {
	account := wire.CallFrom(ctx).Account()
	var out *types.InstanceProfile
	err := s.db.View(ctx, func(tx *store.Tx) error {
		p, err := instanceProfiles.find(tx, account, *in.InstanceProfileName)
		if err != nil {
			return err
		}
		if out, err = p.whole(tx); err == nil {
			out.Tags = apiTags(p.Tags)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return &iam.GetInstanceProfileOutput{InstanceProfile: out}, nil
}

// ListInstanceProfiles lists instance profiles by name.
func (s *Service) ListInstanceProfiles(ctx context.Context, in *iam.ListInstanceProfilesInput) (*iam.ListInstanceProfilesOutput, error) {
	p, err := newPager("iam.ListInstanceProfiles", in.Marker, in.MaxItems)
	if err != nil {
		return nil, err
	}
	var page []*instanceProfile
	if err := instanceProfiles.list(ctx, s, p, in.PathPrefix, func(row *instanceProfile) { page = append(page, row) }); err != nil {
		return nil, err
	}
	list, err := s.wholeProfiles(ctx, page)
	return &iam.ListInstanceProfilesOutput{InstanceProfiles: list, IsTruncated: p.more, Marker: p.marker()}, err
}

func (s *Service) wholeProfiles(ctx context.Context, page []*instanceProfile) ([]types.InstanceProfile, error) {
	out := make([]types.InstanceProfile, 0, len(page))
	err := s.db.View(ctx, func(tx *store.Tx) error {
		for _, p := range page {
			whole, err := p.whole(tx)
			if err != nil {
				return err
			}
			out = append(out, *whole)
		}
		return nil
	})
	return out, err
}

// ListInstanceProfilesForRole lists the instance profiles that have a role, by name.
func (s *Service) ListInstanceProfilesForRole(ctx context.Context, in *iam.ListInstanceProfilesForRoleInput) (*iam.ListInstanceProfilesForRoleOutput, error) {
	p, err := newPager("iam.ListInstanceProfilesForRole", in.Marker, in.MaxItems)
	if err != nil {
		return nil, err
	}
	account := wire.CallFrom(ctx).Account()
	byName := map[string]*instanceProfile{}
	err = s.db.View(ctx, func(tx *store.Tx) error {
		r, err := roles.find(tx, account, *in.RoleName)
		if err != nil {
			return err
		}
		for _, id := range r.Profiles {
			row, err := instanceProfiles.table.Get(tx, account, id)
			if err != nil {
				return unreadable("instance profile "+id, err)
			}
			byName[fold(row.Name)] = row
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	var page []*instanceProfile
	for _, name := range p.names(sortedKeys(byName)) {
		page = append(page, byName[name])
	}
	list, err := s.wholeProfiles(ctx, page)
	return &iam.ListInstanceProfilesForRoleOutput{InstanceProfiles: list, IsTruncated: p.more, Marker: p.marker()}, err
}

// DeleteInstanceProfile deletes an instance profile that has no role.
func (s *Service) DeleteInstanceProfile(ctx context.Context, in *iam.DeleteInstanceProfileInput) (*iam.DeleteInstanceProfileOutput, error) {
	err := instanceProfiles.remove(ctx, s, *in.InstanceProfileName, func(_ *store.Tx, p *instanceProfile) error {
		if p.Role != "" {
			return conflict("Cannot delete entity, must remove roles from instance profile first.")
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &iam.DeleteInstanceProfileOutput{}, nil
}

// handing lets fn work on an instance profile and a role together.
func (s *Service) handing(ctx context.Context, profile, roleName string, fn func(*instanceProfile, *role) error) error {
	handed, err := roles.view(ctx, s, roleName)
	if err != nil {
		return err
	}
	return instanceProfiles.change(ctx, s, profile, func(tx *store.Tx, p *instanceProfile) error {
		r, err := roles.table.Get(tx, handed.Account, handed.ID)
		if errors.Is(err, store.ErrNotFound) {
			return roles.missing(roleName)
		}
		if err != nil {
			return err
		}
		if err := fn(p, r); err != nil {
			return err
		}
		return roles.table.Put(tx, r)
	})
}

// AddRoleToInstanceProfile gives an instance profile its role.
func (s *Service) AddRoleToInstanceProfile(ctx context.Context, in *iam.AddRoleToInstanceProfileInput) (*iam.AddRoleToInstanceProfileOutput, error) {
	err := s.handing(ctx, *in.InstanceProfileName, *in.RoleName, func(p *instanceProfile, r *role) error {
		if p.Role != "" {
			return over("InstanceSessionsPerInstanceProfile", 1)
		}
		p.Role = r.ID
		r.Profiles = append(r.Profiles, p.ID)
		return r.protected()
	})
	if err != nil {
		return nil, err
	}
	return &iam.AddRoleToInstanceProfileOutput{}, nil
}

// RemoveRoleFromInstanceProfile takes the role from an instance profile.
func (s *Service) RemoveRoleFromInstanceProfile(ctx context.Context, in *iam.RemoveRoleFromInstanceProfileInput) (*iam.RemoveRoleFromInstanceProfileOutput, error) {
	err := s.handing(ctx, *in.InstanceProfileName, *in.RoleName, func(p *instanceProfile, r *role) error {
		if p.Role != r.ID {
			return roles.missing(*in.RoleName)
		}
		p.Role = ""
		r.Profiles, _ = without(r.Profiles, p.ID)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &iam.RemoveRoleFromInstanceProfileOutput{}, nil
}

// TagInstanceProfile adds tags to an instance profile, or changes their values.
func (s *Service) TagInstanceProfile(ctx context.Context, in *iam.TagInstanceProfileInput) (*iam.TagInstanceProfileOutput, error) {
	if err := instanceProfiles.tag(ctx, s, *in.InstanceProfileName, in.Tags); err != nil {
		return nil, err
	}
	return &iam.TagInstanceProfileOutput{}, nil
}

// UntagInstanceProfile takes tags from an instance profile.
func (s *Service) UntagInstanceProfile(ctx context.Context, in *iam.UntagInstanceProfileInput) (*iam.UntagInstanceProfileOutput, error) {
	if err := instanceProfiles.untag(ctx, s, *in.InstanceProfileName, in.TagKeys); err != nil {
		return nil, err
	}
	return &iam.UntagInstanceProfileOutput{}, nil
}

// ListInstanceProfileTags lists an instance profile's tags by key.
func (s *Service) ListInstanceProfileTags(ctx context.Context, in *iam.ListInstanceProfileTagsInput) (*iam.ListInstanceProfileTagsOutput, error) {
	row, err := instanceProfiles.view(ctx, s, *in.InstanceProfileName)
	if err != nil {
		return nil, err
	}
	tags, p, err := pageTags("iam.ListInstanceProfileTags", row.Tags, in.Marker, in.MaxItems)
	if err != nil {
		return nil, err
	}
	return &iam.ListInstanceProfileTagsOutput{Tags: tags, IsTruncated: p.more, Marker: p.marker()}, nil
}
