package kms

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"github.com/garrison-cloud/garrison/internal/store"
)

const (
	tokenNonce = 16
	tokenHead  = tokenNonce + sha256.Size
)

func invalidToken() error {
	return &types.InvalidGrantTokenException{Message: aws.String("The grant token is not valid.")}
}

// token makes a token of the grant. Each is another, and all are as good: a
// nonce, its authentication, and the grant's place.
func (g *grant) token() string {
	b := random(tokenNonce)
	b = append(b, g.authenticate(b)...)
	b = append(b, g.Account+"/"+g.KeyID+"/"+g.ID...)
	return base64.RawURLEncoding.EncodeToString(b)
}

func (g *grant) authenticate(nonce []byte) []byte {
	h := hmac.New(sha256.New, g.Secret)
	h.Write(nonce)
	h.Write([]byte(g.ID))
	return h.Sum(nil)
}

// byToken reads the grant that a token was made for, or answers AWS's error.
func byToken(tx *store.Tx, token string) (*grant, error) {
	b, err := base64.RawURLEncoding.DecodeString(token)
	// The decoder is lenient, and a token has one spelling only.
	if err != nil || len(b) < tokenHead || base64.RawURLEncoding.EncodeToString(b) != token {
		return nil, invalidToken()
	}
	part := strings.Split(string(b[tokenHead:]), "/")
	if len(part) != 3 {
		return nil, invalidToken()
	}
	g, err := reference{account: part[0], id: part[1]}.grant(tx, part[2])
	if errors.Is(err, store.ErrNotFound) {
		return nil, invalidToken()
	}
	if err != nil {
		return nil, err
	}
	if !hmac.Equal(b[tokenNonce:tokenHead], g.authenticate(b[:tokenNonce])) {
		return nil, invalidToken()
	}
	return g, nil
}

// checkTokens refuses tokens that are none. Grants have effect at once here, so a
// good one adds nothing.
func (s *Service) checkTokens(ctx context.Context, tokens []string) error {
	if len(tokens) == 0 {
		return nil
	}
	return s.db.View(ctx, func(tx *store.Tx) error {
		for _, t := range tokens {
			if _, err := byToken(tx, t); err != nil {
				return err
			}
		}
		return nil
	})
}

// grant reads a grant of a key; store.ErrNotFound if either is not there.
func (r reference) grant(tx *store.Tx, id string) (*grant, error) {
	k, err := r.get(tx)
	if err != nil {
		return nil, err
	}
	return grants.Get(tx, k.Account, k.ID, id)
}
