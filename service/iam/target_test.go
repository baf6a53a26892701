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
	expect(t, "elsewhere", get("eve"), "AccessDenied", "User: arn:aws:iam::"+account+":user/alice is not authorized to perform: iam:GetUser on resource: user eve because no identity-based policy allows the iam:GetUser action")
	expect(t, "herself, by no name", only(alice.GetUser(ctx, &iam.GetUserInput{})), "AccessDenied", "User: arn:aws:iam::"+account+":user/alice is not authorized to perform: iam:GetUser on resource: arn:aws:iam::"+account+":user/alice because no identity-based policy allows the iam:GetUser action")
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

// TestRenameAsksTwice shows that moving and renaming need the permission on what
// an entity is and on what it becomes.
func TestRenameAsksTwice(t *testing.T) {
	s, c := root(t)
	ctx := t.Context()
	alice := iam.NewFromConfig(s.User(t, "alice", `{"Version":"2012-10-17","Statement":[
		{"Effect":"Allow","Action":["iam:UpdateUser","iam:UpdateGroup"],"Resource":["arn:aws:iam::`+account+`:user/low/*","arn:aws:iam::`+account+`:group/low/*"]}]}`))
	for name, path := range map[string]string{"bob": "/low/", "boss": "/high/"} {
		ok[*iam.CreateUserOutput](t)(c.CreateUser(ctx, &iam.CreateUserInput{UserName: &name, Path: &path}))
		ok[*iam.CreateGroupOutput](t)(c.CreateGroup(ctx, &iam.CreateGroupInput{GroupName: &name, Path: &path}))
	}
	user := func(name string, path, to *string) error {
		return only(alice.UpdateUser(ctx, &iam.UpdateUserInput{UserName: &name, NewPath: path, NewUserName: to}))
	}
	group := func(name string, path, to *string) error {
		return only(alice.UpdateGroup(ctx, &iam.UpdateGroupInput{GroupName: &name, NewPath: path, NewGroupName: to}))
	}
	for noun, update := range map[string]func(string, *string, *string) error{"user": user, "group": group} {
		expect(t, noun+" out of her path", update("bob", aws.String("/high/"), nil), "AccessDenied", "")
		expect(t, noun+" into her path", update("boss", aws.String("/low/"), nil), "AccessDenied",
			"User: arn:aws:iam::"+account+":user/alice is not authorized to perform: iam:Update"+map[string]string{"user": "User", "group": "Group"}[noun]+
				" on resource: "+noun+" boss because no identity-based policy allows the iam:Update"+map[string]string{"user": "User", "group": "Group"}[noun]+" action")
		expect(t, noun+" renamed within", update("bob", nil, aws.String("rob")), "", "")
		expect(t, noun+" moved within", update("rob", aws.String("/low/er/"), nil), "", "")
		expect(t, noun+" not there", update("ghost", aws.String("/low/"), nil), "AccessDenied", "")
	}
}
