package eventbridge_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"

	"github.com/garrison-cloud/garrison/internal/garrisontest"
	"github.com/garrison-cloud/garrison/internal/server"
)

// serve runs an endpoint until the test ends, and returns its URL.
func serve(t *testing.T, h http.Handler) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.URL
}

func apiKey(name, value string) *types.CreateConnectionAuthRequestParameters {
	return &types.CreateConnectionAuthRequestParameters{ApiKeyAuthParameters: &types.CreateConnectionApiKeyAuthRequestParameters{ApiKeyName: &name, ApiKeyValue: &value}}
}

// destination makes a connection, an API destination of it, and a role that may call
// it; nil auth is an API key.
func (w *world) destination(name, url string, auth *types.CreateConnectionAuthRequestParameters) types.Target {
	w.t.Helper()
	kind := types.ConnectionAuthorizationTypeApiKey
	switch {
	case auth == nil:
		auth = apiKey("X-Key", "sesame")
	case auth.BasicAuthParameters != nil:
		kind = types.ConnectionAuthorizationTypeBasic
	case auth.OAuthParameters != nil:
		kind = types.ConnectionAuthorizationTypeOauthClientCredentials
	}
	c, err := w.events.CreateConnection(w.t.Context(), &eventbridge.CreateConnectionInput{Name: &name, AuthorizationType: kind, AuthParameters: auth})
	if err != nil {
		w.t.Fatalf("create the connection %s: %v", name, err)
	}
	d, err := w.events.CreateApiDestination(w.t.Context(), &eventbridge.CreateApiDestinationInput{
		Name: &name, ConnectionArn: c.ConnectionArn, HttpMethod: types.ApiDestinationHttpMethodPost, InvocationEndpoint: &url,
	})
	if err != nil {
		w.t.Fatalf("create the API destination %s: %v", name, err)
	}
	role := w.role("caller-"+name, allowing(*d.ApiDestinationArn, "events:InvokeApiDestination"))
	to := target("1", *d.ApiDestinationArn)
	to.RoleArn = &role
	return to
}

// A call is what an endpoint was sent.
type call struct {
	header http.Header
	uri    string
	body   string
}

// recorder is an endpoint that keeps what it gets.
func recorder(calls chan<- call) http.Handler {
	return http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		b, err := io.ReadAll(r.Body)
		if err == nil {
			calls <- call{r.Header, r.URL.RequestURI(), string(b)}
		}
	})
}

func dev(c *server.Config) { c.Dev = true }

// TestAPIDestination calls with an API key, parameters and a body of its own.
func TestAPIDestination(t *testing.T) {
	t.Parallel()
	w := start(t, dev)
	calls := make(chan call, 1)
	auth := apiKey("X-Key", "sesame")
	auth.InvocationHttpParameters = &types.ConnectionHttpParameters{
		BodyParameters:   []types.ConnectionBodyParameter{{Key: aws.String("extra"), Value: aws.String("b")}},
		HeaderParameters: []types.ConnectionHeaderParameter{{Key: aws.String("X-Extra"), Value: aws.String("h"), IsValueSecret: true}},
	}
	to := w.destination("d", serve(t, recorder(calls))+"/orders/*", auth)
	to.InputPath = aws.String("$.detail")
	to.HttpParameters = &types.HttpParameters{
		PathParameterValues: []string{"$.detail.id"}, HeaderParameters: map[string]string{"X-Source": "$.source"}, QueryStringParameters: map[string]string{"q": "fix ed"},
	}
	w.rule("", "r", `{"source":["a"]}`, to)
	w.put(entry("a", "x", `{"id":"a/b"}`))
	got := <-calls
	var body map[string]string
	if err := json.Unmarshal([]byte(got.body), &body); err != nil || body["id"] != "a/b" || body["extra"] != "b" {
		t.Errorf("body = %s", got.body)
	}
	if got.uri != "/orders/a%2Fb?q=fix+ed" || got.header.Get("X-Key") != "sesame" || got.header.Get("X-Extra") != "h" || got.header.Get("X-Source") != "a" ||
		!strings.HasPrefix(got.header.Get("Content-Type"), "application/json") {
		t.Errorf("call = %s, %v", got.uri, got.header)
	}
	for _, e := range w.trails("CreateConnection", 1) {
		if strings.Contains(e, "sesame") {
			t.Errorf("CloudTrail tells the secret: %s", e)
		}
	}
}

