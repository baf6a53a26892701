package eventbridge

import (
	"context"
	"errors"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"

	"github.com/garrison-cloud/garrison/engine/eventpattern"
	"github.com/garrison-cloud/garrison/engine/schedule"
	"github.com/garrison-cloud/garrison/internal/store"
	"github.com/garrison-cloud/garrison/internal/wire"
)

const (
	ruleType = "AWS::Events::Rule"
	// maxRules is how many rules a bus has (EventBridge User Guide, "Quotas").
	maxRules = 300
)

// parsePattern compiles a pattern, or says in AWS's words why it is none.
func parsePattern(text string) (*eventpattern.Pattern, error) {
	if len([]rune(text)) > eventpattern.MaxLength {
		return nil, limit("The event pattern exceeds the maximum length of %d characters.", eventpattern.MaxLength)
	}
	p, err := eventpattern.Parse(text)
	if err != nil {
		return nil, &types.InvalidEventPatternException{Message: aws.String("Event pattern is not valid. Reason: " + err.Error())}
	}
	return p, nil
}

// parseSchedule compiles a rule's schedule: a rate or a cron, of UTC.
func parseSchedule(text string) (*schedule.Schedule, error) {
	p, err := schedule.Parse(text)
	if err != nil || p.Kind() == schedule.At {
		return nil, invalid("Parameter ScheduleExpression is not valid.")
	}
	return p, nil
}

// ruleOf checks what PutRule is given.
func ruleOf(n busName, in *eventbridge.PutRuleInput) (*rule, error) {
	r := &rule{
		Account: n.Account, Bus: n.Name, Name: *in.Name, Pattern: aws.ToString(in.EventPattern), Schedule: aws.ToString(in.ScheduleExpression),
		Description: aws.ToString(in.Description), Role: aws.ToString(in.RoleArn), Disabled: in.State == types.RuleStateDisabled, Tags: tagMap(in.Tags),
	}
	switch {
	case r.Pattern == "" && r.Schedule == "":
		return nil, invalid("Parameter(s) EventPattern or ScheduleExpression must be specified.")
	case r.Schedule != "" && n.Name != defaultBus:
		return nil, invalid("ScheduleExpression is supported only on the default event bus.")
	case in.State == types.RuleStateEnabledWithAllCloudtrailManagementEvents:
		return nil, notBuilt("Rules on events of CloudTrail are")
	}
	if r.Pattern != "" {
		if _, err := parsePattern(r.Pattern); err != nil {
			return nil, err
		}
	}
	if r.Schedule != "" {
		if _, err := parseSchedule(r.Schedule); err != nil {
			return nil, err
		}
	}
	return r, checkTags(r.Tags)
}

// PutRule makes a rule, or takes the place of one of the name: its tags stay.
func (s *Service) PutRule(ctx context.Context, in *eventbridge.PutRuleInput) (*eventbridge.PutRuleOutput, error) {
	n, err := s.named(ctx, in.EventBusName)
	if err != nil {
		return nil, err
	}
	r, err := ruleOf(n, in)
	if err != nil {
		return nil, err
	}
	call := wire.CallFrom(ctx)
	r.Owner = call.Account()
	if r.Role != "" {
		if err := checkRole(r.Role, r.Owner); err != nil {
			return nil, err
		}
	}
	name := r.arn(s.Region)
	call.Made = append(call.Made, wire.Resource{ARN: name, Type: ruleType})
	err = s.DB.Update(ctx, func(tx *store.Tx) error {
		if _, err := n.get(tx); err != nil {
			return err
		}
		next := *r
		if err := next.succeed(tx); err != nil {
			return err
		}
		return next.keep(tx)
	})
	if err != nil {
		return nil, err
	}
	s.wake()
	return &eventbridge.PutRuleOutput{RuleArn: &name}, nil
}

// succeed takes over what stays of the rule that is there, or counts the bus's rules.
func (r *rule) succeed(tx *store.Tx) error {
	r.Start = tx.Now()
	old, err := rules.Get(tx, r.Account, r.Bus, r.Name)
	switch {
	case err == nil:
		r.Tags, r.Owner = old.Tags, old.Owner
		if old.Schedule == r.Schedule && old.Disabled == r.Disabled {
			r.Start, r.Next = old.Start, old.Next
		}
		return nil
	case !errors.Is(err, store.ErrNotFound):
		return err
	}
	count := 0
	for _, err := range rules.Scan(tx, store.Range{Prefix: store.K(r.Account, r.Bus)}) {
		if err != nil {
			return err
		}
		count++
	}
	if count >= maxRules {
		return limit("The requested resource exceeds the maximum number allowed.")
	}
	return nil
}

// keep stores a rule, and plans its next event.
func (r *rule) keep(tx *store.Tx) error {
	switch {
	case r.Schedule == "" || r.Disabled:
		r.Next = time.Time{}
	case r.Next.IsZero():
		if err := r.plan(tx.Now()); err != nil {
			return err
		}
	}
	if err := rules.Put(tx, r); err != nil {
		return err
	}
	return changed(tx, r.bus())
}

