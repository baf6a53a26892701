package sqs_test

import (
	"context"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/garrison-cloud/garrison/internal/garrisontest"
)

// A rig is a server and one queue of it.
type rig struct {
	*sqs.Client
	t      *testing.T
	server *garrisontest.Server
	url    string
}

// newRig starts a server with a queue called name.
func newRig(t *testing.T, name string, attributes map[string]string) *rig {
	t.Helper()
	s := garrisontest.Start(t)
	r := &rig{Client: sqs.NewFromConfig(s.Config), t: t, server: s}
	r.url = r.create(name, attributes)
	return r
}

func (r *rig) create(name string, attributes map[string]string) string {
	r.t.Helper()
	out, err := r.CreateQueue(context.Background(), &sqs.CreateQueueInput{QueueName: &name, Attributes: attributes})
	if err != nil {
		r.t.Fatalf("create queue %s: %v", name, err)
	}
	return *out.QueueUrl
}

func (r *rig) send(in sqs.SendMessageInput) *sqs.SendMessageOutput {
	r.t.Helper()
	if in.QueueUrl == nil {
		in.QueueUrl = &r.url
	}
	out, err := r.SendMessage(context.Background(), &in)
	if err != nil {
		r.t.Fatalf("send %q: %v", aws.ToString(in.MessageBody), err)
	}
	return out
}

func (r *rig) receive(in sqs.ReceiveMessageInput) []types.Message {
	r.t.Helper()
	if in.QueueUrl == nil {
		in.QueueUrl = &r.url
	}
	if in.MaxNumberOfMessages == 0 {
		in.MaxNumberOfMessages = 10
	}
	in.MessageSystemAttributeNames = []types.MessageSystemAttributeName{types.MessageSystemAttributeNameAll}
	in.MessageAttributeNames = []string{"All"}
	out, err := r.ReceiveMessage(context.Background(), &in)
	if err != nil {
		r.t.Fatalf("receive: %v", err)
	}
	return out.Messages
}

func (r *rig) delete(m types.Message) {
	r.t.Helper()
	if _, err := r.DeleteMessage(context.Background(), &sqs.DeleteMessageInput{QueueUrl: &r.url, ReceiptHandle: m.ReceiptHandle}); err != nil {
		r.t.Fatalf("delete %s: %v", *m.MessageId, err)
	}
}

// attribute returns one attribute of the rig's queue.
func (r *rig) attribute(name string) string {
	r.t.Helper()
	out, err := r.GetQueueAttributes(context.Background(), &sqs.GetQueueAttributesInput{QueueUrl: &r.url, AttributeNames: []types.QueueAttributeName{types.QueueAttributeName(name)}})
	if err != nil {
		r.t.Fatalf("get %s: %v", name, err)
	}
	return out.Attributes[name]
}

// counts are the three Approximate… attributes: visible, in flight, delayed.
func (r *rig) counts() [3]string {
	r.t.Helper()
	return [3]string{
		r.attribute("ApproximateNumberOfMessages"), r.attribute("ApproximateNumberOfMessagesNotVisible"), r.attribute("ApproximateNumberOfMessagesDelayed"),
	}
}

func bodies(messages []types.Message) []string {
	var out []string
	for _, m := range messages {
		out = append(out, *m.Body)
	}
	return out
}
