package federation

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"fmt"
	"net/url"
	"strings"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/json"
)

// A KeySet is a provider's public keys. It never changes.
type KeySet struct{ keys []publicKey }

// A publicKey is one that can verify a signature of the algorithms that are taken.
type publicKey struct {
	id string
	// algorithm is the only one that the key is for, empty if the set doesn't say.
	algorithm string
	// family is the algorithms that the key's kind can have: "RS", or "ES256" and
	// its like by curve.
	family string
	key    crypto.PublicKey
}

// ParseKeySet reads a JWKS (RFC 7517 §5). Keys that are no use for verifying the
// tokens that are taken are passed over; too many of a kind, or a secret key
// among them, are an error.
func ParseKeySet(body []byte) (*KeySet, error) {
	if len(body) > maxKeySet {
		return nil, fmt.Errorf("a key set of %d bytes is too large", len(body))
	}
	members, err := object(body)
	if err != nil {
		return nil, err
	}
	var entries []json.RawMessage
	if err := json.Unmarshal(members["keys"], &entries); err != nil {
		return nil, fmt.Errorf("read the keys of a key set: %w", err)
	}
	set, counts := &KeySet{}, map[string]int{}
	for _, raw := range entries {
		k, ok := parseKey(raw)
		if !ok {
			continue
		}
		if counts[k.family[:2]]++; counts[k.family[:2]] > maxKeys {
			return nil, fmt.Errorf("more than %d keys of one kind", maxKeys)
		}
		set.keys = append(set.keys, k)
	}
	return set, nil
}

func parseKey(raw []byte) (publicKey, bool) {
	var k jose.JSONWebKey
	if k.UnmarshalJSON(raw) != nil || !k.IsPublic() || !k.Valid() || k.Use != "" && k.Use != "sig" {
		return publicKey{}, false
	}
	out := publicKey{id: k.KeyID, algorithm: k.Algorithm, key: k.Key}
	switch key := k.Key.(type) {
	case *rsa.PublicKey:
		out.family = "RS"
		bits := key.N.BitLen()
		return out, bits >= minModulus && bits <= maxModulus && key.E >= 3 && key.E%2 == 1
	case *ecdsa.PublicKey:
		out.family = curves[key.Curve.Params().Name]
		return out, out.family != ""
	default:
		return out, false
	}
}

// curves are the algorithms by curve: each has its own (RFC 7518 §3.4).
var curves = map[string]string{"P-256": "ES256", "P-384": "ES384", "P-521": "ES512"}

// verifies reports whether the key may verify signatures of an algorithm.
func (k *publicKey) verifies(algorithm string) bool {
	return strings.HasPrefix(algorithm, k.family) && (k.algorithm == "" || k.algorithm == algorithm)
}

// Has reports whether the set has the key that a token names. A token that names
// none is content with any.
func (s *KeySet) Has(t *Token) bool {
	_, err := s.find(t)
	return err == nil
}

// find returns the one key that the token can be signed by: of its id, its kind
// and its algorithm. Where two would do, neither does.
func (s *KeySet) find(t *Token) (crypto.PublicKey, error) {
	var found crypto.PublicKey
	for i := range s.keys {
		k := &s.keys[i]
		if t.keyID != "" && k.id != t.keyID || !k.verifies(t.algorithm) {
			continue
		}
		if found != nil {
			return nil, invalid(noKey)
		}
		found = k.key
	}
	if found == nil {
		return nil, invalid(noKey)
	}
	return found, nil
}

// ParseDiscovery reads a provider's configuration (OpenID Connect Discovery 1.0
// §4.2) and returns where its keys are. The issuer in it must be the very one that
// was asked (§4.3), and the keys must come over TLS.
func ParseDiscovery(body []byte, issuer string) (jwksURI string, err error) {
	members, err := object(body)
	if err != nil {
		return "", err
	}
	said, err := text(members, "issuer")
	if err != nil || said != issuer {
		return "", fmt.Errorf("the configuration is another issuer's")
	}
	jwksURI, err = text(members, "jwks_uri")
	if err != nil {
		return "", err
	}
	u, err := url.Parse(jwksURI)
	if err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil {
		return "", fmt.Errorf("jwks_uri is not an https URL")
	}
	return jwksURI, nil
}
