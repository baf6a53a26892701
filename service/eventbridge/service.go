// Package eventbridge serves the EventBridge API of one Region: buses, rules, their
// targets and the delivery of events to them, API destinations included. An event
// that was taken is delivered at least once to each target of each rule that it
// matches, or goes to the target's dead-letter queue. It refuses what a bus's policy,
// a target's policy or AWS's limits refuse. Partner sources, endpoints and targets
// other than queues, topics, functions, log groups, buses and API destinations are
// not served.
//
//	PutEvents, Put, schedule → rules that match → one durable delivery a target → Run: input → target, or back-off, or dead-letter queue
package eventbridge

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"log/slog"
	"math"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/garrison-cloud/garrison/internal/clock"
	"github.com/garrison-cloud/garrison/internal/jobs"
	"github.com/garrison-cloud/garrison/internal/recent"
	"github.com/garrison-cloud/garrison/internal/store"
	"github.com/garrison-cloud/garrison/internal/wire"
)

// principal is whom targets' policies and roles let in.
const principal = "events.amazonaws.com"

// A Sender says for what EventBridge makes a call: the account and the Region where
// it is handled, and the rule, which policies see as aws:SourceArn. With Role, the
// call is made with a role's credentials, else as the service principal.
type Sender struct {
	Account, Region, SourceARN, SourceAccount string
	Role                                      *aws.Credentials
}

// Targets are what EventBridge delivers to. Each call is authorized as one from
// outside would be.
type Targets interface {
	SendMessage(ctx context.Context, as *Sender, in *sqs.SendMessageInput) error
	Publish(ctx context.Context, as *Sender, in *sns.PublishInput) error
	Invoke(ctx context.Context, as *Sender, in *lambda.InvokeInput) error
	CreateLogStream(ctx context.Context, as *Sender, in *cloudwatchlogs.CreateLogStreamInput) error
	PutLogEvents(ctx context.Context, as *Sender, in *cloudwatchlogs.PutLogEventsInput) error
	PutEvents(ctx context.Context, as *Sender, in *eventbridge.PutEventsInput) (*eventbridge.PutEventsOutput, error)
	DescribeAPIDestination(ctx context.Context, as *Sender, in *eventbridge.DescribeApiDestinationInput) error
	AssumeRole(ctx context.Context, as *Sender, in *sts.AssumeRoleInput) (*sts.AssumeRoleOutput, error)
}

// Config is what a Service is made of. All of it is required but Random.
type Config struct {
	DB      *store.DB
	Clock   clock.Clock
	Region  string
	Targets Targets
	Logger  *slog.Logger
	// Loopback lets API destinations and token endpoints be plain HTTP where they are
	// on this machine, for tests.
	Loopback bool
	// Random returns numbers from 0 up to 1, by which retries are spread; nil takes
	// the machine's.
	Random func() float64
}

// Service implements the EventBridge API of one Region. Its methods are safe for
// concurrent use.
type Service struct {
	Config
	http *http.Client
	// compiled are buses' rules as they were at a revision.
	compiled *recent.Map[busName, *ruleSet]
	fleet    *jobs.Fleet[delivery]
	paces    paces
	tokens   tokens
}

// New returns a Service that keeps its buses in c.DB.
func New(c Config) *Service {
	if c.Random == nil {
		c.Random = random
	}
	s := &Service{Config: c, http: newHTTPClient(), compiled: recent.New[busName, *ruleSet](1024)}
	s.paces.next = map[string]pace{}
	s.tokens.by = map[string]token{}
	s.fleet = s.newFleet()
	return s
}

func random() float64 {
	var b [8]byte
	_, _ = rand.Read(b[:]) // it never fails
	return float64(binary.BigEndian.Uint64(b[:])>>11) / math.Exp2(53)
}

// Operations lists what the service serves, grouped by noun.
func (s *Service) Operations() []wire.Operation {
	return []wire.Operation{
		wire.Op(s.onCreateEventBus, s.CreateEventBus),
		wire.Op(s.onDeleteEventBus, s.DeleteEventBus),
		wire.Op(s.onDescribeEventBus, s.DescribeEventBus),
		wire.Op(s.onListEventBuses, s.ListEventBuses),
		wire.Op(s.onUpdateEventBus, s.UpdateEventBus),
		wire.Op(s.onPutPermission, s.PutPermission),
		wire.Op(s.onRemovePermission, s.RemovePermission),

		wire.Op(s.onPutRule, s.PutRule),
		wire.Op(s.onDeleteRule, s.DeleteRule),
		wire.Op(s.onDescribeRule, s.DescribeRule),
		wire.Op(s.onEnableRule, s.EnableRule),
		wire.Op(s.onDisableRule, s.DisableRule),
		wire.Op(s.onListRules, s.ListRules),
		wire.Op(s.onListRuleNamesByTarget, s.ListRuleNamesByTarget),
		wire.Op(s.onTestEventPattern, s.TestEventPattern, wire.ReadOnly),

		wire.Op(s.onPutTargets, s.PutTargets),
		wire.Op(s.onRemoveTargets, s.RemoveTargets),
		wire.Op(s.onListTargetsByRule, s.ListTargetsByRule),

		wire.Op(s.onPutEvents, s.PutEvents),

		wire.Op(s.onTagResource, s.TagResource),
		wire.Op(s.onUntagResource, s.UntagResource),
		wire.Op(s.onListTagsForResource, s.ListTagsForResource),

		wire.Op(s.onCreateConnection, s.CreateConnection),
		wire.Op(s.onUpdateConnection, s.UpdateConnection),
		wire.Op(s.onDescribeConnection, s.DescribeConnection),
		wire.Op(s.onDeauthorizeConnection, s.DeauthorizeConnection),
		wire.Op(s.onDeleteConnection, s.DeleteConnection),
		wire.Op(s.onListConnections, s.ListConnections),

		wire.Op(s.onCreateAPIDestination, s.CreateApiDestination),
		wire.Op(s.onUpdateAPIDestination, s.UpdateApiDestination),
		wire.Op(s.onDescribeAPIDestination, s.DescribeApiDestination),
		wire.Op(s.onDeleteAPIDestination, s.DeleteApiDestination),
		wire.Op(s.onListAPIDestinations, s.ListApiDestinations),
	}
}
