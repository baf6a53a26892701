package cloudwatchlogs_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
	"github.com/aws/aws-sdk-go-v2/service/kms"

	"github.com/garrison-cloud/garrison/internal/garrisontest"
)

// A rig is a server with one group and one stream.
type rig struct {
	*garrisontest.Server
	c *cloudwatchlogs.Client
}

const groupName, streamName = "/app/web", "one"

func start(t *testing.T) *rig {
	t.Helper()
	s := garrisontest.Start(t)
	r := &rig{Server: s, c: cloudwatchlogs.NewFromConfig(s.Config)}
	_, err := r.c.CreateLogGroup(t.Context(), &cloudwatchlogs.CreateLogGroupInput{LogGroupName: aws.String(groupName)})
	garrisontest.Want(t, err, "")
	r.stream(t, streamName)
	return r
}

func (r *rig) stream(t *testing.T, name string) {
	t.Helper()
	_, err := r.c.CreateLogStream(t.Context(), &cloudwatchlogs.CreateLogStreamInput{LogGroupName: aws.String(groupName), LogStreamName: &name})
	garrisontest.Want(t, err, "")
}

// A line is an event at a time before now.
type line struct {
	ago  time.Duration
	text string
}

func (r *rig) events(lines ...line) []types.InputLogEvent {
	var out []types.InputLogEvent
	for _, l := range lines {
		out = append(out, types.InputLogEvent{Timestamp: aws.Int64(r.Clock.Now().Add(-l.ago).UnixMilli()), Message: aws.String(l.text)})
	}
	return out
}

func (r *rig) put(t *testing.T, stream string, lines ...line) *cloudwatchlogs.PutLogEventsOutput {
	t.Helper()
	out, err := r.c.PutLogEvents(t.Context(), &cloudwatchlogs.PutLogEventsInput{LogGroupName: aws.String(groupName), LogStreamName: &stream, LogEvents: r.events(lines...)})
	garrisontest.Want(t, err, "")
	return out
}

func (r *rig) get(t *testing.T, in *cloudwatchlogs.GetLogEventsInput) (string, *cloudwatchlogs.GetLogEventsOutput) {
	t.Helper()
	in.LogGroupName = aws.String(groupName)
	if in.LogStreamName == nil {
		in.LogStreamName = aws.String(streamName)
	}
	out, err := r.c.GetLogEvents(t.Context(), in)
	if err != nil {
		t.Fatalf("get: %v", err)
	}
	var got []string
	for _, e := range out.Events {
		got = append(got, *e.Message)
	}
	return strings.Join(got, " "), out
}

func (r *rig) filter(t *testing.T, in *cloudwatchlogs.FilterLogEventsInput) string {
	t.Helper()
	in.LogGroupName = aws.String(groupName)
	var got []string
	for p := cloudwatchlogs.NewFilterLogEventsPaginator(r.c, in); p.HasMorePages(); {
		out, err := p.NextPage(t.Context())
		if err != nil {
			t.Fatalf("filter: %v", err)
		}
		for _, e := range out.Events {
			got = append(got, *e.Message)
		}
	}
	return strings.Join(got, " ")
}

