package iam

import (
	"context"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/garrison-cloud/garrison/internal/store"
	"github.com/garrison-cloud/garrison/internal/wire"
)

// A dump writes down all that an account has, noun by noun, a page at a time.
type dump struct {
	service *Service
	tx      *store.Tx
	pager   *pager
	account string
	filter  []types.EntityType
	full    bool
	out     iam.GetAccountAuthorizationDetailsOutput
}

func (s *Service) detailsOperations() []wire.Operation {
	return []wire.Operation{op(onAny[iam.GetAccountAuthorizationDetailsInput], s.GetAccountAuthorizationDetails)}
}

// GetAccountAuthorizationDetails returns users, groups, roles and managed
// policies with everything that decides what they may do.
func (s *Service) GetAccountAuthorizationDetails(ctx context.Context, in *iam.GetAccountAuthorizationDetailsInput) (*iam.GetAccountAuthorizationDetailsOutput, error) {
	p, err := newPager("iam.GetAccountAuthorizationDetails", in.Marker, in.MaxItems)
	if err != nil {
		return nil, err
	}
	d := &dump{service: s, pager: p, account: wire.CallFrom(ctx).Account(), filter: in.Filter}
	d.out = iam.GetAccountAuthorizationDetailsOutput{
		UserDetailList: []types.UserDetail{}, GroupDetailList: []types.GroupDetail{},
		RoleDetailList: []types.RoleDetail{}, Policies: []types.ManagedPolicyDetail{},
	}
	err = s.db.View(ctx, func(tx *store.Tx) error {
		d.tx = tx
		return firstErrorOf(
			func() error { return dumpKind(d, '1', types.EntityTypeUser, users, d.user) },
			func() error { return dumpKind(d, '2', types.EntityTypeGroup, groups, d.group) },
			func() error { return dumpKind(d, '3', types.EntityTypeRole, roles, d.role) },
			func() error {
				return d.policies('4', types.EntityTypeLocalManagedPolicy, types.PolicyScopeTypeLocal)
			},
			func() error { return d.policies('5', types.EntityTypeAWSManagedPolicy, types.PolicyScopeTypeAws) },
		)
	})
	d.out.IsTruncated, d.out.Marker = p.more, p.marker()
	return &d.out, err
}

