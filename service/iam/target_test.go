package iam_test

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
)

// TestResourcesDecide shows that policies see the entity by its ARN, in its own
// spelling, and what is handed to it.
func TestResourcesDecide(t *testing.T) {
	s, c := root(t)
	ctx := t.Context()
	fence := newPolicy(t, c, "fence", allowAll)
	safe := newPolicy(t, c, "safe", allow("s3:GetObject"))
	alice := iam.NewFromConfig(s.User(t, "alice", `{"Version":"2012-10-17","Statement":[
		{"Effect":"Allow","Action":"iam:GetUser","Resource":"arn:aws:iam::`+account+`:user/staff/*"},
		{"Effect":"Deny","Action":"iam:GetUser","Resource":"arn:aws:iam::`+account+`:user/staff/Boss"},
		{"Effect":"Allow","Action":"iam:AttachUserPolicy","Resource":"*","Condition":{"ArnEquals":{"iam:PolicyARN":"`+*safe.Arn+`"}}},
		{"Effect":"Allow","Action":"iam:CreateUser","Resource":"*","Condition":{"StringEquals":{"iam:PermissionsBoundary":"`+*fence.Arn+`"}}},
		{"Effect":"Allow","Action":"iam:ListUsers","Resource":"arn:aws:iam::`+account+`:user/staff/*"}]}`))
	for name, path := range map[string]string{"Boss": "/staff/", "bob": "/staff/", "eve": "/"} {
		ok[*iam.CreateUserOutput](t)(c.CreateUser(ctx, &iam.CreateUserInput{UserName: &name, Path: &path}))
	}
	get := func(name string) error { return only(alice.GetUser(ctx, &iam.GetUserInput{UserName: &name})) }
	attach := func(arn *string) error {
		return only(alice.AttachUserPolicy(ctx, &iam.AttachUserPolicyInput{UserName: aws.String("bob"), PolicyArn: arn}))
	}
	create := func(name string, boundary *string) error {
		return only(alice.CreateUser(ctx, &iam.CreateUserInput{UserName: &name, PermissionsBoundary: boundary}))
	}
	expect(t, "below the path", get("bob"), "", "")
	expect(t, "elsewhere", get("eve"), "AccessDenied", "")
	expect(t, "denied by name", get("Boss"), "AccessDenied", "")
	expect(t, "denied by name, spelled otherwise", get("bOSS"), "AccessDenied", "")
	expect(t, "not there and not hers to know", get("ghost"), "AccessDenied", "")
	expect(t, "attach what she may", attach(safe.Arn), "", "")
	expect(t, "attach what she may not", attach(aws.String(admin)), "AccessDenied", "")
	expect(t, "create within the boundary", create("new", fence.Arn), "", "")
	expect(t, "create without", create("newer", nil), "AccessDenied", "")
	expect(t, "list below the path", only(alice.ListUsers(ctx, &iam.ListUsersInput{PathPrefix: aws.String("/staff/")})), "", "")
	expect(t, "list all", only(alice.ListUsers(ctx, &iam.ListUsersInput{})), "AccessDenied", "")
}
