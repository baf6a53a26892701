package eventbridge

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"

	"github.com/garrison-cloud/garrison/engine/eventpattern"
	"github.com/garrison-cloud/garrison/internal/arn"
	"github.com/garrison-cloud/garrison/internal/store"
)

const (
	// httpTimeout is how long an endpoint has to answer (EventBridge User Guide, "API
	// destinations": 5 seconds).
	httpTimeout = 5 * time.Second
	// maxAnswer bounds how much of an answer is read.
	maxAnswer = 64 << 10
	agent     = "Amazon/EventBridge/ApiDestinations"
)

// newHTTPClient follows no redirect: what was configured is called, nothing else.
func newHTTPClient() *http.Client {
	return &http.Client{
		Timeout: httpTimeout,
		Transport: &http.Transport{
			MaxIdleConnsPerHost: perTarget, MaxConnsPerHost: carriers, IdleConnTimeout: time.Minute, MaxResponseHeaderBytes: maxAnswer, ForceAttemptHTTP2: true,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// paces hold destinations to their rates.
type paces struct {
	mu   sync.Mutex // guards next
	next map[string]pace
}

// A pace is how many calls a second has had.
type pace struct {
	second time.Time
	calls  int
}

// take returns when the next call may be made: the second that has room for it.
func (p *paces) take(name string, rate int, now time.Time) time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	at := p.next[name]
	if second := now.Truncate(time.Second); second.After(at.second) {
		at = pace{second: second}
	}
	if at.calls >= rate {
		at = pace{second: at.second.Add(time.Second)}
	}
	at.calls++
	p.next[name] = at
	return at.second
}

// sendHTTP calls an API destination, if the target's role may.
func (s *Service) sendHTTP(ctx context.Context, l *load, as *Sender, input string) error {
	d, c, err := s.route(ctx, l)
	if err != nil {
		return err
	}
	check := context.WithValue(ctx, invokingKey{}, true)
	if err := s.Targets.DescribeAPIDestination(check, as, &eventbridge.DescribeApiDestinationInput{Name: &d.Name}); err != nil {
		return ofTarget(err)
	}
	rate := defaultRate
	if d.Rate != nil {
		rate = int(*d.Rate)
	}
	if err := s.Clock.Until(ctx, s.paces.take(d.arn(s.Region), rate, s.Clock.Now())); err != nil {
		return err
	}
	req, err := s.request(ctx, l, d, c.Invocation, input)
	if err != nil {
		return err
	}
	if err := s.sign(ctx, req, c); err != nil {
		return err
	}
	return s.call(req, c)
}

// route reads the destination and its connection.
func (s *Service) route(ctx context.Context, l *load) (d *destination, c *connection, err error) {
	a, err := arn.Parse(l.target.ARN)
	if err != nil || a.AccountID != l.Account {
		return nil, nil, &deliveryError{"INVALID_PARAMETER", "The API destination is not of the rule's account.", true}
	}
	name, _, _ := strings.Cut(strings.TrimPrefix(a.Resource, "api-destination/"), "/")
	err = s.DB.View(ctx, func(tx *store.Tx) (err error) {
		if d, err = s.destination(tx, a.AccountID, name); err != nil {
			return err
		}
		if d.arn(s.Region) != l.target.ARN {
			return missing("The api-destination does not exist.")
		}
		c, err = s.connectionBy(tx, d.Account, d.Connection)
		return err
	})
	switch {
	case notThere(err):
		return nil, nil, &deliveryError{"NO_RESOURCE", "The API destination or its connection does not exist.", true}
	case err == nil && c.Deauthorized:
		return nil, nil, &deliveryError{"NO_PERMISSIONS", "The connection is not authorized.", true}
	}
	return d, c, err
}

// request makes the call of a destination.
func (s *Service) request(ctx context.Context, l *load, d *destination, extras httpExtras, input string) (*http.Request, error) {
	var own httpParameters
	if l.target.HTTP != nil {
		own = *l.target.HTTP
	}
	e, err := eventpattern.ParseEvent(l.event.Body)
	if err != nil {
		return nil, err
	}
	endpoint := d.Endpoint
	for _, v := range own.Path {
		endpoint = strings.Replace(endpoint, "*", url.PathEscape(dynamic(e, v)), 1)
	}
	u, err := url.Parse(endpoint)
	if err != nil {
		return nil, &deliveryError{"INVALID_PARAMETER", "The endpoint is no URL.", true}
	}
	q := u.Query()
	for k, v := range own.Query {
		q.Set(k, dynamic(e, v))
	}
	for _, x := range extras.Query {
		q.Set(x.Key, x.Value)
	}
	u.RawQuery = q.Encode()
	req, err := http.NewRequestWithContext(ctx, string(d.Method), u.String(), bytes.NewReader(withBody(input, extras.Body)))
	if err != nil {
		return nil, &deliveryError{"INVALID_PARAMETER", "The endpoint is no URL.", true}
	}
	req.Header.Set("Content-Type", "application/json; charset=utf-8")
	req.Header.Set("User-Agent", agent)
	for k, v := range own.Headers {
		req.Header.Set(k, dynamic(e, v))
	}
	for _, x := range extras.Headers {
		req.Header.Set(x.Key, x.Value)
	}
	return req, nil
}

// dynamic is a parameter's value: what is at a path in the event, or the text itself
// (EventBridge User Guide, "Dynamic path parameters").
func dynamic(e *eventpattern.Event, v string) string {
	p, err := eventpattern.ParsePath(v)
	if err != nil {
		return v
	}
	found, ok := p.Find(e)
	if !ok {
		return ""
	}
	var text string
	if json.Unmarshal([]byte(found), &text) == nil {
		return text
	}
	return found
}

// withBody adds the connection's parameters to a JSON object.
func withBody(input string, extras []extra) []byte {
	var body map[string]json.RawMessage
	if len(extras) == 0 || json.Unmarshal([]byte(input), &body) != nil || body == nil {
		return []byte(input)
	}
	for _, x := range extras {
		body[x.Key] = json.RawMessage(quoted(x.Value))
	}
	out, err := json.Marshal(body)
	if err != nil { // it was JSON before
		return []byte(input)
	}
	return out
}

// call sends a request, and sorts the answer (EventBridge User Guide, "API
// destinations": what is tried again).
func (s *Service) call(req *http.Request, c *connection) error {
	res, err := s.http.Do(req)
	if err != nil {
		return &deliveryError{"CONNECTION_FAILURE", "The endpoint did not answer.", false}
	}
	defer func() { _ = res.Body.Close() }()
	if _, err := io.CopyN(io.Discard, res.Body, maxAnswer); err != nil && !errors.Is(err, io.EOF) {
		return &deliveryError{"CONNECTION_FAILURE", "The endpoint's answer was cut short.", false}
	}
	text := fmt.Sprintf("The endpoint answered %d.", res.StatusCode)
	switch code := res.StatusCode; {
	case code >= 200 && code < 300:
		return nil
	case code == http.StatusUnauthorized || code == http.StatusProxyAuthRequired:
		s.tokens.forget(c.arn(s.Region))
		return &deliveryError{"NO_PERMISSIONS", text, false}
	case code == http.StatusTooManyRequests:
		return &deliveryError{"THROTTLING", text, false}
	case code == http.StatusConflict || code >= 500:
		return &deliveryError{"ERROR_FROM_TARGET", text, false}
	default:
		return &deliveryError{"SDK_CLIENT_ERROR", text, true}
	}
}

// sign adds what proves who calls.
func (s *Service) sign(ctx context.Context, req *http.Request, c *connection) error {
	switch c.Kind {
	case types.ConnectionAuthorizationTypeBasic:
		req.SetBasicAuth(c.User, c.Secret)
	case types.ConnectionAuthorizationTypeApiKey:
		req.Header.Set(c.User, c.Secret)
	default:
		t, err := s.token(ctx, c)
		if err != nil {
			return err
		}
		req.Header.Set("Authorization", "Bearer "+t)
	}
	return nil
}