// TestGet puts blocks that overlap, and reads them in order from both ends.
func TestGet(t *testing.T) {
	t.Parallel()
	r := start(t)
	r.put(t, streamName, line{9 * time.Minute, "a"}, line{5 * time.Minute, "c"}, line{time.Minute, "f"})
	r.put(t, streamName, line{7 * time.Minute, "b"}, line{3 * time.Minute, "e"})
	r.put(t, streamName, line{4 * time.Minute, "d"})
	if got, _ := r.get(t, &cloudwatchlogs.GetLogEventsInput{}); got != "a b c d e f" {
		t.Errorf("all = %s", got)
	}
	got, page := r.get(t, &cloudwatchlogs.GetLogEventsInput{Limit: aws.Int32(2), StartFromHead: aws.Bool(true)})
	var all []string
	for got != "" {
		all = append(all, got)
		before := *page.NextForwardToken
		got, page = r.get(t, &cloudwatchlogs.GetLogEventsInput{Limit: aws.Int32(2), NextToken: page.NextForwardToken, StartFromHead: aws.Bool(true)})
		if got == "" && *page.NextForwardToken != before {
			t.Errorf("the end's token is another: %s, %s", before, *page.NextForwardToken)
		}
	}
	if !slices.Equal(all, []string{"a b", "c d", "e f"}) {
		t.Errorf("forwards = %q", all)
	}
	all = nil
	got, page = r.get(t, &cloudwatchlogs.GetLogEventsInput{Limit: aws.Int32(4)})
	for got != "" {
		all = append(all, got)
		got, page = r.get(t, &cloudwatchlogs.GetLogEventsInput{Limit: aws.Int32(4), NextToken: page.NextBackwardToken})
	}
	if !slices.Equal(all, []string{"c d e f", "a b"}) {
		t.Errorf("backwards = %q", all)
	}
	from, to := r.Clock.Now().Add(-7*time.Minute).UnixMilli(), r.Clock.Now().Add(-3*time.Minute).UnixMilli()
	if got, _ := r.get(t, &cloudwatchlogs.GetLogEventsInput{StartTime: &from, EndTime: &to}); got != "b c d" {
		t.Errorf("between = %s", got)
	}
	if got := r.filter(t, &cloudwatchlogs.FilterLogEventsInput{StartTime: &from, EndTime: &to}); got != "b c d e" {
		t.Errorf("filtered between = %s", got)
	}
	_, page = r.get(t, &cloudwatchlogs.GetLogEventsInput{StartFromHead: aws.Bool(true)})
	r.put(t, streamName, line{0, "g"}) // what comes later is found by the token of the end
	if got, _ := r.get(t, &cloudwatchlogs.GetLogEventsInput{NextToken: page.NextForwardToken, StartFromHead: aws.Bool(true)}); got != "g" {
		t.Errorf("later = %q", got)
	}
	_, err := r.c.GetLogEvents(t.Context(), &cloudwatchlogs.GetLogEventsInput{LogGroupName: aws.String(groupName), LogStreamName: aws.String(streamName), NextToken: aws.String("f/x")})
	garrisontest.Want(t, err, "InvalidParameterException: The specified nextToken is invalid.")
}

// TestFilter finds events across streams.
func TestFilter(t *testing.T) {
	t.Parallel()
	r := start(t)
	r.stream(t, "two")
	for i := range 40 {
		r.put(t, []string{streamName, "two"}[i%2], line{time.Duration(100-i) * time.Second, fmt.Sprintf(`{"n":%d}`, i)})
	}
	for _, tt := range []struct {
		in   cloudwatchlogs.FilterLogEventsInput
		want string
	}{
		{cloudwatchlogs.FilterLogEventsInput{FilterPattern: aws.String("{ $.n > 36 }")}, `{"n":37} {"n":38} {"n":39}`},
		{cloudwatchlogs.FilterLogEventsInput{FilterPattern: aws.String("{ $.n > 36 }"), Limit: aws.Int32(1)}, `{"n":37} {"n":38} {"n":39}`},
		{cloudwatchlogs.FilterLogEventsInput{FilterPattern: aws.String("{ $.n > 36 }"), LogStreamNames: []string{"two"}}, `{"n":37} {"n":39}`},
		{cloudwatchlogs.FilterLogEventsInput{FilterPattern: aws.String("{ $.n > 36 }"), LogStreamNamePrefix: aws.String("on")}, `{"n":38}`},
		{cloudwatchlogs.FilterLogEventsInput{FilterPattern: aws.String("{ $.n > 99 }")}, ``},
	} {
		if got := r.filter(t, &tt.in); got != tt.want {
			t.Errorf("%s = %s, want %s", *tt.in.FilterPattern, got, tt.want)
		}
	}
	_, err := r.c.FilterLogEvents(t.Context(), &cloudwatchlogs.FilterLogEventsInput{LogGroupName: aws.String(groupName), FilterPattern: aws.String("{ $.n")})
	garrisontest.Want(t, err, "InvalidParameterException: Invalid filter pattern")
}

