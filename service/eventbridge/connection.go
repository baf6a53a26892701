package eventbridge

import (
	"context"
	"errors"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/google/uuid"

	"github.com/garrison-cloud/garrison/internal/arn"
	"github.com/garrison-cloud/garrison/internal/authz"
	"github.com/garrison-cloud/garrison/internal/store"
	"github.com/garrison-cloud/garrison/internal/wire"
)

const (
	connectionType = "AWS::Events::Connection"
	// maxConnections and maxDestinations are per account and Region (EventBridge User
	// Guide, "Quotas").
	maxConnections  = 3000
	maxDestinations = 3000
)

// A connection is how API destinations are authorized. The store seals its secrets
// like all rows.
type connection struct {
	Account, Name, ID string
	Description       string
	Kind              types.ConnectionAuthorizationType
	// User and Secret are the name and the value of an API key, a user's name and
	// password, or an OAuth client's id and secret.
	User, Secret string
	// Endpoint and Method are where OAuth tokens come from.
	Endpoint     string
	Method       types.ConnectionOAuthHttpMethod
	OAuth        httpExtras
	Invocation   httpExtras
	Deauthorized bool
	// Revision changes with the secrets: a token is of one.
	Revision                      string
	Created, Modified, Authorized time.Time
}

// httpExtras are parameters that are added to requests.
type httpExtras struct{ Body, Headers, Query []extra }

type extra struct {
	Key, Value string
	Secret     bool
}

var connections = store.NewTable("eventbridge.connection", func(c *connection) store.Key { return store.K(c.Account, c.Name) })

func (c *connection) arn(region string) string {
	return arn.New("events", region, c.Account, "connection/"+c.Name+"/"+c.ID)
}

func (c *connection) state() types.ConnectionState {
	if c.Deauthorized {
		return types.ConnectionStateDeauthorized
	}
	return types.ConnectionStateAuthorized
}

func missingConnection(name string) error { return missing("Connection '%s' does not exist.", name) }

func (s *Service) connection(tx *store.Tx, account, name string) (*connection, error) {
	c, err := connections.Get(tx, account, name)
	if errors.Is(err, store.ErrNotFound) {
		return nil, missingConnection(name)
	}
	return c, err
}

// checkURL takes https URLs, and with Loopback http ones of this machine.
func (s *Service) checkURL(name, text string) error {
	u, err := url.Parse(strings.ReplaceAll(text, "*", "x"))
	if err != nil || u.Host == "" || u.User != nil {
		return invalid("Parameter %s is not valid.", name)
	}
	host, err := netip.ParseAddr(u.Hostname())
	loopback := u.Hostname() == "localhost" || err == nil && host.IsLoopback()
	if u.Scheme == "https" || u.Scheme == "http" && loopback && s.Loopback {
		return nil
	}
	return invalid("Parameter %s is not valid. Reason: The endpoint must use HTTPS.", name)
}

func extrasOf(in *types.ConnectionHttpParameters) (x httpExtras) {
	if in == nil {
		return x
	}
	for _, p := range in.BodyParameters {
		x.Body = append(x.Body, extra{aws.ToString(p.Key), aws.ToString(p.Value), p.IsValueSecret})
	}
	for _, p := range in.HeaderParameters {
		x.Headers = append(x.Headers, extra{aws.ToString(p.Key), aws.ToString(p.Value), p.IsValueSecret})
	}
	for _, p := range in.QueryStringParameters {
		x.Query = append(x.Query, extra{aws.ToString(p.Key), aws.ToString(p.Value), p.IsValueSecret})
	}
	return x
}

