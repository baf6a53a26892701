package eventbridge_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"

	"github.com/garrison-cloud/garrison/internal/garrisontest"
)

func TestRuleLife(t *testing.T) {
	t.Parallel()
	w := start(t)
	ctx := t.Context()
	url, arn := w.queue("q")
	out, err := w.events.PutRule(ctx, &eventbridge.PutRuleInput{
		Name: aws.String("r"), EventPattern: aws.String(`{"source":["a"]}`), Description: aws.String("d"), Tags: []types.Tag{{Key: aws.String("k"), Value: aws.String("v")}},
	})
	if err != nil || *out.RuleArn != arnOf("events", "rule/r") {
		t.Fatalf("put the rule: %v, %v", out, err)
	}
	w.rule("", "r", `{"source":["b"]}`, target("1", arn))
	d, err := w.events.DescribeRule(ctx, &eventbridge.DescribeRuleInput{Name: aws.String("r")})
	if err != nil || *d.EventPattern != `{"source":["b"]}` || d.State != types.RuleStateEnabled || d.Description != nil || *d.CreatedBy != account || *d.EventBusName != "default" {
		t.Errorf("the rule = %+v, %v", d, err)
	}
	w.put(entry("a", "x", "{}"))
	w.put(entry("b", "x", "{}"))
	if got := w.parse(*w.receive(url).Body); got.Source != "b" {
		t.Errorf("source = %s, want b: the pattern was replaced", got.Source)
	}
	if _, err := w.events.DisableRule(ctx, &eventbridge.DisableRuleInput{Name: aws.String("r")}); err != nil {
		t.Fatalf("disable: %v", err)
	}
	w.put(entry("b", "disabled", "{}"))
	if _, err := w.events.EnableRule(ctx, &eventbridge.EnableRuleInput{Name: aws.String("r")}); err != nil {
		t.Fatalf("enable: %v", err)
	}
	w.put(entry("b", "enabled", "{}"))
	if got := w.parse(*w.receive(url).Body); got.DetailType != "enabled" {
		t.Errorf("detail-type = %s, want enabled", got.DetailType)
	}
	_, err = w.events.DeleteRule(ctx, &eventbridge.DeleteRuleInput{Name: aws.String("r")})
	garrisontest.Want(t, err, "ValidationException: Rule can't be deleted since it has targets.")
	removed, err := w.events.RemoveTargets(ctx, &eventbridge.RemoveTargetsInput{Rule: aws.String("r"), Ids: []string{"1", "2"}})
	if err != nil || removed.FailedEntryCount != 1 || *removed.FailedEntries[0].TargetId != "2" {
		t.Errorf("remove the targets: %+v, %v", removed, err)
	}
	if _, err = w.events.DeleteRule(ctx, &eventbridge.DeleteRuleInput{Name: aws.String("r")}); err != nil {
		t.Errorf("delete: %v", err)
	}
	_, err = w.events.DescribeRule(ctx, &eventbridge.DescribeRuleInput{Name: aws.String("r")})
	garrisontest.Want(t, err, "ResourceNotFoundException: Rule r does not exist on EventBus default.")
	for _, name := range []string{"DisableRule", "EnableRule", "RemoveTargets", "DeleteRule", "DescribeRule"} {
		w.trails(name, 1)
	}
}

func TestPutRuleRefuses(t *testing.T) {
	t.Parallel()
	w := start(t)
	ctx := t.Context()
	if _, err := w.events.CreateEventBus(ctx, &eventbridge.CreateEventBusInput{Name: aws.String("b")}); err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		in   eventbridge.PutRuleInput
		want string
	}{
		"neither":      {eventbridge.PutRuleInput{}, "ValidationException: Parameter(s) EventPattern or ScheduleExpression must be specified."},
		"pattern":      {eventbridge.PutRuleInput{EventPattern: aws.String(`{"a":1}`)}, "InvalidEventPatternException: Event pattern is not valid. Reason: \"a\" must be an object or an array\n at [Source: (String)\"{\"a\":1}\"; line: 1, column: 7]"},
		"long pattern": {eventbridge.PutRuleInput{EventPattern: aws.String(`{"a":["` + strings.Repeat("x", 2048) + `"]}`)}, "LimitExceededException"},
		"schedule":     {eventbridge.PutRuleInput{ScheduleExpression: aws.String("rate(1 hours)")}, "ValidationException: Parameter ScheduleExpression is not valid."},
		"at":           {eventbridge.PutRuleInput{ScheduleExpression: aws.String("at(2027-01-01T00:00:00)")}, "ValidationException: Parameter ScheduleExpression is not valid."},
		"custom bus":   {eventbridge.PutRuleInput{ScheduleExpression: aws.String("rate(1 hour)"), EventBusName: aws.String("b")}, "ValidationException: ScheduleExpression is supported only on the default event bus."},
		"no bus":       {eventbridge.PutRuleInput{EventPattern: aws.String(`{"a":[1]}`), EventBusName: aws.String("c")}, "ResourceNotFoundException: Event bus c does not exist."},
		"trail":        {eventbridge.PutRuleInput{EventPattern: aws.String(`{"a":[1]}`), State: types.RuleStateEnabledWithAllCloudtrailManagementEvents}, "NotImplemented"},
		"bad name":     {eventbridge.PutRuleInput{Name: aws.String("a b"), EventPattern: aws.String(`{"a":[1]}`)}, "ValidationException: 1 validation error detected"},
		"aws tag":      {eventbridge.PutRuleInput{EventPattern: aws.String(`{"a":[1]}`), Tags: []types.Tag{{Key: aws.String("aws:x"), Value: aws.String("")}}}, "ValidationException"},
	} {
		if tt.in.Name == nil {
			tt.in.Name = aws.String("r")
		}
		_, err := w.events.PutRule(ctx, &tt.in)
		if got := garrisontest.Fault(err); !strings.HasPrefix(got, tt.want) {
			t.Errorf("%s: error = %q, want %q", name, got, tt.want)
		}
	}
}

