package iam_test

import (
	"encoding/json"
	"errors"
	"net/url"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/smithy-go"

	"github.com/garrison-cloud/garrison/internal/garrisontest"
)

const (
	account = garrisontest.Account
	other   = garrisontest.OtherAccount

	allowAll = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`
)

// allow is a policy that allows some actions on everything.
func allow(actions ...string) string { return statement("Allow", "*", actions...) }

// deny is a policy that denies some actions on everything.
func deny(actions ...string) string { return statement("Deny", "*", actions...) }

func statement(effect, resource string, actions ...string) string {
	b, err := json.Marshal(map[string]any{
		"Version":   "2012-10-17",
		"Statement": map[string]any{"Effect": effect, "Action": actions, "Resource": resource},
	})
	if err != nil {
		panic(err) // strings can be marshaled
	}
	return string(b)
}

// trusting is a trust policy for one AWS principal.
func trusting(principal string) string {
	return `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"` + principal + `"},"Action":"sts:AssumeRole"}]}`
}

// root is a client of the account's root of a server of its own.
func root(t *testing.T) (*garrisontest.Server, *iam.Client) {
	t.Helper()
	t.Parallel()
	s := garrisontest.Start(t)
	return s, iam.NewFromConfig(s.Config)
}

// must takes what has to succeed.
func must[T any](t *testing.T) func(out T, err error) T {
	return func(out T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
}

// ok takes a call whose answer does not matter, but that has to succeed.
func ok[T any](t *testing.T) func(out T, err error) {
	return func(_ T, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
}

// A refusal is a call that must fail with a code and, if given, a message.
type refusal struct {
	name          string
	call          func() error
	code, message string
}

func refused(t *testing.T, list []refusal) {
	t.Helper()
	for _, r := range list {
		expect(t, r.name, r.call(), r.code, r.message)
	}
}

// expect compares an error with a code, "" being success, and a message.
func expect(t *testing.T, name string, err error, code, message string) {
	t.Helper()
	if got := garrisontest.ErrorCode(err); got != code {
		t.Errorf("%s: code = %q (%v), want %q", name, got, err, code)
		return
	}
	var api smithy.APIError
	if message != "" && errors.As(err, &api) && api.ErrorMessage() != message {
		t.Errorf("%s: message = %q, want %q", name, api.ErrorMessage(), message)
	}
}

// decoded is a policy document as an answer has it.
func decoded(t *testing.T, document *string) string {
	t.Helper()
	plain, err := url.PathUnescape(aws.ToString(document))
	if err != nil {
		t.Fatalf("decode %q: %v", aws.ToString(document), err)
	}
	return plain
}

func only[O any](_ O, err error) error { return err }
