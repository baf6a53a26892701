package sts_test

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/aws-sdk-go-v2/service/sts/types"

	"github.com/garrison-cloud/garrison/internal/arn"
	"github.com/garrison-cloud/garrison/internal/authz"
)

// in returns a plain request for the role.
func in(r *authz.Role) *sts.AssumeRoleInput {
	return &sts.AssumeRoleInput{RoleArn: &r.ARN, RoleSessionName: aws.String("work")}
}

func TestTrust(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	alice := w.user(account, "alice", mayAssume)
	idle := w.user(account, "idle", "")
	stranger := w.user(other, "stranger", mayAssume)
	idleStranger := w.user(other, "idle", "")
	id := strings.Replace(trusts("*"), `"Action"`, `"Condition":{"StringEquals":{"sts:ExternalId":"secret-id"}},"Action"`, 1)
	named := strings.Replace(trusts("*"), `"Action"`, `"Condition":{"StringLike":{"sts:RoleSessionName":"${aws:username}"}},"Action"`, 1)
	for _, tt := range []struct {
		name  string
		trust string
		who   *authz.Principal
		set   func(*sts.AssumeRoleInput)
		want  string
	}{
		{"the account, and the user may", trusts(account), alice, nil, ""},
		{"the account, and the user may not", trusts(account), idle, nil, "AccessDenied"},
		{"the user by name needs no policy", trusts(idle.ARN), idle, nil, ""},
		{"the user by unique id", trusts(idle.ID), idle, nil, ""},
		{"another user", trusts(idle.ARN), alice, nil, "AccessDenied"},
		{"another account, which lets its user", trusts(other), stranger, nil, ""},
		{"another account, which does not let its user", trusts(idleStranger.ARN), idleStranger, nil, "AccessDenied"},
		{"not trusted account", trusts(account), stranger, nil, "AccessDenied"},
		{"no external id", id, stranger, nil, "AccessDenied"},
		{"wrong external id", id, stranger, func(in *sts.AssumeRoleInput) { in.ExternalId = aws.String("guess") }, "AccessDenied"},
		{"right external id", id, stranger, func(in *sts.AssumeRoleInput) { in.ExternalId = aws.String("secret-id") }, ""},
		{"session named otherwise", named, alice, nil, "AccessDenied"},
		{"session named as told", named, alice, func(in *sts.AssumeRoleInput) { in.RoleSessionName = aws.String("alice") }, ""},
		{"root", trusts(account), authz.Root(arn.Root(account), account, "AKIA"), nil, "AccessDenied"},
		{"not an ARN", trusts(account), alice, func(in *sts.AssumeRoleInput) { in.RoleArn = aws.String("arn:aws:iam::role/x-not-a-role") }, "ValidationError"},
	} {
		r := w.addRole(account, "role", tt.trust)
		request := in(r)
		if tt.set != nil {
			tt.set(request)
		}
		if _, err := w.assume(tt.who, request); code(err) != tt.want {
			t.Errorf("%s: error %v, want code %q", tt.name, err, tt.want)
		}
	}
}

// TestAbsentRoleReadsLikeRefusal shows that nobody learns which roles exist.
func TestAbsentRoleReadsLikeRefusal(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := w.addRole(account, "hidden", trusts(other))
	for _, who := range []*authz.Principal{w.user(account, "alice", mayAssume), w.user(other, "bob", "")} {
		_, refused := w.assume(who, in(r))
		for _, absent := range []string{"hiddem", "path/hidden", "HIDDEN"} {
			name := arn.New("iam", "", account, "role/"+absent)
			_, missing := w.assume(who, &sts.AssumeRoleInput{RoleArn: &name, RoleSessionName: aws.String("work")})
			if refused == nil || missing == nil || refused.Error() != strings.Replace(missing.Error(), name, r.ARN, 1) {
				t.Errorf("%s: refused: %v; absent: %v; want the same words", who.Name, refused, missing)
			}
		}
		odd := in(r)
		odd.TransitiveTagKeys = []string{"absent"}
		_, unfit := w.assume(who, odd)
		odd.RoleArn = aws.String(arn.New("iam", "", account, "role/hiddem"))
		if _, missing := w.assume(who, odd); code(missing) != "InvalidParameterValue" || missing.Error() != unfit.Error() {
			t.Errorf("%s, tags that don't fit: refused: %v; absent: %v; want the same words", who.Name, unfit, missing)
		}
		want := "User: " + who.ARN + " is not authorized to perform: sts:AssumeRole on resource: " + r.ARN
		if refused.Error() != want {
			t.Errorf("refused: %q, want %q", refused, want)
		}
	}
}

