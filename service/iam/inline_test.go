package iam_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
)

// TestInlinePolicyCounts shows that an inline policy holds from the next call on.
func TestInlinePolicyCounts(t *testing.T) {
	s, c := root(t)
	ctx := t.Context()
	name := aws.String("alice")
	alice := iam.NewFromConfig(s.User(t, *name, ""))
	put := func(policy, document string) {
		t.Helper()
		ok[*iam.PutUserPolicyOutput](t)(c.PutUserPolicy(ctx, &iam.PutUserPolicyInput{UserName: name, PolicyName: &policy, PolicyDocument: &document}))
	}
	list := func() error { return only(alice.ListRoles(ctx, &iam.ListRolesInput{})) }
	expect(t, "without", list(), "AccessDenied", "")
	put("b", allow("iam:ListRoles"))
	expect(t, "allowed", list(), "", "")
	put("b", allow("iam:ListUsers"))
	expect(t, "replaced", list(), "AccessDenied", "")
	put("b", allow("iam:*"))
	put("a", deny("iam:ListRoles"))
	expect(t, "denied", list(), "AccessDenied",
		"User: arn:aws:iam::"+account+":user/alice is not authorized to perform: iam:ListRoles on resource: arn:aws:iam::"+account+":role/ with an explicit deny in an identity-based policy")
	names := must[*iam.ListUserPoliciesOutput](t)(c.ListUserPolicies(ctx, &iam.ListUserPoliciesInput{UserName: name})).PolicyNames
	if !slices.Equal(names, []string{"a", "b"}) {
		t.Errorf("policies = %v, want a and b", names)
	}
	ok[*iam.DeleteUserPolicyOutput](t)(c.DeleteUserPolicy(ctx, &iam.DeleteUserPolicyInput{UserName: name, PolicyName: aws.String("a")}))
	expect(t, "no longer denied", list(), "", "")
}

// TestInlinePolicyAsWritten shows that a document comes back byte for byte,
// encoded as RFC 3986 says.
func TestInlinePolicyAsWritten(t *testing.T) {
	_, c := root(t)
	ctx := t.Context()
	document := "{ \"Version\": \"2012-10-17\",\n\t\"Statement\": [{\"Sid\":\"A1\",\"Effect\":\"Allow\",\"Action\":\"s3:*\",\"Resource\":\"arn:aws:s3:::b/${aws:username}/~*+é\"}]}"
	ok[*iam.CreateGroupOutput](t)(c.CreateGroup(ctx, &iam.CreateGroupInput{GroupName: aws.String("G")}))
	ok[*iam.PutGroupPolicyOutput](t)(c.PutGroupPolicy(ctx, &iam.PutGroupPolicyInput{GroupName: aws.String("G"), PolicyName: aws.String("p"), PolicyDocument: &document}))
	got := must[*iam.GetGroupPolicyOutput](t)(c.GetGroupPolicy(ctx, &iam.GetGroupPolicyInput{GroupName: aws.String("g"), PolicyName: aws.String("p")}))
	if *got.GroupName != "G" || decoded(t, got.PolicyDocument) != document {
		t.Errorf("policy of %s = %s, want %s", *got.GroupName, decoded(t, got.PolicyDocument), document)
	}
	if want := "%7B%20%22Version%22%3A%20%222012-10-17%22%2C%0A%09"; !strings.HasPrefix(*got.PolicyDocument, want) {
		t.Errorf("encoded = %s, want %s…", *got.PolicyDocument, want)
	}
}

func TestInlinePolicyRefusals(t *testing.T) {
	_, c := root(t)
	ctx := t.Context()
	name := aws.String("x")
	ok[*iam.CreateUserOutput](t)(c.CreateUser(ctx, &iam.CreateUserInput{UserName: name}))
	ok[*iam.CreateGroupOutput](t)(c.CreateGroup(ctx, &iam.CreateGroupInput{GroupName: name}))
	ok[*iam.CreateRoleOutput](t)(c.CreateRole(ctx, &iam.CreateRoleInput{RoleName: name, AssumeRolePolicyDocument: aws.String(trusting(account))}))
	putUser := func(document string) error {
		return only(c.PutUserPolicy(ctx, &iam.PutUserPolicyInput{UserName: name, PolicyName: name, PolicyDocument: &document}))
	}
	putGroup := func(document string) error {
		return only(c.PutGroupPolicy(ctx, &iam.PutGroupPolicyInput{GroupName: name, PolicyName: name, PolicyDocument: &document}))
	}
	putRole := func(document string) error {
		return only(c.PutRolePolicy(ctx, &iam.PutRolePolicyInput{RoleName: name, PolicyName: name, PolicyDocument: &document}))
	}
	for _, tt := range []struct {
		noun string
		put  func(string) error
		most int
	}{{"user", putUser, 2048}, {"group", putGroup, 5120}, {"role", putRole, 10240}} {
		expect(t, tt.noun+" at the limit", tt.put(sized(tt.most)), "", "")
		expect(t, tt.noun+" with white space", tt.put(sized(tt.most)+strings.Repeat(" \t\n", 5000)), "", "")
		expect(t, tt.noun+" over the limit", tt.put(sized(tt.most+1)), "LimitExceeded", "")
	}
	expect(t, "the message", putUser(sized(2049)), "LimitExceeded", "Maximum policy size of 2048 bytes exceeded for user x")
	refused(t, []refusal{
		{"no JSON", func() error { return putUser("nonsense") }, "MalformedPolicyDocument", "Syntax errors in policy."},
		{"with a principal", func() error { return putUser(trusting("*")) }, "MalformedPolicyDocument", ""},
		{"no such user policy", func() error {
			return only(c.GetUserPolicy(ctx, &iam.GetUserPolicyInput{UserName: name, PolicyName: aws.String("none")}))
		}, "NoSuchEntity", "The user policy with name none cannot be found."},
		{"no such role policy", func() error {
			return only(c.DeleteRolePolicy(ctx, &iam.DeleteRolePolicyInput{RoleName: name, PolicyName: aws.String("none")}))
		}, "NoSuchEntity", "The role policy with name none cannot be found."},
		{"no such group", func() error {
			return only(c.GetGroupPolicy(ctx, &iam.GetGroupPolicyInput{GroupName: aws.String("none"), PolicyName: name}))
		}, "NoSuchEntity", "The group with name none cannot be found."},
	})
}

// sized is a policy of n characters.
func sized(n int) string {
	head, tail := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:::`, `"}]}`
	return head + strings.Repeat("b", n-len(head)-len(tail)) + tail
}
