package server

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	sdkevents "github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	sdksns "github.com/aws/aws-sdk-go-v2/service/sns"
	sdksqs "github.com/aws/aws-sdk-go-v2/service/sqs"
	sdksts "github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/garrison-cloud/garrison/internal/gateway"
	"github.com/garrison-cloud/garrison/internal/store"
	"github.com/garrison-cloud/garrison/service/eventbridge"
	"github.com/garrison-cloud/garrison/service/ssm"
)

// eventsPrincipal is whom targets of rules let in.
const eventsPrincipal = "events.amazonaws.com"

// events makes a Region's buses.
func (s *services) events(c *Config, region string, local *room) *eventbridge.Service {
	out := eventbridge.New(eventbridge.Config{
		DB: local.db, Clock: c.Clock, Region: region, Targets: eventTargets{s}, Logger: c.Logger, Loopback: c.Dev,
	})
	s.workers = append(s.workers, out)
	return out
}

// eventTargets are what rules deliver to in this process.
type eventTargets struct{ of *services }

// invoke makes a call for a rule: as its role, or as EventBridge.
func (t eventTargets) invoke(ctx context.Context, as *eventbridge.Sender, in any) (any, error) {
	if as.Role != nil {
		return t.of.gateway.InvokeWith(ctx, *as.Role, gateway.Place{Region: as.Region, Via: eventsPrincipal}, in)
	}
	return t.of.gateway.InvokeAs(ctx, gateway.ServiceCall{
		Principal: eventsPrincipal, Account: as.Account, Region: as.Region, SourceARN: as.SourceARN, SourceAccount: as.SourceAccount,
	}, in)
}

// SendMessage implements eventbridge.Targets.
func (t eventTargets) SendMessage(ctx context.Context, as *eventbridge.Sender, in *sdksqs.SendMessageInput) error {
	_, err := t.invoke(ctx, as, in)
	return err
}

// Publish implements eventbridge.Targets.
func (t eventTargets) Publish(ctx context.Context, as *eventbridge.Sender, in *sdksns.PublishInput) error {
	_, err := t.invoke(ctx, as, in)
	return err
}

// Invoke implements eventbridge.Targets.
func (t eventTargets) Invoke(ctx context.Context, as *eventbridge.Sender, in *lambda.InvokeInput) error {
	_, err := t.invoke(ctx, as, in)
	return err
}

// CreateLogStream implements eventbridge.Targets.
func (t eventTargets) CreateLogStream(ctx context.Context, as *eventbridge.Sender, in *cloudwatchlogs.CreateLogStreamInput) error {
	_, err := t.invoke(ctx, as, in)
	return err
}

// PutLogEvents implements eventbridge.Targets.
func (t eventTargets) PutLogEvents(ctx context.Context, as *eventbridge.Sender, in *cloudwatchlogs.PutLogEventsInput) error {
	_, err := t.invoke(ctx, as, in)
	return err
}

// DescribeAPIDestination implements eventbridge.Targets.
func (t eventTargets) DescribeAPIDestination(ctx context.Context, as *eventbridge.Sender, in *sdkevents.DescribeApiDestinationInput) error {
	_, err := t.invoke(ctx, as, in)
	return err
}

// PutEvents implements eventbridge.Targets.
func (t eventTargets) PutEvents(ctx context.Context, as *eventbridge.Sender, in *sdkevents.PutEventsInput) (*sdkevents.PutEventsOutput, error) {
	out, err := t.invoke(ctx, as, in)
	if err != nil {
		return nil, err
	}
	return out.(*sdkevents.PutEventsOutput), nil
}

// AssumeRole implements eventbridge.Targets.
func (t eventTargets) AssumeRole(ctx context.Context, as *eventbridge.Sender, in *sdksts.AssumeRoleInput) (*sdksts.AssumeRoleOutput, error) {
	out, err := t.invoke(ctx, as, in)
	if err != nil {
		return nil, err
	}
	return out.(*sdksts.AssumeRoleOutput), nil
}

// parameterEvents are the events of Parameter Store.
type parameterEvents struct{ to *eventbridge.Service }

// Put implements ssm.Events.
func (p parameterEvents) Put(tx *store.Tx, e *ssm.Event) error {
	return p.to.Put(tx, &eventbridge.Event{
		Account: e.Account, Region: e.Region, Time: e.Time, Source: "aws.ssm", DetailType: e.DetailType, Resources: e.Resources, Detail: e.Detail,
	})
}

var (
	_ eventbridge.Targets = eventTargets{}
	_ ssm.Events          = parameterEvents{}
)