func TestRoleSession(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := w.addRole(account, "reader", trusts(account))
	alice := w.user(account, "alice", mayAssume)
	request := in(r)
	request.Tags = []types.Tag{{Key: aws.String("department"), Value: aws.String("Engineering")}, {Key: aws.String("Team"), Value: aws.String("")}}
	answer, err := w.call(alice, request)
	if err != nil {
		t.Fatal(err)
	}
	out := answer.(*sts.AssumeRoleOutput)
	if got, want := *out.AssumedRoleUser.Arn, "arn:aws:sts::111122223333:assumed-role/reader/work"; got != want {
		t.Errorf("ARN = %s, want %s", got, want)
	}
	if got, want := *out.AssumedRoleUser.AssumedRoleId, "AROAEXAMPLEREADER:work"; got != want {
		t.Errorf("AssumedRoleId = %s, want %s", got, want)
	}
	if size := out.PackedPolicySize; size == nil || *size < 1 || *size > 5 {
		t.Errorf("PackedPolicySize = %v, want a few per cent", size)
	}
	if got, want := *out.Credentials.Expiration, start.Add(time.Hour); !got.Equal(want) {
		t.Errorf("Expiration = %s, want %s", got, want)
	}
	if got, ok := authz.AccountOf(*out.Credentials.AccessKeyId); got != account || !ok || !strings.HasPrefix(*out.Credentials.AccessKeyId, "ASIA") {
		t.Errorf("key id %s carries account %q", *out.Credentials.AccessKeyId, got)
	}
	secret, p, err := w.Session(t.Context(), *out.Credentials.AccessKeyId, *out.Credentials.SessionToken)
	if err != nil || secret != *out.Credentials.SecretAccessKey || len(secret) != 40 {
		t.Fatalf("Session: secret fits: %v, error %v", secret == *out.Credentials.SecretAccessKey, err)
	}
	if want := map[string]string{"department": "Engineering", "Team": ""}; !maps.Equal(p.Tags, want) {
		t.Errorf("tags %v, want %v: the session's go over the role's, whatever their case", p.Tags, want)
	}
	if p.RoleARN != r.ARN || p.Name != "work" || p.AccessKeyID != *out.Credentials.AccessKeyId || p.Session.Policies != nil {
		t.Errorf("principal %+v, session %+v", p, p.Session)
	}
}

func TestDuration(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := w.addRole(account, "role", trusts(account)) // for two hours at most
	w.policies[r.ARN] = policy(mayAssume)
	alice := w.user(account, "alice", mayAssume)
	chained := w.mustAssume(alice, in(r))
	for _, tt := range []struct {
		who     *authz.Principal
		seconds int32
		want    string
	}{
		{alice, 900, ""},
		{alice, 7200, ""},
		{alice, 7201, "The requested DurationSeconds exceeds the MaxSessionDuration set for this role."},
		{chained, 3600, ""},
		{chained, 3601, "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining"},
	} {
		request := in(r)
		request.DurationSeconds = &tt.seconds
		session, err := w.assume(tt.who, request)
		switch {
		case tt.want == "" && err != nil, tt.want != "" && (err == nil || !strings.HasSuffix(err.Error(), tt.want)):
			t.Errorf("%s for %d s: error %v, want %q", tt.who.Name, tt.seconds, err, tt.want)
		case err == nil && !session.Session.Expires.Equal(start.Add(time.Duration(tt.seconds)*time.Second)):
			t.Errorf("%s for %d s: expires %s", tt.who.Name, tt.seconds, session.Session.Expires)
		}
	}
}

