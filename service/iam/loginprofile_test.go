package iam_test

import (
	"fmt"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"

	"github.com/garrison-cloud/garrison/internal/garrisontest"
)

// TestPasswordPolicy shows that the policy reads as it was written, and that it
// is obeyed when a password is set.
func TestPasswordPolicy(t *testing.T) {
	_, c := root(t)
	ctx := t.Context()
	get := func() error { return only(c.GetAccountPasswordPolicy(ctx, &iam.GetAccountPasswordPolicyInput{})) }
	drop := func() error {
		return only(c.DeleteAccountPasswordPolicy(ctx, &iam.DeleteAccountPasswordPolicyInput{}))
	}
	const none = "The Password Policy with domain name " + account + " cannot be found."
	expect(t, "get none", get(), "NoSuchEntity", none)
	expect(t, "delete none", drop(), "NoSuchEntity", none)
	n := 0
	set := func(password string) error {
		n++
		name := fmt.Sprint("u", n)
		ok[*iam.CreateUserOutput](t)(c.CreateUser(ctx, &iam.CreateUserInput{UserName: &name}))
		return only(c.CreateLoginProfile(ctx, &iam.CreateLoginProfileInput{UserName: &name, Password: &password}))
	}
	const weak = "PasswordPolicyViolation"
	expect(t, "AWS's policy, short", set("Abc12_x"), weak, "Password should have a minimum length of 8")
	expect(t, "AWS's policy, two kinds", set("abcdefg1"), weak, "Password must have at least three of the following: uppercase letters, lowercase letters, numbers, and symbols")
	expect(t, "AWS's policy, three kinds", set("abcdefg1!"), "", "")

	ok[*iam.UpdateAccountPasswordPolicyOutput](t)(c.UpdateAccountPasswordPolicy(ctx, &iam.UpdateAccountPasswordPolicyInput{
		MinimumPasswordLength: aws.Int32(10), RequireSymbols: true, RequireNumbers: true, RequireUppercaseCharacters: true,
		RequireLowercaseCharacters: true, MaxPasswordAge: aws.Int32(90), PasswordReusePrevention: aws.Int32(2),
	}))
	p := must[*iam.GetAccountPasswordPolicyOutput](t)(c.GetAccountPasswordPolicy(ctx, &iam.GetAccountPasswordPolicyInput{})).PasswordPolicy
	if *p.MinimumPasswordLength != 10 || !p.ExpirePasswords || *p.MaxPasswordAge != 90 || *p.PasswordReusePrevention != 2 || !p.RequireSymbols || p.AllowUsersToChangePassword {
		t.Errorf("policy = %+v, want what was put", p)
	}
	for password, message := range map[string]string{
		"Abcdef12!":      "Password should have a minimum length of 10",
		"abcdefghi12!":   "Password should have at least one uppercase letter",
		"ABCDEFGHI12!":   "Password should have at least one lowercase letter",
		"ABCDefghijkl!":  "Password should have at least one number",
		"ABCDefghijkl12": "Password should have at least one symbol",
	} {
		expect(t, password, set(password), weak, message)
	}
	expect(t, "all kinds", set("Abcdefgh12!"), "", "")
	expect(t, "delete", drop(), "", "")
	expect(t, "get again", get(), "NoSuchEntity", none)
}

