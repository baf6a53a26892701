package federation_test

import (
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"

	"github.com/garrison-cloud/garrison/engine/federation"
)

const (
	notJWT = "The ID Token provided is not a valid JWT. (You may see this error if you sent an Access Token)"
	noKey  = "Couldn't retrieve verification key from your identity provider, please reference AssumeRoleWithWebIdentity documentation for requirements"
)

func verify(compact string, set *federation.KeySet) (*federation.Token, error) {
	token, err := federation.ParseToken(compact)
	if err != nil {
		return nil, err
	}
	return token, token.Verify(set, now)
}

func TestAlgorithms(t *testing.T) {
	t.Parallel()
	k := keys()
	set := jwks(t, public("rsa", k.rsa), public("p256", k.p256), public("p384", k.p384), public("p521", k.p521))
	for _, tt := range []struct {
		alg jose.SignatureAlgorithm
		key any
		kid string
	}{
		{jose.RS256, k.rsa, "rsa"},
		{jose.RS384, k.rsa, "rsa"},
		{jose.RS512, k.rsa, "rsa"},
		{jose.ES256, k.p256, "p256"},
		{jose.ES384, k.p384, "p384"},
		{jose.ES512, k.p521, "p521"},
		{jose.ES256, k.p256, ""}, // the only key that it can be
	} {
		if _, err := verify(sign(t, tt.alg, tt.key, tt.kid, claims(nil)), set); err != nil {
			t.Errorf("%s by %q: %v", tt.alg, tt.kid, err)
		}
	}
}

func TestBadTokens(t *testing.T) {
	t.Parallel()
	k := keys()
	set := jwks(t, public("rsa", k.rsa), public("other", k.other), public("p256", k.p256), public("p384", k.p384))
	good := sign(t, jose.RS256, k.rsa, "rsa", claims(nil))
	parts := strings.Split(good, ".")
	b64 := func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }
	der, err := x509.MarshalPKIXPublicKey(k.rsa.Public())
	if err != nil {
		t.Fatal(err)
	}
	body := func(changes map[string]any) string { return sign(t, jose.RS256, k.rsa, "rsa", claims(changes)) }
	for _, tt := range []struct {
		name, token string
		reason      federation.Reason
		want        string
	}{
		{"empty", "", federation.Invalid, notJWT},
		{"no algorithm", b64(`{"alg":"none"}`) + "." + parts[1] + ".", federation.Invalid, notJWT},
		{"none with a signature", b64(`{"alg":"none","kid":"rsa"}`) + "." + parts[1] + "." + parts[2], federation.Invalid, notJWT},
		{"HMAC by the public key", sign(t, jose.HS256, der, "rsa", claims(nil)), federation.Invalid, notJWT},
		{"PSS", sign(t, jose.PS256, k.rsa, "rsa", claims(nil)), federation.Invalid, notJWT},
		{"oversized", good + strings.Repeat("A", 20_000), federation.Invalid, notJWT},
		{"encrypted form", good + ".a.b", federation.Invalid, notJWT},
		{"critical header", b64(`{"alg":"RS256","kid":"rsa","crit":["exp"],"exp":1}`) + "." + parts[1] + "." + parts[2], federation.Invalid, notJWT},
		{"algorithm twice", b64(`{"alg":"RS256","alg":"none","kid":"rsa"}`) + "." + parts[1] + "." + parts[2], federation.Invalid, notJWT},
		{"an own key", ownKey(t), federation.Invalid, noKey},
		{"another's key", sign(t, jose.RS256, k.other, "rsa", claims(nil)), federation.Invalid, "Token signature invalid"},
		{"another key's id", sign(t, jose.RS256, k.rsa, "other", claims(nil)), federation.Invalid, "Token signature invalid"},
		{"a key of another kind", sign(t, jose.RS256, k.rsa, "p256", claims(nil)), federation.Invalid, noKey},
		{"a key of another curve", sign(t, jose.ES256, k.p256, "p384", claims(nil)), federation.Invalid, noKey},
		{"an unknown key", sign(t, jose.RS256, k.rsa, "gone", claims(nil)), federation.Invalid, noKey},
		{"no id where two keys would do", sign(t, jose.RS256, k.rsa, "", claims(nil)), federation.Invalid, noKey},
		{"changed body", parts[0] + "." + b64(`{"iss":"https://idp.example.com","sub":"root","aud":"client","exp":9999999999,"iat":1}`) + "." + parts[2], federation.Invalid, "Token signature invalid"},
		{"changed signature", parts[0] + "." + parts[1] + "." + flip(parts[2]), federation.Invalid, "Token signature invalid"},
		{"no subject", body(map[string]any{"sub": nil}), federation.Invalid, "Missing a required claim: sub"},
		{"null subject", body(map[string]any{"sub": json.RawMessage("null")}), federation.Invalid, "Invalid claim: sub"},
		{"subject of another case", body(map[string]any{"sub": nil, "Sub": "user-1"}), federation.Invalid, "Missing a required claim: sub"},
		{"long subject", body(map[string]any{"sub": strings.Repeat("s", 256)}), federation.Invalid, "The sub claim is longer than 255 characters"},
		{"no issuer", body(map[string]any{"iss": nil}), federation.Invalid, "Missing a required claim: iss"},
		{"no audience", body(map[string]any{"aud": nil}), federation.Invalid, "Missing a required claim: aud"},
		{"empty audience", body(map[string]any{"aud": []string{}}), federation.Invalid, "Missing a required claim: aud"},
		{"audience of numbers", body(map[string]any{"aud": []int{1}}), federation.Invalid, "Invalid claim: aud"},
		{"no expiry", body(map[string]any{"exp": nil}), federation.Invalid, "Missing a required claim: exp"},
		{"no issue date", body(map[string]any{"iat": nil}), federation.Invalid, "Missing a required claim: iat"},
		{"expiry as text", body(map[string]any{"exp": "9999999999"}), federation.Invalid, "Invalid claim: exp"},
		{"expiry with a fraction", body(map[string]any{"exp": 9999999999.5}), federation.Invalid, "Invalid claim: exp"},
		{"expired", body(map[string]any{"exp": now.Unix()}), federation.Expired, fmt.Sprintf("Token expired: current date/time %d must be before the expiration date/time %d", now.Unix(), now.Unix())},
		{"not yet", body(map[string]any{"nbf": now.Add(6 * time.Minute).Unix()}), federation.Invalid, fmt.Sprintf("Token is not valid before %d: current date/time %d", now.Add(6*time.Minute).Unix(), now.Unix())},
		{"issued in the future", body(map[string]any{"iat": now.Add(6 * time.Minute).Unix()}), federation.Invalid, fmt.Sprintf("Token was issued in the future: current date/time %d, issue date/time %d", now.Unix(), now.Add(6*time.Minute).Unix())},
		{"a claim twice", signRaw(t, jose.RS256, k.rsa, "rsa", []byte(`{"iss":"https://idp.example.com","sub":"a","sub":"b","aud":"client","exp":9999999999,"iat":1}`)), federation.Invalid, notJWT},
		{"a list for claims", signRaw(t, jose.RS256, k.rsa, "rsa", []byte(`["iss"]`)), federation.Invalid, notJWT},
		{"a tag of two values", body(map[string]any{"https://aws.amazon.com/tags": map[string]any{"principal_tags": map[string]any{"a": []string{"1", "2"}}}}), federation.Invalid, "Invalid claim: https://aws.amazon.com/tags"},
		{"odd source identity", body(map[string]any{"https://aws.amazon.com/source_identity": "a b"}), federation.Invalid, `Source Identity must match [a-zA-Z_0-9+=,.@-]{2,64} and not begin with "aws:"`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := verify(tt.token, set)
			if err == nil {
				t.Fatal("the token was taken")
			}
			if reason, got := message(t, err); got != tt.want || reason != tt.reason {
				t.Errorf("refused for %d, %q, want %d, %q", reason, got, tt.reason, tt.want)
			}
		})
	}
}