func TestChaining(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	first, second := w.addRole(account, "first", trusts(account)), w.addRole(account, "second", trusts(account))
	strict := w.addRole(account, "strict", strings.Replace(trusts(account), `,"sts:TagSession","sts:SetSourceIdentity"`, "", 1))
	w.policies[first.ARN] = policy(mayAssume)
	request := in(first)
	request.Tags = []types.Tag{
		{Key: aws.String("Project"), Value: aws.String("x")}, {Key: aws.String("Local"), Value: aws.String("y")},
	}
	request.TransitiveTagKeys = []string{"project"}
	request.SourceIdentity = aws.String("alice")
	one := w.mustAssume(w.user(account, "alice", mayAssume), request)

	two := w.mustAssume(one, in(second))
	if want := map[string]string{"project": "x"}; !maps.Equal(two.Session.Tags, want) || !slices.Equal(two.Session.Transitive, []string{"project"}) {
		t.Errorf("handed down: tags %v, transitive %v, want %v", two.Session.Tags, two.Session.Transitive, want)
	}
	if two.Session.SourceIdentity != "alice" {
		t.Errorf("source identity = %q, want alice", two.Session.SourceIdentity)
	}
	if _, err := w.assume(one, in(strict)); code(err) != "AccessDenied" {
		t.Errorf("a role that takes no tags: %v, want AccessDenied", err)
	}
	same := in(second)
	same.Tags = []types.Tag{{Key: aws.String("PROJECT"), Value: aws.String("z")}}
	if _, err := w.assume(one, same); code(err) != "InvalidParameterValue" {
		t.Errorf("a tag over an inherited one: %v, want InvalidParameterValue", err)
	}
	forged := in(second)
	forged.SourceIdentity = aws.String("bob")
	if _, err := w.assume(one, forged); code(err) != "AccessDenied" {
		t.Errorf("another source identity: %v, want AccessDenied", err)
	}
}

func TestTags(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := w.addRole(account, "role", trusts(account))
	plain := w.addRole(account, "plain", strings.Replace(trusts(account), `,"sts:TagSession","sts:SetSourceIdentity"`, "", 1))
	alice := w.user(account, "alice", mayAssume)
	tag := func(keys ...string) (out []types.Tag) {
		for _, k := range keys {
			out = append(out, types.Tag{Key: aws.String(k), Value: aws.String("v")})
		}
		return out
	}
	for _, tt := range []struct {
		name       string
		role       *authz.Role
		tags       []types.Tag
		transitive []string
		want       string
	}{
		{"taken", r, tag("a", "b"), nil, ""},
		{"same key in another case", r, tag("Key", "key"), nil, "InvalidParameterValue"},
		{"reserved", r, tag("AWS:x"), nil, "InvalidParameterValue"},
		{"transitive without its tag", r, tag("a"), []string{"b"}, "InvalidParameterValue"},
		{"a role that lets nobody tag", plain, tag("a"), nil, "AccessDenied"},
	} {
		request := in(tt.role)
		request.Tags, request.TransitiveTagKeys = tt.tags, tt.transitive
		if _, err := w.assume(alice, request); code(err) != tt.want {
			t.Errorf("%s: %v, want code %q", tt.name, err, tt.want)
		}
	}
	source := in(plain)
	source.SourceIdentity = aws.String("alice")
	if _, err := w.assume(alice, source); code(err) != "AccessDenied" {
		t.Errorf("a source identity that the role does not take: %v, want AccessDenied", err)
	}
}

