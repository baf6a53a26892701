package authz_test

import (
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/garrison-cloud/garrison/internal/authz"
)

// TestAccessKeyCarriesAccount reads each account back out of the ids made for it.
func TestAccessKeyCarriesAccount(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		account := fmt.Sprintf("%012d", rapid.Int64Range(0, 999_999_999_999).Draw(t, "account"))
		prefix := rapid.SampledFrom([]string{authz.LongTermKey, authz.TemporaryKey}).Draw(t, "prefix")
		id := authz.NewAccessKeyID(prefix, account)
		if len(id) != 20 || !strings.HasPrefix(id, prefix) {
			t.Fatalf("id = %q, want 20 characters that begin with %s", id, prefix)
		}
		if got, ok := authz.AccountOf(id); !ok || got != account {
			t.Errorf("AccountOf(%s) = %q, %v; want %s", id, got, ok, account)
		}
	})
}

// TestAccessKeysDiffer draws many ids of one account.
func TestAccessKeysDiffer(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for range 1000 {
		id := authz.NewAccessKeyID(authz.LongTermKey, "111122223333")
		if seen[id] {
			t.Fatalf("%s was made twice", id)
		}
		seen[id] = true
	}
}

func TestAccountOfForeignForms(t *testing.T) {
	t.Parallel()
	for name, id := range map[string]string{
		"empty":                          "",
		"development id":                 "000000000000",
		"too short":                      "AKIAQYLPMN5HHHFPZAM",
		"too long":                       "AKIAQYLPMN5HHHFPZAM2X",
		"not base32":                     "AKIAQYLPMN5H018FPZAM",
		"lower case":                     "AKIAqylpmn5hhhfpzam2",
		"of the time before accounts":    "AKIAIOSFODNN7EXAMPLE",
		"an account beyond twelve digit": "AKIA" + strings.Repeat("7", 16),
	} {
		if got, ok := authz.AccountOf(id); ok {
			t.Errorf("%s: AccountOf(%q) = %q, want none", name, id, got)
		}
	}
	// AWS's own documentation's example of an id that carries an account.
	if got, ok := authz.AccountOf("ASIAQNZGKIQY56JQ7WML"); !ok || got != "029608264753" {
		t.Errorf("AccountOf(ASIAQNZGKIQY56JQ7WML) = %q, %v; want 029608264753", got, ok)
	}
}

// FuzzAccountOf reads what anybody may send as an access key id.
func FuzzAccountOf(f *testing.F) {
	f.Add("AKIAIOSFODNN7EXAMPLE")
	f.Add(authz.NewAccessKeyID(authz.TemporaryKey, "111122223333"))
	f.Fuzz(func(t *testing.T, id string) {
		account, ok := authz.AccountOf(id)
		if ok != (len(account) == 12) {
			t.Errorf("AccountOf(%q) = %q, %v", id, account, ok)
		}
	})
}
