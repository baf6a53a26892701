package sqs_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"pgregory.net/rapid"

	"github.com/garrison-cloud/garrison/internal/garrisontest"
)

func newFIFO(t *testing.T, more map[string]string) *rig {
	t.Helper()
	attributes := map[string]string{"FifoQueue": "true"}
	maps.Copy(attributes, more)
	return newRig(t, "line.fifo", attributes)
}

func inGroup(group, body, id string) sqs.SendMessageInput {
	return sqs.SendMessageInput{MessageBody: &body, MessageGroupId: &group, MessageDeduplicationId: &id}
}

func TestFIFOOrder(t *testing.T) {
	t.Parallel()
	r := newFIFO(t, nil)
	for i := range 4 {
		for _, g := range []string{"a", "b"} {
			r.send(inGroup(g, fmt.Sprint(g, i), fmt.Sprint(g, i)))
		}
	}
	first := r.receive(sqs.ReceiveMessageInput{MaxNumberOfMessages: 3})
	if got, want := bodies(first), []string{"a0", "a1", "a2"}; !slices.Equal(got, want) {
		t.Fatalf("received %v, want %v", got, want)
	}
	if got, want := r.counts(), [3]string{"5", "3", "0"}; got != want {
		t.Errorf("counts = %v, want %v", got, want)
	}
	if got, want := bodies(r.receive(sqs.ReceiveMessageInput{})), []string{"b0", "b1", "b2", "b3"}; !slices.Equal(got, want) {
		t.Errorf("with a locked received %v, want %v", got, want)
	}
	r.delete(first[0])
	if got := r.receive(sqs.ReceiveMessageInput{}); len(got) != 0 {
		t.Errorf("received %v of locked groups", bodies(got))
	}
	r.delete(first[1])
	r.delete(first[2])
	if got, want := bodies(r.receive(sqs.ReceiveMessageInput{})), []string{"a3"}; !slices.Equal(got, want) {
		t.Errorf("after a was deleted received %v, want %v", got, want)
	}
	r.server.Clock.Advance(time.Minute)
	if got, want := len(r.receive(sqs.ReceiveMessageInput{})), 5; got != want {
		t.Errorf("after the timeout received %d, want %d", got, want)
	}
	_, err := r.DeleteMessage(context.Background(), &sqs.DeleteMessageInput{QueueUrl: &r.url, ReceiptHandle: first[0].ReceiptHandle})
	if err != nil {
		t.Errorf("deleting again: %v, want no error", err)
	}
}

func TestFIFODeduplication(t *testing.T) {
	t.Parallel()
	r := newFIFO(t, map[string]string{"ContentBasedDeduplication": "true"})
	one := r.send(sqs.SendMessageInput{MessageBody: aws.String("same"), MessageGroupId: aws.String("g")})
	two := r.send(sqs.SendMessageInput{MessageBody: aws.String("same"), MessageGroupId: aws.String("other")})
	if *one.MessageId != *two.MessageId || *one.SequenceNumber != *two.SequenceNumber {
		t.Errorf("a duplicate is %s, want %s", *two.MessageId, *one.MessageId)
	}
	m := r.receive(sqs.ReceiveMessageInput{})
	if len(m) != 1 {
		t.Fatalf("received %v, want one", bodies(m))
	}
	r.delete(m[0])
	r.send(sqs.SendMessageInput{MessageBody: aws.String("same"), MessageGroupId: aws.String("g")})
	if got := r.receive(sqs.ReceiveMessageInput{}); len(got) != 0 {
		t.Error("a duplicate was accepted after the message was deleted")
	}
	r.server.Clock.Advance(5*time.Minute + time.Second)
	r.send(sqs.SendMessageInput{MessageBody: aws.String("same"), MessageGroupId: aws.String("g")})
	if got := r.receive(sqs.ReceiveMessageInput{}); len(got) != 1 {
		t.Error("after five minutes it is no duplicate any more")
	}
}

func TestReceiveAttempt(t *testing.T) {
	t.Parallel()
	r := newFIFO(t, nil)
	r.send(inGroup("g", "m", "1"))
	in := sqs.ReceiveMessageInput{ReceiveRequestAttemptId: aws.String("again")}
	one, two := r.receive(in), r.receive(in)
	if len(one) != 1 || len(two) != 1 || *one[0].ReceiptHandle != *two[0].ReceiptHandle {
		t.Fatalf("the same attempt got %v and %v, want the same receipt", one, two)
	}
	r.delete(two[0])
	if got := r.receive(in); len(got) != 0 {
		t.Errorf("received %v after it was deleted", bodies(got))
	}
}

