package sqs

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/garrison-cloud/garrison/internal/store"
	"github.com/garrison-cloud/garrison/internal/wire"
)

// dedupFor is how long a deduplication id counts (SQS Developer Guide, "Using the
// message deduplication ID").
const dedupFor = 5 * time.Minute

// A letter is one message on its way in. duplicate is set once it turned out that the
// queue has it already.
type letter struct {
	message
	delay     time.Duration
	duplicate bool
}

// SendMessage puts a message into a queue. It is durable when the answer comes.
func (s *Service) SendMessage(ctx context.Context, in *sqs.SendMessageInput) (*sqs.SendMessageOutput, error) {
	q, err := s.queue(ctx, *in.QueueUrl)
	if err != nil {
		return nil, err
	}
	l, err := s.letter(ctx, q, &types.SendMessageBatchRequestEntry{
		MessageBody: in.MessageBody, MessageAttributes: in.MessageAttributes,
		MessageSystemAttributes: in.MessageSystemAttributes, MessageDeduplicationId: in.MessageDeduplicationId,
		MessageGroupId: in.MessageGroupId, DelaySeconds: in.DelaySeconds,
	}, in.DelaySeconds != 0 || q.Settings.Delay > 0 && zero(ctx, "DelaySeconds"))
	if err != nil {
		return nil, err
	}
	if size := l.size(); size > q.Settings.MaxSize {
		return nil, fault("InvalidParameterValue", "One or more parameters are invalid. Reason: Message must be shorter than %d bytes.", q.Settings.MaxSize)
	}
	if err := s.deliver(ctx, q, []*letter{l}); err != nil {
		return nil, err
	}
	return &sqs.SendMessageOutput{
		MessageId: &l.ID, MD5OfMessageBody: &l.BodyMD5, MD5OfMessageAttributes: optional(l.AttrMD5),
		MD5OfMessageSystemAttributes: optional(l.systemMD5()), SequenceNumber: optional(l.Sequence),
	}, nil
}

func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// letter reads one message. Its body is still in the clear.
func (s *Service) letter(ctx context.Context, q *queue, in *types.SendMessageBatchRequestEntry, delayed bool) (*letter, error) {
	body := aws.ToString(in.MessageBody)
	switch {
	case body == "":
		return nil, absent("MessageBody")
	case !validText(body):
		return nil, invalidContents()
	}
	attributes, err := readAttributes(in.MessageAttributes)
	if err != nil {
		return nil, err
	}
	l := &letter{message: message{
		ID: newID(), Body: []byte(body), BodyMD5: digest([]byte(body)), Attributes: attributes, AttrMD5: attributesDigest(attributes),
		Sender: senderOf(ctx), Group: aws.ToString(in.MessageGroupId), Dedup: aws.ToString(in.MessageDeduplicationId),
	}, delay: seconds(q.Settings.Delay)}
	if l.Trace, err = traceOf(in.MessageSystemAttributes); err != nil {
		return nil, err
	}
	if delayed && (in.DelaySeconds < 0 || in.DelaySeconds > maxDelay) {
		return nil, invalid("DelaySeconds", strconv.Itoa(int(in.DelaySeconds)), "DelaySeconds must be >= 0 and <= 900.")
	}
	if !q.FIFO {
		if l.Dedup != "" {
			return nil, invalid("MessageDeduplicationId", l.Dedup, "The request includes a parameter that is not valid for this queue type.")
		}
		if delayed {
			l.delay = time.Duration(in.DelaySeconds) * time.Second
		}
		return l, checkToken("MessageGroupId", l.Group)
	}
	if delayed && in.DelaySeconds != 0 {
		return nil, invalid("DelaySeconds", strconv.Itoa(int(in.DelaySeconds)), "The request include parameter that is not valid for this queue type.")
	}
	return l, l.checkFIFO(q)
}

// checkFIFO settles the group and the deduplication id.
func (l *letter) checkFIFO(q *queue) error {
	if l.Group == "" {
		return absent("MessageGroupId")
	}
	if l.Dedup == "" {
		if !q.Settings.ContentDedup {
			return fault("InvalidParameterValue", "The queue should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided explicitly")
		}
		l.Dedup = contentID(l.Body)
	}
	return errors.Join(checkToken("MessageGroupId", l.Group), checkToken("MessageDeduplicationId", l.Dedup))
}

// checkToken bounds a group's or a deduplication id (SQS API Reference, SendMessage).
func checkToken(parameter, value string) error {
	const others = "!\"#$%&'()*+,./:;<=>?@[\\]^`{|}~"
	if len(value) > 128 || strings.Trim(value, word+others) != "" {
		return invalid(parameter, value, parameter+" can only include alphanumeric and punctuation characters. 1 to 128 in length.")
	}
	return nil
}

func traceOf(given map[string]types.MessageSystemAttributeValue) (string, error) {
	for name, v := range given {
		if name != string(types.MessageSystemAttributeNameForSendsAWSTraceHeader) || aws.ToString(v.DataType) != "String" {
			return "", fault("InvalidParameterValue", "Message system attribute name can only be AWSTraceHeader, and its type String.")
		}
		return aws.ToString(v.StringValue), nil
	}
	return "", nil
}

