package iam_test

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
)

func newRole(t *testing.T, c *iam.Client, name string) *types.Role {
	t.Helper()
	return must[*iam.CreateRoleOutput](t)(c.CreateRole(t.Context(), &iam.CreateRoleInput{RoleName: &name, AssumeRolePolicyDocument: aws.String(trusting(account))})).Role
}

func newProfile(t *testing.T, c *iam.Client, name string) *types.InstanceProfile {
	t.Helper()
	return must[*iam.CreateInstanceProfileOutput](t)(c.CreateInstanceProfile(t.Context(), &iam.CreateInstanceProfileInput{InstanceProfileName: &name})).InstanceProfile
}

func TestInstanceProfile(t *testing.T) {
	_, c := root(t)
	ctx := t.Context()
	newRole(t, c, "web")
	newRole(t, c, "db")
	made := must[*iam.CreateInstanceProfileOutput](t)(c.CreateInstanceProfile(ctx, &iam.CreateInstanceProfileInput{
		InstanceProfileName: aws.String("Front"), Path: aws.String("/ec2/"), Tags: []types.Tag{tag("a", "b")},
	})).InstanceProfile
	if got, want := *made.Arn, "arn:aws:iam::"+account+":instance-profile/ec2/Front"; got != want {
		t.Errorf("ARN = %s, want %s", got, want)
	}
	newProfile(t, c, "back")
	add := func(profile, role string) func() error {
		return func() error {
			return only(c.AddRoleToInstanceProfile(ctx, &iam.AddRoleToInstanceProfileInput{InstanceProfileName: &profile, RoleName: &role}))
		}
	}
	take := func(profile, role string) func() error {
		return func() error {
			return only(c.RemoveRoleFromInstanceProfile(ctx, &iam.RemoveRoleFromInstanceProfileInput{InstanceProfileName: &profile, RoleName: &role}))
		}
	}
	remove := func(profile string) func() error {
		return func() error {
			return only(c.DeleteInstanceProfile(ctx, &iam.DeleteInstanceProfileInput{InstanceProfileName: &profile}))
		}
	}
	refused(t, []refusal{
		{"the same name", func() error {
			return only(c.CreateInstanceProfile(ctx, &iam.CreateInstanceProfileInput{InstanceProfileName: aws.String("FRONT")}))
		}, "EntityAlreadyExists", "Instance Profile FRONT already exists."},
		{"no profile", add("none", "web"), "NoSuchEntity", "Instance Profile none cannot be found."},
		{"no role", add("front", "none"), "NoSuchEntity", "The role with name none cannot be found."},
		{"add", add("front", "web"), "", ""},
		{"add a second", add("front", "db"), "LimitExceeded", "Cannot exceed quota for InstanceSessionsPerInstanceProfile: 1"},
		{"the same role elsewhere", add("back", "web"), "", ""},
		{"take another", take("front", "db"), "NoSuchEntity", ""},
		{"delete the profile", remove("front"), "DeleteConflict", "Cannot delete entity, must remove roles from instance profile first."},
		{"delete the role", func() error { return only(c.DeleteRole(ctx, &iam.DeleteRoleInput{RoleName: aws.String("web")})) }, "DeleteConflict", "Cannot delete entity, must remove roles from instance profile first."},
	})
	got := must[*iam.GetInstanceProfileOutput](t)(c.GetInstanceProfile(ctx, &iam.GetInstanceProfileInput{InstanceProfileName: aws.String("front")})).InstanceProfile
	if len(got.Roles) != 1 || *got.Roles[0].RoleName != "web" || len(got.Tags) != 1 {
		t.Errorf("profile = %+v, want role web and a tag", got)
	}
	names := ""
	pages := iam.NewListInstanceProfilesForRolePaginator(c, &iam.ListInstanceProfilesForRoleInput{RoleName: aws.String("web"), MaxItems: aws.Int32(1)})
	for pages.HasMorePages() {
		for _, p := range must[*iam.ListInstanceProfilesForRoleOutput](t)(pages.NextPage(ctx)).InstanceProfiles {
			names += " " + *p.InstanceProfileName + "=" + *p.Roles[0].RoleName
		}
	}
	if want := " back=web Front=web"; names != want {
		t.Errorf("profiles of the role =%s, want%s", names, want)
	}
	below := must[*iam.ListInstanceProfilesOutput](t)(c.ListInstanceProfiles(ctx, &iam.ListInstanceProfilesInput{PathPrefix: aws.String("/ec2/")})).InstanceProfiles
	if len(below) != 1 || *below[0].InstanceProfileName != "Front" {
		t.Errorf("profiles below /ec2/ = %+v, want Front", below)
	}
	refused(t, []refusal{
		{"take", take("front", "web"), "", ""},
		{"take from the other", take("back", "web"), "", ""},
		{"delete", remove("front"), "", ""},
		{"delete again", remove("front"), "NoSuchEntity", "Instance Profile front cannot be found."},
		{"delete the role", func() error { return only(c.DeleteRole(ctx, &iam.DeleteRoleInput{RoleName: aws.String("web")})) }, "", ""},
	})
}