// TestFIFOProperty receives, deletes, loses and sends at random, and holds that of a
// group no message is deleted before one sent earlier, none comes twice after it was
// deleted, and never two receipts of a group are out at once.
func TestFIFOProperty(t *testing.T) {
	t.Parallel()
	r := newFIFO(t, nil)
	run := 0
	rapid.Check(t, func(rt *rapid.T) {
		run++
		url := r.create(fmt.Sprintf("p%d.fifo", run), map[string]string{"FifoQueue": "true"})
		sent, done := map[string]int{}, map[string]int{}
		var out []types.Message
		var until time.Time
		for range rapid.IntRange(1, 25).Draw(rt, "steps") {
			switch rapid.IntRange(0, 3).Draw(rt, "step") {
			case 0:
				g := rapid.SampledFrom([]string{"a", "b", "c"}).Draw(rt, "group")
				in := inGroup(g, fmt.Sprint(sent[g]), fmt.Sprint(g, sent[g]))
				in.QueueUrl = &url
				r.send(in)
				sent[g]++
			case 1:
				got := r.receive(sqs.ReceiveMessageInput{QueueUrl: &url, MaxNumberOfMessages: int32(rapid.IntRange(1, 10).Draw(rt, "max"))})
				next := map[string]int{}
				for _, m := range got {
					g := m.Attributes["MessageGroupId"]
					if want := fmt.Sprint(done[g] + next[g]); *m.Body != want {
						rt.Fatalf("of %s received %s, want %s", g, *m.Body, want)
					}
					next[g]++
					for _, o := range out {
						if o.Attributes["MessageGroupId"] == g {
							rt.Fatalf("received of %s while %s of it is out", g, *o.Body)
						}
					}
				}
				out = append(out, got...)
				until = r.server.Clock.Now().Add(30 * time.Second)
			case 2:
				if len(out) > 0 {
					m := out[0]
					if _, err := r.DeleteMessage(context.Background(), &sqs.DeleteMessageInput{QueueUrl: &url, ReceiptHandle: m.ReceiptHandle}); err != nil {
						rt.Fatal(err)
					}
					done[m.Attributes["MessageGroupId"]]++
					out = out[1:]
				}
			default: // all that is out is lost
				if len(out) > 0 {
					r.server.Clock.Advance(until.Sub(r.server.Clock.Now()) + time.Second)
					out = nil
				}
			}
		}
	})
}

func TestFIFODelayHoldsBack(t *testing.T) {
	t.Parallel()
	r := newFIFO(t, map[string]string{"DelaySeconds": "10"})
	r.send(inGroup("g", "1", "1"))
	r.server.Clock.Advance(6 * time.Second)
	r.send(inGroup("g", "2", "2"))
	r.server.Clock.Advance(5 * time.Second)
	if got, want := bodies(r.receive(sqs.ReceiveMessageInput{})), []string{"1"}; !slices.Equal(got, want) {
		t.Errorf("received %v, want %v", got, want)
	}
	if got, want := r.counts(), [3]string{"0", "1", "1"}; got != want {
		t.Errorf("counts = %v, want %v", got, want)
	}
}

func TestFIFORefuses(t *testing.T) {
	t.Parallel()
	r := newFIFO(t, nil)
	ctx := context.Background()
	for _, tt := range []struct {
		name, want string
		in         sqs.SendMessageInput
	}{
		{"no group", "MissingParameter", sqs.SendMessageInput{MessageDeduplicationId: aws.String("1")}},
		{"no deduplication id", "InvalidParameterValue", sqs.SendMessageInput{MessageGroupId: aws.String("g")}},
		{"a delay of its own", "InvalidParameterValue", sqs.SendMessageInput{MessageGroupId: aws.String("g"), MessageDeduplicationId: aws.String("1"), DelaySeconds: 1}},
		{"a bad group", "InvalidParameterValue", sqs.SendMessageInput{MessageGroupId: aws.String("g g"), MessageDeduplicationId: aws.String("1")}},
	} {
		tt.in.QueueUrl, tt.in.MessageBody = &r.url, aws.String("m")
		if _, err := r.SendMessage(ctx, &tt.in); garrisontest.ErrorCode(err) != tt.want {
			t.Errorf("%s: %v, want %s", tt.name, err, tt.want)
		}
	}
}
