package xks_test

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/garrison-cloud/garrison/internal/xks"
	"github.com/garrison-cloud/garrison/test/xksproxy"
)

// TestConfigBounds holds each field to the KMS model.
func TestConfigBounds(t *testing.T) {
	t.Parallel()
	good := xks.Config{
		Endpoint: "https://xks.example.com", PathPrefix: "/a-b/c_d/kms/xks/v1", AccessKeyID: xksproxy.AccessKeyID,
		SecretKey: []byte(xksproxy.SecretKey), Region: "us-gov-west-1",
	}
	for _, tt := range []struct {
		name   string
		change func(*xks.Config)
		ok     bool
	}{
		{"as it is", func(*xks.Config) {}, true},
		{"no prefix", func(c *xks.Config) { c.PathPrefix = "" }, true},
		{"short path", func(c *xks.Config) { c.PathPrefix = "/kms/xks/v1" }, true},
		{"128 characters", func(c *xks.Config) { c.PathPrefix = "/" + strings.Repeat("a", 116) + "/kms/xks/v1" }, true},
		{"129 characters", func(c *xks.Config) { c.PathPrefix = "/" + strings.Repeat("a", 117) + "/kms/xks/v1" }, false},
		{"version 2", func(c *xks.Config) { c.PathPrefix = "/kms/xks/v2" }, false},
		{"half a path", func(c *xks.Config) { c.PathPrefix = "/a" }, false},
		{"dots", func(c *xks.Config) { c.PathPrefix = "/../kms/xks/v1" }, false},
		{"empty segment", func(c *xks.Config) { c.PathPrefix = "/a//kms/xks/v1" }, false},
		{"plain HTTP", func(c *xks.Config) { c.Endpoint = "http://xks.example.com" }, false},
		{"a port", func(c *xks.Config) { c.Endpoint = "https://xks.example.com:8443" }, true},
		{"a wrong port", func(c *xks.Config) { c.Endpoint = "https://xks.example.com:x" }, false},
		{"a user", func(c *xks.Config) { c.Endpoint = "https://user@xks.example.com" }, false},
		{"a path in the endpoint", func(c *xks.Config) { c.Endpoint = "https://xks.example.com/" }, false},
		{"a query", func(c *xks.Config) { c.Endpoint = "https://xks.example.com?a" }, false},
		{"no host", func(c *xks.Config) { c.Endpoint = "https://" }, false},
		{"short key id", func(c *xks.Config) { c.AccessKeyID = strings.Repeat("A", 19) }, false},
		{"long key id", func(c *xks.Config) { c.AccessKeyID = strings.Repeat("A", 31) }, false},
		{"key id with 1", func(c *xks.Config) { c.AccessKeyID = strings.Repeat("1", 20) }, false},
		{"short secret", func(c *xks.Config) { c.SecretKey = c.SecretKey[1:] }, false},
		{"long secret", func(c *xks.Config) { c.SecretKey = []byte(strings.Repeat("a", 65)) }, false},
		{"secret with a dash", func(c *xks.Config) { c.SecretKey = []byte(strings.Repeat("-", 43)) }, false},
		{"no region", func(c *xks.Config) { c.Region = "" }, false},
		{"slash in the region", func(c *xks.Config) { c.Region = "a/b" }, false},
		{"time before", func(c *xks.Config) { c.Timeout = -1 }, false},
	} {
		cfg := good
		tt.change(&cfg)
		_, err := xks.New(cfg)
		if tt.ok && err != nil || !tt.ok && !errors.Is(err, xks.ErrInvalidConfig) {
			t.Errorf("%s: New = %v, want success %t", tt.name, err, tt.ok)
		}
	}
}

