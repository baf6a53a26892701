package iam

import (
	"bytes"
	"context"
	"errors"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/smithy-go"

	engine "github.com/garrison-cloud/garrison/engine/iam"
	"github.com/garrison-cloud/garrison/internal/authz"
	"github.com/garrison-cloud/garrison/internal/store"
	"github.com/garrison-cloud/garrison/internal/wire"
)

// A loginProfile is a user's password. It lives beside the user, under the same id.
type loginProfile struct {
	Account, User string
	Created       time.Time
	Hash          passwordHash
	// Old are the hashes of the passwords before, newest first: as many as an
	// account's policy can forbid to come back.
	Old []passwordHash
	// Reset tells that the user must choose another at the next sign-in.
	Reset bool
}

// maxReuse is how many old passwords a policy can forbid.
const maxReuse = 24

var loginProfiles = store.NewTable("iam.loginprofile", func(l *loginProfile) store.Key { return store.K(l.Account, l.User) })

func (s *Service) loginProfileOperations() []wire.Operation {
	return []wire.Operation{
		op(on(s, users, func(in *iam.CreateLoginProfileInput) *string { return in.UserName }), s.CreateLoginProfile),
		op(on(s, users, func(in *iam.GetLoginProfileInput) *string { return in.UserName }), s.GetLoginProfile),
		op(on(s, users, func(in *iam.UpdateLoginProfileInput) *string { return in.UserName }), s.UpdateLoginProfile),
		op(on(s, users, func(in *iam.DeleteLoginProfileInput) *string { return in.UserName }), s.DeleteLoginProfile),
		op(s.onChangePassword, s.ChangePassword),
	}
}

// onChangePassword asks for the action on the caller, who must be a user.
func (s *Service) onChangePassword(ctx context.Context, _ *iam.ChangePasswordInput) (authz.Target, error) {
	p := wire.CallFrom(ctx).Principal
	if p.Kind != engine.User {
		return authz.Target{}, &types.InvalidUserTypeException{Message: aws.String("Only IAM Users can change their own password")}
	}
	return s.ownPassword(ctx, authz.On(p.ARN), "iam:ChangePassword")
}

// ownPassword lets users do what the account's password policy lets all of them
// do. It allows as a resource's policy does, so that a denial elsewhere still
// counts; the user's id, unlike its ARN, needs no escape in one.
func (s *Service) ownPassword(ctx context.Context, t authz.Target, action string) (authz.Target, error) {
	p := wire.CallFrom(ctx).Principal
	if p.Kind != engine.User {
		return t, nil
	}
	row, err := s.account(ctx, p.Account)
	if err != nil || row == nil || row.Passwords == nil || !row.Passwords.UsersChange {
		return t, err
	}
	t.Policy = `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":"` + p.ID + `"},"Action":"` + action + `","Resource":"*"}}`
	return t, nil
}

// loginOf returns the user of that name, or the caller, with the password that
// the user has.
func (s *Service) loginOf(ctx context.Context, name *string) (u *user, l *loginProfile, err error) {
	who, err := subject(ctx, name)
	if err != nil {
		return nil, nil, err
	}
	account := wire.CallFrom(ctx).Account()
	err = s.db.View(ctx, func(tx *store.Tx) error {
		if u, err = users.find(tx, account, who); err != nil {
			return err
		}
		l, err = loginProfiles.Get(tx, u.Account, u.ID)
		return u.noLogin(err)
	})
	return u, l, err
}

// noLogin words the error of a user without a password.
func (u *user) noLogin(err error) error {
	if errors.Is(err, store.ErrNotFound) {
		return noSuch("Login Profile for User " + u.Name + " cannot be found.")
	}
	return err
}

// loginFree refuses to delete a user who has a password.
func (u *user) loginFree(tx *store.Tx) error {
	_, err := loginProfiles.Get(tx, u.Account, u.ID)
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	return conflict("Cannot delete entity, must delete login profile first.")
}

func (l *loginProfile) api(u *user) *types.LoginProfile {
	return &types.LoginProfile{UserName: &u.Name, CreateDate: &l.Created, PasswordResetRequired: l.Reset}
}

// newPassword holds a password to the account's policy and hashes it.
func (s *Service) newPassword(ctx context.Context, password string) (*passwordHash, *passwordPolicy, error) {
	row, err := s.account(ctx, wire.CallFrom(ctx).Account())
	if err != nil {
		return nil, nil, err
	}
	var p *passwordPolicy
	if row != nil {
		p = row.Passwords
	}
	if err := p.check(password); err != nil {
		return nil, nil, err
	}
	h, err := s.hasher.make(ctx, password, s.now())
	return h, p, err
}

// CreateLoginProfile gives a user a password.
func (s *Service) CreateLoginProfile(ctx context.Context, in *iam.CreateLoginProfileInput) (*iam.CreateLoginProfileOutput, error) {
	who, err := subject(ctx, in.UserName)
	if err != nil {
		return nil, err
	}
	if in.Password == nil {
		return nil, unfit("Password is a required parameter.")
	}
	if who == "" {
		return nil, unfit("Must specify userName when calling with non-User credentials")
	}
	h, _, err := s.newPassword(ctx, *in.Password)
	if err != nil {
		return nil, err
	}
	var out *types.LoginProfile
	err = users.update(ctx, s, who, func(tx *store.Tx, u *user) error {
		l := &loginProfile{Account: u.Account, User: u.ID, Created: h.Since, Hash: *h, Reset: in.PasswordResetRequired}
		out = l.api(u)
		return loginProfiles.Insert(tx, l)
	})
	if errors.Is(err, store.ErrExists) {
		return nil, exists("Login Profile for user " + who + " already exists.")
	}
	if err != nil {
		return nil, err
	}
	return &iam.CreateLoginProfileOutput{LoginProfile: out}, nil
}

