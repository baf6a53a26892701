package eventbridge

import (
	"context"
	"errors"
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
	destinationType = "AWS::Events::ApiDestination"
	// defaultRate is how many calls a second a destination gets (EventBridge API
	// Reference, CreateApiDestination: 300).
	defaultRate = 300
)

// A destination is an HTTP endpoint that rules deliver to.
type destination struct {
	Account, Name, ID string
	Description       string
	Connection        string // ARN
	Endpoint          string
	Method            types.ApiDestinationHttpMethod
	Rate              *int32
	Created, Modified time.Time
}

var destinations = store.NewTable("eventbridge.destination", func(d *destination) store.Key { return store.K(d.Account, d.Name) })

func (d *destination) arn(region string) string {
	return arn.New("events", region, d.Account, "api-destination/"+d.Name+"/"+d.ID)
}

func (s *Service) destination(tx *store.Tx, account, name string) (*destination, error) {
	d, err := destinations.Get(tx, account, name)
	if errors.Is(err, store.ErrNotFound) {
		return nil, missing("Failed to describe the api-destination(s). An api-destination '%s' does not exist.", name)
	}
	return d, err
}

// connectionName is the connection that an ARN of the account names; the id is
// compared by connectionBy.
func (s *Service) connectionName(account, text string) (name, id string, err error) {
	a, err := arn.Parse(text)
	rest, ok := strings.CutPrefix(a.Resource, "connection/")
	name, id, both := strings.Cut(rest, "/")
	if err != nil || !ok || !both || a.Service != "events" || a.Region != s.Region || a.AccountID != account {
		return "", "", badARN(text)
	}
	return name, id, nil
}

// connectionBy is the very connection that an ARN names.
func (s *Service) connectionBy(tx *store.Tx, account, text string) (*connection, error) {
	name, id, err := s.connectionName(account, text)
	if err != nil {
		return nil, err
	}
	c, err := s.connection(tx, account, name)
	if err == nil && c.ID != id {
		return nil, missingConnection(name)
	}
	return c, err
}

// state is inactive once the connection is gone or has no secrets.
func (s *Service) stateOf(tx *store.Tx, d *destination) (types.ApiDestinationState, error) {
	c, err := s.connectionBy(tx, d.Account, d.Connection)
	switch {
	case notThere(err) || err == nil && c.Deauthorized:
		return types.ApiDestinationStateInactive, nil
	case err != nil:
		return "", err
	}
	return types.ApiDestinationStateActive, nil
}

// CreateApiDestination makes an API destination.
func (s *Service) CreateApiDestination(ctx context.Context, in *eventbridge.CreateApiDestinationInput) (*eventbridge.CreateApiDestinationOutput, error) {
	call := wire.CallFrom(ctx)
	if err := s.checkURL("InvocationEndpoint", *in.InvocationEndpoint); err != nil {
		return nil, err
	}
	d := &destination{
		Account: call.Account(), Name: *in.Name, ID: uuid.NewString(), Description: aws.ToString(in.Description), Connection: *in.ConnectionArn,
		Endpoint: *in.InvocationEndpoint, Method: in.HttpMethod, Rate: in.InvocationRateLimitPerSecond,
	}
	name := d.arn(s.Region)
	call.Made = append(call.Made, wire.Resource{ARN: name, Type: destinationType})
	out := &eventbridge.CreateApiDestinationOutput{ApiDestinationArn: &name}
	err := s.DB.Update(ctx, func(tx *store.Tx) error {
		if _, err := s.connectionBy(tx, d.Account, d.Connection); err != nil {
			return err
		}
		n := 0
		for _, err := range destinations.Scan(tx, store.Range{Prefix: store.K(d.Account)}) {
			if err != nil {
				return err
			}
			n++
		}
		d.Created, d.Modified = tx.Now(), tx.Now()
		err := destinations.Insert(tx, d)
		switch {
		case errors.Is(err, store.ErrExists):
			return exists("An api-destination '%s' already exists.", d.Name)
		case err == nil && n >= maxDestinations:
			return limit("The requested resource exceeds the maximum number allowed.")
		case err != nil:
			return err
		}
		out.ApiDestinationState, err = s.stateOf(tx, d)
		return err
	})
	if err != nil {
		return nil, err
	}
	out.CreationTime, out.LastModifiedTime = &d.Created, &d.Modified
	return out, nil
}

