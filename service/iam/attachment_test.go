package iam_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
)

// TestAttachedPolicyCounts shows that AWS's policies hold by name.
func TestAttachedPolicyCounts(t *testing.T) {
	s, c := root(t)
	ctx := t.Context()
	alice := iam.NewFromConfig(s.User(t, "alice", ""))
	list := func() error { return only(alice.ListUsers(ctx, &iam.ListUsersInput{})) }
	create := func(name string) error { return only(alice.CreateUser(ctx, &iam.CreateUserInput{UserName: &name})) }
	attach := func(arn string) {
		t.Helper()
		ok[*iam.AttachUserPolicyOutput](t)(c.AttachUserPolicy(ctx, &iam.AttachUserPolicyInput{UserName: aws.String("alice"), PolicyArn: &arn}))
	}
	detach := func(arn string) error {
		return only(c.DetachUserPolicy(ctx, &iam.DetachUserPolicyInput{UserName: aws.String("alice"), PolicyArn: &arn}))
	}
	expect(t, "nothing", list(), "AccessDenied", "")
	readOnly := "arn:aws:iam::aws:policy/IAMReadOnlyAccess"
	attach(readOnly)
	attach(readOnly)
	expect(t, "reads", list(), "", "")
	expect(t, "reads only", create("bob"), "AccessDenied", "")
	attach(admin)
	expect(t, "everything", create("bob"), "", "")
	expect(t, "detach", detach(admin), "", "")
	expect(t, "reads only again", create("carol"), "AccessDenied", "")
	expect(t, "detach twice", detach(admin), "NoSuchEntity", "Policy "+admin+" was not found.")
}

// TestBoundaryLimits shows that a boundary takes away and never gives.
func TestBoundaryLimits(t *testing.T) {
	s, c := root(t)
	ctx := t.Context()
	alice := iam.NewFromConfig(s.User(t, "alice", allowAll))
	users := func() error { return only(alice.ListUsers(ctx, &iam.ListUsersInput{})) }
	roles := func() error { return only(alice.ListRoles(ctx, &iam.ListRolesInput{})) }
	p := newPolicy(t, c, "fence", allow("iam:ListUsers"))
	expect(t, "without", roles(), "", "")
	ok[*iam.PutUserPermissionsBoundaryOutput](t)(c.PutUserPermissionsBoundary(ctx, &iam.PutUserPermissionsBoundaryInput{UserName: aws.String("alice"), PermissionsBoundary: p.Arn}))
	expect(t, "within", users(), "", "")
	expect(t, "beyond", roles(), "AccessDenied",
		"User: arn:aws:iam::"+account+":user/alice is not authorized to perform: iam:ListRoles on resource: arn:aws:iam::"+account+":role/ because no permissions boundary allows the iam:ListRoles action")
	expect(t, "delete the boundary", only(c.DeletePolicy(ctx, &iam.DeletePolicyInput{PolicyArn: p.Arn})), "DeleteConflict", "")
	got := must[*iam.GetUserOutput](t)(c.GetUser(ctx, &iam.GetUserInput{UserName: aws.String("alice")})).User.PermissionsBoundary
	if *got.PermissionsBoundaryArn != *p.Arn {
		t.Errorf("boundary = %s, want %s", *got.PermissionsBoundaryArn, *p.Arn)
	}
	ok[*iam.DeleteUserPolicyOutput](t)(c.DeleteUserPolicy(ctx, &iam.DeleteUserPolicyInput{UserName: aws.String("alice"), PolicyName: aws.String("inline")}))
	expect(t, "a boundary alone", users(), "AccessDenied", "")
	ok[*iam.DeleteUserPermissionsBoundaryOutput](t)(c.DeleteUserPermissionsBoundary(ctx, &iam.DeleteUserPermissionsBoundaryInput{UserName: aws.String("alice")}))
	ok[*iam.DeletePolicyOutput](t)(c.DeletePolicy(ctx, &iam.DeletePolicyInput{PolicyArn: p.Arn}))
}

