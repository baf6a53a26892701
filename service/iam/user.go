package iam

import (
	"context"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	engine "github.com/garrison-cloud/garrison/engine/iam"
	"github.com/garrison-cloud/garrison/internal/arn"
	"github.com/garrison-cloud/garrison/internal/store"
	"github.com/garrison-cloud/garrison/internal/wire"
)

// A user is a person or a program with credentials of its own.
type user struct {
	entity
	// Groups are the ids of the groups that the user is in, Keys its access keys'
	// ids, MFA its second factors' serial numbers.
	Groups, Keys, MFA []string
}

var users = newKind(kind[user]{
	noun: "user", title: "User", prefix: "AIDA", quota: "PoliciesPerUser", inline: 2048,
	of: func(u *user) *entity { return &u.entity },
}, store.Index(byGroup, func(u *user) []store.Key {
	out := make([]store.Key, 0, len(u.Groups))
	for _, id := range u.Groups {
		out = append(out, store.K(u.Account, id, fold(u.Name)))
	}
	return out
}))

func (s *Service) userOperations() []wire.Operation {
	return []wire.Operation{
		op(onNew(users, func(in *iam.CreateUserInput) (*string, *string) { return in.Path, in.UserName },
			about(boundaryKey, func(in *iam.CreateUserInput) *string { return in.PermissionsBoundary }),
			tagged(func(in *iam.CreateUserInput) []types.Tag { return in.Tags })), s.CreateUser),
		op(on(s, users, func(in *iam.GetUserInput) *string { return in.UserName }), s.GetUser),
		op(onAll(users, func(in *iam.ListUsersInput) *string { return in.PathPrefix }), s.ListUsers),
		op(onRename(s, users, func(in *iam.UpdateUserInput) names { return names{in.UserName, in.NewPath, in.NewUserName} }), s.UpdateUser),
		op(on(s, users, func(in *iam.DeleteUserInput) *string { return in.UserName }), s.DeleteUser),
		op(on(s, users, func(in *iam.PutUserPermissionsBoundaryInput) *string { return in.UserName },
			about(boundaryKey, func(in *iam.PutUserPermissionsBoundaryInput) *string { return in.PermissionsBoundary })), s.PutUserPermissionsBoundary),
		op(on(s, users, func(in *iam.DeleteUserPermissionsBoundaryInput) *string { return in.UserName },
			bounded), s.DeleteUserPermissionsBoundary),
	}
}

// subject is the name of the user that a call is about: the one named, or the
// caller. It is empty for the account's root user.
func subject(ctx context.Context, name *string) (string, error) {
	if name != nil {
		return *name, nil
	}
	p := wire.CallFrom(ctx).Principal
	switch p.Kind {
	case engine.AccountRoot:
		return "", nil
	case engine.User:
		return p.Name, nil
	default:
		return "", unfit("Must specify userName when calling with non-User credentials")
	}
}

// CreateUser makes a user, which has no credentials and no permissions yet.
func (s *Service) CreateUser(ctx context.Context, in *iam.CreateUserInput) (*iam.CreateUserOutput, error) {
	account := wire.CallFrom(ctx).Account()
	tags, err := newTags(nil, in.Tags)
	if err != nil {
		return nil, err
	}
	u := &user{entity: entity{
		Account: account, Name: *in.UserName, ID: newID(users.prefix, account), Path: pathOf(in.Path),
		Created: s.now(), Boundary: aws.ToString(in.PermissionsBoundary), Tags: tags,
	}}
	if err := users.insert(ctx, s, u); err != nil {
		return nil, err
	}
	return &iam.CreateUserOutput{User: u.api(true)}, nil
}

// now is the time to keep: AWS's dates have whole seconds.
func (s *Service) now() time.Time { return s.clock.Now().Truncate(time.Second) }

// api is the user as calls answer it; lists leave tags and boundary out.
func (u *user) api(whole bool) *types.User {
	out := &types.User{
		Arn: aws.String(users.arn(&u.entity)), CreateDate: &u.Created, Path: &u.Path,
		UserId: &u.ID, UserName: &u.Name,
	}
	if whole {
		out.PermissionsBoundary, out.Tags = boundaryOf(&u.entity), apiTags(u.Tags)
	}
	return out
}

// GetUser returns a user, or the caller.
func (s *Service) GetUser(ctx context.Context, in *iam.GetUserInput) (*iam.GetUserOutput, error) {
	name, err := subject(ctx, in.UserName)
	if err != nil {
		return nil, err
	}
	if name == "" {
		return s.rootUser(ctx)
	}
	u, err := users.view(ctx, s, name)
	if err != nil {
		return nil, err
	}
	return &iam.GetUserOutput{User: u.api(true)}, nil
}

