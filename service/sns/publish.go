package sns

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sns/types"

	"github.com/garrison-cloud/garrison/internal/store"
	"github.com/garrison-cloud/garrison/internal/wire"
)

// SNS's limits (SNS API Reference, Publish, PublishBatch; SNS Developer Guide,
// "Message deduplication for FIFO topics").
const (
	maxMessage = 256 << 10 // bytes
	maxSubject = 100
	maxBatch   = 10
	dedupFor   = 5 * time.Minute
)

// topicOf is the topic that a Publish is for. Phones and devices are not served.
func topicOf(in *sns.PublishInput) (*string, error) {
	switch {
	case in.PhoneNumber != nil:
		return nil, wire.NotImplemented.In(wire.Query, "Text messages are not implemented.")
	case in.TopicArn != nil && in.TargetArn != nil:
		return nil, invalid("TargetArn Reason: Only one of TopicArn and TargetArn may be given")
	case in.TopicArn != nil:
		return in.TopicArn, nil
	case in.TargetArn != nil:
		return in.TargetArn, nil
	default:
		return nil, invalid("TopicArn or TargetArn Reason: no value for required parameter")
	}
}

// Publish sends a message to a topic. It is durable when the answer comes.
func (s *Service) Publish(ctx context.Context, in *sns.PublishInput) (*sns.PublishOutput, error) {
	to, err := topicOf(in)
	if err != nil {
		return nil, err
	}
	t, err := s.topic(ctx, *to)
	if err != nil {
		return nil, err
	}
	p, err := s.publication(t, &types.PublishBatchRequestEntry{
		Message: in.Message, Subject: in.Subject, MessageStructure: in.MessageStructure, MessageAttributes: in.MessageAttributes,
		MessageDeduplicationId: in.MessageDeduplicationId, MessageGroupId: in.MessageGroupId,
	})
	if err != nil {
		return nil, err
	}
	if p.size() > maxMessage {
		return nil, invalid("Message too long")
	}
	if err := s.mayUseKey(ctx, t); err != nil {
		return nil, err
	}
	if err := s.accept(ctx, t, p); err != nil {
		return nil, err
	}
	s.wake()
	return &sns.PublishOutput{MessageId: &p.MessageID, SequenceNumber: optional(p.SequenceNumber)}, nil
}

func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// PublishBatch publishes up to ten messages. Each succeeds or fails by itself.
func (s *Service) PublishBatch(ctx context.Context, in *sns.PublishBatchInput) (*sns.PublishBatchOutput, error) {
	t, err := s.topic(ctx, *in.TopicArn)
	if err != nil {
		return nil, err
	}
	if err := checkBatch(in.PublishBatchRequestEntries); err != nil {
		return nil, err
	}
	out := &sns.PublishBatchOutput{Successful: []types.PublishBatchResultEntry{}, Failed: []types.BatchResultErrorEntry{}}
	all := make([]*publication, len(in.PublishBatchRequestEntries))
	total := 0
	for i := range in.PublishBatchRequestEntries {
		e := &in.PublishBatchRequestEntries[i]
		p, err := s.publication(t, e)
		if err != nil {
			out.Failed = append(out.Failed, failure(e.Id, err))
			continue
		}
		all[i] = p
		total += p.size()
	}
	if total > maxMessage {
		return nil, &types.BatchRequestTooLongException{Message: aws.String("The length of all the messages put together is more than the limit.")}
	}
	if err := s.mayUseKey(ctx, t); err != nil {
		return nil, err
	}
	for i, p := range all {
		if p == nil {
			continue
		}
		id := in.PublishBatchRequestEntries[i].Id
		if err := s.accept(ctx, t, p); err != nil {
			out.Failed = append(out.Failed, failure(id, err))
			continue
		}
		out.Successful = append(out.Successful, types.PublishBatchResultEntry{Id: id, MessageId: &p.MessageID, SequenceNumber: optional(p.SequenceNumber)})
	}
	s.wake()
	return out, nil
}

func checkBatch(entries []types.PublishBatchRequestEntry) error {
	if len(entries) == 0 {
		return &types.EmptyBatchRequestException{Message: aws.String("The batch request doesn't contain any entries.")}
	}
	if len(entries) > maxBatch {
		return &types.TooManyEntriesInBatchRequestException{Message: aws.String("The batch request contains more entries than permissible.")}
	}
	seen := map[string]bool{}
	for _, e := range entries {
		id := aws.ToString(e.Id)
		if id == "" || len(id) > 80 || strings.Trim(id, word) != "" {
			return &types.InvalidBatchEntryIdException{Message: aws.String("The Id of a batch entry in a batch request doesn't abide by the specification.")}
		}
		if seen[id] {
			return &types.BatchEntryIdsNotDistinctException{Message: aws.String("Two or more batch entries in the request have the same Id.")}
		}
		seen[id] = true
	}
	return nil
}

