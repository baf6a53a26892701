package authz_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/garrison-cloud/garrison/engine/iam"
	"github.com/garrison-cloud/garrison/internal/authz"
)

// A directory holds the same policies for everybody.
type directory struct {
	held authz.Permissions
	err  error
}

// Permissions implements authz.Directory.
func (d directory) Permissions(context.Context, *authz.Principal) (authz.Permissions, error) {
	return d.held, d.err
}

func mustParse(t *testing.T, document string, kind iam.Kind) *iam.Policy {
	t.Helper()
	p, err := iam.Parse(document, kind)
	if err != nil {
		t.Fatalf("parse %s: %v", document, err)
	}
	return p
}

// allow is a document that allows an action on every resource.
func allow(action string) string {
	return fmt.Sprintf(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":%q,"Resource":"*"}]}`, action)
}

// holding returns an authorizer of principals who may do the actions.
func holding(t *testing.T, actions ...string) *authz.Authorizer {
	t.Helper()
	var held authz.Permissions
	for _, a := range actions {
		held.Identity = append(held.Identity, mustParse(t, allow(a), iam.IdentityPolicy))
	}
	return authz.New(directory{held: held}, authz.NewCompiler(10))
}

func factsOf(kind string) *authz.Facts {
	return &authz.Facts{Principal: callers()[kind], Time: noon, Region: "us-east-1"}
}

// TestCheckOrder asks for chains of targets and for what is not there.
func TestCheckOrder(t *testing.T) {
	t.Parallel()
	missing, second := errors.New("no such key"), errors.New("no such alias")
	a := holding(t, "kms:Encrypt", "kms:CreateAlias")
	for _, tt := range []struct {
		name   string
		a      *authz.Authorizer
		target authz.Target
		want   string // "" is yes
	}{
		{"allowed", a, authz.Any(), ""},
		{"another action", a, authz.Target{Action: "kms:Decrypt", Resource: "*"}, "kms:Decrypt"},
		{"missing and allowed", a, authz.Target{Resource: "*", Missing: missing}, "no such key"},
		{"missing and denied", a, authz.Target{Action: "kms:Decrypt", Resource: "*", Missing: missing}, "kms:Decrypt"},
		{"missing comes before what follows", a, authz.Target{Resource: "*", Missing: missing, And: []authz.Target{{Action: "kms:Decrypt", Resource: "*"}}}, "no such key"},
		{"all of a chain", a, authz.Target{Resource: "*", And: []authz.Target{{Action: "kms:CreateAlias", Resource: "*"}}}, ""},
		{"the second is denied", a, authz.Target{Resource: "*", And: []authz.Target{{Action: "kms:Decrypt", Resource: "*"}}}, "kms:Decrypt"},
		{"the third is missing", a, authz.Target{Resource: "*", And: []authz.Target{{Resource: "*", And: []authz.Target{{Resource: "*", Missing: second}}}}}, "no such alias"},
		{"open", holding(t), authz.Open(), ""},
		{"open, but what follows is not", holding(t), authz.Target{Open: true, Resource: "*", And: []authz.Target{authz.Any()}}, "kms:Encrypt"},
		{"nothing is held", holding(t), authz.Any(), "kms:Encrypt"},
		{"off", authz.Off(), authz.Target{Action: "kms:Decrypt", Resource: "*"}, ""},
		{"off and missing", authz.Off(), authz.Target{Resource: "*", Missing: missing}, "no such key"},
		{"off and the second missing", authz.Off(), authz.Target{Resource: "*", And: []authz.Target{{Resource: "*", Missing: second}}}, "no such alias"},
	} {
		err := tt.a.Check(t.Context(), factsOf("user"), "kms:Encrypt", tt.target)
		if got := answered(err); got != tt.want {
			t.Errorf("%s: Check = %q (%v), want %q", tt.name, got, err, tt.want)
		}
	}
}

// answered is the action of a denial, or the error's text.
func answered(err error) string {
	if denied := (*authz.Denied)(nil); errors.As(err, &denied) {
		return denied.Action
	}
	if err != nil {
		return err.Error()
	}
	return ""
}

// TestFailsClosed lets each source of policies fail: nobody is let in, root
// neither, and the error is no denial.
func TestFailsClosed(t *testing.T) {
	t.Parallel()
	broken := errors.New("store is gone")
	session := callers()["role"]
	session.Session.Policies = []string{"{"}
	everything := authz.Permissions{Identity: []*iam.Policy{mustParse(t, allow("*"), iam.IdentityPolicy)}}
	for _, tt := range []struct {
		name   string
		d      directory
		who    *authz.Principal
		target authz.Target
		want   string
	}{
		{"directory, for a user", directory{everything, broken}, callers()["user"], authz.Any(), "store is gone"},
		{"directory, for root", directory{everything, broken}, callers()["root"], authz.Any(), "store is gone"},
		{"a session policy that is none", directory{held: everything}, session, authz.Any(), "compile a session policy"},
		{"a resource policy that is none", directory{held: everything}, callers()["user"], authz.Target{Resource: "*", Policy: "[]"}, "compile the policy of *"},
	} {
		err := authz.New(tt.d, authz.NewCompiler(10)).
			Check(t.Context(), &authz.Facts{Principal: tt.who, Time: noon}, "kms:Encrypt", tt.target)
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: Check = %v, want one with %q", tt.name, err, tt.want)
		}
		if denied := (*authz.Denied)(nil); errors.As(err, &denied) {
			t.Errorf("%s: Check = %v, want a failure rather than a denial", tt.name, err)
		}
	}
}

