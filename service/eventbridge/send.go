package eventbridge

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	logtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"
	"github.com/google/uuid"

	"github.com/garrison-cloud/garrison/internal/arn"
	"github.com/garrison-cloud/garrison/internal/authz"
	"github.com/garrison-cloud/garrison/internal/wire"
)

// A deliveryError is why a target did not take an event, in the codes of dead
// letters. Trying again is of no use after a permanent one.
type deliveryError struct {
	code, text string
	permanent  bool
}

func (e *deliveryError) Error() string { return e.code + ": " + e.text }

// asDelivery is what an attempt came to, nil for a success.
func asDelivery(err error) *deliveryError {
	if err == nil {
		return nil
	}
	if e, ok := errors.AsType[*deliveryError](err); ok {
		return e
	}
	return &deliveryError{"INTERNAL_ERROR", "The event was not delivered.", false}
}

// ofTarget sorts what a target answered (EventBridge User Guide, "Using dead-letter
// queues", ERROR_CODE).
func ofTarget(err error) error {
	if err == nil {
		return nil
	}
	if denied, ok := errors.AsType[*authz.Denied](err); ok {
		return &deliveryError{"NO_PERMISSIONS", denied.Error(), true}
	}
	var code, text string
	server := false
	if e, ok := errors.AsType[*wire.Error](err); ok {
		code, text = e.Code, e.Message
		server = e.Fault == smithy.FaultServer || e.Status >= http.StatusInternalServerError
	} else if api, ok := errors.AsType[smithy.APIError](err); ok {
		code, text, server = api.ErrorCode(), api.ErrorMessage(), api.ErrorFault() == smithy.FaultServer
	} else {
		return err
	}
	has := func(parts ...string) bool {
		for _, p := range parts {
			if strings.Contains(code, p) {
				return true
			}
		}
		return false
	}
	switch {
	case has("Throttl", "TooManyRequests", "LimitExceeded"):
		return &deliveryError{"THROTTLING", text, false}
	case has("AccessDenied", "AuthorizationError", "NotAuthorized"):
		return &deliveryError{"NO_PERMISSIONS", text, true}
	case has("NonExistent", "NotFound", "DoesNotExist"):
		return &deliveryError{"NO_RESOURCE", text, true}
	case server:
		return &deliveryError{"ERROR_FROM_TARGET", text, false}
	}
	return &deliveryError{"SDK_CLIENT_ERROR", text, true}
}

// sender is EventBridge, for a rule, at a target.
func (l *load) sender(at arn.ARN) *Sender {
	return &Sender{Account: at.AccountID, Region: at.Region, SourceARN: l.ruleARN, SourceAccount: l.Account}
}

// send delivers once.
func (s *Service) send(ctx context.Context, l *load) error {
	at, err := arn.Parse(l.target.ARN)
	if err != nil {
		return &deliveryError{"INVALID_PARAMETER", err.Error(), true}
	}
	input, err := l.input()
	if err != nil {
		return err
	}
	as := l.sender(at)
	if role := l.role(kindOf(at)); role != "" {
		if as.Role, err = s.become(ctx, l, role); err != nil {
			return err
		}
	}
	switch kindOf(at) {
	case queueKind:
		in := &sqs.SendMessageInput{QueueUrl: queueURL(at), MessageBody: &input, MessageGroupId: optional(l.target.Group)}
		if strings.HasSuffix(at.Resource, ".fifo") {
			in.MessageDeduplicationId = aws.String(l.dedup())
		}
		return ofTarget(s.Targets.SendMessage(ctx, as, in))
	case topicKind:
		return ofTarget(s.Targets.Publish(ctx, as, &sns.PublishInput{TopicArn: &l.target.ARN, Message: &input}))
	case functionKind:
		return ofTarget(s.Targets.Invoke(ctx, as, &lambda.InvokeInput{
			FunctionName: &l.target.ARN, InvocationType: lambdatypes.InvocationTypeEvent, Payload: []byte(input),
		}))
	case logGroupKind:
		return s.sendLog(ctx, l, as, input)
	case busKind:
		return s.sendBus(ctx, l, as)
	case destinationKind:
		return s.sendHTTP(ctx, l, as, input)
	default:
		return &deliveryError{"INVALID_PARAMETER", "No events are delivered to the target.", true}
	}
}

// dedup is one of the event's and the rule's, so that what comes twice is taken once.
func (l *load) dedup() string {
	return uuid.NewSHA1(uuid.NameSpaceURL, []byte(l.id())).String()
}

func queueURL(q arn.ARN) *string {
	return aws.String("https://sqs." + q.Region + ".amazonaws.com/" + q.AccountID + "/" + q.Resource)
}

// role is the target's, or for a bus without one the rule's.
func (l *load) role(of kind) string {
	if l.target.Role == "" && of == busKind {
		return l.ruleRole
	}
	return l.target.Role
}

