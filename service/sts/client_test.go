package sts_test

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/aws-sdk-go-v2/service/sts/types"

	"github.com/garrison-cloud/garrison/internal/garrisontest"
)

// A client test goes all the way: the SDK's client, signature, the role and
// policies in IAM, and the session at work in another service.
const (
	mayBuckets  = `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":["s3:ListAllMyBuckets","sts:*"],"Resource":"*"}}`
	onlyBuckets = `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:ListAllMyBuckets","Resource":"*"}}`
	nothing     = `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"ec2:*","Resource":"*"}}`
)

// newRole makes a role of Account that may list buckets.
func newRole(t *testing.T, srv *garrisontest.Server, name, trust string) string {
	t.Helper()
	c := iam.NewFromConfig(srv.Config)
	out, err := c.CreateRole(t.Context(), &iam.CreateRoleInput{RoleName: &name, AssumeRolePolicyDocument: &trust})
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.PutRolePolicy(t.Context(), &iam.PutRolePolicyInput{RoleName: &name, PolicyName: aws.String("may"), PolicyDocument: aws.String(mayBuckets)})
	if err != nil {
		t.Fatal(err)
	}
	return *out.Role.Arn
}

func with(srv *garrisontest.Server, c *types.Credentials) aws.Config {
	return srv.ConfigWith(garrisontest.Region, *c.AccessKeyId, *c.SecretAccessKey, *c.SessionToken)
}

// list is the error code of a call that needs permission.
func list(t *testing.T, c aws.Config) string {
	t.Helper()
	_, err := s3.NewFromConfig(c).ListBuckets(t.Context(), &s3.ListBucketsInput{})
	return garrisontest.ErrorCode(err)
}

func TestAssumedRoleAtWork(t *testing.T) {
	t.Parallel()
	srv := garrisontest.Start(t)
	vendor := srv.UserOf(t, garrisontest.OtherAccount, "vendor", mayBuckets)
	role := newRole(t, srv, "audit", `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":"`+garrisontest.OtherAccount+`"},
		"Action":"sts:AssumeRole","Condition":{"StringEquals":{"sts:ExternalId":"right"}}}}`)
	assume := func(in *sts.AssumeRoleInput) (*sts.AssumeRoleOutput, error) {
		in.RoleArn, in.RoleSessionName = &role, aws.String("night")
		return sts.NewFromConfig(vendor).AssumeRole(t.Context(), in)
	}
	_, err := assume(&sts.AssumeRoleInput{ExternalId: aws.String("wrong")})
	if got := garrisontest.ErrorCode(err); got != "AccessDenied" {
		t.Errorf("wrong external id: %v, want AccessDenied", err)
	}
	out, err := assume(&sts.AssumeRoleInput{ExternalId: aws.String("right"), DurationSeconds: aws.Int32(900)})
	if err != nil {
		t.Fatal(err)
	}
	session := with(srv, out.Credentials)
	who, err := sts.NewFromConfig(session).GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{})
	if err != nil || *who.Arn != *out.AssumedRoleUser.Arn || *who.UserId != *out.AssumedRoleUser.AssumedRoleId || *who.Account != garrisontest.Account {
		t.Errorf("identity %+v, error %v; assumed %+v", who, err, out.AssumedRoleUser)
	}
	if got := list(t, session); got != "" {
		t.Errorf("what the role may: code %q", got)
	}
	limited, err := assume(&sts.AssumeRoleInput{ExternalId: aws.String("right"), Policy: aws.String(nothing)})
	if err != nil {
		t.Fatal(err)
	}
	if got := list(t, with(srv, limited.Credentials)); got != "AccessDenied" {
		t.Errorf("what the session policy does not allow: code %q, want AccessDenied", got)
	}
	stolen := *out.Credentials
	stolen.SessionToken = limited.Credentials.SessionToken
	if got := list(t, with(srv, &stolen)); got != "InvalidAccessKeyId" && got != "InvalidToken" {
		t.Errorf("another session's token: code %q", got)
	}
	srv.Clock.Advance(15 * time.Minute)
	if got := list(t, session); got != "ExpiredToken" {
		t.Errorf("after its time: code %q, want ExpiredToken", got)
	}
}

