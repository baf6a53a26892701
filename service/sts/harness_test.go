package sts_test

import (
	"context"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"

	engine "github.com/garrison-cloud/garrison/engine/iam"
	"github.com/garrison-cloud/garrison/internal/arn"
	"github.com/garrison-cloud/garrison/internal/authz"
	"github.com/garrison-cloud/garrison/internal/clock"
	"github.com/garrison-cloud/garrison/internal/store"
	"github.com/garrison-cloud/garrison/internal/store/pebble"
	"github.com/garrison-cloud/garrison/internal/wire"
	service "github.com/garrison-cloud/garrison/service/sts"
)

const (
	account = "111122223333"
	other   = "444455556666"
)

var start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// A world is the service behind a real authorizer, with roles and identity
// policies that the test writes down.
type world struct {
	*service.Service
	t          testing.TB
	db         *store.DB
	clock      *clock.Fake
	compiler   *authz.Compiler
	authorizer *authz.Authorizer
	roles      map[string]*authz.Role // by account/name
	managed    map[string]string      // documents of managed policies by ARN
	policies   map[string]string      // identity policy by the principal's, or its role's, ARN
}

func newWorld(t testing.TB) *world {
	t.Helper()
	e, err := pebble.OpenMemory()
	if err != nil {
		t.Fatal(err)
	}
	w := &world{
		t: t, clock: clock.NewFake(start), compiler: authz.NewCompiler(100),
		roles: map[string]*authz.Role{}, policies: map[string]string{}, managed: map[string]string{},
	}
	w.db, err = store.Open(e, store.Options{Root: store.MemoryRoot(), Clock: w.clock, Rehearse: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.db.Close(); err != nil {
			t.Error(err)
		}
	})
	w.authorizer = authz.New(w, w.compiler)
	w.restart()
	return w
}

// restart makes the service anew over the same store.
func (w *world) restart() {
	w.Service = service.New(service.Config{DB: w.db, Clock: w.clock, Compiler: w.compiler, Roles: w})
}

// Role implements sts.Roles.
func (w *world) Role(_ context.Context, account, name string) (*authz.Role, error) {
	if r, ok := w.roles[account+"/"+name]; ok {
		return r, nil
	}
	return nil, store.ErrNotFound
}

// ManagedPolicy implements sts.Roles.
func (w *world) ManagedPolicy(_ context.Context, _, arn string) (string, error) {
	if d, ok := w.managed[arn]; ok {
		return d, nil
	}
	return "", store.ErrNotFound
}

// Permissions implements authz.Directory.
func (w *world) Permissions(_ context.Context, p *authz.Principal) (authz.Permissions, error) {
	var out authz.Permissions
	of := p.ARN
	if p.Kind == engine.RoleSession {
		of = p.RoleARN
	}
	if d, ok := w.policies[of]; ok {
		c, err := w.compiler.Compile(d, engine.IdentityPolicy)
		if err != nil {
			return out, err
		}
		out.Identity = append(out.Identity, c)
	}
	return out, nil
}

// addRole makes a role of the account that trusts as the statement says.
func (w *world) addRole(account, name, statement string) *authz.Role {
	r := &authz.Role{
		ARN: arn.New("iam", "", account, "role/"+name), ID: "AROAEXAMPLE" + strings.ToUpper(name), Name: name, Account: account,
		TrustPolicy: policy(statement), MaxSession: 2 * time.Hour, Tags: map[string]string{"Department": "Marketing"},
	}
	w.roles[account+"/"+name] = r
	return r
}

// user returns a user of the account who may do what the statement says, if any.
func (w *world) user(account, name, statement string) *authz.Principal {
	p := &authz.Principal{
		Principal:   engine.Principal{Kind: engine.User, ARN: arn.New("iam", "", account, "user/"+name), Account: account, ID: "AIDAEXAMPLEEXAMPLE" + strings.ToUpper(name)},
		Name:        name,
		AccessKeyID: authz.NewAccessKeyID(authz.LongTermKey, account),
	}
	if statement != "" {
		w.policies[p.ARN] = policy(statement)
	}
	return p
}

func policy(statement string) string {
	return `{"Version":"2012-10-17","Statement":[` + statement + `]}`
}

// trusts is a trust policy's statement for a principal.
func trusts(principal string) string {
	return `{"Effect":"Allow","Principal":{"AWS":"` + principal + `"},"Action":["sts:AssumeRole","sts:TagSession","sts:SetSourceIdentity"]}`
}

const mayAssume = `{"Effect":"Allow","Action":"sts:*","Resource":"*"}`

// context returns the context of a call that p makes now.
func (w *world) context(p *authz.Principal) context.Context {
	c := &wire.Call{Service: "sts"}
	c.Principal, c.Time, c.Region = p, w.clock.Now(), "us-east-1"
	return wire.WithCall(context.Background(), c)
}

// call runs an operation as the gateway does: target, authorization, handler.
func (w *world) call(p *authz.Principal, in any) (any, error) {
	w.t.Helper()
	svc, err := wire.NewService("sts", w.Operations())
	if err != nil {
		w.t.Fatal(err)
	}
	ctx := w.context(p)
	for op := range svc.Operations() {
		if op.In != typeOf(in) {
			continue
		}
		t, err := op.Target(ctx, in)
		if err != nil {
			return nil, err
		}
		if err := w.authorizer.Check(ctx, &wire.CallFrom(ctx).Facts, "sts:"+op.Name, t); err != nil {
			return nil, err
		}
		return op.Handle(ctx, in)
	}
	w.t.Fatalf("nothing serves %T", in)
	return nil, nil
}

// assume calls AssumeRole and returns who one then is.
func (w *world) assume(p *authz.Principal, in *sts.AssumeRoleInput) (*authz.Principal, error) {
	w.t.Helper()
	out, err := w.call(p, in)
	if err != nil {
		return nil, err
	}
	c := out.(*sts.AssumeRoleOutput).Credentials
	_, session, err := w.Session(w.t.Context(), *c.AccessKeyId, *c.SessionToken)
	return session, err
}

func (w *world) mustAssume(p *authz.Principal, in *sts.AssumeRoleInput) *authz.Principal {
	w.t.Helper()
	session, err := w.assume(p, in)
	if err != nil {
		w.t.Fatalf("assume %s: %v", *in.RoleArn, err)
	}
	return session
}

// code is the error code that a client would get.
func code(err error) string {
	var api smithy.APIError
	var no *authz.Denied
	switch {
	case err == nil:
		return ""
	case errors.As(err, &no):
		return "AccessDenied"
	case errors.As(err, &api):
		return api.ErrorCode()
	default:
		return err.Error()
	}
}

func typeOf(in any) reflect.Type { return reflect.TypeOf(in).Elem() }