func TestBasic(t *testing.T) {
	t.Parallel()
	w := start(t, dev)
	calls := make(chan call, 1)
	to := w.destination("d", serve(t, recorder(calls)), &types.CreateConnectionAuthRequestParameters{
		BasicAuthParameters: &types.CreateConnectionBasicAuthRequestParameters{Username: aws.String("ann"), Password: aws.String("secret")},
	})
	w.rule("", "r", `{"source":["a"]}`, to)
	w.put(entry("a", "x", `{}`))
	if got := (<-calls).header.Get("Authorization"); got != "Basic YW5uOnNlY3JldA==" {
		t.Errorf("Authorization = %q", got)
	}
}

// TestOAuth fetches a token once, and again when it is refused.
func TestOAuth(t *testing.T) {
	t.Parallel()
	w := start(t, dev)
	var fetched atomic.Int32
	issuer := serve(t, http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if r.ParseForm() != nil || r.Form.Get("grant_type") != "client_credentials" || r.Form.Get("client_id") != "id" || r.Form.Get("client_secret") != "secret" || r.Form.Get("scope") != "s" {
			rw.WriteHeader(http.StatusForbidden)
			return
		}
		n := "t" + string(rune('0'+fetched.Add(1)))
		_, _ = io.WriteString(rw, `{"access_token":"`+n+`","expires_in":3600}`)
	}))
	calls := make(chan string, 10)
	url := serve(t, http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		got := r.Header.Get("Authorization")
		calls <- got
		if got == "Bearer t1" && r.Header.Get("X-Refuse") == "yes" {
			rw.WriteHeader(http.StatusUnauthorized)
		}
	}))
	to := w.destination("d", url, &types.CreateConnectionAuthRequestParameters{OAuthParameters: &types.CreateConnectionOAuthRequestParameters{
		AuthorizationEndpoint: &issuer, HttpMethod: types.ConnectionOAuthHttpMethodPost,
		ClientParameters:    &types.CreateConnectionOAuthClientRequestParameters{ClientID: aws.String("id"), ClientSecret: aws.String("secret")},
		OAuthHttpParameters: &types.ConnectionHttpParameters{BodyParameters: []types.ConnectionBodyParameter{{Key: aws.String("scope"), Value: aws.String("s")}}},
	}})
	to.HttpParameters = &types.HttpParameters{HeaderParameters: map[string]string{"X-Refuse": "$.detail.refuse"}}
	w.rule("", "r", `{"source":["a"]}`, to)
	for range 2 {
		w.put(entry("a", "x", `{}`))
		if got := <-calls; got != "Bearer t1" {
			t.Errorf("Authorization = %q, want the first token", got)
		}
	}
	w.put(entry("a", "x", `{"refuse":"yes"}`))
	if got := <-calls; got != "Bearer t1" {
		t.Errorf("Authorization = %q, want the first token", got)
	}
	for range 100 {
		w.Clock.Advance(100 * time.Millisecond)
		select {
		case got := <-calls:
			if got != "Bearer t2" {
				t.Errorf("Authorization = %q, want a new token", got)
			}
			return
		case <-time.NewTimer(20 * time.Millisecond).C:
		}
	}
	t.Error("the refused call did not come again")
}

// TestRoleMustInvoke refuses a role without events:InvokeApiDestination.
func TestRoleMustInvoke(t *testing.T) {
	t.Parallel()
	w := start(t)
	letters, lettersARN := w.queue("letters")
	to := w.destination("d", "https://127.0.0.1:1/", nil)
	role := w.role("weak", allowing("*", "events:DescribeApiDestination"))
	to.RoleArn = &role
	w.rule("", "r", `{"source":["a"]}`, withLetters(to, lettersARN, 0))
	w.put(entry("a", "x", "{}"))
	if got := *w.receive(letters).MessageAttributes["ERROR_MESSAGE"].StringValue; !strings.Contains(got, "not authorized to perform: events:InvokeApiDestination") {
		t.Errorf("message = %s", got)
	}
}