func TestSessionPolicy(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := w.addRole(account, "role", trusts(account))
	alice := w.user(account, "alice", mayAssume)
	read := policy(`{"Effect":"Allow","Action":"s3:Get*","Resource":"*"}`)
	pad := func(n int) string { return read + strings.Repeat(" ", n-len(read)) }
	for _, tt := range []struct{ name, document, want string }{
		{"taken", read, ""},
		{"of the full length", pad(2048), ""},
		{"too long", pad(2049), "PackedPolicyTooLarge"},
		{"no policy", "{}", "MalformedPolicyDocument"},
		{"no JSON", "allow all", "MalformedPolicyDocument"},
		{"with a principal", policy(`{"Effect":"Allow","Principal":"*","Action":"s3:*","Resource":"*"}`), "MalformedPolicyDocument"},
	} {
		request := in(r)
		request.Policy = &tt.document
		session, err := w.assume(alice, request)
		if code(err) != tt.want {
			t.Errorf("%s: %v, want code %q", tt.name, err, tt.want)
		}
		if err == nil && !slices.Equal(session.Session.Policies, []string{tt.document}) {
			t.Errorf("%s: the session has the policies %q", tt.name, session.Session.Policies)
		}
	}
}

func TestManagedSessionPolicies(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	first, second := w.addRole(account, "first", trusts(account)), w.addRole(account, "second", trusts(account))
	w.policies[first.ARN] = policy(mayAssume)
	name := "arn:aws:iam::" + account + ":policy/limit"
	request := in(first)
	request.PolicyArns = []types.PolicyDescriptorType{{Arn: &name}}
	alice := w.user(account, "alice", mayAssume)
	if _, err := w.assume(alice, request); code(err) != "MalformedPolicyDocument" {
		t.Errorf("no such policy: %v, want MalformedPolicyDocument", err)
	}
	w.managed[name] = policy(`{"Effect":"Allow","Action":"sts:AssumeRole","Resource":"` + first.ARN + `"}`)
	answer, err := w.call(alice, request)
	if err != nil {
		t.Fatal(err)
	}
	c := answer.(*sts.AssumeRoleOutput).Credentials
	for _, tt := range []struct{ document, one, two string }{
		{w.managed[name], "", "AccessDenied"},
		{policy(mayAssume), "", ""}, // as the policy reads now
		{"", "AccessDenied", "AccessDenied"},
	} {
		w.managed[name] = tt.document
		if tt.document == "" {
			delete(w.managed, name)
		}
		_, session, err := w.Session(t.Context(), *c.AccessKeyId, *c.SessionToken)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.assume(session, in(first)); code(err) != tt.one {
			t.Errorf("with %q the first role: %v, want code %q", tt.document, err, tt.one)
		}
		if _, err := w.assume(session, in(second)); code(err) != tt.two {
			t.Errorf("with %q the second role: %v, want code %q", tt.document, err, tt.two)
		}
	}
	request.PolicyArns = slices.Repeat(request.PolicyArns, 11)
	if _, err := w.assume(alice, request); code(err) != "ValidationError" {
		t.Errorf("eleven policies: %v, want ValidationError", err)
	}
}

// TestSessionPolicyLimits shows that a session may do no more than its policy.
func TestSessionPolicyLimits(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	first, second := w.addRole(account, "first", trusts(account)), w.addRole(account, "second", trusts(account))
	w.policies[first.ARN] = policy(mayAssume)
	request := in(first)
	request.Policy = aws.String(policy(`{"Effect":"Allow","Action":"sts:AssumeRole","Resource":"` + first.ARN + `"}`))
	session := w.mustAssume(w.user(account, "alice", mayAssume), request)
	if _, err := w.assume(session, in(first)); err != nil {
		t.Errorf("what the session policy allows: %v", err)
	}
	if _, err := w.assume(session, in(second)); code(err) != "AccessDenied" {
		t.Errorf("what it does not allow: %v, want AccessDenied", err)
	}
}