// TestPutRefused holds batches to their bounds.
func TestPutRefused(t *testing.T) {
	t.Parallel()
	r := start(t)
	for _, tt := range []struct {
		name  string
		lines []line
		want  string
	}{
		{"order", []line{{time.Minute, "x"}, {2 * time.Minute, "y"}}, "InvalidParameterException: Log events in a single PutLogEvents request must be in chronological order."},
		{"span", []line{{25 * time.Hour, "x"}, {0, "y"}}, "InvalidParameterException: The batch of log events in a single PutLogEvents request cannot span more than 24 hours."},
		{"size", []line{{0, strings.Repeat("x", 1<<20-25)}}, "InvalidParameterException: Upload too large: 1048577 bytes exceeds limit of 1048576"},
		{"just fits", []line{{0, strings.Repeat("x", 1<<20-26)}}, ""},
	} {
		_, err := r.c.PutLogEvents(t.Context(), &cloudwatchlogs.PutLogEventsInput{LogGroupName: aws.String(groupName), LogStreamName: aws.String(streamName), LogEvents: r.events(tt.lines...)})
		if got := garrisontest.Fault(err); tt.want == "" && got != "" || !strings.HasPrefix(got, tt.want) {
			t.Errorf("%s: error = %q, want %q", tt.name, got, tt.want)
		}
	}
	_, err := r.c.PutLogEvents(t.Context(), &cloudwatchlogs.PutLogEventsInput{LogGroupName: aws.String(groupName), LogStreamName: aws.String("none"), LogEvents: r.events(line{0, "x"})})
	garrisontest.Want(t, err, "ResourceNotFoundException: The specified log stream does not exist.")
	out := r.put(t, streamName, line{15 * 24 * time.Hour, "old"}, line{14*24*time.Hour + 10*time.Hour, "old"})
	if i := out.RejectedLogEventsInfo; i == nil || aws.ToInt32(i.TooOldLogEventEndIndex) != 2 {
		t.Errorf("rejected = %+v", i)
	}
	out = r.put(t, streamName, line{-time.Hour, "soon"}, line{-3 * time.Hour, "too soon"})
	if i := out.RejectedLogEventsInfo; i == nil || aws.ToInt32(i.TooNewLogEventStartIndex) != 1 || i.TooOldLogEventEndIndex != nil {
		t.Errorf("rejected = %+v", i)
	}
	if got, _ := r.get(t, &cloudwatchlogs.GetLogEventsInput{Limit: aws.Int32(1)}); got != "soon" {
		t.Errorf("kept = %.40s", got)
	}
}

func (r *rig) stored(t *testing.T) int64 {
	t.Helper()
	out, err := r.c.DescribeLogGroups(t.Context(), &cloudwatchlogs.DescribeLogGroupsInput{})
	if err != nil || len(out.LogGroups) != 1 {
		t.Fatalf("groups = %+v, %v", out, err)
	}
	return *out.LogGroups[0].StoredBytes
}

// TestRetention lets time pass: what has expired is not read, and then not there.
func TestRetention(t *testing.T) {
	t.Parallel()
	r := start(t)
	r.put(t, streamName, line{2 * time.Hour, "early"})
	r.put(t, streamName, line{time.Hour, "late"})
	_, err := r.c.PutRetentionPolicy(t.Context(), &cloudwatchlogs.PutRetentionPolicyInput{LogGroupName: aws.String(groupName), RetentionInDays: aws.Int32(2)})
	garrisontest.Want(t, err, "InvalidParameterException: 1 validation error detected: Value '2' at 'retentionInDays'")
	_, err = r.c.PutRetentionPolicy(t.Context(), &cloudwatchlogs.PutRetentionPolicyInput{LogGroupName: aws.String(groupName), RetentionInDays: aws.Int32(1)})
	garrisontest.Want(t, err, "")
	both := r.stored(t)
	r.Clock.Advance(22*time.Hour + 30*time.Minute)
	if got, _ := r.get(t, &cloudwatchlogs.GetLogEventsInput{}); got != "late" {
		t.Errorf("after 22 hours and a half: %q", got)
	}
	r.Clock.Advance(time.Hour)
	if got, _ := r.get(t, &cloudwatchlogs.GetLogEventsInput{}); got != "" {
		t.Errorf("after a day: %q", got)
	}
	if got := r.filter(t, &cloudwatchlogs.FilterLogEventsInput{}); got != "" {
		t.Errorf("filtered after a day: %q", got)
	}
	r.Clock.Advance(2 * time.Hour)
	if !garrisontest.Eventually(func() bool { return r.stored(t) == 0 }) {
		t.Errorf("%d bytes of %d are left", r.stored(t), both)
	}
	out := r.put(t, streamName, line{30 * time.Hour, "expired"})
	if i := out.RejectedLogEventsInfo; i == nil || aws.ToInt32(i.ExpiredLogEventEndIndex) != 1 {
		t.Errorf("rejected = %+v", i)
	}
}

