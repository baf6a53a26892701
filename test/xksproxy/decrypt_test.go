package xksproxy_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/garrison-cloud/garrison/test/xksproxy"
)

// TestDecrypt opens what was encrypted, and refuses what isn't whole.
func TestDecrypt(t *testing.T) {
	t.Parallel()
	p := start(t)
	p.Shape(16, []byte("v1"))
	status, sealed := send(t, p, "/keys/k/encrypt", strings.Replace(encrypt, "{", `{"ciphertextDataIntegrityValueAlgorithm":"SHA_256",`, 1))
	if status != 200 || !strings.Contains(sealed, `"ciphertextMetadata":"djE="`) || !strings.Contains(sealed, `"ciphertextDataIntegrityValue"`) {
		t.Fatalf("encrypt: %d %s", status, sealed)
	}
	good := `{` + metadata + `,"additionalAuthenticatedData":"YWFk","encryptionAlgorithm":"AES_GCM",` + sealed[1:]
	for _, tt := range []struct {
		name, from, to string
		status         int
		want           string
	}{
		{"as it is", "", "", 200, `{"plaintext":"SGVsbG8gV29ybGQh"}`},
		{"another AAD", "YWFk", "YWFl", 400, "InvalidCiphertextException"},
		{"no AAD", "additionalAuthenticatedData", "other", 400, "InvalidCiphertextException"},
		{"another note", "djE=", "djI=", 400, "InvalidCiphertextException"},
		{"no note", "ciphertextMetadata", "other", 400, "InvalidCiphertextException"},
		{"a long note", "djE=", "AAAAAAAAAAAAAAAAAAAAAAAAAAAA", 400, "ValidationException"},
		{"no tag", "authenticationTag", "other", 400, "ValidationException"},
		{"a short tag", `"authenticationTag":"`, `"authenticationTag":"AAAA","other":"`, 400, "InvalidCiphertextException"},
		{"no IV", "initializationVector", "other", 400, "ValidationException"},
		{"a short IV", `"initializationVector":"`, `"initializationVector":"AAAA","other":"`, 400, "InvalidCiphertextException"},
		{"no ciphertext", `"ciphertext"`, `"other"`, 400, "ValidationException"},
		{"another algorithm", "AES_GCM", "AES_CTR", 400, "ValidationException"},
	} {
		status, body := send(t, p, "/keys/k/decrypt", strings.Replace(good, tt.from, tt.to, 1))
		if status != tt.status || !strings.Contains(body, tt.want) {
			t.Errorf("%s: %d %s, want %d %s", tt.name, status, body, tt.status, tt.want)
		}
	}
}

// TestSwitches flips each and looks at the answer, then counts.
func TestSwitches(t *testing.T) {
	t.Parallel()
	p := start(t)
	for _, tt := range []struct {
		name, uri string
		change    func()
		status    int
		want      string
	}{
		{"healthy", "/health", func() {}, 200, `"healthStatus":"ACTIVE"`},
		{"degraded", "/health", func() { p.SetHealth("DEGRADED") }, 200, `"healthStatus":"DEGRADED"`},
		{"a key", "/keys/k/metadata", func() {}, 200, `{"keySpec":"AES_256","keyUsage":["ENCRYPT","DECRYPT"],"keyStatus":"ENABLED"}`},
		{"disabled", "/keys/k/metadata", func() { p.Disable("k") }, 200, `"keyStatus":"DISABLED"`},
		{"disabled, used", "/keys/k/encrypt", func() {}, 400, "InvalidStateException"},
		{"decrypts only", "/keys/k/encrypt", func() { p.Enable("k"); p.SetUsage("k", "DECRYPT") }, 400, "InvalidKeyUsageException"},
		{"no AES", "/keys/k/encrypt", func() { p.SetUsage("k", "ENCRYPT"); p.SetSpec("k", "RSA_2048") }, 400, "InvalidKeyUsageException"},
		{"no AES, described", "/keys/k/metadata", func() {}, 200, `"keySpec":"RSA_2048","keyUsage":["ENCRYPT"]`},
		{"refused", "/health", func() { p.Refuse("ThrottlingException") }, 429, "ThrottlingException"},
		{"rubbish", "/health", func() { p.AnswerBody("rubbish") }, 200, "rubbish"},
		{"healed", "/health", p.Heal, 200, `"xksProxyFleetSize":1`},
		{"gone", "/keys/k/metadata", func() { p.RemoveKey("k") }, 404, "KeyNotFoundException"},
	} {
		tt.change()
		status, body := send(t, p, tt.uri, encrypt)
		if status != tt.status || !strings.Contains(body, tt.want) || !json.Valid([]byte(body)) && tt.name != "rubbish" {
			t.Errorf("%s: %d %s, want %d %s", tt.name, status, body, tt.status, tt.want)
		}
	}
	for op, want := range map[string]int{xksproxy.OpHealth: 5, xksproxy.OpMetadata: 4, xksproxy.OpEncrypt: 3, xksproxy.OpDecrypt: 0} {
		if got := p.Calls(op); got != want {
			t.Errorf("%d calls of %s, want %d", got, op, want)
		}
	}
	last := p.Last()
	if last.Op != xksproxy.OpMetadata || last.KeyID != "k" || last.Metadata.PrincipalARN != "arn:aws:iam::123456789012:user/Alice" {
		t.Errorf("last request = %+v", last)
	}
}
