package iam_test

import (
	"fmt"
	"regexp"
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/garrison-cloud/garrison/internal/garrisontest"
)

func TestUser(t *testing.T) {
	s, c := root(t)
	ctx := t.Context()
	made := must[*iam.CreateUserOutput](t)(c.CreateUser(ctx, &iam.CreateUserInput{
		UserName: aws.String("Alice"), Path: aws.String("/staff/"), Tags: []types.Tag{{Key: aws.String("Team"), Value: aws.String("red")}},
	})).User
	if got, want := *made.Arn, "arn:aws:iam::"+account+":user/staff/Alice"; got != want {
		t.Errorf("ARN = %s, want %s", got, want)
	}
	if !regexp.MustCompile(`^AIDA[A-Z2-7]{17}$`).MatchString(*made.UserId) {
		t.Errorf("id = %s, want AIDA and 17 characters", *made.UserId)
	}
	if got := s.Clock.Now().Sub(*made.CreateDate).Seconds(); got < 0 || got >= 1 {
		t.Errorf("made %f s ago, want less than one", got)
	}
	got := must[*iam.GetUserOutput](t)(c.GetUser(ctx, &iam.GetUserInput{UserName: aws.String("alice")})).User
	if *got.UserName != "Alice" || len(got.Tags) != 1 || *got.Tags[0].Value != "red" {
		t.Errorf("user = %+v, want Alice with her tag", got)
	}
	ok[*iam.UpdateUserOutput](t)(c.UpdateUser(ctx, &iam.UpdateUserInput{
		UserName: aws.String("Alice"), NewUserName: aws.String("Bob"), NewPath: aws.String("/"),
	}))
	got = must[*iam.GetUserOutput](t)(c.GetUser(ctx, &iam.GetUserInput{UserName: aws.String("Bob")})).User
	if *got.UserId != *made.UserId || *got.Arn != "arn:aws:iam::"+account+":user/Bob" {
		t.Errorf("renamed user = %+v, want the same id and a new ARN", got)
	}
	ok[*iam.DeleteUserOutput](t)(c.DeleteUser(ctx, &iam.DeleteUserInput{UserName: aws.String("Bob")}))
	expect(t, "deleted", only(c.GetUser(ctx, &iam.GetUserInput{UserName: aws.String("Bob")})),
		"NoSuchEntity", "The user with name Bob cannot be found.")
}

func TestUserRefusals(t *testing.T) {
	s, c := root(t)
	ctx := t.Context()
	s.User(t, "keyed", allowAll)
	for _, name := range []string{"taken", "grouped"} {
		ok[*iam.CreateUserOutput](t)(c.CreateUser(ctx, &iam.CreateUserInput{UserName: &name}))
	}
	ok[*iam.CreateGroupOutput](t)(c.CreateGroup(ctx, &iam.CreateGroupInput{GroupName: aws.String("g")}))
	ok[*iam.AddUserToGroupOutput](t)(c.AddUserToGroup(ctx, &iam.AddUserToGroupInput{GroupName: aws.String("g"), UserName: aws.String("grouped")}))
	remove := func(name string) func() error {
		return func() error { return only(c.DeleteUser(ctx, &iam.DeleteUserInput{UserName: &name})) }
	}
	create := func(in *iam.CreateUserInput) func() error {
		return func() error { return only(c.CreateUser(ctx, in)) }
	}
	dup := []types.Tag{{Key: aws.String("a"), Value: aws.String("")}, {Key: aws.String("A"), Value: aws.String("")}}
	refused(t, []refusal{
		{"same name in other case", create(&iam.CreateUserInput{UserName: aws.String("TAKEN")}), "EntityAlreadyExists", "User with name TAKEN already exists."},
		{"tags alike", create(&iam.CreateUserInput{UserName: aws.String("x"), Tags: dup}), "InvalidInput", "Duplicate tag keys found. Please note that Tag keys are case insensitive."},
		{
			"no such boundary", create(&iam.CreateUserInput{UserName: aws.String("x"), PermissionsBoundary: aws.String("arn:aws:iam::aws:policy/Nothing")}),
			"NoSuchEntity", "Policy arn:aws:iam::aws:policy/Nothing does not exist or is not attachable.",
		},
		{"boundary that is none", create(&iam.CreateUserInput{UserName: aws.String("x"), PermissionsBoundary: aws.String("arn:aws:s3:::bucket/policy/x")}), "InvalidInput", ""},
		{"bad name", create(&iam.CreateUserInput{UserName: aws.String("a b")}), "ValidationError", ""},
		{"bad path", create(&iam.CreateUserInput{UserName: aws.String("x"), Path: aws.String("staff/")}), "ValidationError", ""},
		{"deleted with a policy", remove("keyed"), "DeleteConflict", "Cannot delete entity, must delete policies first."},
		{"deleted in a group", remove("grouped"), "DeleteConflict", "Cannot delete entity, must remove users from group first."},
		{"deleted, not there", remove("ghost"), "NoSuchEntity", "The user with name ghost cannot be found."},
		{"renamed to another's name", func() error {
			return only(c.UpdateUser(ctx, &iam.UpdateUserInput{UserName: aws.String("taken"), NewUserName: aws.String("Grouped")}))
		}, "EntityAlreadyExists", "User with name Grouped already exists."},
	})
	ok[*iam.DeleteUserPolicyOutput](t)(c.DeleteUserPolicy(ctx, &iam.DeleteUserPolicyInput{UserName: aws.String("keyed"), PolicyName: aws.String("inline")}))
	refused(t, []refusal{{"deleted with a key", remove("keyed"), "DeleteConflict", "Cannot delete entity, must delete access keys first."}})
}