// rootUser answers GetUser for the root user, which has neither name nor path.
func (s *Service) rootUser(ctx context.Context) (*iam.GetUserOutput, error) {
	account := wire.CallFrom(ctx).Account()
	out := &types.User{Arn: aws.String(arn.Root(account)), UserId: &account}
	row, err := s.account(ctx, account)
	if err != nil {
		return nil, err
	}
	if row != nil {
		out.CreateDate = &row.Created
	}
	return &iam.GetUserOutput{User: out}, nil
}

// ListUsers lists users by name.
func (s *Service) ListUsers(ctx context.Context, in *iam.ListUsersInput) (*iam.ListUsersOutput, error) {
	p, err := newPager("iam.ListUsers", in.Marker, in.MaxItems)
	if err != nil {
		return nil, err
	}
	out := &iam.ListUsersOutput{Users: []types.User{}}
	err = users.list(ctx, s, p, in.PathPrefix, func(u *user) { out.Users = append(out.Users, *u.api(false)) })
	out.IsTruncated, out.Marker = p.more, p.marker()
	return out, err
}

// UpdateUser renames or moves a user; what refers to it keeps doing so.
func (s *Service) UpdateUser(ctx context.Context, in *iam.UpdateUserInput) (*iam.UpdateUserOutput, error) {
	if err := users.rename(ctx, s, *in.UserName, in.NewUserName, in.NewPath); err != nil {
		return nil, err
	}
	return &iam.UpdateUserOutput{}, nil
}

// DeleteUser deletes a user that has neither policies, groups nor access keys.
func (s *Service) DeleteUser(ctx context.Context, in *iam.DeleteUserInput) (*iam.DeleteUserOutput, error) {
	err := users.remove(ctx, s, *in.UserName, func(tx *store.Tx, u *user) error {
		if len(u.Keys) > 0 {
			return conflict("Cannot delete entity, must delete access keys first.")
		}
		if len(u.Groups) > 0 {
			return conflict("Cannot delete entity, must remove users from group first.")
		}
		if len(u.MFA) > 0 {
			return conflict("Cannot delete entity, must delete MFA device first.")
		}
		return firstErrorOf(func() error { return u.loginFree(tx) }, func() error { return u.credentialFree(tx) })
	})
	if err != nil {
		return nil, err
	}
	return &iam.DeleteUserOutput{}, nil
}

// PutUserPermissionsBoundary limits what the user's policies can allow.
func (s *Service) PutUserPermissionsBoundary(ctx context.Context, in *iam.PutUserPermissionsBoundaryInput) (*iam.PutUserPermissionsBoundaryOutput, error) {
	if err := users.bound(ctx, s, *in.UserName, *in.PermissionsBoundary); err != nil {
		return nil, err
	}
	return &iam.PutUserPermissionsBoundaryOutput{}, nil
}

// DeleteUserPermissionsBoundary lifts the limit.
func (s *Service) DeleteUserPermissionsBoundary(ctx context.Context, in *iam.DeleteUserPermissionsBoundaryInput) (*iam.DeleteUserPermissionsBoundaryOutput, error) {
	if err := users.bound(ctx, s, *in.UserName, ""); err != nil {
		return nil, err
	}
	return &iam.DeleteUserPermissionsBoundaryOutput{}, nil
}

// bound sets the boundary, or takes it away if it is empty.
func (k *kind[T]) bound(ctx context.Context, s *Service, name, boundary string) error {
	return k.regrant(ctx, s, name, func(tx *store.Tx, row *T) error {
		e := k.of(row)
		if e.Boundary == "" && boundary == "" {
			return noSuch("The " + k.noun + " with name " + e.Name + " does not have a permissions boundary.")
		}
		if e.Boundary != "" {
			if err := s.use(tx, e.Account, e.Boundary, 0, -1); err != nil {
				return err
			}
		}
		if e.Boundary = boundary; boundary == "" {
			return nil
		}
		return s.use(tx, e.Account, boundary, 0, 1)
	})
}

func boundaryOf(e *entity) *types.AttachedPermissionsBoundary {
	if e.Boundary == "" {
		return nil
	}
	return &types.AttachedPermissionsBoundary{
		PermissionsBoundaryArn:  &e.Boundary,
		PermissionsBoundaryType: types.PermissionsBoundaryAttachmentTypePolicy,
	}
}

// without returns the list without v, and whether v was in it.
func without(list []string, v string) ([]string, bool) {
	i := slices.Index(list, v)
	if i < 0 {
		return list, false
	}
	return slices.Delete(list, i, i+1), true
}
