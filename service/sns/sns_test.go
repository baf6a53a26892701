package sns_test

import (
	"context"
	"encoding/json"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/garrison-cloud/garrison/internal/garrisontest"
)

// A rig is a server with one topic.
type rig struct {
	*sns.Client
	queues *sqs.Client
	t      *testing.T
	server *garrisontest.Server
	topic  string
}

func newRig(t *testing.T, name string, attributes map[string]string) *rig {
	t.Helper()
	s := garrisontest.Start(t)
	r := &rig{Client: sns.NewFromConfig(s.Config), queues: sqs.NewFromConfig(s.Config), t: t, server: s}
	out, err := r.CreateTopic(context.Background(), &sns.CreateTopicInput{Name: &name, Attributes: attributes})
	if err != nil {
		t.Fatalf("create topic %s: %v", name, err)
	}
	r.topic = *out.TopicArn
	return r
}

const account = garrisontest.Account

func queueARN(name string) string { return "arn:aws:sqs:us-east-1:" + account + ":" + name }

// letIn is a queue's policy that lets in SNS for one topic.
func letIn(topic string) string {
	return `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"sns.amazonaws.com"},"Action":"sqs:SendMessage","Resource":"*",` +
		`"Condition":{"ArnEquals":{"aws:SourceArn":"` + topic + `"}}}]}`
}

// queue makes a queue that lets SNS in, and returns its URL.
func (r *rig) queue(name string, attributes map[string]string) string {
	r.t.Helper()
	if attributes == nil {
		attributes = map[string]string{}
	}
	attributes["Policy"] = letIn(r.topic)
	out, err := r.queues.CreateQueue(context.Background(), &sqs.CreateQueueInput{QueueName: &name, Attributes: attributes})
	if err != nil {
		r.t.Fatalf("create queue %s: %v", name, err)
	}
	return *out.QueueUrl
}

func (r *rig) subscribe(protocol, endpoint string, attributes map[string]string) string {
	r.t.Helper()
	out, err := r.Subscribe(context.Background(), &sns.SubscribeInput{
		TopicArn: &r.topic, Protocol: &protocol, Endpoint: &endpoint, Attributes: attributes, ReturnSubscriptionArn: true,
	})
	if err != nil {
		r.t.Fatalf("subscribe %s: %v", endpoint, err)
	}
	return *out.SubscriptionArn
}

func (r *rig) publish(in sns.PublishInput) *sns.PublishOutput {
	r.t.Helper()
	in.TopicArn = &r.topic
	out, err := r.Publish(context.Background(), &in)
	if err != nil {
		r.t.Fatalf("publish %q: %v", aws.ToString(in.Message), err)
	}
	return out
}

// take waits for n messages of a queue and deletes them.
func (r *rig) take(url string, n int) (got []sqstypes.Message) {
	r.t.Helper()
	ctx := context.Background()
	garrisontest.Eventually(func() bool {
		out, err := r.queues.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{QueueUrl: &url, MaxNumberOfMessages: 10, MessageAttributeNames: []string{"All"}, MessageSystemAttributeNames: []sqstypes.MessageSystemAttributeName{"All"}})
		if err != nil {
			r.t.Fatalf("receive: %v", err)
		}
		for _, m := range out.Messages {
			if _, err := r.queues.DeleteMessage(ctx, &sqs.DeleteMessageInput{QueueUrl: &url, ReceiptHandle: m.ReceiptHandle}); err != nil {
				r.t.Fatalf("delete: %v", err)
			}
		}
		got = append(got, out.Messages...)
		return len(got) >= n
	})
	if len(got) != n {
		r.t.Fatalf("got %d messages, want %d", len(got), n)
	}
	return got
}

// A note is a notification as a subscriber reads it.
type note struct {
	Type, MessageID, TopicArn, Subject, Message, Timestamp string
	SignatureVersion, Signature, SigningCertURL            string
	SubscribeURL, UnsubscribeURL, Token                    string
	MessageAttributes                                      map[string]struct{ Type, Value string }
}

func readNote(t *testing.T, body string) note {
	t.Helper()
	var n note
	if err := json.Unmarshal([]byte(body), &n); err != nil {
		t.Fatalf("a notification is no JSON: %v: %s", err, body)
	}
	return n
}
