package sqs_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"golang.org/x/sync/errgroup"
	"pgregory.net/rapid"
)

// TestReceiversShare shows that no message in flight is given to a second receiver,
// however many ask at once.
func TestReceiversShare(t *testing.T) {
	t.Parallel()
	r := newRig(t, "q", nil)
	const n = 200
	for i := range n / 10 {
		var entries []types.SendMessageBatchRequestEntry
		for j := range 10 {
			entries = append(entries, types.SendMessageBatchRequestEntry{Id: aws.String(fmt.Sprint(j)), MessageBody: aws.String(fmt.Sprint(i*10 + j))})
		}
		if _, err := r.SendMessageBatch(context.Background(), &sqs.SendMessageBatchInput{QueueUrl: &r.url, Entries: entries}); err != nil {
			t.Fatal(err)
		}
	}
	got := make(chan string, 2*n)
	var g errgroup.Group
	for range 8 {
		g.Go(func() error {
			for {
				out, err := r.ReceiveMessage(context.Background(), &sqs.ReceiveMessageInput{QueueUrl: &r.url, MaxNumberOfMessages: 3})
				if err != nil || len(out.Messages) == 0 {
					return err
				}
				for _, m := range out.Messages {
					got <- *m.Body
				}
			}
		})
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	close(got)
	seen := map[string]bool{}
	for body := range got {
		if seen[body] {
			t.Errorf("%s was received twice", body)
		}
		seen[body] = true
	}
	if len(seen) != n {
		t.Errorf("received %d messages, want %d", len(seen), n)
	}
}

// TestVisibilityProperty compares a standard queue with a model of one: what is
// visible, in flight and deleted after any steps.
func TestVisibilityProperty(t *testing.T) {
	t.Parallel()
	r := newRig(t, "q", nil)
	run := 0
	rapid.Check(t, func(rt *rapid.T) {
		run++
		url := r.create(fmt.Sprint("v", run), nil)
		hidden := map[string]time.Time{} // by body, all that is not deleted
		receipts := map[string]*string{}
		sent := 0
		for range rapid.IntRange(1, 20).Draw(rt, "steps") {
			now := r.server.Clock.Now()
			switch rapid.IntRange(0, 4).Draw(rt, "step") {
			case 0:
				delay := int32(rapid.IntRange(0, 3).Draw(rt, "delay"))
				body := fmt.Sprint(sent)
				r.send(sqs.SendMessageInput{QueueUrl: &url, MessageBody: &body, DelaySeconds: delay})
				hidden[body] = now.Add(time.Duration(delay) * time.Second)
				sent++
			case 1:
				want := 0
				for _, at := range hidden {
					if !at.After(now) {
						want++
					}
				}
				limit := rapid.IntRange(1, 10).Draw(rt, "max")
				timeout := rapid.IntRange(1, 5).Draw(rt, "timeout")
				got := r.receive(sqs.ReceiveMessageInput{QueueUrl: &url, MaxNumberOfMessages: int32(limit), VisibilityTimeout: int32(timeout)})
				if len(got) != min(want, limit) {
					rt.Fatalf("received %d, want %d", len(got), min(want, limit))
				}
				for _, m := range got {
					if at, ok := hidden[*m.Body]; !ok || at.After(now) {
						rt.Fatalf("received %s, which is not visible", *m.Body)
					}
					hidden[*m.Body], receipts[*m.Body] = now.Add(time.Duration(timeout)*time.Second), m.ReceiptHandle
				}
			case 2:
				for body, receipt := range receipts {
					if _, err := r.DeleteMessage(context.Background(), &sqs.DeleteMessageInput{QueueUrl: &url, ReceiptHandle: receipt}); err != nil {
						rt.Fatal(err)
					}
					delete(hidden, body)
					delete(receipts, body)
					break
				}
			case 3:
				for body, receipt := range receipts {
					if !hidden[body].After(now) {
						continue
					}
					if _, err := r.ChangeMessageVisibility(context.Background(), &sqs.ChangeMessageVisibilityInput{QueueUrl: &url, ReceiptHandle: receipt, VisibilityTimeout: 0}); err != nil {
						rt.Fatal(err)
					}
					hidden[body] = now
					break
				}
			default:
				r.server.Clock.Advance(time.Second)
			}
		}
	})
}
