package sqs_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/garrison-cloud/garrison/internal/garrisontest"
)

func TestSendReceiveDelete(t *testing.T) {
	t.Parallel()
	r := newRig(t, "orders", nil)
	sent := r.send(sqs.SendMessageInput{MessageBody: aws.String("hello"), MessageAttributes: map[string]types.MessageAttributeValue{
		"kind":  {DataType: aws.String("String"), StringValue: aws.String("greeting")},
		"bytes": {DataType: aws.String("Binary.raw"), BinaryValue: []byte{1, 2, 3}},
		"n":     {DataType: aws.String("Number"), StringValue: aws.String("42")},
	}})
	if got, want := r.counts(), [3]string{"1", "0", "0"}; got != want {
		t.Errorf("counts after a send = %v, want %v", got, want)
	}
	// The SDK verifies the MD5s itself.
	got := r.receive(sqs.ReceiveMessageInput{})
	if len(got) != 1 || *got[0].Body != "hello" || *got[0].MessageId != *sent.MessageId || len(got[0].MessageAttributes) != 3 {
		t.Fatalf("received %v, want the message that was sent", got)
	}
	if *got[0].MD5OfMessageAttributes != *sent.MD5OfMessageAttributes {
		t.Errorf("MD5 of attributes = %s, want %s", *got[0].MD5OfMessageAttributes, *sent.MD5OfMessageAttributes)
	}
	if n := got[0].Attributes["ApproximateReceiveCount"]; n != "1" {
		t.Errorf("receive count = %s, want 1", n)
	}
	if got, want := r.counts(), [3]string{"0", "1", "0"}; got != want {
		t.Errorf("counts in flight = %v, want %v", got, want)
	}
	if again := r.receive(sqs.ReceiveMessageInput{}); len(again) != 0 {
		t.Errorf("received %v while it is in flight", bodies(again))
	}
	r.server.Clock.Advance(31 * time.Second)
	again := r.receive(sqs.ReceiveMessageInput{})
	if len(again) != 1 || again[0].Attributes["ApproximateReceiveCount"] != "2" {
		t.Fatalf("after the visibility timeout received %v, want it a second time", again)
	}
	r.delete(got[0]) // an old receipt deletes nothing
	if got, want := r.counts(), [3]string{"0", "1", "0"}; got != want {
		t.Errorf("counts after deleting by an old receipt = %v, want %v", got, want)
	}
	r.delete(again[0])
	r.delete(again[0])
	if got, want := r.counts(), [3]string{"0", "0", "0"}; got != want {
		t.Errorf("counts after deleting = %v, want %v", got, want)
	}
}

func TestDelay(t *testing.T) {
	t.Parallel()
	r := newRig(t, "later", map[string]string{"DelaySeconds": "5"})
	r.send(sqs.SendMessageInput{MessageBody: aws.String("five")})
	r.send(sqs.SendMessageInput{MessageBody: aws.String("one"), DelaySeconds: 1})
	if got, want := r.counts(), [3]string{"0", "0", "2"}; got != want {
		t.Errorf("counts = %v, want %v", got, want)
	}
	for _, want := range []string{"", "one", "five"} {
		if got := strings.Join(bodies(r.receive(sqs.ReceiveMessageInput{})), " "); got != want {
			t.Errorf("received %q, want %q", got, want)
		}
		r.server.Clock.Advance(4 * time.Second)
	}
}

func TestLongPollIsWoken(t *testing.T) {
	t.Parallel()
	r := newRig(t, "poll", nil)
	got := make(chan []string, 1)
	go func() {
		out, err := r.ReceiveMessage(context.Background(), &sqs.ReceiveMessageInput{QueueUrl: &r.url, WaitTimeSeconds: 20})
		if err != nil {
			got <- []string{err.Error()}
			return
		}
		got <- bodies(out.Messages)
	}()
	if err := sleepABit(); err != nil {
		t.Fatal(err)
	}
	r.send(sqs.SendMessageInput{MessageBody: aws.String("wake up")})
	if b := <-got; !slices.Equal(b, []string{"wake up"}) {
		t.Errorf("the poll got %v", b)
	}
}