func TestCallerAsUser(t *testing.T) {
	s, c := root(t)
	ctx := t.Context()
	got := must[*iam.GetUserOutput](t)(c.GetUser(ctx, &iam.GetUserInput{})).User
	if *got.Arn != "arn:aws:iam::"+account+":root" || *got.UserId != account || got.UserName != nil {
		t.Errorf("root = %+v", got)
	}
	alice := iam.NewFromConfig(s.User(t, "alice", allow("iam:GetUser")))
	got = must[*iam.GetUserOutput](t)(alice.GetUser(ctx, &iam.GetUserInput{})).User
	if *got.UserName != "alice" {
		t.Errorf("caller = %s, want alice", *got.UserName)
	}
}

func TestListUsers(t *testing.T) {
	_, c := root(t)
	ctx := t.Context()
	var want []string
	for i := range 7 {
		name, path := fmt.Sprintf("User%d", i), "/odd/"
		if i%2 == 0 {
			path = "/even/"
		}
		want = append(want, name)
		ok[*iam.CreateUserOutput](t)(c.CreateUser(ctx, &iam.CreateUserInput{UserName: &name, Path: &path}))
	}
	var got []string
	pages := iam.NewListUsersPaginator(c, &iam.ListUsersInput{MaxItems: aws.Int32(2)})
	for pages.HasMorePages() {
		page := must[*iam.ListUsersOutput](t)(pages.NextPage(ctx))
		if len(page.Users) > 2 {
			t.Errorf("page of %d users, want at most 2", len(page.Users))
		}
		for _, u := range page.Users {
			got = append(got, *u.UserName)
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("users = %v, want %v", got, want)
	}
	odd := must[*iam.ListUsersOutput](t)(c.ListUsers(ctx, &iam.ListUsersInput{PathPrefix: aws.String("/odd")}))
	if len(odd.Users) != 3 || odd.IsTruncated {
		t.Errorf("below /odd: %d users, more %t; want 3, false", len(odd.Users), odd.IsTruncated)
	}
	expect(t, "a marker of another list", only(c.ListUsers(ctx, &iam.ListUsersInput{Marker: aws.String("abc")})), "ValidationError", "Invalid Marker.")
}

// TestAccounts shows that no account sees another's users.
func TestAccounts(t *testing.T) {
	s, c := root(t)
	ctx := t.Context()
	ok[*iam.CreateUserOutput](t)(c.CreateUser(ctx, &iam.CreateUserInput{UserName: aws.String("alice")}))
	theirs := iam.NewFromConfig(s.ConfigFor(other, garrisontest.Region))
	expect(t, "another account's user", only(theirs.GetUser(ctx, &iam.GetUserInput{UserName: aws.String("alice")})), "NoSuchEntity", "")
	ok[*iam.CreateUserOutput](t)(theirs.CreateUser(ctx, &iam.CreateUserInput{UserName: aws.String("alice")}))
	if got := must[*iam.ListUsersOutput](t)(theirs.ListUsers(ctx, &iam.ListUsersInput{})); len(got.Users) != 1 {
		t.Errorf("users of the other account = %d, want 1", len(got.Users))
	}
}
