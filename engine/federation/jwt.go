package federation

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/json"
)

// algorithms are those that AWS takes: signatures by a key of which only the
// public half is published (STS API Reference, AssumeRoleWithWebIdentity,
// WebIdentityToken).
var algorithms = []jose.SignatureAlgorithm{jose.RS256, jose.RS384, jose.RS512, jose.ES256, jose.ES384, jose.ES512}

// A Token is a JSON web token in its compact form. Nothing in it is to be
// believed before Verify has returned nil.
type Token struct {
	Claims
	signed    *jose.JSONWebSignature
	algorithm string
	keyID     string
}

// KeyID names the key that is said to have signed, empty if the token doesn't say.
func (t *Token) KeyID() string { return t.keyID }

// notToken is AWS's answer to what is no JSON web token.
const notToken = "The ID Token provided is not a valid JWT. (You may see this error if you sent an Access Token)"

// ParseToken reads a token. It verifies nothing; whoever the issuer is said to be
// has to be asked for keys first. The error is an *Error.
func ParseToken(compact string) (*Token, error) {
	if len(compact) > maxToken || strings.Count(compact, ".") != 2 {
		return nil, invalid(notToken)
	}
	header, err := parseHeader(compact)
	if err != nil {
		return nil, err
	}
	signed, err := jose.ParseSignedCompact(compact, algorithms)
	if err != nil || len(signed.Signatures) != 1 {
		return nil, invalid(notToken)
	}
	t := &Token{signed: signed, algorithm: header.algorithm, keyID: header.keyID}
	return t, t.parse(signed.UnsafePayloadWithoutVerification())
}

// A header is what is read of a token's protected header.
type header struct{ algorithm, keyID string }

// parseHeader refuses headers that would have the signature mean something else:
// crit and b64 (RFC 7515 §4.1.11, RFC 7797), and whatever is said twice. Keys
// that a token brings along or points to are never looked at.
func parseHeader(compact string) (header, error) {
	encoded, _, _ := strings.Cut(compact, ".")
	raw, err := base64.RawURLEncoding.Strict().DecodeString(encoded)
	if err != nil {
		return header{}, invalid(notToken)
	}
	members, err := object(raw)
	if err != nil || members["crit"] != nil || members["b64"] != nil {
		return header{}, invalid(notToken)
	}
	var h header
	if h.algorithm, err = text(members, "alg"); err != nil {
		return header{}, invalid(notToken)
	}
	if h.keyID, err = text(members, "kid"); err != nil {
		return header{}, invalid(notToken)
	}
	return h, nil
}

// object reads a JSON object whose names differ. Unlike the standard library's
// decoder, this one tells names apart by case, and refuses one that comes twice.
func object(raw []byte) (map[string]json.RawMessage, error) {
	if !bytes.HasPrefix(bytes.TrimLeft(raw, " \t\r\n"), []byte("{")) {
		return nil, fmt.Errorf("not a JSON object")
	}
	var out map[string]json.RawMessage
	if err := json.Unmarshal(raw, &out); err != nil {
		return nil, fmt.Errorf("read a JSON object: %w", err)
	}
	return out, nil
}

// text returns a member that is a string, empty if it is absent.
func text(members map[string]json.RawMessage, name string) (string, error) {
	raw := members[name]
	if raw == nil {
		return "", nil
	}
	if !bytes.HasPrefix(raw, []byte(`"`)) {
		return "", fmt.Errorf("%s is not a string", name)
	}
	var out string
	err := json.Unmarshal(raw, &out)
	return out, err
}

// noKey is AWS's answer where the provider's keys do not have the token's.
const noKey = "Couldn't retrieve verification key from your identity provider, please reference AssumeRoleWithWebIdentity documentation for requirements"

// Verify reports whether a key of the set has signed the token, and whether the
// token's time has come and is not over. The error is an *Error.
func (t *Token) Verify(keys *KeySet, now time.Time) error {
	key, err := keys.find(t)
	if err != nil {
		return err
	}
	payload, err := t.signed.Verify(key)
	if err != nil || !bytes.Equal(payload, t.signed.UnsafePayloadWithoutVerification()) {
		return invalid("Token signature invalid")
	}
	return t.timely(now)
}

// drift is how far a provider's clock may be ahead.
const drift = 5 * time.Minute

// timely checks exp, nbf and iat (RFC 7519 §4.1). No time past exp is granted:
// tokens are short-lived, and their end is what stops a stolen one.
func (t *Token) timely(now time.Time) error {
	switch {
	case !now.Before(t.Expires):
		return expired(fmt.Sprintf("Token expired: current date/time %d must be before the expiration date/time %d", now.Unix(), t.Expires.Unix()))
	case !t.NotBefore.IsZero() && now.Add(drift).Before(t.NotBefore):
		return invalidf("Token is not valid before %d: current date/time %d", t.NotBefore.Unix(), now.Unix())
	case now.Add(drift).Before(t.IssuedAt):
		return invalidf("Token was issued in the future: current date/time %d, issue date/time %d", now.Unix(), t.IssuedAt.Unix())
	default:
		return nil
	}
}
