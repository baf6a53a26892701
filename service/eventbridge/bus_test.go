package eventbridge_test

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"

	"github.com/garrison-cloud/garrison/internal/garrisontest"
)

func TestBusLife(t *testing.T) {
	t.Parallel()
	w := start(t)
	ctx := t.Context()
	out, err := w.events.CreateEventBus(ctx, &eventbridge.CreateEventBusInput{Name: aws.String("b"), Description: aws.String("d")})
	if err != nil || *out.EventBusArn != arnOf("events", "event-bus/b") {
		t.Fatalf("create: %v, %v", out, err)
	}
	_, err = w.events.CreateEventBus(ctx, &eventbridge.CreateEventBusInput{Name: aws.String("b")})
	garrisontest.Want(t, err, "ResourceAlreadyExistsException: Event bus b already exists.")
	_, err = w.events.CreateEventBus(ctx, &eventbridge.CreateEventBusInput{Name: aws.String("default")})
	garrisontest.Want(t, err, "ResourceAlreadyExistsException")
	_, err = w.events.CreateEventBus(ctx, &eventbridge.CreateEventBusInput{Name: aws.String("a/b")})
	garrisontest.Want(t, err, "ValidationException")
	_, err = w.events.CreateEventBus(ctx, &eventbridge.CreateEventBusInput{Name: aws.String("aws.partner/x/y"), EventSourceName: aws.String("aws.partner/x/y")})
	garrisontest.Want(t, err, "NotImplemented")
	_, err = w.events.UpdateEventBus(ctx, &eventbridge.UpdateEventBusInput{Name: aws.String("b"), KmsKeyIdentifier: aws.String("alias/x")})
	garrisontest.Want(t, err, "NotImplemented")
	if _, err := w.events.UpdateEventBus(ctx, &eventbridge.UpdateEventBusInput{Name: aws.String("b"), Description: aws.String("e")}); err != nil {
		t.Errorf("update: %v", err)
	}
	d, err := w.events.DescribeEventBus(ctx, &eventbridge.DescribeEventBusInput{Name: aws.String("b")})
	if err != nil || *d.Description != "e" || d.CreationTime == nil || d.Policy != nil {
		t.Errorf("describe = %+v, %v", d, err)
	}
	list, err := w.events.ListEventBuses(ctx, &eventbridge.ListEventBusesInput{})
	if err != nil || len(list.EventBuses) != 2 || *list.EventBuses[0].Name != "b" || *list.EventBuses[1].Name != "default" {
		t.Errorf("list = %+v, %v", list, err)
	}
	w.rule("b", "r", `{"source":["a"]}`)
	_, err = w.events.DeleteEventBus(ctx, &eventbridge.DeleteEventBusInput{Name: aws.String("b")})
	garrisontest.Want(t, err, "ValidationException: Event bus b can't be deleted since it has rules.")
	_, err = w.events.DeleteEventBus(ctx, &eventbridge.DeleteEventBusInput{Name: aws.String("default")})
	garrisontest.Want(t, err, "ValidationException: Cannot delete event bus default.")
	if _, err := w.events.DeleteRule(ctx, &eventbridge.DeleteRuleInput{Name: aws.String("r"), EventBusName: aws.String("b")}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.events.DeleteEventBus(ctx, &eventbridge.DeleteEventBusInput{Name: aws.String("b")}); err != nil {
		t.Errorf("delete: %v", err)
	}
	_, err = w.events.DescribeEventBus(ctx, &eventbridge.DescribeEventBusInput{Name: aws.String("b")})
	garrisontest.Want(t, err, "ResourceNotFoundException: Event bus b does not exist.")
	for _, name := range []string{"CreateEventBus", "UpdateEventBus", "DeleteEventBus", "DescribeEventBus", "ListEventBuses"} {
		w.trails(name, 1)
	}
}

// TestBusPolicy has another account put events, once the bus's policy lets it.
func TestBusPolicy(t *testing.T) {
	t.Parallel()
	w := start(t)
	ctx := t.Context()
	url, arn := w.queue("q")
	w.rule("", "r", `{"account":["`+other+`"]}`, target("1", arn))
	foreign := eventbridge.NewFromConfig(w.ConfigFor(other, region))
	e := entry("shop", "order", "{}")
	e.EventBusName = aws.String(arnOf("events", "event-bus/default"))
	in := &eventbridge.PutEventsInput{Entries: []types.PutEventsRequestEntry{e}}
	_, err := foreign.PutEvents(ctx, in)
	garrisontest.Want(t, err, "AccessDeniedException: User: arn:aws:iam::"+other+":root is not authorized to perform: events:PutEvents on resource: "+*e.EventBusName)
	if _, err := w.events.PutPermission(ctx, &eventbridge.PutPermissionInput{
		Action: aws.String("events:PutEvents"), Principal: aws.String(other), StatementId: aws.String("them"),
	}); err != nil {
		t.Fatalf("put the permission: %v", err)
	}
	_, err = foreign.PutEvents(ctx, in)
	garrisontest.Want(t, err, "")
	if got := w.parse(*w.receive(url).Body); got.Account != other {
		t.Errorf("account = %s, want %s", got.Account, other)
	}
	_, err = foreign.PutRule(ctx, &eventbridge.PutRuleInput{Name: aws.String("x"), EventBusName: e.EventBusName, EventPattern: aws.String(`{"a":[1]}`)})
	garrisontest.Want(t, err, "AccessDeniedException")
	_, err = w.events.RemovePermission(ctx, &eventbridge.RemovePermissionInput{StatementId: aws.String("nobody")})
	garrisontest.Want(t, err, "ResourceNotFoundException: Statement with the provided id does not exist.")
	if _, err := w.events.RemovePermission(ctx, &eventbridge.RemovePermissionInput{StatementId: aws.String("them")}); err != nil {
		t.Fatalf("remove the permission: %v", err)
	}
	_, err = foreign.PutEvents(ctx, in)
	garrisontest.Want(t, err, "AccessDeniedException")
	for _, name := range []string{"PutPermission", "RemovePermission"} {
		w.trails(name, 1)
	}
}

// TestBusPolicyDocument sets the whole policy, with a condition on the source.
func TestBusPolicyDocument(t *testing.T) {
	t.Parallel()
	w := start(t)
	ctx := t.Context()
	bus := arnOf("events", "event-bus/default")
	document := func(statement string) *string {
		return aws.String(`{"Version":"2012-10-17","Statement":[` + statement + `]}`)
	}
	_, err := w.events.PutPermission(ctx, &eventbridge.PutPermissionInput{Policy: aws.String(`{"Statement":1}`)})
	garrisontest.Want(t, err, "ValidationException")
	_, err = w.events.PutPermission(ctx, &eventbridge.PutPermissionInput{Policy: aws.String(strings.Repeat(" ", 10241))})
	garrisontest.Want(t, err, "PolicyLengthExceededException")
	_, err = w.events.PutPermission(ctx, &eventbridge.PutPermissionInput{Principal: aws.String(other)})
	garrisontest.Want(t, err, "ValidationException")
	if _, err := w.events.PutPermission(ctx, &eventbridge.PutPermissionInput{Policy: document(
		`{"Sid":"a","Effect":"Allow","Principal":{"AWS":"` + other + `"},"Action":"events:PutEvents","Resource":"` + bus + `","Condition":{"StringEquals":{"events:source":"shop"}}},` +
			`{"Sid":"b","Effect":"Allow","Principal":{"AWS":"` + other + `"},"Action":"events:PutRule","Resource":"` + arnOf("events", "rule/theirs-*") + `"}`)}); err != nil {
		t.Fatalf("put the policy: %v", err)
	}
	foreign := eventbridge.NewFromConfig(w.ConfigFor(other, region))
	for source, code := range map[string]string{"shop": "", "stock": "AccessDeniedException"} {
		e := entry(source, "x", "{}")
		e.EventBusName = &bus
		_, err := foreign.PutEvents(ctx, &eventbridge.PutEventsInput{Entries: []types.PutEventsRequestEntry{e}})
		garrisontest.Want(t, err, code)
	}
	_, err = foreign.PutRule(ctx, &eventbridge.PutRuleInput{Name: aws.String("theirs-1"), EventBusName: &bus, EventPattern: aws.String(`{"a":[1]}`)})
	garrisontest.Want(t, err, "")
	d, err := w.events.DescribeRule(ctx, &eventbridge.DescribeRuleInput{Name: aws.String("theirs-1")})
	if err != nil || *d.CreatedBy != other {
		t.Errorf("the rule = %+v, %v; want it created by %s", d, err, other)
	}
}

func TestPutEventsRefuses(t *testing.T) {
	t.Parallel()
	w := start(t)
	ctx := t.Context()
	entries := []types.PutEventsRequestEntry{
		entry("a", "x", "{}"),
		{Source: aws.String("a"), DetailType: aws.String("x")},
		{DetailType: aws.String("x"), Detail: aws.String("{}")},
		{Source: aws.String("a"), Detail: aws.String("{}")},
		entry("aws.ec2", "x", "{}"), entry("a", "x", "{"), entry("a", "x", "[]"),
		entry("a", "x", strings.Repeat(`{"a":`, 1100)+"1"+strings.Repeat("}", 1100)),
	}
	out, err := w.events.PutEvents(ctx, &eventbridge.PutEventsInput{Entries: entries})
	if err != nil || out.FailedEntryCount != 7 {
		t.Fatalf("put: %+v, %v", out, err)
	}
	for i, code := range []string{"", "InvalidArgument", "InvalidArgument", "InvalidArgument", "NotAuthorizedForSourceException", "MalformedDetail", "MalformedDetail", "MalformedDetail"} {
		e := out.Entries[i]
		if aws.ToString(e.ErrorCode) != code || (e.EventId != nil) != (code == "") {
			t.Errorf("entry %d = %+v, want the code %q", i, e, code)
		}
	}
	_, err = w.events.PutEvents(ctx, &eventbridge.PutEventsInput{Entries: make([]types.PutEventsRequestEntry, 11)})
	garrisontest.Want(t, err, "ValidationException: 1 validation error detected")
	_, err = w.events.PutEvents(ctx, &eventbridge.PutEventsInput{Entries: []types.PutEventsRequestEntry{entry("a", "x", `{"a":"`+strings.Repeat("x", 256<<10)+`"}`)}})
	garrisontest.Want(t, err, "ValidationException: Total size of the entries in the request is over the limit.")
	gone := entry("a", "x", "{}")
	gone.EventBusName = aws.String("none")
	w.put(gone)
	c := eventbridge.NewFromConfig(w.User(t, "bob", allowing(arnOf("events", "event-bus/b"), "events:PutEvents")))
	_, err = c.PutEvents(ctx, &eventbridge.PutEventsInput{Entries: entries[:1]})
	garrisontest.Want(t, err, "AccessDeniedException: User: arn:aws:iam::"+account+":user/bob is not authorized to perform: events:PutEvents on resource: "+arnOf("events", "event-bus/default"))
}

func TestBusesAreDenied(t *testing.T) {
	t.Parallel()
	w := start(t)
	c := eventbridge.NewFromConfig(w.User(t, "ann", ""))
	ctx, name := t.Context(), aws.String("default")
	for op, call := range map[string]func() error{
		"CreateEventBus": func() error {
			_, err := c.CreateEventBus(ctx, &eventbridge.CreateEventBusInput{Name: aws.String("b")})
			return err
		},
		"UpdateEventBus": func() error {
			_, err := c.UpdateEventBus(ctx, &eventbridge.UpdateEventBusInput{Name: name})
			return err
		},
		"DeleteEventBus": func() error {
			_, err := c.DeleteEventBus(ctx, &eventbridge.DeleteEventBusInput{Name: aws.String("b")})
			return err
		},
		"DescribeEventBus": func() error { _, err := c.DescribeEventBus(ctx, &eventbridge.DescribeEventBusInput{}); return err },
		"ListEventBuses":   func() error { _, err := c.ListEventBuses(ctx, &eventbridge.ListEventBusesInput{}); return err },
		"PutPermission":    func() error { _, err := c.PutPermission(ctx, &eventbridge.PutPermissionInput{}); return err },
		"RemovePermission": func() error { _, err := c.RemovePermission(ctx, &eventbridge.RemovePermissionInput{}); return err },
	} {
		if got := garrisontest.Fault(call()); !strings.HasPrefix(got, "AccessDeniedException: User: arn:aws:iam::"+account+":user/ann is not authorized to perform: events:"+op) {
			t.Errorf("%s = %q, want it denied", op, got)
		}
	}
}

// TestBusToBus hands an event on, within the account and to another account.
func TestBusToBus(t *testing.T) {
	t.Parallel()
	w := start(t)
	ctx := t.Context()
	for _, name := range []string{"b", "c"} {
		if _, err := w.events.CreateEventBus(ctx, &eventbridge.CreateEventBusInput{Name: &name}); err != nil {
			t.Fatal(err)
		}
	}
	url, arn := w.queue("q")
	far, farARN := w.queue("far")
	w.rule("", "on", `{"source":["shop"]}`, target("1", arnOf("events", "event-bus/b")))
	w.rule("b", "take", `{"source":["shop"]}`, target("1", arn), target("2", arnOf("events", "event-bus/c")))
	w.rule("c", "far", `{"source":["shop"]}`, target("1", farARN))
	id := w.put(entry("shop", "order", "{}"))
	if got := w.parse(*w.receive(url).Body); got.ID != id || got.Source != "shop" {
		t.Errorf("event = %+v, want the same as was put", got)
	}
	direct := entry("shop", "order", "{}")
	direct.EventBusName = aws.String("b")
	second := w.put(direct)
	if got := w.parse(*w.receive(far).Body); got.ID != second {
		t.Errorf("the third bus got %+v, which had come through two", got)
	}
}

// TestBusToForeignBus needs a role, and the other bus's policy.
func TestBusToForeignBus(t *testing.T) {
	t.Parallel()
	w := start(t)
	foreign := eventbridge.NewFromConfig(w.ConfigFor(other, region))
	bus := "arn:aws:events:" + region + ":" + other + ":event-bus/default"
	role := w.role("sender", allowing(bus, "events:PutEvents"))
	if _, err := foreign.PutPermission(t.Context(), &eventbridge.PutPermissionInput{
		Action: aws.String("events:PutEvents"), Principal: aws.String(account), StatementId: aws.String("them"),
	}); err != nil {
		t.Fatal(err)
	}
	back := target("1", arnOf("sqs", "back"))
	url, _ := w.queue("back")
	if _, err := foreign.PutRule(t.Context(), &eventbridge.PutRuleInput{Name: aws.String("r"), EventPattern: aws.String(`{"account":["` + account + `"]}`)}); err != nil {
		t.Fatal(err)
	}
	if _, err := foreign.PutTargets(t.Context(), &eventbridge.PutTargetsInput{Rule: aws.String("r"), Targets: []types.Target{back}}); err != nil {
		t.Fatal(err)
	}
	w.setPolicy(url, `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"Service":"events.amazonaws.com"},"Action":"sqs:SendMessage","Resource":"*"}}`)
	on := target("1", bus)
	on.RoleArn = &role
	w.rule("", "on", `{"source":["shop"]}`, on)
	id := w.put(entry("shop", "order", `{"n":1}`))
	if got := w.parse(*w.receive(url).Body); got.ID != id || got.Account != account || string(got.Detail) != `{"n":1}` {
		t.Errorf("event = %+v, want the one that was put", got)
	}
}
