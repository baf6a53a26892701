package eventbridge_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	trail "github.com/aws/aws-sdk-go-v2/service/cloudtrail/types"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/garrison-cloud/garrison/internal/garrisontest"
)

const (
	account = garrisontest.Account
	other   = garrisontest.OtherAccount
	region  = garrisontest.Region
)

// A world is a server and clients of its first account's root.
type world struct {
	*garrisontest.Server
	t      *testing.T
	events *eventbridge.Client
	queues *sqs.Client
}

func start(t *testing.T, opts ...garrisontest.Option) *world {
	t.Helper()
	s := garrisontest.Start(t, opts...)
	return &world{s, t, eventbridge.NewFromConfig(s.Config), sqs.NewFromConfig(s.Config)}
}

// allowing is an IAM policy that allows actions on a resource.
func allowing(resource string, actions ...string) string {
	return `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":["` + strings.Join(actions, `","`) + `"],"Resource":"` + resource + `"}}`
}

// letIn is a resource policy that lets EventBridge do an action for rules of the
// account.
func letIn(resource, action string) string {
	return `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"Service":"events.amazonaws.com"},"Action":"` + action +
		`","Resource":"` + resource + `","Condition":{"ArnLike":{"aws:SourceArn":"arn:aws:events:` + region + `:` + account + `:rule/*"}}}}`
}

func arnOf(service, resource string) string {
	return "arn:aws:" + service + ":" + region + ":" + account + ":" + resource
}

// queue makes a queue that lets EventBridge in, and returns its URL and ARN.
func (w *world) queue(name string) (url, arn string) {
	w.t.Helper()
	arn = arnOf("sqs", name)
	return w.closedQueue(name, map[string]string{"Policy": letIn(arn, "sqs:SendMessage")}), arn
}

// closedQueue makes a queue with attributes alone.
func (w *world) closedQueue(name string, attributes map[string]string) string {
	w.t.Helper()
	if strings.HasSuffix(name, ".fifo") {
		attributes["FifoQueue"] = "true"
	}
	out, err := w.queues.CreateQueue(w.t.Context(), &sqs.CreateQueueInput{QueueName: &name, Attributes: attributes})
	if err != nil {
		w.t.Fatalf("create the queue %s: %v", name, err)
	}
	return *out.QueueUrl
}

// receive waits for a message and removes it.
func (w *world) receive(url string) sqstypes.Message {
	w.t.Helper()
	var got []sqstypes.Message
	if !garrisontest.Eventually(func() bool {
		got = w.look(url)
		return len(got) > 0
	}) {
		w.t.Fatalf("nothing came to %s", url)
	}
	if _, err := w.queues.DeleteMessage(w.t.Context(), &sqs.DeleteMessageInput{QueueUrl: &url, ReceiptHandle: got[0].ReceiptHandle}); err != nil {
		w.t.Fatalf("delete a message: %v", err)
	}
	return got[0]
}

func (w *world) look(url string) []sqstypes.Message {
	w.t.Helper()
	out, err := w.queues.ReceiveMessage(w.t.Context(), &sqs.ReceiveMessageInput{
		QueueUrl: &url, MaxNumberOfMessages: 1, MessageAttributeNames: []string{"All"},
		MessageSystemAttributeNames: []sqstypes.MessageSystemAttributeName{sqstypes.MessageSystemAttributeNameAll},
	})
	if err != nil {
		w.t.Fatalf("receive of %s: %v", url, err)
	}
	return out.Messages
}

// rule makes a rule of a pattern on a bus, "" being the default one, with targets.
func (w *world) rule(bus, name, pattern string, targets ...types.Target) {
	w.t.Helper()
	in := &eventbridge.PutRuleInput{Name: &name, EventPattern: &pattern}
	put := &eventbridge.PutTargetsInput{Rule: &name, Targets: targets}
	if bus != "" {
		in.EventBusName, put.EventBusName = &bus, &bus
	}
	if _, err := w.events.PutRule(w.t.Context(), in); err != nil {
		w.t.Fatalf("put the rule %s: %v", name, err)
	}
	if len(targets) == 0 {
		return
	}
	out, err := w.events.PutTargets(w.t.Context(), put)
	if err != nil || out.FailedEntryCount != 0 {
		w.t.Fatalf("put the targets of %s: %v, %v", name, out, err)
	}
}

