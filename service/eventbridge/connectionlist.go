package eventbridge

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"

	"github.com/garrison-cloud/garrison/internal/arn"
	"github.com/garrison-cloud/garrison/internal/authz"
	"github.com/garrison-cloud/garrison/internal/store"
	"github.com/garrison-cloud/garrison/internal/wire"
)

// DescribeConnection tells of a connection, less its secrets.
func (s *Service) DescribeConnection(ctx context.Context, in *eventbridge.DescribeConnectionInput) (*eventbridge.DescribeConnectionOutput, error) {
	var c *connection
	err := s.DB.View(ctx, func(tx *store.Tx) (err error) {
		c, err = s.connection(tx, wire.CallFrom(ctx).Account(), *in.Name)
		return err
	})
	if err != nil {
		return nil, err
	}
	return &eventbridge.DescribeConnectionOutput{
		ConnectionArn: aws.String(c.arn(s.Region)), Name: &c.Name, Description: optional(c.Description), AuthorizationType: c.Kind, AuthParameters: c.shown(),
		ConnectionState: c.state(), CreationTime: &c.Created, LastModifiedTime: &c.Modified, LastAuthorizedTime: &c.Authorized,
	}, nil
}

func (c *connection) shown() *types.ConnectionAuthResponseParameters {
	out := &types.ConnectionAuthResponseParameters{InvocationHttpParameters: c.Invocation.shown()}
	switch c.Kind {
	case types.ConnectionAuthorizationTypeApiKey:
		out.ApiKeyAuthParameters = &types.ConnectionApiKeyAuthResponseParameters{ApiKeyName: &c.User}
	case types.ConnectionAuthorizationTypeBasic:
		out.BasicAuthParameters = &types.ConnectionBasicAuthResponseParameters{Username: &c.User}
	case types.ConnectionAuthorizationTypeOauthClientCredentials:
		out.OAuthParameters = &types.ConnectionOAuthResponseParameters{
			AuthorizationEndpoint: &c.Endpoint, HttpMethod: c.Method, OAuthHttpParameters: c.OAuth.shown(),
			ClientParameters: &types.ConnectionOAuthClientResponseParameters{ClientID: &c.User},
		}
	}
	return out
}

// DeauthorizeConnection takes the secrets away. UpdateConnection gives new ones.
func (s *Service) DeauthorizeConnection(ctx context.Context, in *eventbridge.DeauthorizeConnectionInput) (*eventbridge.DeauthorizeConnectionOutput, error) {
	c, err := s.editConnection(ctx, *in.Name, func(c *connection, _ time.Time) error {
		c.Deauthorized, c.Secret, c.Revision = true, "", ""
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &eventbridge.DeauthorizeConnectionOutput{
		ConnectionArn: aws.String(c.arn(s.Region)), ConnectionState: c.state(), CreationTime: &c.Created, LastModifiedTime: &c.Modified, LastAuthorizedTime: &c.Authorized,
	}, nil
}

// DeleteConnection removes a connection. API destinations that used it deliver no more.
func (s *Service) DeleteConnection(ctx context.Context, in *eventbridge.DeleteConnectionInput) (*eventbridge.DeleteConnectionOutput, error) {
	account := wire.CallFrom(ctx).Account()
	var c *connection
	err := s.DB.Update(ctx, func(tx *store.Tx) (err error) {
		if c, err = s.connection(tx, account, *in.Name); err != nil {
			return err
		}
		return connections.Delete(tx, account, *in.Name)
	})
	if err != nil {
		return nil, err
	}
	return &eventbridge.DeleteConnectionOutput{
		ConnectionArn: aws.String(c.arn(s.Region)), ConnectionState: types.ConnectionStateDeleting, CreationTime: &c.Created, LastModifiedTime: &c.Modified, LastAuthorizedTime: &c.Authorized,
	}, nil
}

// ListConnections lists the caller's connections by name.
func (s *Service) ListConnections(ctx context.Context, in *eventbridge.ListConnectionsInput) (*eventbridge.ListConnectionsOutput, error) {
	account := wire.CallFrom(ctx).Account()
	l := list{"events.ListConnections/" + account, in.NextToken, in.Limit}
	out := &eventbridge.ListConnectionsOutput{}
	err := s.DB.View(ctx, func(tx *store.Tx) error {
		all, err := collect(connections.Scan(tx, store.Range{Prefix: store.K(account)}), func(c *connection) bool {
			return strings.HasPrefix(c.Name, aws.ToString(in.NamePrefix)) && (in.ConnectionState == "" || in.ConnectionState == c.state())
		})
		if err != nil {
			return err
		}
		all, out.NextToken, err = cut(&l, all, func(c *connection) string { return c.Name })
		out.Connections = []types.Connection{}
		for _, c := range all {
			out.Connections = append(out.Connections, types.Connection{
				ConnectionArn: aws.String(c.arn(s.Region)), Name: &c.Name, AuthorizationType: c.Kind, ConnectionState: c.state(),
				CreationTime: &c.Created, LastModifiedTime: &c.Modified, LastAuthorizedTime: &c.Authorized,
			})
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

func (s *Service) onCreateConnection(ctx context.Context, in *eventbridge.CreateConnectionInput) (authz.Target, error) {
	return authz.On(arn.New("events", s.Region, wire.CallFrom(ctx).Account(), "connection/"+*in.Name+"/*")), nil
}

func (s *Service) onUpdateConnection(ctx context.Context, in *eventbridge.UpdateConnectionInput) (authz.Target, error) {
	return s.onConnection(ctx, *in.Name)
}

func (s *Service) onDescribeConnection(ctx context.Context, in *eventbridge.DescribeConnectionInput) (authz.Target, error) {
	return s.onConnection(ctx, *in.Name)
}

func (s *Service) onDeauthorizeConnection(ctx context.Context, in *eventbridge.DeauthorizeConnectionInput) (authz.Target, error) {
	return s.onConnection(ctx, *in.Name)
}

func (s *Service) onDeleteConnection(ctx context.Context, in *eventbridge.DeleteConnectionInput) (authz.Target, error) {
	return s.onConnection(ctx, *in.Name)
}

func (s *Service) onListConnections(context.Context, *eventbridge.ListConnectionsInput) (authz.Target, error) {
	return authz.Any(), nil
}

// notThere tells whether err is that a row is not there.
func notThere(err error) bool {
	missing := (*types.ResourceNotFoundException)(nil)
	return errors.As(err, &missing) || errors.Is(err, store.ErrNotFound)
}
