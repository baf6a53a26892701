package lambda_test

import (
	"context"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	logtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/garrison-cloud/garrison/internal/clock"
	"github.com/garrison-cloud/garrison/internal/garrisontest"
	"github.com/garrison-cloud/garrison/internal/server"
)

// echo answers with what its environment lets it do.
const echo = `
import os, urllib.request, urllib.error
def handler(event, context):
    try:
        urllib.request.urlopen(os.environ["AWS_ENDPOINT_URL"])
        reached = True
    except urllib.error.HTTPError:
        reached = True
    except OSError:
        reached = False
    return {k: os.environ.get(k) for k in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "OWN")} | {"reached": reached}
`

// TestCredentials uses what a function is given: it is its role, and no more.
func TestCredentials(t *testing.T) {
	t.Parallel()
	r := start(t, "")
	r.create(t, r.python(t, "a", echo))
	out := r.invoke(t, "a", `{}`)
	if member(t, out.Payload, "reached") != "true" {
		t.Errorf("the function does not reach the server: %s", out.Payload)
	}
	c := r.ConfigWith(region, member(t, out.Payload, "AWS_ACCESS_KEY_ID"), member(t, out.Payload, "AWS_SECRET_ACCESS_KEY"), member(t, out.Payload, "AWS_SESSION_TOKEN"))
	who, err := sts.NewFromConfig(c).GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{})
	if err != nil || *who.Arn != "arn:aws:sts::111122223333:assumed-role/runner/a_" {
		t.Errorf("the function is %+v, %v", who, err)
	}
	_, err = lambda.NewFromConfig(c).ListFunctions(t.Context(), &lambda.ListFunctionsInput{})
	garrisontest.Want(t, err, "AccessDeniedException: User: arn:aws:sts::111122223333:assumed-role/runner/a_ is not authorized to perform: lambda:ListFunctions")
}

// TestPayload holds payloads to their bounds and forms.
func TestPayload(t *testing.T) {
	t.Parallel()
	r := start(t, "")
	r.create(t, r.python(t, "len", "def handler(e, c): return len(e) if isinstance(e, str) else e"))
	for _, tt := range []struct {
		kind    types.InvocationType
		payload string
		want    string
	}{
		{types.InvocationTypeRequestResponse, "", ""},
		{types.InvocationTypeRequestResponse, "{", "InvalidRequestContentException: Could not parse request body into json"},
		{types.InvocationTypeRequestResponse, `"` + strings.Repeat("x", 6<<20-2) + `"`, ""},
		{types.InvocationTypeRequestResponse, `"` + strings.Repeat("x", 6<<20-1) + `"`, "RequestTooLargeException: 6291457 byte payload is too large for the RequestResponse invocation type (limit 6291456 bytes)"},
		{types.InvocationTypeEvent, `"` + strings.Repeat("x", 1<<20-2) + `"`, ""},
		{types.InvocationTypeEvent, `"` + strings.Repeat("x", 1<<20-1) + `"`, "RequestTooLargeException: 1048577 byte payload is too large for the Event invocation type (limit 1048576 bytes)"},
		{types.InvocationTypeDryRun, "{}", ""},
	} {
		out, err := r.c.Invoke(t.Context(), &lambda.InvokeInput{FunctionName: aws.String("len"), InvocationType: tt.kind, Payload: []byte(tt.payload)})
		garrisontest.Want(t, err, tt.want)
		if err != nil {
			continue
		}
		status := map[types.InvocationType]int32{types.InvocationTypeRequestResponse: 200, types.InvocationTypeEvent: 202, types.InvocationTypeDryRun: 204}[tt.kind]
		if out.StatusCode != status || tt.payload == "" && string(out.Payload) != "{}" {
			t.Errorf("%s: status %d, payload %.50s", tt.kind, out.StatusCode, out.Payload)
		}
	}
}