// TestPassRole shows that nobody hands a role to instances without iam:PassRole.
func TestPassRole(t *testing.T) {
	s, c := root(t)
	ctx := t.Context()
	r := newRole(t, c, "admin")
	newProfile(t, c, "p")
	alice := iam.NewFromConfig(s.User(t, "alice", allow("iam:AddRoleToInstanceProfile")))
	add := func() error {
		return only(alice.AddRoleToInstanceProfile(ctx, &iam.AddRoleToInstanceProfileInput{InstanceProfileName: aws.String("p"), RoleName: r.RoleName}))
	}
	grant := func(service string) {
		ok[*iam.PutUserPolicyOutput](t)(c.PutUserPolicy(ctx, &iam.PutUserPolicyInput{
			UserName: aws.String("alice"), PolicyName: aws.String("pass"),
			PolicyDocument: aws.String(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"iam:PassRole","Resource":"` + *r.Arn + `","Condition":{"StringEquals":{"iam:PassedToService":"` + service + `"}}}}`),
		}))
	}
	expect(t, "without", add(), "AccessDenied", "User: arn:aws:iam::"+account+":user/alice is not authorized to perform: iam:PassRole on resource: "+*r.Arn+" because no identity-based policy allows the iam:PassRole action")
	grant("lambda.amazonaws.com")
	expect(t, "to another service", add(), "AccessDenied", "")
	grant("ec2.amazonaws.com")
	expect(t, "to EC2", add(), "", "")
}

// TestServiceLinkedRole shows that a service's role can be made and deleted as a
// whole, and that nothing else of it can be changed.
func TestServiceLinkedRole(t *testing.T) {
	s, c := root(t)
	ctx := t.Context()
	const service, name = "guardduty.amazonaws.com", "AWSServiceRoleForAmazonGuardDuty"
	create := func(c *iam.Client, service string, suffix *string) func() error {
		return func() error {
			return only(c.CreateServiceLinkedRole(ctx, &iam.CreateServiceLinkedRoleInput{AWSServiceName: &service, CustomSuffix: suffix}))
		}
	}
	alice := iam.NewFromConfig(s.User(t, "alice", `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"iam:CreateServiceLinkedRole","Resource":"*","Condition":{"StringEquals":{"iam:AWSServiceName":"`+service+`"}}}}`))
	r := aws.String(name)
	const unmodifiable = "Cannot perform the operation on the protected role '" + name + "' - this role is only modifiable by AWS"
	refused(t, []refusal{
		{"not hers", create(alice, "macie.amazonaws.com", nil), "AccessDenied", ""},
		{"create", create(alice, service, nil), "", ""},
		{"again", create(c, service, nil), "InvalidInput", "Service role name " + name + " has been taken in this account, please try a different suffix."},
		{"suffix", create(c, "macie.amazonaws.com", aws.String("x")), "InvalidInput", "Custom suffix is not allowed for macie.amazonaws.com"},
		{"no such service", create(c, "cows.amazonaws.com", nil), "InvalidInput", ""},
		{"attach", func() error {
			return only(c.AttachRolePolicy(ctx, &iam.AttachRolePolicyInput{RoleName: r, PolicyArn: aws.String(admin)}))
		}, "UnmodifiableEntity", unmodifiable},
		{"inline", func() error {
			return only(c.PutRolePolicy(ctx, &iam.PutRolePolicyInput{RoleName: r, PolicyName: r, PolicyDocument: aws.String(allowAll)}))
		}, "UnmodifiableEntity", unmodifiable},
		{"trust", func() error {
			return only(c.UpdateAssumeRolePolicy(ctx, &iam.UpdateAssumeRolePolicyInput{RoleName: r, PolicyDocument: aws.String(trusting(account))}))
		}, "UnmodifiableEntity", unmodifiable},
		{"boundary", func() error {
			return only(c.PutRolePermissionsBoundary(ctx, &iam.PutRolePermissionsBoundaryInput{RoleName: r, PermissionsBoundary: aws.String(admin)}))
		}, "UnmodifiableEntity", unmodifiable},
		{"delete", func() error { return only(c.DeleteRole(ctx, &iam.DeleteRoleInput{RoleName: r})) }, "UnmodifiableEntity", unmodifiable},
		{"describe", func() error {
			return only(c.UpdateRole(ctx, &iam.UpdateRoleInput{RoleName: r, Description: aws.String("x")}))
		}, "", ""},
		{"another's path", func() error {
			return only(c.CreateRole(ctx, &iam.CreateRoleInput{RoleName: aws.String("x"), Path: aws.String("/aws-service-role/x/"), AssumeRolePolicyDocument: aws.String(trusting(account))}))
		}, "InvalidInput", ""},
	})
	if got, want := *must[*iam.GetRoleOutput](t)(c.GetRole(ctx, &iam.GetRoleInput{RoleName: r})).Role.Arn, "arn:aws:iam::"+account+":role/aws-service-role/"+service+"/"+name; got != want {
		t.Errorf("ARN = %s, want %s", got, want)
	}
	newRole(t, c, "mine")
	expect(t, "no service's role", only(c.DeleteServiceLinkedRole(ctx, &iam.DeleteServiceLinkedRoleInput{RoleName: aws.String("mine")})), "NoSuchEntity", "")
	task := must[*iam.DeleteServiceLinkedRoleOutput](t)(c.DeleteServiceLinkedRole(ctx, &iam.DeleteServiceLinkedRoleInput{RoleName: r})).DeletionTaskId
	status := must[*iam.GetServiceLinkedRoleDeletionStatusOutput](t)(c.GetServiceLinkedRoleDeletionStatus(ctx, &iam.GetServiceLinkedRoleDeletionStatusInput{DeletionTaskId: task}))
	if status.Status != types.DeletionTaskStatusTypeSucceeded {
		t.Errorf("status = %s, want SUCCEEDED", status.Status)
	}
	refused(t, []refusal{
		{"gone", func() error { return only(c.GetRole(ctx, &iam.GetRoleInput{RoleName: r})) }, "NoSuchEntity", ""},
		{"another task", func() error {
			return only(c.GetServiceLinkedRoleDeletionStatus(ctx, &iam.GetServiceLinkedRoleDeletionStatusInput{DeletionTaskId: aws.String(*task + "0")}))
		}, "NoSuchEntity", ""},
		{"no task", func() error {
			return only(c.GetServiceLinkedRoleDeletionStatus(ctx, &iam.GetServiceLinkedRoleDeletionStatusInput{DeletionTaskId: aws.String("x")}))
		}, "InvalidInput", ""},
	})
}