func TestLoginProfile(t *testing.T) {
	_, c := root(t)
	ctx := t.Context()
	name := aws.String("Bob")
	ok[*iam.CreateUserOutput](t)(c.CreateUser(ctx, &iam.CreateUserInput{UserName: name}))
	create := func(name string) func() error {
		return func() error {
			return only(c.CreateLoginProfile(ctx, &iam.CreateLoginProfileInput{UserName: &name, Password: aws.String("Correct1horse"), PasswordResetRequired: true}))
		}
	}
	get := func() error { return only(c.GetLoginProfile(ctx, &iam.GetLoginProfileInput{UserName: name})) }
	update := func() error {
		return only(c.UpdateLoginProfile(ctx, &iam.UpdateLoginProfileInput{UserName: name, Password: aws.String("Correct2horse"), PasswordResetRequired: aws.Bool(false)}))
	}
	remove := func() error {
		return only(c.DeleteLoginProfile(ctx, &iam.DeleteLoginProfileInput{UserName: name}))
	}
	const missing = "Login Profile for User Bob cannot be found."
	refused(t, []refusal{
		{"get none", get, "NoSuchEntity", missing},
		{"update none", update, "NoSuchEntity", missing},
		{"delete none", remove, "NoSuchEntity", missing},
		{"of nobody", create("ghost"), "NoSuchEntity", "The user with name ghost cannot be found."},
		{"create", create("bob"), "", ""},
		{"create again", create("Bob"), "EntityAlreadyExists", "Login Profile for user Bob already exists."},
		{"delete the user", func() error { return only(c.DeleteUser(ctx, &iam.DeleteUserInput{UserName: name})) }, "DeleteConflict", "Cannot delete entity, must delete login profile first."},
	})
	l := must[*iam.GetLoginProfileOutput](t)(c.GetLoginProfile(ctx, &iam.GetLoginProfileInput{UserName: name})).LoginProfile
	if *l.UserName != "Bob" || !l.PasswordResetRequired || l.CreateDate == nil {
		t.Errorf("login profile = %+v, want Bob's, to be reset", l)
	}
	expect(t, "update", update(), "", "")
	l = must[*iam.GetLoginProfileOutput](t)(c.GetLoginProfile(ctx, &iam.GetLoginProfileInput{UserName: name})).LoginProfile
	if l.PasswordResetRequired {
		t.Error("the password is to be reset still")
	}
	expect(t, "delete", remove(), "", "")
	expect(t, "get", get(), "NoSuchEntity", missing)
	expect(t, "delete the user", only(c.DeleteUser(ctx, &iam.DeleteUserInput{UserName: name})), "", "")
}

// TestChangePassword shows that users need the old password, that old passwords
// do not come back, and that the account's policy may let all users change theirs
// unless something denies it.
func TestChangePassword(t *testing.T) {
	s, c := root(t)
	ctx := t.Context()
	name := aws.String("bob")
	bob := iam.NewFromConfig(s.User(t, *name, ""))
	change := func(from, to string) error {
		return only(bob.ChangePassword(ctx, &iam.ChangePasswordInput{OldPassword: &from, NewPassword: &to}))
	}
	allowed := func(own bool) {
		ok[*iam.UpdateAccountPasswordPolicyOutput](t)(c.UpdateAccountPasswordPolicy(ctx, &iam.UpdateAccountPasswordPolicyInput{
			AllowUsersToChangePassword: own, PasswordReusePrevention: aws.Int32(2), RequireNumbers: true,
		}))
	}
	read := func() error {
		return only(bob.GetAccountPasswordPolicy(ctx, &iam.GetAccountPasswordPolicyInput{}))
	}
	allowed(false)
	expect(t, "not allowed", change("first1", "second2"), "AccessDenied", "")
	expect(t, "not allowed to read", read(), "AccessDenied", "")
	allowed(true)
	expect(t, "allowed to read", read(), "", "")
	expect(t, "no password", change("first1", "second2"), "NoSuchEntity", "Login Profile for User bob cannot be found.")
	ok[*iam.CreateLoginProfileOutput](t)(c.CreateLoginProfile(ctx, &iam.CreateLoginProfileInput{UserName: name, Password: aws.String("first1"), PasswordResetRequired: true}))
	expect(t, "wrong password", change("first2", "second2"), "AccessDenied", "The old password was incorrect.")
	expect(t, "against the policy", change("first1", "second"), "PasswordPolicyViolation", "Password should have at least one number")
	expect(t, "the same", change("first1", "first1"), "PasswordPolicyViolation", "Password reuse is not allowed by the account password policy")
	expect(t, "second", change("first1", "second2"), "", "")
	expect(t, "the first again", change("second2", "first1"), "PasswordPolicyViolation", "")
	expect(t, "third", change("second2", "third3"), "", "")
	expect(t, "the first after two others", change("third3", "first1"), "", "")
	if must[*iam.GetLoginProfileOutput](t)(c.GetLoginProfile(ctx, &iam.GetLoginProfileInput{UserName: name})).LoginProfile.PasswordResetRequired {
		t.Error("the password is to be reset after its change")
	}
	ok[*iam.UpdateUserOutput](t)(c.UpdateUser(ctx, &iam.UpdateUserInput{UserName: name, NewPath: aws.String(`/"*\\/`)}))
	expect(t, "below a path full of marks", change("first1", "fourth4"), "", "")
	expect(t, "back", change("fourth4", "fifth5"), "", "")
	ok[*iam.PutUserPolicyOutput](t)(c.PutUserPolicy(ctx, &iam.PutUserPolicyInput{UserName: name, PolicyName: aws.String("no"), PolicyDocument: aws.String(deny("iam:ChangePassword"))}))
	expect(t, "denied", change("fifth5", "second2"), "AccessDenied", "")
	expect(t, "by the root", only(c.ChangePassword(ctx, &iam.ChangePasswordInput{OldPassword: aws.String("a"), NewPassword: aws.String("b")})), "InvalidUserType", "Only IAM Users can change their own password")
}

