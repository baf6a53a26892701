package eventbridge_test

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	ssmtypes "github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"github.com/garrison-cloud/garrison/internal/garrisontest"
)

// role makes a role that EventBridge may take, with one policy.
func (w *world) role(name, policy string) string {
	w.t.Helper()
	c := iam.NewFromConfig(w.Config)
	out, err := c.CreateRole(w.t.Context(), &iam.CreateRoleInput{RoleName: &name, AssumeRolePolicyDocument: aws.String(
		`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"Service":"events.amazonaws.com"},"Action":"sts:AssumeRole"}}`)})
	if err != nil {
		w.t.Fatalf("create the role %s: %v", name, err)
	}
	if _, err := c.PutRolePolicy(w.t.Context(), &iam.PutRolePolicyInput{RoleName: &name, PolicyName: aws.String("p"), PolicyDocument: &policy}); err != nil {
		w.t.Fatalf("put the policy of %s: %v", name, err)
	}
	return *out.Role.Arn
}

func (w *world) setPolicy(url, policy string) {
	w.t.Helper()
	if _, err := w.queues.SetQueueAttributes(w.t.Context(), &sqs.SetQueueAttributesInput{QueueUrl: &url, Attributes: map[string]string{"Policy": policy}}); err != nil {
		w.t.Fatalf("set the policy of %s: %v", url, err)
	}
}

func TestFIFOQueue(t *testing.T) {
	t.Parallel()
	w := start(t)
	url, arn := w.queue("q.fifo")
	w.rule("", "r", `{"source":["a"]}`)
	_, err := w.events.PutTargets(t.Context(), &eventbridge.PutTargetsInput{Rule: aws.String("r"), Targets: []types.Target{target("1", arn)}})
	garrisontest.Want(t, err, "ValidationException: Parameter(s) SqsParameters must be specified for target: 1.")
	to := target("1", arn)
	to.SqsParameters = &types.SqsParameters{MessageGroupId: aws.String("g")}
	w.rule("", "r", `{"source":["a"]}`, to)
	w.put(entry("a", "x", "{}"))
	if m := w.receive(url); m.Attributes["MessageGroupId"] != "g" || m.Attributes["MessageDeduplicationId"] == "" {
		t.Errorf("attributes = %v", m.Attributes)
	}
}

func TestTopic(t *testing.T) {
	t.Parallel()
	w := start(t)
	topics := sns.NewFromConfig(w.Config)
	topic, err := topics.CreateTopic(t.Context(), &sns.CreateTopicInput{Name: aws.String("t"), Attributes: map[string]string{
		"Policy": letIn(arnOf("sns", "t"), "sns:Publish"),
	}})
	if err != nil {
		t.Fatal(err)
	}
	url, arn := w.queue("q")
	w.setPolicy(url, `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"Service":"sns.amazonaws.com"},"Action":"sqs:SendMessage","Resource":"*"}}`)
	if _, err := topics.Subscribe(t.Context(), &sns.SubscribeInput{
		TopicArn: topic.TopicArn, Protocol: aws.String("sqs"), Endpoint: &arn, Attributes: map[string]string{"RawMessageDelivery": "true"},
	}); err != nil {
		t.Fatal(err)
	}
	w.rule("", "r", `{"source":["a"]}`, target("1", *topic.TopicArn))
	id := w.put(entry("a", "x", "{}"))
	if got := w.parse(*w.receive(url).Body); got.ID != id {
		t.Errorf("event = %+v, want %s", got, id)
	}
}

