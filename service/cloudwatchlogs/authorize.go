package cloudwatchlogs

import (
	"context"
	"encoding/json"
	"errors"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"

	"github.com/garrison-cloud/garrison/internal/arn"
	"github.com/garrison-cloud/garrison/internal/authz"
	"github.com/garrison-cloud/garrison/internal/store"
	"github.com/garrison-cloud/garrison/internal/wire"
)

const groupType = "AWS::Logs::LogGroup"

// A place is a group, or a stream of it, of some account.
type place struct{ account, group, stream string }

// at is where a caller's group is: by its name, or by an identifier that may be an
// ARN, of which one must be given.
func (s *Service) at(ctx context.Context, name, identifier *string) (place, error) {
	p := place{account: wire.CallFrom(ctx).Account(), group: aws.ToString(name)}
	switch {
	case name != nil && identifier != nil:
		return p, invalid("You can only specify one of logGroupName and logGroupIdentifier.")
	case identifier != nil && strings.HasPrefix(*identifier, "arn:"):
		a, err := arn.Parse(*identifier)
		rest, ok := strings.CutPrefix(a.Resource, "log-group:")
		if err != nil || !ok || a.Service != "logs" || a.Region != s.Region {
			return p, invalid("The specified logGroupIdentifier is not valid.")
		}
		p.account, p.group = a.AccountID, strings.TrimSuffix(rest, ":*")
	case identifier != nil:
		p.group = *identifier
	case name == nil:
		return p, invalid("Please provide a log group name or identifier.")
	}
	return p, nil
}