// messages are the events of a group, as soon as one has the word.
func messages(t *testing.T, r *rig, group, word string) []logtypes.FilteredLogEvent {
	t.Helper()
	c := cloudwatchlogs.NewFromConfig(r.Config)
	var list []logtypes.FilteredLogEvent
	if !garrisontest.Eventually(func() bool {
		out, err := c.FilterLogEvents(context.WithoutCancel(t.Context()), &cloudwatchlogs.FilterLogEventsInput{LogGroupName: &group})
		if err != nil {
			return false
		}
		list = out.Events
		for _, e := range list {
			if strings.Contains(*e.Message, word) {
				return true
			}
		}
		return false
	}) {
		t.Fatalf("no %q in %s: %v", word, group, list)
	}
	return list
}

// TestLogs finds a function's words in CloudWatch Logs, if its role may write there.
func TestLogs(t *testing.T) {
	t.Parallel()
	r := start(t, "")
	r.create(t, r.python(t, "says", "def handler(e, c):\n  print('one\\ntwo')\n  return c.log_stream_name"))
	out := r.invoke(t, "says", `{}`)
	var got []string
	for _, e := range messages(t, r, "/aws/lambda/says", "REPORT") {
		got = append(got, strings.Fields(*e.Message)[0])
		if want := strings.Trim(string(out.Payload), `"`); *e.LogStreamName != want || !strings.Contains(want, "/[$LATEST]") {
			t.Errorf("stream = %s, want %s", *e.LogStreamName, want)
		}
	}
	if s := strings.Join(got, " "); s != "START one two END REPORT" {
		t.Errorf("logged %s", s)
	}
	mute := r.newRole(t, "mute", "lambda.amazonaws.com", allowing("s3:GetObject"))
	in := r.python(t, "mute", "def handler(e, c): print('x')")
	in.Role = &mute
	r.create(t, in)
	r.invoke(t, "mute", `{}`)
	r.invoke(t, "says", `{}`)
	_, err := cloudwatchlogs.NewFromConfig(r.Config).DescribeLogStreams(t.Context(), &cloudwatchlogs.DescribeLogStreamsInput{LogGroupName: aws.String("/aws/lambda/mute")})
	garrisontest.Want(t, err, "ResourceNotFoundException: The specified log group does not exist.")
}

// failing says its request's id and fails, as often as it is told to.
const failing = `
def handler(e, c):
    print("tried", e["name"])
    if e.get("fails"): raise ValueError("on purpose")
`

// tries counts how often an event was tried.
func tries(t *testing.T, r *rig, name string) int {
	t.Helper()
	n := 0
	out, err := cloudwatchlogs.NewFromConfig(r.Config).FilterLogEvents(context.WithoutCancel(t.Context()), &cloudwatchlogs.FilterLogEventsInput{
		LogGroupName: aws.String("/aws/lambda/later"), FilterPattern: aws.String(`"tried ` + name + `"`),
	})
	if err == nil {
		n = len(out.Events)
	}
	return n
}

// TestRetries queues an event that always fails: it is tried three times, a minute
// and two minutes apart, and no more.
func TestRetries(t *testing.T) {
	t.Parallel()
	r := start(t, "")
	r.create(t, r.python(t, "later", failing))
	queue := func(payload string) {
		t.Helper()
		_, err := r.c.Invoke(t.Context(), &lambda.InvokeInput{FunctionName: aws.String("later"), InvocationType: types.InvocationTypeEvent, Payload: []byte(payload)})
		garrisontest.Want(t, err, "")
	}
	queue(`{"name":"bad","fails":true}`)
	queue(`{"name":"good"}`)
	began := r.Clock.Now()
	if !garrisontest.Eventually(func() bool { r.Clock.Advance(time.Second); return tries(t, r, "bad") == 3 }) {
		t.Fatalf("tried %d times, want 3", tries(t, r, "bad"))
	}
	if took := r.Clock.Now().Sub(began); took < 3*time.Minute {
		t.Errorf("tried three times within %v, want three minutes at least", took)
	}
	r.Clock.Advance(time.Hour)
	r.invoke(t, "later", `{"name":"last"}`)
	messages(t, r, "/aws/lambda/later", "tried last")
	if bad, good := tries(t, r, "bad"), tries(t, r, "good"); bad != 3 || good != 1 {
		t.Errorf("tried %d and %d times, want 3 and 1", bad, good)
	}
	_, err := r.c.PutFunctionEventInvokeConfig(t.Context(), &lambda.PutFunctionEventInvokeConfigInput{FunctionName: aws.String("later"), MaximumRetryAttempts: aws.Int32(0)})
	garrisontest.Want(t, err, "")
	queue(`{"name":"once","fails":true}`)
	if !garrisontest.Eventually(func() bool { return tries(t, r, "once") == 1 }) {
		t.Fatal("it was not tried")
	}
	r.Clock.Advance(time.Hour)
	r.invoke(t, "later", `{"name":"done"}`)
	messages(t, r, "/aws/lambda/later", "tried done")
	if n := tries(t, r, "once"); n != 1 {
		t.Errorf("tried %d times, want once", n)
	}
}

