package iam_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	engine "github.com/garrison-cloud/garrison/engine/iam"
	"github.com/garrison-cloud/garrison/internal/arn"
	"github.com/garrison-cloud/garrison/internal/authz"
	"github.com/garrison-cloud/garrison/internal/clock"
	"github.com/garrison-cloud/garrison/internal/garrisontest"
	"github.com/garrison-cloud/garrison/internal/store"
	"github.com/garrison-cloud/garrison/internal/store/pebble"
	"github.com/garrison-cloud/garrison/internal/wire"
	service "github.com/garrison-cloud/garrison/service/iam"
)

// assume returns a client with a role's credentials.
func assume(t *testing.T, s *garrisontest.Server, by aws.Config, role string) *iam.Client {
	t.Helper()
	out := must[*sts.AssumeRoleOutput](t)(sts.NewFromConfig(by).AssumeRole(t.Context(), &sts.AssumeRoleInput{
		RoleArn: aws.String("arn:aws:iam::" + account + ":role/" + role), RoleSessionName: aws.String("night"),
	}))
	c := out.Credentials
	return iam.NewFromConfig(s.ConfigWith(garrisontest.Region, *c.AccessKeyId, *c.SecretAccessKey, *c.SessionToken))
}

// TestRolePolicyCounts shows that a role's policies and boundary hold for its
// sessions, and nobody else's.
func TestRolePolicyCounts(t *testing.T) {
	s, c := root(t)
	ctx := t.Context()
	alice := s.User(t, "alice", allow("sts:AssumeRole"))
	name := aws.String("r")
	make := func() {
		t.Helper()
		ok[*iam.CreateRoleOutput](t)(c.CreateRole(ctx, &iam.CreateRoleInput{RoleName: name, AssumeRolePolicyDocument: aws.String(trusting(account))}))
		ok[*iam.PutRolePolicyOutput](t)(c.PutRolePolicy(ctx, &iam.PutRolePolicyInput{RoleName: name, PolicyName: aws.String("p"), PolicyDocument: aws.String(allow("iam:List*"))}))
	}
	make()
	session := assume(t, s, alice, *name)
	users := func() error { return only(session.ListUsers(ctx, &iam.ListUsersInput{})) }
	roles := func() error { return only(session.ListRoles(ctx, &iam.ListRolesInput{})) }
	expect(t, "the role's", users(), "", "")
	expect(t, "not the user's", only(iam.NewFromConfig(alice).ListUsers(ctx, &iam.ListUsersInput{})), "AccessDenied", "")
	expect(t, "its own name", only(session.GetUser(ctx, &iam.GetUserInput{})), "ValidationError", "Must specify userName when calling with non-User credentials")

	fence := newPolicy(t, c, "fence", allow("iam:ListUsers"))
	ok[*iam.PutRolePermissionsBoundaryOutput](t)(c.PutRolePermissionsBoundary(ctx, &iam.PutRolePermissionsBoundaryInput{RoleName: name, PermissionsBoundary: fence.Arn}))
	expect(t, "within the boundary", users(), "", "")
	expect(t, "beyond the boundary", roles(), "AccessDenied", "")
	ok[*iam.DeleteRolePermissionsBoundaryOutput](t)(c.DeleteRolePermissionsBoundary(ctx, &iam.DeleteRolePermissionsBoundaryInput{RoleName: name}))
	expect(t, "without a boundary", roles(), "", "")

	ok[*iam.DeleteRolePolicyOutput](t)(c.DeleteRolePolicy(ctx, &iam.DeleteRolePolicyInput{RoleName: name, PolicyName: aws.String("p")}))
	ok[*iam.DeleteRoleOutput](t)(c.DeleteRole(ctx, &iam.DeleteRoleInput{RoleName: name}))
	expect(t, "of a deleted role", users(), "AccessDenied", "")
	make()
	expect(t, "of a role of the same name", users(), "AccessDenied", "")
}