func target(id, arn string) types.Target { return types.Target{Id: &id, Arn: &arn} }

func entry(source, kind, detail string) types.PutEventsRequestEntry {
	return types.PutEventsRequestEntry{Source: &source, DetailType: &kind, Detail: &detail}
}

// put puts one event, and returns its id.
func (w *world) put(e types.PutEventsRequestEntry) string {
	w.t.Helper()
	out, err := w.events.PutEvents(w.t.Context(), &eventbridge.PutEventsInput{Entries: []types.PutEventsRequestEntry{e}})
	if err != nil || out.FailedEntryCount != 0 {
		w.t.Fatalf("put an event: %+v, %v", out, err)
	}
	return *out.Entries[0].EventId
}

// An envelope is an event as targets get it.
type envelope struct {
	Version, ID, Source, Account, Time, Region string
	DetailType                                 string `json:"detail-type"`
	Resources                                  []string
	Detail                                     json.RawMessage
}

func (w *world) parse(body string) (e envelope) {
	w.t.Helper()
	if err := json.Unmarshal([]byte(body), &e); err != nil {
		w.t.Fatalf("event %s: %v", body, err)
	}
	return e
}

// trails returns the CloudTrail events of a name, as soon as there are n.
func (w *world) trails(name string, n int) (out []string) {
	w.t.Helper()
	c := cloudtrail.NewFromConfig(w.Config)
	if !garrisontest.Eventually(func() bool {
		list, err := c.LookupEvents(w.t.Context(), &cloudtrail.LookupEventsInput{LookupAttributes: []trail.LookupAttribute{
			{AttributeKey: trail.LookupAttributeKeyEventName, AttributeValue: &name},
		}})
		if err != nil {
			w.t.Fatalf("look up %s: %v", name, err)
		}
		out = out[:0]
		for _, e := range list.Events {
			out = append(out, *e.CloudTrailEvent)
		}
		return len(out) >= n
	}) {
		w.t.Fatalf("%d events %s, want %d", len(out), name, n)
	}
	return out
}

// TestFromEventToQueue is the narrowest way through.
func TestFromEventToQueue(t *testing.T) {
	t.Parallel()
	w := start(t)
	url, arn := w.queue("q")
	w.rule("", "orders", `{"source":["shop"],"detail":{"total":[{"numeric":[">",10]}]}}`, target("1", arn))
	w.put(entry("shop", "order", `{"total":5}`))
	e := entry("shop", "order", `{"total":50,"note":"<&>"}`)
	e.Resources = []string{"arn:x"}
	id := w.put(e)
	got := w.parse(*w.receive(url).Body)
	if got.Version != "0" || got.ID != id || got.DetailType != "order" || got.Source != "shop" || got.Account != account || got.Region != region ||
		len(got.Resources) != 1 || got.Resources[0] != "arn:x" || string(got.Detail) != `{"total":50,"note":"<&>"}` || got.Time == "" {
		t.Errorf("event = %+v", got)
	}
	if more := w.look(url); len(more) != 0 {
		t.Errorf("the event that does not match came, too: %s", *more[0].Body)
	}
	for name, part := range map[string]string{"PutRule": arnOf("events", "rule/orders"), "PutTargets": arn, "PutEvents": "eventId"} {
		if e := w.trails(name, 1); !strings.Contains(e[0], part) || !strings.Contains(e[0], `"eventSource":"events.amazonaws.com"`) {
			t.Errorf("CloudTrail's event of %s: %s", name, e[0])
		}
	}
	if e := w.trails("SendMessage", 1); !strings.Contains(e[0], "events.amazonaws.com") {
		t.Errorf("CloudTrail's event of the delivery: %s", e[0])
	}
}
