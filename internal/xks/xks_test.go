package xks_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/garrison-cloud/garrison/internal/clock"
	"github.com/garrison-cloud/garrison/internal/xks"
	"github.com/garrison-cloud/garrison/test/xksproxy"
)

const keyID = "Key.1_a-b"

var alice = xks.Caller{
	PrincipalARN: "arn:aws:iam::123456789012:user/Alice",
	KeyARN:       "arn:aws:kms:us-east-2:123456789012:/key/1234abcd-12ab-34cd-56ef-1234567890ab",
	Operation:    "Encrypt", RequestID: "4112f4d6-db54-4af4-ae30-c55a22a8dfae", ViaService: "ebs",
	SourceVPC: "vpc-1", SourceVPCE: "vpce-1",
}

// start runs a proxy with one key, on the machine's clock.
func start(t testing.TB) *xksproxy.Server {
	t.Helper()
	p := xksproxy.Start(t, clock.System{}.Now)
	p.AddKey(keyID)
	return p
}

// config is what makes a client of p.
func config(p *xksproxy.Server) xks.Config {
	return xks.Config{
		Endpoint: p.Endpoint, PathPrefix: xksproxy.Path, AccessKeyID: xksproxy.AccessKeyID,
		SecretKey: []byte(xksproxy.SecretKey), Region: "us-east-2", Roots: p.Roots, Timeout: 10 * time.Second,
	}
}