// plan sets Next to the first time after now. A rate's first is one period after the
// rule was made.
func (r *rule) plan(now time.Time) error {
	p, err := schedule.Parse(r.Schedule)
	if err != nil {
		return err
	}
	next, ok := p.Next(now, r.Start)
	if !ok {
		next = time.Time{}
	}
	r.Next = next
	return nil
}

// changed begins a new revision of a bus's rules.
func changed(tx *store.Tx, n busName) error {
	rev, err := revisions.Get(tx, n.Account, n.Name)
	if errors.Is(err, store.ErrNotFound) {
		rev, err = &revision{Account: n.Account, Bus: n.Name}, nil
	}
	if err != nil {
		return err
	}
	rev.Number++
	return revisions.Put(tx, rev)
}

// editRule changes a rule that is there.
func (s *Service) editRule(ctx context.Context, on *string, name string, change func(tx *store.Tx, r *rule) error) error {
	n, err := s.named(ctx, on)
	if err != nil {
		return err
	}
	err = s.DB.Update(ctx, func(tx *store.Tx) error {
		if _, err := n.get(tx); err != nil {
			return err
		}
		r, err := n.rule(tx, name)
		if err != nil {
			return err
		}
		return change(tx, r)
	})
	s.wake()
	return err
}

// EnableRule has a rule match again.
func (s *Service) EnableRule(ctx context.Context, in *eventbridge.EnableRuleInput) (*eventbridge.EnableRuleOutput, error) {
	err := s.editRule(ctx, in.EventBusName, *in.Name, func(tx *store.Tx, r *rule) error {
		if r.Disabled {
			r.Disabled, r.Start = false, tx.Now()
		}
		return r.keep(tx)
	})
	if err != nil {
		return nil, err
	}
	return &eventbridge.EnableRuleOutput{}, nil
}

// DisableRule has a rule match nothing.
func (s *Service) DisableRule(ctx context.Context, in *eventbridge.DisableRuleInput) (*eventbridge.DisableRuleOutput, error) {
	err := s.editRule(ctx, in.EventBusName, *in.Name, func(tx *store.Tx, r *rule) error {
		r.Disabled = true
		return r.keep(tx)
	})
	if err != nil {
		return nil, err
	}
	return &eventbridge.DisableRuleOutput{}, nil
}

// DeleteRule removes a rule without targets. One that is not there is no error.
func (s *Service) DeleteRule(ctx context.Context, in *eventbridge.DeleteRuleInput) (*eventbridge.DeleteRuleOutput, error) {
	n, err := s.named(ctx, in.EventBusName)
	if err != nil {
		return nil, err
	}
	err = s.DB.Update(ctx, func(tx *store.Tx) error {
		if _, err := n.get(tx); err != nil {
			return err
		}
		for _, err := range targets.Scan(tx, store.Range{Prefix: store.K(n.Account, n.Name, *in.Name), Limit: 1}) {
			if err != nil {
				return err
			}
			return invalid("Rule can't be deleted since it has targets.")
		}
		if err := rules.Delete(tx, n.Account, n.Name, *in.Name); errors.Is(err, store.ErrNotFound) {
			return nil
		} else if err != nil {
			return err
		}
		return changed(tx, n)
	})
	if err != nil {
		return nil, err
	}
	return &eventbridge.DeleteRuleOutput{}, nil
}

func (r *rule) state() types.RuleState {
	if r.Disabled {
		return types.RuleStateDisabled
	}
	return types.RuleStateEnabled
}

// DescribeRule tells of a rule.
func (s *Service) DescribeRule(ctx context.Context, in *eventbridge.DescribeRuleInput) (*eventbridge.DescribeRuleOutput, error) {
	n, err := s.named(ctx, in.EventBusName)
	if err != nil {
		return nil, err
	}
	var r *rule
	err = s.DB.View(ctx, func(tx *store.Tx) (err error) {
		if _, err = n.get(tx); err == nil {
			r, err = n.rule(tx, *in.Name)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return &eventbridge.DescribeRuleOutput{
		Arn: aws.String(r.arn(s.Region)), Name: &r.Name, EventBusName: &r.Bus, EventPattern: optional(r.Pattern), ScheduleExpression: optional(r.Schedule),
		Description: optional(r.Description), RoleArn: optional(r.Role), State: r.state(), CreatedBy: &r.Owner,
	}, nil
}

// TestEventPattern tells whether an event matches a pattern. The event must have the
// fields that every event has.
func (s *Service) TestEventPattern(_ context.Context, in *eventbridge.TestEventPatternInput) (*eventbridge.TestEventPatternOutput, error) {
	p, err := parsePattern(*in.EventPattern)
	if err != nil {
		return nil, err
	}
	e, err := eventpattern.ParseEvent(*in.Event)
	if err != nil {
		return nil, invalid("Parameter Event is not valid.")
	}
	for _, field := range []string{"id", "account", "source", "time", "region", "resources", "detail-type"} {
		if !e.Has(field) {
			return nil, invalid("Parameter Event is not valid. Reason: The event must contain the field %s.", field)
		}
	}
	return &eventbridge.TestEventPatternOutput{Result: p.Match(e)}, nil
}
