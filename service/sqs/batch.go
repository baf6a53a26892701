package sqs

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/aws/smithy-go"
)

// A batch keeps which entries failed and why.
type batch struct {
	ids     []string
	faults  []error // found before anything was done
	results []types.BatchResultErrorEntry
}

// newBatch checks what holds for the whole request (SQS API Reference,
// SendMessageBatch, "Errors").
func newBatch[E any](kind string, entries []E, id func(*E) string) (*batch, error) {
	if len(entries) == 0 {
		return nil, &types.EmptyBatchRequest{Message: aws.String("There should be at least one " + kind + " in the request.")}
	}
	if len(entries) > maxBatch {
		return nil, &types.TooManyEntriesInBatchRequest{Message: aws.String(fmt.Sprintf("Maximum number of entries per request are %d. You have sent %d.", maxBatch, len(entries)))}
	}
	b := &batch{faults: make([]error, len(entries))}
	seen := map[string]bool{}
	for i := range entries {
		name := id(&entries[i])
		if name == "" || len(name) > 80 || strings.Trim(name, word) != "" {
			return nil, &types.InvalidBatchEntryId{Message: aws.String("A batch entry id can only contain alphanumeric characters, hyphens and underscores. It can be at most 80 letters long.")}
		}
		if seen[name] {
			return nil, &types.BatchEntryIdsNotDistinct{Message: aws.String("Id " + name + " repeated.")}
		}
		seen[name] = true
		b.ids = append(b.ids, name)
	}
	return b, nil
}

// failed notes that an entry failed, before or now, and reports whether it did.
func (b *batch) failed(i int, now error) bool {
	err := b.faults[i]
	if err == nil {
		err = now
	}
	if err == nil {
		return false
	}
	e := types.BatchResultErrorEntry{Id: &b.ids[i], Code: aws.String("InternalError"), Message: aws.String("The request processing has failed because of an unknown error, exception or failure.")}
	if api, ok := errors.AsType[smithy.APIError](err); ok {
		e.Code, e.Message, e.SenderFault = aws.String(api.ErrorCode()), aws.String(api.ErrorMessage()), true
	}
	b.results = append(b.results, e)
	return true
}

// SendMessageBatch sends up to ten messages. Each succeeds or fails by itself; those
// that succeed are durable together.
func (s *Service) SendMessageBatch(ctx context.Context, in *sqs.SendMessageBatchInput) (*sqs.SendMessageBatchOutput, error) {
	q, err := s.queue(ctx, *in.QueueUrl)
	if err != nil {
		return nil, err
	}
	b, err := newBatch("SendMessageBatchRequestEntry", in.Entries, func(e *types.SendMessageBatchRequestEntry) string { return aws.ToString(e.Id) })
	if err != nil {
		return nil, err
	}
	letters := make([]*letter, len(in.Entries))
	var good []*letter
	total := 0
	for i := range in.Entries {
		delayed := in.Entries[i].DelaySeconds != 0 || q.Settings.Delay > 0 && zeroDelay(ctx, i)
		l, err := s.letter(ctx, q, &in.Entries[i], delayed)
		if b.faults[i] = err; err != nil {
			continue
		}
		total += l.size()
		letters[i], good = l, append(good, l)
	}
	if total > q.Settings.MaxSize {
		return nil, &types.BatchRequestTooLong{Message: aws.String(fmt.Sprintf("Batch requests cannot be longer than %d bytes. You have sent %d bytes.", q.Settings.MaxSize, total))}
	}
	if len(good) > 0 {
		if err := s.deliver(ctx, q, good); err != nil {
			return nil, err
		}
	}
	out := &sqs.SendMessageBatchOutput{}
	for i, l := range letters {
		if b.failed(i, nil) {
			continue
		}
		out.Successful = append(out.Successful, types.SendMessageBatchResultEntry{
			Id: &b.ids[i], MessageId: &l.ID, MD5OfMessageBody: &l.BodyMD5, MD5OfMessageAttributes: optional(l.AttrMD5),
			MD5OfMessageSystemAttributes: optional(l.systemMD5()), SequenceNumber: optional(l.Sequence),
		})
	}
	out.Failed = b.results
	return out, nil
}
