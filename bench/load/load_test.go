package main

import (
	"context"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/garrison-cloud/garrison/bench/process"
	"github.com/garrison-cloud/garrison/internal/garrisontest"
)

// garrison starts a server in this process.
func garrison(t *testing.T) (*process.Process, aws.Credentials) {
	t.Helper()
	srv := garrisontest.Start(t)
	creds, err := srv.Config.Credentials.Retrieve(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return &process.Process{URL: srv.URL}, creds
}

// TestOperations sends every operation once to Garrison and to the reference:
// both do it, and both answer as much, but for signatures whose length varies.
func TestOperations(t *testing.T) {
	t.Parallel()
	server, creds := garrison(t)
	bare := httptest.NewServer(bareHandler())
	t.Cleanup(bare.Close)
	b := bench{server: server, bare: &process.Process{URL: bare.URL}, creds: creds}
	for _, op := range operations() {
		t.Run(op.name, func(t *testing.T) {
			t.Parallel()
			ctx := context.WithoutCancel(t.Context())
			ours, err := b.client(ctx, op)
			if err != nil {
				t.Fatal(err)
			}
			theirs, err := b.reference(ctx, ours)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(ours.close)
			t.Cleanup(theirs.close)
			answer, err := theirs.send(ctx, v4.NewSigner())
			if err != nil {
				t.Fatal(err)
			}
			_, n, _ := strings.Cut(theirs.url, "?n=")
			if want, _ := strconv.Atoi(n); len(answer) < want || len(answer) > want+8 {
				t.Errorf("the reference answers %d bytes, Garrison %d", len(answer), want)
			}
		})
	}
}

// TestReferenceChecks shows that the reference verifies what it is sent.
func TestReferenceChecks(t *testing.T) {
	t.Parallel()
	for name, create := range primitives() {
		if !strings.HasPrefix(name, "verify-") {
			continue
		}
		do, err := create()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := do(&bareInput{Message: []byte(strings.Repeat("x", 64))}); err == nil {
			t.Errorf("%s takes another message", name)
		}
	}
}

// TestTable measures for a moment and reads what is printed.
func TestTable(t *testing.T) {
	t.Parallel()
	server, creds := garrison(t)
	bare := httptest.NewServer(bareHandler())
	t.Cleanup(bare.Close)
	var out strings.Builder
	b := bench{
		options: options{callers: []int{1, 2}, duration: 20 * time.Millisecond, rounds: 1, dir: t.TempDir()},
		out:     &out, server: server, bare: &process.Process{URL: bare.URL}, creds: creds,
	}
	ops, err := chosen("encrypt,create-key")
	if err != nil {
		t.Fatal(err)
	}
	if err := b.table(t.Context(), ops); err != nil {
		t.Fatal(err)
	}
	if got := strings.Count(out.String(), "\nencrypt ") + strings.Count(out.String(), "\ncreate-key "); got != 3 {
		t.Errorf("%d lines, want 3:\n%s", got, out.String())
	}
}

// TestAccounts fills two accounts and makes every visit in both.
func TestAccounts(t *testing.T) {
	t.Parallel()
	accounts := make([]*account, 2)
	for i, f := range []fill{{120, 2, 70}, {smallKeys, 1, smallGrants}} {
		server, creds := garrison(t)
		var err error
		if accounts[i], err = newAccount(t.Context(), server, creds, f); err != nil {
			t.Fatal(err)
		}
		if got := len(accounts[i].keys); got != f.keys {
			t.Errorf("%d keys, want %d", got, f.keys)
		}
	}
	var out strings.Builder
	c := comparison{options: options{duration: 10 * time.Millisecond, rounds: 1}, out: &out, large: accounts[0], small: accounts[1]}
	if err := c.table(t.Context(), visits()); err != nil {
		t.Fatal(err)
	}
	for _, v := range visits() {
		if !strings.Contains(out.String(), "\n"+v.name+" ") {
			t.Errorf("no line for %s:\n%s", v.name, out.String())
		}
	}
}

func TestChosen(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		names string
		want  int
	}{{"", len(operations())}, {"encrypt", 1}, {"sign-*", len(schemes())}, {"sign-*,encrypt", len(schemes()) + 1}, {"encrypt,sing", -1}, {"[", -1}} {
		ops, err := chosen(tt.names)
		if got := len(ops); err != nil && tt.want != -1 || err == nil && got != tt.want {
			t.Errorf("%q chooses %d operations, error %v; want %d", tt.names, got, err, tt.want)
		}
	}
}
