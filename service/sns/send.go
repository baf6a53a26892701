package sns

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"syscall"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/aws/smithy-go"

	"github.com/garrison-cloud/garrison/internal/arn"
	"github.com/garrison-cloud/garrison/internal/authz"
	"github.com/garrison-cloud/garrison/internal/wire"
)

// errPermanent tells that trying again is of no use: the endpoint is gone, or refuses
// (SNS Developer Guide, "Message delivery retries": client-side errors).
var errPermanent = errors.New("not delivered for good")

// A deliveryError is why an endpoint did not take a message.
type deliveryError struct {
	code, text string
	permanent  bool
}

func (e *deliveryError) Error() string { return e.code + ": " + e.text }

// Is makes it an errPermanent if it is one.
func (e *deliveryError) Is(target error) bool { return e.permanent && target == errPermanent }

// ofTarget sorts what a queue or function answered.
func ofTarget(err error) error {
	if err == nil {
		return nil
	}
	if denied, ok := errors.AsType[*authz.Denied](err); ok {
		return &deliveryError{"AccessDenied", denied.Error(), true}
	}
	if e, ok := errors.AsType[*wire.Error](err); ok {
		return &deliveryError{e.Code, e.Message, e.Fault == smithy.FaultClient && e.Status != http.StatusTooManyRequests}
	}
	if api, ok := errors.AsType[smithy.APIError](err); ok {
		throttled := api.ErrorCode() == "KmsThrottled" || api.ErrorCode() == "RequestThrottled" || api.ErrorCode() == "TooManyRequestsException"
		return &deliveryError{api.ErrorCode(), api.ErrorMessage(), api.ErrorFault() != smithy.FaultServer && !throttled}
	}
	return err
}

// send delivers once.
func (s *Service) send(ctx context.Context, l *load) error {
	switch l.sub.Protocol {
	case "sqs":
		return s.sendQueue(ctx, l)
	case "lambda":
		return s.sendFunction(ctx, l)
	default:
		return s.sendHTTP(ctx, l)
	}
}

// sender is SNS, for a topic, at a target.
func (l *load) sender(target arn.ARN) Sender {
	return Sender{Account: target.AccountID, Region: target.Region, SourceARN: l.publication.TopicARN, SourceAccount: l.topic.Account}
}

func queueURL(q arn.ARN) *string {
	return aws.String("https://sqs." + q.Region + ".amazonaws.com/" + q.AccountID + "/" + q.Resource)
}

func (s *Service) sendQueue(ctx context.Context, l *load) error {
	q, err := arn.Parse(l.sub.Endpoint)
	if err != nil {
		return &deliveryError{"InvalidEndpoint", err.Error(), true}
	}
	in, err := s.letter(ctx, l)
	if err != nil {
		return err
	}
	in.QueueUrl = queueURL(q)
	_, err = s.Targets.SendMessage(ctx, l.sender(q), in)
	return ofTarget(err)
}

// letter is a queue's message: what was published itself, or the notification.
func (s *Service) letter(ctx context.Context, l *load) (*sqs.SendMessageInput, error) {
	p := l.publication
	in := &sqs.SendMessageInput{MessageGroupId: optional(p.Group)}
	if l.FIFO && isFIFO(l.sub.Endpoint) {
		in.MessageDeduplicationId = &p.Dedup
	}
	if !l.sub.Raw || p.Type != notificationType {
		n, err := s.notification(ctx, p, l.sub)
		if err != nil {
			return nil, err
		}
		body, err := n.json()
		in.MessageBody = &body
		return in, err
	}
	in.MessageBody = aws.String(p.body(l.sub.Protocol))
	in.MessageAttributes = map[string]sqstypes.MessageAttributeValue{}
	for name, a := range p.Attributes {
		v := sqstypes.MessageAttributeValue{DataType: aws.String(a.Type), BinaryValue: a.Binary}
		if len(a.Binary) == 0 {
			v.StringValue = aws.String(a.Text)
		}
		in.MessageAttributes[name] = v
	}
	return in, nil
}

func isFIFO(endpoint string) bool { return len(endpoint) > 5 && endpoint[len(endpoint)-5:] == ".fifo" }

func (s *Service) sendFunction(ctx context.Context, l *load) error {
	f, err := arn.Parse(l.sub.Endpoint)
	if err != nil {
		return &deliveryError{"InvalidEndpoint", err.Error(), true}
	}
	n, err := s.notification(ctx, l.publication, l.sub)
	if err != nil {
		return err
	}
	payload, err := n.event(l.sub.arn(s.Region))
	if err != nil {
		return err
	}
	_, err = s.Targets.Invoke(ctx, l.sender(f), &lambda.InvokeInput{
		FunctionName: &l.sub.Endpoint, InvocationType: lambdatypes.InvocationTypeEvent, Payload: payload,
	})
	return ofTarget(err)
}

