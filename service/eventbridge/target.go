package eventbridge

import (
	"context"
	"errors"
	"maps"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"

	"github.com/garrison-cloud/garrison/internal/store"
	"github.com/garrison-cloud/garrison/internal/wire"
)

// maxTargets is how many targets a rule has (EventBridge User Guide, "Quotas").
const maxTargets = 5

// PutTargets adds targets to a rule, and takes the place of those with the same ids.
func (s *Service) PutTargets(ctx context.Context, in *eventbridge.PutTargetsInput) (*eventbridge.PutTargetsOutput, error) {
	var rows []*target
	for i := range in.Targets {
		t, err := s.targetOf(&in.Targets[i])
		if err != nil {
			return nil, err
		}
		rows = append(rows, t)
	}
	caller := wire.CallFrom(ctx).Account()
	err := s.editRule(ctx, in.EventBusName, *in.Rule, func(tx *store.Tx, r *rule) error { return r.aim(tx, rows, caller) })
	if err != nil {
		return nil, err
	}
	return &eventbridge.PutTargetsOutput{FailedEntries: []types.PutTargetsResultEntry{}}, nil
}

// aim adds targets to a rule.
func (r *rule) aim(tx *store.Tx, rows []*target, caller string) error {
	old, err := targetsOf(tx, r.bus(), r.Name)
	if err != nil {
		return err
	}
	ids := map[string]bool{}
	for _, t := range old {
		ids[t.ID] = true
	}
	for _, t := range rows {
		if err := t.checkOwner(r.Account); err != nil {
			return err
		}
		if t.Role != "" && caller != r.Account { // PassRole was asked in the caller's account
			return checkRole(t.Role, caller)
		}
		next := *t
		next.Account, next.Bus, next.Rule = r.Account, r.Bus, r.Name
		ids[next.ID] = true
		if err := targets.Put(tx, &next); err != nil {
			return err
		}
	}
	if len(ids) > maxTargets {
		return limit("The requested resource exceeds the maximum number allowed.")
	}
	return nil
}

// RemoveTargets removes targets from a rule. What is under way to them is dropped.
func (s *Service) RemoveTargets(ctx context.Context, in *eventbridge.RemoveTargetsInput) (*eventbridge.RemoveTargetsOutput, error) {
	out := &eventbridge.RemoveTargetsOutput{}
	err := s.editRule(ctx, in.EventBusName, *in.Rule, func(tx *store.Tx, r *rule) error {
		out.FailedEntries = []types.RemoveTargetsResultEntry{}
		for _, id := range in.Ids {
			err := targets.Delete(tx, r.Account, r.Bus, r.Name, id)
			if errors.Is(err, store.ErrNotFound) {
				out.FailedEntries = append(out.FailedEntries, types.RemoveTargetsResultEntry{
					TargetId: aws.String(id), ErrorCode: aws.String("ResourceNotFoundException"),
					ErrorMessage: aws.String("Rule " + r.Name + " does not have a target with the Id " + id + "."),
				})
				continue
			}
			if err != nil {
				return err
			}
		}
		out.FailedEntryCount = int32(min(len(out.FailedEntries), len(in.Ids))) //nolint:gosec // AWS's model bounds it
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// targetOf checks a target, and refuses what would be kept and not obeyed.
func (s *Service) targetOf(in *types.Target) (*target, error) {
	t := &target{ID: *in.Id, ARN: *in.Arn, Role: aws.ToString(in.RoleArn), Input: in.Input, InputPath: in.InputPath}
	if in.AppSyncParameters != nil || in.BatchParameters != nil || in.EcsParameters != nil || in.KinesisParameters != nil ||
		in.RedshiftDataParameters != nil || in.RunCommandParameters != nil || in.SageMakerPipelineParameters != nil {
		return nil, notBuilt("The parameters of the target %s are", t.ID)
	}
	if x := in.InputTransformer; x != nil {
		t.Paths, t.Template = x.InputPathsMap, x.InputTemplate
	}
	if in.SqsParameters != nil {
		t.Group = aws.ToString(in.SqsParameters.MessageGroupId)
	}
	if x := in.HttpParameters; x != nil {
		t.HTTP = &httpParameters{slices.Clone(x.PathParameterValues), maps.Clone(x.HeaderParameters), maps.Clone(x.QueryStringParameters)}
	}
	if x := in.RetryPolicy; x != nil {
		t.HasRetry, t.MaxAttempts, t.MaxAge = true, x.MaximumRetryAttempts, x.MaximumEventAgeInSeconds
	}
	if x := in.DeadLetterConfig; x != nil && x.Arn != nil {
		t.DeadLetters = *x.Arn
		if err := checkQueue(t.DeadLetters); err != nil {
			return nil, err
		}
	}
	if err := s.checkDestination(t); err != nil {
		return nil, err
	}
	return t, t.checkInput()
}

// shown is the target as it was put.
func (t *target) shown() types.Target {
	out := types.Target{Id: &t.ID, Arn: &t.ARN, RoleArn: optional(t.Role), Input: t.Input, InputPath: t.InputPath}
	if t.Template != nil {
		out.InputTransformer = &types.InputTransformer{InputPathsMap: t.Paths, InputTemplate: t.Template}
	}
	if t.Group != "" {
		out.SqsParameters = &types.SqsParameters{MessageGroupId: &t.Group}
	}
	if t.HTTP != nil {
		out.HttpParameters = &types.HttpParameters{PathParameterValues: t.HTTP.Path, HeaderParameters: t.HTTP.Headers, QueryStringParameters: t.HTTP.Query}
	}
	if t.DeadLetters != "" {
		out.DeadLetterConfig = &types.DeadLetterConfig{Arn: &t.DeadLetters}
	}
	if t.HasRetry {
		out.RetryPolicy = &types.RetryPolicy{MaximumRetryAttempts: t.MaxAttempts, MaximumEventAgeInSeconds: t.MaxAge}
	}
	return out
}
