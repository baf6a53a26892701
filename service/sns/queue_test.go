package sns_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sns/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/garrison-cloud/garrison/internal/garrisontest"
)

func text(s string) types.MessageAttributeValue {
	return types.MessageAttributeValue{DataType: aws.String("String"), StringValue: &s}
}

func TestPublishToQueue(t *testing.T) {
	t.Parallel()
	r := newRig(t, "news", nil)
	url := r.queue("q", nil)
	r.subscribe("sqs", queueARN("q"), nil)
	out := r.publish(sns.PublishInput{Message: aws.String("hello"), Subject: aws.String("greeting"), MessageAttributes: map[string]types.MessageAttributeValue{"k": text("v")}})
	n := readNote(t, *r.take(url, 1)[0].Body)
	if n.Type != "Notification" || n.Message != "hello" || n.Subject != "greeting" || n.MessageID != *out.MessageId || n.TopicArn != r.topic || n.MessageAttributes["k"].Value != "v" {
		t.Errorf("notification = %+v", n)
	}
	verify(t, n)
}

func TestRawAndFilter(t *testing.T) {
	t.Parallel()
	r := newRig(t, "news", nil)
	url := r.queue("q", nil)
	r.subscribe("sqs", queueARN("q"), map[string]string{"RawMessageDelivery": "true", "FilterPolicy": `{"kind":["sport",{"prefix":"cul"}]}`})
	for _, kind := range []string{"politics", "sport", "culture"} {
		r.publish(sns.PublishInput{Message: aws.String("about " + kind), MessageAttributes: map[string]types.MessageAttributeValue{"kind": text(kind)}})
	}
	got := map[string]bool{}
	for _, m := range r.take(url, 2) {
		got[*m.Body] = true
		if *m.MessageAttributes["kind"].DataType != "String" {
			t.Errorf("attributes = %v, want kind", m.MessageAttributes)
		}
	}
	if !got["about sport"] || !got["about culture"] {
		t.Errorf("got %v, want sport and culture", got)
	}
}

func TestMessageStructure(t *testing.T) {
	t.Parallel()
	r := newRig(t, "news", nil)
	url := r.queue("q", nil)
	r.subscribe("sqs", queueARN("q"), map[string]string{"RawMessageDelivery": "true", "FilterPolicyScope": "MessageBody", "FilterPolicy": `{"n":[{"numeric":[">",1]}]}`})
	r.publish(sns.PublishInput{Message: aws.String(`{"default":"d","sqs":"{\"n\":1}"}`), MessageStructure: aws.String("json")})
	r.publish(sns.PublishInput{Message: aws.String(`{"default":"d","sqs":"{\"n\":2}"}`), MessageStructure: aws.String("json")})
	if got := *r.take(url, 1)[0].Body; got != `{"n":2}` {
		t.Errorf("got %s", got)
	}
}

// TestQueuePolicyDecides shows that SNS has no rights of its own: without the queue's
// policy the message goes to the dead-letter queue.
func TestQueuePolicyDecides(t *testing.T) {
	t.Parallel()
	r := newRig(t, "news", nil)
	ctx := context.Background()
	dead := r.queue("dead", nil)
	shut, err := r.queues.CreateQueue(ctx, &sqs.CreateQueueInput{QueueName: aws.String("shut"), Attributes: map[string]string{"Policy": letIn(r.topic + "-other")}})
	if err != nil {
		t.Fatal(err)
	}
	r.subscribe("sqs", queueARN("shut"), map[string]string{"RedrivePolicy": `{"deadLetterTargetArn":"` + queueARN("dead") + `"}`})
	r.publish(sns.PublishInput{Message: aws.String("m")})
	m := r.take(dead, 1)[0]
	if got := *m.MessageAttributes["ErrorCode"].StringValue; got != "AccessDenied" {
		t.Errorf("error code = %s, want AccessDenied", got)
	}
	out, err := r.queues.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{QueueUrl: shut.QueueUrl})
	if err != nil || len(out.Messages) != 0 {
		t.Errorf("the queue that shuts SNS out has %v (%v)", out, err)
	}
}

func TestFIFO(t *testing.T) {
	t.Parallel()
	r := newRig(t, "line.fifo", map[string]string{"FifoTopic": "true"})
	url := r.queue("q.fifo", map[string]string{"FifoQueue": "true"})
	r.subscribe("sqs", queueARN("q.fifo"), map[string]string{"RawMessageDelivery": "true"})
	const n = 20
	for i := range n {
		in := sns.PublishInput{Message: aws.String(fmt.Sprint(i)), MessageGroupId: aws.String("g"), MessageDeduplicationId: aws.String(fmt.Sprint(i))}
		one, two := r.publish(in), r.publish(in)
		if *one.MessageId != *two.MessageId {
			t.Fatalf("a duplicate has the id %s, want %s", *two.MessageId, *one.MessageId)
		}
	}
	for i, m := range r.take(url, n) {
		if *m.Body != fmt.Sprint(i) || m.Attributes["MessageGroupId"] != "g" {
			t.Fatalf("message %d is %s of group %s", i, *m.Body, m.Attributes["MessageGroupId"])
		}
	}
}

