package sts

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sts/types"
	"golang.org/x/sync/singleflight"

	"github.com/garrison-cloud/garrison/engine/federation"
	"github.com/garrison-cloud/garrison/internal/clock"
	"github.com/garrison-cloud/garrison/internal/recent"
)

// How providers' keys are fetched and kept.
const (
	// keptKeys is about how many providers' keys are kept.
	keptKeys = 256
	// keysLast is how long keys count before they are fetched anew, whoever asks.
	keysLast = time.Hour
	// keysRest is how long a provider is left alone after it was asked, even if a
	// token names a key that it didn't have: anyone can write such tokens.
	keysRest = 30 * time.Second
	// failureRests is how long a provider is left alone after it didn't answer.
	failureRests = 5 * time.Second
	// maxFetch is how long all of a provider's answers may take; AWS waits as long.
	maxFetch = 5 * time.Second
	// maxAnswer bounds an answer in bytes.
	maxAnswer = 512 << 10
)

// errStatus is an answer that is none.
var errStatus = errors.New("the provider doesn't have it")

// issuers are the OpenID Connect providers as they are on the network. Whom they
// may be is for accounts' administrators to say: nobody is asked whose provider
// has not been created. They are safe for concurrent use.
type issuers struct {
	clock   clock.Clock
	answers *recent.Map[string, answer]
	flights singleflight.Group
}

// An answer is what a provider had to say when it was last asked.
type answer struct {
	keys *federation.KeySet
	err  error
	at   time.Time
}

func newIssuers(c clock.Clock) *issuers {
	return &issuers{clock: c, answers: recent.New[string, answer](keptKeys)}
}

// keys returns a provider's keys, those that the token needs among them where the
// provider has them. It must not be called in a transaction: it may wait for
// the provider.
func (i *issuers) keys(ctx context.Context, p *federation.OIDCProvider, t *federation.Token) (*federation.KeySet, error) {
	id := p.URL + "\n" + strings.Join(p.Thumbprints, ",")
	held, ok := i.answers.Get(id)
	if ok && held.counts(i.clock.Now(), t) {
		return held.keys, held.err
	}
	got, _, _ := i.flights.Do(id, func() (any, error) {
		a := answer{at: i.clock.Now()}
		// Whoever waits with others must not lose the answer by who asked first.
		a.keys, a.err = i.fetch(context.WithoutCancel(ctx), p)
		i.answers.Put(id, a)
		return a, nil
	})
	a := got.(answer)
	return a.keys, a.err
}

// counts reports whether the answer is good enough for the token, for now.
func (a *answer) counts(now time.Time, t *federation.Token) bool {
	age := now.Sub(a.at)
	switch {
	case age < 0:
		return false
	case a.err != nil:
		return age < failureRests
	case age < keysRest:
		return true
	default:
		return age < keysLast && a.keys.Has(t)
	}
}

// fetch asks a provider for its keys. The error is the API's.
func (i *issuers) fetch(ctx context.Context, p *federation.OIDCProvider) (*federation.KeySet, error) {
	ctx, cancel := context.WithTimeout(ctx, maxFetch)
	defer cancel()
	client := i.client(p)
	defer client.CloseIdleConnections()
	issuer := "https://" + p.URL
	body, err := get(ctx, client, strings.TrimSuffix(issuer, "/")+"/.well-known/openid-configuration")
	if err != nil {
		return nil, unreachable(err)
	}
	address, err := federation.ParseDiscovery(body, issuer)
	if err != nil {
		return nil, unreachable(errStatus)
	}
	if body, err = get(ctx, client, address); err != nil {
		return nil, unreachable(err)
	}
	keys, err := federation.ParseKeySet(body)
	if err != nil {
		return nil, unreachable(errStatus)
	}
	return keys, nil
}

// unreachable is the API's error for what went wrong between us and a provider.
// It tells no more of that network than AWS does.
func unreachable(err error) error {
	switch {
	case errors.Is(err, errThumbprint):
		return untrusted("OpenIDConnect provider's HTTPS certificate doesn't match configured thumbprint")
	case errors.Is(err, errStatus):
		return untrusted("Couldn't retrieve verification key from your identity provider, please reference AssumeRoleWithWebIdentity documentation for requirements")
	default:
		message := "The identity provider that was asked to verify the incoming identity token could not be reached."
		return &types.IDPCommunicationErrorException{Message: &message}
	}
}

// client talks to one provider. It follows no redirect: where a provider's keys are,
// its configuration says.
func (i *issuers) client(p *federation.OIDCProvider) *http.Client {
	return &http.Client{
		Transport: &http.Transport{
			DialTLSContext: i.dialer(p.Thumbprints), ResponseHeaderTimeout: maxFetch, MaxResponseHeaderBytes: 64 << 10,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

func get(ctx context.Context, client *http.Client, address string) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
	if err != nil {
		return nil, errStatus
	}
	r.Header.Set("Accept", "application/json")
	answer, err := client.Do(r)
	if err != nil {
		return nil, fmt.Errorf("ask an identity provider: %w", err)
	}
	defer func() { _ = answer.Body.Close() }()
	switch {
	case answer.StatusCode >= 500:
		return nil, fmt.Errorf("an identity provider answers with status %d", answer.StatusCode)
	case answer.StatusCode != http.StatusOK:
		return nil, errStatus
	}
	body, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswer+1))
	if err != nil {
		return nil, fmt.Errorf("read an identity provider's answer: %w", err)
	}
	if len(body) > maxAnswer {
		return nil, errStatus
	}
	return body, nil
}