func TestRulesAreDenied(t *testing.T) {
	t.Parallel()
	w := start(t)
	w.rule("", "mine", `{"source":["a"]}`)
	c := eventbridge.NewFromConfig(w.User(t, "ann", allowing(arnOf("events", "rule/mine"), "events:PutRule", "events:PutTargets", "events:DescribeRule")))
	ctx := t.Context()
	pattern := aws.String(`{"source":["a"]}`)
	_, err := c.PutRule(ctx, &eventbridge.PutRuleInput{Name: aws.String("mine"), EventPattern: pattern})
	garrisontest.Want(t, err, "")
	_, err = c.PutRule(ctx, &eventbridge.PutRuleInput{Name: aws.String("other"), EventPattern: pattern})
	garrisontest.Want(t, err, "AccessDeniedException: User: arn:aws:iam::"+account+":user/ann is not authorized to perform: events:PutRule on resource: "+arnOf("events", "rule/other"))
	_, err = c.PutRule(ctx, &eventbridge.PutRuleInput{Name: aws.String("mine"), EventPattern: pattern, RoleArn: aws.String("arn:aws:iam::" + account + ":role/x")})
	garrisontest.Want(t, err, "AccessDeniedException: User: arn:aws:iam::"+account+":user/ann is not authorized to perform: iam:PassRole")
	_, err = c.PutTargets(ctx, &eventbridge.PutTargetsInput{Rule: aws.String("mine"), Targets: []types.Target{{
		Id: aws.String("1"), Arn: aws.String(arnOf("sqs", "q")), RoleArn: aws.String("arn:aws:iam::" + account + ":role/x"),
	}}})
	garrisontest.Want(t, err, "AccessDeniedException: User: arn:aws:iam::"+account+":user/ann is not authorized to perform: iam:PassRole")
	for name, call := range map[string]func() error{
		"DeleteRule": func() error {
			_, err := c.DeleteRule(ctx, &eventbridge.DeleteRuleInput{Name: aws.String("mine")})
			return err
		},
		"DisableRule": func() error {
			_, err := c.DisableRule(ctx, &eventbridge.DisableRuleInput{Name: aws.String("mine")})
			return err
		},
		"EnableRule": func() error {
			_, err := c.EnableRule(ctx, &eventbridge.EnableRuleInput{Name: aws.String("mine")})
			return err
		},
		"ListRules": func() error { _, err := c.ListRules(ctx, &eventbridge.ListRulesInput{}); return err },
		"ListRuleNamesByTarget": func() error {
			_, err := c.ListRuleNamesByTarget(ctx, &eventbridge.ListRuleNamesByTargetInput{TargetArn: aws.String("x")})
			return err
		},
		"ListTargetsByRule": func() error {
			_, err := c.ListTargetsByRule(ctx, &eventbridge.ListTargetsByRuleInput{Rule: aws.String("mine")})
			return err
		},
		"RemoveTargets": func() error {
			_, err := c.RemoveTargets(ctx, &eventbridge.RemoveTargetsInput{Rule: aws.String("mine"), Ids: []string{"1"}})
			return err
		},
		"TestEventPattern": func() error {
			_, err := c.TestEventPattern(ctx, &eventbridge.TestEventPatternInput{EventPattern: pattern, Event: aws.String("{}")})
			return err
		},
		"TagResource": func() error {
			_, err := c.TagResource(ctx, &eventbridge.TagResourceInput{ResourceARN: aws.String(arnOf("events", "rule/mine")), Tags: []types.Tag{}})
			return err
		},
		"UntagResource": func() error {
			_, err := c.UntagResource(ctx, &eventbridge.UntagResourceInput{ResourceARN: aws.String(arnOf("events", "rule/mine")), TagKeys: []string{"k"}})
			return err
		},
		"ListTagsForResource": func() error {
			_, err := c.ListTagsForResource(ctx, &eventbridge.ListTagsForResourceInput{ResourceARN: aws.String(arnOf("events", "rule/mine"))})
			return err
		},
	} {
		if got := garrisontest.Fault(call()); !strings.HasPrefix(got, "AccessDeniedException: User: arn:aws:iam::"+account+":user/ann is not authorized to perform: events:"+name) {
			t.Errorf("%s = %q, want it denied", name, got)
		}
	}
	if e := w.trails("DeleteRule", 1); !strings.Contains(e[0], `"errorCode":"AccessDenied`) {
		t.Errorf("CloudTrail's event of a denial: %s", e[0])
	}
}