func open(t testing.TB, cfg xks.Config) *xks.Client {
	t.Helper()
	c, err := xks.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func TestHealth(t *testing.T) {
	t.Parallel()
	p := start(t)
	c := open(t, config(p))
	got, err := c.Health(t.Context(), alice)
	if err != nil {
		t.Fatal(err)
	}
	want := &xks.Health{
		FleetSize: 1, ProxyVendor: "Garrison", ProxyModel: "Garrison reference XKS proxy 1.0", ManagerVendor: "Garrison",
		Fleet: []xks.FleetMember{{ID: "memory-1", Model: "memory 1.0", Status: xks.Active}},
	}
	if !reflect.DeepEqual(got, want) || !got.Available() {
		t.Errorf("Health = %+v, available %t; want %+v, available", got, got.Available(), want)
	}
	if got, want := p.Last().Metadata, (xksproxy.Metadata{Operation: alice.Operation, RequestID: alice.RequestID}); got != want {
		t.Errorf("requestMetadata = %+v, want %+v", got, want)
	}
	p.SetHealth(xks.Unavailable)
	if got, err := c.Health(t.Context(), alice); err != nil || got.Available() {
		t.Errorf("Health of an unavailable manager = %+v, %v; want one that isn't available", got, err)
	}
}

func TestMetadata(t *testing.T) {
	t.Parallel()
	p := start(t)
	c := open(t, config(p))
	for _, tt := range []struct {
		name   string
		change func()
		want   xks.KeyMetadata
		usable bool
	}{
		{"fresh", func() {}, xks.KeyMetadata{KeySpec: "AES_256", KeyUsage: []string{"ENCRYPT", "DECRYPT"}, KeyStatus: "ENABLED"}, true},
		{"disabled", func() { p.Disable(keyID) }, xks.KeyMetadata{KeySpec: "AES_256", KeyUsage: []string{"ENCRYPT", "DECRYPT"}, KeyStatus: "DISABLED"}, false},
		{"other usage", func() { p.Enable(keyID); p.SetUsage(keyID, "DECRYPT", "WRAP") }, xks.KeyMetadata{KeySpec: "AES_256", KeyUsage: []string{"DECRYPT", "WRAP"}, KeyStatus: "ENABLED"}, false},
		{"other spec", func() { p.SetUsage(keyID, "ENCRYPT", "DECRYPT"); p.SetSpec(keyID, "RSA_2048") }, xks.KeyMetadata{KeySpec: "RSA_2048", KeyUsage: []string{"ENCRYPT", "DECRYPT"}, KeyStatus: "ENABLED"}, false},
	} {
		tt.change()
		got, err := c.Metadata(t.Context(), keyID, alice)
		if err != nil || !reflect.DeepEqual(*got, tt.want) || got.Usable() != tt.usable {
			t.Errorf("%s: Metadata = %+v, %v; want %+v, usable %t", tt.name, got, err, tt.want, tt.usable)
		}
	}
	want := xksproxy.Metadata{
		PrincipalARN: alice.PrincipalARN, Operation: alice.Operation, RequestID: alice.RequestID,
		SourceVPC: alice.SourceVPC, SourceVPCE: alice.SourceVPCE,
	}
	if got := p.Last().Metadata; got != want {
		t.Errorf("requestMetadata = %+v, want %+v", got, want)
	}
}

func TestRoundTrip(t *testing.T) {
	t.Parallel()
	p := start(t)
	c := open(t, config(p))
	for _, tt := range []struct {
		plaintext, aad, iv int
		note               string
	}{
		{1, 0, 12, ""}, {32, 33, 12, "key_version=1"}, {4096, 8192, 16, "exactly twenty bytes"}, {xks.MaxPlaintext, xks.MaxAAD, 12, "v"},
	} {
		plaintext, aad := make([]byte, tt.plaintext), make([]byte, tt.aad)
		_, _ = rand.Read(plaintext)
		_, _ = rand.Read(aad)
		p.Shape(tt.iv, []byte(tt.note))
		s, err := c.Encrypt(t.Context(), keyID, xks.EncryptInput{Plaintext: plaintext, AAD: aad}, alice)
		if err != nil {
			t.Errorf("%+v: Encrypt: %v", tt, err)
			continue
		}
		if len(s.IV) != tt.iv || string(s.Metadata) != tt.note || bytes.Equal(s.Ciphertext, plaintext) {
			t.Errorf("%+v: sealed as %+v", tt, s)
		}
		got, err := c.Decrypt(t.Context(), keyID, *s, aad, alice)
		if err != nil || !bytes.Equal(got, plaintext) {
			t.Errorf("%+v: Decrypt doesn't return the plaintext: %v", tt, err)
		}
	}
	want := xksproxy.Metadata{
		PrincipalARN: alice.PrincipalARN, KeyARN: alice.KeyARN, Operation: alice.Operation, RequestID: alice.RequestID,
		ViaService: alice.ViaService, SourceVPC: alice.SourceVPC, SourceVPCE: alice.SourceVPCE,
	}
	if got := p.Last().Metadata; got != want {
		t.Errorf("requestMetadata = %+v, want %+v", got, want)
	}
	if got := p.Last().Authorization; !strings.Contains(got, "/us-east-2/kms-xks-proxy/aws4_request") || !strings.Contains(got, "SignedHeaders=host;x-amz-date,") {
		t.Errorf("Authorization = %q, want the specification's scope and signed headers", got)
	}
}

// TestOpensNothingElse changes each part of a sealed value, the AAD and the key.
func TestOpensNothingElse(t *testing.T) {
	t.Parallel()
	p := start(t)
	p.AddKey("other")
	c := open(t, config(p))
	good, err := c.Encrypt(t.Context(), keyID, xks.EncryptInput{Plaintext: []byte("plaintext"), AAD: []byte("aad")}, alice)
	if err != nil {
		t.Fatal(err)
	}
	flip := func(b []byte) []byte { return append([]byte{b[0] ^ 1}, b[1:]...) }
	for part, change := range map[string]func(s *xks.Sealed, aad, key *string){
		"ciphertext":  func(s *xks.Sealed, _, _ *string) { s.Ciphertext = flip(s.Ciphertext) },
		"IV":          func(s *xks.Sealed, _, _ *string) { s.IV = flip(s.IV) },
		"tag":         func(s *xks.Sealed, _, _ *string) { s.Tag = flip(s.Tag) },
		"metadata":    func(s *xks.Sealed, _, _ *string) { s.Metadata = flip(s.Metadata) },
		"no metadata": func(s *xks.Sealed, _, _ *string) { s.Metadata = nil },
		"AAD":         func(_ *xks.Sealed, aad, _ *string) { *aad = "Aad" },
		"no AAD":      func(_ *xks.Sealed, aad, _ *string) { *aad = "" },
		"key":         func(_ *xks.Sealed, _, key *string) { *key = "other" },
		"metadata as AAD": func(s *xks.Sealed, aad, _ *string) {
			*aad += string(s.Metadata)
			s.Metadata = nil
		},
	} {
		s, aad, key := *good, "aad", keyID
		change(&s, &aad, &key)
		got, err := c.Decrypt(t.Context(), key, s, []byte(aad), alice)
		if name := errorName(err); name != xks.NameInvalidCiphertext || got != nil {
			t.Errorf("another %s: Decrypt = %q, %v; want %s", part, got, err, xks.NameInvalidCiphertext)
		}
	}
}

// errorName returns the name of the proxy's refusal in err, or nothing.
func errorName(err error) string {
	if e, ok := errors.AsType[*xks.Error](err); ok {
		return e.Name
	}
	return ""
}

// each calls every operation once.
func each(ctx context.Context, c *xks.Client, visit func(op string, err error)) {
	_, err := c.Health(ctx, alice)
	visit("health", err)
	_, err = c.Metadata(ctx, keyID, alice)
	visit("metadata", err)
	_, err = c.Encrypt(ctx, keyID, xks.EncryptInput{Plaintext: []byte("p")}, alice)
	visit("encrypt", err)
	_, err = c.Decrypt(ctx, keyID, sealed(), nil, alice)
	visit("decrypt", err)
}

func sealed() xks.Sealed {
	return xks.Sealed{Ciphertext: []byte("c"), IV: make([]byte, 12), Tag: make([]byte, 16)}
}

// TestSecretStaysHidden prints what holds a secret in every way that fmt has.
func TestSecretStaysHidden(t *testing.T) {
	t.Parallel()
	cfg := xks.Config{Endpoint: "https://example.com", AccessKeyID: xksproxy.AccessKeyID, SecretKey: []byte(xksproxy.SecretKey), Region: "r"}
	c := open(t, cfg)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%q"} {
		for _, v := range []any{cfg, &cfg, c} {
			got := fmt.Sprintf(verb, v)
			if strings.Contains(got, xksproxy.SecretKey) || strings.Contains(got, fmt.Sprintf("%x", xksproxy.SecretKey)) || !strings.Contains(got, "xks.C") {
				t.Errorf("%s of a %T = %s", verb, v, got)
			}
		}
	}
	if got := cfg.LogValue().String(); got != "https://example.com" {
		t.Errorf("LogValue = %s", got)
	}
}
