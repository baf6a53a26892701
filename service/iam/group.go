package iam

import (
	"context"
	"errors"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/garrison-cloud/garrison/internal/store"
	"github.com/garrison-cloud/garrison/internal/wire"
)

// A group gives its policies to the users in it. Who is in it stands in the
// users' rows.
type group struct {
	entity
	// Members counts the users in the group.
	Members int
}

// maxGroups is how many groups a user may be in.
const maxGroups = 10

var groups = newKind(kind[group]{
	noun: "group", title: "Group", prefix: "AGPA", quota: "PoliciesPerGroup", inline: 5120,
	of: func(g *group) *entity { return &g.entity },
})

func (s *Service) groupOperations() []wire.Operation {
	return []wire.Operation{
		op(onNew(groups, func(in *iam.CreateGroupInput) (*string, *string) { return in.Path, in.GroupName }), s.CreateGroup),
		op(on(s, groups, func(in *iam.GetGroupInput) *string { return in.GroupName }), s.GetGroup),
		op(onAll(groups, func(in *iam.ListGroupsInput) *string { return in.PathPrefix }), s.ListGroups),
		op(onRename(s, groups, func(in *iam.UpdateGroupInput) names { return names{in.GroupName, in.NewPath, in.NewGroupName} }), s.UpdateGroup),
		op(on(s, groups, func(in *iam.DeleteGroupInput) *string { return in.GroupName }), s.DeleteGroup),
		op(on(s, groups, func(in *iam.AddUserToGroupInput) *string { return in.GroupName }), s.AddUserToGroup),
		op(on(s, groups, func(in *iam.RemoveUserFromGroupInput) *string { return in.GroupName }), s.RemoveUserFromGroup),
		op(on(s, users, func(in *iam.ListGroupsForUserInput) *string { return in.UserName }), s.ListGroupsForUser),
	}
}

// CreateGroup makes a group without users and policies.
func (s *Service) CreateGroup(ctx context.Context, in *iam.CreateGroupInput) (*iam.CreateGroupOutput, error) {
	account := wire.CallFrom(ctx).Account()
	g := &group{entity: entity{
		Account: account, Name: *in.GroupName, ID: newID(groups.prefix, account), Path: pathOf(in.Path), Created: s.now(),
	}}
	if err := groups.insert(ctx, s, g); err != nil {
		return nil, err
	}
	return &iam.CreateGroupOutput{Group: g.api()}, nil
}

func (g *group) api() *types.Group {
	return &types.Group{
		Arn: aws.String(groups.arn(&g.entity)), CreateDate: &g.Created, GroupId: &g.ID, GroupName: &g.Name, Path: &g.Path,
	}
}

// GetGroup returns a group and, in pages, the users in it.
func (s *Service) GetGroup(ctx context.Context, in *iam.GetGroupInput) (*iam.GetGroupOutput, error) {
	p, err := newPager("iam.GetGroup", in.Marker, in.MaxItems)
	if err != nil {
		return nil, err
	}
	account := wire.CallFrom(ctx).Account()
	out := &iam.GetGroupOutput{Users: []types.User{}}
	err = s.db.View(ctx, func(tx *store.Tx) error {
		g, err := groups.find(tx, account, *in.GroupName)
		if err != nil {
			return err
		}
		out.Group = g.api()
		return members(tx, g, p, func(u *user) { out.Users = append(out.Users, *u.api(false)) })
	})
	if err != nil {
		return nil, err
	}
	out.IsTruncated, out.Marker = p.more, p.marker()
	return out, nil
}

// members pages through a group's users by name.
func members(tx *store.Tx, g *group, p *pager, add func(*user)) error {
	r := store.Range{Prefix: store.K(g.Account, g.ID)}
	if p.after != "" {
		r.After = store.K(g.Account, g.ID, p.after)
	}
	for u, err := range users.table.ScanIndex(tx, byGroup, r) {
		if err != nil {
			return err
		}
		if !p.take(fold(u.Name)) {
			return nil
		}
		add(u)
	}
	return nil
}