func TestLists(t *testing.T) {
	t.Parallel()
	w := start(t)
	ctx := t.Context()
	queue := arnOf("sqs", "q")
	for i := range 5 {
		w.rule("", fmt.Sprintf("r%d", i), `{"source":["a"]}`, target("1", queue), target("2", queue), target("3", arnOf("sqs", "p")))
	}
	w.rule("", "x", `{"source":["a"]}`)
	var names []string
	in := &eventbridge.ListRulesInput{NamePrefix: aws.String("r"), Limit: aws.Int32(2)}
	for {
		out, err := w.events.ListRules(ctx, in)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range out.Rules {
			names = append(names, *r.Name)
		}
		if in.NextToken = out.NextToken; in.NextToken == nil {
			break
		}
	}
	if all := []string{"r0", "r1", "r2", "r3", "r4"}; !slices.Equal(names, all) {
		t.Errorf("rules = %v, want %v", names, all)
	}
	_, err := w.events.ListRules(ctx, &eventbridge.ListRulesInput{NextToken: aws.String("x")})
	garrisontest.Want(t, err, "ValidationException")
	by, err := w.events.ListRuleNamesByTarget(ctx, &eventbridge.ListRuleNamesByTargetInput{TargetArn: &queue, Limit: aws.Int32(3)})
	if err != nil || !slices.Equal(by.RuleNames, names[:3]) || by.NextToken == nil {
		t.Errorf("rules by target = %+v, %v", by, err)
	}
	list, err := w.events.ListTargetsByRule(ctx, &eventbridge.ListTargetsByRuleInput{Rule: aws.String("r1"), Limit: aws.Int32(2)})
	if err != nil || len(list.Targets) != 2 || *list.Targets[0].Id != "1" || *list.Targets[1].Arn != queue || list.NextToken == nil {
		t.Errorf("targets = %+v, %v", list, err)
	}
	_, err = w.events.ListTargetsByRule(ctx, &eventbridge.ListTargetsByRuleInput{Rule: aws.String("none")})
	garrisontest.Want(t, err, "ResourceNotFoundException")
}

func TestTags(t *testing.T) {
	t.Parallel()
	w := start(t)
	ctx := t.Context()
	w.rule("", "r", `{"source":["a"]}`)
	if _, err := w.events.CreateEventBus(ctx, &eventbridge.CreateEventBusInput{Name: aws.String("b"), Tags: []types.Tag{{Key: aws.String("z"), Value: aws.String("1")}}}); err != nil {
		t.Fatal(err)
	}
	for _, resource := range []string{arnOf("events", "rule/r"), arnOf("events", "event-bus/b"), arnOf("events", "event-bus/default")} {
		if _, err := w.events.TagResource(ctx, &eventbridge.TagResourceInput{ResourceARN: &resource, Tags: []types.Tag{
			{Key: aws.String("b"), Value: aws.String("2")}, {Key: aws.String("a"), Value: aws.String("1")},
		}}); err != nil {
			t.Fatalf("tag %s: %v", resource, err)
		}
		if _, err := w.events.UntagResource(ctx, &eventbridge.UntagResourceInput{ResourceARN: &resource, TagKeys: []string{"b", "z"}}); err != nil {
			t.Fatalf("untag %s: %v", resource, err)
		}
		out, err := w.events.ListTagsForResource(ctx, &eventbridge.ListTagsForResourceInput{ResourceARN: &resource})
		if err != nil || len(out.Tags) != 1 || *out.Tags[0].Key != "a" {
			t.Errorf("tags of %s = %+v, %v", resource, out, err)
		}
	}
	_, err := w.events.ListTagsForResource(ctx, &eventbridge.ListTagsForResourceInput{ResourceARN: aws.String(arnOf("events", "rule/none"))})
	garrisontest.Want(t, err, "ResourceNotFoundException")
	_, err = w.events.ListTagsForResource(ctx, &eventbridge.ListTagsForResourceInput{ResourceARN: aws.String("x")})
	garrisontest.Want(t, err, "ValidationException")
}