// flip changes a character in the middle.
func flip(s string) string {
	b := []byte(s)
	if b[9] == 'A' {
		b[9] = 'B'
	} else {
		b[9] = 'A'
	}
	return string(b)
}

// ownKey is a token that brings along the key which it is signed by.
func ownKey(t *testing.T) string {
	t.Helper()
	payload, err := json.Marshal(claims(nil))
	if err != nil {
		t.Fatal(err)
	}
	s, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES512, Key: keys().p521}, &jose.SignerOptions{EmbedJWK: true})
	if err != nil {
		t.Fatal(err)
	}
	signed, err := s.Sign(payload)
	if err != nil {
		t.Fatal(err)
	}
	out, err := signed.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestClaims(t *testing.T) {
	t.Parallel()
	body := claims(map[string]any{
		"aud": []string{"one", "two"}, "azp": "two", "amr": []string{"mfa"}, "email": "u@example.com", "nbf": now.Unix(),
		"https://aws.amazon.com/source_identity": "Admin",
		"https://aws.amazon.com/tags": map[string]any{
			"principal_tags": map[string]any{"Project": []string{"Automation"}}, "transitive_tag_keys": []string{"Project"},
		},
		"https://aws.amazon.com/tags/principal_tags/Team": "blue",
		"https://aws.amazon.com/tags/transitive_tag_keys": []string{"Team"},
	})
	token, err := verify(sign(t, jose.RS256, keys().rsa, "k", body), jwks(t, public("k", keys().rsa)))
	if err != nil {
		t.Fatal(err)
	}
	want := federation.Claims{
		Issuer: "https://idp.example.com", Subject: "user-1", Audience: []string{"one", "two"}, AuthorizedParty: "two",
		Expires: now.Add(time.Hour), NotBefore: now, IssuedAt: now.Add(-time.Minute), Methods: []string{"mfa"}, Email: "u@example.com",
		SourceIdentity: "Admin", Tags: map[string]string{"Project": "Automation", "Team": "blue"}, Transitive: []string{"Project", "Team"},
	}
	if diff := cmp.Diff(want, token.Claims); diff != "" {
		t.Errorf("claims (-want +got):\n%s", diff)
	}
	for _, tt := range []struct {
		claims federation.Claims
		want   string
		ok     bool
	}{
		{federation.Claims{Audience: []string{"a"}}, "a", true},
		{federation.Claims{Audience: []string{"a"}, AuthorizedParty: "p"}, "p", true},
		{federation.Claims{Audience: []string{"a", "b"}}, "", false},
	} {
		if got, ok := tt.claims.Client(); got != tt.want || ok != tt.ok {
			t.Errorf("the client of %v is %q, %v, want %q, %v", tt.claims, got, ok, tt.want, tt.ok)
		}
	}
}

