package sts_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	engine "github.com/garrison-cloud/garrison/engine/iam"
	"github.com/garrison-cloud/garrison/internal/authz"
)

func TestGetCallerIdentity(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	denied := w.user(account, "denied", `{"Effect":"Deny","Action":"*","Resource":"*"}`)
	session := w.mustAssume(w.user(account, "alice", mayAssume), in(w.addRole(account, "role", trusts(account))))
	root := authz.Root("arn:aws:iam::"+account+":root", account, "AKIA")
	for _, p := range []*authz.Principal{denied, session, root} {
		answer, err := w.call(p, &sts.GetCallerIdentityInput{})
		if err != nil {
			t.Errorf("%s: %v: no policy can deny it", p.ARN, err)
			continue
		}
		out := answer.(*sts.GetCallerIdentityOutput)
		if *out.Arn != p.ARN || *out.Account != account || *out.UserId != p.ID {
			t.Errorf("identity of %s: %s %s %s", p.ARN, *out.Arn, *out.Account, *out.UserId)
		}
	}
}

func TestGetAccessKeyInfo(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	alice := w.user(account, "alice", mayAssume)
	out, err := w.call(alice, &sts.GetAccessKeyInfoInput{AccessKeyId: aws.String(authz.NewAccessKeyID(authz.LongTermKey, other))})
	if err != nil || *out.(*sts.GetAccessKeyInfoOutput).Account != other {
		t.Errorf("another account's key: %v, %v", out, err)
	}
	if _, err := w.call(alice, &sts.GetAccessKeyInfoInput{AccessKeyId: aws.String("AKIA0000000000000000")}); code(err) != "ValidationError" {
		t.Errorf("an id without an account: %v, want ValidationError", err)
	}
	if _, err := w.call(w.user(account, "idle", ""), &sts.GetAccessKeyInfoInput{AccessKeyId: aws.String("AKIA0000000000000000")}); code(err) != "AccessDenied" {
		t.Errorf("without permission: %v, want AccessDenied", err)
	}
}

func TestAuthorizationMessage(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	alice := w.user(account, "alice", mayAssume)
	no := &authz.Denied{
		Principal: alice, Action: "ec2:RunInstances", Resource: "arn:aws:ec2:us-east-1:111122223333:instance/*",
		Decision: engine.Decision{Reason: engine.ExplicitDeny},
	}
	text, err := w.EncodeMessage(w.context(alice), no)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := w.call(alice, &sts.DecodeAuthorizationMessageInput{EncodedMessage: &text})
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		Allowed, ExplicitDeny bool
		Context               struct {
			Principal        struct{ ID, ARN string }
			Action, Resource string
		}
	}
	decoded := *answer.(*sts.DecodeAuthorizationMessageOutput).DecodedMessage
	if err := json.Unmarshal([]byte(decoded), &got); err != nil {
		t.Fatal(err)
	}
	c := got.Context
	if got.Allowed || !got.ExplicitDeny || c.Principal.ARN != alice.ARN || c.Principal.ID != alice.ID || c.Action != no.Action || c.Resource != no.Resource {
		t.Errorf("decoded %s", decoded)
	}
	for name, tt := range map[string]struct {
		who        *authz.Principal
		text, want string
	}{
		"another account":     {w.user(other, "bob", mayAssume), text, "InvalidAuthorizationMessageException"},
		"no permission":       {w.user(account, "idle", ""), text, "AccessDenied"},
		"changed":             {alice, strings.Map(func(r rune) rune { return r ^ 1 }, text[:9]) + text[9:], "InvalidAuthorizationMessageException"},
		"a session's token":   {alice, *w.credentials().SessionToken, "InvalidAuthorizationMessageException"},
		"nothing of the sort": {alice, "message", "InvalidAuthorizationMessageException"},
	} {
		if _, err := w.call(tt.who, &sts.DecodeAuthorizationMessageInput{EncodedMessage: &tt.text}); code(err) != tt.want {
			t.Errorf("%s: %v, want code %q", name, err, tt.want)
		}
	}
	if err := w.session("", text); err == nil {
		t.Error("a message opens as a session token")
	}
}
