package relay

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"sync"
)

// maxAnswer bounds an answer's bytes.
const maxAnswer = 4 << 10

// RemoteConfig says where a Region is that lives in another process.
type RemoteConfig struct {
	URL    string       // of its endpoint, http or https; Path is added
	Secret []byte       // the Server's
	Client *http.Client // nil: one with the defaults; redirects are never followed
}

// A Remote is a Region in another process: it delivers to a Server. Its methods are
// safe for concurrent use.
type Remote struct {
	url    string
	secret secret
	client *http.Client
	stores sync.Map // Region → the identity of its store, as it last said
}

// errURL doesn't show the URL: a password may be in it.
var errURL = errors.New("a peer's URL is http://host:port or https://host:port, without user, query or fragment")

// NewRemote returns the Peer at a URL. It fails with ErrSecret, and for a URL that
// is no plain address of an endpoint.
func NewRemote(c RemoteConfig) (*Remote, error) {
	key, err := newSecret(c.Secret)
	if err != nil {
		return nil, err
	}
	u, err := url.Parse(c.URL)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return nil, errURL
	}
	client := http.Client{}
	if c.Client != nil {
		client = *c.Client
	}
	// A redirect leads to another endpoint than the operator named.
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &Remote{url: u.JoinPath(Path).String(), secret: key, client: &client}, nil
}

// Deliver sends the batch, see Peer. The first time, and when the receiver's store
// has been made anew, it takes a second request: the first learns which store it is.
func (r *Remote) Deliver(ctx context.Context, b *Batch) (uint64, error) {
	if err := b.check(); err != nil {
		return 0, err
	}
	bound := *b
	if id, ok := r.stores.Load(b.To); ok {
		bound.Into = id.(string)
	}
	a, err := r.ask(ctx, &bound)
	if err == nil && a.Store != "" {
		r.stores.Store(b.To, a.Store)
		bound.Into = a.Store
		a, err = r.ask(ctx, &bound)
	}
	if err != nil {
		return 0, err
	}
	return a.Applied, a.err(b.To)
}

// ask sends one request.
func (r *Remote) ask(ctx context.Context, b *Batch) (*answer, error) {
	plain, err := encoding.Marshal(b)
	if err != nil {
		return nil, err
	}
	way := newRoute(b.From, b.To)
	body, err := r.secret.sealRequest(&way, plain)
	if err != nil {
		return nil, err
	}
	raw, err := r.post(ctx, body)
	if err != nil {
		return nil, fmt.Errorf("deliver to %s: %w", b.To, err)
	}
	opened, err := r.secret.openAnswer(&way, raw)
	if err != nil {
		return nil, fmt.Errorf("the answer of %s is none: %w", b.To, err)
	}
	a := new(answer)
	if decoding.Unmarshal(opened, a) != nil {
		return nil, fmt.Errorf("the answer of %s can't be decoded", b.To)
	}
	return a, nil
}

func (a *answer) err(region string) error {
	switch {
	case a.Forked:
		return ErrForked
	case a.Error != "":
		return fmt.Errorf("%s answers: %s", region, a.Error)
	}
	return nil
}

// post returns the body of a 200.
func (r *Remote) post(ctx context.Context, body []byte) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, r.url, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/octet-stream")
	resp, err := r.client.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }() // all that matters has been read
	raw, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	switch {
	case err != nil:
		return nil, err
	case resp.StatusCode == http.StatusForbidden:
		return nil, errors.New("it doesn't know this process's relay secret; all processes need the same one")
	case resp.StatusCode != http.StatusOK:
		return nil, fmt.Errorf("it answers %s", resp.Status)
	case len(raw) > maxAnswer:
		return nil, errors.New("it answers more than a relay does")
	}
	return raw, nil
}