func TestKeySets(t *testing.T) {
	t.Parallel()
	k := keys()
	token, err := federation.ParseToken(sign(t, jose.RS256, k.rsa, "k", claims(nil)))
	if err != nil {
		t.Fatal(err)
	}
	encrypting := public("k", k.rsa)
	encrypting.Use = "enc"
	pinned := public("k", k.rsa)
	pinned.Algorithm = "RS512"
	short, err := federation.ParseToken(sign(t, jose.RS256, k.short, "k", claims(nil)))
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name  string
		token *federation.Token
		key   jose.JSONWebKey
		want  bool
	}{
		{"the key", token, public("k", k.rsa), true},
		{"one for encryption", token, encrypting, false},
		{"one for another algorithm", token, pinned, false},
		{"a short one", short, public("k", k.short), false},
		{"a secret one", token, jose.JSONWebKey{Key: k.rsa, KeyID: "k"}, false},
		{"a symmetric one", token, jose.JSONWebKey{Key: []byte("0123456789abcdef0123456789abcdef"), KeyID: "k"}, false},
	} {
		if got := jwks(t, tt.key).Has(tt.token); got != tt.want {
			t.Errorf("%s: usable is %v, want %v", tt.name, got, tt.want)
		}
	}
	many := make([]jose.JSONWebKey, 101)
	for i := range many {
		many[i] = public(fmt.Sprint(i), k.p256)
	}
	body, err := json.Marshal(jose.JSONWebKeySet{Keys: many})
	if err != nil {
		t.Fatal(err)
	}
	for name, set := range map[string][]byte{"101 keys": body, "no object": []byte("[]"), "too large": make([]byte, 1<<20)} {
		if _, err := federation.ParseKeySet(set); err == nil {
			t.Errorf("a key set of %s was taken", name)
		}
	}
}

func TestDiscovery(t *testing.T) {
	t.Parallel()
	for document, want := range map[string]string{
		`{"issuer":"https://a.example","jwks_uri":"https://b.example/keys"}`:              "https://b.example/keys",
		`{"issuer":"https://x.example","jwks_uri":"https://b.example/keys"}`:              "",
		`{"issuer":"https://a.example","jwks_uri":"http://b.example/keys"}`:               "",
		`{"issuer":"https://a.example","jwks_uri":"file:///etc/passwd"}`:                  "",
		`{"issuer":"https://a.example","jwks_uri":"https://user@b.example/"}`:             "",
		`{"issuer":"https://a.example"}`:                                                  "",
		`{"issuer":"https://a.example","issuer":"https://x.example","jwks_uri":"https:"}`: "",
		`null`: "",
	} {
		got, err := federation.ParseDiscovery([]byte(document), "https://a.example")
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%s: %q, %v, want %q", document, got, err, want)
		}
	}
}

func FuzzToken(f *testing.F) {
	k := keys()
	set := jwks(f, public("k", k.p256))
	f.Add(sign(f, jose.ES256, k.p256, "k", claims(nil)))
	f.Add(sign(f, jose.RS256, k.rsa, "", claims(map[string]any{"aud": []string{"a"}, "https://aws.amazon.com/tags": map[string]any{}})))
	f.Add("e30.e30.")
	f.Fuzz(func(t *testing.T, compact string) {
		token, err := federation.ParseToken(compact)
		if err != nil {
			message(t, err)
			return
		}
		if token.Subject == "" || token.Issuer == "" || len(token.Audience) == 0 || token.Expires.IsZero() {
			t.Errorf("a token without what it must have: %+v", token.Claims)
		}
		if token.Verify(set, now) == nil && !strings.HasPrefix(compact, "eyJ") {
			t.Errorf("verified %q", compact)
		}
	})
}
