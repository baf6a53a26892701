package lambda

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/garrison-cloud/garrison/internal/store"
	"github.com/garrison-cloud/garrison/internal/wire"
)

// Limits of an account that GetAccountSettings tells (Lambda Developer Guide,
// "Lambda quotas").
const (
	accountConcurrency = 1000
	// unreservedLeft is what reservations must leave to functions without one.
	unreservedLeft = 100
	codeStorage    = 75 << 30
)

// PutFunctionConcurrency reserves concurrency for a function, and holds it to it.
func (s *Service) PutFunctionConcurrency(ctx context.Context, in *lambda.PutFunctionConcurrencyInput) (*lambda.PutFunctionConcurrencyOutput, error) {
	n := *in.ReservedConcurrentExecutions
	err := s.editFunction(ctx, *in.FunctionName, func(tx *store.Tx, f *function) error {
		sum, err := reservedBy(tx, f.Account)
		if sum += n - aws.ToInt32(f.Reserved); err == nil && sum > accountConcurrency-unreservedLeft {
			return invalid("Specified ReservedConcurrentExecutions for function decreases account's UnreservedConcurrentExecution below its minimum value of [%d].", unreservedLeft)
		}
		f.Reserved = &n
		return err
	})
	if err != nil {
		return nil, err
	}
	return &lambda.PutFunctionConcurrencyOutput{ReservedConcurrentExecutions: &n}, nil
}

// reservedBy is what an account's functions have reserved together.
func reservedBy(tx *store.Tx, account string) (sum int32, err error) {
	for f, err := range functions.Scan(tx, store.Range{Prefix: store.K(account)}) {
		if err != nil {
			return 0, err
		}
		sum += aws.ToInt32(f.Reserved)
	}
	return sum, nil
}

// GetFunctionConcurrency tells what is reserved for a function.
func (s *Service) GetFunctionConcurrency(ctx context.Context, in *lambda.GetFunctionConcurrencyInput) (*lambda.GetFunctionConcurrencyOutput, error) {
	r, err := s.parse(ctx, *in.FunctionName, nil)
	if err != nil {
		return nil, err
	}
	f, err := s.function(ctx, r)
	if err != nil {
		return nil, err
	}
	return &lambda.GetFunctionConcurrencyOutput{ReservedConcurrentExecutions: f.Reserved}, nil
}

// DeleteFunctionConcurrency gives up what is reserved.
func (s *Service) DeleteFunctionConcurrency(ctx context.Context, in *lambda.DeleteFunctionConcurrencyInput) (*lambda.DeleteFunctionConcurrencyOutput, error) {
	err := s.editFunction(ctx, *in.FunctionName, func(_ *store.Tx, f *function) error {
		f.Reserved = nil
		return nil
	})
	return &lambda.DeleteFunctionConcurrencyOutput{}, err
}

// GetAccountSettings tells the limits, and what of them is used.
func (s *Service) GetAccountSettings(ctx context.Context, _ *lambda.GetAccountSettingsInput) (*lambda.GetAccountSettingsOutput, error) {
	account := wire.CallFrom(ctx).Account()
	usage := &types.AccountUsage{}
	var held int32
	err := s.DB.View(ctx, func(tx *store.Tx) (err error) {
		*usage = types.AccountUsage{}
		if held, err = reservedBy(tx, account); err != nil {
			return err
		}
		for v, err := range versions.Scan(tx, store.Range{Prefix: store.K(account)}) {
			if err != nil {
				return err
			}
			usage.TotalCodeSize += v.CodeSize
			if v.Number == 0 {
				usage.FunctionCount++
			}
		}
		return nil
	})
	return &lambda.GetAccountSettingsOutput{
		AccountLimit: &types.AccountLimit{
			CodeSizeUnzipped: 262144000, CodeSizeZipped: maxZip, ConcurrentExecutions: accountConcurrency, TotalCodeSize: codeStorage,
			UnreservedConcurrentExecutions: aws.Int32(accountConcurrency - held),
		},
		AccountUsage: usage,
	}, err
}

// start counts an invocation in, and refuses one beyond what is reserved. Without a
// reservation the pool's size is the only bound.
func (s *Service) start(key string, reserved *int32) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if reserved != nil && s.working[key] >= int(*reserved) {
		return throttled(types.ThrottleReasonReservedFunctionConcurrentInvocationLimitExceeded)
	}
	s.working[key]++
	return nil
}

func (s *Service) finish(key string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.working[key]--; s.working[key] == 0 {
		delete(s.working, key)
	}
}
