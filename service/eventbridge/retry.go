package eventbridge

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/garrison-cloud/garrison/internal/arn"
)

const (
	// defaultAttempts and defaultAge are the retry policy of targets that have none
	// (EventBridge User Guide, "Retrying event delivery": 185 times, for 24 hours).
	defaultAttempts = 185
	defaultAge      = 24 * time.Hour
	// firstDelay and longestDelay bound the back-off, which AWS gives no numbers of:
	// 185 of these make about a day.
	firstDelay   = time.Second
	longestDelay = 10 * time.Minute
	// letterAttempts is how often a dead-letter queue is tried that fails.
	letterAttempts = 20
)

// backOff doubles with each attempt. Between half and all of it is taken, so that
// what failed together does not come again together.
func (s *Service) backOff(attempt int) time.Duration {
	d := longestDelay
	if attempt < 10 {
		d = min(longestDelay, firstDelay<<attempt)
	}
	return d/2 + time.Duration(s.Random()*float64(d/2))
}

// policy is how often, and for how long, the target is tried again.
func (t *target) policy() (attempts int, age time.Duration) {
	attempts, age = defaultAttempts, defaultAge
	if t.MaxAttempts != nil {
		attempts = int(*t.MaxAttempts)
	}
	if t.MaxAge != nil {
		age = time.Duration(*t.MaxAge) * time.Second
	}
	return attempts, age
}

// failed plans the next attempt, or gives up: then the dead-letter queue is next.
func (s *Service) failed(ctx context.Context, l *load, failed error) error {
	code, text, permanent := "INTERNAL_ERROR", "The event was not delivered.", false
	if e, ok := errors.AsType[*deliveryError](failed); ok {
		code, text, permanent = e.code, e.text, e.permanent
	}
	attempts, age := l.target.policy()
	delay := s.backOff(l.Attempt)
	next := s.Clock.Now().Add(delay)
	exhausted := ""
	switch {
	case permanent:
	case l.Attempt >= attempts:
		exhausted = "MaximumRetryAttempts"
	case next.After(l.Born.Add(age)):
		exhausted = "MaximumEventAgeInSeconds"
	default:
		return s.again(ctx, l.delivery, func(row *delivery, _ time.Time) {
			row.Attempt++
			row.Due = next
		})
	}
	if l.target.DeadLetters == "" {
		s.Logger.WarnContext(ctx, "an event of EventBridge is dropped: its target does not take it", "rule", l.ruleARN, "target", l.Target, "code", code)
		return s.finish(ctx, l.delivery)
	}
	return s.again(ctx, l.delivery, func(row *delivery, now time.Time) {
		row.Code, row.Text, row.Exhausted, row.Due = code, text, exhausted, now
	})
}

// bury gives the event to the dead-letter queue.
func (s *Service) bury(ctx context.Context, l *load) error {
	err := &deliveryError{"", "", true}
	if l.target.DeadLetters != "" {
		err = asDelivery(s.letter(ctx, l))
	}
	switch {
	case err == nil:
		return s.finish(ctx, l.delivery)
	case ctx.Err() != nil:
		return ctx.Err()
	case !err.permanent && l.LetterAttempt < letterAttempts:
		delay := s.backOff(l.LetterAttempt)
		return s.again(ctx, l.delivery, func(row *delivery, now time.Time) {
			row.LetterAttempt++
			row.Due = now.Add(delay)
		})
	}
	s.Logger.WarnContext(ctx, "an event of EventBridge is lost: its dead-letter queue does not take it", "rule", l.ruleARN, "target", l.Target, "code", err.code)
	return s.finish(ctx, l.delivery)
}

// letter sends the event to the dead-letter queue, with what EventBridge tells of the
// failure (EventBridge User Guide, "Using dead-letter queues").
func (s *Service) letter(ctx context.Context, l *load) error {
	q, err := arn.Parse(l.target.DeadLetters)
	if err != nil {
		return &deliveryError{"INVALID_PARAMETER", err.Error(), true}
	}
	in := &sqs.SendMessageInput{QueueUrl: queueURL(q), MessageBody: &l.event.Body, MessageAttributes: map[string]sqstypes.MessageAttributeValue{}}
	add := func(name, value string) {
		if value != "" {
			in.MessageAttributes[name] = sqstypes.MessageAttributeValue{DataType: aws.String("String"), StringValue: &value}
		}
	}
	add("RULE_ARN", l.ruleARN)
	add("TARGET_ARN", l.target.ARN)
	add("ERROR_CODE", l.Code)
	add("ERROR_MESSAGE", printable(l.Text))
	add("EXHAUSTED_RETRY_CONDITION", l.Exhausted)
	in.MessageAttributes["RETRY_ATTEMPTS"] = sqstypes.MessageAttributeValue{DataType: aws.String("Number"), StringValue: aws.String(strconv.Itoa(l.Attempt))}
	return ofTarget(s.Targets.SendMessage(ctx, l.sender(q), in))
}

// maxReason bounds the text of a failure in a letter.
const maxReason = 1024

// printable is a text that a queue takes for an attribute.
func printable(text string) string {
	text = strings.Map(func(r rune) rune {
		if r < ' ' && r != '\t' && r != '\n' && r != '\r' || r == 0xFFFE || r == 0xFFFF {
			return -1
		}
		return r
	}, strings.ToValidUTF8(text, ""))
	if r := []rune(text); len(r) > maxReason {
		text = string(r[:maxReason])
	}
	return text
}