func TestConnectionLife(t *testing.T) {
	t.Parallel()
	w := start(t)
	ctx, name := t.Context(), aws.String("d")
	w.destination("d", "https://example.com/", nil)
	_, err := w.events.CreateConnection(ctx, &eventbridge.CreateConnectionInput{Name: name, AuthorizationType: types.ConnectionAuthorizationTypeApiKey, AuthParameters: apiKey("a", "b")})
	garrisontest.Want(t, err, "ResourceAlreadyExistsException")
	_, err = w.events.CreateConnection(ctx, &eventbridge.CreateConnectionInput{Name: aws.String("e"), AuthorizationType: types.ConnectionAuthorizationTypeBasic, AuthParameters: apiKey("a", "b")})
	garrisontest.Want(t, err, "ValidationException")
	c, err := w.events.DescribeConnection(ctx, &eventbridge.DescribeConnectionInput{Name: name})
	if err != nil || c.ConnectionState != types.ConnectionStateAuthorized || *c.AuthParameters.ApiKeyAuthParameters.ApiKeyName != "X-Key" {
		t.Errorf("connection = %+v, %v", c, err)
	}
	for _, url := range []string{"http://example.com/", "http://127.0.0.1/", "ftp://example.com/", "https://ann@example.com/"} {
		_, err = w.events.CreateApiDestination(ctx, &eventbridge.CreateApiDestinationInput{
			Name: aws.String("x"), ConnectionArn: c.ConnectionArn, HttpMethod: types.ApiDestinationHttpMethodPost, InvocationEndpoint: &url,
		})
		garrisontest.Want(t, err, "ValidationException")
	}
	_, err = w.events.CreateApiDestination(ctx, &eventbridge.CreateApiDestinationInput{
		Name: aws.String("x"), ConnectionArn: aws.String(*c.ConnectionArn + "0"), HttpMethod: types.ApiDestinationHttpMethodPost, InvocationEndpoint: aws.String("https://example.com"),
	})
	if err == nil {
		t.Error("a connection that is not there is taken")
	}
	if _, err := w.events.UpdateApiDestination(ctx, &eventbridge.UpdateApiDestinationInput{Name: name, InvocationRateLimitPerSecond: aws.Int32(5)}); err != nil {
		t.Errorf("update the destination: %v", err)
	}
	if _, err := w.events.DeauthorizeConnection(ctx, &eventbridge.DeauthorizeConnectionInput{Name: name}); err != nil {
		t.Errorf("deauthorize: %v", err)
	}
	d, err := w.events.DescribeApiDestination(ctx, &eventbridge.DescribeApiDestinationInput{Name: name})
	if err != nil || *d.InvocationRateLimitPerSecond != 5 || d.ApiDestinationState != types.ApiDestinationStateInactive {
		t.Errorf("destination = %+v, %v", d, err)
	}
	u, err := w.events.UpdateConnection(ctx, &eventbridge.UpdateConnectionInput{Name: name, AuthorizationType: types.ConnectionAuthorizationTypeApiKey, AuthParameters: &types.UpdateConnectionAuthRequestParameters{
		ApiKeyAuthParameters: &types.UpdateConnectionApiKeyAuthRequestParameters{ApiKeyValue: aws.String("new")},
	}})
	if err != nil || u.ConnectionState != types.ConnectionStateAuthorized {
		t.Errorf("update = %+v, %v", u, err)
	}
	connections, err := w.events.ListConnections(ctx, &eventbridge.ListConnectionsInput{NamePrefix: name})
	if err != nil || len(connections.Connections) != 1 {
		t.Errorf("connections = %+v, %v", connections, err)
	}
	destinations, err := w.events.ListApiDestinations(ctx, &eventbridge.ListApiDestinationsInput{ConnectionArn: c.ConnectionArn})
	if err != nil || len(destinations.ApiDestinations) != 1 || destinations.ApiDestinations[0].ApiDestinationState != types.ApiDestinationStateActive {
		t.Errorf("destinations = %+v, %v", destinations, err)
	}
	if _, err := w.events.DeleteApiDestination(ctx, &eventbridge.DeleteApiDestinationInput{Name: name}); err != nil {
		t.Errorf("delete the destination: %v", err)
	}
	if _, err := w.events.DeleteConnection(ctx, &eventbridge.DeleteConnectionInput{Name: name}); err != nil {
		t.Errorf("delete the connection: %v", err)
	}
	_, err = w.events.DescribeConnection(ctx, &eventbridge.DescribeConnectionInput{Name: name})
	garrisontest.Want(t, err, "ResourceNotFoundException: Connection 'd' does not exist.")
	_, err = w.events.DescribeApiDestination(ctx, &eventbridge.DescribeApiDestinationInput{Name: name})
	garrisontest.Want(t, err, "ResourceNotFoundException")
	for _, op := range []string{"CreateApiDestination", "UpdateApiDestination", "DescribeApiDestination", "ListApiDestinations", "DeleteApiDestination", "UpdateConnection", "DescribeConnection", "ListConnections", "DeauthorizeConnection", "DeleteConnection"} {
		w.trails(op, 1)
	}
}