// sendDeadLetter puts what could not be delivered into the dead-letter queue, with the
// reason (SNS Developer Guide, "Dead-letter queues").
func (s *Service) sendDeadLetter(ctx context.Context, l *load, failed error) error {
	q, err := arn.Parse(l.sub.DeadLetters)
	if err != nil {
		return &deliveryError{"InvalidEndpoint", err.Error(), true}
	}
	in, err := s.letter(ctx, l)
	if err != nil {
		return err
	}
	in.QueueUrl = queueURL(q)
	if isFIFO(q.Resource) {
		in.MessageDeduplicationId = optional(l.publication.Dedup)
	} else {
		in.MessageDeduplicationId = nil
	}
	code, text := "DeliveryFailed", "The endpoint could not be reached."
	if e, ok := errors.AsType[*deliveryError](failed); ok {
		code, text = e.code, e.text
	}
	if in.MessageAttributes == nil {
		in.MessageAttributes = map[string]sqstypes.MessageAttributeValue{}
	}
	for name, value := range map[string]string{"ErrorCode": code, "ErrorMessage": text} {
		if len(in.MessageAttributes) < 10 && value != "" {
			in.MessageAttributes[name] = sqstypes.MessageAttributeValue{DataType: aws.String("String"), StringValue: aws.String(value)}
		}
	}
	_, err = s.Targets.SendMessage(ctx, l.sender(q), in)
	return ofTarget(err)
}

const (
	// httpTimeout is how long an endpoint has to answer (SNS Developer Guide, "Message
	// delivery retries": 15 seconds).
	httpTimeout = 15 * time.Second
	// maxAnswer bounds how much of an answer is read, which nobody looks at.
	maxAnswer = 16 << 10
)

// errAddress tells that an endpoint's address is none that anybody subscribes.
var errAddress = errors.New("an address that no message is sent to")

// checkAddress refuses addresses by which a machine's own keeper is reached, such as a
// cloud's metadata service, whatever name led to them.
func checkAddress(_, address string, _ syscall.RawConn) error {
	to, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("%w: %w", errAddress, err)
	}
	if a := to.Addr().Unmap(); a.IsLinkLocalUnicast() || a.IsMulticast() || a.IsUnspecified() {
		return errAddress
	}
	return nil
}

// newHTTPClient follows no redirect: an endpoint was confirmed, another was not.
func newHTTPClient() *http.Client {
	dialer := &net.Dialer{Timeout: httpTimeout, Control: checkAddress}
	return &http.Client{
		Timeout:       httpTimeout,
		Transport:     &http.Transport{DialContext: dialer.DialContext, MaxIdleConnsPerHost: perEndpoint, MaxConnsPerHost: perEndpoint, IdleConnTimeout: time.Minute, MaxResponseHeaderBytes: maxAnswer, ForceAttemptHTTP2: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

func (s *Service) sendHTTP(ctx context.Context, l *load) error {
	p := l.publication
	raw := l.sub.Raw && p.Type == notificationType
	body := p.body(l.sub.Protocol)
	if !raw {
		n, err := s.notification(ctx, p, l.sub)
		if err != nil {
			return err
		}
		if body, err = n.json(); err != nil {
			return err
		}
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, l.sub.Endpoint, bytes.NewReader([]byte(body)))
	if err != nil {
		return &deliveryError{"InvalidEndpoint", "The endpoint is no URL.", true}
	}
	_, contentType := delivering(l.topic, l.sub)
	h := req.Header
	h.Set("Content-Type", contentType)
	h.Set("User-Agent", "Amazon Simple Notification Service Agent")
	h.Set("X-Amz-Sns-Message-Type", p.Type)
	h.Set("X-Amz-Sns-Message-Id", p.MessageID)
	h.Set("X-Amz-Sns-Topic-Arn", p.TopicARN)
	if p.Type == notificationType {
		h.Set("X-Amz-Sns-Subscription-Arn", l.sub.arn(s.Region))
	}
	if raw {
		h.Set("X-Amz-Sns-Rawdelivery", "true")
	}
	return s.post(req)
}

func (s *Service) post(req *http.Request) error {
	res, err := s.http.Do(req)
	if err != nil {
		return &deliveryError{"EndpointUnreachable", "The endpoint did not answer.", false}
	}
	defer func() { _ = res.Body.Close() }()
	if _, err := io.CopyN(io.Discard, res.Body, maxAnswer); err != nil && !errors.Is(err, io.EOF) {
		return &deliveryError{"EndpointUnreachable", "The endpoint's answer was cut short.", false}
	}
	switch code := res.StatusCode; {
	case code >= 200 && code < 300:
		return nil
	case code >= 500 || code == http.StatusTooManyRequests || code < 200:
		return &deliveryError{"EndpointError", fmt.Sprintf("The endpoint answered %d.", code), false}
	default:
		return &deliveryError{"EndpointError", fmt.Sprintf("The endpoint answered %d.", code), true}
	}
}