// TestKMS seals a group by a key whose policy must let the service in.
func TestKMS(t *testing.T) {
	t.Parallel()
	r := start(t)
	keys := kms.NewFromConfig(r.Config)
	key, err := keys.CreateKey(t.Context(), &kms.CreateKeyInput{})
	garrisontest.Want(t, err, "")
	associate := &cloudwatchlogs.AssociateKmsKeyInput{LogGroupName: aws.String(groupName), KmsKeyId: key.KeyMetadata.Arn}
	_, err = r.c.AssociateKmsKey(t.Context(), associate)
	garrisontest.Want(t, err, "InvalidParameterException: The specified KMS key does not exist or is not allowed to be used with LogGroup 'arn:aws:logs:us-east-1:111122223333:log-group:/app/web'")
	_, err = keys.PutKeyPolicy(t.Context(), &kms.PutKeyPolicyInput{KeyId: key.KeyMetadata.KeyId, Policy: aws.String(`{"Version":"2012-10-17","Statement":[
		{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111122223333:root"},"Action":"kms:*","Resource":"*"},
		{"Effect":"Allow","Principal":{"Service":"logs.us-east-1.amazonaws.com"},"Action":["kms:GenerateDataKey*","kms:Decrypt*"],"Resource":"*",
		 "Condition":{"ArnEquals":{"kms:EncryptionContext:aws:logs:arn":"arn:aws:logs:us-east-1:111122223333:log-group:/app/web"}}}]}`)})
	garrisontest.Want(t, err, "")
	r.put(t, streamName, line{time.Minute, "plain"})
	_, err = r.c.AssociateKmsKey(t.Context(), associate)
	garrisontest.Want(t, err, "")
	r.put(t, streamName, line{0, "sealed"})
	if got, _ := r.get(t, &cloudwatchlogs.GetLogEventsInput{}); got != "plain sealed" {
		t.Errorf("events = %s", got)
	}
	_, err = keys.DisableKey(t.Context(), &kms.DisableKeyInput{KeyId: key.KeyMetadata.KeyId})
	garrisontest.Want(t, err, "")
	r.Clock.Advance(6 * time.Minute) // an opened key is used for five
	_, err = r.c.GetLogEvents(t.Context(), &cloudwatchlogs.GetLogEventsInput{LogGroupName: aws.String(groupName), LogStreamName: aws.String(streamName)})
	garrisontest.Want(t, err, "InvalidParameterException: The KMS key that is associated with the log group")
	_, err = keys.EnableKey(t.Context(), &kms.EnableKeyInput{KeyId: key.KeyMetadata.KeyId})
	garrisontest.Want(t, err, "")
	_, err = r.c.DisassociateKmsKey(t.Context(), &cloudwatchlogs.DisassociateKmsKeyInput{LogGroupName: aws.String(groupName)})
	garrisontest.Want(t, err, "")
	r.put(t, streamName, line{0, "plain again"})
	if got, _ := r.get(t, &cloudwatchlogs.GetLogEventsInput{}); got != "plain sealed plain again" {
		t.Errorf("events = %s", got)
	}
}