// on asks for the operation's own action on a group, or on a stream. Groups are
// asked for as AWS does: as a stream without a name, which is why policies end in
// ":*" (CloudWatch Logs User Guide, "CloudWatch Logs resources and operations").
func (s *Service) on(ctx context.Context, p place) (authz.Target, error) {
	t := authz.Target{Resource: s.streamARN(p.account, p.group, p.stream), Type: groupType, Account: p.account}
	err := s.DB.View(ctx, func(tx *store.Tx) (err error) {
		if t.Policy, err = policyOf(tx, p.account); err != nil {
			return err
		}
		g, err := groups.Get(tx, p.account, p.group)
		if err == nil {
			t.Tags = g.Tags
		}
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		t.Missing, t.Type = noGroup(), ""
		return t, nil
	}
	return t, err
}

// onName is on for what names a group.
func (s *Service) onName(ctx context.Context, name *string) (authz.Target, error) {
	p, err := s.at(ctx, name, nil)
	if err != nil {
		return authz.Target{}, err
	}
	return s.on(ctx, p)
}

// policyOf joins an account's resource policies into one document.
func policyOf(tx *store.Tx, account string) (string, error) {
	var statements []json.RawMessage
	for p, err := range resourcePolicies.Scan(tx, store.Range{Prefix: store.K(account)}) {
		if err != nil {
			return "", err
		}
		more, err := statementsOf(p.Document)
		if err != nil {
			return "", err
		}
		statements = append(statements, more...)
	}
	if len(statements) == 0 {
		return "", nil
	}
	b, err := json.Marshal(struct {
		Version   string
		Statement []json.RawMessage
	}{"2012-10-17", statements})
	return string(b), err
}

// statementsOf are a document's statements, one or several.
func statementsOf(document string) ([]json.RawMessage, error) {
	var d struct{ Statement json.RawMessage }
	if err := json.Unmarshal([]byte(document), &d); err != nil {
		return nil, err
	}
	var list []json.RawMessage
	if json.Unmarshal(d.Statement, &list) == nil {
		return list, nil
	}
	return []json.RawMessage{d.Statement}, nil
}

func tagConditions(tags map[string]string) map[string][]string {
	c := map[string][]string{}
	for k, v := range tags {
		c["aws:requesttag/"+strings.ToLower(k)] = []string{v}
		c["aws:tagkeys"] = append(c["aws:tagkeys"], k)
	}
	return c
}

func (s *Service) onCreateLogGroup(ctx context.Context, in *cloudwatchlogs.CreateLogGroupInput) (authz.Target, error) {
	p, err := s.at(ctx, in.LogGroupName, nil)
	if err != nil {
		return authz.Target{}, err
	}
	t, err := s.on(ctx, p)
	t.Missing, t.Type, t.Conditions = nil, "", tagConditions(in.Tags)
	if len(in.Tags) > 0 {
		also := t
		also.Action = "logs:TagResource"
		t.And = append(t.And, also)
	}
	return t, err
}

func (s *Service) onDeleteLogGroup(ctx context.Context, in *cloudwatchlogs.DeleteLogGroupInput) (authz.Target, error) {
	return s.onName(ctx, in.LogGroupName)
}

// onDescribeLogGroups asks for all groups of the account, as AWS does.
func (s *Service) onDescribeLogGroups(ctx context.Context, _ *cloudwatchlogs.DescribeLogGroupsInput) (authz.Target, error) {
	return authz.On(s.streamARN(wire.CallFrom(ctx).Account(), "", "")), nil
}

func (s *Service) onPutRetentionPolicy(ctx context.Context, in *cloudwatchlogs.PutRetentionPolicyInput) (authz.Target, error) {
	return s.onName(ctx, in.LogGroupName)
}

func (s *Service) onDeleteRetentionPolicy(ctx context.Context, in *cloudwatchlogs.DeleteRetentionPolicyInput) (authz.Target, error) {
	return s.onName(ctx, in.LogGroupName)
}

func (s *Service) onAssociateKmsKey(ctx context.Context, in *cloudwatchlogs.AssociateKmsKeyInput) (authz.Target, error) {
	if in.ResourceIdentifier != nil {
		return authz.Target{}, notImplemented("resourceIdentifier")
	}
	return s.onName(ctx, in.LogGroupName)
}

func (s *Service) onDisassociateKmsKey(ctx context.Context, in *cloudwatchlogs.DisassociateKmsKeyInput) (authz.Target, error) {
	if in.ResourceIdentifier != nil {
		return authz.Target{}, notImplemented("resourceIdentifier")
	}
	return s.onName(ctx, in.LogGroupName)
}

// onStream asks for a stream of a group.
func (s *Service) onStream(ctx context.Context, name, identifier, stream *string) (authz.Target, error) {
	p, err := s.at(ctx, name, identifier)
	if err != nil {
		return authz.Target{}, err
	}
	p.stream = aws.ToString(stream)
	return s.on(ctx, p)
}

func (s *Service) onCreateLogStream(ctx context.Context, in *cloudwatchlogs.CreateLogStreamInput) (authz.Target, error) {
	return s.onStream(ctx, in.LogGroupName, nil, in.LogStreamName)
}

func (s *Service) onDeleteLogStream(ctx context.Context, in *cloudwatchlogs.DeleteLogStreamInput) (authz.Target, error) {
	return s.onStream(ctx, in.LogGroupName, nil, in.LogStreamName)
}

func (s *Service) onDescribeLogStreams(ctx context.Context, in *cloudwatchlogs.DescribeLogStreamsInput) (authz.Target, error) {
	return s.onStream(ctx, in.LogGroupName, in.LogGroupIdentifier, nil)
}

func (s *Service) onPutLogEvents(ctx context.Context, in *cloudwatchlogs.PutLogEventsInput) (authz.Target, error) {
	return s.onStream(ctx, in.LogGroupName, nil, in.LogStreamName)
}

func (s *Service) onGetLogEvents(ctx context.Context, in *cloudwatchlogs.GetLogEventsInput) (authz.Target, error) {
	return s.onStream(ctx, in.LogGroupName, in.LogGroupIdentifier, in.LogStreamName)
}

func (s *Service) onFilterLogEvents(ctx context.Context, in *cloudwatchlogs.FilterLogEventsInput) (authz.Target, error) {
	return s.onStream(ctx, in.LogGroupName, in.LogGroupIdentifier, nil)
}

// onTagged asks for the group by its plain ARN, as operations on tags do.
func (s *Service) onTagged(ctx context.Context, resource *string) (authz.Target, error) {
	p, err := s.at(ctx, nil, resource)
	if err != nil || !strings.HasPrefix(*resource, "arn:") {
		return authz.Target{}, invalid("The specified resourceArn is not valid.")
	}
	t, err := s.on(ctx, p)
	t.Resource = s.groupARN(p.account, p.group)
	return t, err
}

func (s *Service) onTagResource(ctx context.Context, in *cloudwatchlogs.TagResourceInput) (authz.Target, error) {
	t, err := s.onTagged(ctx, in.ResourceArn)
	t.Conditions = tagConditions(in.Tags)
	return t, err
}

func (s *Service) onUntagResource(ctx context.Context, in *cloudwatchlogs.UntagResourceInput) (authz.Target, error) {
	t, err := s.onTagged(ctx, in.ResourceArn)
	t.Conditions = map[string][]string{"aws:tagkeys": in.TagKeys}
	return t, err
}

func (s *Service) onListTagsForResource(ctx context.Context, in *cloudwatchlogs.ListTagsForResourceInput) (authz.Target, error) {
	return s.onTagged(ctx, in.ResourceArn)
}

func (s *Service) onPutResourcePolicy(context.Context, *cloudwatchlogs.PutResourcePolicyInput) (authz.Target, error) {
	return authz.Any(), nil
}

func (s *Service) onDescribeResourcePolicies(context.Context, *cloudwatchlogs.DescribeResourcePoliciesInput) (authz.Target, error) {
	return authz.Any(), nil
}

func (s *Service) onDeleteResourcePolicy(context.Context, *cloudwatchlogs.DeleteResourcePolicyInput) (authz.Target, error) {
	return authz.Any(), nil
}
