package iam_test

import (
	"encoding/csv"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
)

// TestAuthorizationDetails shows that the details have everything, once, in pages
// of any length, and no more than the filter asks for.
func TestAuthorizationDetails(t *testing.T) {
	_, c := root(t)
	ctx := t.Context()
	own := newPolicy(t, c, "Own", allow("s3:*"))
	newPolicy(t, c, "idle", allow("kms:*"))
	ok[*iam.CreatePolicyVersionOutput](t)(c.CreatePolicyVersion(ctx, &iam.CreatePolicyVersionInput{PolicyArn: own.Arn, PolicyDocument: aws.String(allowAll), SetAsDefault: true}))
	for _, name := range []string{"bob", "Ann"} {
		ok[*iam.CreateUserOutput](t)(c.CreateUser(ctx, &iam.CreateUserInput{UserName: &name, PermissionsBoundary: own.Arn, Tags: []types.Tag{tag("k", "v")}}))
	}
	ok[*iam.PutUserPolicyOutput](t)(c.PutUserPolicy(ctx, &iam.PutUserPolicyInput{UserName: aws.String("bob"), PolicyName: aws.String("p"), PolicyDocument: aws.String(allowAll)}))
	ok[*iam.CreateGroupOutput](t)(c.CreateGroup(ctx, &iam.CreateGroupInput{GroupName: aws.String("staff")}))
	ok[*iam.AttachGroupPolicyOutput](t)(c.AttachGroupPolicy(ctx, &iam.AttachGroupPolicyInput{GroupName: aws.String("staff"), PolicyArn: aws.String(admin)}))
	ok[*iam.AddUserToGroupOutput](t)(c.AddUserToGroup(ctx, &iam.AddUserToGroupInput{GroupName: aws.String("staff"), UserName: aws.String("bob")}))
	newRole(t, c, "web")
	newProfile(t, c, "front")
	ok[*iam.AddRoleToInstanceProfileOutput](t)(c.AddRoleToInstanceProfile(ctx, &iam.AddRoleToInstanceProfileInput{InstanceProfileName: aws.String("front"), RoleName: aws.String("web")}))

	list := func(length int32, filter ...types.EntityType) (names []string) {
		pages := iam.NewGetAccountAuthorizationDetailsPaginator(c, &iam.GetAccountAuthorizationDetailsInput{MaxItems: &length, Filter: filter})
		for pages.HasMorePages() {
			out := must[*iam.GetAccountAuthorizationDetailsOutput](t)(pages.NextPage(ctx))
			for _, u := range out.UserDetailList {
				names = append(names, line("user", *u.UserName, u.GroupList, len(u.UserPolicyList), len(u.Tags), *u.PermissionsBoundary.PermissionsBoundaryArn == *own.Arn))
			}
			for _, g := range out.GroupDetailList {
				names = append(names, line("group", *g.GroupName, *g.AttachedManagedPolicies[0].PolicyName))
			}
			for _, r := range out.RoleDetailList {
				names = append(names, line("role", *r.RoleName, *r.InstanceProfileList[0].InstanceProfileName, decoded(t, r.AssumeRolePolicyDocument) == trusting(account)))
			}
			for _, p := range out.Policies {
				names = append(names, line("policy", *p.PolicyName, len(p.PolicyVersionList), *p.DefaultVersionId, *p.AttachmentCount, *p.PermissionsBoundaryUsageCount, p.PolicyVersionList[0].IsDefaultVersion))
			}
		}
		return names
	}
	want := []string{
		"user Ann [] 0 1 true", "user bob [staff] 1 1 true", "group staff AdministratorAccess", "role web front true",
		"policy idle 1 v1 0 0 true", "policy Own 2 v2 0 2 true", "policy AdministratorAccess 1 v1 1 0 true",
	}
	for length := range int32(9) {
		if got := list(length + 1); !slices.Equal(got, want) {
			t.Errorf("in pages of %d = %q\nwant %q", length+1, got, want)
		}
	}
	if got, want := list(2, types.EntityTypeRole, types.EntityTypeLocalManagedPolicy), want[3:6]; !slices.Equal(got, want) {
		t.Errorf("roles and own policies = %q, want %q", got, want)
	}
}

func line(of ...any) string { return strings.TrimSuffix(fmt.Sprintln(of...), "\n") }

func TestCredentialReport(t *testing.T) {
	s, c := root(t)
	ctx := t.Context()
	get := func() error { return only(c.GetCredentialReport(ctx, &iam.GetCredentialReportInput{})) }
	generate := func() {
		t.Helper()
		if got := must[*iam.GenerateCredentialReportOutput](t)(c.GenerateCredentialReport(ctx, &iam.GenerateCredentialReportInput{})).State; got != types.ReportStateTypeComplete {
			t.Errorf("state = %s, want COMPLETE", got)
		}
	}
	read := func() [][]string {
		t.Helper()
		out := must[*iam.GetCredentialReportOutput](t)(c.GetCredentialReport(ctx, &iam.GetCredentialReportInput{}))
		rows, err := csv.NewReader(strings.NewReader(string(out.Content))).ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		return rows
	}
	expect(t, "none", get(), "ReportNotPresent", "")
	s.User(t, "bob", "")
	bob, now := aws.String("bob"), s.Clock.Now().UTC().Truncate(time.Second)
	ok[*iam.UpdateAccountPasswordPolicyOutput](t)(c.UpdateAccountPasswordPolicy(ctx, &iam.UpdateAccountPasswordPolicyInput{MaxPasswordAge: aws.Int32(30)}))
	ok[*iam.CreateLoginProfileOutput](t)(c.CreateLoginProfile(ctx, &iam.CreateLoginProfileInput{UserName: bob, Password: aws.String("Correct1horse")}))
	serial, seed := newDevice(t, c, "phone")
	ok[*iam.EnableMFADeviceOutput](t)(c.EnableMFADevice(ctx, &iam.EnableMFADeviceInput{
		UserName: bob, SerialNumber: &serial, AuthenticationCode1: aws.String(otp(t, seed, now.Add(-30*time.Second))), AuthenticationCode2: aws.String(otp(t, seed, now)),
	}))
	generate()
	rows := read()
	if len(rows) != 3 || len(rows[0]) != 22 || rows[1][0] != "<root_account>" || rows[1][3] != "not_supported" || rows[1][8] != "true" {
		t.Fatalf("report = %q, want a head of 22 columns, the root and bob", rows)
	}
	const layout = "2006-01-02T15:04:05+00:00"
	want := strings.Join([]string{
		"bob", "arn:aws:iam::" + account + ":user/bob", now.Format(layout), "true", "no_information", now.Format(layout), now.AddDate(0, 0, 30).Format(layout), "true",
		"true", now.Format(layout), "N/A", "N/A", "N/A", "false", "N/A", "N/A", "N/A", "N/A", "false", "N/A", "false", "N/A",
	}, ",")
	if got := strings.Join(rows[2], ","); got != want {
		t.Errorf("bob's row =\n%s\nwant\n%s", got, want)
	}
	s.User(t, "eve", "")
	generate()
	if got := len(read()); got != 3 {
		t.Errorf("the report of before has %d rows, want 3 still", got)
	}
	s.Clock.Advance(4 * time.Hour)
	expect(t, "too old", get(), "ReportExpired", "")
	generate()
	if got := len(read()); got != 4 {
		t.Errorf("the new report has %d rows, want 4", got)
	}
}