func failure(id *string, err error) types.BatchResultErrorEntry {
	e := types.BatchResultErrorEntry{Id: id, Code: aws.String("InternalError"), Message: aws.String("The request processing has failed because of an unknown error, exception or failure.")}
	if api := (*types.InvalidParameterException)(nil); errors.As(err, &api) {
		e.Code, e.Message, e.SenderFault = aws.String("InvalidParameter"), api.Message, true
	}
	return e
}

// publication reads one message.
func (s *Service) publication(t *topic, in *types.PublishBatchRequestEntry) (*publication, error) {
	body := aws.ToString(in.Message)
	p := &publication{
		ID: newID(), TopicARN: t.arn(s.Region), Type: notificationType, MessageID: newID(), Subject: aws.ToString(in.Subject),
		Message: body, Time: s.Clock.Now(), SignatureV2: t.SignatureV2,
		Group: aws.ToString(in.MessageGroupId), Dedup: aws.ToString(in.MessageDeduplicationId),
	}
	if body == "" || !utf8.ValidString(body) {
		return nil, invalid("Empty message")
	}
	if in.Subject != nil && !validSubject(p.Subject) {
		return nil, invalid("Subject")
	}
	switch aws.ToString(in.MessageStructure) {
	case "":
	case "json":
		if err := p.structured(); err != nil {
			return nil, err
		}
	default:
		return nil, invalid("Invalid MessageStructure")
	}
	var err error
	if p.Attributes, err = readAttributes(in.MessageAttributes); err != nil {
		return nil, err
	}
	return p, p.checkFIFO(t)
}

