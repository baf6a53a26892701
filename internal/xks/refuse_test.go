package xks_test

import (
	"encoding/base64"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/garrison-cloud/garrison/internal/xks"
	"github.com/garrison-cloud/garrison/test/xksproxy"
)

// TestProxyErrors has every error of the specification answered to every call.
func TestProxyErrors(t *testing.T) {
	t.Parallel()
	p := start(t)
	c := open(t, config(p))
	for name, status := range map[string]int{
		xks.NameValidation: 400, xks.NameInvalidState: 400, xks.NameInvalidCiphertext: 400, xks.NameInvalidKeyUsage: 400,
		xks.NameAuthenticationFailed: 401, xks.NameAccessDenied: 403, xks.NameKeyNotFound: 404, xks.NameInvalidURIPath: 404,
		xks.NameThrottling: 429, xks.NameInternal: 500, xks.NameUnsupportedOperation: 501, xks.NameDependencyTimeout: 503,
	} {
		p.Refuse(name)
		each(t.Context(), c, func(op string, err error) {
			var got *xks.Error
			want := xks.Error{Name: name, Message: "refused by the reference proxy", Status: status}
			if !errors.As(err, &got) || *got != want {
				t.Errorf("%s: error = %v, want %+v", op, err, want)
			}
			if strings.Contains(err.Error(), "refused by") {
				t.Errorf("%s: %v repeats the proxy's own words", op, err)
			}
		})
	}
	p.Heal()
	if _, err := c.Health(t.Context(), alice); err != nil {
		t.Errorf("Health after all that: %v", err)
	}
}

// TestProxyRules has the proxy refuse by its own rules, not by a switch.
func TestProxyRules(t *testing.T) {
	t.Parallel()
	p := start(t)
	c := open(t, config(p))
	for _, tt := range []struct {
		name           string
		change         func()
		enc, dec, meta string
	}{
		{"disabled", func() { p.Disable(keyID) }, xks.NameInvalidState, xks.NameInvalidState, ""},
		{"decrypt only", func() { p.Enable(keyID); p.SetUsage(keyID, "DECRYPT") }, xks.NameInvalidKeyUsage, xks.NameInvalidCiphertext, ""},
		{"encrypt only", func() { p.SetUsage(keyID, "ENCRYPT") }, "", xks.NameInvalidKeyUsage, ""},
		{"gone", func() { p.RemoveKey(keyID) }, xks.NameKeyNotFound, xks.NameKeyNotFound, xks.NameKeyNotFound},
	} {
		tt.change()
		want := map[string]string{"encrypt": tt.enc, "decrypt": tt.dec, "metadata": tt.meta, "health": ""}
		each(t.Context(), c, func(op string, err error) {
			if got := errorName(err); got != want[op] || got == "" && err != nil {
				t.Errorf("%s, %s: error = %v, want %q", tt.name, op, err, want[op])
			}
		})
	}
}

// TestCredential signs with what the proxy doesn't know, and rotates as the
// specification has it: two credentials for a while.
func TestCredential(t *testing.T) {
	t.Parallel()
	const newID, newSecret = "ZYXWVUTSRQPONMLKJIHG", "eZYtE5EFA5FT0mCc3DrGUe2sti527BitkQ0Zr9MO9fv/+="
	p := start(t)
	old := config(p)
	next := old
	next.AccessKeyID, next.SecretKey = newID, []byte(newSecret)
	forged := old
	forged.SecretKey = []byte(newSecret)
	elsewhere := old
	elsewhere.PathPrefix = "/other/kms/xks/v1"
	expect := func(cfg xks.Config, want string) {
		t.Helper()
		each(t.Context(), open(t, cfg), func(op string, err error) {
			if got := errorName(err); got != want && (want != "" || op != "decrypt") {
				t.Errorf("%s: error = %v, want %q", op, err, want)
			}
		})
	}
	expect(old, "")
	expect(forged, xks.NameAuthenticationFailed)
	expect(next, xks.NameAuthenticationFailed)
	expect(elsewhere, xks.NameInvalidURIPath)
	p.AddCredential(newID, newSecret)
	expect(old, "")
	expect(next, "")
	p.RemoveCredential(xksproxy.AccessKeyID)
	expect(old, xks.NameAuthenticationFailed)
	expect(next, "")
}

// encryptAnswer is the specification's example of an answer to Encrypt.
const encryptAnswer = `{
    "authenticationTag": "vBxN2ncH1oEkR8WVXpmyYQ==",
    "ciphertext": "ghxkK1txeDNn3q8Y",
    "ciphertextDataIntegrityValue": "qHA/ImC9h5HsLRXqCyPmWgYx7tzyoTplzILbP0fPXsc=",
    "ciphertextMetadata": "a2V5X3ZlcnNpb249MQ==",
    "initializationVector": "HMrlRw85cAJUd5Ax"
}`

