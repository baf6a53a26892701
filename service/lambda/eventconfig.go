package lambda

import (
	"context"
	"errors"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/garrison-cloud/garrison/internal/store"
)

func (s *Service) noEventConfig(r reference) error {
	return notFound("The function %s doesn't have an EventInvokeConfig", s.eventARN(r))
}

// eventARN names what an event configuration is of.
func (s *Service) eventARN(r reference) string {
	q := r.qualifier
	if q == "" {
		q = latest
	}
	return qualified(s.functionARN(r.account, r.name), q)
}

// PutFunctionEventInvokeConfig says how often and how long failed asynchronous
// invocations are tried again. Destinations are refused.
func (s *Service) PutFunctionEventInvokeConfig(ctx context.Context, in *lambda.PutFunctionEventInvokeConfigInput) (*lambda.PutFunctionEventInvokeConfigOutput, error) {
	r, _, err := s.named(ctx, in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	if d := in.DestinationConfig; d != nil && (d.OnFailure != nil && d.OnFailure.Destination != nil || d.OnSuccess != nil && d.OnSuccess.Destination != nil) {
		return nil, notImplemented("DestinationConfig")
	}
	row := &eventConfig{
		Account: r.account, Function: r.name, Qualifier: policyOf(r.qualifier),
		MaxAge: in.MaximumEventAgeInSeconds, Retries: in.MaximumRetryAttempts, Modified: s.Clock.Now(),
	}
	if err := s.DB.Update(ctx, func(tx *store.Tx) error { return eventConfigs.Put(tx, row) }); err != nil {
		return nil, err
	}
	out := lambda.PutFunctionEventInvokeConfigOutput(*s.eventOutput(r, row))
	return &out, nil
}

func (s *Service) eventOutput(r reference, c *eventConfig) *lambda.GetFunctionEventInvokeConfigOutput {
	return &lambda.GetFunctionEventInvokeConfigOutput{
		FunctionArn: aws.String(s.eventARN(r)), LastModified: &c.Modified, MaximumEventAgeInSeconds: c.MaxAge, MaximumRetryAttempts: c.Retries,
		DestinationConfig: &types.DestinationConfig{OnFailure: &types.OnFailure{}, OnSuccess: &types.OnSuccess{}},
	}
}

// GetFunctionEventInvokeConfig tells how asynchronous invocations are tried again.
func (s *Service) GetFunctionEventInvokeConfig(ctx context.Context, in *lambda.GetFunctionEventInvokeConfigInput) (*lambda.GetFunctionEventInvokeConfigOutput, error) {
	r, _, err := s.named(ctx, in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	var row *eventConfig
	err = s.DB.View(ctx, func(tx *store.Tx) (err error) {
		row, err = eventConfigs.Get(tx, r.account, r.name, policyOf(r.qualifier))
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		return nil, s.noEventConfig(r)
	}
	if err != nil {
		return nil, err
	}
	return s.eventOutput(r, row), nil
}

// DeleteFunctionEventInvokeConfig goes back to the defaults.
func (s *Service) DeleteFunctionEventInvokeConfig(ctx context.Context, in *lambda.DeleteFunctionEventInvokeConfigInput) (*lambda.DeleteFunctionEventInvokeConfigOutput, error) {
	r, _, err := s.named(ctx, in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	err = s.DB.Update(ctx, func(tx *store.Tx) error { return eventConfigs.Delete(tx, r.account, r.name, policyOf(r.qualifier)) })
	if errors.Is(err, store.ErrNotFound) {
		return nil, s.noEventConfig(r)
	}
	return &lambda.DeleteFunctionEventInvokeConfigOutput{}, err
}