// firstErrorOf runs steps up to the first that fails.
func firstErrorOf(steps ...func() error) error {
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// wants reports whether a stage is asked for, and not behind the page already.
func (d *dump) wants(stage byte, t types.EntityType) bool {
	if d.full || d.pager.after != "" && d.pager.after[0] > stage {
		return false
	}
	return len(d.filter) == 0 || slices.Contains(d.filter, t)
}

// take counts an item of a stage in; false is that the page is full.
func (d *dump) take(stage byte, name string) bool {
	d.full = !d.pager.take(string(stage) + name)
	return !d.full
}

func dumpKind[T any](d *dump, stage byte, t types.EntityType, k *kind[T], add func(*T) error) error {
	if !d.wants(stage, t) {
		return nil
	}
	r := store.Range{Prefix: store.K(d.account)}
	if after := d.pager.after; after != "" && after[0] == stage {
		r.After = store.K(d.account, after[1:])
	}
	for row, err := range k.table.ScanIndex(d.tx, byName, r) {
		if err != nil {
			return err
		}
		if !d.take(stage, fold(k.of(row).Name)) {
			return nil
		}
		if err := add(row); err != nil {
			return err
		}
	}
	return nil
}

func (e *entity) inlineDetails() []types.PolicyDetail {
	out := []types.PolicyDetail{}
	for _, name := range sortedKeys(e.Inline) {
		out = append(out, types.PolicyDetail{PolicyName: aws.String(name), PolicyDocument: aws.String(encodeDocument(e.Inline[name]))})
	}
	return out
}

func (e *entity) attachedDetails() ([]types.AttachedPolicy, error) {
	out := []types.AttachedPolicy{}
	for _, a := range e.Attached {
		_, _, name, err := policyName(a)
		if err != nil {
			return nil, err
		}
		out = append(out, types.AttachedPolicy{PolicyArn: aws.String(a), PolicyName: aws.String(name)})
	}
	return out, nil
}

func (d *dump) user(u *user) error {
	attached, err := u.attachedDetails()
	if err != nil {
		return err
	}
	in := []string{}
	for _, id := range u.Groups {
		g, err := groups.table.Get(d.tx, d.account, id)
		if err != nil {
			return unreadable("group "+id, err)
		}
		in = append(in, g.Name)
	}
	slices.Sort(in)
	d.out.UserDetailList = append(d.out.UserDetailList, types.UserDetail{
		Arn: aws.String(users.arn(&u.entity)), CreateDate: &u.Created, Path: &u.Path, UserId: &u.ID, UserName: &u.Name,
		GroupList: in, UserPolicyList: u.inlineDetails(), AttachedManagedPolicies: attached,
		PermissionsBoundary: boundaryOf(&u.entity), Tags: apiTags(u.Tags),
	})
	return nil
}

func (d *dump) group(g *group) error {
	attached, err := g.attachedDetails()
	d.out.GroupDetailList = append(d.out.GroupDetailList, types.GroupDetail{
		Arn: aws.String(groups.arn(&g.entity)), CreateDate: &g.Created, Path: &g.Path, GroupId: &g.ID, GroupName: &g.Name,
		GroupPolicyList: g.inlineDetails(), AttachedManagedPolicies: attached,
	})
	return err
}

func (d *dump) role(r *role) error {
	attached, err := r.attachedDetails()
	if err != nil {
		return err
	}
	shown, err := r.Trust.shown(d.tx)
	if err != nil {
		return err
	}
	profiles := []types.InstanceProfile{}
	for _, id := range r.Profiles {
		p, err := instanceProfiles.table.Get(d.tx, d.account, id)
		if err != nil {
			return unreadable("instance profile "+id, err)
		}
		profiles = append(profiles, *p.api(r.api(shown)))
	}
	used, err := d.service.lastUsed(d.tx, r)
	if err != nil {
		return err
	}
	d.out.RoleDetailList = append(d.out.RoleDetailList, types.RoleDetail{
		Arn: aws.String(roles.arn(&r.entity)), CreateDate: &r.Created, Path: &r.Path, RoleId: &r.ID, RoleName: &r.Name,
		AssumeRolePolicyDocument: aws.String(encodeDocument(shown)), InstanceProfileList: profiles,
		RolePolicyList: r.inlineDetails(), AttachedManagedPolicies: attached, RoleLastUsed: used,
		PermissionsBoundary: boundaryOf(&r.entity), Tags: apiTags(r.Tags),
	})
	return nil
}

// policies writes the account's own managed policies down, or those of AWS that
// it uses.
func (d *dump) policies(stage byte, t types.EntityType, scope types.PolicyScopeType) error {
	if !d.wants(stage, t) {
		return nil
	}
	for p, err := range d.service.attachable(d.tx, d.account, scope) {
		if err != nil {
			return err
		}
		if string(stage)+fold(p.Name) <= d.pager.after {
			continue
		}
		u, err := usageOf(d.tx, d.account, p.arn())
		if err != nil {
			return err
		}
		if scope == types.PolicyScopeTypeAws && u.Attached == 0 && u.Boundaries == 0 {
			continue
		}
		if !d.take(stage, fold(p.Name)) {
			return nil
		}
		if err := d.policy(p, u); err != nil {
			return err
		}
	}
	return nil
}

func (d *dump) policy(p *policy, u *usage) error {
	all := []*version{p.version(p.Default, p.Updated, p.text())}
	if p.Account != awsManaged {
		var err error
		if all, err = p.versions(d.tx); err != nil {
			return err
		}
	}
	list := []types.PolicyVersion{}
	for _, v := range slices.Backward(all) {
		out := v.api(p)
		out.Document = aws.String(encodeDocument(v.Document))
		list = append(list, *out)
	}
	out := types.ManagedPolicyDetail{
		Arn: aws.String(p.arn()), AttachmentCount: &u.Attached, CreateDate: &p.Created, DefaultVersionId: aws.String(versionID(p.Default)),
		IsAttachable: true, Path: &p.Path, PermissionsBoundaryUsageCount: &u.Boundaries, PolicyId: &p.ID, PolicyName: &p.Name,
		PolicyVersionList: list, UpdateDate: &p.Updated,
	}
	if p.Description != "" {
		out.Description = &p.Description
	}
	d.out.Policies = append(d.out.Policies, out)
	return nil
}
