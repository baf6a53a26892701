package cloudtrail

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail/types"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	logtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/garrison-cloud/garrison/internal/arn"
)

// Limits of one PutLogEvents (CloudWatch Logs API Reference): CloudTrail leaves out
// events that are longer than one may be.
const (
	maxLogEvent  = 256 << 10
	maxLogBatch  = 1 << 20
	maxLogEvents = 10_000
	logOverhead  = 26
	// maxLogSpan is the longest time between the events of one call.
	maxLogSpan = 23 * time.Hour
)

// checkLogs tries the role and the group as delivery will use them.
func (s *Service) checkLogs(ctx context.Context, t *trail) error {
	if t.LogGroup == "" && t.Role == "" {
		return nil
	}
	group, account, ok := logGroup(t)
	if !ok || account != t.Account {
		return &types.InvalidCloudWatchLogsLogGroupArnException{Message: aws.String("CloudTrail cannot validate the specified log group ARN.")}
	}
	a, err := arn.Parse(t.Role)
	if err != nil || a.Service != "iam" || !strings.HasPrefix(a.Resource, "role/") || a.AccountID != t.Account {
		return &types.InvalidCloudWatchLogsRoleArnException{Message: aws.String("CloudTrail cannot validate the specified role ARN.")}
	}
	as, err := s.become(ctx, t)
	if err != nil {
		return &types.InvalidCloudWatchLogsRoleArnException{Message: aws.String("Access denied. Check the trust relationships for your role.")}
	}
	stream := logStream(t, s.Region)
	err = s.Destinations.CreateLogStream(ctx, as, &cloudwatchlogs.CreateLogStreamInput{LogGroupName: &group, LogStreamName: &stream})
	switch codeOf(err) {
	case "", "ResourceAlreadyExistsException":
		return nil
	case "ResourceNotFoundException":
		return &types.InvalidCloudWatchLogsLogGroupArnException{Message: aws.String("The specified log group does not exist.")}
	case "AccessDenied", "AccessDeniedException":
		return &types.InvalidCloudWatchLogsRoleArnException{Message: aws.String("Access denied. Check the permissions for your role.")}
	default:
		return &types.CloudWatchLogsDeliveryUnavailableException{Message: aws.String("CloudWatch Logs delivery is unavailable: " + codeOf(err))}
	}
}

// logGroup takes the ARN of a trail's log group apart.
func logGroup(t *trail) (group, account string, ok bool) {
	a, err := arn.Parse(t.LogGroup)
	rest, found := strings.CutPrefix(a.Resource, "log-group:")
	if err != nil || !found || a.Service != "logs" || a.Region != t.Region {
		return "", "", false
	}
	return strings.TrimSuffix(rest, ":*"), a.AccountID, true
}

func logStream(t *trail, region string) string { return t.Account + "_CloudTrail_" + region }

// become takes the trail's role, for one delivery. The log group lies in the trail's
// home Region, wherever the events happened.
func (s *Service) become(ctx context.Context, t *trail) (*Sender, error) {
	as := t.sender(t.Region)
	out, err := s.Destinations.AssumeRole(ctx, as, &sts.AssumeRoleInput{
		RoleArn: &t.Role, RoleSessionName: aws.String("CLOUDWATCH_LOGS_DELIVERY_SESSION"),
	})
	if err != nil {
		return nil, err
	}
	c := out.Credentials
	as.Role = &aws.Credentials{AccessKeyID: *c.AccessKeyId, SecretAccessKey: *c.SecretAccessKey, SessionToken: *c.SessionToken}
	return as, nil
}

// sendLogs delivers to the trail's log group what waits for it.
func (s *Service) sendLogs(ctx context.Context, t *trail) error {
	if t.LogGroup == "" {
		return nil
	}
	for {
		b, err := s.collect(ctx, toLogs(t.arn()))
		if err != nil || len(b.events) == 0 {
			return err
		}
		if err := s.putLogs(ctx, t, b); err != nil {
			return s.note(ctx, t, func(p *progress) { p.LogErr = codeOf(err) })
		}
		if err := s.note(ctx, t, func(p *progress) { p.Logged, p.LogErr = s.Clock.Now(), "" }); err != nil {
			return err
		}
		if err := s.done(ctx, b); err != nil {
			return err
		}
	}
}

func (s *Service) putLogs(ctx context.Context, t *trail, b *batch) error {
	as, err := s.become(ctx, t)
	if err != nil {
		return err
	}
	group, _, _ := logGroup(t)
	stream := logStream(t, s.Region)
	for _, run := range logRuns(b.events) {
		in := &cloudwatchlogs.PutLogEventsInput{LogGroupName: &group, LogStreamName: &stream, LogEvents: run}
		err := s.Destinations.PutLogEvents(ctx, as, in)
		if codeOf(err) == "ResourceNotFoundException" { // the stream is made by the first event
			if err := s.Destinations.CreateLogStream(ctx, as, &cloudwatchlogs.CreateLogStreamInput{LogGroupName: &group, LogStreamName: &stream}); err != nil {
				return err
			}
			err = s.Destinations.PutLogEvents(ctx, as, in)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// logRuns puts events in the order of time, as a call must have them, and cuts them into
// what one call may carry.
func logRuns(events [][]byte) (out [][]logtypes.InputLogEvent) {
	all := make([]logtypes.InputLogEvent, 0, len(events))
	for _, e := range events {
		if len(e) <= maxLogEvent-logOverhead {
			all = append(all, logtypes.InputLogEvent{Message: aws.String(string(e)), Timestamp: aws.Int64(eventTime(e).UnixMilli())})
		}
	}
	slices.SortStableFunc(all, func(a, b logtypes.InputLogEvent) int { return cmp.Compare(*a.Timestamp, *b.Timestamp) })
	begin, size := 0, 0
	for i := range all {
		length := len(*all[i].Message) + logOverhead
		if i > begin && (i-begin >= maxLogEvents || size+length > maxLogBatch || *all[i].Timestamp-*all[begin].Timestamp > maxLogSpan.Milliseconds()) {
			out, begin, size = append(out, all[begin:i]), i, 0
		}
		size += length
	}
	if begin < len(all) {
		out = append(out, all[begin:])
	}
	return out
}

// eventTime is the time in an event of our own making.
func eventTime(event []byte) time.Time {
	var e struct {
		EventTime time.Time `json:"eventTime"`
	}
	if json.Unmarshal(event, &e) != nil {
		return time.Time{}
	}
	return e.EventTime
}
