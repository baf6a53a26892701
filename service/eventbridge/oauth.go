package eventbridge

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
)

const (
	// tokenLife is how long a token is used whose life is not told, and tokenEarly how
	// long before its end a new one is fetched.
	tokenLife  = time.Hour
	tokenEarly = time.Minute
)

// tokens are OAuth access tokens by connection, kept in memory alone.
type tokens struct {
	mu sync.Mutex // guards by
	by map[string]token
}

// A token is of one revision of its connection.
type token struct {
	value, revision string
	until           time.Time
}

func (t *tokens) get(name, revision string, now time.Time) (string, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	got, ok := t.by[name]
	return got.value, ok && got.revision == revision && now.Before(got.until)
}

func (t *tokens) put(name string, got token) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.by[name] = got
}

func (t *tokens) forget(name string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.by, name)
}

// token returns an access token for a connection (RFC 6749, 4.4: client credentials).
func (s *Service) token(ctx context.Context, c *connection) (string, error) {
	name := c.arn(s.Region)
	if known, ok := s.tokens.get(name, c.Revision, s.Clock.Now()); ok {
		return known, nil
	}
	req, err := tokenRequest(ctx, c)
	if err != nil {
		return "", &deliveryError{"INVALID_PARAMETER", "The token endpoint is no URL.", true}
	}
	res, err := s.http.Do(req)
	if err != nil {
		return "", &deliveryError{"CONNECTION_FAILURE", "The token endpoint did not answer.", false}
	}
	defer func() { _ = res.Body.Close() }()
	var answer struct {
		Token   string      `json:"access_token"`
		Expires json.Number `json:"expires_in"`
	}
	if res.StatusCode/100 != 2 || json.NewDecoder(io.LimitReader(res.Body, maxAnswer)).Decode(&answer) != nil || answer.Token == "" {
		return "", &deliveryError{"NO_PERMISSIONS", "The token endpoint gave no token.", false}
	}
	life := tokenLife
	if n, err := answer.Expires.Int64(); err == nil && n > 0 && n < int64(365*24*time.Hour/time.Second) {
		life = time.Duration(n) * time.Second
	}
	s.tokens.put(name, token{answer.Token, c.Revision, s.Clock.Now().Add(life - min(tokenEarly, life/2))})
	return answer.Token, nil
}

func tokenRequest(ctx context.Context, c *connection) (*http.Request, error) {
	form := url.Values{"grant_type": {"client_credentials"}, "client_id": {c.User}, "client_secret": {c.Secret}}
	for _, x := range c.OAuth.Body {
		form.Set(x.Key, x.Value)
	}
	u, err := url.Parse(c.Endpoint)
	if err != nil {
		return nil, err
	}
	q := u.Query()
	for _, x := range c.OAuth.Query {
		q.Set(x.Key, x.Value)
	}
	body := form.Encode()
	if c.Method == types.ConnectionOAuthHttpMethodGet {
		for k := range form {
			q.Set(k, form.Get(k))
		}
		body = ""
	}
	u.RawQuery = q.Encode()
	req, err := http.NewRequestWithContext(ctx, string(c.Method), u.String(), strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("User-Agent", agent)
	for _, x := range c.OAuth.Headers {
		req.Header.Set(x.Key, x.Value)
	}
	return req, nil
}