// TestRestart queues an event that is not tried before the server stops: the next
// one tries it.
func TestRestart(t *testing.T) {
	t.Parallel()
	data, now := filepath.Join(t.TempDir(), "data"), clock.NewFake(clock.System{}.Now())
	durable := func(t *testing.T) *rig {
		t.Helper()
		s := garrisontest.Start(t, func(c *server.Config) {
			c.Data, c.Clock, c.FunctionUID = data, now, 1879200000+int(uids.Add(1))*1000
		})
		return &rig{Server: s, c: lambda.NewFromConfig(s.Config), role: "arn:aws:iam::111122223333:role/runner"}
	}
	t.Run("before", func(t *testing.T) {
		r := durable(t)
		r.newRole(t, "runner", "lambda.amazonaws.com", allowing("logs:*"))
		r.create(t, r.python(t, "later", failing))
		_, err := r.c.Invoke(t.Context(), &lambda.InvokeInput{FunctionName: aws.String("later"), InvocationType: types.InvocationTypeEvent, Payload: []byte(`{"name":"bad","fails":true}`)})
		garrisontest.Want(t, err, "")
		if !garrisontest.Eventually(func() bool { return tries(t, r, "bad") == 1 }) {
			t.Fatal("it was not tried")
		}
	})
	t.Run("after", func(t *testing.T) {
		r := durable(t)
		now.Advance(time.Minute)
		if !garrisontest.Eventually(func() bool { now.Advance(time.Second); return tries(t, r, "bad") == 2 }) {
			t.Errorf("tried %d times, want twice", tries(t, r, "bad"))
		}
	})
}

// TestReserved holds a function to what is reserved for it.
func TestReserved(t *testing.T) {
	t.Parallel()
	r := start(t, "")
	r.create(t, r.python(t, "slow", "import time\ndef handler(e, c): time.sleep(e)"))
	reserve := func(n int32, want_ string) {
		t.Helper()
		_, err := r.c.PutFunctionConcurrency(t.Context(), &lambda.PutFunctionConcurrencyInput{FunctionName: aws.String("slow"), ReservedConcurrentExecutions: &n})
		garrisontest.Want(t, err, want_)
	}
	once := func(seconds string) error {
		_, err := r.c.Invoke(context.WithoutCancel(t.Context()), &lambda.InvokeInput{FunctionName: aws.String("slow"), Payload: []byte(seconds)})
		return err
	}
	reserve(0, "")
	garrisontest.Want(t, once("0"), "TooManyRequestsException: Rate Exceeded.")
	reserve(901, "InvalidParameterValueException: Specified ReservedConcurrentExecutions for function decreases account's UnreservedConcurrentExecution below its minimum value of [100].")
	reserve(1, "")
	results := make(chan error, 2)
	for range 2 {
		go func() { results <- once("1") }()
	}
	garrisontest.Want(t, <-results, "TooManyRequestsException: Rate Exceeded.")
	garrisontest.Want(t, <-results, "")
	garrisontest.Want(t, once("0"), "")
}