// TestTrustIsInThePerson shows that whoever gets a trusted user's name later is
// not trusted.
func TestTrustIsInThePerson(t *testing.T) {
	s, c := root(t)
	ctx := t.Context()
	first := s.User(t, "alice", "")
	ok[*iam.CreateRoleOutput](t)(c.CreateRole(ctx, &iam.CreateRoleInput{
		RoleName: aws.String("r"), AssumeRolePolicyDocument: aws.String(trusting("arn:aws:iam::" + account + ":user/alice")),
	}))
	try := func(by aws.Config) error {
		return only(sts.NewFromConfig(by).AssumeRole(ctx, &sts.AssumeRoleInput{
			RoleArn: aws.String("arn:aws:iam::" + account + ":role/r"), RoleSessionName: aws.String("night"),
		}))
	}
	expect(t, "trusted by name", try(first), "", "")
	ok[*iam.UpdateUserOutput](t)(c.UpdateUser(ctx, &iam.UpdateUserInput{UserName: aws.String("alice"), NewUserName: aws.String("alicia")}))
	expect(t, "trusted after the renaming", try(first), "", "")
	expect(t, "another alice", try(s.User(t, "alice", "")), "AccessDenied", "")
}

// TestSessionsOfUsers shows where AWS keeps temporary credentials out of IAM.
func TestSessionsOfUsers(t *testing.T) {
	s, _ := root(t)
	ctx := t.Context()
	alice := sts.NewFromConfig(s.User(t, "alice", allowAll))
	own := must[*sts.GetSessionTokenOutput](t)(alice.GetSessionToken(ctx, &sts.GetSessionTokenInput{})).Credentials
	fed := must[*sts.GetFederationTokenOutput](t)(alice.GetFederationToken(ctx, &sts.GetFederationTokenInput{Name: aws.String("guest"), Policy: aws.String(allowAll)})).Credentials
	for name, config := range map[string]aws.Config{
		"GetSessionToken":    s.ConfigWith(garrisontest.Region, *own.AccessKeyId, *own.SecretAccessKey, *own.SessionToken),
		"GetFederationToken": s.ConfigWith(garrisontest.Region, *fed.AccessKeyId, *fed.SecretAccessKey, *fed.SessionToken),
	} {
		expect(t, name, only(iam.NewFromConfig(config).ListUsers(ctx, &iam.ListUsersInput{})), "InvalidClientTokenId", "")
	}
}

// newService is a service without a gateway.
func newService(t testing.TB) (*service.Service, context.Context) {
	t.Helper()
	e, err := pebble.OpenMemory()
	if err != nil {
		t.Fatal(err)
	}
	fake := clock.NewFake(time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC))
	db, err := store.Open(e, store.Options{Root: store.MemoryRoot(), Clock: fake, Rehearse: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Errorf("close the store: %v", err)
		}
	})
	call := &wire.Call{Facts: authz.Facts{Principal: authz.Root(arn.Root(account), account, "")}}
	return service.New(service.Config{DB: db, Clock: fake, Compiler: authz.NewCompiler(100)}), wire.WithCall(context.Background(), call)
}

// TestEnsureRoot shows that a second start finds the first one's key, and that
// keys switched off stay so.
func TestEnsureRoot(t *testing.T) {
	t.Parallel()
	s, ctx := newService(t)
	id, secret, err := s.EnsureRoot(ctx, account)
	if err != nil {
		t.Fatal(err)
	}
	again, same, err := s.EnsureRoot(ctx, account)
	if err != nil || again != id || same != secret {
		t.Errorf("second time: %s, %v; want %s", again, err, id)
	}
	held, p, err := s.AccessKey(ctx, id)
	if err != nil || held != secret || p.Kind != engine.AccountRoot || p.ARN != arn.Root(account) {
		t.Errorf("the key is %+v's, %v", p, err)
	}
	ok[*iam.UpdateAccessKeyOutput](t)(s.UpdateAccessKey(ctx, &iam.UpdateAccessKeyInput{AccessKeyId: &id, Status: "Inactive"}))
	if again, _, err = s.EnsureRoot(ctx, account); err != nil || again != id {
		t.Errorf("switched off: %s, %v; want %s", again, err, id)
	}
	if _, _, err := s.AccessKey(ctx, id); !errors.Is(err, service.ErrNoKey) {
		t.Errorf("a key that is switched off: %v, want ErrNoKey", err)
	}
}