// validSubject tells whether a subject is one line of ASCII that begins with a letter,
// a number or a mark (SNS API Reference, Publish, Subject).
func validSubject(s string) bool {
	if s == "" || len(s) > maxSubject || s[0] == ' ' {
		return false
	}
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

// structured reads a message that says something else to each protocol.
func (p *publication) structured() error {
	var by map[string]json.RawMessage
	if json.Unmarshal([]byte(p.Message), &by) != nil {
		return invalid("Message Structure - JSON message body failed to parse")
	}
	p.ByProtocol = map[string]string{}
	for protocol, raw := range by {
		var text string
		if json.Unmarshal(raw, &text) == nil { // what is no string is ignored
			p.ByProtocol[protocol] = text
		}
	}
	if _, ok := p.ByProtocol["default"]; !ok {
		return invalid("Message Structure - No default entry in JSON message body")
	}
	return nil
}

// body is what a protocol's subscribers get.
func (p *publication) body(protocol string) string {
	if p.ByProtocol == nil {
		return p.Message
	}
	if text, ok := p.ByProtocol[protocol]; ok {
		return text
	}
	return p.ByProtocol["default"]
}

func (p *publication) size() int {
	n := len(p.Message)
	for name, a := range p.Attributes {
		n += len(name) + len(a.Type) + len(a.Text) + len(a.Binary)
	}
	return n
}

func (p *publication) checkFIFO(t *topic) error {
	if !t.FIFO {
		if p.Dedup != "" {
			return invalid("MessageDeduplicationId Reason: The request includes MessageDeduplicationId parameter that is not valid for this topic type")
		}
		return nil
	}
	if p.Group == "" {
		return invalid("The MessageGroupId parameter is required for FIFO topics")
	}
	if p.Dedup == "" {
		if !t.ContentDedup {
			return invalid("The topic should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided explicitly")
		}
		sum := sha256.Sum256([]byte(p.Message))
		p.Dedup = hex.EncodeToString(sum[:])
	}
	const others = "!\"#$%&'()*+,./:;<=>?@[\\]^`{|}~"
	for _, token := range []string{p.Group, p.Dedup} {
		if len(token) > 128 || strings.Trim(token, word+others) != "" {
			return invalid("MessageGroupId and MessageDeduplicationId can only include alphanumeric and punctuation characters. 1 to 128 in length")
		}
	}
	return nil
}

// readAttributes takes message attributes over (SNS Developer Guide, "Message
// attributes").
func readAttributes(given map[string]types.MessageAttributeValue) (map[string]attribute, error) {
	out := make(map[string]attribute, len(given))
	for name, v := range given {
		a := attribute{Type: aws.ToString(v.DataType), Text: aws.ToString(v.StringValue), Binary: v.BinaryValue}
		lower := strings.ToLower(name)
		if name == "" || len(name) > 256 || strings.Trim(name, word+".") != "" || strings.HasPrefix(lower, "aws.") || strings.HasPrefix(lower, "amazon.") {
			return nil, &types.InvalidParameterValueException{Message: aws.String("The message attribute name '" + name + "' is not valid.")}
		}
		kind, _, _ := strings.Cut(a.Type, ".")
		switch {
		case kind == "Binary" && len(a.Binary) > 0:
			a.Text = ""
		case (kind == "String" || kind == "Number") && a.Text != "":
			a.Binary = nil
		default:
			return nil, &types.InvalidParameterValueException{Message: aws.String("The message attribute '" + name + "' must contain a non-empty message attribute value for a supported message attribute type.")}
		}
		out[name] = a
	}
	return out, nil
}

// accept stores a publication and its deliveries. In a FIFO topic a duplicate is
// answered as the one that was accepted.
func (s *Service) accept(ctx context.Context, t *topic, p *publication) error {
	return s.DB.Update(ctx, func(tx *store.Tx) error {
		if t.FIFO {
			known, err := s.sequence(tx, t, p)
			if err != nil || known {
				return err
			}
		}
		var subs []*subscription
		for sub, err := range subscriptions.Scan(tx, store.Range{Prefix: store.K(t.Account, t.Name)}) {
			if err != nil {
				return err
			}
			if sub.Confirmed && sub.wants(p) {
				subs = append(subs, sub)
			}
		}
		return enlist(tx, t, p, subs)
	})
}

// sequence numbers a FIFO topic's message, unless it is a duplicate.
func (s *Service) sequence(tx *store.Tx, t *topic, p *publication) (known bool, err error) {
	group := ""
	if t.DedupPerGroup {
		group = p.Group
	}
	d, err := duplicates.Get(tx, t.Account, t.Name, group, p.Dedup)
	if err == nil {
		p.MessageID, p.SequenceNumber = d.MessageID, d.Sequence
		return true, nil
	}
	if !errors.Is(err, store.ErrNotFound) {
		return false, err
	}
	row, err := topics.Get(tx, t.Account, t.Name)
	if errors.Is(err, store.ErrNotFound) {
		return false, missingTopic()
	}
	if err != nil {
		return false, err
	}
	row.Sequence++
	p.SequenceNumber = fmt.Sprintf("1%019d", row.Sequence)
	if err := topics.Put(tx, row); err != nil {
		return false, err
	}
	return false, duplicates.Put(tx, &duplicate{
		Account: t.Account, Topic: t.Name, Group: group, ID: p.Dedup, MessageID: p.MessageID, Sequence: p.SequenceNumber, Until: tx.Now().Add(dedupFor),
	})
}

// openPerLane is how many deliveries of one subscription are due or wait for a retry
// at once. The rest wait behind them, so that an endpoint that is down does not stand in
// the way of others.
const openPerLane = 64

// enlist stores a publication with a delivery for each subscription. In a FIFO topic
// one that has something to get already waits behind that.
func enlist(tx *store.Tx, t *topic, p *publication, subs []*subscription) error {
	if len(subs) == 0 {
		return nil
	}
	if err := publications.Put(tx, p); err != nil {
		return err
	}
	for _, sub := range subs {
		d := &delivery{Publication: p.ID, Account: t.Account, Topic: t.Name, Subscription: sub.ID, Due: tx.Now()}
		d.Order, d.FIFO = fmt.Sprintf("%020d/%s", tx.Now().UnixNano(), p.ID), t.FIFO && p.Type == notificationType
		if d.FIFO {
			d.Order = p.SequenceNumber
		}
		full, err := laneFull(tx, d)
		if err != nil {
			return err
		}
		if full {
			d.Due = time.Time{}
		}
		if err := deliveries.Put(tx, d); err != nil {
			return err
		}
	}
	return nil
}

// laneFull tells whether a delivery has to wait for others of its subscription.
func laneFull(tx *store.Tx, d *delivery) (bool, error) {
	limit, n := openPerLane, 0
	if d.FIFO {
		limit = 1
	}
	for _, err := range deliveries.ScanIndex(tx, "lane", store.Range{Prefix: store.K(d.Subscription, false), Limit: limit}) {
		if err != nil {
			return false, err
		}
		n++
	}
	return n >= limit, nil
}
