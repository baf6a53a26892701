package eventbridge

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"

	"github.com/garrison-cloud/garrison/internal/arn"
	"github.com/garrison-cloud/garrison/internal/authz"
	"github.com/garrison-cloud/garrison/internal/store"
	"github.com/garrison-cloud/garrison/internal/wire"
)

func tagging(tags []types.Tag) map[string][]string {
	c := map[string][]string{}
	for _, t := range tags {
		k := aws.ToString(t.Key)
		c["aws:requesttag/"+strings.ToLower(k)] = []string{aws.ToString(t.Value)}
		c["aws:tagkeys"] = append(c["aws:tagkeys"], k)
	}
	return c
}

// gone sets Missing if err is that something is not there.
func gone(t *authz.Target, err error) error {
	if missing := (*types.ResourceNotFoundException)(nil); errors.As(err, &missing) {
		t.Type, t.Missing = "", err
		return nil
	}
	return err
}

// onBus asks for the operation's own action on a bus.
func (s *Service) onBus(ctx context.Context, name *string) (authz.Target, error) {
	n, err := s.named(ctx, name)
	if err != nil {
		return authz.Target{Resource: "*", Missing: err}, nil
	}
	t := authz.Target{Resource: n.arn(s.Region), Account: n.Account, Type: busType}
	b, err := s.bus(ctx, n)
	if err != nil {
		return t, gone(&t, err)
	}
	t.Policy, t.Tags = b.Policy, b.Tags
	return t, nil
}

// onRule asks for the operation's own action on a rule, which its bus's policy may let
// in. A rule that is not there is the handler's to tell.
func (s *Service) onRule(ctx context.Context, on *string, name string) (authz.Target, error) {
	n, err := s.named(ctx, on)
	if err != nil {
		return authz.Target{Resource: "*", Missing: err}, nil
	}
	t := authz.Target{Resource: n.ruleARN(s.Region, name), Account: n.Account, Type: ruleType}
	b, err := s.bus(ctx, n)
	if err != nil {
		return t, gone(&t, err)
	}
	t.Policy = b.Policy
	err = s.DB.View(ctx, func(tx *store.Tx) error {
		r, err := n.rule(tx, name)
		if err != nil {
			return err
		}
		t.Tags = r.Tags
		t.Conditions = map[string][]string{"events:creatoraccount": {r.Owner}}
		return nil
	})
	if missing := (*types.ResourceNotFoundException)(nil); errors.As(err, &missing) {
		t.Conditions = map[string][]string{"events:creatoraccount": {wire.CallFrom(ctx).Account()}}
		return t, nil
	}
	return t, err
}

func (s *Service) onCreateEventBus(ctx context.Context, in *eventbridge.CreateEventBusInput) (authz.Target, error) {
	return s.making(arn.New("events", s.Region, wire.CallFrom(ctx).Account(), "event-bus/"+*in.Name), in.Tags), nil
}

// making asks for the operation's own action on what is not there yet, and for
// tagging it if it gets tags.
func (s *Service) making(resource string, tags []types.Tag) authz.Target {
	t := authz.Target{Resource: resource, Conditions: tagging(tags)}
	if len(tags) > 0 {
		t.And = []authz.Target{{Action: "events:TagResource", Resource: resource, Conditions: t.Conditions}}
	}
	return t
}

func (s *Service) onDeleteEventBus(ctx context.Context, in *eventbridge.DeleteEventBusInput) (authz.Target, error) {
	t, err := s.onBus(ctx, in.Name)
	t.Missing = nil // it shall not be there, and it is not
	return t, err
}

func (s *Service) onDescribeEventBus(ctx context.Context, in *eventbridge.DescribeEventBusInput) (authz.Target, error) {
	return s.onBus(ctx, in.Name)
}

func (s *Service) onListEventBuses(context.Context, *eventbridge.ListEventBusesInput) (authz.Target, error) {
	return authz.Any(), nil
}

func (s *Service) onUpdateEventBus(ctx context.Context, in *eventbridge.UpdateEventBusInput) (authz.Target, error) {
	return s.onBus(ctx, in.Name)
}

func (s *Service) onPutPermission(ctx context.Context, in *eventbridge.PutPermissionInput) (authz.Target, error) {
	return s.onBus(ctx, in.EventBusName)
}

func (s *Service) onRemovePermission(ctx context.Context, in *eventbridge.RemovePermissionInput) (authz.Target, error) {
	return s.onBus(ctx, in.EventBusName)
}

// onPutRule brings the pattern's sources and kinds, and asks whether the role may be
// handed over (Service Authorization Reference, "Condition keys for Amazon
// EventBridge").
func (s *Service) onPutRule(ctx context.Context, in *eventbridge.PutRuleInput) (authz.Target, error) {
	t, err := s.onRule(ctx, in.EventBusName, *in.Name)
	if err != nil {
		return t, err
	}
	if t.Conditions == nil {
		t.Conditions = map[string][]string{}
	}
	tags := tagging(in.Tags)
	maps.Copy(t.Conditions, tags)
	maps.Copy(t.Conditions, asked(in.EventPattern))
	if len(in.Tags) > 0 {
		t.And = append(t.And, authz.Target{Action: "events:TagResource", Resource: t.Resource, Account: t.Account, Policy: t.Policy, Conditions: tags})
	}
	if in.RoleArn != nil {
		t.And = append(t.And, authz.PassRole(*in.RoleArn, principal, ""))
	}
	return t, nil
}