func TestPublishRefuses(t *testing.T) {
	t.Parallel()
	r := newRig(t, "news", nil)
	ctx := context.Background()
	big := string(make([]byte, 0, 1))
	for len(big) <= 256<<10 {
		big += "0123456789012345678901234567890123456789012345678901234567890123456789"
		big += big
	}
	for _, tt := range []struct {
		name, want string
		in         sns.PublishInput
	}{
		{"no such topic", "NotFound", sns.PublishInput{TopicArn: aws.String(r.topic + "x"), Message: aws.String("m")}},
		{"no ARN", "InvalidParameter", sns.PublishInput{TopicArn: aws.String("news"), Message: aws.String("m")}},
		{"too long", "InvalidParameter", sns.PublishInput{TopicArn: &r.topic, Message: &big}},
		{"a bad subject", "InvalidParameter", sns.PublishInput{TopicArn: &r.topic, Message: aws.String("m"), Subject: aws.String("two\nlines")}},
		{"no default", "InvalidParameter", sns.PublishInput{TopicArn: &r.topic, Message: aws.String(`{"sqs":"x"}`), MessageStructure: aws.String("json")}},
		{"a phone", "NotImplemented", sns.PublishInput{PhoneNumber: aws.String("+15550100"), Message: aws.String("m")}},
	} {
		if _, err := r.Publish(ctx, &tt.in); garrisontest.ErrorCode(err) != tt.want {
			t.Errorf("%s: %v, want %s", tt.name, err, tt.want)
		}
	}
	for _, tt := range []struct{ protocol, endpoint, want string }{
		{"email", "a@example.com", "NotImplemented"},
		{"pigeon", "x", "InvalidParameter"},
		{"http", "ftp://example.com", "InvalidParameter"},
		{"sqs", "q", "InvalidParameter"},
		{"sqs", queueARN("q.fifo"), "InvalidParameter"},
	} {
		_, err := r.Subscribe(ctx, &sns.SubscribeInput{TopicArn: &r.topic, Protocol: &tt.protocol, Endpoint: &tt.endpoint})
		if got := garrisontest.ErrorCode(err); got != tt.want {
			t.Errorf("subscribe %s %s: %v, want %s", tt.protocol, tt.endpoint, err, tt.want)
		}
	}
}

func TestTopicPolicy(t *testing.T) {
	t.Parallel()
	r := newRig(t, "news", nil)
	ctx := context.Background()
	other := sns.NewFromConfig(r.server.ConfigFor(garrisontest.OtherAccount, garrisontest.Region))
	publish := func() string {
		_, err := other.Publish(ctx, &sns.PublishInput{TopicArn: &r.topic, Message: aws.String("m")})
		return garrisontest.ErrorCode(err)
	}
	if got := publish(); got != "AuthorizationError" {
		t.Errorf("publish without a permission: %q, want AuthorizationError", got)
	}
	if _, err := r.AddPermission(ctx, &sns.AddPermissionInput{TopicArn: &r.topic, Label: aws.String("l"), AWSAccountId: []string{garrisontest.OtherAccount}, ActionName: []string{"Publish"}}); err != nil {
		t.Fatal(err)
	}
	if got := publish(); got != "" {
		t.Errorf("publish with a permission: %q", got)
	}
	if _, err := r.RemovePermission(ctx, &sns.RemovePermissionInput{TopicArn: &r.topic, Label: aws.String("l")}); err != nil {
		t.Fatal(err)
	}
	if got := publish(); got != "AuthorizationError" {
		t.Errorf("publish after the permission was removed: %q, want AuthorizationError", got)
	}
}

