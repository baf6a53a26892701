package iam_test

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/garrison-cloud/garrison/internal/authz"
	"github.com/garrison-cloud/garrison/internal/garrisontest"
)

// TestAccessKeyLetsIn follows a key through its life: it lets its user in only
// while it is there and active.
func TestAccessKeyLetsIn(t *testing.T) {
	s, c := root(t)
	ctx := t.Context()
	config := s.User(t, "alice", allow("iam:GetUser"))
	held := must[aws.Credentials](t)(config.Credentials.Retrieve(ctx))
	alice := iam.NewFromConfig(config)
	who := func() error { return only(alice.GetUser(ctx, &iam.GetUserInput{})) }
	set := func(status types.StatusType) {
		t.Helper()
		ok[*iam.UpdateAccessKeyOutput](t)(c.UpdateAccessKey(ctx, &iam.UpdateAccessKeyInput{UserName: aws.String("alice"), AccessKeyId: &held.AccessKeyID, Status: status}))
	}
	expect(t, "active", who(), "", "")
	set(types.StatusTypeInactive)
	expect(t, "inactive", who(), "InvalidClientTokenId", "")
	got := must[*iam.ListAccessKeysOutput](t)(c.ListAccessKeys(ctx, &iam.ListAccessKeysInput{UserName: aws.String("alice")})).AccessKeyMetadata
	if len(got) != 1 || got[0].Status != types.StatusTypeInactive || *got[0].UserName != "alice" {
		t.Errorf("keys = %+v, want one that is inactive", got)
	}
	set(types.StatusTypeActive)
	expect(t, "active again", who(), "", "")
	ok[*iam.DeleteAccessKeyOutput](t)(c.DeleteAccessKey(ctx, &iam.DeleteAccessKeyInput{UserName: aws.String("alice"), AccessKeyId: &held.AccessKeyID}))
	expect(t, "deleted", who(), "InvalidClientTokenId", "")
	if a, known := authz.AccountOf(held.AccessKeyID); !known || a != account {
		t.Errorf("the key id carries %q, %t", a, known)
	}
	if len(held.SecretAccessKey) != 40 {
		t.Errorf("secret of %d characters, want 40", len(held.SecretAccessKey))
	}
}

// TestRenamedUserStaysWho shows that a key follows its user's new name at once.
func TestRenamedUserStaysWho(t *testing.T) {
	s, c := root(t)
	ctx := t.Context()
	alice := iam.NewFromConfig(s.User(t, "alice", allow("iam:GetUser")))
	ok[*iam.GetUserOutput](t)(alice.GetUser(ctx, &iam.GetUserInput{}))
	ok[*iam.UpdateUserOutput](t)(c.UpdateUser(ctx, &iam.UpdateUserInput{UserName: aws.String("alice"), NewUserName: aws.String("alicia")}))
	if got := *must[*iam.GetUserOutput](t)(alice.GetUser(ctx, &iam.GetUserInput{})).User.UserName; got != "alicia" {
		t.Errorf("caller = %s, want alicia", got)
	}
}

func TestAccessKeyRefusals(t *testing.T) {
	s, c := root(t)
	ctx := t.Context()
	s.User(t, "alice", "")
	s.User(t, "bob", "")
	keyOf := func(name string) *string {
		return must[*iam.ListAccessKeysOutput](t)(c.ListAccessKeys(ctx, &iam.ListAccessKeysInput{UserName: &name})).AccessKeyMetadata[0].AccessKeyId
	}
	alice, bobs := aws.String("alice"), keyOf("bob")
	missing := "The Access Key with id " + *bobs + " cannot be found."
	create := func() error { return only(c.CreateAccessKey(ctx, &iam.CreateAccessKeyInput{UserName: alice})) }
	expect(t, "a second key", create(), "", "")
	refused(t, []refusal{
		{"a third key", create, "LimitExceeded", "Cannot exceed quota for AccessKeysPerUser: 2"},
		{"nobody's", func() error {
			return only(c.CreateAccessKey(ctx, &iam.CreateAccessKeyInput{UserName: aws.String("ghost")}))
		}, "NoSuchEntity", "The user with name ghost cannot be found."},
		{"update another's", func() error {
			return only(c.UpdateAccessKey(ctx, &iam.UpdateAccessKeyInput{UserName: alice, AccessKeyId: bobs, Status: types.StatusTypeInactive}))
		}, "NoSuchEntity", missing},
		{"delete another's", func() error {
			return only(c.DeleteAccessKey(ctx, &iam.DeleteAccessKeyInput{UserName: alice, AccessKeyId: bobs}))
		}, "NoSuchEntity", missing},
		{"expire", func() error {
			return only(c.UpdateAccessKey(ctx, &iam.UpdateAccessKeyInput{UserName: aws.String("bob"), AccessKeyId: bobs, Status: "Expired"}))
		}, "ValidationError", ""},
		{"a key of nobody", func() error {
			config := s.ConfigWith(garrisontest.Region, authz.NewAccessKeyID(authz.LongTermKey, account), "secret", "")
			return only(iam.NewFromConfig(config).GetUser(ctx, &iam.GetUserInput{}))
		}, "InvalidClientTokenId", ""},
		{"a key that is none", func() error {
			return only(iam.NewFromConfig(s.ConfigWith(garrisontest.Region, "AKIDEXAMPLE", "secret", "")).GetUser(ctx, &iam.GetUserInput{}))
		}, "InvalidClientTokenId", ""},
	})
}

// TestRootKeys shows that a root's keys are its own: listed without a user's name.
func TestRootKeys(t *testing.T) {
	_, c := root(t)
	ctx := t.Context()
	made := must[*iam.CreateAccessKeyOutput](t)(c.CreateAccessKey(ctx, &iam.CreateAccessKeyInput{})).AccessKey
	if made.UserName != nil {
		t.Errorf("root's key of user %q", *made.UserName)
	}
	list := func() int {
		return len(must[*iam.ListAccessKeysOutput](t)(c.ListAccessKeys(ctx, &iam.ListAccessKeysInput{})).AccessKeyMetadata)
	}
	if got := list(); got != 2 {
		t.Errorf("root has %d keys, want 2", got)
	}
	expect(t, "a third", only(c.CreateAccessKey(ctx, &iam.CreateAccessKeyInput{})), "LimitExceeded", "")
	ok[*iam.DeleteAccessKeyOutput](t)(c.DeleteAccessKey(ctx, &iam.DeleteAccessKeyInput{AccessKeyId: made.AccessKeyId}))
	if got := list(); got != 1 {
		t.Errorf("root has %d keys, want 1", got)
	}
}
