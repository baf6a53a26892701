package iam_test

import (
	"fmt"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
)

func tag(key, value string) types.Tag { return types.Tag{Key: &key, Value: &value} }

func TestTags(t *testing.T) {
	_, c := root(t)
	ctx := t.Context()
	name := aws.String("alice")
	ok[*iam.CreateUserOutput](t)(c.CreateUser(ctx, &iam.CreateUserInput{UserName: name}))
	ok[*iam.TagUserOutput](t)(c.TagUser(ctx, &iam.TagUserInput{UserName: name, Tags: []types.Tag{tag("Team", "red"), tag("Cost", "1")}}))
	ok[*iam.TagUserOutput](t)(c.TagUser(ctx, &iam.TagUserInput{UserName: name, Tags: []types.Tag{tag("team", "blue")}}))
	got := must[*iam.ListUserTagsOutput](t)(c.ListUserTags(ctx, &iam.ListUserTagsInput{UserName: name})).Tags
	if len(got) != 2 || *got[0].Key != "Cost" || *got[1].Key != "team" || *got[1].Value != "blue" {
		t.Errorf("tags = %+v, want Cost and team=blue", got)
	}
	ok[*iam.UntagUserOutput](t)(c.UntagUser(ctx, &iam.UntagUserInput{UserName: name, TagKeys: []string{"TEAM", "none"}}))
	if got := must[*iam.ListUserTagsOutput](t)(c.ListUserTags(ctx, &iam.ListUserTagsInput{UserName: name})).Tags; len(got) != 1 {
		t.Errorf("tags = %+v, want Cost only", got)
	}
	var many []types.Tag
	for i := range 50 {
		many = append(many, tag(fmt.Sprint("k", i), ""))
	}
	expect(t, "51 tags", only(c.TagUser(ctx, &iam.TagUserInput{UserName: name, Tags: many})), "LimitExceeded", "The number of tags has reached the maximum limit.")

	p := newPolicy(t, c, "p", allowAll)
	ok[*iam.TagPolicyOutput](t)(c.TagPolicy(ctx, &iam.TagPolicyInput{PolicyArn: p.Arn, Tags: many}))
	n := 0
	pages := iam.NewListPolicyTagsPaginator(c, &iam.ListPolicyTagsInput{PolicyArn: p.Arn, MaxItems: aws.Int32(20)})
	for pages.HasMorePages() {
		n += len(must[*iam.ListPolicyTagsOutput](t)(pages.NextPage(ctx)).Tags)
	}
	if n != 50 {
		t.Errorf("the policy has %d tags, want 50", n)
	}
	ok[*iam.UntagPolicyOutput](t)(c.UntagPolicy(ctx, &iam.UntagPolicyInput{PolicyArn: p.Arn, TagKeys: []string{"k1"}}))
}

// TestTagsDecide shows that tags of the caller, of the resource and of the
// request reach conditions.
func TestTagsDecide(t *testing.T) {
	s, c := root(t)
	ctx := t.Context()
	alice := iam.NewFromConfig(s.User(t, "alice", `{"Version":"2012-10-17","Statement":[
		{"Effect":"Allow","Action":"iam:GetRole","Resource":"*","Condition":{"StringEquals":{"iam:ResourceTag/Team":"${aws:PrincipalTag/team}"}}},
		{"Effect":"Allow","Action":"iam:TagRole","Resource":"*","Condition":{"StringEquals":{"aws:RequestTag/Team":"red"},"ForAllValues:StringEquals":{"aws:TagKeys":["Team"]}}}]}`))
	name := aws.String("r")
	ok[*iam.CreateRoleOutput](t)(c.CreateRole(ctx, &iam.CreateRoleInput{RoleName: name, AssumeRolePolicyDocument: aws.String(trusting(account)), Tags: []types.Tag{tag("Team", "blue")}}))
	get := func() error { return only(alice.GetRole(ctx, &iam.GetRoleInput{RoleName: name})) }
	put := func(tags ...types.Tag) error {
		return only(alice.TagRole(ctx, &iam.TagRoleInput{RoleName: name, Tags: tags}))
	}
	expect(t, "no tag of her own", get(), "AccessDenied", "")
	ok[*iam.TagUserOutput](t)(c.TagUser(ctx, &iam.TagUserInput{UserName: aws.String("alice"), Tags: []types.Tag{tag("Team", "red")}}))
	expect(t, "other teams", get(), "AccessDenied", "")
	expect(t, "two tags", put(tag("Team", "red"), tag("Cost", "1")), "AccessDenied", "")
	expect(t, "another team", put(tag("Team", "green")), "AccessDenied", "")
	expect(t, "her team", put(tag("Team", "red")), "", "")
	expect(t, "same team", get(), "", "")
}

// TestTagsOfNew shows that who may not tag makes nothing with tags: a denial of
// tagging cannot be got round by making anew.
func TestTagsOfNew(t *testing.T) {
	s, c := root(t)
	ctx := t.Context()
	alice := iam.NewFromConfig(s.User(t, "alice", `{"Version":"2012-10-17","Statement":[
		{"Effect":"Allow","Action":"iam:*","Resource":"*"},
		{"Effect":"Deny","Action":"iam:Tag*","Resource":"*","Condition":{"StringEquals":{"aws:RequestTag/Team":"red"}}}]}`))
	name, document := aws.String("new"), aws.String(allowAll)
	for noun, make := range map[string]func(...types.Tag) error{
		"user": func(tags ...types.Tag) error {
			return only(alice.CreateUser(ctx, &iam.CreateUserInput{UserName: name, Tags: tags}))
		},
		"role": func(tags ...types.Tag) error {
			return only(alice.CreateRole(ctx, &iam.CreateRoleInput{RoleName: name, AssumeRolePolicyDocument: aws.String(trusting(account)), Tags: tags}))
		},
		"policy": func(tags ...types.Tag) error {
			return only(alice.CreatePolicy(ctx, &iam.CreatePolicyInput{PolicyName: name, PolicyDocument: document, Tags: tags}))
		},
	} {
		expect(t, noun+" with a tag she may not give", make(tag("Team", "red")), "AccessDenied", "")
		expect(t, noun+" with another", make(tag("Team", "blue")), "", "")
	}
	ok[*iam.PutUserPolicyOutput](t)(c.PutUserPolicy(ctx, &iam.PutUserPolicyInput{UserName: aws.String("alice"), PolicyName: aws.String("inline"), PolicyDocument: aws.String(allow("iam:CreateUser"))}))
	name = aws.String("untagged")
	expect(t, "without the permission to tag", only(alice.CreateUser(ctx, &iam.CreateUserInput{UserName: name, Tags: []types.Tag{tag("a", "b")}})), "AccessDenied",
		"User: arn:aws:iam::"+account+":user/alice is not authorized to perform: iam:TagUser on resource: arn:aws:iam::"+account+":user/untagged because no identity-based policy allows the iam:TagUser action")
	expect(t, "without tags", only(alice.CreateUser(ctx, &iam.CreateUserInput{UserName: name})), "", "")
}