// GetLoginProfile tells whether a user has a password, and since when.
func (s *Service) GetLoginProfile(ctx context.Context, in *iam.GetLoginProfileInput) (*iam.GetLoginProfileOutput, error) {
	u, l, err := s.loginOf(ctx, in.UserName)
	if err != nil {
		return nil, err
	}
	return &iam.GetLoginProfileOutput{LoginProfile: l.api(u)}, nil
}

// changeLogin lets fn work on the user's password as it was seen, and keeps it.
func (s *Service) changeLogin(ctx context.Context, u *user, seen *loginProfile, fn func(*loginProfile)) error {
	return s.db.Update(ctx, func(tx *store.Tx) error {
		l, err := loginProfiles.Get(tx, u.Account, u.ID)
		if err != nil {
			return u.noLogin(err)
		}
		if !bytes.Equal(l.Hash.Sum, seen.Hash.Sum) {
			return &types.EntityTemporarilyUnmodifiableException{Message: aws.String("Login Profile for User " + u.Name + " cannot be modified while login profile is being changed.")}
		}
		fn(l)
		return loginProfiles.Put(tx, l)
	})
}

// replace puts a new password in the place of the old.
func (l *loginProfile) replace(h *passwordHash) {
	old := append([]passwordHash{l.Hash}, l.Old...)
	l.Old = old[:min(len(old), maxReuse)]
	l.Hash = *h
}

// UpdateLoginProfile changes a user's password, and whether the user must choose
// another, as far as given. Old passwords may come back: an administrator decides.
func (s *Service) UpdateLoginProfile(ctx context.Context, in *iam.UpdateLoginProfileInput) (*iam.UpdateLoginProfileOutput, error) {
	u, seen, err := s.loginOf(ctx, in.UserName)
	if err != nil {
		return nil, err
	}
	var h *passwordHash
	if in.Password != nil {
		if h, _, err = s.newPassword(ctx, *in.Password); err != nil {
			return nil, err
		}
	}
	err = s.changeLogin(ctx, u, seen, func(l *loginProfile) {
		if h != nil {
			l.replace(h)
		}
		if in.PasswordResetRequired != nil {
			l.Reset = *in.PasswordResetRequired
		}
	})
	if err != nil {
		return nil, err
	}
	return &iam.UpdateLoginProfileOutput{}, nil
}

// DeleteLoginProfile takes a user's password away.
func (s *Service) DeleteLoginProfile(ctx context.Context, in *iam.DeleteLoginProfileInput) (*iam.DeleteLoginProfileOutput, error) {
	u, _, err := s.loginOf(ctx, in.UserName)
	if err != nil {
		return nil, err
	}
	err = s.db.Update(ctx, func(tx *store.Tx) error {
		if _, err := loginProfiles.Get(tx, u.Account, u.ID); err != nil {
			return u.noLogin(err)
		}
		return loginProfiles.Delete(tx, u.Account, u.ID)
	})
	if err != nil {
		return nil, err
	}
	return &iam.DeleteLoginProfileOutput{}, nil
}

// ChangePassword lets a user who knows the password choose another.
func (s *Service) ChangePassword(ctx context.Context, in *iam.ChangePasswordInput) (*iam.ChangePasswordOutput, error) {
	u, seen, err := s.loginOf(ctx, nil)
	if err != nil {
		return nil, err
	}
	fits, err := s.hasher.fits(ctx, &seen.Hash, *in.OldPassword)
	if err != nil {
		return nil, err
	}
	if !fits {
		return nil, &smithy.GenericAPIError{Code: "AccessDenied", Message: "The old password was incorrect."}
	}
	h, policy, err := s.newPassword(ctx, *in.NewPassword)
	if err != nil {
		return nil, err
	}
	if err := s.checkReuse(ctx, policy, seen, *in.NewPassword); err != nil {
		return nil, err
	}
	err = s.changeLogin(ctx, u, seen, func(l *loginProfile) {
		l.replace(h)
		l.Reset = false
	})
	if err != nil {
		return nil, err
	}
	return &iam.ChangePasswordOutput{}, nil
}

// checkReuse refuses the present password and as many old ones as the policy says.
func (s *Service) checkReuse(ctx context.Context, p *passwordPolicy, l *loginProfile, password string) error {
	if p == nil || p.Reuse == 0 {
		return nil
	}
	last := append([]passwordHash{l.Hash}, l.Old...)
	for i := range last[:min(len(last), int(p.Reuse))] {
		fits, err := s.hasher.fits(ctx, &last[i], password)
		if err != nil {
			return err
		}
		if fits {
			return weak("Password reuse is not allowed by the account password policy")
		}
	}
	return nil
}