func TestKMS(t *testing.T) {
	t.Parallel()
	r := newRig(t, "news", nil)
	ctx := context.Background()
	keys := kms.NewFromConfig(r.server.Config)
	key, err := keys.CreateKey(ctx, &kms.CreateKeyInput{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.SetTopicAttributes(ctx, &sns.SetTopicAttributesInput{TopicArn: &r.topic, AttributeName: aws.String("KmsMasterKeyId"), AttributeValue: key.KeyMetadata.KeyId}); err != nil {
		t.Fatal(err)
	}
	r.publish(sns.PublishInput{Message: aws.String("m")})
	user := sns.NewFromConfig(r.server.User(t, "keyless", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sns:*","Resource":"*"}]}`))
	_, err = user.Publish(ctx, &sns.PublishInput{TopicArn: &r.topic, Message: aws.String("m")})
	if got := garrisontest.ErrorCode(err); got != "KMSAccessDenied" {
		t.Errorf("publish without the key: %v, want KMSAccessDenied", err)
	}
	if _, err := keys.DisableKey(ctx, &kms.DisableKeyInput{KeyId: key.KeyMetadata.KeyId}); err != nil {
		t.Fatal(err)
	}
	r.server.Clock.Advance(6 * time.Minute)
	_, err = r.Publish(ctx, &sns.PublishInput{TopicArn: &r.topic, Message: aws.String("m")})
	if got := garrisontest.ErrorCode(err); got != "KMSDisabled" {
		t.Errorf("publish with a disabled key: %v, want KMSDisabled", err)
	}
}

func TestListsAndTags(t *testing.T) {
	t.Parallel()
	r := newRig(t, "news", nil)
	ctx := context.Background()
	r.queue("q", nil)
	sub := r.subscribe("sqs", queueARN("q"), nil)
	if again := r.subscribe("sqs", queueARN("q"), nil); again != sub {
		t.Errorf("subscribed again it is %s, want %s", again, sub)
	}
	byTopic, err := r.ListSubscriptionsByTopic(ctx, &sns.ListSubscriptionsByTopicInput{TopicArn: &r.topic})
	if err != nil || len(byTopic.Subscriptions) != 1 || *byTopic.Subscriptions[0].SubscriptionArn != sub {
		t.Errorf("subscriptions of the topic = %v (%v)", byTopic, err)
	}
	if _, err := r.TagResource(ctx, &sns.TagResourceInput{ResourceArn: &r.topic, Tags: []types.Tag{{Key: aws.String("k"), Value: aws.String("v")}}}); err != nil {
		t.Fatal(err)
	}
	tags, err := r.ListTagsForResource(ctx, &sns.ListTagsForResourceInput{ResourceArn: &r.topic})
	if err != nil || len(tags.Tags) != 1 {
		t.Errorf("tags = %v (%v)", tags, err)
	}
	attributes, err := r.GetTopicAttributes(ctx, &sns.GetTopicAttributesInput{TopicArn: &r.topic})
	if err != nil || attributes.Attributes["SubscriptionsConfirmed"] != "1" {
		t.Errorf("attributes = %v (%v)", attributes, err)
	}
	if _, err := r.Unsubscribe(ctx, &sns.UnsubscribeInput{SubscriptionArn: &sub}); err != nil {
		t.Fatal(err)
	}
	all, err := r.ListSubscriptions(ctx, &sns.ListSubscriptionsInput{})
	if err != nil || len(all.Subscriptions) != 0 {
		t.Errorf("subscriptions = %v (%v), want none", all, err)
	}
	if _, err := r.DeleteTopic(ctx, &sns.DeleteTopicInput{TopicArn: &r.topic}); err != nil {
		t.Fatal(err)
	}
	if _, err := r.DeleteTopic(ctx, &sns.DeleteTopicInput{TopicArn: &r.topic}); err != nil {
		t.Errorf("deleted again: %v", err)
	}
}

// TestEncryptedQueue shows that the key's policy, too, must let SNS in.
func TestEncryptedQueue(t *testing.T) {
	t.Parallel()
	r := newRig(t, "news", nil)
	ctx := context.Background()
	keys := kms.NewFromConfig(r.server.Config)
	policy := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::` + account + `:root"},"Action":"kms:*","Resource":"*"}]}`
	key, err := keys.CreateKey(ctx, &kms.CreateKeyInput{Policy: &policy})
	if err != nil {
		t.Fatal(err)
	}
	url := r.queue("q", map[string]string{"KmsMasterKeyId": *key.KeyMetadata.KeyId})
	dead := r.queue("dead", nil)
	r.subscribe("sqs", queueARN("q"), map[string]string{"RawMessageDelivery": "true", "RedrivePolicy": `{"deadLetterTargetArn":"` + queueARN("dead") + `"}`})
	r.publish(sns.PublishInput{Message: aws.String("refused")})
	if got := *r.take(dead, 1)[0].MessageAttributes["ErrorCode"].StringValue; got != "KmsAccessDenied" {
		t.Errorf("error code = %s, want KmsAccessDenied", got)
	}
	open := policy[:len(policy)-2] + `,{"Effect":"Allow","Principal":{"Service":"sns.amazonaws.com"},"Action":["kms:GenerateDataKey","kms:Decrypt"],"Resource":"*"}]}`
	if _, err := keys.PutKeyPolicy(ctx, &kms.PutKeyPolicyInput{KeyId: key.KeyMetadata.KeyId, Policy: &open}); err != nil {
		t.Fatal(err)
	}
	r.publish(sns.PublishInput{Message: aws.String("sealed")})
	if got := *r.take(url, 1)[0].Body; got != "sealed" {
		t.Errorf("got %q", got)
	}
}
