// Package sns serves the SNS API of one Region: topics, subscriptions and the
// delivery of what is published to queues, functions and HTTP endpoints. A message
// that was acknowledged is delivered at least once, or goes to the subscription's
// dead-letter queue. It refuses what a topic's policy, a target's policy or AWS's
// limits refuse. E-mail, SMS, mobile push and Firehose are not served.
//
//	Publish → filter policies → one durable delivery a subscription → Run: target, or back-off, or dead-letter queue
package sns

import (
	"context"
	"crypto/rand"
	"log/slog"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/google/uuid"

	"github.com/garrison-cloud/garrison/internal/clock"
	"github.com/garrison-cloud/garrison/internal/jobs"
	"github.com/garrison-cloud/garrison/internal/store"
	"github.com/garrison-cloud/garrison/internal/wire"
)

// Keys is KMS, asked by SNS on behalf of the call that ctx belongs to.
type Keys interface {
	GenerateDataKey(ctx context.Context, in *kms.GenerateDataKeyInput) (*kms.GenerateDataKeyOutput, error)
	Decrypt(ctx context.Context, in *kms.DecryptInput) (*kms.DecryptOutput, error)
}

// A Sender says for what SNS delivers: the account and the Region of the target, and
// the topic, which the target's policy sees as aws:SourceArn.
type Sender struct{ Account, Region, SourceARN, SourceAccount string }

// Targets are what SNS delivers to, as its service principal: only the target's own
// policy can let it in.
type Targets interface {
	SendMessage(ctx context.Context, as Sender, in *sqs.SendMessageInput) (*sqs.SendMessageOutput, error)
	Invoke(ctx context.Context, as Sender, in *lambda.InvokeInput) (*lambda.InvokeOutput, error)
}

// Config is what a Service is made of. All of it is required but Elsewhere.
type Config struct {
	DB      *store.DB
	Clock   clock.Clock
	Region  string
	KMS     Keys
	Targets Targets
	// Endpoint returns the server's own URL, under which subscribers find the signing
	// certificate and confirm.
	Endpoint func() string
	Logger   *slog.Logger
	// Elsewhere returns the service of another Region of the process, nil if there is
	// none: who confirms a subscription signs nothing that would name a Region.
	Elsewhere func(region string) *Service
}

// Service implements the SNS API of one Region. Its methods are safe for concurrent use.
type Service struct {
	Config
	http   *http.Client
	signer signer
	allows allowances
	fleet  *jobs.Fleet[delivery]
}

// New returns a Service that keeps its topics in c.DB.
func New(c Config) *Service {
	s := &Service{
		Config: c, http: newHTTPClient(),
		allows: allowances{until: map[string]time.Time{}},
	}
	s.fleet = s.newFleet()
	return s
}

// Operations lists what the service serves, grouped by noun.
func (s *Service) Operations() []wire.Operation {
	return []wire.Operation{
		wire.Op(s.onCreateTopic, s.CreateTopic),
		wire.Op(s.onDeleteTopic, s.DeleteTopic),
		wire.Op(s.onListTopics, s.ListTopics),
		wire.Op(s.onGetTopicAttributes, s.GetTopicAttributes),
		wire.Op(s.onSetTopicAttributes, s.SetTopicAttributes),
		wire.Op(s.onAddPermission, s.AddPermission),
		wire.Op(s.onRemovePermission, s.RemovePermission),

		wire.Op(s.onSubscribe, s.Subscribe),
		// Both are links in messages, too, which nobody can sign.
		wire.Op(s.onConfirmSubscription, s.ConfirmSubscription, wire.Anonymous),
		wire.Op(s.onUnsubscribe, s.Unsubscribe, wire.Anonymous),
		wire.Op(s.onListSubscriptions, s.ListSubscriptions),
		wire.Op(s.onListSubscriptionsByTopic, s.ListSubscriptionsByTopic),
		wire.Op(s.onGetSubscriptionAttributes, s.GetSubscriptionAttributes),
		wire.Op(s.onSetSubscriptionAttributes, s.SetSubscriptionAttributes),

		wire.Op(s.onPublish, s.Publish),
		wire.Op(s.onPublishBatch, s.PublishBatch),

		wire.Op(s.onTagResource, s.TagResource),
		wire.Op(s.onUntagResource, s.UntagResource),
		wire.Op(s.onListTagsForResource, s.ListTagsForResource),
	}
}

func newID() string { return uuid.NewString() }

// newToken is what a subscriber shows to prove that it got the message.
func newToken() string { return rand.Text() + rand.Text() + rand.Text() }

// of returns the service of the Region that an ARN names.
func (s *Service) of(region string) *Service {
	if region == s.Region || s.Elsewhere == nil {
		return s
	}
	if other := s.Elsewhere(region); other != nil {
		return other
	}
	return s
}