// TestStreams lists streams by name and by time.
func TestStreams(t *testing.T) {
	t.Parallel()
	r := start(t)
	for i, name := range []string{"b", "a", "c"} {
		r.stream(t, name)
		r.put(t, name, line{time.Duration(10-i) * time.Minute, "x"})
	}
	for _, tt := range []struct {
		in   cloudwatchlogs.DescribeLogStreamsInput
		want string
	}{
		{cloudwatchlogs.DescribeLogStreamsInput{}, "a b c one"},
		{cloudwatchlogs.DescribeLogStreamsInput{Limit: aws.Int32(1)}, "a b c one"},
		{cloudwatchlogs.DescribeLogStreamsInput{Descending: aws.Bool(true), Limit: aws.Int32(3)}, "one c b a"},
		{cloudwatchlogs.DescribeLogStreamsInput{OrderBy: types.OrderByLastEventTime, Descending: aws.Bool(true), Limit: aws.Int32(2)}, "c a b one"},
		{cloudwatchlogs.DescribeLogStreamsInput{LogStreamNamePrefix: aws.String("o")}, "one"},
	} {
		tt.in.LogGroupName = aws.String(groupName)
		var got []string
		for p := cloudwatchlogs.NewDescribeLogStreamsPaginator(r.c, &tt.in); p.HasMorePages(); {
			out, err := p.NextPage(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			for _, s := range out.LogStreams {
				got = append(got, *s.LogStreamName)
			}
		}
		if strings.Join(got, " ") != tt.want {
			t.Errorf("%+v = %s, want %s", tt.in, got, tt.want)
		}
	}
	_, err := r.c.DeleteLogStream(t.Context(), &cloudwatchlogs.DeleteLogStreamInput{LogGroupName: aws.String(groupName), LogStreamName: aws.String("a")})
	garrisontest.Want(t, err, "")
	if got := r.filter(t, &cloudwatchlogs.FilterLogEventsInput{}); got != "x x" {
		t.Errorf("events = %s", got)
	}
	_, err = r.c.DeleteLogGroup(t.Context(), &cloudwatchlogs.DeleteLogGroupInput{LogGroupName: aws.String(groupName)})
	garrisontest.Want(t, err, "")
	_, err = r.c.DescribeLogStreams(t.Context(), &cloudwatchlogs.DescribeLogStreamsInput{LogGroupName: aws.String(groupName)})
	garrisontest.Want(t, err, "ResourceNotFoundException: The specified log group does not exist.")
	_, err = r.c.CreateLogGroup(t.Context(), &cloudwatchlogs.CreateLogGroupInput{LogGroupName: aws.String(groupName)})
	garrisontest.Want(t, err, "")
	if got := r.filter(t, &cloudwatchlogs.FilterLogEventsInput{}); got != "" {
		t.Errorf("a new group holds %s", got)
	}
}

// TestWho holds callers to IAM, and lets another account in by a resource policy.
func TestWho(t *testing.T) {
	t.Parallel()
	r := start(t)
	name := "arn:aws:logs:us-east-1:111122223333:log-group:/app/web"
	ann := cloudwatchlogs.NewFromConfig(r.User(t, "ann", `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":["logs:GetLogEvents","logs:TagResource"],"Resource":["`+name+`:log-stream:one","`+name+`"]}}`))
	_, err := ann.GetLogEvents(t.Context(), &cloudwatchlogs.GetLogEventsInput{LogGroupName: aws.String(groupName), LogStreamName: aws.String(streamName)})
	garrisontest.Want(t, err, "")
	_, err = ann.FilterLogEvents(t.Context(), &cloudwatchlogs.FilterLogEventsInput{LogGroupName: aws.String(groupName)})
	garrisontest.Want(t, err, "AccessDeniedException: User: arn:aws:iam::111122223333:user/ann is not authorized to perform: logs:FilterLogEvents on resource: "+name+":log-stream: because no identity-based policy allows")
	_, err = ann.TagResource(t.Context(), &cloudwatchlogs.TagResourceInput{ResourceArn: &name, Tags: map[string]string{"team": "red"}})
	garrisontest.Want(t, err, "")
	tags, err := r.c.ListTagsForResource(t.Context(), &cloudwatchlogs.ListTagsForResourceInput{ResourceArn: &name})
	if err != nil || tags.Tags["team"] != "red" {
		t.Errorf("tags = %+v, %v", tags, err)
	}
	bob := cloudwatchlogs.NewFromConfig(r.UserOf(t, garrisontest.OtherAccount, "bob", `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"logs:*","Resource":"*"}}`))
	read := func(prefix string) {
		t.Helper()
		_, err := bob.FilterLogEvents(t.Context(), &cloudwatchlogs.FilterLogEventsInput{LogGroupIdentifier: &name})
		garrisontest.Want(t, err, prefix)
	}
	read("AccessDeniedException: ")
	_, err = r.c.PutResourcePolicy(t.Context(), &cloudwatchlogs.PutResourcePolicyInput{PolicyName: aws.String("p"), PolicyDocument: aws.String(
		`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":"444455556666"},"Action":"logs:FilterLogEvents","Resource":"` + name + `:*"}}`)})
	garrisontest.Want(t, err, "")
	read("")
	_, err = r.c.PutResourcePolicy(t.Context(), &cloudwatchlogs.PutResourcePolicyInput{PolicyName: aws.String("q"), PolicyDocument: aws.String(`{"Version":"x"}`)})
	garrisontest.Want(t, err, "InvalidParameterException: The policy document is not valid")
	_, err = r.c.DeleteResourcePolicy(t.Context(), &cloudwatchlogs.DeleteResourcePolicyInput{PolicyName: aws.String("p")})
	garrisontest.Want(t, err, "")
	read("AccessDeniedException: ")
}