const (
	specPlaintext = "Hello World!"
	specAAD       = "project=nile,department=marketing"
)

// TestEncryptAnswers takes the example and nothing that differs from it where it
// matters.
func TestEncryptAnswers(t *testing.T) {
	t.Parallel()
	p := start(t)
	c := open(t, config(p))
	long := base64.StdEncoding.EncodeToString(make([]byte, 21))
	for _, tt := range []struct{ name, from, to string }{
		{"no integrity value", "ciphertextDataIntegrityValue", "other"},
		{"other integrity value", "qHA/", "qHA+"},
		{"short integrity value", "qHA/ImC9h5HsLRXqCyPmWgYx7tzyoTplzILbP0fPXsc=", "qHA/"},
		{"other tag", "vBxN", "vBxO"},
		{"short tag", "vBxN2ncH1oEkR8WVXpmyYQ==", "vBxN"},
		{"no tag", "authenticationTag", "other"},
		{"other ciphertext", "ghxk", "ghxl"},
		{"long ciphertext", "ghxkK1txeDNn3q8Y", "ghxkK1txeDNn3q8YAAAA"},
		{"no ciphertext", `"ciphertext"`, `"other"`},
		{"other IV", "HMrl", "HMrm"},
		{"IV of 15 bytes", "HMrlRw85cAJUd5Ax", "HMrlRw85cAJUd5AxAAAA"},
		{"no IV", "initializationVector", "other"},
		{"other metadata", "a2V5", "a2V6"},
		{"no metadata", "ciphertextMetadata", "other"},
		{"metadata of 21 bytes", "a2V5X3ZlcnNpb249MQ==", long},
		{"base64 with loose bits", "vBxN2ncH1oEkR8WVXpmyYQ==", "vBxN2ncH1oEkR8WVXpmyYR=="},
		{"base64 in lines", "ghxkK1tx", `ghxk\nK1tx`},
		{"URL-safe base64", "qHA/", "qHA_"},
		{"a number", `"ghxkK1txeDNn3q8Y"`, "1"},
		{"more after it", "Ax\"\n}", "Ax\"}{}"},
		{"no object", "{", "["},
	} {
		p.AnswerBody(strings.Replace(encryptAnswer, tt.from, tt.to, 1))
		s, err := c.Encrypt(t.Context(), keyID, xks.EncryptInput{Plaintext: []byte(specPlaintext), AAD: []byte(specAAD)}, alice)
		if !errors.Is(err, xks.ErrInvalidResponse) || s != nil {
			t.Errorf("%s: Encrypt = %v, %v; want %v", tt.name, s, err, xks.ErrInvalidResponse)
		}
	}
	p.AnswerBody(encryptAnswer)
	s, err := c.Encrypt(t.Context(), keyID, xks.EncryptInput{Plaintext: []byte(specPlaintext), AAD: []byte(specAAD)}, alice)
	if err != nil || string(s.Metadata) != "key_version=1" {
		t.Errorf("the specification's example: %+v, %v", s, err)
	}
}

// TestCorruption has a bit of a ciphertext flip inside the proxy.
func TestCorruption(t *testing.T) {
	t.Parallel()
	p := start(t)
	p.Corrupt()
	_, err := open(t, config(p)).Encrypt(t.Context(), keyID, xks.EncryptInput{Plaintext: []byte("p")}, alice)
	if !errors.Is(err, xks.ErrInvalidResponse) || !strings.Contains(err.Error(), "integrity") {
		t.Errorf("error = %v, want %v for the integrity value", err, xks.ErrInvalidResponse)
	}
}