// TestPoliciesThatCount shows for each type of policy that gather passes it on.
func TestPoliciesThatCount(t *testing.T) {
	t.Parallel()
	all := mustParse(t, allow("*"), iam.IdentityPolicy)
	only := mustParse(t, allow("kms:Decrypt"), iam.BoundaryPolicy)
	scp := mustParse(t, allow("kms:Decrypt"), iam.ServiceControlPolicy)
	keyPolicy := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111122223333:user/eng/ann"},"Action":"kms:Encrypt","Resource":"*"}]}`
	limited := callers()["role"]
	limited.Session.Policies = []string{allow("kms:Decrypt")}
	empty := callers()["role"]
	empty.Session.Policies = []string{}
	for _, tt := range []struct {
		name   string
		held   authz.Permissions
		who    *authz.Principal
		target authz.Target
		want   string
	}{
		{"identity", authz.Permissions{Identity: []*iam.Policy{all}}, callers()["user"], authz.Any(), ""},
		{"boundary", authz.Permissions{Identity: []*iam.Policy{all}, Boundary: only}, callers()["user"], authz.Any(), "permissions boundary"},
		{"service control policy", authz.Permissions{Identity: []*iam.Policy{all}, SCPs: [][]*iam.Policy{{scp}}}, callers()["user"], authz.Any(), "service control policy"},
		{"service control policy, root", authz.Permissions{SCPs: [][]*iam.Policy{{scp}}}, callers()["root"], authz.Any(), "service control policy"},
		{"root holds nothing", authz.Permissions{}, callers()["root"], authz.Any(), ""},
		{"session policy", authz.Permissions{Identity: []*iam.Policy{all}}, limited, authz.Any(), "session policy"},
		{"session without a statement", authz.Permissions{Identity: []*iam.Policy{all}}, empty, authz.Any(), "session policy"},
		{"key policy names the user", authz.Permissions{}, callers()["user"], authz.Target{Resource: "*", Policy: keyPolicy, PolicyDecides: true}, ""},
		{"key policy names another", authz.Permissions{Identity: []*iam.Policy{all}}, limited, authz.Target{Resource: "*", Policy: keyPolicy, PolicyDecides: true}, "resource-based policy"},
		{"another account's resource", authz.Permissions{Identity: []*iam.Policy{all}}, callers()["user"], authz.Target{Resource: "*", Account: "444455556666"}, "resource-based policy"},
		{"grant", authz.Permissions{}, callers()["user"], authz.Target{Resource: "*", Policy: keyPolicy, PolicyDecides: true, Granted: true, Action: "kms:Decrypt"}, ""},
	} {
		a := authz.New(directory{held: tt.held}, authz.NewCompiler(10))
		f := &authz.Facts{Principal: tt.who, Time: noon}
		err := a.Check(t.Context(), f, "kms:Encrypt", tt.target)
		if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
			t.Errorf("%s: Check = %v, want %q", tt.name, err, tt.want)
		}
		if tt.target.Action != "" {
			continue
		}
		d, _, explained := a.Explain(t.Context(), f, "kms:Encrypt", tt.target)
		if explained != nil || d.Allowed != (err == nil) {
			t.Errorf("%s: Explain = %v, %v; Check = %v", tt.name, d.Allowed, explained, err)
		}
	}
}