// TestRequestBounds has nothing sent that is out of bounds.
func TestRequestBounds(t *testing.T) {
	t.Parallel()
	p := start(t)
	c := open(t, config(p))
	type use struct {
		key string
		in  xks.EncryptInput
		by  xks.Caller
	}
	for name, change := range map[string]func(*use){
		"no key":              func(u *use) { u.key = "" },
		"long key":            func(u *use) { u.key = strings.Repeat("a", 129) },
		"dot":                 func(u *use) { u.key = "." },
		"dots":                func(u *use) { u.key = ".." },
		"slash":               func(u *use) { u.key = "a/b" },
		"percent":             func(u *use) { u.key = "a%2fb" },
		"beyond ASCII":        func(u *use) { u.key = "ä" },
		"no plaintext":        func(u *use) { u.in.Plaintext = nil },
		"long plaintext":      func(u *use) { u.in.Plaintext = make([]byte, xks.MaxPlaintext+1) },
		"long AAD":            func(u *use) { u.in.AAD = make([]byte, xks.MaxAAD+1) },
		"no principal":        func(u *use) { u.by.PrincipalARN = "" },
		"no key ARN":          func(u *use) { u.by.KeyARN = "" },
		"no operation":        func(u *use) { u.by.Operation = "" },
		"no request id":       func(u *use) { u.by.RequestID = "" },
		"long ARN":            func(u *use) { u.by.PrincipalARN = strings.Repeat("a", 2049) },
		"long service":        func(u *use) { u.by.ViaService = strings.Repeat("a", 2049) },
		"principal not UTF-8": func(u *use) { u.by.PrincipalARN = "\xff" },
	} {
		u := use{keyID, xks.EncryptInput{Plaintext: []byte("p")}, alice}
		change(&u)
		if _, err := c.Encrypt(t.Context(), u.key, u.in, u.by); !errors.Is(err, xks.ErrInvalidRequest) {
			t.Errorf("%s: Encrypt = %v, want %v", name, err, xks.ErrInvalidRequest)
		}
	}
	bad := sealed()
	bad.IV = bad.IV[:11]
	if _, err := c.Decrypt(t.Context(), keyID, bad, nil, alice); !errors.Is(err, xks.ErrInvalidRequest) {
		t.Errorf("Decrypt of a short IV = %v, want %v", err, xks.ErrInvalidRequest)
	}
	long := config(p)
	long.PathPrefix = "/" + strings.Repeat("a", 116) + "/kms/xks/v1"
	if _, err := open(t, long).Metadata(t.Context(), strings.Repeat("a", 128), alice); !errors.Is(err, xks.ErrInvalidRequest) {
		t.Errorf("Metadata at a long URI = %v, want %v", err, xks.ErrInvalidRequest)
	}
	if got := p.Calls(xksproxy.OpEncrypt) + p.Calls(xksproxy.OpDecrypt) + p.Calls(xksproxy.OpMetadata); got != 0 {
		t.Errorf("%d calls reached the proxy, want none", got)
	}
	p.AddKey(strings.Repeat("a", 128))
	by := alice
	by.PrincipalARN, by.KeyARN = strings.Repeat("p", 2048), strings.Repeat("k", 2048)
	if _, err := c.Encrypt(t.Context(), strings.Repeat("a", 128), xks.EncryptInput{Plaintext: []byte("p")}, by); err != nil {
		t.Errorf("Encrypt at the bounds: %v", err)
	}
}

// TestExampleRequests compares what is sent with the specification's examples.
func TestExampleRequests(t *testing.T) {
	t.Parallel()
	p := start(t)
	c := open(t, config(p))
	by := alice
	by.SourceVPC, by.SourceVPCE = "", ""
	p.AnswerBody(encryptAnswer)
	s, err := c.Encrypt(t.Context(), keyID, xks.EncryptInput{Plaintext: []byte(specPlaintext), AAD: []byte(specAAD)}, by)
	if err != nil {
		t.Fatal(err)
	}
	same(t, p.Last().Body, `{
    "requestMetadata": {
        "awsPrincipalArn": "arn:aws:iam::123456789012:user/Alice",
        "kmsKeyArn": "arn:aws:kms:us-east-2:123456789012:/key/1234abcd-12ab-34cd-56ef-1234567890ab",
        "kmsOperation": "Encrypt",
        "kmsRequestId": "4112f4d6-db54-4af4-ae30-c55a22a8dfae",
        "kmsViaService": "ebs"
    },
    "additionalAuthenticatedData": "cHJvamVjdD1uaWxlLGRlcGFydG1lbnQ9bWFya2V0aW5n",
    "plaintext": "SGVsbG8gV29ybGQh",
    "encryptionAlgorithm": "AES_GCM",
    "ciphertextDataIntegrityValueAlgorithm": "SHA_256"
}`)
	by.Operation, by.RequestID = "Decrypt", "5112f4d6-db54-4af4-ae30-c55a22a8dfae"
	p.AnswerBody(`{"plaintext": "SGVsbG8gV29ybGQh"}`)
	if got, err := c.Decrypt(t.Context(), keyID, *s, []byte(specAAD), by); err != nil || string(got) != specPlaintext {
		t.Errorf("Decrypt = %q, %v; want %q", got, err, specPlaintext)
	}
	same(t, p.Last().Body, `{
    "requestMetadata": {
        "awsPrincipalArn": "arn:aws:iam::123456789012:user/Alice",
        "kmsKeyArn": "arn:aws:kms:us-east-2:123456789012:/key/1234abcd-12ab-34cd-56ef-1234567890ab",
        "kmsOperation": "Decrypt",
        "kmsRequestId": "5112f4d6-db54-4af4-ae30-c55a22a8dfae",
        "kmsViaService": "ebs"
    },
    "additionalAuthenticatedData": "cHJvamVjdD1uaWxlLGRlcGFydG1lbnQ9bWFya2V0aW5n",
    "encryptionAlgorithm": "AES_GCM",
    "ciphertext": "ghxkK1txeDNn3q8Y",
    "ciphertextMetadata": "a2V5X3ZlcnNpb249MQ==",
    "initializationVector": "HMrlRw85cAJUd5Ax",
    "authenticationTag": "vBxN2ncH1oEkR8WVXpmyYQ=="
}`)
}

// same compares two JSON objects.
func same(t *testing.T, got []byte, want string) {
	t.Helper()
	var g, w map[string]any
	if err := json.Unmarshal(got, &g); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(want), &w); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(g, w) {
		t.Errorf("sent %s, want %s", got, want)
	}
}
