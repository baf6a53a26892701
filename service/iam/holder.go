package iam

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/garrison-cloud/garrison/internal/store"
	"github.com/garrison-cloud/garrison/internal/wire"
)

// A holders lists the entities that have a managed policy: stage by stage, each
// a kind of entity and a use.
type holders struct {
	tx       *store.Tx
	pager    *pager
	account  string
	policy   string
	prefix   *string
	uses     []string
	stage    int
	finished bool
}

// ListEntitiesForPolicy lists who has a managed policy.
func (s *Service) ListEntitiesForPolicy(ctx context.Context, in *iam.ListEntitiesForPolicyInput) (*iam.ListEntitiesForPolicyOutput, error) {
	p, err := newPager("iam.ListEntitiesForPolicy", in.Marker, in.MaxItems)
	if err != nil {
		return nil, err
	}
	if _, err := s.viewPolicy(ctx, *in.PolicyArn); err != nil {
		return nil, err
	}
	out := &iam.ListEntitiesForPolicyOutput{
		PolicyGroups: []types.PolicyGroup{}, PolicyRoles: []types.PolicyRole{}, PolicyUsers: []types.PolicyUser{},
	}
	h := &holders{
		pager: p, account: wire.CallFrom(ctx).Account(), policy: *in.PolicyArn, prefix: in.PathPrefix,
		uses: usesOf(in.PolicyUsageFilter),
	}
	wants := func(t types.EntityType) bool { return in.EntityFilter == "" || in.EntityFilter == t }
	err = s.db.View(ctx, func(tx *store.Tx) error {
		h.tx = tx
		return firstError(
			walk(h, groups, wants(types.EntityTypeGroup), func(e *entity) {
				out.PolicyGroups = append(out.PolicyGroups, types.PolicyGroup{GroupId: &e.ID, GroupName: &e.Name})
			}),
			walk(h, users, wants(types.EntityTypeUser), func(e *entity) {
				out.PolicyUsers = append(out.PolicyUsers, types.PolicyUser{UserId: &e.ID, UserName: &e.Name})
			}),
			walk(h, roles, wants(types.EntityTypeRole), func(e *entity) {
				out.PolicyRoles = append(out.PolicyRoles, types.PolicyRole{RoleId: &e.ID, RoleName: &e.Name})
			}),
		)
	})
	out.IsTruncated, out.Marker = p.more, p.marker()
	return out, err
}

func usesOf(filter types.PolicyUsageType) []string {
	switch filter {
	case types.PolicyUsageTypePermissionsPolicy:
		return []string{asPermissions}
	case types.PolicyUsageTypePermissionsBoundary:
		return []string{asBoundary}
	default:
		return []string{asPermissions, asBoundary}
	}
}

func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// walk lists the holders of one kind by name.
func walk[T any](h *holders, k *kind[T], wanted bool, add func(*entity)) error {
	for _, use := range h.uses {
		h.stage++
		if !wanted || h.finished {
			continue
		}
		if err := walkUse(h, k, use, add); err != nil {
			return err
		}
	}
	return nil
}

func walkUse[T any](h *holders, k *kind[T], use string, add func(*entity)) error {
	// A stage is one digit: there are at most six.
	at := strconv.Itoa(h.stage) + ":"
	r := store.Range{Prefix: store.K(h.account, use, h.policy)}
	if name, here := strings.CutPrefix(h.pager.after, at); here {
		r.After = store.K(h.account, use, h.policy, name)
	} else if h.pager.after > at {
		return nil // the earlier pages have this stage
	}
	for row, err := range k.table.ScanIndex(h.tx, byPolicy, r) {
		if err != nil {
			return err
		}
		e := k.of(row)
		twice := use == asBoundary && len(h.uses) > 1 && slices.Contains(e.Attached, h.policy)
		if twice || !under(e.Path, h.prefix) {
			continue
		}
		if !h.pager.take(at + fold(e.Name)) {
			h.finished = true
			return nil
		}
		add(e)
	}
	return nil
}