// shown leaves the values out that are secret.
func (x httpExtras) shown() *types.ConnectionHttpParameters {
	if len(x.Body)+len(x.Headers)+len(x.Query) == 0 {
		return nil
	}
	value := func(e extra) *string {
		if e.Secret {
			return nil
		}
		return aws.String(e.Value)
	}
	out := &types.ConnectionHttpParameters{}
	for _, e := range x.Body {
		out.BodyParameters = append(out.BodyParameters, types.ConnectionBodyParameter{Key: aws.String(e.Key), Value: value(e), IsValueSecret: e.Secret})
	}
	for _, e := range x.Headers {
		out.HeaderParameters = append(out.HeaderParameters, types.ConnectionHeaderParameter{Key: aws.String(e.Key), Value: value(e), IsValueSecret: e.Secret})
	}
	for _, e := range x.Query {
		out.QueryStringParameters = append(out.QueryStringParameters, types.ConnectionQueryStringParameter{Key: aws.String(e.Key), Value: value(e), IsValueSecret: e.Secret})
	}
	return out
}

// CreateConnection makes a connection.
func (s *Service) CreateConnection(ctx context.Context, in *eventbridge.CreateConnectionInput) (*eventbridge.CreateConnectionOutput, error) {
	call := wire.CallFrom(ctx)
	if in.InvocationConnectivityParameters != nil || in.AuthParameters.ConnectivityParameters != nil || in.KmsKeyIdentifier != nil {
		return nil, notBuilt("Private connectivity and customer managed keys of connections are")
	}
	c := &connection{Account: call.Account(), Name: *in.Name, ID: uuid.NewString(), Description: aws.ToString(in.Description), Kind: in.AuthorizationType, Revision: uuid.NewString()}
	if err := s.authorizeBy(c, in.AuthParameters); err != nil {
		return nil, err
	}
	name := c.arn(s.Region)
	call.Made = append(call.Made, wire.Resource{ARN: name, Type: connectionType})
	err := s.DB.Update(ctx, func(tx *store.Tx) error {
		n := 0
		for _, err := range connections.Scan(tx, store.Range{Prefix: store.K(c.Account)}) {
			if err != nil {
				return err
			}
			n++
		}
		c.Created, c.Modified, c.Authorized = tx.Now(), tx.Now(), tx.Now()
		err := connections.Insert(tx, c)
		switch {
		case errors.Is(err, store.ErrExists):
			return exists("Connection %s already exists.", c.Name)
		case err == nil && n >= maxConnections:
			return limit("The requested resource exceeds the maximum number allowed.")
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return &eventbridge.CreateConnectionOutput{ConnectionArn: &name, ConnectionState: c.state(), CreationTime: &c.Created, LastModifiedTime: &c.Modified}, nil
}

// authorizeBy sets the secrets, which must be of the connection's kind.
func (s *Service) authorizeBy(c *connection, in *types.CreateConnectionAuthRequestParameters) error {
	c.Invocation = extrasOf(in.InvocationHttpParameters)
	switch {
	case c.Kind == types.ConnectionAuthorizationTypeApiKey && in.ApiKeyAuthParameters != nil:
		c.User, c.Secret = *in.ApiKeyAuthParameters.ApiKeyName, *in.ApiKeyAuthParameters.ApiKeyValue
	case c.Kind == types.ConnectionAuthorizationTypeBasic && in.BasicAuthParameters != nil:
		c.User, c.Secret = *in.BasicAuthParameters.Username, *in.BasicAuthParameters.Password
	case c.Kind == types.ConnectionAuthorizationTypeOauthClientCredentials && in.OAuthParameters != nil:
		o := in.OAuthParameters
		c.User, c.Secret = *o.ClientParameters.ClientID, *o.ClientParameters.ClientSecret
		c.Endpoint, c.Method, c.OAuth = *o.AuthorizationEndpoint, o.HttpMethod, extrasOf(o.OAuthHttpParameters)
		return s.checkURL("AuthorizationEndpoint", c.Endpoint)
	default:
		return invalid("Parameter AuthParameters is not valid. Reason: AuthParameters must be of the AuthorizationType %s.", c.Kind)
	}
	return nil
}

// UpdateConnection changes a connection, and authorizes it again.
func (s *Service) UpdateConnection(ctx context.Context, in *eventbridge.UpdateConnectionInput) (*eventbridge.UpdateConnectionOutput, error) {
	if in.InvocationConnectivityParameters != nil || in.KmsKeyIdentifier != nil || in.AuthParameters != nil && in.AuthParameters.ConnectivityParameters != nil {
		return nil, notBuilt("Private connectivity and customer managed keys of connections are")
	}
	c, err := s.editConnection(ctx, *in.Name, func(c *connection, now time.Time) error {
		if in.Description != nil {
			c.Description = *in.Description
		}
		if in.AuthorizationType != "" && in.AuthorizationType != c.Kind {
			c.Kind, c.User, c.Secret, c.Endpoint, c.Method, c.OAuth = in.AuthorizationType, "", "", "", "", httpExtras{}
		}
		c.Deauthorized, c.Authorized, c.Revision = false, now, uuid.NewString()
		if in.AuthParameters != nil {
			c.merge(in.AuthParameters)
		}
		if c.User == "" || c.Secret == "" {
			return invalid("Parameter AuthParameters is not valid. Reason: AuthParameters must be of the AuthorizationType %s.", c.Kind)
		}
		if c.Kind == types.ConnectionAuthorizationTypeOauthClientCredentials {
			return s.checkURL("AuthorizationEndpoint", c.Endpoint)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &eventbridge.UpdateConnectionOutput{
		ConnectionArn: aws.String(c.arn(s.Region)), ConnectionState: c.state(), CreationTime: &c.Created, LastModifiedTime: &c.Modified, LastAuthorizedTime: &c.Authorized,
	}, nil
}

// merge takes over what is given of the connection's kind.
func (c *connection) merge(in *types.UpdateConnectionAuthRequestParameters) {
	set := func(to *string, v *string) {
		if v != nil {
			*to = *v
		}
	}
	if in.InvocationHttpParameters != nil {
		c.Invocation = extrasOf(in.InvocationHttpParameters)
	}
	switch {
	case c.Kind == types.ConnectionAuthorizationTypeApiKey && in.ApiKeyAuthParameters != nil:
		set(&c.User, in.ApiKeyAuthParameters.ApiKeyName)
		set(&c.Secret, in.ApiKeyAuthParameters.ApiKeyValue)
	case c.Kind == types.ConnectionAuthorizationTypeBasic && in.BasicAuthParameters != nil:
		set(&c.User, in.BasicAuthParameters.Username)
		set(&c.Secret, in.BasicAuthParameters.Password)
	case c.Kind == types.ConnectionAuthorizationTypeOauthClientCredentials && in.OAuthParameters != nil:
		o := in.OAuthParameters
		set(&c.Endpoint, o.AuthorizationEndpoint)
		if o.ClientParameters != nil {
			set(&c.User, o.ClientParameters.ClientID)
			set(&c.Secret, o.ClientParameters.ClientSecret)
		}
		if o.HttpMethod != "" {
			c.Method = o.HttpMethod
		}
		if o.OAuthHttpParameters != nil {
			c.OAuth = extrasOf(o.OAuthHttpParameters)
		}
	}
}

// editConnection changes a connection of the caller's.
func (s *Service) editConnection(ctx context.Context, name string, change func(c *connection, now time.Time) error) (out *connection, err error) {
	account := wire.CallFrom(ctx).Account()
	err = s.DB.Update(ctx, func(tx *store.Tx) error {
		c, err := s.connection(tx, account, name)
		if err != nil {
			return err
		}
		if err := change(c, tx.Now()); err != nil {
			return err
		}
		c.Modified = tx.Now()
		out = c
		return connections.Put(tx, c)
	})
	return out, err
}

// onConnection asks for the operation's own action on a connection of the caller's.
func (s *Service) onConnection(ctx context.Context, name string) (authz.Target, error) {
	account := wire.CallFrom(ctx).Account()
	t := authz.Target{Resource: arn.New("events", s.Region, account, "connection/"+name+"/*"), Type: connectionType}
	err := s.DB.View(ctx, func(tx *store.Tx) error {
		c, err := s.connection(tx, account, name)
		if err == nil {
			t.Resource = c.arn(s.Region)
		}
		return err
	})
	return t, gone(&t, err)
}
