package sts

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts/types"
	"github.com/fxamacker/cbor/v2"

	"github.com/garrison-cloud/garrison/internal/authz"
	"github.com/garrison-cloud/garrison/internal/store"
)

// What Session answers when there is no key to verify with.
var (
	// ErrNoKey: the token is not one of this store, or belongs to another key.
	ErrNoKey = errors.New("no such session")
	// ErrExpired: the credentials were good, and have expired.
	ErrExpired = errors.New("the session has expired")
)

const (
	// maxToken is the longest session token in bytes, so that it fits what proxies
	// and servers take for a header.
	maxToken = 8 << 10
	// openSessions is about how many opened tokens are kept.
	openSessions = 8192
)

// Session returns the secret access key and the principal of temporary
// credentials. The error is ErrNoKey, ErrExpired, or that the store could not be
// read. The principal is shared by all calls of the session.
func (s *Service) Session(ctx context.Context, accessKeyID, token string) (secret string, p *authz.Principal, err error) {
	if len(token) > maxToken {
		return "", nil, ErrNoKey
	}
	k := credentials{accessKeyID, token}
	held, ok := s.sessions.Get(k)
	if !ok {
		if held, err = s.open(ctx, k); err != nil {
			return "", nil, err
		}
		s.sessions.Put(k.clone(), held)
	}
	if !s.clock.Now().Before(held.principal.Session.Expires) {
		return "", nil, ErrExpired
	}
	p, err = s.limit(ctx, held)
	if err != nil {
		return "", nil, err
	}
	return held.secret, p, nil
}

func (s *Service) open(ctx context.Context, k credentials) (*session, error) {
	plain, err := s.unseal(ctx, forSession, k.accessKeyID, k.token)
	if errors.Is(err, errSealed) {
		return nil, ErrNoKey
	}
	if err != nil {
		return nil, err
	}
	c, err := parseClaims(plain)
	if err != nil {
		return nil, err
	}
	p := c.principal(strings.Clone(k.accessKeyID))
	return &session{secret: c.Secret, principal: p, managed: c.Given.Managed}, nil
}

// limit adds managed session policies to the principal, as they read now. One
// that is gone allows nothing.
func (s *Service) limit(ctx context.Context, held *session) (*authz.Principal, error) {
	if len(held.managed) == 0 {
		return held.principal, nil
	}
	p, carried := *held.principal, *held.principal.Session
	documents := append(make([]string, 0, len(held.managed)+1), carried.Policies...)
	for _, name := range held.managed {
		d, err := s.roles.ManagedPolicy(ctx, p.Account, name)
		if errors.Is(err, store.ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("read session policy %s: %w", name, err)
		}
		documents = append(documents, d)
	}
	carried.Policies, p.Session = documents, &carried
	return &p, nil
}

// issue makes credentials of the claims that last for d. It adds the secret and
// the times.
func (s *Service) issue(ctx context.Context, c *claims, d time.Duration) (*types.Credentials, error) {
	now := s.clock.Now().Truncate(time.Second)
	expires := now.Add(d)
	c.Created, c.Expires, c.Secret = now.Unix(), expires.Unix(), newSecret()
	plain, err := cbor.Marshal(c)
	if err != nil {
		return nil, fmt.Errorf("write the claims of a session token: %w", err)
	}
	id := authz.NewAccessKeyID(authz.TemporaryKey, c.Account)
	token, err := s.seal(ctx, forSession, id, plain)
	if err != nil {
		return nil, err
	}
	if len(token) > maxToken {
		return nil, tooLarge("The tags of the role and of the session are too large for a session token.")
	}
	return &types.Credentials{
		AccessKeyId: &id, SecretAccessKey: aws.String(c.Secret), SessionToken: &token, Expiration: &expires,
	}, nil
}

// newSecret returns a secret access key in AWS's form: forty characters, of 240
// random bits.
func newSecret() string {
	var b [30]byte
	rand.Read(b[:])
	return base64.StdEncoding.EncodeToString(b[:])
}