// UpdateApiDestination changes what is given of an API destination.
func (s *Service) UpdateApiDestination(ctx context.Context, in *eventbridge.UpdateApiDestinationInput) (*eventbridge.UpdateApiDestinationOutput, error) {
	account := wire.CallFrom(ctx).Account()
	if in.InvocationEndpoint != nil {
		if err := s.checkURL("InvocationEndpoint", *in.InvocationEndpoint); err != nil {
			return nil, err
		}
	}
	out := &eventbridge.UpdateApiDestinationOutput{}
	err := s.DB.Update(ctx, func(tx *store.Tx) error {
		d, err := s.destination(tx, account, *in.Name)
		if err != nil {
			return err
		}
		if in.ConnectionArn != nil {
			if _, err := s.connectionBy(tx, account, *in.ConnectionArn); err != nil {
				return err
			}
			d.Connection = *in.ConnectionArn
		}
		d.merge(in)
		d.Modified = tx.Now()
		if err := destinations.Put(tx, d); err != nil {
			return err
		}
		out.ApiDestinationArn, out.CreationTime, out.LastModifiedTime = aws.String(d.arn(s.Region)), &d.Created, &d.Modified
		out.ApiDestinationState, err = s.stateOf(tx, d)
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// merge takes over what is given, but for the connection.
func (d *destination) merge(in *eventbridge.UpdateApiDestinationInput) {
	if in.Description != nil {
		d.Description = *in.Description
	}
	if in.InvocationEndpoint != nil {
		d.Endpoint = *in.InvocationEndpoint
	}
	if in.HttpMethod != "" {
		d.Method = in.HttpMethod
	}
	if in.InvocationRateLimitPerSecond != nil {
		d.Rate = in.InvocationRateLimitPerSecond
	}
}

// DescribeApiDestination tells of an API destination.
func (s *Service) DescribeApiDestination(ctx context.Context, in *eventbridge.DescribeApiDestinationInput) (*eventbridge.DescribeApiDestinationOutput, error) {
	out := &eventbridge.DescribeApiDestinationOutput{}
	err := s.DB.View(ctx, func(tx *store.Tx) error {
		d, err := s.destination(tx, wire.CallFrom(ctx).Account(), *in.Name)
		if err != nil {
			return err
		}
		*out = eventbridge.DescribeApiDestinationOutput{
			ApiDestinationArn: aws.String(d.arn(s.Region)), Name: &d.Name, Description: optional(d.Description), ConnectionArn: &d.Connection,
			InvocationEndpoint: &d.Endpoint, HttpMethod: d.Method, InvocationRateLimitPerSecond: d.Rate, CreationTime: &d.Created, LastModifiedTime: &d.Modified,
		}
		out.ApiDestinationState, err = s.stateOf(tx, d)
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// DeleteApiDestination removes an API destination.
func (s *Service) DeleteApiDestination(ctx context.Context, in *eventbridge.DeleteApiDestinationInput) (*eventbridge.DeleteApiDestinationOutput, error) {
	account := wire.CallFrom(ctx).Account()
	err := s.DB.Update(ctx, func(tx *store.Tx) error {
		if _, err := s.destination(tx, account, *in.Name); err != nil {
			return err
		}
		return destinations.Delete(tx, account, *in.Name)
	})
	if err != nil {
		return nil, err
	}
	return &eventbridge.DeleteApiDestinationOutput{}, nil
}

// ListApiDestinations lists the caller's API destinations by name.
func (s *Service) ListApiDestinations(ctx context.Context, in *eventbridge.ListApiDestinationsInput) (*eventbridge.ListApiDestinationsOutput, error) {
	account := wire.CallFrom(ctx).Account()
	l := list{"events.ListApiDestinations/" + account, in.NextToken, in.Limit}
	out := &eventbridge.ListApiDestinationsOutput{}
	err := s.DB.View(ctx, func(tx *store.Tx) error {
		all, err := collect(destinations.Scan(tx, store.Range{Prefix: store.K(account)}), func(d *destination) bool {
			return strings.HasPrefix(d.Name, aws.ToString(in.NamePrefix)) && (in.ConnectionArn == nil || *in.ConnectionArn == d.Connection)
		})
		if err != nil {
			return err
		}
		if all, out.NextToken, err = cut(&l, all, func(d *destination) string { return d.Name }); err != nil {
			return err
		}
		out.ApiDestinations = []types.ApiDestination{}
		for _, d := range all {
			state, err := s.stateOf(tx, d)
			if err != nil {
				return err
			}
			out.ApiDestinations = append(out.ApiDestinations, types.ApiDestination{
				ApiDestinationArn: aws.String(d.arn(s.Region)), Name: &d.Name, ConnectionArn: &d.Connection, InvocationEndpoint: &d.Endpoint, HttpMethod: d.Method,
				InvocationRateLimitPerSecond: d.Rate, ApiDestinationState: state, CreationTime: &d.Created, LastModifiedTime: &d.Modified,
			})
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// invokingKey marks a look at a destination that is on the way to calling it.
type invokingKey struct{}

// onDestination asks for the operation's own action on a destination of the caller's.
func (s *Service) onDestination(ctx context.Context, name string) (authz.Target, error) {
	account := wire.CallFrom(ctx).Account()
	t := authz.Target{Resource: arn.New("events", s.Region, account, "api-destination/"+name+"/*"), Type: destinationType}
	err := s.DB.View(ctx, func(tx *store.Tx) error {
		d, err := s.destination(tx, account, name)
		if err == nil {
			t.Resource = d.arn(s.Region)
		}
		return err
	})
	return t, gone(&t, err)
}

func (s *Service) onCreateAPIDestination(ctx context.Context, in *eventbridge.CreateApiDestinationInput) (authz.Target, error) {
	return authz.On(arn.New("events", s.Region, wire.CallFrom(ctx).Account(), "api-destination/"+*in.Name+"/*")), nil
}

func (s *Service) onUpdateAPIDestination(ctx context.Context, in *eventbridge.UpdateApiDestinationInput) (authz.Target, error) {
	return s.onDestination(ctx, *in.Name)
}

// onDescribeAPIDestination asks for the permission to call the destination where a
// rule is about to: that is no operation of the API.
func (s *Service) onDescribeAPIDestination(ctx context.Context, in *eventbridge.DescribeApiDestinationInput) (authz.Target, error) {
	t, err := s.onDestination(ctx, *in.Name)
	if ctx.Value(invokingKey{}) != nil {
		t.Action = "events:InvokeApiDestination"
	}
	return t, err
}

func (s *Service) onDeleteAPIDestination(ctx context.Context, in *eventbridge.DeleteApiDestinationInput) (authz.Target, error) {
	return s.onDestination(ctx, *in.Name)
}

func (s *Service) onListAPIDestinations(context.Context, *eventbridge.ListApiDestinationsInput) (authz.Target, error) {
	return authz.Any(), nil
}
