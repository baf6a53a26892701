package federation_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"errors"
	"math/big"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/garrison-cloud/garrison/engine/federation"
)

var now = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// keys are made once: RSA keys take their time.
var keys = sync.OnceValue(func() (k struct {
	rsa, other, short *rsa.PrivateKey
	p256, p384, p521  *ecdsa.PrivateKey
},
) {
	for size, into := range map[int][]**rsa.PrivateKey{2048: {&k.rsa, &k.other}, 1024: {&k.short}} {
		for _, p := range into {
			made, err := rsa.GenerateKey(rand.Reader, size)
			if err != nil {
				panic(err)
			}
			*p = made
		}
	}
	for curve, into := range map[elliptic.Curve]**ecdsa.PrivateKey{elliptic.P256(): &k.p256, elliptic.P384(): &k.p384, elliptic.P521(): &k.p521} {
		made, err := ecdsa.GenerateKey(curve, rand.Reader)
		if err != nil {
			panic(err)
		}
		*into = made
	}
	return k
})

// claims of a good token, changed as the test says; nil takes one out.
func claims(changes map[string]any) map[string]any {
	out := map[string]any{
		"iss": "https://idp.example.com", "sub": "user-1", "aud": "client",
		"exp": now.Add(time.Hour).Unix(), "iat": now.Add(-time.Minute).Unix(),
	}
	for k, v := range changes {
		if out[k] = v; v == nil {
			delete(out, k)
		}
	}
	return out
}

// sign makes a token.
func sign(t testing.TB, alg jose.SignatureAlgorithm, key any, kid string, body map[string]any) string {
	t.Helper()
	payload, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	return signRaw(t, alg, key, kid, payload)
}

func signRaw(t testing.TB, alg jose.SignatureAlgorithm, key any, kid string, payload []byte) string {
	t.Helper()
	o := &jose.SignerOptions{}
	if kid != "" {
		o = o.WithHeader("kid", kid)
	}
	s, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: key}, o)
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

// jwks is a set of public keys.
func jwks(t testing.TB, keys ...jose.JSONWebKey) *federation.KeySet {
	t.Helper()
	body, err := json.Marshal(jose.JSONWebKeySet{Keys: keys})
	if err != nil {
		t.Fatal(err)
	}
	set, err := federation.ParseKeySet(body)
	if err != nil {
		t.Fatal(err)
	}
	return set
}

func public(kid string, key crypto.Signer) jose.JSONWebKey {
	return jose.JSONWebKey{Key: key.Public(), KeyID: kid, Use: "sig"}
}

// message is why something was refused.
func message(t testing.TB, err error) (federation.Reason, string) {
	t.Helper()
	if err == nil {
		return 0, ""
	}
	e := new(federation.Error)
	if !errors.As(err, &e) {
		t.Fatalf("error %v is a %T, want *federation.Error", err, err)
	}
	return e.Reason, e.Message
}

// certificate is a self-signed one for the key.
func certificate(t testing.TB, key crypto.Signer) *x509.Certificate {
	t.Helper()
	c := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "idp"}, NotBefore: now.AddDate(-9, 0, 0), NotAfter: now.AddDate(-8, 0, 0)}
	raw, err := x509.CreateCertificate(rand.Reader, c, c, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	out, err := x509.ParseCertificate(raw)
	if err != nil {
		t.Fatal(err)
	}
	return out
}