// TestDenied holds the messages to AWS's words.
func TestDenied(t *testing.T) {
	t.Parallel()
	a := holding(t, "kms:Encrypt")
	const key = "arn:aws:kms:us-east-1:111122223333:key/1"
	for _, tt := range []struct {
		kind   string
		target authz.Target
		want   string
	}{
		{
			"user", authz.On(key),
			"User: arn:aws:iam::111122223333:user/eng/ann is not authorized to perform: kms:Decrypt on resource: " + key +
				" because no identity-based policy allows the kms:Decrypt action",
		},
		{
			"role", authz.Any(),
			"User: arn:aws:sts::111122223333:assumed-role/ops/ann is not authorized to perform: kms:Decrypt because no identity-based policy allows the kms:Decrypt action",
		},
		{
			"anonymous",
			authz.Target{Resource: key, Account: "111122223333"},
			"User: anonymous is not authorized to perform: kms:Decrypt on resource: " + key +
				" because no resource-based policy allows the kms:Decrypt action",
		},
		{
			"user",
			authz.Target{Resource: key, Hide: "on this key or it does not exist"},
			"User: arn:aws:iam::111122223333:user/eng/ann is not authorized to perform: kms:Decrypt on this key or it does not exist",
		},
		{
			"user",
			authz.Target{Resource: key, Display: "user bob"},
			"User: arn:aws:iam::111122223333:user/eng/ann is not authorized to perform: kms:Decrypt on resource: user bob" +
				" because no identity-based policy allows the kms:Decrypt action",
		},
	} {
		err := a.Check(t.Context(), factsOf(tt.kind), "kms:Decrypt", tt.target)
		if err == nil || err.Error() != tt.want {
			t.Errorf("%s: Check =\n%v, want\n%s", tt.kind, err, tt.want)
		}
	}
}

// TestCompilerRemembers holds the cache to its promises: the same text and kind
// are compiled once, no more than its bound is kept, and errors are not kept.
func TestCompilerRemembers(t *testing.T) {
	t.Parallel()
	c := authz.NewCompiler(100)
	compile := func(document string, kind iam.Kind) *iam.Policy {
		p, err := c.Compile(document, kind)
		if err != nil {
			t.Fatalf("Compile: %v", err)
		}
		return p
	}
	kept := allow("kms:Encrypt")
	first := compile(kept, iam.IdentityPolicy)
	for i := range 1000 {
		compile(allow(fmt.Sprintf("kms:A%d", i)), iam.IdentityPolicy)
		if compile(kept, iam.IdentityPolicy) != first {
			t.Fatalf("a document in use was compiled again after %d others", i)
		}
		if n := c.Size(); n > 100 {
			t.Fatalf("%d documents are kept, want at most 100", n)
		}
	}
	if compile(kept, iam.SessionPolicy) == first {
		t.Error("documents of two kinds are one")
	}
	before := c.Size()
	for range 3 {
		syntax := (*iam.SyntaxError)(nil)
		if _, err := c.Compile("{", iam.IdentityPolicy); !errors.As(err, &syntax) {
			t.Errorf("Compile({) = %v, want *iam.SyntaxError", err)
		}
	}
	if got := c.Size(); got != before {
		t.Errorf("%d documents after errors, want %d", got, before)
	}
}

// TestCompilerConcurrently compiles from many goroutines, for the race detector.
func TestCompilerConcurrently(t *testing.T) {
	t.Parallel()
	c := authz.NewCompiler(8)
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for i := range 200 {
				if _, err := c.Compile(allow(fmt.Sprintf("kms:A%d", (i+g)%20)), iam.IdentityPolicy); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
}
