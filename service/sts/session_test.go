package sts_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/aws-sdk-go-v2/service/sts/types"

	"github.com/garrison-cloud/garrison/internal/authz"
	service "github.com/garrison-cloud/garrison/service/sts"
)

// credentials returns those of a session of a role.
func (w *world) credentials() *types.Credentials {
	w.t.Helper()
	r := w.addRole(account, "role", trusts(account))
	out, err := w.call(w.user(account, "alice", mayAssume), in(r))
	if err != nil {
		w.t.Fatal(err)
	}
	return out.(*sts.AssumeRoleOutput).Credentials
}

func (w *world) session(id, token string) error {
	_, _, err := w.Session(w.t.Context(), id, token)
	return err
}

// TestTamperedToken changes each byte of a token, and of the key id that it
// belongs to. There is one text for one token, so nothing changed may open.
func TestTamperedToken(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.credentials()
	id, token := *c.AccessKeyId, *c.SessionToken
	if err := w.session(id, token); err != nil {
		t.Fatal(err)
	}
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	for i := range len(token) {
		at := strings.IndexByte(letters, token[i])
		for _, bit := range []int{1, 2, 4, 8, 16, 32} {
			changed := token[:i] + letters[at^bit:at^bit+1] + token[i+1:]
			if err := w.session(id, changed); !errors.Is(err, service.ErrNoKey) {
				t.Fatalf("byte %d, bit %d changed: error %v, want ErrNoKey", i, bit, err)
			}
		}
		for _, changed := range []string{token[:i], token[:i] + "\n" + token[i:], token[:i] + "=" + token[i:], token[:i] + token[i+1:]} {
			if err := w.session(id, changed); !errors.Is(err, service.ErrNoKey) {
				t.Fatalf("cut or stretched at byte %d: error %v, want ErrNoKey", i, err)
			}
		}
	}
	for i := range len(id) {
		changed := id[:i] + string(id[i]^1) + id[i+1:]
		if err := w.session(changed, token); !errors.Is(err, service.ErrNoKey) {
			t.Errorf("key id with byte %d changed: error %v, want ErrNoKey", i, err)
		}
	}
	for _, foreign := range []string{"", "=", strings.Repeat("A", 8<<10), strings.Repeat("A", 8<<10+1)} {
		if err := w.session(id, foreign); !errors.Is(err, service.ErrNoKey) {
			t.Errorf("a token of %d bytes: error %v, want ErrNoKey", len(foreign), err)
		}
	}
}

func TestTokenOfAnotherStore(t *testing.T) {
	t.Parallel()
	w, elsewhere := newWorld(t), newWorld(t)
	c := w.credentials()
	elsewhere.credentials() // so that it has a key of the same generation
	if err := elsewhere.session(*c.AccessKeyId, *c.SessionToken); !errors.Is(err, service.ErrNoKey) {
		t.Errorf("error %v, want ErrNoKey", err)
	}
}

// TestExpiry shows that a session ends at its second, cached or not, and that
// it outlives the process and the key that seals new ones.
func TestExpiry(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.credentials()
	w.clock.Advance(30*24*time.Hour - time.Second) // to the last second of the key
	c := w.credentials()
	for _, step := range []struct {
		by   time.Duration
		want error
	}{{0, nil}, {time.Hour - time.Nanosecond, nil}, {time.Nanosecond, service.ErrExpired}, {40 * 24 * time.Hour, service.ErrExpired}} {
		w.clock.Advance(step.by)
		w.credentials() // by now under another key
		if err := w.session(*c.AccessKeyId, *c.SessionToken); !errors.Is(err, step.want) {
			t.Errorf("%s later: error %v, want %v", step.by, err, step.want)
		}
		if step.by > 24*time.Hour {
			break // the key is gone with what it sealed
		}
		w.restart()
		if err := w.session(*c.AccessKeyId, *c.SessionToken); !errors.Is(err, step.want) {
			t.Errorf("%s later, started anew: error %v, want %v", step.by, err, step.want)
		}
	}
}

