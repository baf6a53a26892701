package eventbridge_test

import (
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"

	"github.com/garrison-cloud/garrison/internal/clock"
	"github.com/garrison-cloud/garrison/internal/garrisontest"
	"github.com/garrison-cloud/garrison/internal/server"
)

func withLetters(x types.Target, arn string, attempts int32) types.Target {
	x.DeadLetterConfig = &types.DeadLetterConfig{Arn: &arn}
	x.RetryPolicy = &types.RetryPolicy{MaximumRetryAttempts: &attempts}
	return x
}

// TestDeadLetters gives up at once where a target refuses, or is not there.
func TestDeadLetters(t *testing.T) {
	t.Parallel()
	w := start(t)
	letters, lettersARN := w.queue("letters")
	w.closedQueue("closed", map[string]string{})
	for to, code := range map[string]string{
		arnOf("sqs", "closed"): "NO_PERMISSIONS", arnOf("sqs", "none"): "NO_RESOURCE", arnOf("events", "event-bus/none"): "NO_RESOURCE",
		arnOf("logs", "log-group:none"): "NO_PERMISSIONS", arnOf("lambda", "function:none"): "NO_RESOURCE",
	} {
		w.rule("", "r", `{"source":["a"]}`, withLetters(target("1", to), lettersARN, 3))
		id := w.put(entry("a", "x", "{}"))
		m := w.receive(letters)
		if got := w.parse(*m.Body); got.ID != id {
			t.Errorf("%s: the letter is %+v, want the event %s", to, got, id)
		}
		got := map[string]string{}
		for name, a := range m.MessageAttributes {
			got[name] = *a.StringValue
		}
		if got["RULE_ARN"] != arnOf("events", "rule/r") || got["TARGET_ARN"] != to || !strings.HasPrefix(got["ERROR_CODE"], "NO_") || got["ERROR_MESSAGE"] == "" ||
			got["RETRY_ATTEMPTS"] != "0" || got["EXHAUSTED_RETRY_CONDITION"] != "" {
			t.Errorf("%s: attributes = %v, want the code %s", to, got, code)
		}
	}
}

// A flaky endpoint fails until it is mended.
type flaky struct {
	calls  atomic.Int32
	mended atomic.Bool
}

func (f *flaky) ServeHTTP(rw http.ResponseWriter, _ *http.Request) {
	f.calls.Add(1)
	if !f.mended.Load() {
		rw.WriteHeader(http.StatusInternalServerError)
	}
}

func (f *flaky) called(n int32) bool {
	return garrisontest.Eventually(func() bool { return f.calls.Load() >= n })
}

// TestRetries comes again and again, until the attempts are used up.
func TestRetries(t *testing.T) {
	t.Parallel()
	w := start(t, func(c *server.Config) { c.Dev = true })
	f := &flaky{}
	letters, lettersARN := w.queue("letters")
	to := w.destination("d", serve(t, f), nil)
	w.rule("", "r", `{"source":["a"]}`, withLetters(to, lettersARN, 2))
	w.put(entry("a", "x", "{}"))
	if !garrisontest.Eventually(func() bool {
		w.Clock.Advance(100 * time.Millisecond)
		return f.calls.Load() >= 3
	}) {
		t.Fatalf("%d calls, want 3", f.calls.Load())
	}
	m := w.receive(letters)
	if a := m.MessageAttributes; *a["ERROR_CODE"].StringValue != "ERROR_FROM_TARGET" || *a["RETRY_ATTEMPTS"].StringValue != "2" ||
		*a["EXHAUSTED_RETRY_CONDITION"].StringValue != "MaximumRetryAttempts" {
		t.Errorf("attributes = %v", m.MessageAttributes)
	}
	if n := f.calls.Load(); n != 3 {
		t.Errorf("%d calls, want one and two again", n)
	}
}

// TestAge gives up once the event is too old.
func TestAge(t *testing.T) {
	t.Parallel()
	w := start(t, func(c *server.Config) { c.Dev = true })
	f := &flaky{}
	letters, lettersARN := w.queue("letters")
	to := withLetters(w.destination("d", serve(t, f), nil), lettersARN, 185)
	to.RetryPolicy.MaximumEventAgeInSeconds = aws.Int32(60)
	w.rule("", "r", `{"source":["a"]}`, to)
	w.put(entry("a", "x", "{}"))
	var got *string
	if !garrisontest.Eventually(func() bool {
		w.Clock.Advance(2 * time.Second)
		for _, m := range w.look(letters) {
			got = m.MessageAttributes["EXHAUSTED_RETRY_CONDITION"].StringValue
		}
		return got != nil
	}) || *got != "MaximumEventAgeInSeconds" {
		t.Errorf("condition = %v, want the age", got)
	}
	if n := f.calls.Load(); n < 3 || n > 10 {
		t.Errorf("%d calls in a minute, want some six", n)
	}
}

// TestResume delivers after a restart what was under way before.
func TestResume(t *testing.T) {
	t.Parallel()
	dir, f := t.TempDir(), &flaky{}
	url := serve(t, f)
	now := clock.NewFake(clock.System{}.Now())
	durable := func(c *server.Config) { c.Data, c.Clock, c.Dev = dir, now, true }
	t.Run("first life", func(t *testing.T) { //nolint:paralleltest // the lives come one after the other
		w := start(t, durable)
		w.rule("", "r", `{"source":["a"]}`, w.destination("d", url, nil))
		w.put(entry("a", "x", "{}"))
		if !f.called(1) {
			t.Fatal("no call before the restart")
		}
	})
	f.mended.Store(true)
	before := f.calls.Load()
	start(t, durable)
	if !garrisontest.Eventually(func() bool {
		now.Advance(time.Second)
		return f.calls.Load() > before
	}) {
		t.Error("no call after the restart")
	}
}