func TestDeadLetters(t *testing.T) {
	t.Parallel()
	r := newRig(t, "grave", nil)
	grave := r.url
	arn := r.attribute("QueueArn")
	r.url = r.create("work", map[string]string{"RedrivePolicy": `{"deadLetterTargetArn":"` + arn + `","maxReceiveCount":"2"}`})
	r.send(sqs.SendMessageInput{MessageBody: aws.String("poison")})
	for range 2 {
		if got := r.receive(sqs.ReceiveMessageInput{}); len(got) != 1 {
			t.Fatalf("received %v, want the message", got)
		}
		r.server.Clock.Advance(time.Minute)
	}
	if got := r.receive(sqs.ReceiveMessageInput{}); len(got) != 0 {
		t.Fatalf("received %v a third time", bodies(got))
	}
	got := r.receive(sqs.ReceiveMessageInput{QueueUrl: &grave, VisibilityTimeout: 1})
	if len(got) != 1 || got[0].Attributes["DeadLetterQueueSourceArn"] != r.attribute("QueueArn") {
		t.Fatalf("the dead-letter queue has %v, want the message", got)
	}
	r.server.Clock.Advance(time.Minute)
	ctx := context.Background()
	if _, err := r.StartMessageMoveTask(ctx, &sqs.StartMessageMoveTaskInput{SourceArn: &arn}); err != nil {
		t.Fatal(err)
	}
	if !garrisontest.Eventually(func() bool { return len(r.receive(sqs.ReceiveMessageInput{})) == 1 }) {
		t.Error("the message was not moved back")
	}
	tasks, err := r.ListMessageMoveTasks(ctx, &sqs.ListMessageMoveTasksInput{SourceArn: &arn})
	if err != nil || len(tasks.Results) != 1 || tasks.Results[0].ApproximateNumberOfMessagesMoved != 1 {
		t.Errorf("tasks = %v (%v), want one that moved a message", tasks, err)
	}
	sources, err := r.ListDeadLetterSourceQueues(ctx, &sqs.ListDeadLetterSourceQueuesInput{QueueUrl: &grave})
	if err != nil || !slices.Equal(sources.QueueUrls, []string{r.url}) {
		t.Errorf("sources = %v (%v), want %s", sources, err, r.url)
	}
}

func TestRetention(t *testing.T) {
	t.Parallel()
	r := newRig(t, "short", map[string]string{"MessageRetentionPeriod": "60"})
	r.send(sqs.SendMessageInput{MessageBody: aws.String("old")})
	r.server.Clock.Advance(30 * time.Second)
	r.send(sqs.SendMessageInput{MessageBody: aws.String("new")})
	r.server.Clock.Advance(31 * time.Second)
	if !garrisontest.Eventually(func() bool { return r.counts() == [3]string{"1", "0", "0"} }) {
		t.Errorf("counts = %v, want one message", r.counts())
	}
	if got := bodies(r.receive(sqs.ReceiveMessageInput{})); !slices.Equal(got, []string{"new"}) {
		t.Errorf("received %v, want what is not past its retention", got)
	}
}

func TestVisibility(t *testing.T) {
	t.Parallel()
	r := newRig(t, "seen", nil)
	ctx := context.Background()
	r.send(sqs.SendMessageInput{MessageBody: aws.String("m")})
	m := r.receive(sqs.ReceiveMessageInput{})[0]
	change := func(n int32) error {
		_, err := r.ChangeMessageVisibility(ctx, &sqs.ChangeMessageVisibilityInput{QueueUrl: &r.url, ReceiptHandle: m.ReceiptHandle, VisibilityTimeout: n})
		return err
	}
	if err := change(600); err != nil {
		t.Fatal(err)
	}
	r.server.Clock.Advance(500 * time.Second)
	if got := r.receive(sqs.ReceiveMessageInput{}); len(got) != 0 {
		t.Errorf("received %v while it is hidden", bodies(got))
	}
	if code := garrisontest.ErrorCode(change(43_000)); code != "InvalidParameterValue" {
		t.Errorf("hidden for over 12 hours: %q, want InvalidParameterValue", code)
	}
	if err := change(0); err != nil {
		t.Fatal(err)
	}
	if got := r.receive(sqs.ReceiveMessageInput{}); len(got) != 1 {
		t.Error("not received after its visibility was set to 0")
	}
	if code := garrisontest.ErrorCode(change(10)); code != "InvalidParameterValue" {
		t.Errorf("change by an old receipt: %q, want InvalidParameterValue", code)
	}
}

func TestLargeMessage(t *testing.T) {
	t.Parallel()
	r := newRig(t, "large", nil)
	body := strings.Repeat("x", 1<<20)
	r.send(sqs.SendMessageInput{MessageBody: &body})
	m := r.receive(sqs.ReceiveMessageInput{})
	if len(m) != 1 || *m[0].Body != body {
		t.Fatal("a message of 1 MiB did not come back")
	}
	r.delete(m[0])
	_, err := r.SendMessage(context.Background(), &sqs.SendMessageInput{QueueUrl: &r.url, MessageBody: aws.String(body + "x")})
	if code := garrisontest.ErrorCode(err); code != "InvalidParameterValue" {
		t.Errorf("over 1 MiB: %q, want InvalidParameterValue", code)
	}
}

// TestLongPollIsLeft shows that a poll whose client went away takes no message.
func TestLongPollIsLeft(t *testing.T) {
	t.Parallel()
	r := newRig(t, "poll", nil)
	ctx, leave := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		_, err := r.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{QueueUrl: &r.url, WaitTimeSeconds: 20})
		done <- err
	}()
	if err := sleepABit(); err != nil {
		t.Fatal(err)
	}
	leave()
	if err := <-done; err == nil {
		t.Error("a poll that was left succeeded")
	}
	if err := sleepABit(); err != nil {
		t.Fatal(err)
	}
	r.send(sqs.SendMessageInput{MessageBody: aws.String("m")})
	if got := bodies(r.receive(sqs.ReceiveMessageInput{WaitTimeSeconds: 20})); !slices.Equal(got, []string{"m"}) {
		t.Errorf("received %v, want the message", got)
	}
}