func TestLogGroup(t *testing.T) {
	t.Parallel()
	w := start(t)
	logs := cloudwatchlogs.NewFromConfig(w.Config)
	group := aws.String("/aws/events/g")
	if _, err := logs.CreateLogGroup(t.Context(), &cloudwatchlogs.CreateLogGroupInput{LogGroupName: group}); err != nil {
		t.Fatal(err)
	}
	if _, err := logs.PutResourcePolicy(t.Context(), &cloudwatchlogs.PutResourcePolicyInput{PolicyName: aws.String("p"), PolicyDocument: aws.String(
		`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"Service":"events.amazonaws.com"},"Action":["logs:CreateLogStream","logs:PutLogEvents"],"Resource":"*"}}`)}); err != nil {
		t.Fatal(err)
	}
	w.rule("", "r", `{"source":["a"]}`, target("1", arnOf("logs", "log-group:/aws/events/g")))
	id := w.put(entry("a", "x", "{}"))
	if !garrisontest.Eventually(func() bool {
		out, err := logs.FilterLogEvents(t.Context(), &cloudwatchlogs.FilterLogEventsInput{LogGroupName: group})
		return err == nil && len(out.Events) == 1 && strings.Contains(*out.Events[0].Message, id)
	}) {
		t.Error("the event did not come to the log group")
	}
}

// TestRole delivers as the target's role, which the queue's policy need not know.
func TestRole(t *testing.T) {
	t.Parallel()
	w := start(t)
	url := w.closedQueue("q", map[string]string{})
	role := w.role("sender", allowing(arnOf("sqs", "q"), "sqs:SendMessage"))
	to := target("1", arnOf("sqs", "q"))
	to.RoleArn = &role
	w.rule("", "r", `{"source":["a"]}`, to)
	w.put(entry("a", "x", "{}"))
	w.receive(url)
}

// TestServiceEvents has Parameter Store tell of a change.
func TestServiceEvents(t *testing.T) {
	t.Parallel()
	w := start(t)
	url, arn := w.queue("q")
	w.rule("", "r", `{"source":["aws.ssm"],"detail":{"name":["/a"]}}`, target("1", arn))
	if _, err := ssm.NewFromConfig(w.Config).PutParameter(t.Context(), &ssm.PutParameterInput{
		Name: aws.String("/a"), Value: aws.String("v"), Type: ssmtypes.ParameterTypeString,
	}); err != nil {
		t.Fatal(err)
	}
	got := w.parse(*w.receive(url).Body)
	if got.Source != "aws.ssm" || got.DetailType != "Parameter Store Change" || got.Account != account || !strings.Contains(string(got.Detail), `"operation":"Create"`) {
		t.Errorf("event = %+v", got)
	}
}

