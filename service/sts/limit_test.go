package sts_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts/types"

	"github.com/garrison-cloud/garrison/internal/arn"
	"github.com/garrison-cloud/garrison/internal/authz"
	service "github.com/garrison-cloud/garrison/service/sts"
)

func longTags(n int) map[string]string {
	out := map[string]string{}
	for i := range n {
		out[fmt.Sprintf("key%d", i)] = strings.Repeat("v", 256)
	}
	return out
}

// TestTokenSize shows that no token is given out that Session would refuse.
func TestTokenSize(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := w.addRole(account, "role", trusts(account))
	alice := w.user(account, "alice", mayAssume)
	for _, tt := range []struct {
		name              string
		ofRole, ofSession int
		want              string
	}{
		{"the session's tags fit", 0, 15, ""},
		{"the session's tags do not", 0, 16, "PackedPolicyTooLarge"},
		{"the role's tags fit", 20, 0, ""},
		{"the role's tags do not", 50, 0, "PackedPolicyTooLarge"},
		{"they do not fit together", 10, 15, "PackedPolicyTooLarge"},
	} {
		r.Tags = longTags(tt.ofRole)
		request := in(r)
		for i := range tt.ofSession {
			request.Tags = append(request.Tags, types.Tag{Key: aws.String(fmt.Sprintf("own%d", i)), Value: aws.String(strings.Repeat("v", 256))})
		}
		session, err := w.assume(alice, request)
		if code(err) != tt.want {
			t.Errorf("%s: %v, want code %q", tt.name, err, tt.want)
		}
		if err == nil && len(session.Tags) != tt.ofRole+tt.ofSession {
			t.Errorf("%s: %d tags, want %d", tt.name, len(session.Tags), tt.ofRole+tt.ofSession)
		}
	}
}

// TestRootMayAssume is for development servers: there a root is like another
// caller, whom the role still has to trust.
func TestRootMayAssume(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.Service = service.New(service.Config{DB: w.db, Clock: w.clock, Compiler: w.compiler, Roles: w, RootMayAssume: true})
	root := authz.Root(arn.Root(account), account, "AKIA")
	if _, err := w.assume(root, in(w.addRole(account, "own", trusts(account)))); err != nil {
		t.Errorf("a role that trusts the account: %v", err)
	}
	if _, err := w.assume(root, in(w.addRole(other, "foreign", trusts(other)))); code(err) != "AccessDenied" {
		t.Errorf("a role that does not: %v, want AccessDenied", err)
	}
}

// TestAssumeWithoutPolicies is what a server says that asks no policy: the
// handler is then the first to look for the role.
func TestAssumeWithoutPolicies(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.authorizer = authz.Off()
	alice := w.user(account, "alice", "")
	if _, err := w.assume(alice, in(w.addRole(account, "role", trusts(other)))); err != nil {
		t.Errorf("a role that is there: %v", err)
	}
	absent := &authz.Role{ARN: arn.New("iam", "", account, "role/absent")}
	if _, err := w.assume(alice, in(absent)); code(err) != "AccessDenied" {
		t.Errorf("a role that is not: %v, want AccessDenied", err)
	}
}

// FuzzSession opens anything: nothing but what was sealed is taken, and nothing
// panics.
func FuzzSession(f *testing.F) {
	w := newWorld(f)
	c := w.credentials()
	f.Add(*c.AccessKeyId, "")
	f.Add(*c.AccessKeyId, (*c.SessionToken)[:40])
	f.Add(*c.AccessKeyId+"X", *c.SessionToken)
	f.Fuzz(func(t *testing.T, id, token string) {
		_, p, err := w.Session(t.Context(), id, token)
		if id == *c.AccessKeyId && token == *c.SessionToken {
			return
		}
		if !errors.Is(err, service.ErrNoKey) || p != nil {
			t.Errorf("Session = %v, %v; want ErrNoKey", p, err)
		}
	})
}