// TestAlias shows that an account has one alias, which no other account may have.
func TestAlias(t *testing.T) {
	s, c := root(t)
	ctx := t.Context()
	there := iam.NewFromConfig(s.ConfigFor(other, garrisontest.Region))
	create := func(c *iam.Client, name string) error {
		return only(c.CreateAccountAlias(ctx, &iam.CreateAccountAliasInput{AccountAlias: &name}))
	}
	remove := func(name string) error {
		return only(c.DeleteAccountAlias(ctx, &iam.DeleteAccountAliasInput{AccountAlias: &name}))
	}
	list := func() []string {
		return must[*iam.ListAccountAliasesOutput](t)(c.ListAccountAliases(ctx, &iam.ListAccountAliasesInput{})).AccountAliases
	}
	expect(t, "bad name", create(c, "a--b"), "ValidationError", "")
	expect(t, "first", create(c, "red"), "", "")
	expect(t, "again", create(c, "red"), "", "")
	expect(t, "taken", create(there, "red"), "EntityAlreadyExists", "The account alias red already exists.")
	expect(t, "second", create(c, "blue"), "", "")
	if got := list(); len(got) != 1 || got[0] != "blue" {
		t.Errorf("aliases = %q, want blue", got)
	}
	expect(t, "free again", create(there, "red"), "", "")
	expect(t, "delete another's", remove("red"), "NoSuchEntity", "")
	expect(t, "delete", remove("blue"), "", "")
	if got := list(); len(got) != 0 {
		t.Errorf("aliases = %q, want none", got)
	}
}

// TestSummary shows that the summary counts, and that its quotas hold.
func TestSummary(t *testing.T) {
	_, c := root(t)
	ctx := t.Context()
	summary := func() map[string]int32 {
		return must[*iam.GetAccountSummaryOutput](t)(c.GetAccountSummary(ctx, &iam.GetAccountSummaryInput{})).SummaryMap
	}
	for i := range 3 {
		name := fmt.Sprint("n", i)
		ok[*iam.CreateUserOutput](t)(c.CreateUser(ctx, &iam.CreateUserInput{UserName: &name}))
	}
	p := newPolicy(t, c, "p", allowAll)
	ok[*iam.CreatePolicyVersionOutput](t)(c.CreatePolicyVersion(ctx, &iam.CreatePolicyVersionInput{PolicyArn: p.Arn, PolicyDocument: aws.String(allowAll)}))
	ok[*iam.DeleteUserOutput](t)(c.DeleteUser(ctx, &iam.DeleteUserInput{UserName: aws.String("n1")}))
	create := func(i int) error {
		return only(c.CreateGroup(ctx, &iam.CreateGroupInput{GroupName: aws.String(fmt.Sprint("g", i))}))
	}
	for i := range int(summary()["GroupsQuota"]) {
		expect(t, "a group within the quota", create(i), "", "")
	}
	expect(t, "one group more", create(1000), "LimitExceeded", "Cannot exceed quota for GroupsPerAccount: 300")
	got := summary()
	for key, want := range map[string]int32{
		"Users": 2, "Groups": 300, "Roles": 0, "Policies": 1, "PolicyVersionsInUse": 2, "UsersQuota": 5000, "AccountAccessKeysPresent": 1,
		"PolicySizeQuota": 6144, "UserPolicySizeQuota": 2048, "AccountMFAEnabled": 0, "MFADevicesInUse": 0,
	} {
		if got[key] != want {
			t.Errorf("%s = %d, want %d", key, got[key], want)
		}
	}
	ok[*iam.DeleteGroupOutput](t)(c.DeleteGroup(ctx, &iam.DeleteGroupInput{GroupName: aws.String("g7")}))
	expect(t, "in its place", create(1000), "", "")
}