func TestAttachmentRefusals(t *testing.T) {
	_, c := root(t)
	ctx := t.Context()
	name := aws.String("r")
	ok[*iam.CreateRoleOutput](t)(c.CreateRole(ctx, &iam.CreateRoleInput{RoleName: name, AssumeRolePolicyDocument: aws.String(trusting(account))}))
	attach := func(arn string) error {
		return only(c.AttachRolePolicy(ctx, &iam.AttachRolePolicyInput{RoleName: name, PolicyArn: &arn}))
	}
	for i := range 11 {
		p := newPolicy(t, c, fmt.Sprintf("p%d", i), allowAll)
		code, message := "", ""
		if i == 10 {
			code, message = "LimitExceeded", "Cannot exceed quota for PoliciesPerRole: 10"
		}
		expect(t, "attach "+*p.PolicyName, attach(*p.Arn), code, message)
	}
	ghost := "arn:aws:iam::" + account + ":policy/ghost"
	theirs := "arn:aws:iam::" + other + ":policy/p0"
	ok[*iam.DetachRolePolicyOutput](t)(c.DetachRolePolicy(ctx, &iam.DetachRolePolicyInput{RoleName: name, PolicyArn: aws.String("arn:aws:iam::" + account + ":policy/p0")}))
	refused(t, []refusal{
		{"not there", func() error { return attach(ghost) }, "NoSuchEntity", "Policy " + ghost + " does not exist or is not attachable."},
		{"another account's", func() error { return attach(theirs) }, "NoSuchEntity", "Policy " + theirs + " does not exist or is not attachable."},
		{"no ARN", func() error { return attach("AdministratorAccess!!") }, "InvalidInput", "ARN AdministratorAccess!! is not valid."},
		{
			"delete the role", func() error { return only(c.DeleteRole(ctx, &iam.DeleteRoleInput{RoleName: name})) },
			"DeleteConflict", "Cannot delete entity, must detach all policies first.",
		},
	})
}

func TestEntitiesForPolicy(t *testing.T) {
	_, c := root(t)
	ctx := t.Context()
	p := newPolicy(t, c, "p", allowAll)
	for i := range 3 {
		name, path := fmt.Sprintf("n%d", i), "/a/"
		if i == 2 {
			path = "/b/"
		}
		ok[*iam.CreateUserOutput](t)(c.CreateUser(ctx, &iam.CreateUserInput{UserName: &name, Path: &path}))
		ok[*iam.AttachUserPolicyOutput](t)(c.AttachUserPolicy(ctx, &iam.AttachUserPolicyInput{UserName: &name, PolicyArn: p.Arn}))
		ok[*iam.CreateGroupOutput](t)(c.CreateGroup(ctx, &iam.CreateGroupInput{GroupName: &name, Path: &path}))
		ok[*iam.AttachGroupPolicyOutput](t)(c.AttachGroupPolicy(ctx, &iam.AttachGroupPolicyInput{GroupName: &name, PolicyArn: p.Arn}))
		ok[*iam.CreateRoleOutput](t)(c.CreateRole(ctx, &iam.CreateRoleInput{
			RoleName: &name, Path: &path, AssumeRolePolicyDocument: aws.String(trusting(account)), PermissionsBoundary: p.Arn,
		}))
	}
	ok[*iam.PutUserPermissionsBoundaryOutput](t)(c.PutUserPermissionsBoundary(ctx, &iam.PutUserPermissionsBoundaryInput{UserName: aws.String("n0"), PermissionsBoundary: p.Arn}))
	all := []string{"group n0", "group n1", "group n2", "role n0", "role n1", "role n2", "user n0", "user n1", "user n2"}
	for _, tt := range []struct {
		name string
		in   iam.ListEntitiesForPolicyInput
		want []string
	}{
		{"all", iam.ListEntitiesForPolicyInput{}, all},
		{"users", iam.ListEntitiesForPolicyInput{EntityFilter: types.EntityTypeUser}, all[6:]},
		{"permissions", iam.ListEntitiesForPolicyInput{PolicyUsageFilter: types.PolicyUsageTypePermissionsPolicy}, append(slices.Clone(all[:3]), all[6:]...)},
		{"boundaries", iam.ListEntitiesForPolicyInput{PolicyUsageFilter: types.PolicyUsageTypePermissionsBoundary}, append(slices.Clone(all[3:6]), "user n0")},
		{"below a path", iam.ListEntitiesForPolicyInput{PathPrefix: aws.String("/b/")}, []string{"group n2", "role n2", "user n2"}},
	} {
		for _, items := range []int32{1, 2, 100} {
			in := tt.in
			in.PolicyArn, in.MaxItems = p.Arn, aws.Int32(items)
			if got := entities(t, c, &in); !slices.Equal(got, tt.want) {
				t.Errorf("%s by %d = %v, want %v", tt.name, items, got, tt.want)
			}
		}
	}
	got := must[*iam.GetPolicyOutput](t)(c.GetPolicy(ctx, &iam.GetPolicyInput{PolicyArn: p.Arn})).Policy
	if *got.AttachmentCount != 6 || *got.PermissionsBoundaryUsageCount != 4 {
		t.Errorf("attached %d times, a boundary %d times; want 6, 4", *got.AttachmentCount, *got.PermissionsBoundaryUsageCount)
	}
}