// TestOtherAnswers breaks the rest of the answers.
func TestOtherAnswers(t *testing.T) {
	t.Parallel()
	const member = `{"id":"i","model":"m","healthStatus":"ACTIVE"}`
	health := func(size, members string) string {
		return `{"xksProxyFleetSize":` + size + `,"xksProxyVendor":"v","xksProxyModel":"m","ekmVendor":"e","ekmFleetDetails":[` + members + `]}`
	}
	p := start(t)
	c := open(t, config(p))
	call := map[string]func() error{
		"health":   func() error { _, err := c.Health(t.Context(), alice); return err },
		"metadata": func() error { _, err := c.Metadata(t.Context(), keyID, alice); return err },
		"decrypt":  func() error { _, err := c.Decrypt(t.Context(), keyID, sealed(), nil, alice); return err },
	}
	for _, tt := range []struct {
		op, body string
		ok       bool
	}{
		{"health", health("1", member), true},
		{"health", health("2", member+strings.Repeat(","+member, 9)), true},
		{"health", health("2", member+strings.Repeat(","+member, 10)), false},
		{"health", health("0", member), false},
		{"health", health("1.5", member), false},
		{"health", health(`"1"`, member), false},
		{"health", health("1", ""), false},
		{"health", health("1", strings.Replace(member, "ACTIVE", "active", 1)), false},
		{"health", health("1", strings.Replace(member, `"i"`, `""`, 1)), false},
		{"health", strings.Replace(health("1", member), "ekmVendor", "other", 1), false},
		{"metadata", `{"keySpec":"AES_256","keyUsage":[],"keyStatus":"DISABLED","more":{}}`, true},
		{"metadata", `{"keySpec":"AES_256","keyUsage":["A"` + strings.Repeat(`,"A"`, 9) + `],"keyStatus":"ENABLED"}`, true},
		{"metadata", `{"keySpec":"AES_256","keyUsage":["A"` + strings.Repeat(`,"A"`, 10) + `],"keyStatus":"ENABLED"}`, false},
		{"metadata", `{"keySpec":"AES_256","keyUsage":[],"keyStatus":"PENDING"}`, false},
		{"metadata", `{"keySpec":"AES_256","keyStatus":"ENABLED"}`, false},
		{"metadata", `{"keyUsage":[],"keyStatus":"ENABLED"}`, false},
		{"decrypt", `{"plaintext":"cA=="}`, true},
		{"decrypt", `{"plaintext":"cHA="}`, false},
		{"decrypt", `{"plaintext":""}`, false},
		{"decrypt", `{"plaintext":null}`, false},
		{"decrypt", `{}`, false},
		{"decrypt", `{"plaintext":"secret!"}`, false},
		{"decrypt", `{"plaintext":"cA=="`, false},
		{"decrypt", ``, false},
		{"decrypt", `null`, false},
		{"decrypt", `<html>`, false},
	} {
		p.AnswerBody(tt.body)
		err := call[tt.op]()
		if tt.ok && err != nil || !tt.ok && !errors.Is(err, xks.ErrInvalidResponse) {
			t.Errorf("%s: %s: error = %v, want success %t", tt.op, tt.body, err, tt.ok)
		}
		if err != nil && (strings.Contains(err.Error(), "secret") || strings.Contains(err.Error(), "plaintext\"")) {
			t.Errorf("%v repeats the answer", err)
		}
	}
}

// TestRubbish answers with what no proxy should, to every call.
func TestRubbish(t *testing.T) {
	t.Parallel()
	const denied = `{"errorName":"AccessDeniedException"`
	p := start(t)
	c := open(t, config(p))
	for name, tt := range map[string]struct {
		status             int
		kind, header, body string
	}{
		"too long":                {200, "application/json", "", strings.Repeat(" ", 16<<10) + "{}"},
		"an error, too long":      {500, "application/json", "", denied + "}" + strings.Repeat(" ", 16<<10)},
		"not called JSON":         {200, "text/html", "", encryptAnswer},
		"no type":                 {200, "", "", encryptAnswer},
		"an error without JSON":   {503, "text/plain", "", "no backend"},
		"an error without name":   {403, "application/json", "", `{}`},
		"an unknown error":        {403, "application/json", "", `{"errorName":"OddException"}`},
		"a success with an error": {202, "application/json", "", denied + "}"},
		"a redirect":              {307, "application/json", "https://127.0.0.1:1/", denied + "}"},
		"an error with a line":    {403, "application/json", "", denied + `,"errorMessage":"a\nb"}`},
		"an error with 512":       {403, "application/json", "", denied + `,"errorMessage":"` + strings.Repeat("a", 512) + `"}`},
	} {
		p.Answer(func(w http.ResponseWriter) {
			w.Header()["Content-Type"] = nil
			if tt.kind != "" {
				w.Header().Set("Content-Type", tt.kind)
			}
			if tt.header != "" {
				w.Header().Set("Location", tt.header)
			}
			w.WriteHeader(tt.status)
			_, _ = w.Write([]byte(tt.body))
		})
		each(t.Context(), c, func(op string, err error) {
			if !errors.Is(err, xks.ErrInvalidResponse) || errorName(err) != "" {
				t.Errorf("%s, %s: error = %v, want %v", name, op, err, xks.ErrInvalidResponse)
			}
		})
	}
}
