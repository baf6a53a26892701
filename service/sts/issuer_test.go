package sts_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha1"
	"encoding/hex"
	"encoding/json"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/go-jose/go-jose/v4"

	"github.com/garrison-cloud/garrison/internal/garrisontest"
)

// An issuer is an OpenID Connect provider on this machine, over TLS by a
// certificate of its own.
type issuer struct {
	*httptest.Server
	t     testing.TB
	clock interface{ Now() time.Time }
	asked atomic.Int64

	mu     sync.Mutex // guards keys and answer
	keys   map[string]crypto.Signer
	answer http.HandlerFunc // in place of all others
}

func newIssuer(t testing.TB, srv *garrisontest.Server) *issuer {
	t.Helper()
	i := &issuer{t: t, clock: srv.Clock, keys: map[string]crypto.Signer{}}
	i.rotate("first")
	i.Server = httptest.NewUnstartedServer(i)
	i.Config.ErrorLog = log.New(io.Discard, "", 0) // clients that refuse the certificate are what some tests want
	i.StartTLS()
	t.Cleanup(i.Close)
	return i
}

// ServeHTTP implements http.Handler.
func (i *issuer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	i.asked.Add(1)
	i.mu.Lock()
	defer i.mu.Unlock()
	switch {
	case i.answer != nil:
		i.answer(w, r)
	case r.URL.Path == "/.well-known/openid-configuration":
		json.NewEncoder(w).Encode(map[string]string{"issuer": i.URL, "jwks_uri": i.URL + "/keys"})
	case r.URL.Path == "/keys":
		var set jose.JSONWebKeySet
		for id, k := range i.keys {
			set.Keys = append(set.Keys, jose.JSONWebKey{Key: k.Public(), KeyID: id, Use: "sig"})
		}
		json.NewEncoder(w).Encode(set)
	default:
		http.NotFound(w, r)
	}
}

// rotate adds a key of that id.
func (i *issuer) rotate(id string) {
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		i.t.Fatal(err)
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	i.keys[id] = k
}

func (i *issuer) instead(h http.HandlerFunc) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.answer = h
}

// address is the issuer as condition keys and ARNs have it.
func (i *issuer) address() string { return strings.TrimPrefix(i.URL, "https://") }

func (i *issuer) thumbprint() string {
	sum := sha1.Sum(i.Certificate().Raw)
	return hex.EncodeToString(sum[:])
}

// token makes a token of claims that are good but for the changes; nil takes one out.
func (i *issuer) token(kid string, changes map[string]any) *string {
	i.t.Helper()
	now := i.clock.Now()
	body := map[string]any{
		"iss": i.URL, "sub": "repo:octo/app", "aud": "sts.amazonaws.com", "iat": now.Unix(), "exp": now.Add(10 * time.Minute).Unix(),
	}
	for k, v := range changes {
		if body[k] = v; v == nil {
			delete(body, k)
		}
	}
	payload, err := json.Marshal(body)
	if err != nil {
		i.t.Fatal(err)
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	return aws.String(sign(i.t, jose.SigningKey{Algorithm: jose.ES256, Key: i.keys[kid]}, kid, payload))
}

func sign(t testing.TB, key jose.SigningKey, kid string, payload []byte) string {
	t.Helper()
	s, err := jose.NewSigner(key, new(jose.SignerOptions).WithHeader("kid", kid))
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

// register makes the issuer a provider of the account.
func (i *issuer) register(c aws.Config, thumbprints ...string) string {
	i.t.Helper()
	out, err := iam.NewFromConfig(c).CreateOpenIDConnectProvider(i.t.Context(), &iam.CreateOpenIDConnectProviderInput{
		Url: &i.URL, ClientIDList: []string{"sts.amazonaws.com"}, ThumbprintList: thumbprints,
	})
	if err != nil {
		i.t.Fatal(err)
	}
	return *out.OpenIDConnectProviderArn
}

// unsigned is a client without credentials.
func unsigned(srv *garrisontest.Server) *sts.Client {
	return sts.NewFromConfig(aws.Config{
		Region: garrisontest.Region, BaseEndpoint: &srv.URL, RetryMaxAttempts: 1, HTTPClient: garrisontest.HTTPClient(),
		Credentials: aws.AnonymousCredentials{},
	})
}

// federates is a trust policy for a provider's users, under a condition.
func federates(action, provider, condition string) string {
	if condition != "" {
		condition = `,"Condition":` + condition
	}
	return `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":` + action + `,"Principal":{"Federated":"` + provider + `"}` + condition + `}}`
}