// entities lists all holders of a policy, page by page.
func entities(t *testing.T, c *iam.Client, in *iam.ListEntitiesForPolicyInput) (out []string) {
	t.Helper()
	pages := iam.NewListEntitiesForPolicyPaginator(c, in)
	for pages.HasMorePages() {
		page := must[*iam.ListEntitiesForPolicyOutput](t)(pages.NextPage(t.Context()))
		for _, g := range page.PolicyGroups {
			out = append(out, "group "+*g.GroupName)
		}
		for _, r := range page.PolicyRoles {
			out = append(out, "role "+*r.RoleName)
		}
		for _, u := range page.PolicyUsers {
			out = append(out, "user "+*u.UserName)
		}
	}
	slices.Sort(out)
	return out
}

// TestNoBoundary shows that a boundary that is not there cannot be deleted.
func TestNoBoundary(t *testing.T) {
	_, c := root(t)
	ctx := t.Context()
	name := aws.String("new")
	ok[*iam.CreateUserOutput](t)(c.CreateUser(ctx, &iam.CreateUserInput{UserName: name}))
	ok[*iam.CreateRoleOutput](t)(c.CreateRole(ctx, &iam.CreateRoleInput{RoleName: name, AssumeRolePolicyDocument: aws.String(trusting(account))}))
	refused(t, []refusal{
		{"user", func() error {
			return only(c.DeleteUserPermissionsBoundary(ctx, &iam.DeleteUserPermissionsBoundaryInput{UserName: name}))
		}, "NoSuchEntity", "The user with name new does not have a permissions boundary."},
		{"role", func() error {
			return only(c.DeleteRolePermissionsBoundary(ctx, &iam.DeleteRolePermissionsBoundaryInput{RoleName: name}))
		}, "NoSuchEntity", "The role with name new does not have a permissions boundary."},
	})
}

// TestHoldersByName shows that a policy's holders come by kind and name, in pages
// of any length, each once.
func TestHoldersByName(t *testing.T) {
	_, c := root(t)
	ctx := t.Context()
	p := newPolicy(t, c, "p", allowAll).Arn
	for _, name := range []string{"c", "A", "b"} {
		ok[*iam.CreateGroupOutput](t)(c.CreateGroup(ctx, &iam.CreateGroupInput{GroupName: &name}))
		ok[*iam.AttachGroupPolicyOutput](t)(c.AttachGroupPolicy(ctx, &iam.AttachGroupPolicyInput{GroupName: &name, PolicyArn: p}))
		ok[*iam.CreateUserOutput](t)(c.CreateUser(ctx, &iam.CreateUserInput{UserName: &name, PermissionsBoundary: p}))
		newRole(t, c, name)
		ok[*iam.AttachRolePolicyOutput](t)(c.AttachRolePolicy(ctx, &iam.AttachRolePolicyInput{RoleName: &name, PolicyArn: p}))
	}
	for length := range int32(10) {
		var groups, users, roles string
		pages := iam.NewListEntitiesForPolicyPaginator(c, &iam.ListEntitiesForPolicyInput{PolicyArn: p, MaxItems: aws.Int32(length + 1)})
		for pages.HasMorePages() {
			out := must[*iam.ListEntitiesForPolicyOutput](t)(pages.NextPage(ctx))
			for _, g := range out.PolicyGroups {
				groups += *g.GroupName
			}
			for _, u := range out.PolicyUsers {
				users += *u.UserName
			}
			for _, r := range out.PolicyRoles {
				roles += *r.RoleName
			}
		}
		if groups != "Abc" || users != "Abc" || roles != "Abc" {
			t.Errorf("in pages of %d = %s, %s, %s; want Abc each", length+1, groups, users, roles)
		}
	}
}