func TestManagedSessionPolicyAtWork(t *testing.T) {
	t.Parallel()
	srv := garrisontest.Start(t)
	alice := sts.NewFromConfig(srv.User(t, "alice", mayBuckets))
	role := newRole(t, srv, "role", `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::`+garrisontest.Account+`:user/alice"},"Action":"sts:AssumeRole"}}`)
	for _, tt := range []struct{ name, document, want string }{
		{"limit", nothing, "AccessDenied"},
		{"allow", onlyBuckets, ""},
	} {
		p, err := iam.NewFromConfig(srv.Config).CreatePolicy(t.Context(), &iam.CreatePolicyInput{PolicyName: &tt.name, PolicyDocument: &tt.document})
		if err != nil {
			t.Fatal(err)
		}
		out, err := alice.AssumeRole(t.Context(), &sts.AssumeRoleInput{
			RoleArn: &role, RoleSessionName: aws.String("work"), PolicyArns: []types.PolicyDescriptorType{{Arn: p.Policy.Arn}},
		})
		if err != nil {
			t.Fatal(err)
		}
		if got := list(t, with(srv, out.Credentials)); got != tt.want {
			t.Errorf("with the policy %s: code %q, want %q", tt.name, got, tt.want)
		}
	}
}

// TestDeletedRoleAtWork shows that a session is worth nothing once its role is
// gone, even if another role gets the name.
func TestDeletedRoleAtWork(t *testing.T) {
	t.Parallel()
	srv := garrisontest.Start(t)
	trust := `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":"` + garrisontest.Account + `"},"Action":"sts:AssumeRole"}}`
	role := newRole(t, srv, "role", trust)
	out, err := sts.NewFromConfig(srv.User(t, "alice", mayBuckets)).AssumeRole(t.Context(), &sts.AssumeRoleInput{RoleArn: &role, RoleSessionName: aws.String("work")})
	if err != nil {
		t.Fatal(err)
	}
	c := iam.NewFromConfig(srv.Config)
	if _, err := c.DeleteRolePolicy(t.Context(), &iam.DeleteRolePolicyInput{RoleName: aws.String("role"), PolicyName: aws.String("may")}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.DeleteRole(t.Context(), &iam.DeleteRoleInput{RoleName: aws.String("role")}); err != nil {
		t.Fatal(err)
	}
	newRole(t, srv, "role", trust)
	if got := list(t, with(srv, out.Credentials)); got != "AccessDenied" {
		t.Errorf("code %q, want AccessDenied", got)
	}
}

func TestUserSessionsAtWork(t *testing.T) {
	t.Parallel()
	srv := garrisontest.Start(t)
	c := sts.NewFromConfig(srv.User(t, "alice", mayBuckets))
	own, err := c.GetSessionToken(t.Context(), &sts.GetSessionTokenInput{})
	if err != nil {
		t.Fatal(err)
	}
	if got := list(t, with(srv, own.Credentials)); got != "" {
		t.Errorf("the user's own session: code %q", got)
	}
	for _, tt := range []struct {
		name   string
		policy *string
		want   string
	}{
		{"no policy", nil, "AccessDenied"},
		{"a policy that allows it", aws.String(onlyBuckets), ""},
		{"a policy that does not", aws.String(nothing), "AccessDenied"},
	} {
		out, err := c.GetFederationToken(t.Context(), &sts.GetFederationTokenInput{Name: aws.String("bob"), Policy: tt.policy})
		if err != nil {
			t.Fatal(err)
		}
		if got := list(t, with(srv, out.Credentials)); got != tt.want {
			t.Errorf("a federated user with %s: code %q, want %q", tt.name, got, tt.want)
		}
	}
}

func TestValidation(t *testing.T) {
	t.Parallel()
	srv := garrisontest.Start(t)
	c := sts.NewFromConfig(srv.User(t, "alice", mayBuckets))
	role := "arn:aws:iam::" + garrisontest.Account + ":role/role"
	tags := make([]types.Tag, 51)
	for i := range tags {
		tags[i] = types.Tag{Key: aws.String(string(rune('A' + i))), Value: aws.String("")}
	}
	for name, in := range map[string]*sts.AssumeRoleInput{
		"too short":         {DurationSeconds: aws.Int32(899)},
		"too long":          {DurationSeconds: aws.Int32(43201)},
		"odd session name":  {RoleSessionName: aws.String("a b")},
		"short external id": {ExternalId: aws.String("x")},
		"51 tags":           {Tags: tags},
	} {
		in.RoleArn = &role
		if in.RoleSessionName == nil {
			in.RoleSessionName = aws.String("work")
		}
		if _, err := c.AssumeRole(t.Context(), in); garrisontest.ErrorCode(err) != "ValidationError" {
			t.Errorf("%s: %v, want ValidationError", name, err)
		}
	}
	_, err := sts.NewFromConfig(srv.Config).AssumeRole(t.Context(), &sts.AssumeRoleInput{RoleArn: &role, RoleSessionName: aws.String("work")})
	if garrisontest.ErrorCode(err) != "AccessDenied" {
		t.Errorf("root: %v, want AccessDenied", err)
	}
}
