package kms_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/kms"
)

// TestGrantTokenIsInNoEvent makes, uses and retires a grant by its token, and
// looks for it in the events.
func TestGrantTokenIsInNoEvent(t *testing.T) {
	t.Parallel()
	s, c := start(t)
	key := createKey(t, c)
	g := createGrant(t, c, grantTo(key, "ann", "Decrypt"))
	_, err := c.Encrypt(t.Context(), &kms.EncryptInput{KeyId: key.KeyId, Plaintext: []byte("x"), GrantTokens: []string{*g.GrantToken}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.RetireGrant(t.Context(), &kms.RetireGrantInput{GrantToken: g.GrantToken}); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"CreateGrant", "Encrypt", "RetireGrant"} {
		event, err := json.Marshal(lastEvent(t, s, name))
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(event), *g.GrantToken) {
			t.Errorf("the event of %s holds the token: %s", name, event)
		}
	}
}
