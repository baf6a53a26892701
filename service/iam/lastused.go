package iam

import (
	"context"
	"errors"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/garrison-cloud/garrison/internal/authz"
	"github.com/garrison-cloud/garrison/internal/lastuse"
	"github.com/garrison-cloud/garrison/internal/store"
	"github.com/garrison-cloud/garrison/internal/wire"
)

// Tracking is how long it is known what users and roles have used (IAM User
// Guide, "Refine permissions in AWS using last accessed information").
const Tracking = 400 * 24 * time.Hour

func (s *Service) lastUsedOperations() []wire.Operation {
	return []wire.Operation{op(s.onKeyLastUsed, s.GetAccessKeyLastUsed)}
}

// onKeyLastUsed asks for the action on the user whose key it is.
func (s *Service) onKeyLastUsed(ctx context.Context, in *iam.GetAccessKeyLastUsedInput) (authz.Target, error) {
	k, u, err := s.keyAndOwner(ctx, *in.AccessKeyId)
	if errors.Is(err, store.ErrNotFound) {
		t := authz.Any()
		t.Missing = noSuch("The Access Key with id " + *in.AccessKeyId + " cannot be found.")
		return t, nil
	}
	if err != nil || u == nil {
		return authz.Any(), err
	}
	return on(s, users, func(*accessKey) *string { return &u.Name })(ctx, k)
}

// keyAndOwner reads an access key of the caller's account and the user whose it
// is, nil for the root's. It fails with store.ErrNotFound.
func (s *Service) keyAndOwner(ctx context.Context, id string) (k *accessKey, u *user, err error) {
	account := wire.CallFrom(ctx).Account()
	err = s.db.View(ctx, func(tx *store.Tx) (err error) {
		if k, err = accessKeys.Get(tx, account, id); err != nil || k.User == "" {
			return err
		}
		u, err = users.table.Get(tx, account, k.User)
		return err
	})
	return k, u, err
}

// GetAccessKeyLastUsed tells when, for which service and in which Region an access
// key has last signed a call.
func (s *Service) GetAccessKeyLastUsed(ctx context.Context, in *iam.GetAccessKeyLastUsedInput) (*iam.GetAccessKeyLastUsedOutput, error) {
	k, u, err := s.keyAndOwner(ctx, *in.AccessKeyId)
	if err != nil {
		return nil, err
	}
	out := &iam.GetAccessKeyLastUsedOutput{}
	if u != nil {
		out.UserName = &u.Name
	}
	err = s.db.View(ctx, func(tx *store.Tx) error {
		use, used, err := s.uses.Last(tx, k.thing())
		out.AccessKeyLastUsed = &types.AccessKeyLastUsed{ServiceName: aws.String(notApplicable), Region: aws.String(notApplicable)}
		if used {
			out.AccessKeyLastUsed = &types.AccessKeyLastUsed{
				ServiceName: &use.Service, Region: &use.Region, LastUsedDate: aws.Time(use.At.Truncate(time.Second)),
			}
		}
		return err
	})
	return out, err
}

func (k *accessKey) thing() lastuse.Thing {
	return lastuse.Thing{Kind: lastuse.AccessKey, Account: k.Account, ID: k.ID}
}

// permissions is what an entity has used, by action, within the time that is
// tracked.
func (s *Service) permissions(tx *store.Tx, e *entity) (map[string]lastuse.Use, error) {
	used, err := s.uses.All(tx, lastuse.Thing{Kind: lastuse.Permission, Account: e.Account, ID: e.ID})
	since := s.clock.Now().Add(-Tracking)
	for action, use := range used {
		if use.At.Before(since) {
			delete(used, action)
		}
	}
	return used, err
}

// lastUsed tells when and where a role was last used. It is empty for one that
// was not.
func (s *Service) lastUsed(tx *store.Tx, r *role) (*types.RoleLastUsed, error) {
	used, err := s.permissions(tx, &r.entity)
	if err != nil {
		return nil, err
	}
	var last lastuse.Use
	for _, use := range used {
		if use.At.After(last.At) {
			last = use
		}
	}
	if last.At.IsZero() {
		return &types.RoleLastUsed{}, nil
	}
	return &types.RoleLastUsed{LastUsedDate: aws.Time(last.At.Truncate(time.Second)), Region: &last.Region}, nil
}
