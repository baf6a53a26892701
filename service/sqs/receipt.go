package sqs

import (
	"context"
	"encoding/base64"
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

// A receipt is what a receipt handle says: one receiving of one message. Group is
// empty in a standard queue.
type receipt struct {
	Partition string
	At        int64
	Nonce     string
	Group     string
}

func (m *taken) receipt() receipt {
	return receipt{Partition: m.Partition, At: m.At, Nonce: m.flight.Nonce, Group: m.flight.Group}
}

func (r *receipt) handle() string {
	return base64.StdEncoding.EncodeToString([]byte(strings.Join([]string{r.Partition, strconv.FormatInt(r.At, 10), r.Nonce, r.Group}, "\x00")))
}

// maxHandle bounds a receipt handle's length (SQS Developer Guide, "Receipt handle").
const maxHandle = 1024

// parseReceipt reads a handle of the queue's messages, purged ones too.
func parseReceipt(q *queue, handle string) (*receipt, error) {
	if len(handle) > maxHandle {
		return nil, invalidReceipt(handle[:maxHandle])
	}
	b, err := base64.StdEncoding.DecodeString(handle)
	fields := strings.Split(string(b), "\x00")
	if err != nil || len(fields) != 4 || !strings.HasPrefix(fields[0], q.ID+".") {
		return nil, invalidReceipt(handle)
	}
	at, err := strconv.ParseInt(fields[1], 10, 64)
	if err != nil {
		return nil, invalidReceipt(handle)
	}
	return &receipt{Partition: fields[0], At: at, Nonce: fields[2], Group: fields[3]}, nil
}

// answer opens what was taken and says of it what was asked for.
func (s *Service) answer(ctx context.Context, t *taking, in *sqs.ReceiveMessageInput) (*sqs.ReceiveMessageOutput, error) {
	out := &sqs.ReceiveMessageOutput{}
	if len(t.got) == 0 {
		return out, nil
	}
	system := selectors(in)
	for i := range t.got {
		m := &t.got[i]
		body, err := s.open(ctx, t.queue, m.message)
		if err != nil {
			return nil, errors.Join(err, s.release(ctx, t))
		}
		r := m.receipt()
		sent := types.Message{
			MessageId: &m.ID, ReceiptHandle: aws.String(r.handle()), Body: aws.String(string(body)), MD5OfBody: &m.BodyMD5,
			Attributes: m.systemAttributes(system),
		}
		m.selectAttributes(&sent, in.MessageAttributeNames)
		out.Messages = append(out.Messages, sent)
	}
	return out, nil
}

// selectors are the system attributes that are asked for, in the old member or the new.
func selectors(in *sqs.ReceiveMessageInput) []string {
	var out []string
	for _, name := range in.AttributeNames {
		out = append(out, string(name))
	}
	for _, name := range in.MessageSystemAttributeNames {
		out = append(out, string(name))
	}
	return out
}

// systemAttributes are what SQS itself says of a message (SQS API Reference,
// ReceiveMessage, MessageSystemAttributeNames).
func (m *taken) systemAttributes(asked []string) map[string]string {
	if len(asked) == 0 {
		return nil
	}
	all := map[string]string{
		"SenderId":                         m.Sender,
		"SentTimestamp":                    strconv.FormatInt(m.Sent.UnixMilli(), 10),
		"ApproximateReceiveCount":          strconv.Itoa(m.flight.Count),
		"ApproximateFirstReceiveTimestamp": strconv.FormatInt(m.flight.First.UnixMilli(), 10),
		"SequenceNumber":                   m.Sequence,
		"MessageDeduplicationId":           m.Dedup,
		"MessageGroupId":                   m.Group,
		"AWSTraceHeader":                   m.Trace,
		"DeadLetterQueueSourceArn":         m.Source,
	}
	out := map[string]string{}
	for name, value := range all {
		if value != "" && (slices.Contains(asked, "All") || slices.Contains(asked, name)) {
			out[name] = value
		}
	}
	return out
}

// selectAttributes adds the message attributes that are asked for: by name, by the
// beginning of a name as in "order.*", or all.
func (m *taken) selectAttributes(to *types.Message, asked []string) {
	chosen := map[string]attribute{}
	for name, a := range m.Attributes {
		if slices.ContainsFunc(asked, func(p string) bool {
			stem, wild := strings.CutSuffix(p, ".*")
			return p == "All" || p == name || wild && strings.HasPrefix(name, stem) || p == ".*"
		}) {
			chosen[name] = a
		}
	}
	if len(chosen) == 0 {
		return
	}
	to.MessageAttributes = map[string]types.MessageAttributeValue{}
	to.MD5OfMessageAttributes = aws.String(attributesDigest(chosen))
	for name, a := range chosen {
		v := types.MessageAttributeValue{DataType: aws.String(a.Type), BinaryValue: a.Binary}
		if !a.binary() {
			v.StringValue = aws.String(a.Text)
		}
		to.MessageAttributes[name] = v
	}
}
