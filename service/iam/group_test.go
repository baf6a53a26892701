package iam_test

import (
	"fmt"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
)

// TestGroupPolicyCounts shows that a group's policies hold for its users, for as
// long as they are in it.
func TestGroupPolicyCounts(t *testing.T) {
	s, c := root(t)
	ctx := t.Context()
	alice := iam.NewFromConfig(s.User(t, "alice", ""))
	list := func() error { return only(alice.ListUsers(ctx, &iam.ListUsersInput{})) }
	in, user := aws.String("readers"), aws.String("alice")
	ok[*iam.CreateGroupOutput](t)(c.CreateGroup(ctx, &iam.CreateGroupInput{GroupName: in}))
	ok[*iam.PutGroupPolicyOutput](t)(c.PutGroupPolicy(ctx, &iam.PutGroupPolicyInput{GroupName: in, PolicyName: aws.String("p"), PolicyDocument: aws.String(allow("iam:ListUsers"))}))
	expect(t, "before", list(), "AccessDenied",
		"User: arn:aws:iam::"+account+":user/alice is not authorized to perform: iam:ListUsers on resource: arn:aws:iam::"+account+":user/ because no identity-based policy allows the iam:ListUsers action")
	for range 2 {
		ok[*iam.AddUserToGroupOutput](t)(c.AddUserToGroup(ctx, &iam.AddUserToGroupInput{GroupName: in, UserName: user}))
	}
	expect(t, "in the group", list(), "", "")
	ok[*iam.UpdateGroupOutput](t)(c.UpdateGroup(ctx, &iam.UpdateGroupInput{GroupName: in, NewGroupName: aws.String("viewers")}))
	in = aws.String("viewers")
	expect(t, "in the group by its new name", list(), "", "")
	ok[*iam.PutGroupPolicyOutput](t)(c.PutGroupPolicy(ctx, &iam.PutGroupPolicyInput{GroupName: in, PolicyName: aws.String("d"), PolicyDocument: aws.String(deny("iam:*"))}))
	expect(t, "denied by the group", list(), "AccessDenied", "")
	expect(t, "delete with users", only(c.DeleteGroup(ctx, &iam.DeleteGroupInput{GroupName: in})), "DeleteConflict", "Cannot delete entity, must delete policies first.")
	for _, p := range []string{"p", "d"} {
		ok[*iam.DeleteGroupPolicyOutput](t)(c.DeleteGroupPolicy(ctx, &iam.DeleteGroupPolicyInput{GroupName: in, PolicyName: &p}))
	}
	expect(t, "delete with users", only(c.DeleteGroup(ctx, &iam.DeleteGroupInput{GroupName: in})), "DeleteConflict", "Cannot delete entity, must remove users from group first.")
	ok[*iam.RemoveUserFromGroupOutput](t)(c.RemoveUserFromGroup(ctx, &iam.RemoveUserFromGroupInput{GroupName: in, UserName: user}))
	ok[*iam.DeleteGroupOutput](t)(c.DeleteGroup(ctx, &iam.DeleteGroupInput{GroupName: in}))
	expect(t, "deleted", only(c.GetGroup(ctx, &iam.GetGroupInput{GroupName: in})), "NoSuchEntity", "The group with name viewers cannot be found.")
}

func TestMembership(t *testing.T) {
	_, c := root(t)
	ctx := t.Context()
	ok[*iam.CreateUserOutput](t)(c.CreateUser(ctx, &iam.CreateUserInput{UserName: aws.String("alice")}))
	ok[*iam.CreateUserOutput](t)(c.CreateUser(ctx, &iam.CreateUserInput{UserName: aws.String("bob")}))
	add := func(g, u string) error {
		return only(c.AddUserToGroup(ctx, &iam.AddUserToGroupInput{GroupName: &g, UserName: &u}))
	}
	for i := range 11 {
		name := fmt.Sprintf("g%02d", i)
		ok[*iam.CreateGroupOutput](t)(c.CreateGroup(ctx, &iam.CreateGroupInput{GroupName: &name}))
		code, message := "", ""
		if i == 10 {
			code, message = "LimitExceeded", "Cannot exceed quota for GroupsPerUser: 10"
		}
		expect(t, "add to "+name, add(name, "alice"), code, message)
	}
	expect(t, "nobody", add("g00", "ghost"), "NoSuchEntity", "The user with name ghost cannot be found.")
	expect(t, "nowhere", add("ghost", "bob"), "NoSuchEntity", "The group with name ghost cannot be found.")
	expect(t, "bob too", add("g00", "bob"), "", "")

	var got []string
	pages := iam.NewListGroupsForUserPaginator(c, &iam.ListGroupsForUserInput{UserName: aws.String("alice"), MaxItems: aws.Int32(4)})
	for pages.HasMorePages() {
		for _, g := range must[*iam.ListGroupsForUserOutput](t)(pages.NextPage(ctx)).Groups {
			got = append(got, *g.GroupName)
		}
	}
	if len(got) != 10 || got[0] != "g00" || got[9] != "g09" {
		t.Errorf("alice's groups = %v", got)
	}
	members := map[string]bool{}
	users := iam.NewGetGroupPaginator(c, &iam.GetGroupInput{GroupName: aws.String("g00"), MaxItems: aws.Int32(1)})
	for users.HasMorePages() {
		for _, u := range must[*iam.GetGroupOutput](t)(users.NextPage(ctx)).Users {
			members[*u.UserName] = true
		}
	}
	if len(members) != 2 || !members["alice"] || !members["bob"] {
		t.Errorf("members = %v, want alice and bob", members)
	}
}

// TestMembersByName shows that a group's users come by name, in whole and in pages.
func TestMembersByName(t *testing.T) {
	_, c := root(t)
	ctx := t.Context()
	g := aws.String("g")
	ok[*iam.CreateGroupOutput](t)(c.CreateGroup(ctx, &iam.CreateGroupInput{GroupName: g}))
	for _, name := range []string{"dora", "Carl", "bob", "Alice", "eve", "Bo"} {
		ok[*iam.CreateUserOutput](t)(c.CreateUser(ctx, &iam.CreateUserInput{UserName: &name}))
		ok[*iam.AddUserToGroupOutput](t)(c.AddUserToGroup(ctx, &iam.AddUserToGroupInput{GroupName: g, UserName: &name}))
	}
	ok[*iam.UpdateUserOutput](t)(c.UpdateUser(ctx, &iam.UpdateUserInput{UserName: aws.String("eve"), NewUserName: aws.String("Adam")}))
	for length := range int32(7) {
		got := ""
		pages := iam.NewGetGroupPaginator(c, &iam.GetGroupInput{GroupName: g, MaxItems: aws.Int32(length + 1)})
		for pages.HasMorePages() {
			for _, u := range must[*iam.GetGroupOutput](t)(pages.NextPage(ctx)).Users {
				got += " " + *u.UserName
			}
		}
		if want := " Adam Alice Bo bob Carl dora"; got != want {
			t.Errorf("in pages of %d =%s, want%s", length+1, got, want)
		}
	}
}