// systemMD5 is the digest of the system attributes as they were sent.
func (m *message) systemMD5() string {
	if m.Trace == "" {
		return ""
	}
	return attributesDigest(map[string]attribute{"AWSTraceHeader": {Type: "String", Text: m.Trace}})
}

// senderOf is the SenderId attribute: a user's or role's unique id (SQS API
// Reference, ReceiveMessage).
func senderOf(ctx context.Context) string {
	p := wire.CallFrom(ctx).Principal
	if p.ID != "" {
		return p.ID
	}
	return p.ARN
}

// size is what counts towards MaximumMessageSize.
func (m *message) size() int {
	n := len(m.Body)
	for name, a := range m.Attributes {
		n += len(name) + a.size()
	}
	return n
}

// validText tells whether every character is one that a message may have (SQS API
// Reference, SendMessage, MessageBody).
func validText(s string) bool {
	if !utf8.ValidString(s) {
		return false
	}
	for _, r := range s {
		if r < ' ' && r != '\t' && r != '\n' && r != '\r' || r == 0xFFFE || r == 0xFFFF {
			return false
		}
	}
	return true
}

func invalidContents() error {
	return &types.InvalidMessageContents{Message: aws.String("Invalid characters found. Valid unicode characters are #x9 | #xA | #xD | #x20 to #xD7FF | #xE000 to #xFFFD | #x10000 to #x10FFFF")}
}

func validNumber(s string) bool {
	_, err := strconv.ParseFloat(s, 64)
	return err == nil && !strings.ContainsAny(s, "xXpPnN_")
}

// deliver seals messages and puts them into the queue, all in one transaction.
func (s *Service) deliver(ctx context.Context, q *queue, letters []*letter) error {
	if err := s.seal(ctx, q, letters); err != nil {
		return err
	}
	err := s.db.Update(ctx, func(tx *store.Tx) error { return post(tx, q, letters) })
	if errors.Is(err, errMoved) { // purged meanwhile: what comes now belongs behind the purge
		if q, err = s.named(ctx, q.Account, q.Name); err != nil {
			return err
		}
		err = s.db.Update(ctx, func(tx *store.Tx) error { return post(tx, q, letters) })
	}
	if errors.Is(err, errMoved) {
		return missing()
	}
	if err == nil {
		s.waiters.wake(q.partition(), len(letters))
	}
	return err
}

// levelOf returns a partition's state, or errMoved.
func levelOf(tx *store.Tx, partition string) (*level, error) {
	lv, err := levels.Get(tx, partition)
	if errors.Is(err, store.ErrNotFound) {
		return nil, errMoved
	}
	return lv, err
}

func post(tx *store.Tx, q *queue, letters []*letter) error {
	lv, err := levelOf(tx, q.partition())
	if err != nil {
		return err
	}
	for _, l := range letters {
		if l.duplicate, err = l.known(tx, q); err != nil || l.duplicate {
			if err != nil {
				return err
			}
			continue
		}
		l.Partition, l.At, l.Sent = lv.Partition, lv.next(tx.Now()), tx.Now()
		if q.FIFO {
			l.Sequence = sequence(l.At)
		}
		if err := l.remember(tx, q); err != nil {
			return err
		}
		if err := admit(tx, q, &l.message, tx.Now().Add(l.delay)); err != nil {
			return err
		}
		lv.Total++
	}
	return levels.Put(tx, lv)
}

// admit writes a message with its parts, and gives it its place in the line.
func admit(tx *store.Tx, q *queue, m *message, visible time.Time) error {
	m.Visible = visible.UnixNano()
	if err := m.write(tx); err != nil {
		return err
	}
	p := &place{Partition: m.Partition, Visible: m.Visible, At: m.At, Delayed: visible.After(tx.Now())}
	if q.FIFO {
		return queueUp(tx, m, p)
	}
	return places.Add(tx, p)
}

// maxRow is how much of a body one row holds.
const maxRow = 512 << 10

// write stores the message, cutting a long body into parts.
func (m *message) write(tx *store.Tx) error {
	row, rest := *m, m.Body[min(len(m.Body), maxRow):]
	row.Body, row.Parts = m.Body[:min(len(m.Body), maxRow)], 0
	for len(rest) > 0 {
		row.Parts++
		n := min(len(rest), maxRow)
		if err := parts.Add(tx, &part{Partition: m.Partition, At: m.At, N: row.Parts, Bytes: rest[:n]}); err != nil {
			return err
		}
		rest = rest[n:]
	}
	return messages.Add(tx, &row)
}

// read returns a message, whole, or store.ErrNotFound.
func read(tx *store.Tx, partition string, at int64) (*message, error) {
	m, err := messages.Get(tx, partition, at)
	if err != nil {
		return nil, err
	}
	for n := range m.Parts {
		p, err := parts.Get(tx, partition, at, n+1)
		if err != nil {
			return nil, fmt.Errorf("part %d of message %s: %w", n+1, m.ID, err)
		}
		m.Body = append(m.Body, p.Bytes...)
	}
	return m, nil
}

// erase removes a message and its parts.
func (m *message) erase(tx *store.Tx) error {
	for n := range m.Parts {
		if err := parts.Drop(tx, m.Partition, m.At, n+1); err != nil {
			return err
		}
	}
	return messages.Drop(tx, m.Partition, m.At)
}