// ListGroups lists groups by name.
func (s *Service) ListGroups(ctx context.Context, in *iam.ListGroupsInput) (*iam.ListGroupsOutput, error) {
	p, err := newPager("iam.ListGroups", in.Marker, in.MaxItems)
	if err != nil {
		return nil, err
	}
	out := &iam.ListGroupsOutput{Groups: []types.Group{}}
	err = groups.list(ctx, s, p, in.PathPrefix, func(g *group) { out.Groups = append(out.Groups, *g.api()) })
	out.IsTruncated, out.Marker = p.more, p.marker()
	return out, err
}

// UpdateGroup renames or moves a group; its users stay in it.
func (s *Service) UpdateGroup(ctx context.Context, in *iam.UpdateGroupInput) (*iam.UpdateGroupOutput, error) {
	if err := groups.rename(ctx, s, *in.GroupName, in.NewGroupName, in.NewPath); err != nil {
		return nil, err
	}
	return &iam.UpdateGroupOutput{}, nil
}

// DeleteGroup deletes a group that has neither policies nor users.
func (s *Service) DeleteGroup(ctx context.Context, in *iam.DeleteGroupInput) (*iam.DeleteGroupOutput, error) {
	err := groups.remove(ctx, s, *in.GroupName, func(_ *store.Tx, g *group) error {
		if g.Members > 0 {
			return conflict("Cannot delete entity, must remove users from group first.")
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &iam.DeleteGroupOutput{}, nil
}

// AddUserToGroup gives the group's policies to a user. Adding twice is no error.
func (s *Service) AddUserToGroup(ctx context.Context, in *iam.AddUserToGroupInput) (*iam.AddUserToGroupOutput, error) {
	err := s.membership(ctx, *in.GroupName, *in.UserName, func(g *group, u *user) error {
		if slices.Contains(u.Groups, g.ID) {
			return nil
		}
		if len(u.Groups) >= maxGroups {
			return over("GroupsPerUser", maxGroups)
		}
		u.Groups = append(u.Groups, g.ID)
		g.Members++
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &iam.AddUserToGroupOutput{}, nil
}

// RemoveUserFromGroup takes the group's policies from a user.
func (s *Service) RemoveUserFromGroup(ctx context.Context, in *iam.RemoveUserFromGroupInput) (*iam.RemoveUserFromGroupOutput, error) {
	err := s.membership(ctx, *in.GroupName, *in.UserName, func(g *group, u *user) (err error) {
		var was bool
		if u.Groups, was = without(u.Groups, g.ID); was {
			g.Members--
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &iam.RemoveUserFromGroupOutput{}, nil
}

// membership lets fn work on a group and a user together.
func (s *Service) membership(ctx context.Context, groupName, userName string, fn func(*group, *user) error) error {
	member, err := users.view(ctx, s, userName)
	if err != nil {
		return err
	}
	return groups.change(ctx, s, groupName, func(tx *store.Tx, g *group) error {
		u, err := users.table.Get(tx, member.Account, member.ID)
		if errors.Is(err, store.ErrNotFound) {
			return noEntity(users.noun, userName)
		}
		if err != nil {
			return err
		}
		if err := fn(g, u); err != nil {
			return err
		}
		return users.table.Put(tx, u)
	})
}

// ListGroupsForUser lists the groups that a user is in, by name.
func (s *Service) ListGroupsForUser(ctx context.Context, in *iam.ListGroupsForUserInput) (*iam.ListGroupsForUserOutput, error) {
	p, err := newPager("iam.ListGroupsForUser", in.Marker, in.MaxItems)
	if err != nil {
		return nil, err
	}
	account := wire.CallFrom(ctx).Account()
	byName := map[string]*group{}
	err = s.db.View(ctx, func(tx *store.Tx) error {
		u, err := users.find(tx, account, *in.UserName)
		if err != nil {
			return err
		}
		for _, id := range u.Groups {
			g, err := groups.table.Get(tx, account, id)
			if err != nil {
				return err
			}
			byName[fold(g.Name)] = g
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	out := &iam.ListGroupsForUserOutput{Groups: []types.Group{}}
	for _, name := range p.names(sortedKeys(byName)) {
		out.Groups = append(out.Groups, *byName[name].api())
	}
	out.IsTruncated, out.Marker = p.more, p.marker()
	return out, nil
}