// TestPermissionsOfNobody shows that who is not there has no permissions, and
// that it is no error.
func TestPermissionsOfNobody(t *testing.T) {
	t.Parallel()
	s, ctx := newService(t)
	for _, p := range []*authz.Principal{
		{Principal: engine.Principal{Kind: engine.Anonymous}},
		{Principal: engine.Principal{Kind: engine.User, Account: account, ID: "AIDANOBODY"}},
		{Principal: engine.Principal{Kind: engine.RoleSession, Account: account, ID: "AROANOBODY:x"}, Session: &authz.Session{IssuerID: "AROANOBODY"}},
		{Principal: engine.Principal{Kind: engine.FederatedUser, Account: account}, Session: &authz.Session{IssuerID: "AIDANOBODY"}},
	} {
		got, err := s.Permissions(ctx, p)
		if err != nil || len(got.Identity) != 0 || got.Boundary != nil {
			t.Errorf("%+v has %+v, error %v; want nothing", p.Principal, got, err)
		}
	}
}

// TestPolicyNames shows how reasons name policies.
func TestPolicyNames(t *testing.T) {
	t.Parallel()
	s, ctx := newService(t)
	p := userWith(t, s, ctx, 1)
	got, err := s.Permissions(ctx, p)
	if err != nil {
		t.Fatal(err)
	}
	d := engine.Evaluate(&engine.Request{Action: "s3:GetObject", Resource: "*", Principal: p.Principal}, &engine.Policies{Identity: got.Identity})
	ref, named := d.Match()
	if want := "arn:aws:iam::" + account + ":user/worker p0"; !named || ref.Policy != want {
		t.Errorf("the policy that allowed = %q, %t; want %q", ref.Policy, named, want)
	}
}

// userWith makes a user with n inline policies, n attached ones and a group that
// has one of each.
func userWith(t testing.TB, s *service.Service, ctx context.Context, n int) *authz.Principal {
	t.Helper()
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	name := aws.String("worker")
	check(only(s.CreateUser(ctx, &iam.CreateUserInput{UserName: name})))
	check(only(s.CreateGroup(ctx, &iam.CreateGroupInput{GroupName: name})))
	check(only(s.AddUserToGroup(ctx, &iam.AddUserToGroupInput{GroupName: name, UserName: name})))
	check(only(s.PutGroupPolicy(ctx, &iam.PutGroupPolicyInput{GroupName: name, PolicyName: name, PolicyDocument: aws.String(allow("kms:*"))})))
	check(only(s.AttachGroupPolicy(ctx, &iam.AttachGroupPolicyInput{GroupName: name, PolicyArn: aws.String(admin)})))
	for i := range n {
		policy := aws.String(fmt.Sprintf("p%d", i))
		check(only(s.PutUserPolicy(ctx, &iam.PutUserPolicyInput{UserName: name, PolicyName: policy, PolicyDocument: aws.String(allow("s3:*"))})))
		out, err := s.CreatePolicy(ctx, &iam.CreatePolicyInput{PolicyName: policy, PolicyDocument: aws.String(allow("sts:*"))})
		check(err)
		check(only(s.AttachUserPolicy(ctx, &iam.AttachUserPolicyInput{UserName: name, PolicyArn: out.Policy.Arn})))
	}
	key, err := s.CreateAccessKey(ctx, &iam.CreateAccessKeyInput{UserName: name})
	check(err)
	_, p, err := s.AccessKey(ctx, *key.AccessKey.AccessKeyId)
	check(err)
	return p
}

// BenchmarkCall is what IAM costs each call: whose key, and which policies.
func BenchmarkCall(b *testing.B) {
	for _, n := range []int{1, 10} {
		b.Run(fmt.Sprintf("policies=%d", 2*n+2), func(b *testing.B) {
			s, ctx := newService(b)
			id := userWith(b, s, ctx, n).AccessKeyID
			b.ReportAllocs()
			b.ResetTimer()
			for b.Loop() {
				_, p, err := s.AccessKey(ctx, id)
				if err != nil {
					b.Fatal(err)
				}
				if held, err := s.Permissions(ctx, p); err != nil || len(held.Identity) != 2*n+2 {
					b.Fatal(len(held.Identity), err)
				}
			}
		})
	}
}