// asked are the condition keys of what a pattern asks for by exact values.
func asked(pattern *string) map[string][]string {
	var p struct {
		Source     []json.RawMessage `json:"source"`
		DetailType []json.RawMessage `json:"detail-type"`
	}
	if json.Unmarshal([]byte(aws.ToString(pattern)), &p) != nil {
		return nil
	}
	out := map[string][]string{}
	for key, values := range map[string][]json.RawMessage{"events:source": p.Source, "events:detail-type": p.DetailType} {
		for _, v := range values {
			var text string
			if json.Unmarshal(v, &text) == nil {
				out[key] = append(out[key], text)
			}
		}
	}
	return out
}

func (s *Service) onDeleteRule(ctx context.Context, in *eventbridge.DeleteRuleInput) (authz.Target, error) {
	return s.onRule(ctx, in.EventBusName, *in.Name)
}

func (s *Service) onDescribeRule(ctx context.Context, in *eventbridge.DescribeRuleInput) (authz.Target, error) {
	return s.onRule(ctx, in.EventBusName, *in.Name)
}

func (s *Service) onEnableRule(ctx context.Context, in *eventbridge.EnableRuleInput) (authz.Target, error) {
	return s.onRule(ctx, in.EventBusName, *in.Name)
}

func (s *Service) onDisableRule(ctx context.Context, in *eventbridge.DisableRuleInput) (authz.Target, error) {
	return s.onRule(ctx, in.EventBusName, *in.Name)
}

// onListRules and onListRuleNamesByTarget ask on the bus's rules at large.
func (s *Service) onListRules(ctx context.Context, in *eventbridge.ListRulesInput) (authz.Target, error) {
	return s.onRules(ctx, in.EventBusName)
}

func (s *Service) onListRuleNamesByTarget(ctx context.Context, in *eventbridge.ListRuleNamesByTargetInput) (authz.Target, error) {
	return s.onRules(ctx, in.EventBusName)
}

func (s *Service) onRules(ctx context.Context, on *string) (authz.Target, error) {
	t, err := s.onBus(ctx, on)
	if n, e := s.named(ctx, on); e == nil {
		t.Resource, t.Type = n.ruleARN(s.Region, "*"), ""
	}
	return t, err
}

func (s *Service) onTestEventPattern(context.Context, *eventbridge.TestEventPatternInput) (authz.Target, error) {
	return authz.Any(), nil
}

// onPutTargets brings the targets' names, and asks whether their roles may be handed
// over.
func (s *Service) onPutTargets(ctx context.Context, in *eventbridge.PutTargetsInput) (authz.Target, error) {
	t, err := s.onRule(ctx, in.EventBusName, *in.Rule)
	if err != nil {
		return t, err
	}
	if t.Conditions == nil {
		t.Conditions = map[string][]string{}
	}
	for _, x := range in.Targets {
		t.Conditions["events:targetarn"] = append(t.Conditions["events:targetarn"], *x.Arn)
		if x.RoleArn != nil {
			t.And = append(t.And, authz.PassRole(*x.RoleArn, principal, ""))
		}
	}
	return t, nil
}

func (s *Service) onRemoveTargets(ctx context.Context, in *eventbridge.RemoveTargetsInput) (authz.Target, error) {
	return s.onRule(ctx, in.EventBusName, *in.Rule)
}

func (s *Service) onListTargetsByRule(ctx context.Context, in *eventbridge.ListTargetsByRuleInput) (authz.Target, error) {
	return s.onRule(ctx, in.EventBusName, *in.Rule)
}

// onPutEvents asks for each entry, on the bus that it is for. That the bus is not
// there is told to nobody.
func (s *Service) onPutEvents(ctx context.Context, in *eventbridge.PutEventsInput) (authz.Target, error) {
	var all []authz.Target
	for i := range in.Entries {
		e := &in.Entries[i]
		t, err := s.onBus(ctx, e.EventBusName)
		if err != nil {
			return t, err
		}
		t.Action, t.Missing, t.Type = "events:PutEvents", nil, ""
		t.Conditions = map[string][]string{
			"events:source": {aws.ToString(e.Source)}, "events:detail-type": {aws.ToString(e.DetailType)},
			"events:eventbusinvocation": {boolText(passedBy(ctx) != nil)},
		}
		all = append(all, t)
	}
	first := all[0] // the model asks for one entry at least
	first.And = all[1:]
	return first, nil
}

func boolText(b bool) string {
	if b {
		return "true"
	}
	return "false"
}

// onTagged asks for the operation's own action on a bus or a rule.
func (s *Service) onTagged(ctx context.Context, text string) (authz.Target, error) {
	g, err := s.tagged(text)
	if err != nil {
		return authz.Target{Resource: "*", Missing: err}, nil
	}
	t := authz.Target{Resource: text, Account: g.bus.Account, Type: busType}
	if g.rule != "" {
		t.Type = ruleType
	}
	t.Tags, err = s.tags(ctx, text)
	return t, gone(&t, err)
}

func (s *Service) onTagResource(ctx context.Context, in *eventbridge.TagResourceInput) (authz.Target, error) {
	t, err := s.onTagged(ctx, *in.ResourceARN)
	t.Conditions = tagging(in.Tags)
	return t, err
}

func (s *Service) onUntagResource(ctx context.Context, in *eventbridge.UntagResourceInput) (authz.Target, error) {
	t, err := s.onTagged(ctx, *in.ResourceARN)
	t.Conditions = map[string][]string{"aws:tagkeys": in.TagKeys}
	return t, err
}

func (s *Service) onListTagsForResource(ctx context.Context, in *eventbridge.ListTagsForResourceInput) (authz.Target, error) {
	return s.onTagged(ctx, *in.ResourceARN)
}