func TestGetSessionToken(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	alice := w.user(account, "alice", "")
	alice.Tags = map[string]string{"team": "red"}
	root := authz.Root("arn:aws:iam::"+account+":root", account, "AKIA")
	for _, tt := range []struct {
		who     *authz.Principal
		seconds *int32
		want    time.Duration
		issuer  string
	}{
		{alice, nil, 12 * time.Hour, "User"},
		{alice, aws.Int32(129600), 36 * time.Hour, "User"},
		{root, nil, time.Hour, "Root"},
		{root, aws.Int32(7200), time.Hour, "Root"},
		{root, aws.Int32(900), 15 * time.Minute, "Root"},
	} {
		out, err := w.call(tt.who, &sts.GetSessionTokenInput{DurationSeconds: tt.seconds})
		if err != nil {
			t.Fatal(err)
		}
		c := out.(*sts.GetSessionTokenOutput).Credentials
		_, p, err := w.Session(t.Context(), *c.AccessKeyId, *c.SessionToken)
		if err != nil {
			t.Fatal(err)
		}
		if p.Principal != tt.who.Principal || p.Name != tt.who.Name || p.Tags["team"] != tt.who.Tags["team"] {
			t.Errorf("acts as %+v, want %+v", p, tt.who)
		}
		if got := p.Session.Expires.Sub(start); got != tt.want || p.Session.IssuerKind != tt.issuer || p.Session.Policies != nil {
			t.Errorf("%s lasts %s, want %s; session %+v", tt.who.ARN, got, tt.want, p.Session)
		}
		for _, again := range []any{
			&sts.GetSessionTokenInput{}, &sts.GetFederationTokenInput{Name: aws.String("bob")},
			&sts.GetAccessKeyInfoInput{AccessKeyId: c.AccessKeyId},
		} {
			if _, err := w.call(p, again); code(err) != "AccessDenied" || !strings.HasSuffix(err.Error(), "with session credentials") {
				t.Errorf("%T by a session: %v, want AccessDenied", again, err)
			}
		}
	}
}

func TestMFAIsRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	alice := w.user(account, "alice", mayAssume)
	serial, number := aws.String("arn:aws:iam::111122223333:mfa/alice"), aws.String("123456")
	role := in(w.addRole(account, "role", trusts(account)))
	role.SerialNumber, role.TokenCode = serial, number
	for _, request := range []any{
		&sts.GetSessionTokenInput{SerialNumber: serial, TokenCode: number},
		&sts.GetSessionTokenInput{SerialNumber: serial},
		&sts.GetSessionTokenInput{TokenCode: number},
		role,
	} {
		_, err := w.call(alice, request)
		if code(err) != "AccessDenied" || !strings.Contains(err.Error(), "MultiFactorAuthentication failed") {
			t.Errorf("%T: %v, want AccessDenied: MultiFactorAuthentication failed", request, err)
		}
	}
}

func TestGetFederationToken(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	alice := w.user(account, "alice", mayAssume)
	request := &sts.GetFederationTokenInput{Name: aws.String("bob")}
	federate := func() (*sts.GetFederationTokenOutput, *authz.Principal) {
		t.Helper()
		answer, err := w.call(alice, request)
		if err != nil {
			t.Fatal(err)
		}
		out := answer.(*sts.GetFederationTokenOutput)
		_, p, err := w.Session(t.Context(), *out.Credentials.AccessKeyId, *out.Credentials.SessionToken)
		if err != nil {
			t.Fatal(err)
		}
		return out, p
	}
	out, p := federate()
	if got, want := *out.FederatedUser.Arn, "arn:aws:sts::111122223333:federated-user/bob"; got != want || p.ARN != want {
		t.Errorf("ARN = %s and %s, want %s", got, p.ARN, want)
	}
	if got, want := *out.FederatedUser.FederatedUserId, account+":bob"; got != want || p.ID != want {
		t.Errorf("id = %s and %s, want %s", got, p.ID, want)
	}
	if p.Session.Policies == nil || len(p.Session.Policies) != 0 {
		t.Errorf("session policies %#v: want an empty list, which allows nothing", p.Session.Policies)
	}
	if size := out.PackedPolicySize; p.Session.IssuerID != alice.ID || size != nil {
		t.Errorf("issuer %s, packed size %v", p.Session.IssuerID, size)
	}
	request.Policy = aws.String(policy(mayAssume))
	if _, p = federate(); len(p.Session.Policies) != 1 {
		t.Errorf("session policies %q, want the one that was passed", p.Session.Policies)
	}
	role := in(w.addRole(account, "role", trusts(account)))
	if _, err := w.call(p, role); code(err) != "AccessDenied" {
		t.Errorf("AssumeRole by a federated user: %v, want AccessDenied", err)
	}
	if _, err := w.call(w.user(account, "idle", ""), request); code(err) != "AccessDenied" {
		t.Errorf("by a user without permission: %v, want AccessDenied", err)
	}
}

func BenchmarkSession(b *testing.B) {
	w := newWorld(b)
	c := w.credentials()
	for _, bb := range []struct {
		name string
		anew bool
	}{{"cached", false}, {"opened", true}} {
		b.Run(bb.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if bb.anew {
					w.restart()
				}
				if err := w.session(*c.AccessKeyId, *c.SessionToken); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
