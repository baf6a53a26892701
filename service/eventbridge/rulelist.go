package eventbridge

import (
	"context"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"

	"github.com/garrison-cloud/garrison/internal/store"
)

// ListRules lists a bus's rules by name.
func (s *Service) ListRules(ctx context.Context, in *eventbridge.ListRulesInput) (*eventbridge.ListRulesOutput, error) {
	n, err := s.named(ctx, in.EventBusName)
	if err != nil {
		return nil, err
	}
	l := list{"events.ListRules/" + n.Account + "/" + n.Name, in.NextToken, in.Limit}
	out := &eventbridge.ListRulesOutput{}
	err = s.DB.View(ctx, func(tx *store.Tx) error {
		if _, err := n.get(tx); err != nil {
			return err
		}
		all, err := collect(rules.Scan(tx, store.Range{Prefix: store.K(n.Account, n.Name)}), func(r *rule) bool {
			return strings.HasPrefix(r.Name, aws.ToString(in.NamePrefix))
		})
		if err != nil {
			return err
		}
		all, out.NextToken, err = cut(&l, all, func(r *rule) string { return r.Name })
		out.Rules = []types.Rule{}
		for _, r := range all {
			out.Rules = append(out.Rules, types.Rule{
				Arn: aws.String(r.arn(s.Region)), Name: &r.Name, EventBusName: &r.Bus, EventPattern: optional(r.Pattern),
				ScheduleExpression: optional(r.Schedule), Description: optional(r.Description), RoleArn: optional(r.Role), State: r.state(),
			})
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// ListRuleNamesByTarget lists the names of a bus's rules that have a target.
func (s *Service) ListRuleNamesByTarget(ctx context.Context, in *eventbridge.ListRuleNamesByTargetInput) (*eventbridge.ListRuleNamesByTargetOutput, error) {
	n, err := s.named(ctx, in.EventBusName)
	if err != nil {
		return nil, err
	}
	l := list{"events.ListRuleNamesByTarget/" + n.Account + "/" + n.Name, in.NextToken, in.Limit}
	out := &eventbridge.ListRuleNamesByTargetOutput{}
	err = s.DB.View(ctx, func(tx *store.Tx) error {
		if _, err := n.get(tx); err != nil {
			return err
		}
		last := ""
		all, err := collect(targets.ScanIndex(tx, "arn", store.Range{Prefix: store.K(n.Account, n.Name, *in.TargetArn)}), func(t *target) bool {
			again := t.Rule == last
			last = t.Rule
			return !again
		})
		if err != nil {
			return err
		}
		all, out.NextToken, err = cut(&l, all, func(t *target) string { return t.Rule })
		out.RuleNames = []string{}
		for _, t := range all {
			out.RuleNames = append(out.RuleNames, t.Rule)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// ListTargetsByRule lists a rule's targets by id.
func (s *Service) ListTargetsByRule(ctx context.Context, in *eventbridge.ListTargetsByRuleInput) (*eventbridge.ListTargetsByRuleOutput, error) {
	n, err := s.named(ctx, in.EventBusName)
	if err != nil {
		return nil, err
	}
	l := list{"events.ListTargetsByRule/" + n.Account + "/" + n.Name + "/" + *in.Rule, in.NextToken, in.Limit}
	out := &eventbridge.ListTargetsByRuleOutput{}
	err = s.DB.View(ctx, func(tx *store.Tx) error {
		if _, err := n.rule(tx, *in.Rule); err != nil {
			return err
		}
		all, err := targetsOf(tx, n, *in.Rule)
		if err != nil {
			return err
		}
		all, out.NextToken, err = cut(&l, all, func(t *target) string { return t.ID })
		out.Targets = []types.Target{}
		for _, t := range all {
			out.Targets = append(out.Targets, t.shown())
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

func targetsOf(tx *store.Tx, n busName, rule string) ([]*target, error) {
	return collect(targets.Scan(tx, store.Range{Prefix: store.K(n.Account, n.Name, rule)}), func(*target) bool { return true })
}