func TestConnectionsAreDenied(t *testing.T) {
	t.Parallel()
	w := start(t)
	w.destination("d", "https://example.com/", nil)
	c, ctx, name := eventbridge.NewFromConfig(w.User(t, "ann", "")), t.Context(), aws.String("d")
	for op, call := range map[string]func() error{
		"CreateConnection": func() error {
			_, err := c.CreateConnection(ctx, &eventbridge.CreateConnectionInput{Name: name, AuthorizationType: types.ConnectionAuthorizationTypeApiKey, AuthParameters: apiKey("a", "b")})
			return err
		},
		"UpdateConnection": func() error {
			_, err := c.UpdateConnection(ctx, &eventbridge.UpdateConnectionInput{Name: name})
			return err
		},
		"DescribeConnection": func() error {
			_, err := c.DescribeConnection(ctx, &eventbridge.DescribeConnectionInput{Name: name})
			return err
		},
		"DeauthorizeConnection": func() error {
			_, err := c.DeauthorizeConnection(ctx, &eventbridge.DeauthorizeConnectionInput{Name: name})
			return err
		},
		"DeleteConnection": func() error {
			_, err := c.DeleteConnection(ctx, &eventbridge.DeleteConnectionInput{Name: name})
			return err
		},
		"ListConnections": func() error { _, err := c.ListConnections(ctx, &eventbridge.ListConnectionsInput{}); return err },
		"CreateApiDestination": func() error {
			_, err := c.CreateApiDestination(ctx, &eventbridge.CreateApiDestinationInput{
				Name: name, ConnectionArn: aws.String(arnOf("events", "connection/d/00000000-0000-0000-0000-000000000000")), HttpMethod: types.ApiDestinationHttpMethodPost, InvocationEndpoint: aws.String("https://example.com"),
			})
			return err
		},
		"UpdateApiDestination": func() error {
			_, err := c.UpdateApiDestination(ctx, &eventbridge.UpdateApiDestinationInput{Name: name})
			return err
		},
		"DescribeApiDestination": func() error {
			_, err := c.DescribeApiDestination(ctx, &eventbridge.DescribeApiDestinationInput{Name: name})
			return err
		},
		"DeleteApiDestination": func() error {
			_, err := c.DeleteApiDestination(ctx, &eventbridge.DeleteApiDestinationInput{Name: name})
			return err
		},
		"ListApiDestinations": func() error {
			_, err := c.ListApiDestinations(ctx, &eventbridge.ListApiDestinationsInput{})
			return err
		},
	} {
		if got := garrisontest.Fault(call()); !strings.HasPrefix(got, "AccessDeniedException: User: arn:aws:iam::"+account+":user/ann is not authorized to perform: events:"+op) {
			t.Errorf("%s = %q, want it denied", op, got)
		}
	}
}