// become takes a role, for one delivery. A role of another account would
// let one account act with another's permissions.
func (s *Service) become(ctx context.Context, l *load, role string) (*aws.Credentials, error) {
	if err := checkRole(role, l.Account); err != nil {
		return nil, &deliveryError{"FAILED_TO_ASSUME_ROLE", "The role is not of the rule's account.", true}
	}
	as := &Sender{Account: l.Account, Region: s.Region, SourceARN: l.ruleARN, SourceAccount: l.Account}
	out, err := s.Targets.AssumeRole(ctx, as, &sts.AssumeRoleInput{RoleArn: &role, RoleSessionName: aws.String("events-" + uuid.NewString())})
	if err != nil {
		e := asDelivery(ofTarget(err))
		return nil, &deliveryError{"FAILED_TO_ASSUME_ROLE", e.text, e.permanent}
	}
	c := out.Credentials
	return &aws.Credentials{AccessKeyID: *c.AccessKeyId, SecretAccessKey: *c.SecretAccessKey, SessionToken: *c.SessionToken}, nil
}

// sendLog writes to a stream of the target's own, which is made when it is missing.
func (s *Service) sendLog(ctx context.Context, l *load, as *Sender, input string) error {
	at, err := arn.Parse(l.target.ARN)
	if err != nil {
		return &deliveryError{"INVALID_PARAMETER", err.Error(), true}
	}
	group := strings.TrimSuffix(strings.TrimPrefix(at.Resource, "log-group:"), ":*")
	stream := uuid.NewSHA1(uuid.NameSpaceURL, []byte(l.ruleARN+"/"+l.Target)).String()
	put := func() error {
		return ofTarget(s.Targets.PutLogEvents(ctx, as, &cloudwatchlogs.PutLogEventsInput{
			LogGroupName: &group, LogStreamName: &stream,
			LogEvents: []logtypes.InputLogEvent{{Message: &input, Timestamp: aws.Int64(l.event.Ingested.UnixMilli())}},
		}))
	}
	failed := asDelivery(put())
	if failed == nil {
		return nil
	}
	if failed.code != "NO_RESOURCE" {
		return failed
	}
	err = s.Targets.CreateLogStream(ctx, as, &cloudwatchlogs.CreateLogStreamInput{LogGroupName: &group, LogStreamName: &stream})
	if api, ok := errors.AsType[smithy.APIError](err); ok && api.ErrorCode() == "ResourceAlreadyExistsException" {
		err = nil
	}
	if err != nil {
		return ofTarget(err)
	}
	return put()
}

// sendBus hands the event on to another bus, as the event that it is.
func (s *Service) sendBus(ctx context.Context, l *load, as *Sender) error {
	if l.event.Hops >= maxHops {
		return &deliveryError{"THIRD_ACCOUNT_HOP_DETECTED", "The event has come through another bus already.", true}
	}
	if as.Role == nil && as.Account == l.Account && as.Region == s.Region {
		return s.passOn(ctx, l)
	}
	ctx = context.WithValue(ctx, passedKey{}, &passed{body: l.event.Body, hops: l.event.Hops + 1})
	var e struct {
		Source     string `json:"source"`
		DetailType string `json:"detail-type"`
	}
	if err := json.Unmarshal([]byte(l.event.Body), &e); err != nil {
		return &deliveryError{"INVALID_JSON", "The event is not valid.", true}
	}
	_, err := s.Targets.PutEvents(ctx, as, &eventbridge.PutEventsInput{Entries: []types.PutEventsRequestEntry{
		{EventBusName: &l.target.ARN, Source: &e.Source, DetailType: &e.DetailType, Detail: aws.String("{}")},
	}})
	return ofTarget(err)
}

// passOn is sendBus within an account and a Region, where no role is needed: the rule
// and the bus have one owner.
func (s *Service) passOn(ctx context.Context, l *load) error {
	at, err := arn.Parse(l.target.ARN)
	if err != nil {
		return &deliveryError{"INVALID_PARAMETER", err.Error(), true}
	}
	n := busName{at.AccountID, strings.TrimPrefix(at.Resource, "event-bus/")}
	if _, err := s.bus(ctx, n); notThere(err) {
		return &deliveryError{"NO_RESOURCE", "The event bus does not exist.", true}
	} else if err != nil {
		return err
	}
	t := &taken{row: &accepted{
		ID: uuid.NewString(), Account: n.Account, Bus: n.Name, Body: l.event.Body, Ingested: s.Clock.Now(), Hops: l.event.Hops + 1,
	}}
	if err := t.parse(); err != nil {
		return &deliveryError{"INVALID_JSON", "The event is not valid.", true}
	}
	return s.take(ctx, []*taken{t})
}
