package iam_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
)

func TestRole(t *testing.T) {
	_, c := root(t)
	ctx := t.Context()
	document := trusting(account)
	made := must[*iam.CreateRoleOutput](t)(c.CreateRole(ctx, &iam.CreateRoleInput{
		RoleName: aws.String("deploy"), Path: aws.String("/ci/"), AssumeRolePolicyDocument: &document,
		Description: aws.String("ships"), MaxSessionDuration: aws.Int32(7200),
	})).Role
	if got := decoded(t, made.AssumeRolePolicyDocument); got != document {
		t.Errorf("trust policy = %s, want %s", got, document)
	}
	if strings.ContainsAny(*made.AssumeRolePolicyDocument, `{}":*, `) {
		t.Errorf("trust policy %s is not encoded", *made.AssumeRolePolicyDocument)
	}
	ok[*iam.UpdateRoleOutput](t)(c.UpdateRole(ctx, &iam.UpdateRoleInput{RoleName: aws.String("deploy"), MaxSessionDuration: aws.Int32(3600)}))
	got := must[*iam.GetRoleOutput](t)(c.GetRole(ctx, &iam.GetRoleInput{RoleName: aws.String("deploy")})).Role
	if *got.MaxSessionDuration != 3600 || *got.Description != "ships" || *got.Arn != "arn:aws:iam::"+account+":role/ci/deploy" {
		t.Errorf("role = %+v", got)
	}
	described := must[*iam.UpdateRoleDescriptionOutput](t)(c.UpdateRoleDescription(ctx, &iam.UpdateRoleDescriptionInput{RoleName: aws.String("deploy"), Description: aws.String("")}))
	if described.Role.Description != nil {
		t.Errorf("description = %q, want none", *described.Role.Description)
	}
	listed := must[*iam.ListRolesOutput](t)(c.ListRoles(ctx, &iam.ListRolesInput{PathPrefix: aws.String("/ci/")})).Roles
	if len(listed) != 1 || decoded(t, listed[0].AssumeRolePolicyDocument) != document {
		t.Errorf("roles = %+v, want deploy", listed)
	}
	ok[*iam.DeleteRoleOutput](t)(c.DeleteRole(ctx, &iam.DeleteRoleInput{RoleName: aws.String("deploy")}))
	expect(t, "deleted", only(c.GetRole(ctx, &iam.GetRoleInput{RoleName: aws.String("deploy")})), "NoSuchEntity", "The role with name deploy cannot be found.")
}

func TestTrustPolicyRefusals(t *testing.T) {
	s, c := root(t)
	ctx := t.Context()
	s.User(t, "alice", "")
	user := "arn:aws:iam::" + account + ":user/"
	long := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"` + account + `"},"Action":"sts:AssumeRole","Condition":{"StringEquals":{"sts:ExternalId":"` +
		strings.Repeat("x", 2048) + `"}}}]}`
	for _, tt := range []struct{ name, document, code, message string }{
		{"a user", trusting(user + "alice"), "", ""},
		{"an account", trusting(other), "", ""},
		{"a root", trusting("arn:aws:iam::" + other + ":root"), "", ""},
		{"everyone", trusting("*"), "", ""},
		{"a service", strings.Replace(trusting("ec2.amazonaws.com"), "AWS", "Service", 1), "", ""},
		{"spread by white space", strings.ReplaceAll(trusting(account), ",", strings.Repeat(" \n", 2048)+","), "", ""},
		{"nobody", trusting(user + "ghost"), "MalformedPolicyDocument", `Invalid principal in policy: "AWS":"` + user + `ghost"`},
		{"another path", trusting(user + "staff/alice"), "MalformedPolicyDocument", ""},
		{"other case", trusting(user + "Alice"), "MalformedPolicyDocument", ""},
		{"another account's user", trusting("arn:aws:iam::" + other + ":user/alice"), "MalformedPolicyDocument", ""},
		{"no role", trusting("arn:aws:iam::" + account + ":role/alice"), "MalformedPolicyDocument", ""},
		{"an id that nobody has", trusting("AIDAAAAAAAAAAAAAAAAAA"), "MalformedPolicyDocument", ""},
		{"no principal", allow("sts:AssumeRole"), "MalformedPolicyDocument", ""},
		{"no JSON", "{", "MalformedPolicyDocument", ""},
		{"too long", long, "LimitExceeded", "Cannot exceed quota for ACLSizePerRole: 2048"},
	} {
		_, err := c.CreateRole(ctx, &iam.CreateRoleInput{RoleName: aws.String("r"), AssumeRolePolicyDocument: &tt.document})
		expect(t, tt.name, err, tt.code, tt.message)
		if err == nil {
			ok[*iam.DeleteRoleOutput](t)(c.DeleteRole(ctx, &iam.DeleteRoleInput{RoleName: aws.String("r")}))
		}
	}
}

// TestTrustFollowsThePerson shows that a trust policy names people, not names: it
// reads with a renamed user's new name, and a deleted user's id.
func TestTrustFollowsThePerson(t *testing.T) {
	_, c := root(t)
	ctx := t.Context()
	user := "arn:aws:iam::" + account + ":user/"
	alice := must[*iam.CreateUserOutput](t)(c.CreateUser(ctx, &iam.CreateUserInput{UserName: aws.String("alice")})).User
	ok[*iam.CreateRoleOutput](t)(c.CreateRole(ctx, &iam.CreateRoleInput{RoleName: aws.String("r"), AssumeRolePolicyDocument: aws.String(trusting(user + "alice"))}))
	trusted := func() string {
		t.Helper()
		r := must[*iam.GetRoleOutput](t)(c.GetRole(ctx, &iam.GetRoleInput{RoleName: aws.String("r")})).Role
		var d struct {
			Statement []struct{ Principal map[string]string }
		}
		if err := json.Unmarshal([]byte(decoded(t, r.AssumeRolePolicyDocument)), &d); err != nil {
			t.Fatal(err)
		}
		return d.Statement[0].Principal["AWS"]
	}
	ok[*iam.UpdateUserOutput](t)(c.UpdateUser(ctx, &iam.UpdateUserInput{UserName: aws.String("alice"), NewUserName: aws.String("alicia")}))
	if got := trusted(); got != user+"alicia" {
		t.Errorf("after the renaming: %s", got)
	}
	ok[*iam.CreateUserOutput](t)(c.CreateUser(ctx, &iam.CreateUserInput{UserName: aws.String("alice")}))
	if got := trusted(); got != user+"alicia" {
		t.Errorf("with another alice: %s", got)
	}
	ok[*iam.UpdateAssumeRolePolicyOutput](t)(c.UpdateAssumeRolePolicy(ctx, &iam.UpdateAssumeRolePolicyInput{RoleName: aws.String("r"), PolicyDocument: aws.String(trusting(*alice.UserId))}))
	if got := trusted(); got != user+"alicia" {
		t.Errorf("trusted by id: %s", got)
	}
	ok[*iam.DeleteUserOutput](t)(c.DeleteUser(ctx, &iam.DeleteUserInput{UserName: aws.String("alicia")}))
	if got := trusted(); got != *alice.UserId {
		t.Errorf("after the deletion: %s, want %s", got, *alice.UserId)
	}
	expect(t, "written back", only(c.UpdateAssumeRolePolicy(ctx, &iam.UpdateAssumeRolePolicyInput{
		RoleName: aws.String("r"), PolicyDocument: aws.String(trusting(*alice.UserId)),
	})), "MalformedPolicyDocument", `Invalid principal in policy: "AWS":"`+*alice.UserId+`"`)
}