func TestPutTargetsRefuses(t *testing.T) {
	t.Parallel()
	w := start(t)
	w.rule("", "r", `{"source":["a"]}`)
	queue := arnOf("sqs", "q")
	with := func(arn string, change func(*types.Target)) types.Target {
		x := target("1", arn)
		change(&x)
		return x
	}
	none := func(*types.Target) {}
	for name, tt := range map[string]struct {
		target types.Target
		want   string
	}{
		"no ARN":        {target("1", "x"), "ValidationException: Parameter x is not valid. Reason: Provided Arn is not in correct format."},
		"other Region":  {target("1", "arn:aws:sqs:eu-west-1:"+account+":q"), "ValidationException: Parameter arn:"},
		"other service": {target("1", arnOf("states", "stateMachine:x")), "NotImplemented"},
		"kinesis": {with(queue, func(x *types.Target) {
			x.KinesisParameters = &types.KinesisParameters{PartitionKeyPath: aws.String("$.id")}
		}), "NotImplemented"},
		"group":           {with(arnOf("sns", "t"), func(x *types.Target) { x.SqsParameters = &types.SqsParameters{MessageGroupId: aws.String("g")} }), "ValidationException"},
		"API destination": {target("1", arnOf("events", "api-destination/x/1")), "ValidationException: RoleArn is required"},
		"two inputs":      {with(queue, func(x *types.Target) { x.Input, x.InputPath = aws.String("{}"), aws.String("$.id") }), "ValidationException: Only one of Input, InputPath, or InputTransformer must be provided for target 1."},
		"input":           {with(queue, func(x *types.Target) { x.Input = aws.String("{") }), "ValidationException: JSON text for target 1 is not valid."},
		"path":            {with(queue, func(x *types.Target) { x.InputPath = aws.String("id") }), "ValidationException: Invalid InputPath for target 1"},
		"template": {with(queue, func(x *types.Target) {
			x.InputTransformer = &types.InputTransformer{InputTemplate: aws.String("<x>")}
		}), "ValidationException: Invalid InputTemplate for target 1"},
		"their API destination": {with("arn:aws:events:"+region+":"+other+":api-destination/x/1", func(x *types.Target) { x.RoleArn = aws.String("arn:aws:iam::" + account + ":role/x") }), "ValidationException: Parameter arn:"},
		"their role":            {with(queue, func(x *types.Target) { x.RoleArn = aws.String("arn:aws:iam::" + other + ":role/x") }), "AccessDeniedException"},
		"reserved": {with(queue, func(x *types.Target) {
			x.InputTransformer = &types.InputTransformer{InputTemplate: aws.String("x"), InputPathsMap: map[string]string{"AWSx": "$.id"}}
		}), "ValidationException: Invalid InputPathsMap for target 1"},
		"dead letters": {with(queue, func(x *types.Target) {
			x.DeadLetterConfig = &types.DeadLetterConfig{Arn: aws.String(arnOf("sqs", "d.fifo"))}
		}), "ValidationException"},
		"attempts": {with(queue, func(x *types.Target) { x.RetryPolicy = &types.RetryPolicy{MaximumRetryAttempts: aws.Int32(186)} }), "ValidationException: 1 validation error detected"},
		"age":      {with(queue, func(x *types.Target) { x.RetryPolicy = &types.RetryPolicy{MaximumEventAgeInSeconds: aws.Int32(59)} }), "ValidationException: 1 validation error detected"},
		"fine":     {with(queue, none), ""},
	} {
		_, err := w.events.PutTargets(t.Context(), &eventbridge.PutTargetsInput{Rule: aws.String("r"), Targets: []types.Target{tt.target}})
		if got := garrisontest.Fault(err); !strings.HasPrefix(got, tt.want) || tt.want == "" && got != "" {
			t.Errorf("%s: error = %q, want %q", name, got, tt.want)
		}
	}
	_, err := w.events.PutTargets(t.Context(), &eventbridge.PutTargetsInput{Rule: aws.String("none"), Targets: []types.Target{target("1", queue)}})
	garrisontest.Want(t, err, "ResourceNotFoundException: Rule none does not exist on EventBus default.")
}

// TestInputs has each way of making the input.
func TestInputs(t *testing.T) {
	t.Parallel()
	w := start(t)
	url, arn := w.queue("q")
	for name, tt := range map[string]struct {
		change func(*types.Target)
		want   string
	}{
		"constant": {func(x *types.Target) { x.Input = aws.String(`{"fixed":true}`) }, `{"fixed":true}`},
		"path":     {func(x *types.Target) { x.InputPath = aws.String("$.detail.items[1]") }, `{"n":2}`},
		"template": {func(x *types.Target) {
			x.InputTransformer = &types.InputTransformer{
				InputPathsMap: map[string]string{"s": "$.detail.state", "i": "$.detail.items"},
				InputTemplate: aws.String(`{"rule":<aws.events.rule-arn>,"name":"<aws.events.rule-name>","text":"is <s>","items":<i>}`),
			}
		}, `{"rule":"` + arnOf("events", "rule/r") + `","name":"r","text":"is up","items":[{"n":1},{"n":2}]}`},
		"text": {func(x *types.Target) {
			x.InputTransformer = &types.InputTransformer{InputPathsMap: map[string]string{"s": "$.detail.state"}, InputTemplate: aws.String(`It is <s>`)}
		}, `It is up`},
	} {
		to := target("1", arn)
		tt.change(&to)
		w.rule("", "r", `{"source":["a"]}`, to)
		w.put(entry("a", "x", `{"state":"up","items":[{"n":1},{"n":2}]}`))
		if got := *w.receive(url).Body; got != tt.want {
			t.Errorf("%s = %s, want %s", name, got, tt.want)
		}
	}
}
