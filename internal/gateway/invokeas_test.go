package gateway_test

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"

	"github.com/garrison-cloud/garrison/internal/audit"
	"github.com/garrison-cloud/garrison/internal/gateway"
	"github.com/garrison-cloud/garrison/internal/wire"
)

// letIn is a resource policy for a service that acts for one rule of one account.
const letIn = `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"Service":"events.amazonaws.com"},"Action":"kms:DescribeKey","Resource":"*",
	"Condition":{"ArnLike":{"aws:SourceArn":"arn:aws:events:*:*:rule/good"},"StringEquals":{"aws:SourceAccount":"` + account + `"}}}}`

// TestInvokeAs makes calls as services: the resource's policy alone decides, and
// the event says that it was a service.
func TestInvokeAs(t *testing.T) {
	t.Parallel()
	r := newRig(t, document(`"*"`))
	r.keep(t)
	r.policy = letIn
	var seen wire.Call
	r.describeKey = func(ctx context.Context, _ *kms.DescribeKeyInput) (*kms.DescribeKeyOutput, error) {
		seen = *wire.CallFrom(ctx)
		return &kms.DescribeKeyOutput{}, nil
	}
	good := gateway.ServiceCall{Principal: "events.amazonaws.com", Account: account, Region: home, SourceARN: "arn:aws:events:us-east-1:" + account + ":rule/good", SourceAccount: account}
	for _, tt := range []struct {
		name string
		as   func(c *gateway.ServiceCall)
		want string
	}{
		{"let in", func(*gateway.ServiceCall) {}, ""},
		{"another service", func(c *gateway.ServiceCall) { c.Principal = "sns.amazonaws.com" }, "User: sns.amazonaws.com is not authorized to perform: kms:DescribeKey"},
		{"another rule", func(c *gateway.ServiceCall) { c.SourceARN = "arn:aws:events:us-east-1:" + account + ":rule/bad" }, "is not authorized"},
		{"no rule", func(c *gateway.ServiceCall) { c.SourceARN = "" }, "is not authorized"},
		{"another account's", func(c *gateway.ServiceCall) { c.SourceAccount = "444455556666" }, "is not authorized"},
		{"no service", func(c *gateway.ServiceCall) { c.Principal = "arn:aws:iam::" + account + ":root" }, "it is no service principal"},
		{"no account", func(c *gateway.ServiceCall) { c.Account = "" }, "is no account"},
		{"no Region", func(c *gateway.ServiceCall) { c.Region = "mars-1" }, "is not served"},
		{"no source account", func(c *gateway.ServiceCall) { c.SourceAccount = "x" }, "is no source account"},
	} {
		as := good
		tt.as(&as)
		r.time.Advance(time.Second) // so that the events have an order
		_, err := gateway.InvokeAs[kms.DescribeKeyOutput](t.Context(), r.Gateway, as, &kms.DescribeKeyInput{KeyId: aws.String("k")})
		if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
			t.Errorf("%s: %v, want %q", tt.name, err, tt.want)
		}
	}
	if seen.Principal.Service != "events.amazonaws.com" || seen.Account() != account || seen.Region != home || seen.RequestID == "" {
		t.Errorf("the call was %+v by %+v", seen, seen.Principal)
	}
	records, _, err := audit.Scan(t.Context(), []*audit.Log{r.logs[home]}, audit.Query{Account: account, Region: home, Limit: 100})
	if err != nil || len(records) != 5 {
		t.Fatalf("%d events, %v; want 5: what is no call leaves none", len(records), err)
	}
	var e struct{ UserIdentity map[string]string }
	if err := json.Unmarshal(records[4].JSON, &e); err != nil || len(e.UserIdentity) != 2 || e.UserIdentity["type"] != "AWSService" || e.UserIdentity["invokedBy"] != "events.amazonaws.com" {
		t.Errorf("identity = %v, %v", e.UserIdentity, err)
	}
}

// TestInvokeAsWithin makes a service's call from within a user's: it is not the user's.
func TestInvokeAsWithin(t *testing.T) {
	t.Parallel()
	r := newRig(t, document(`"kms:CreateKey"`))
	r.keep(t)
	r.policy = letIn
	r.describeKey = func(ctx context.Context, _ *kms.DescribeKeyInput) (*kms.DescribeKeyOutput, error) {
		if c := wire.CallFrom(ctx); c.Principal.Name == "ann" || len(c.Via) > 0 {
			t.Errorf("the call is by %+v via %v", c.Principal, c.Via)
		}
		return &kms.DescribeKeyOutput{}, nil
	}
	r.createKey = func(ctx context.Context, _ *kms.CreateKeyInput) (*kms.CreateKeyOutput, error) {
		_, err := r.InvokeAs(ctx, gateway.ServiceCall{
			Principal: "events.amazonaws.com", Account: account, Region: home, SourceARN: "arn:aws:events:us-east-1:" + account + ":rule/good", SourceAccount: account,
		}, &kms.DescribeKeyInput{KeyId: aws.String("k")})
		if err != nil {
			return nil, err
		}
		if wire.CallFrom(ctx).Principal.Name != "ann" {
			t.Error("the outer call is no longer the user's")
		}
		return &kms.CreateKeyOutput{}, nil
	}
	if status, answer := r.call(t, "AKIAann", "CreateKey", "{}"); status != http.StatusOK {
		t.Errorf("CreateKey = %d %s", status, answer)
	}
}

// TestInvokeWith makes calls with credentials, as a service that holds them.
func TestInvokeWith(t *testing.T) {
	t.Parallel()
	r := newRig(t, document(`"kms:DescribeKey"`))
	r.keep(t)
	var seen wire.Call
	r.describeKey = func(ctx context.Context, _ *kms.DescribeKeyInput) (*kms.DescribeKeyOutput, error) {
		seen = *wire.CallFrom(ctx)
		return &kms.DescribeKeyOutput{}, nil
	}
	at := gateway.Place{Region: home, Via: "lambda.amazonaws.com"}
	for _, tt := range []struct {
		name string
		with aws.Credentials
		at   gateway.Place
		want string
	}{
		{"good", aws.Credentials{AccessKeyID: "AKIAann"}, at, ""},
		{"wrong secret", aws.Credentials{AccessKeyID: "AKIAann", SecretAccessKey: "guess"}, at, "the secret access key is not that of the access key id"},
		{"unknown", aws.Credentials{AccessKeyID: "AKIAbob"}, at, gateway.ErrNoKey.Error()},
		{"expired", aws.Credentials{AccessKeyID: "AKIAold"}, at, gateway.ErrExpiredKey.Error()},
		{"no Region", aws.Credentials{AccessKeyID: "AKIAann"}, gateway.Place{Region: "mars-1"}, "is not served"},
	} {
		_, err := gateway.InvokeWith[kms.DescribeKeyOutput](t.Context(), r.Gateway, tt.with, tt.at, &kms.DescribeKeyInput{KeyId: aws.String("k")})
		if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
			t.Errorf("%s: %v, want %q", tt.name, err, tt.want)
		}
	}
	if seen.Principal.Name != "ann" || len(seen.Via) != 1 || seen.Via[0] != "lambda.amazonaws.com" {
		t.Errorf("the call was by %+v via %v", seen.Principal, seen.Via)
	}
	_, err := r.InvokeWith(t.Context(), aws.Credentials{AccessKeyID: "AKIAann"}, at, &kms.CreateKeyInput{})
	if err == nil || !strings.Contains(err.Error(), "user/ann is not authorized to perform: kms:CreateKey") {
		t.Errorf("CreateKey = %v, want a denial", err)
	}
}