func TestTestEventPattern(t *testing.T) {
	t.Parallel()
	w := start(t)
	event := `{"id":"1","account":"1","source":"a","time":"2026-01-01T00:00:00Z","region":"r","resources":[],"detail-type":"t","detail":{"n":3}}`
	for pattern, match := range map[string]bool{`{"detail":{"n":[3]}}`: true, `{"detail":{"n":[4]}}`: false} {
		out, err := w.events.TestEventPattern(t.Context(), &eventbridge.TestEventPatternInput{EventPattern: &pattern, Event: &event})
		if err != nil || out.Result != match {
			t.Errorf("%s: %v, %v; want %t", pattern, out, err, match)
		}
	}
	_, err := w.events.TestEventPattern(t.Context(), &eventbridge.TestEventPatternInput{EventPattern: aws.String("{}"), Event: &event})
	garrisontest.Want(t, err, "InvalidEventPatternException: Event pattern is not valid. Reason: Empty objects are not allowed")
	_, err = w.events.TestEventPattern(t.Context(), &eventbridge.TestEventPatternInput{EventPattern: aws.String(`{"a":[1]}`), Event: aws.String("{}")})
	garrisontest.Want(t, err, "ValidationException")
}

// TestLimits fills a rule with targets and a bus with rules.
func TestLimits(t *testing.T) {
	t.Parallel()
	w := start(t)
	var six []types.Target
	for i := range 6 {
		six = append(six, target(fmt.Sprint(i), arnOf("sqs", "q")))
	}
	w.rule("", "r0", `{"source":["a"]}`, six[:5]...)
	_, err := w.events.PutTargets(t.Context(), &eventbridge.PutTargetsInput{Rule: aws.String("r0"), Targets: six[5:]})
	garrisontest.Want(t, err, "LimitExceededException")
	w.rule("", "r0", `{"source":["a"]}`, six[4]) // one that is there takes no room
	for i := 1; i < 300; i++ {
		w.rule("", fmt.Sprintf("r%d", i), `{"source":["a"]}`)
	}
	_, err = w.events.PutRule(t.Context(), &eventbridge.PutRuleInput{Name: aws.String("more"), EventPattern: aws.String(`{"source":["a"]}`)})
	garrisontest.Want(t, err, "LimitExceededException")
	w.rule("", "r7", `{"source":["b"]}`)
}

// TestSchedule moves the clock over what is due.
func TestSchedule(t *testing.T) {
	t.Parallel()
	w := start(t)
	url, arn := w.queue("q")
	if _, err := w.events.PutRule(t.Context(), &eventbridge.PutRuleInput{Name: aws.String("hourly"), ScheduleExpression: aws.String("rate(1 hour)")}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.events.PutTargets(t.Context(), &eventbridge.PutTargetsInput{Rule: aws.String("hourly"), Targets: []types.Target{target("1", arn)}}); err != nil {
		t.Fatal(err)
	}
	if early := w.look(url); len(early) > 0 {
		t.Errorf("the first came at once: %s", *early[0].Body)
	}
	first := w.Clock.Now().Add(time.Hour)
	for i := range 2 {
		w.Clock.Advance(time.Hour)
		e := w.parse(*w.receive(url).Body)
		if e.Source != "aws.events" || e.DetailType != "Scheduled Event" || string(e.Detail) != "{}" || len(e.Resources) != 1 || e.Resources[0] != arnOf("events", "rule/hourly") {
			t.Errorf("event = %+v", e)
		}
		if at, err := time.Parse(time.RFC3339, e.Time); err != nil || at.Sub(first.Add(time.Duration(i)*time.Hour)).Abs() > time.Minute {
			t.Errorf("time = %s, want about %s", e.Time, first)
		}
	}
	if _, err := w.events.DisableRule(t.Context(), &eventbridge.DisableRuleInput{Name: aws.String("hourly")}); err != nil {
		t.Fatal(err)
	}
	w.Clock.Advance(3 * time.Hour)
	w.rule("", "probe", `{"source":["probe"]}`, target("1", arn))
	w.put(entry("probe", "x", "{}"))
	if e := w.parse(*w.receive(url).Body); e.Source != "probe" {
		t.Errorf("a disabled schedule made %+v", e)
	}
}
